/*
 * Required literals. For each node of the tree two things are known: `exact`, all the strings it
 * can match when they are few, and `needed`, groups of which each must have one string in whatever
 * it matches, in order. A sequence joins exact neighbours into longer strings; a choice unites its
 * children's cheapest groups; an optional part needs nothing. Counts and lengths are bounded, so is
 * the recursion (by the depth of the tree). Dropping a group is always right: it only means that
 * less is required.
 */
#include "classify/pattern_literal.h"

#include "base/span.h"

enum {
    MAX_EXACT = 32,
    MAX_SET = 4,      /* members of a byte set that are written out */
    LONG_ENOUGH = 4,  /* bytes from which a string is no longer multiplied by options */
    MAX_VARIANTS = 8, /* strings up to which it is multiplied by a choice all the same */
    COST_BYTES = 8    /* bytes that count for the cost */
};

/* Words are more common than their letters by chance, so no string counts as rarer than this. */
#define RARE   5e-5F
#define COMMON 10.0F /* times as common as the clause's best group: says little */

typedef struct facts {
    literal_group exact;   /* count 0: not known; may hold the empty string */
    literal_group lead;    /* exact not known: it begins with one of these; also in needed */
    literal_clause needed; /* apart from exact */
    uint32_t width;        /* most bytes that it can match */
} facts;

typedef struct walker {
    arena *memory;
    bool nomem;
} walker;

/* A run of exact neighbours in a sequence. */
typedef struct run {
    literal_group strings; /* its list is nobody else's until the run ends */
    uint32_t before;       /* most bytes before it in the sequence */
} run;

/* In thousandths. */
static const uint8_t frequency[128] = {
    ['a'] = 60, ['b'] = 12, ['c'] = 35,  ['d'] = 35,  ['e'] = 90, ['f'] = 16,
    ['g'] = 15, ['h'] = 20, ['i'] = 60,  ['j'] = 3,   ['k'] = 8,  ['l'] = 35,
    ['m'] = 25, ['n'] = 55, ['o'] = 60,  ['p'] = 22,  ['q'] = 2,  ['r'] = 55,
    ['s'] = 60, ['t'] = 65, ['u'] = 25,  ['v'] = 10,  ['w'] = 10, ['x'] = 4,
    ['y'] = 12, ['z'] = 2,  ['0'] = 200, [' '] = 120, ['.'] = 20, [':'] = 20,
    ['/'] = 20, ['-'] = 20, ['_'] = 20,  ['='] = 20,  ['['] = 20, [']'] = 20};

typedef uint8_t fold_vector __attribute__((vector_size(PATTERN_FOLD_STEP)));

/* All ones where low <= c < low + count, else zero. */
static inline fold_vector vector_in_range(fold_vector c, uint8_t low, uint8_t count)
{
    return (fold_vector)(c - low < count);
}

void pattern_fold_text(uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i += PATTERN_FOLD_STEP) {
        fold_vector c;
        memcpy(&c, text + i, sizeof c);
        fold_vector upper = vector_in_range(c, 'A', 26), digit = vector_in_range(c, '0', 10);
        fold_vector space = vector_in_range(c, '\t', 5),
                    mark = vector_in_range(c, LITERAL_START, 2);
        fold_vector folded = (c | (upper & 0x20)) & ~(digit & 0x0f) & ~(space | mark);
        folded |= (space & 0x20) | (mark & 1);
        memcpy(text + i, &folded, sizeof folded);
    }
}

static float chance_of(uint8_t folded)
{
    uint8_t known = folded < 128 ? frequency[folded] : 0;
    return (float)(known > 0 ? known : 4) / 1000.0F;
}

float literal_chance(const uint8_t *folded, size_t size)
{
    float chance = 1;
    for (size_t i = 0; i < size; i++) /* digits come in numbers */
        chance *= i > 0 && folded[i] == '0' && folded[i - 1] == '0' ? 0.75F : chance_of(folded[i]);
    return chance;
}

