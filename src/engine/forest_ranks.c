/*
 * Trees of at most 8 levels over at most 8 features, by ranks.
 *
 * All thresholds of a column, ascending and each once, are numbered: the rank. How many of them lie
 * below x decides every test: x <= threshold exactly where that count is at most the threshold's
 * rank. So a value is searched once per column, and a node is 16 bits: rank and column. Every tree
 * is filled up to 8 levels with nodes that always go left, so children need no indices
 * and walks no ends. Where a column has more thresholds than ranks fit a word, the trees are cut
 * into parts with ranks of their own.
 *
 * Isolation forests have few distinct leaf values (a depth and a mean depth by sample count): up to
 * 256 are kept once for the whole forest.
 */
#include "engine/forest_ranks.h"

#include <math.h>
#include <string.h>

enum { NODE_BITS = RANKS_LEVELS + 1, MOST_TREES = 1 << 22 };
enum { DISTINCT = 256, SLOTS = 1024 };

typedef struct distinct_values {
    uint64_t values[DISTINCT]; /* their bits */
    uint16_t slots[SLOTS];     /* number + 1; 0: free */
    uint32_t count;            /* DISTINCT + 1: too many */
} distinct_values;

typedef struct builder {
    const normal_forest *n;
    forest_ranks *k;
    uint8_t *slots; /* per column of the normal form: its column here */
    uint32_t *at;   /* per node: tree << NODE_BITS | its place in the tree */
    forest_split *splits, *room;
    size_t room_size; /* of both */
    distinct_values *distinct;
    bool twins;
} builder;

/* ---- which forests ---- */

/* false: too many features. */
static bool find_columns(builder *w)
{
    const normal_forest *n = w->n;
    forest_ranks *k = w->k;
    for (uint32_t c = 0; c < n->column_count; c++) {
        uint32_t twin = n->twins[c] != NO_TWIN ? n->twins[c] : c;
        if (twin < c) {
            w->slots[c] = w->slots[twin];
            continue;
        }
        if (k->column_count == RANKS_COLUMNS)
            return false;
        k->x[k->column_count] = c;
        k->twin[k->column_count] = twin;
        w->twins = w->twins || twin != c;
        w->slots[c] = (uint8_t)k->column_count++;
    }
    return true;
}

/* false: too deep. Parents come before their children. */
static bool place_nodes(builder *w)
{
    const normal_forest *n = w->n;
    for (uint32_t t = 0; t < n->f->tree_count; t++) {
        uint32_t root = n->f->roots[t], end = forest_tree_end(n->f, t), tree = t << NODE_BITS;
        w->at[root] = tree | 1;
        for (uint32_t i = root; i < end; i++) {
            uint32_t place = w->at[i] - tree;
            if (n->nodes[i].column == NORMAL_LEAF)
                continue;
            if (place >> RANKS_LEVELS != 0)
                return false;
            w->at[n->nodes[i].left] = tree | place * 2;
            w->at[n->nodes[i].right] = tree | (place * 2 + 1);
        }
    }
    return true;
}

static size_t padded_trees(const builder *w)
{
    size_t trees = w->n->f->tree_count;
    return (trees + RANKS_TREES - 1) / RANKS_TREES * RANKS_TREES;
}

/* Trees far smaller than the depth would be mostly padding: never more than nodes to walk take. */
static bool is_small(const builder *w)
{
    enum { WALK_NODE = 28 };
    size_t bytes = (RANKS_WORDS + RANKS_TOP_WORDS) * sizeof(uint16_t) + RANKS_EXITS;
    return bytes * padded_trees(w) / WALK_NODE <= w->n->f->node_count;
}

/* ---- parts ---- */

