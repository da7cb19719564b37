/*
 * Each literal is known by one gram of it: the four neighbouring bytes that are seen least in logs,
 * or two where the literal is shorter. For each place of the (folded) text a table of hashes says
 * whether a gram may be there; the few places that remain are looked up in a table of grams, whose
 * literals are compared in full. Unlike in an automaton, no place waits for the one before.
 *
 * A literal found moves the clauses that wait for it one group on. Places come in order, and groups
 * of a clause do not overlap in a match, so the gram of the next group's literal is never met
 * before that of the one before: nothing is missed.
 */
#include "classify/pattern_prefilter.h"

#include "base/mem.h"
#include "base/memo.h"
#include "base/span.h"

enum {
    GRAM = 4,
    PAIR = 2,
    MAX_ENTRIES = 1 << 20,
    MIN_BITS = 12,
    MAX_BITS = 18,
    HASHES_PER_GRAM = 32,
    BLOCK = 8,     /* places looked at before the hits among them */
    WINDOW = 8192, /* bytes of the text that are folded at a time */
    MARGIN = 32,   /* on both sides: a literal, a gram, a block */
    /* Answers that are remembered: */
    KEPT_TEXT = 256,    /* bytes of a text at most */
    KEPT_PATTERNS = 16, /* candidates at most */
    KEPT_BYTES = 256 << 10,
    MANY_LITERALS = 256 /* fewer are faster searched for than remembered */
};

typedef struct slot {
    uint32_t key;
    uint32_t first; /* known literal */
    uint32_t count; /* 0: free */
} slot;

/* Grams of one length. pairs: known NULL when there are none. */
typedef struct gram_table {
    uint32_t key_mask;
    unsigned shift;      /* of the hash, for `known` */
    unsigned slot_shift; /* and for the slots */
    uint8_t *known;      /* by hash: 1 when a gram has it */
    slot *slots;
    uint32_t slot_mask;
} gram_table;

/* A literal as it comes, while building. */
typedef struct pending {
    literal text;
    uint8_t gram_at; /* of chain heads */
    image_entry entry;
    uint32_t same; /* the one of equal text before it + 1 */
} pending;

struct prefilter {
    size_t patterns, words;
    uint64_t *always;
    image_clause *clauses;
    size_t clause_count, clause_capacity;
    pending *pending;
    size_t pending_count, pending_capacity;
    image_literal *literals;
    image_entry *entries; /* by literal */
    gram_table grams, pairs;
    pattern_image image; /* what searches use: the lists above, or those of the program */
};

/* Logs that differ in their numbers only are the same text once folded. In the memo: the words of
 * candidates, then this. */
typedef struct kept_answer {
    uint64_t count; /* of candidates that the filter has found */
    struct {
        uint32_t pattern, from;
    } found[KEPT_PATTERNS];
} kept_answer;

struct prefilter_scratch {
    bool remembers;
    memo memo;
    uint8_t folded[MARGIN + WINDOW + MARGIN];
    uint8_t *progress; /* per clause: groups found */
    size_t *start;     /* per clause: where a match may start, when its first group was found */
};

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

prefilter *prefilter_new(size_t patterns)
{
    prefilter *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->patterns = patterns;
    p->words = patterns / 64 + 1;
    p->always = mem_calloc(p->words, sizeof *p->always);
    if (p->always == NULL) {
        prefilter_free(p);
        return NULL;
    }
    return p;
}

static void free_table(gram_table *t)
{
    mem_free(t->known);
    mem_free(t->slots);
}

void prefilter_free(prefilter *p)
{
    if (p == NULL)
        return;
    mem_free(p->always);
    mem_free(p->clauses);
    mem_free(p->pending);
    mem_free(p->literals);
    mem_free(p->entries);
    free_table(&p->grams);
    free_table(&p->pairs);
    mem_free(p);
}

/* ---- adding ---- */