static float cost_of(const literal_group *group)
{
    float cost = 0;
    for (size_t i = 0; i < group->count; i++) {
        size_t size = group->literals[i].size;
        float chance =
            literal_chance(group->literals[i].text, size < COST_BYTES ? size : COST_BYTES);
        cost += chance > RARE ? chance : RARE;
    }
    return cost;
}

static uint32_t add_widths(uint32_t a, uint32_t b)
{
    return a < LITERAL_FAR - b ? a + b : LITERAL_FAR;
}

static size_t shortest(const literal_group *group)
{
    size_t n = LITERAL_MAX_BYTES;
    for (size_t i = 0; i < group->count; i++)
        n = group->literals[i].size < n ? group->literals[i].size : n;
    return n;
}

/* An empty list with room for count strings. */
static literal *make_list(walker *w, size_t count)
{
    literal *list = arena_alloc(w->memory, count > 0 ? count : 1, sizeof *list);
    w->nomem = w->nomem || list == NULL;
    return list;
}

static literal_group one_string(walker *w, const char *text, size_t size)
{
    literal *list = make_list(w, 1);
    if (list == NULL)
        return (literal_group){.count = 0};
    memcpy(list->text, text, size);
    list->size = (uint8_t)size;
    return (literal_group){.literals = list, .count = 1};
}

static bool same(const literal *a, const literal *b)
{
    return a->size == b->size && memcmp(a->text, b->text, LITERAL_MAX_BYTES) == 0;
}

/* Adds to a list of *count, once. */
static void add_string(literal *list, size_t *count, const literal *text)
{
    for (size_t i = 0; i < *count; i++)
        if (same(&list[i], text))
            return;
    list[(*count)++] = *text;
}

static literal_group unite(walker *w, const literal_group *a, const literal_group *b)
{
    literal_group out = {.reach = a->reach > b->reach ? a->reach : b->reach};
    literal *list = make_list(w, a->count + b->count);
    out.literals = list;
    for (size_t i = 0; list != NULL && i < a->count; i++)
        add_string(list, &out.count, &a->literals[i]);
    for (size_t i = 0; list != NULL && i < b->count; i++)
        add_string(list, &out.count, &b->literals[i]);
    return out;
}

/* a and b in one string; false when it gets too long. The start of the text is there once. */
static bool join(const literal *a, const literal *b, literal *out)
{
    size_t skip = a->size > 0 && b->size > 0 && a->text[a->size - 1] == LITERAL_START &&
                  b->text[0] == LITERAL_START;
    size_t size = a->size + b->size - skip;
    if (size > LITERAL_MAX_BYTES)
        return false;
    *out = *a;
    memcpy(out->text + a->size, b->text + skip, b->size - skip);
    out->size = (uint8_t)size;
    return true;
}

/* Every string of a followed by every string of b; false when that is too much. */
static bool multiply(walker *w, const literal_group *a, const literal_group *b, literal_group *out)
{
    if (a->count * b->count > MAX_EXACT)
        return false;
    literal *list = make_list(w, a->count * b->count);
    *out = (literal_group){.literals = list};
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++) {
            literal both;
            if (list == NULL || !join(&a->literals[i], &b->literals[k], &both))
                return false;
            add_string(list, &out->count, &both);
        }
    return true;
}

/* Where part begins in text, or text->size when it is not there. */
static size_t find_in(const literal *text, const literal *part)
{
    for (size_t at = 0; at + part->size <= text->size; at++)
        if (text->text[at] == part->text[0] && memcmp(text->text + at, part->text, part->size) == 0)
            return at;
    return text->size;
}

/* A string that holds another one of the group adds nothing but bytes before the other one. */
static void drop_longer(literal_group *group, literal *list)
{
    size_t kept = 0, deepest = 0;
    for (size_t i = 0; i < group->count; i++) {
        const literal *text = &group->literals[i];
        bool needless = false;
        for (size_t k = 0; k < group->count; k++) {
            size_t at = text->size;
            if (group->literals[k].size < text->size)
                at = find_in(text, &group->literals[k]);
            if (at == text->size)
                continue;
            needless = true;
            deepest = at > deepest ? at : deepest;
        }
        if (!needless)
            list[kept++] = *text;
    }
    group->literals = list;
    group->count = kept;
    group->reach = add_widths(group->reach, (uint32_t)deepest);
}