/* Cuts the trees into parts, as few as ranks allow. parts NULL: only counts them. */
static uint32_t cut_parts(const builder *w, ranks_part *parts)
{
    const normal_forest *n = w->n;
    uint32_t counts[RANKS_COLUMNS] = {0}, part = 0, trees = n->f->tree_count;
    if (parts != NULL)
        parts[0].begin = 0;
    for (uint32_t t = 0; t < trees; t += RANKS_TREES) {
        uint32_t more[RANKS_COLUMNS] = {0}, end = t + RANKS_TREES < trees ? t + RANKS_TREES : trees;
        bool fits = true;
        for (uint32_t i = n->f->roots[t]; i < forest_tree_end(n->f, end - 1); i++)
            if (n->nodes[i].column != NORMAL_LEAF)
                more[w->slots[n->nodes[i].column]]++;
        for (uint32_t c = 0; c < RANKS_COLUMNS; c++)
            fits = fits && counts[c] + more[c] <= RANKS_MOST;
        for (uint32_t c = 0; c < RANKS_COLUMNS; c++)
            counts[c] = (fits ? counts[c] : 0) + more[c];
        part += !fits;
        if (parts != NULL && !fits)
            parts[part].begin = t;
        if (parts != NULL)
            parts[part].end = end;
    }
    return part + 1;
}

/* The word of a node within its tree. */
static uint32_t word_of(uint32_t place)
{
    uint32_t level = 31 - (uint32_t)__builtin_clz(place);
    if (level < RANKS_TOP)
        return place;
    uint32_t scale = 1u << (RANKS_LEVELS - level);
    return place * scale + scale / 2 - RANKS_BELOW;
}

static void put_word(const builder *w, uint32_t node, uint16_t word)
{
    const forest_ranks *k = w->k;
    uint32_t tree = w->at[node] >> NODE_BITS, place = w->at[node] & ((1u << NODE_BITS) - 1);
    size_t at = (size_t)tree * RANKS_WORDS + word_of(place);
    k->words[at] = word ^ k->flip;
    if (k->missing_right != NULL && w->n->columns[w->n->nodes[node].column].missing > 0)
        k->missing_right[at / 8] |= (uint8_t)(1u << at % 8);
    if (place < RANKS_TOP_WORDS)
        k->tops[((size_t)tree / k->lanes * RANKS_TOP_WORDS + place) * k->lanes + tree % k->lanes] =
            word ^ k->flip;
}

/* Sorted splits of one column to ranks; their thresholds, each once, to keys. Returns how many. */
static uint32_t put_ranks(const builder *w, uint32_t column, const forest_split *splits,
                          uint32_t count, double *keys)
{
    uint32_t ranks = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || splits[i].threshold > keys[ranks - 1])
            keys[ranks++] = splits[i].threshold;
        put_word(w, splits[i].node, (uint16_t)((ranks - 1) << 3 | column));
    }
    return ranks;
}

static uint32_t distinct_count(const forest_split *splits, uint32_t count)
{
    uint32_t distinct = count > 0;
    for (uint32_t i = 1; i < count; i++)
        distinct += splits[i].threshold > splits[i - 1].threshold;
    return distinct;
}

/* The splits of a part, column by column, each ascending; ends[c]: where those of column c end. */
static void sort_part(const builder *w, const ranks_part *part, uint32_t *ends)
{
    const normal_forest *n = w->n;
    uint32_t begin = n->f->roots[part->begin], end = forest_tree_end(n->f, part->end - 1);
    uint32_t sum = 0;
    memset(ends, 0, RANKS_COLUMNS * sizeof *ends);
    for (uint32_t i = begin; i < end; i++)
        if (n->nodes[i].column != NORMAL_LEAF)
            ends[w->slots[n->nodes[i].column]]++;
    for (uint32_t c = 0; c < RANKS_COLUMNS; c++) {
        uint32_t count = ends[c];
        ends[c] = sum;
        sum += count;
    }
    for (uint32_t i = begin; i < end; i++)
        if (n->nodes[i].column != NORMAL_LEAF)
            w->splits[ends[w->slots[n->nodes[i].column]]++] =
                (forest_split){n->nodes[i].threshold, i};
    for (uint32_t c = 0; c < RANKS_COLUMNS; c++) {
        uint32_t from = c > 0 ? ends[c - 1] : 0;
        forest_sort_splits(w->splits + from, w->room, ends[c] - from);
    }
}