/* Room for count more elements of size bytes. */
static void *grow(void *array, size_t used, size_t count, size_t size, size_t *capacity)
{
    if (used + count <= *capacity)
        return array;
    size_t wanted = (used + count) * 2 + 256;
    void *larger = mem_realloc(array, wanted, size);
    if (larger != NULL)
        *capacity = wanted;
    return larger;
}

static void add_clause(prefilter *p, size_t pattern, const literal_clause *from)
{
    uint32_t index = (uint32_t)p->clause_count++;
    p->clauses[index] =
        (image_clause){(uint32_t)pattern, (uint32_t)from->count, from->groups[0].reach, 0};
    for (uint32_t g = 0; g < from->count; g++)
        for (size_t i = 0; i < from->groups[g].count; i++)
            p->pending[p->pending_count++] =
                (pending){.text = from->groups[g].literals[i], .entry = {index, g}};
}

alf_status prefilter_add(prefilter *p, size_t pattern, const literal_need *need, alf_error *err)
{
    size_t literals = 0;
    for (size_t i = 0; i < need->count; i++)
        for (size_t g = 0; g < need->clauses[i].count; g++)
            literals += need->clauses[i].groups[g].count;
    if (need->count == 0 || p->pending_count + literals > MAX_ENTRIES) {
        set_bit(p->always, pattern);
        return ALF_OK;
    }
    image_clause *clauses =
        grow(p->clauses, p->clause_count, need->count, sizeof *clauses, &p->clause_capacity);
    if (clauses != NULL)
        p->clauses = clauses;
    pending *all = grow(p->pending, p->pending_count, literals, sizeof *all, &p->pending_capacity);
    if (all != NULL)
        p->pending = all;
    if (clauses == NULL || all == NULL)
        return error_nomem(err, "the literals of patterns");
    for (size_t i = 0; i < need->count; i++)
        add_clause(p, pattern, &need->clauses[i]);
    return ALF_OK;
}

/* ---- finishing ---- */

static uint32_t read32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t read64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The key of the gram at a place; bytes in the machine's order, and a pair is the first two. */
static uint32_t pair_mask(void)
{
    static const uint8_t first_two[4] = {0xff, 0xff, 0, 0};
    return read32(first_two);
}

static uint32_t hash_key(uint32_t key)
{
    return key * UINT32_C(0x9E3779B1);
}

/* The smallest number of bits that count up to n, at least `least`. */
static unsigned bits_for(size_t n, unsigned least)
{
    while ((size_t)1 << least < n)
        least++;
    return least;
}

/* The place of the gram in the literal. */
static uint8_t choose_gram(const literal *text)
{
    size_t size = text->size >= GRAM ? GRAM : PAIR, best = 0;
    float least = 2;
    for (size_t at = 0; at + size <= text->size; at++) {
        float chance = literal_chance(text->text + at, size);
        if (chance < least) {
            least = chance;
            best = at;
        }
    }
    return (uint8_t)best;
}