/* Adds a group behind the others; of more than there is room for, the most common one goes. */
static void add_group(literal_clause *clause, const literal_group *group)
{
    if (clause->count < LITERAL_MAX_GROUPS) {
        clause->groups[clause->count++] = *group;
        return;
    }
    size_t worst = LITERAL_MAX_GROUPS;
    float cost = group->cost;
    for (size_t i = 0; i < LITERAL_MAX_GROUPS; i++)
        if (clause->groups[i].cost > cost) {
            worst = i;
            cost = clause->groups[i].cost;
        }
    if (worst == LITERAL_MAX_GROUPS)
        return;
    for (size_t i = worst; i + 1 < LITERAL_MAX_GROUPS; i++)
        clause->groups[i] = clause->groups[i + 1];
    clause->groups[LITERAL_MAX_GROUPS - 1] = *group;
}

/* Adds the groups of a part before which at most `before` bytes of a match lie. */
static void add_groups(literal_clause *clause, const literal_clause *part, uint32_t before)
{
    for (size_t i = 0; i < part->count && i < LITERAL_MAX_GROUPS; i++) {
        literal_group group = part->groups[i];
        group.reach = add_widths(group.reach, before);
        add_group(clause, &group);
    }
}

/* The strings of `exact`, before which at most `before` bytes of a match lie, as a group. */
static void add_exact(walker *w, literal_clause *clause, const literal_group *exact,
                      uint32_t before)
{
    if (exact->count == 0 || exact->count > LITERAL_MAX_GROUP ||
        shortest(exact) < LITERAL_MIN_BYTES)
        return;
    literal_group group = *exact;
    group.reach = before;
    if (group.count > 1) {
        literal *list = make_list(w, group.count);
        if (list == NULL)
            return;
        drop_longer(&group, list);
    }
    group.cost = cost_of(&group);
    add_group(clause, &group);
}

static void facts_of(walker *w, const pattern_node *node, facts *f);

static void facts_of_set(walker *w, const pattern_node *node, facts *f)
{
    f->width = 1;
    uint8_t found[MAX_SET];
    size_t count = 0;
    for (unsigned c = 0; (c = pattern_set_next(node->set, c)) < 256; c++) {
        uint8_t folded = pattern_fold((uint8_t)c);
        if (count > 0 && memchr(found, folded, count) != NULL)
            continue;
        if (count == MAX_SET)
            return;
        found[count++] = folded;
    }
    literal *list = make_list(w, count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i].text[0] = found[i];
        list[i].size = 1;
    }
    f->exact = (literal_group){.literals = list, .count = list != NULL ? count : 0};
}

/* Whether a run is better ended than multiplied by the strings that may follow. */
static bool is_done(const run *r, const literal_group *next)
{
    if (shortest(&r->strings) < LONG_ENOUGH)
        return false;
    return shortest(next) == 0 || r->strings.count * next->count > MAX_VARIANTS;
}

/* The only byte of a set, or -1. */
static int only_byte(const pattern_node *node)
{
    if (node->kind != PATTERN_SET)
        return -1;
    unsigned first = pattern_set_next(node->set, 0);
    return first < 256 && pattern_set_next(node->set, first + 1) == 256 ? (int)first : -1;
}

/* Most of a pattern are plain characters: appends one to every string of the run, in place. false
 * when it is something else, or a string has no room. */
static bool append_byte(walker *w, run *r, const pattern_node *node)
{
    int c = only_byte(node);
    if (c < 0 || w->nomem)
        return false;
    for (size_t i = 0; i < r->strings.count; i++)
        if (r->strings.literals[i].size == LITERAL_MAX_BYTES)
            return false;
    for (size_t i = 0; i < r->strings.count; i++) {
        literal *text = (literal *)&r->strings.literals[i];
        text->text[text->size++] = pattern_fold((uint8_t)c);
    }
    return true;
}

