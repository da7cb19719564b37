/*
 * Required literals. For each node of the tree two things are known: `exact`, all the strings it
 * can match when they are few, and `needed`, a set of which one string must occur in whatever it
 * matches. A sequence joins exact neighbours into longer strings; a choice unites its children's
 * sets; an optional part needs nothing. Counts and lengths are bounded, so is the recursion (by the
 * depth of the tree). Dropping a set is always right: it only means "nothing is required".
 */
#include "classify/pattern_literal.h"

#include "base/span.h"

enum { MAX_EXACT = 64, MAX_SET_CHARS = 4 };

typedef struct facts {
    bool has_exact;
    literal_set exact; /* may hold the empty string */
    literal_set needed;
} facts;

typedef struct walker {
    arena *memory;
    bool nomem;
} walker;

/* Chance of a set to be found by accident, in parts: less is better. */
static double cost_of(const literal_set *set)
{
    double cost = 0;
    for (size_t i = 0; i < set->count; i++) {
        double one = 1;
        for (size_t k = 0; k < set->text[i].size && k < 8; k++)
            one /= 12;
        cost += one;
    }
    return cost;
}

static bool usable(const literal_set *set)
{
    if (set->count == 0 || set->count > LITERAL_MAX_COUNT)
        return false;
    for (size_t i = 0; i < set->count; i++)
        if (set->text[i].size < LITERAL_MIN_BYTES)
            return false;
    return true;
}

static void keep_better(literal_set *best, const literal_set *candidate)
{
    if (!usable(candidate))
        return;
    if (best->count == 0 || cost_of(candidate) < cost_of(best))
        *best = *candidate;
}

static literal_set make_set(walker *w, size_t count)
{
    literal_set set = {arena_alloc(w->memory, count, sizeof *set.text), count};
    if (set.text == NULL) {
        w->nomem = true;
        set.count = 0;
    }
    return set;
}

static literal_set empty_string(walker *w)
{
    literal_set set = make_set(w, 1);
    if (set.count > 0)
        set.text[0] = SPAN_LITERAL("");
    return set;
}

static bool add_string(literal_set *set, alf_span text)
{
    for (size_t i = 0; i < set->count; i++)
        if (span_equal(set->text[i], text))
            return false;
    set->text[set->count++] = text;
    return true;
}

static literal_set unite(walker *w, const literal_set *a, const literal_set *b)
{
    literal_set out = make_set(w, a->count + b->count);
    if (out.text == NULL)
        return out;
    out.count = 0;
    for (size_t i = 0; i < a->count; i++)
        (void)add_string(&out, a->text[i]);
    for (size_t i = 0; i < b->count; i++)
        (void)add_string(&out, b->text[i]);
    return out;
}

static alf_span join(walker *w, alf_span a, alf_span b)
{
    if (b.size == 0)
        return a;
    if (a.size == 0)
        return b;
    char *text = arena_alloc(w->memory, a.size + b.size, 1);
    if (text == NULL) {
        w->nomem = true;
        return a;
    }
    memcpy(text, a.data, a.size);
    memcpy(text + a.size, b.data, b.size);
    return span_of(text, a.size + b.size);
}

static size_t longest(const literal_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->count; i++)
        n = set->text[i].size > n ? set->text[i].size : n;
    return n;
}

/* Every string of a followed by every string of b; false when that is too much. */
static bool multiply(walker *w, const literal_set *a, const literal_set *b, literal_set *out)
{
    if (a->count * b->count > MAX_EXACT || longest(a) + longest(b) > LITERAL_MAX_BYTES)
        return false;
    *out = make_set(w, a->count * b->count);
    if (out->text == NULL)
        return false;
    out->count = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++)
            (void)add_string(out, join(w, a->text[i], b->text[k]));
    return true;
}

static facts facts_of(walker *w, const pattern_node *node);