/* Chains literals of equal text; chain heads (the last of each) go to heads. */
static alf_status chain_equal(prefilter *p, uint32_t *heads, size_t *head_count, alf_error *err)
{
    size_t size = (size_t)1 << bits_for(p->pending_count * 2, 4);
    uint32_t *table = mem_calloc(size, sizeof *table);
    if (table == NULL)
        return error_nomem(err, "the literals of patterns");
    *head_count = 0;
    for (size_t i = 0; i < p->pending_count; i++) {
        pending *one = &p->pending[i];
        uint64_t low = read64(one->text.text), high = read64(one->text.text + 8);
        uint64_t hash = (low ^ high * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
        size_t at = (size_t)(hash >> 32) & (size - 1);
        while (table[at] != 0 &&
               memcmp(&p->pending[heads[table[at] - 1]].text, &one->text, sizeof one->text) != 0)
            at = (at + 1) & (size - 1);
        if (table[at] == 0) {
            heads[*head_count] = (uint32_t)i;
            table[at] = (uint32_t)++ * head_count;
        } else {
            one->same = heads[table[at] - 1] + 1;
            heads[table[at] - 1] = (uint32_t)i;
        }
    }
    mem_free(table);
    return ALF_OK;
}

static slot *find_slot(const gram_table *t, uint32_t key)
{
    uint32_t at = hash_key(key) >> t->slot_shift;
    while (t->slots[at].count > 0 && t->slots[at].key != key)
        at = (at + 1) & t->slot_mask;
    return &t->slots[at];
}

static bool make_table(gram_table *t, size_t grams, uint32_t key_mask)
{
    unsigned bits = bits_for(grams * HASHES_PER_GRAM, MIN_BITS);
    bits = bits < MAX_BITS ? bits : MAX_BITS;
    unsigned slot_bits = bits_for(grams * 2, 4);
    size_t slots = (size_t)1 << slot_bits;
    *t = (gram_table){.key_mask = key_mask,
                      .shift = 32 - bits,
                      .slot_shift = 32 - slot_bits,
                      .known = mem_calloc((size_t)1 << bits, sizeof *t->known),
                      .slots = mem_calloc(slots, sizeof *t->slots),
                      .slot_mask = (uint32_t)(slots - 1)};
    return t->known != NULL && t->slots != NULL;
}

static gram_table *table_of(prefilter *p, const literal *text)
{
    return text->size >= GRAM ? &p->grams : &p->pairs;
}

static uint32_t key_of(const gram_table *t, const uint8_t *at)
{
    return read32(at) & t->key_mask;
}

static alf_status make_tables(prefilter *p, size_t grams, size_t pairs, alf_error *err)
{
    bool good = make_table(&p->grams, grams, UINT32_MAX) &&
                (pairs == 0 || make_table(&p->pairs, pairs, pair_mask()));
    return good ? ALF_OK : error_nomem(err, "the literals of patterns");
}

/* Makes the tables and counts the literals of each gram. */
static alf_status count_grams(prefilter *p, const uint32_t *heads, size_t count, alf_error *err)
{
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        pairs += p->pending[heads[i]].text.size < GRAM;
    TRY(make_tables(p, count - pairs, pairs, err));
    for (size_t i = 0; i < count; i++) {
        pending *head = &p->pending[heads[i]];
        gram_table *t = table_of(p, &head->text);
        head->gram_at = choose_gram(&head->text);
        uint32_t key = key_of(t, head->text.text + head->gram_at);
        slot *s = find_slot(t, key);
        s->key = key;
        s->count++;
        t->known[hash_key(key) >> t->shift] = 1;
    }
    return ALF_OK;
}

/* Gives each gram its part of the literals; returns where the next one's begins. */
static uint32_t share_out(gram_table *t, uint32_t first)
{
    for (size_t i = 0; t->slots != NULL && i <= t->slot_mask; i++) {
        t->slots[i].first = first;
        first += t->slots[i].count;
    }
    return first;
}

/* Puts a literal at the first free place of its gram, its entries behind those so far. */
static void place_literal(prefilter *p, uint32_t head, uint32_t *entry_count)
{
    const literal *text = &p->pending[head].text;
    gram_table *t = table_of(p, text);
    uint8_t gram_at = p->pending[head].gram_at;
    image_literal *out = &p->literals[find_slot(t, key_of(t, text->text + gram_at))->first];
    while (out->size > 0)
        out++;
    memcpy(out->text, text->text, sizeof out->text);
    out->size = text->size;
    out->gram_at = gram_at;
    out->entries = *entry_count;
    for (uint32_t i = head + 1; i != 0; i = p->pending[i - 1].same) {
        image_entry e = p->pending[i - 1].entry;
        p->entries[(*entry_count)++] = e;
        if (e.group == 0 && p->clauses[e.clause].gram_at < gram_at)
            p->clauses[e.clause].gram_at = gram_at;
    }
    out->count = *entry_count - out->entries;
}

alf_status prefilter_finish(prefilter *p, alf_error *err)
{
    size_t n = p->pending_count > 0 ? p->pending_count : 1, count;
    uint32_t *heads = mem_calloc(n, sizeof *heads);
    if (heads == NULL)
        return error_nomem(err, "the literals of patterns");
    alf_status status = chain_equal(p, heads, &count, err);
    if (status == ALF_OK)
        status = count_grams(p, heads, count, err);
    if (status == ALF_OK) {
        p->literals = mem_calloc(count + 1, sizeof *p->literals);
        p->entries = mem_calloc(n, sizeof *p->entries);
        if (p->literals == NULL || p->entries == NULL)
            status = error_nomem(err, "the literals of patterns");
    }
    if (status == ALF_OK) {
        uint32_t entry_count = 0;
        (void)share_out(&p->pairs, share_out(&p->grams, 0));
        for (size_t i = 0; i < count; i++)
            place_literal(p, heads[i], &entry_count);
        mem_free(p->pending);
        p->pending = NULL;
        p->image = (pattern_image){.clauses = p->clauses,
                                   .literals = p->literals,
                                   .entries = p->entries,
                                   .clause_count = (uint32_t)p->clause_count,
                                   .literal_count = (uint32_t)count,
                                   .entry_count = entry_count};
    }
    mem_free(heads);
    return status;
}

/* ---- from an image ---- */

/* The literals of a gram stand together: its first one makes the gram known. */
static void enter_literal(prefilter *p, uint32_t index)
{
    const image_literal *text = &p->image.literals[index];
    gram_table *t = text->size >= GRAM ? &p->grams : &p->pairs;
    uint32_t key = key_of(t, text->text + text->gram_at);
    slot *s = find_slot(t, key);
    if (s->count == 0)
        *s = (slot){.key = key, .first = index};
    s->count++;
    t->known[hash_key(key) >> t->shift] = 1;
}

alf_status prefilter_from_image(size_t patterns, const pattern_image *image, prefilter **out,
                                alf_error *err)
{
    *out = prefilter_new(patterns);
    if (*out == NULL)
        return error_nomem(err, "patterns");
    prefilter *p = *out;
    p->image = *image;
    size_t pairs = 0;
    for (uint32_t i = 0; i < image->literal_count; i++)
        pairs += image->literals[i].size < GRAM;
    TRY(make_tables(p, image->literal_count - pairs, pairs, err));
    for (uint32_t i = 0; i < image->literal_count; i++)
        enter_literal(p, i);
    for (size_t i = 0; i < patterns; i++)
        set_bit(p->always, i);
    for (uint32_t i = 0; i < image->clause_count; i++)
        p->always[image->clauses[i].pattern / 64] &=
            ~(UINT64_C(1) << (image->clauses[i].pattern % 64));
    return ALF_OK;
}

const pattern_image *prefilter_image(const prefilter *p)
{
    return &p->image;
}

bool prefilter_is_filtered(const prefilter *p, size_t pattern)
{
    return (p->always[pattern / 64] >> (pattern % 64) & 1) == 0;
}

void prefilter_costs(const prefilter *p, uint32_t *cost)
{
    for (uint32_t i = 0; i < p->image.literal_count; i++) {
        const image_literal *l = &p->image.literals[i];
        for (uint32_t k = 0; k < l->count; k++) {
            uint32_t *to = &cost[p->image.clauses[p->image.entries[l->entries + k].clause].pattern];
            *to = *to > UINT32_MAX - l->count ? UINT32_MAX : *to + l->count;
        }
    }
}

void prefilter_distrust(prefilter *p, size_t pattern)
{
    set_bit(p->always, pattern);
}

/* ---- searching ---- */

prefilter_scratch *prefilter_scratch_new(const prefilter *p)
{
    prefilter_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->progress = mem_calloc(p->image.clause_count + 1, sizeof *s->progress);
    s->start = mem_calloc(p->image.clause_count + 1, sizeof *s->start);
    s->remembers = p->image.literal_count >= MANY_LITERALS && memo_allowed();
    size_t answer = p->words * sizeof *p->always + sizeof(kept_answer);
    alf_error err;
    if (s->progress == NULL || s->start == NULL ||
        (s->remembers && memo_init(&s->memo, KEPT_TEXT, answer, KEPT_BYTES, &err) != ALF_OK)) {
        prefilter_scratch_free(s);
        return NULL;
    }
    return s;
}

void prefilter_scratch_free(prefilter_scratch *s)
{
    if (s == NULL)
        return;
    memo_fini(&s->memo);
    mem_free(s->progress);
    mem_free(s->start);
    mem_free(s);
}

/* Folds text [begin, end) and what is around it; byte begin gets to folded[MARGIN]. */
static void fold_window(prefilter_scratch *s, alf_span text, size_t begin, size_t end)
{
    size_t before = begin < MARGIN ? begin : MARGIN;
    size_t after = text.size - end < MARGIN ? text.size - end : MARGIN;
    uint8_t *out = s->folded + MARGIN - before;
    size_t size = before + (end - begin) + after;
    memset(s->folded, LITERAL_NOWHERE, MARGIN);
    memcpy(out, text.data + begin - before, size);
    pattern_fold_text(out, size);
    memset(out + size, LITERAL_NOWHERE, MARGIN - after);
    if (begin == 0)
        s->folded[MARGIN - 1] = LITERAL_START;
}

static bool is_there(const image_literal *text, const uint8_t *at)
{
    uint64_t low = read64(at) ^ read64(text->text);
    uint64_t high = read64(at + 8) ^ read64(text->text + 8);
    static const uint8_t ones[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0,    0,    0,    0,    0,    0,    0,    0,
                                     0,    0,    0,    0,    0,    0,    0,    0};
    const uint8_t *mask = ones + LITERAL_MAX_BYTES - text->size;
    return ((low & read64(mask)) | (high & read64(mask + 8))) == 0;
}

/* A clause has got all its groups. */
static void add_candidate(const prefilter_answer *out, uint32_t pattern, size_t start)
{
    uint64_t bit = UINT64_C(1) << (pattern % 64);
    if ((out->candidates[pattern / 64] & bit) == 0) {
        out->candidates[pattern / 64] |= bit;
        out->from[pattern] = start;
    } else if (start < out->from[pattern]) {
        out->from[pattern] = start;
    }
}

/* A literal whose gram is at place (0: the start of the text, 1: its first byte) has been found. */
static void take_literal(const prefilter *p, prefilter_scratch *s, const image_literal *found,
                         size_t place, const prefilter_answer *out)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const image_entry *e = &p->image.entries[found->entries + i];
        if (s->progress[e->clause] != e->group)
            continue;
        const image_clause *c = &p->image.clauses[e->clause];
        if (e->group == 0) {
            size_t back = (size_t)c->reach + c->gram_at + 1;
            s->start[e->clause] = c->reach != LITERAL_FAR && place > back ? place - back : 0;
        }
        if (++s->progress[e->clause] == c->groups)
            add_candidate(out, c->pattern, s->start[e->clause]);
    }
}