static void facts_of_sequence(walker *w, const pattern_node *node, facts *f)
{
    run r = {one_string(w, "", 0), 0};
    bool exact = true;
    for (const pattern_node *n = node->first; n != NULL && !w->nomem; n = n->next) {
        if (append_byte(w, &r, n)) {
            f->width = add_widths(f->width, 1);
            continue;
        }
        facts child;
        facts_of(w, n, &child);
        literal_group product;
        bool known = child.exact.count > 0;
        uint32_t behind = add_widths(f->width, child.width);
        if (known && !is_done(&r, &child.exact) &&
            multiply(w, &r.strings, &child.exact, &product)) {
            r.strings = product;
            f->width = behind;
            continue;
        }
        exact = false;
        if (child.lead.count > 0 && multiply(w, &r.strings, &child.lead, &product)) {
            add_exact(w, &f->needed, &product, r.before);
        } else {
            add_exact(w, &f->needed, &r.strings, r.before);
            add_groups(&f->needed, &child.needed, f->width);
        }
        bool starts = known && shortest(&child.exact) > 0;
        r.strings = starts ? child.exact : one_string(w, "", 0);
        r.before = starts ? f->width : behind;
        f->width = behind;
    }
    if (exact)
        f->exact = r.strings;
    else
        add_exact(w, &f->needed, &r.strings, r.before);
}

/* The one group that is found least by accident; count 0: nothing is needed. */
static literal_group best_of(walker *w, const facts *f)
{
    literal_clause all = f->needed;
    add_exact(w, &all, &f->exact, 0);
    size_t best = 0;
    for (size_t i = 1; i < all.count; i++)
        if (all.groups[i].cost < all.groups[best].cost)
            best = i;
    return all.count > 0 ? all.groups[best] : (literal_group){.count = 0};
}

static void facts_of_choice(walker *w, const pattern_node *node, facts *f)
{
    literal_group needed = {.count = 0};
    bool all_exact = true, all_needed = true;
    for (const pattern_node *n = node->first; n != NULL && !w->nomem; n = n->next) {
        facts child;
        facts_of(w, n, &child);
        literal_group best = best_of(w, &child);
        f->width = child.width > f->width ? child.width : f->width;
        all_exact =
            all_exact && child.exact.count > 0 && f->exact.count + child.exact.count <= MAX_EXACT;
        if (all_exact)
            f->exact = unite(w, &f->exact, &child.exact);
        all_needed = all_needed && best.count > 0 && needed.count + best.count <= LITERAL_MAX_GROUP;
        if (all_needed)
            needed = unite(w, &needed, &best);
    }
    if (!all_exact)
        f->exact.count = 0;
    if (!all_exact && all_needed) {
        needed.cost = cost_of(&needed);
        add_group(&f->needed, &needed);
    }
}

/* x{n} is n times x; of x{n,m} with 0 < n, n times x is needed. */
static void facts_of_repeat(walker *w, const pattern_node *node, facts *f)
{
    facts child;
    facts_of(w, node->first, &child);
    uint64_t width = (uint64_t)child.width * node->high;
    f->width = LITERAL_FAR;
    if (child.width == 0 || (!node->endless && width < LITERAL_FAR))
        f->width = (uint32_t)(child.width == 0 ? 0 : width);
    if (node->low == 0) {
        literal_group nothing = one_string(w, "", 0);
        if (node->high == 1 && child.exact.count > 0 && child.exact.count < MAX_EXACT)
            f->exact = unite(w, &child.exact, &nothing);
        return;
    }
    f->needed = child.needed;
    if (child.exact.count == 0)
        return;
    literal_group power = child.exact, product;
    uint32_t n = 1;
    while (n < node->low && multiply(w, &power, &child.exact, &product)) {
        power = product;
        n++;
    }
    if (n == node->low && node->low == node->high) {
        f->exact = power;
    } else {
        f->lead = power;
        add_exact(w, &f->needed, &power, 0);
    }
}