/* *done false: memory's limit is in the way. */
static alf_status fill_part(const builder *w, ranks_part *part, arena *memory, bool *done,
                            alf_error *err)
{
    uint32_t ends[RANKS_COLUMNS];
    size_t size = KEYS; /* to align */
    double *keys;
    *done = false;
    sort_part(w, part, ends);
    for (uint32_t c = 0; c < w->k->column_count; c++) {
        uint32_t from = c > 0 ? ends[c - 1] : 0;
        size += forest_keys_size(distinct_count(w->splits + from, ends[c] - from));
    }
    TRY(forest_take_unset(memory, size, sizeof *keys, &keys, err));
    if (keys == NULL)
        return ALF_OK;
    uintptr_t over = (uintptr_t)keys % RANKS_ALIGN / sizeof *keys;
    keys += over > 0 ? KEYS - over : 0;
    for (uint32_t c = 0; c < w->k->column_count; c++) {
        uint32_t from = c > 0 ? ends[c - 1] : 0;
        uint32_t ranks = put_ranks(w, c, w->splits + from, ends[c] - from, keys);
        keys = forest_keys_fill(&part->keys[c], keys, ranks);
    }
    *done = true;
    return ALF_OK;
}

/* ---- leaves ---- */

/* The number of a value, a new one if need be; DISTINCT: there are too many. */
static uint32_t number_of(distinct_values *d, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t slot = (uint32_t)(bits * 0x9E3779B97F4A7C15u >> 54);
    for (; d->slots[slot] != 0; slot = (slot + 1) % SLOTS)
        if (d->values[d->slots[slot] - 1] == bits)
            return d->slots[slot] - 1u;
    if (d->count >= DISTINCT)
        return DISTINCT;
    d->values[d->count++] = bits;
    d->slots[slot] = (uint16_t)d->count;
    return d->count - 1;
}

static double leaf_value(const forest *f, uint32_t node)
{
    return f->leaf_values[f->nodes[node].yes].weight;
}

/* Whether the values of the leaves are so few that they are kept once. */
static bool are_few(const builder *w)
{
    const forest *f = w->n->f;
    for (uint32_t i = 0; i < f->node_count && w->n->simple; i++)
        if (f->nodes[i].feature < 0 && number_of(w->distinct, leaf_value(f, i)) == DISTINCT)
            return false;
    return w->n->simple;
}

static void put_leaves(const builder *w, bool few)
{
    const forest *f = w->n->f;
    const forest_ranks *k = w->k;
    uint32_t total = 0;
    for (uint32_t t = 0; t < f->tree_count; t++) {
        uint32_t number = 0, end = forest_tree_end(f, t);
        k->leaves.first[t] = few ? 0 : total;
        for (uint32_t i = f->roots[t]; i < end; i++) {
            if (f->nodes[i].feature >= 0)
                continue;
            uint32_t place = w->at[i] & ((1u << NODE_BITS) - 1);
            uint32_t level = 31 - (uint32_t)__builtin_clz(place);
            uint32_t own = few ? number_of(w->distinct, leaf_value(f, i)) : number++;
            uint32_t exit = (place << (RANKS_LEVELS - level)) - RANKS_EXITS;
            k->numbers[(size_t)t * RANKS_EXITS + exit] = (uint8_t)own;
            forest_leaves_put(&k->leaves, k->leaves.first[t] + own, i);
        }
        total += number;
    }
}

/* ---- build ---- */

static alf_status take_temporary(builder *w, alf_error *err)
{
    const normal_forest *n = w->n;
    arena *a = n->temporary;
    uint32_t most = 0;
    for (uint32_t p = 0; p < w->k->part_count; p++) {
        const ranks_part *part = &w->k->parts[p];
        uint32_t nodes = forest_tree_end(n->f, part->end - 1) - n->f->roots[part->begin];
        most = nodes > most ? nodes : most;
    }
    w->room_size = most / 2 + 1; /* splits: fewer than half the nodes */
    TRY(forest_take_unset(a, w->room_size, sizeof *w->splits, &w->splits, err));
    TRY(forest_take_unset(a, w->room_size, sizeof *w->room, &w->room, err));
    return forest_take(a, 1, sizeof *w->distinct, &w->distinct, err);
}

static uint16_t *aligned_words(uint16_t *words)
{
    uintptr_t over = (uintptr_t)words % RANKS_ALIGN / sizeof *words;
    return words + (over > 0 ? RANKS_ALIGN / sizeof *words - over : 0);
}