static void look_up(const prefilter *p, prefilter_scratch *s, const gram_table *t,
                    const uint8_t *at, size_t place, const prefilter_answer *out)
{
    const slot *found = find_slot(t, key_of(t, at));
    const image_literal *text = p->image.literals + found->first;
    for (uint32_t i = 0; i < found->count; i++, text++)
        if (is_there(text, at - text->gram_at))
            take_literal(p, s, text, place, out);
}

static inline unsigned may_be(const gram_table *t, const uint8_t *at)
{
    return t->known[hash_key(key_of(t, at)) >> t->shift];
}

/* Looks at the BLOCK places from `at` on; those behind the end of the text hold no literal. */
static inline void search_block(const prefilter *p, prefilter_scratch *s, const uint8_t *at,
                                size_t place, bool pairs, const prefilter_answer *out)
{
    unsigned grams = 0, two = 0;
    for (unsigned i = 0; i < BLOCK; i++)
        grams |= may_be(&p->grams, at + i) << i;
    for (unsigned i = 0; pairs && i < BLOCK; i++)
        two |= may_be(&p->pairs, at + i) << i;
    for (unsigned hits = grams | two; hits != 0; hits &= hits - 1) {
        unsigned i = (unsigned)__builtin_ctz(hits);
        if ((grams >> i & 1) != 0)
            look_up(p, s, &p->grams, at + i, place + i, out);
        if ((two >> i & 1) != 0)
            look_up(p, s, &p->pairs, at + i, place + i, out);
    }
}