static void facts_of(walker *w, const pattern_node *node, facts *f)
{
    static const char start[] = {LITERAL_START};
    f->exact = f->lead = (literal_group){.count = 0};
    f->needed.count = 0;
    f->width = 0;
    switch (node->kind) {
    case PATTERN_EDGE:
        f->exact = one_string(w, "", 0);
        break;
    case PATTERN_START:
        f->exact = one_string(w, start, 1);
        break;
    case PATTERN_SET:
        facts_of_set(w, node, f);
        break;
    case PATTERN_SEQUENCE:
        facts_of_sequence(w, node, f);
        break;
    case PATTERN_CHOICE:
        facts_of_choice(w, node, f);
        break;
    case PATTERN_REPEAT:
        facts_of_repeat(w, node, f);
        break;
    case PATTERN_OPAQUE:
        f->width = LITERAL_FAR;
        break;
    }
}

/* Drops groups that nearly every text has, as long as a better one is left. */
static void drop_common(literal_clause *clause)
{
    float least = clause->groups[0].cost;
    for (size_t i = 1; i < clause->count; i++)
        least = clause->groups[i].cost < least ? clause->groups[i].cost : least;
    size_t kept = 0;
    for (size_t i = 0; i < clause->count; i++)
        if (clause->groups[i].cost <= least * COMMON)
            clause->groups[kept++] = clause->groups[i];
    clause->count = kept;
}

/* The choice that the whole pattern is, apart from edges around it: (?:a|b), \b(?:a|b)\b. */
static const pattern_node *outer_choice(const pattern_node *node)
{
    while (node->first != NULL && node->first->next == NULL) {
        const pattern_node *only = NULL;
        const pattern_node *n = node->first->kind == PATTERN_SEQUENCE ? node->first->first : NULL;
        for (; n != NULL; n = n->next) {
            if (n->kind == PATTERN_EDGE)
                continue;
            if (only != NULL)
                return node;
            only = n;
        }
        if (only == NULL || only->kind != PATTERN_CHOICE)
            return node;
        node = only;
    }
    return node;
}

/* Adds the strings of an alternative to the clause that has those of all exact ones. */
static bool join_exact(walker *w, const literal_clause *one, literal_need *out, size_t *exact)
{
    if (*exact == LITERAL_MAX_CLAUSES)
        return false;
    literal_group *group = &out->clauses[*exact].groups[0];
    if (group->count + one->groups[0].count > LITERAL_MAX_GROUP)
        return false;
    *group = unite(w, group, &one->groups[0]);
    return true;
}

/* One clause per alternative, one for all exact ones; none when an alternative needs nothing. */
static void split_choice(walker *w, const pattern_node *choice, literal_need *out)
{
    size_t exact = LITERAL_MAX_CLAUSES; /* the clause of exact alternatives */
    for (const pattern_node *n = choice->first; n != NULL && !w->nomem; n = n->next) {
        facts f;
        facts_of(w, n, &f);
        bool is_exact = f.exact.count > 0;
        add_exact(w, &f.needed, &f.exact, 0);
        if (f.needed.count == 0) {
            out->count = 0;
            return;
        }
        if (is_exact && join_exact(w, &f.needed, out, &exact))
            continue;
        drop_common(&f.needed);
        if (is_exact)
            exact = out->count;
        out->clauses[out->count++] = f.needed;
    }
}

alf_status pattern_literals(const pattern_node *node, arena *memory, literal_need *out,
                            alf_error *err)
{
    walker w = {.memory = memory};
    const pattern_node *choice = outer_choice(node);
    size_t count = 0;
    for (const pattern_node *n = choice->first; n != NULL; n = n->next)
        count++;
    bool split = count <= LITERAL_MAX_CLAUSES;
    *out = (literal_need){arena_alloc(memory, split ? count : 1, sizeof *out->clauses), 0};
    if (out->clauses == NULL)
        return error_nomem(err, "preparing patterns");
    if (split) {
        split_choice(&w, choice, out);
    } else {
        facts f;
        facts_of(&w, choice, &f);
        add_exact(&w, &f.needed, &f.exact, 0);
        out->count = f.needed.count > 0;
        out->clauses[0] = f.needed;
    }
    return w.nomem ? error_nomem(err, "preparing patterns") : ALF_OK;
}