static facts facts_of_set(walker *w, const pattern_node *node)
{
    facts f = {.has_exact = false};
    unsigned char found[MAX_SET_CHARS];
    size_t count = 0;
    for (unsigned c = 0; (c = pattern_set_next(node->set, c)) < 256; c++) {
        unsigned lower = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
        if (count > 0 && memchr(found, (int)lower, count) != NULL)
            continue;
        if (count == MAX_SET_CHARS)
            return f;
        found[count++] = (unsigned char)lower;
    }
    f.exact = make_set(w, count);
    char *bytes = arena_strndup(w->memory, (const char *)found, count);
    if (bytes == NULL)
        w->nomem = true;
    for (size_t i = 0; i < f.exact.count && bytes != NULL; i++)
        f.exact.text[i] = span_of(bytes + i, 1);
    f.has_exact = !w->nomem && count > 0;
    return f;
}

static facts facts_of_sequence(walker *w, const pattern_node *node)
{
    facts f = {.has_exact = true};
    literal_set run = empty_string(w);
    for (const pattern_node *n = node->first; n != NULL && !w->nomem; n = n->next) {
        facts child = facts_of(w, n);
        literal_set product;
        if (child.has_exact && multiply(w, &run, &child.exact, &product)) {
            run = product;
            continue;
        }
        f.has_exact = false;
        keep_better(&f.needed, &run);
        keep_better(&f.needed, &child.needed);
        run = child.has_exact ? child.exact : empty_string(w);
    }
    keep_better(&f.needed, &run);
    f.exact = run;
    return f;
}

/* What a node needs, from either kind of knowledge. */
static literal_set needed_of(const facts *f)
{
    literal_set best = f->needed;
    if (f->has_exact)
        keep_better(&best, &f->exact);
    return best;
}

static facts facts_of_choice(walker *w, const pattern_node *node)
{
    facts f = {.has_exact = true};
    bool all_needed = true;
    for (const pattern_node *n = node->first; n != NULL && !w->nomem; n = n->next) {
        facts child = facts_of(w, n);
        literal_set needed = needed_of(&child);
        f.has_exact = f.has_exact && child.has_exact &&
                      f.exact.count + child.exact.count <= LITERAL_MAX_COUNT;
        if (f.has_exact)
            f.exact = unite(w, &f.exact, &child.exact);
        all_needed =
            all_needed && needed.count > 0 && f.needed.count + needed.count <= LITERAL_MAX_COUNT;
        if (all_needed)
            f.needed = unite(w, &f.needed, &needed);
    }
    if (!all_needed)
        f.needed.count = 0;
    return f;
}

/* x{n} is n times x; of x{n,m} with 0 < n, n times x is needed. */
static facts facts_of_repeat(walker *w, const pattern_node *node)
{
    facts f = {.has_exact = false};
    facts child = facts_of(w, node->first);
    if (node->low == 0 && node->high == 1 && child.has_exact) {
        literal_set nothing = empty_string(w);
        f.exact = unite(w, &child.exact, &nothing);
        f.has_exact = true;
    }
    if (node->low == 0)
        return f;
    f.needed = needed_of(&child);
    if (!child.has_exact)
        return f;
    literal_set power = child.exact, product;
    uint32_t n = 1;
    while (n < node->low && multiply(w, &power, &child.exact, &product)) {
        power = product;
        n++;
    }
    keep_better(&f.needed, &power);
    f.has_exact = n == node->low && node->low == node->high;
    f.exact = power;
    return f;
}

static facts facts_of(walker *w, const pattern_node *node)
{
    facts f = {.has_exact = false};
    switch (node->kind) {
    case PATTERN_EDGE:
        f.has_exact = true;
        f.exact = empty_string(w);
        break;
    case PATTERN_SET:
        f = facts_of_set(w, node);
        break;
    case PATTERN_SEQUENCE:
        f = facts_of_sequence(w, node);
        break;
    case PATTERN_CHOICE:
        f = facts_of_choice(w, node);
        break;
    case PATTERN_REPEAT:
        f = facts_of_repeat(w, node);
        break;
    case PATTERN_OPAQUE:
        break;
    }
    return f;
}

alf_status pattern_literals(const pattern_node *node, arena *memory, literal_set *out,
                            alf_error *err)
{
    walker w = {.memory = memory};
    facts f = facts_of(&w, node);
    *out = needed_of(&f);
    return w.nomem ? error_nomem(err, "preparing patterns") : ALF_OK;
}