/* Places [place, end); at: the first one, folded. */
static void search_places(const prefilter *p, prefilter_scratch *s, const uint8_t *at, size_t place,
                          size_t end, const prefilter_answer *out)
{
    if (p->pairs.known == NULL)
        for (; place < end; place += BLOCK, at += BLOCK)
            search_block(p, s, at, place, false, out);
    else
        for (; place < end; place += BLOCK, at += BLOCK)
            search_block(p, s, at, place, true, out);
}

/* Searches places [begin, end) of the text and the one before the first byte. */
static void search_window(const prefilter *p, prefilter_scratch *s, size_t begin, size_t end,
                          const prefilter_answer *out)
{
    bool first = begin == 0;
    search_places(p, s, s->folded + MARGIN - first, begin + !first, end + 1, out);
}

static void begin_search(const prefilter *p, prefilter_scratch *s, const prefilter_answer *out)
{
    memcpy(out->candidates, p->always, p->words * sizeof *out->candidates);
    memset(s->progress, 0, p->image.clause_count);
}

static void search_text(const prefilter *p, prefilter_scratch *s, alf_span text,
                        const prefilter_answer *out)
{
    size_t begin = 0;
    begin_search(p, s, out);
    do {
        size_t end = text.size - begin < WINDOW ? text.size : begin + WINDOW;
        fold_window(s, text, begin, end);
        search_window(p, s, begin, end, out);
        begin = end;
    } while (begin < text.size);
}