/* Words of nodes that always go left. *out NULL: memory's limit is in the way. */
static alf_status take_lefts(const forest_ranks *k, size_t count, arena *memory, uint16_t **out,
                             alf_error *err)
{
    TRY(forest_take_unset(memory, count + RANKS_ALIGN / sizeof **out, sizeof **out, out, err));
    if (*out == NULL)
        return ALF_OK;
    *out = aligned_words(*out);
    for (size_t i = 0; i < count; i++)
        (*out)[i] = (uint16_t)(UINT16_MAX ^ k->flip);
    return ALF_OK;
}

/* words NULL: memory's limit is in the way. */
static alf_status take_words(builder *w, arena *memory, alf_error *err)
{
    forest_ranks *k = w->k;
    size_t trees = w->n->f->tree_count;
    TRY(take_lefts(k, padded_trees(w) * RANKS_TOP_WORDS, memory, &k->tops, err));
    TRY(forest_take(memory, trees, RANKS_EXITS, &k->numbers, err));
    if (w->twins)
        TRY(forest_take(memory, trees, RANKS_WORDS / 8, &k->missing_right, err));
    if (k->tops == NULL || k->numbers == NULL || (w->twins && k->missing_right == NULL))
        return ALF_OK;
    return take_lefts(k, trees * RANKS_WORDS, memory, &k->words, err);
}

/* *done false: memory's limit is in the way. */
static alf_status fill(builder *w, arena *memory, bool *done, alf_error *err)
{
    forest_ranks *k = w->k;
    *done = false;
    k->part_count = cut_parts(w, NULL);
    TRY(forest_take(memory, k->part_count, sizeof *k->parts, &k->parts, err));
    if (k->parts == NULL)
        return ALF_OK;
    (void)cut_parts(w, k->parts);
    TRY(take_temporary(w, err));
    TRY(take_words(w, memory, err));
    if (w->splits == NULL || w->room == NULL || w->distinct == NULL || k->words == NULL)
        return ALF_OK;
    bool few = are_few(w);
    TRY(forest_leaves_take(w->n, few ? w->distinct->count : w->n->leaf_count, memory, &k->leaves,
                           err));
    if (k->leaves.first == NULL)
        return ALF_OK;
    put_leaves(w, few);
    *done = true;
    for (uint32_t p = 0; p < k->part_count && *done; p++)
        TRY(fill_part(w, &k->parts[p], memory, done, err));
    return ALF_OK;
}

double forest_ranks_cost(const normal_forest *n, cpu_level level)
{
    const forest_costs *costs = forest_costs_of(level);
    if (n->column_count > 2 * RANKS_COLUMNS)
        return (double)INFINITY;
    return n->column_count * costs->column + n->f->tree_count * costs->tree;
}

alf_status forest_ranks_build(const normal_forest *n, bool forced, cpu_level level, arena *memory,
                              forest_ranks **out, alf_error *err)
{
    uint8_t slots[2 * RANKS_COLUMNS];
    ranks_code code = forest_ranks_code(level);
    builder w = {.n = n, .slots = slots};
    bool done;
    *out = NULL;
    if (code.run == NULL || n->column_count > 2 * RANKS_COLUMNS || n->f->tree_count > MOST_TREES)
        return ALF_OK;
    TRY(forest_take_unset(n->temporary, n->f->node_count, sizeof *w.at, &w.at, err));
    TRY(forest_take(memory, 1, sizeof *w.k, &w.k, err));
    if (w.at == NULL || w.k == NULL)
        return ALF_OK;
    *w.k = (forest_ranks){.run = code.run, .lanes = code.lanes, .flip = code.flip};
    if (!find_columns(&w) || !place_nodes(&w) || (!forced && !is_small(&w)))
        return ALF_OK;
    TRY(fill(&w, memory, &done, err));
    *out = done ? w.k : NULL;
    return ALF_OK;
}

void forest_ranks_sum(const forest_ranks *k, const double *x, size_t stride, size_t rows,
                      double *out, void *scratch)
{
    uintptr_t over = (uintptr_t)scratch % RANKS_ALIGN;
    k->run(k, x, stride, rows, out, (unsigned char *)scratch + (over > 0 ? RANKS_ALIGN - over : 0));
}