static void recall(const prefilter *p, const uint64_t *kept, const prefilter_answer *out)
{
    const kept_answer *answer = (const kept_answer *)(const void *)(kept + p->words);
    for (size_t w = 0; w < p->words; w++)
        out->candidates[w] = kept[w] | p->always[w];
    for (size_t i = 0; i < answer->count; i++)
        out->from[answer->found[i].pattern] = answer->found[i].from;
}

static void remember(const prefilter *p, prefilter_scratch *s, const memo_key *key,
                     const prefilter_answer *answer)
{
    kept_answer found = {.count = 0};
    for (size_t w = 0; w < p->words; w++)
        for (uint64_t left = answer->candidates[w] & ~p->always[w]; left != 0; left &= left - 1) {
            size_t pattern = w * 64 + (size_t)__builtin_ctzll(left);
            if (found.count == KEPT_PATTERNS)
                return;
            found.found[found.count].pattern = (uint32_t)pattern;
            found.found[found.count++].from = (uint32_t)answer->from[pattern];
        }
    uint64_t *to = memo_put(&s->memo, key);
    memcpy(to, answer->candidates, p->words * sizeof *to);
    memcpy(to + p->words, &found, sizeof found);
}

void prefilter_search(const prefilter *p, prefilter_scratch *s, alf_span text,
                      const prefilter_answer *out)
{
    if (p->image.clause_count == 0) {
        memcpy(out->candidates, p->always, p->words * sizeof *out->candidates);
        return;
    }
    if (text.size == 0)
        text = SPAN_LITERAL("");
    if (!s->remembers || text.size > KEPT_TEXT) {
        search_text(p, s, text, out);
        return;
    }
    fold_window(s, text, 0, text.size);
    memo_key key = memo_key_of(s->folded + MARGIN, text.size);
    const uint64_t *kept = memo_find(&s->memo, &key);
    if (kept != NULL) {
        recall(p, kept, out);
        return;
    }
    begin_search(p, s, out);
    search_window(p, s, 0, text.size, out);
    remember(p, s, &key, out);
}
