/*
 * Trees of at most 64 leaves as words of bits.
 *
 * Number the leaves of a tree from left to right. A test that fails (x > threshold) rules out the
 * leaves to its left; the leaf that x reaches is the lowest one that no failed test of the tree has
 * ruled out. Which tests of a column fail is a prefix of that column's thresholds in ascending
 * order, over all trees together. So after every so many thresholds the words of all trees, with
 * the tests up to there applied, stand ready in a table; a row finds its place in each column, ANDs
 * the table rows of its columns, and applies the few tests between its place and the table's.
 *
 * The same source is compiled for every CPU level (forest_bits_run.h); nothing in it depends on the
 * order of anything but the sums, which run over the trees in order.
 */
#include "engine/forest_bits.h"

#include "engine/forest_cut.h"

#include <math.h>
#include <string.h>

enum {
    LEAST_SHIFT = 4,
    MOST_SHIFT = 9,
    WORD = 64,              /* bits at most */
    MOST_TABLE = 512 << 10, /* bytes; stays in the second-level cache */
    ROW_ALIGN = 64
};

/* ---- which forests ---- */

static uint32_t word_width(const normal_forest *n)
{
    uint32_t width = 8;
    while (width < n->most_leaves && width < WORD)
        width *= 2;
    return width;
}

/* At least; exactly where no tree has to be cut. */
static uint32_t word_count(const normal_forest *n)
{
    uint32_t words = 0;
    for (uint32_t t = 0; t < n->f->tree_count; t++)
        words += (n->leaves[n->f->roots[t]] + WORD - 1) / WORD;
    return words;
}

static size_t row_bytes(const normal_forest *n, uint32_t words)
{
    size_t bytes = (size_t)words * word_width(n) / 8;
    return (bytes + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

/* The columns of the table: one a feature. */
typedef struct group {
    uint32_t x, twin;
    uint32_t count; /* of tests */
    uint32_t end;   /* one past its last test put so far */
} group;

typedef struct groups {
    group *list;
    uint32_t count;
    uint32_t *of; /* per column of the normal form */
} groups;

/* NULL lists where memory has its limit in the way. */
static alf_status find_groups(const normal_forest *n, groups *out, alf_error *err)
{
    *out = (groups){0};
    TRY(forest_take(n->temporary, n->column_count, sizeof *out->list, &out->list, err));
    TRY(forest_take(n->temporary, n->column_count, sizeof *out->of, &out->of, err));
    if (out->list == NULL || out->of == NULL)
        return ALF_OK;
    for (uint32_t c = 0; c < n->column_count; c++) {
        uint32_t twin = n->twins[c] != NO_TWIN ? n->twins[c] : c;
        if (twin < c) {
            out->of[c] = out->of[twin];
            continue;
        }
        out->list[out->count] = (group){.x = c, .twin = twin};
        out->of[c] = out->count++;
    }
    for (uint32_t i = 0; i < n->f->node_count; i++)
        if (n->nodes[i].column != NORMAL_LEAF)
            out->list[out->of[n->nodes[i].column]].count++;
    return ALF_OK;
}

/* Table rows, the row of ones included. */
static size_t table_rows(const groups *g, uint32_t shift)
{
    size_t rows = 1;
    for (uint32_t c = 0; c < g->count; c++)
        rows += (g->list[c].count >> shift) + (g->list[c].x != g->list[c].twin);
    return rows;
}

/* The least shift whose table is small enough; 0: none. */
static uint32_t choose_shift(const groups *g, size_t bytes)
{
    for (uint32_t shift = LEAST_SHIFT; shift <= MOST_SHIFT; shift++)
        if (bytes <= MOST_TABLE / table_rows(g, shift))
            return shift;
    return 0;
}

/* How the table would be made. */
typedef struct plan {
    uint32_t words, shift;
    size_t row_bytes;
    double cost;
} plan;

static plan plan_table(const normal_forest *n, const groups *g, cpu_level level)
{
    const forest_costs *costs = forest_costs_of(level);
    plan p = {.words = word_count(n)};
    p.row_bytes = row_bytes(n, p.words);
    p.shift = choose_shift(g, p.row_bytes);
    p.cost = p.shift > 0 ? p.words * costs->word : (double)INFINITY;
    for (uint32_t c = 0; c < g->count; c++) {
        uint32_t count = g->list[c].count, block = 1u << p.shift;
        if (count >= block || g->list[c].x != g->list[c].twin)
            p.cost += (double)p.row_bytes / ROW_ALIGN * costs->line;
        p.cost += costs->column + (count >= block ? block : count) / 2.0 * costs->test;
    }
    return p;
}

/* ---- build ---- */

typedef struct builder {
    const normal_forest *n;
    forest_bits *b;
    groups groups;
    forest_split *splits, *room;
    uint32_t *first_leaf; /* per node: the leftmost leaf below it, counted within its tree */
    uint32_t *tree;       /* per node */
} builder;

static alf_status take_temporary(builder *w, alf_error *err)
{
    const normal_forest *n = w->n;
    arena *a = n->temporary;
    TRY(forest_take_unset(a, n->split_count, sizeof *w->splits, &w->splits, err));
    TRY(forest_take_unset(a, n->split_count, sizeof *w->room, &w->room, err));
    TRY(forest_take_unset(a, n->f->node_count, sizeof *w->first_leaf, &w->first_leaf, err));
    return forest_take_unset(a, n->f->node_count, sizeof *w->tree, &w->tree, err);
}

static size_t key_count(const groups *g)
{
    size_t size = KEYS; /* one node to align the others */
    for (uint32_t c = 0; c < g->count; c++)
        size += forest_keys_size(g->list[c].count);
    return size;
}

static alf_status take_memory(builder *w, size_t rows, arena *memory, alf_error *err)
{
    const normal_forest *n = w->n;
    forest_bits *b = w->b;
    TRY(forest_take(memory, w->groups.count, sizeof *b->columns, &b->columns, err));
    TRY(forest_take_unset(memory, n->split_count, sizeof *b->tests, &b->tests, err));
    TRY(forest_take_unset(memory, key_count(&w->groups), sizeof *b->keys, &b->keys, err));
    TRY(forest_take_unset(memory, rows * b->row_bytes + ROW_ALIGN, 1, &b->table, err));
    return forest_leaves_take(n, n->leaf_count, memory, &b->leaves, err);
}

static bool have_all(const builder *w)
{
    const forest_bits *b = w->b;
    return w->splits != NULL && w->room != NULL && w->first_leaf != NULL && w->tree != NULL &&
           b->columns != NULL && b->tests != NULL && b->keys != NULL && b->table != NULL &&
           b->leaves.first != NULL;
}

/* Parents come before their children. */
static void number_leaves(const builder *w)
{
    const normal_forest *n = w->n;
    uint32_t total = 0;
    for (uint32_t t = 0; t < n->f->tree_count; t++) {
        uint32_t root = n->f->roots[t];
        w->b->leaves.first[t] = total;
        w->first_leaf[root] = 0;
        uint32_t end = forest_tree_end(n->f, t);
        for (uint32_t i = root; i < end; i++) {
            const normal_node *node = &n->nodes[i];
            w->tree[i] = t;
            if (node->column == NORMAL_LEAF) {
                forest_leaves_put(&w->b->leaves, total + w->first_leaf[i],
                                  n->origin != NULL ? n->origin[i] : i);
                continue;
            }
            w->first_leaf[node->left] = w->first_leaf[i];
            w->first_leaf[node->right] = w->first_leaf[i] + n->leaves[node->left];
        }
        total += n->leaves[root];
    }
}

/* The splits column by column, in ascending order. */
static void sort_columns(const builder *w)
{
    const normal_forest *n = w->n;
    const groups *g = &w->groups;
    uint32_t at = 0;
    for (uint32_t c = 0; c < g->count; c++) {
        w->b->columns[c] = (bits_column){.x = g->list[c].x, .twin = g->list[c].twin, .begin = at};
        g->list[c].end = at;
        at += g->list[c].count;
    }
    for (uint32_t i = 0; i < n->f->node_count; i++)
        if (n->nodes[i].column != NORMAL_LEAF)
            w->splits[g->list[g->of[n->nodes[i].column]].end++] =
                (forest_split){n->nodes[i].threshold, i};
    for (uint32_t c = 0; c < g->count; c++)
        forest_sort_splits(w->splits + w->b->columns[c].begin, w->room, g->list[c].count);
}

static void put_test(const builder *w, uint32_t at)
{
    uint32_t node = w->splits[at].node, left = w->n->nodes[node].left;
    uint32_t leaves = w->n->leaves[left]; /* under 64: the right child has one too */
    uint64_t ruled_out = (((uint64_t)1 << leaves) - 1) << w->first_leaf[left];
    w->b->tests[at] = (bits_test){~ruled_out, w->tree[node]};
}

/* ANDs a test into a row of the table, whatever the width of its words. */
static void apply_test(const forest_bits *b, unsigned char *row, uint32_t at)
{
    uint64_t mask = b->tests[at].mask;
    uint32_t tree = b->tests[at].tree;
    switch (b->width) {
    case 8:
        row[tree] &= (uint8_t)mask;
        break;
    case 16:
        ((uint16_t *)(void *)row)[tree] &= (uint16_t)mask;
        break;
    case 32:
        ((uint32_t *)(void *)row)[tree] &= (uint32_t)mask;
        break;
    default:
        ((uint64_t *)(void *)row)[tree] &= mask;
    }
}

/* Narrow words are the low end of a wide one; a big-endian CPU would read them otherwise. */
static bool little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* The rows of a column behind `row`; returns the last. */
static uint32_t fill_rows(const builder *w, uint32_t c, uint32_t row)
{
    forest_bits *b = w->b;
    bits_column *column = &b->columns[c];
    const unsigned char *before = b->table;
    uint32_t count = w->groups.list[c].count, block = 1u << b->shift;
    column->row = row;
    column->has_rows = count >= block || column->x != column->twin;
    for (uint32_t i = 0; i < count >> b->shift << b->shift; i++) {
        unsigned char *to = b->table + (row + 1 + i / block) * b->row_bytes;
        if (i % block == 0)
            memcpy(to, before, b->row_bytes);
        apply_test(b, to, column->begin + i);
        before = to;
    }
    return row + (count >> b->shift);
}

/* The tests that fail when the feature is missing. */
static void fill_missing(const builder *w, uint32_t c, uint32_t row)
{
    const normal_forest *n = w->n;
    bits_column *column = &w->b->columns[c];
    unsigned char *to = w->b->table + row * w->b->row_bytes;
    column->missing = row;
    memset(to, 0xFF, w->b->row_bytes);
    for (uint32_t i = column->begin; i < column->begin + w->groups.list[c].count; i++)
        if (n->columns[n->nodes[w->splits[i].node].column].missing > 0)
            apply_test(w->b, to, i);
}

static void fill_table(const builder *w)
{
    uint32_t row = 0;
    memset(w->b->table, 0xFF, w->b->row_bytes);
    for (uint32_t c = 0; c < w->groups.count; c++) {
        row = fill_rows(w, c, row);
        if (w->b->columns[c].x != w->b->columns[c].twin)
            fill_missing(w, c, ++row);
    }
}

/* The keys of a column; returns where the next may begin. */
static double *fill_keys(const builder *w, uint32_t c, double *to)
{
    bits_column *column = &w->b->columns[c];
    uint32_t count = w->groups.list[c].count;
    for (uint32_t i = 0; i < count; i++)
        to[i] = w->splits[column->begin + i].threshold;
    return forest_keys_fill(&column->keys, to, count);
}

static void fill(const builder *w)
{
    number_leaves(w);
    sort_columns(w);
    for (uint32_t i = 0; i < w->n->split_count; i++)
        put_test(w, i);
    uintptr_t over = (uintptr_t)w->b->table % ROW_ALIGN;
    w->b->table += over > 0 ? ROW_ALIGN - over : 0;
    fill_table(w);
    over = (uintptr_t)w->b->keys % ROW_ALIGN / sizeof(double);
    double *keys = w->b->keys + (over > 0 ? KEYS - over : 0);
    for (uint32_t c = 0; c < w->b->column_count; c++)
        keys = fill_keys(w, c, keys);
}

static alf_status build(builder *w, const plan *p, cpu_level level, arena *memory,
                        forest_bits **out, alf_error *err)
{
    TRY(forest_take(memory, 1, sizeof *w->b, &w->b, err));
    if (w->b == NULL)
        return ALF_OK;
    *w->b = (forest_bits){.shift = p->shift,
                          .width = word_width(w->n),
                          .row_bytes = p->row_bytes,
                          .word_count = p->words,
                          .column_count = w->groups.count};
    w->b->run = forest_bits_run_for(level, w->b->width);
    TRY(take_temporary(w, err));
    TRY(take_memory(w, table_rows(&w->groups, p->shift), memory, err));
    if (!have_all(w))
        return ALF_OK;
    fill(w);
    *out = w->b;
    return ALF_OK;
}

static bool have_groups(const builder *w)
{
    return w->groups.list != NULL && w->groups.of != NULL;
}

alf_status forest_bits_build(const normal_forest *n, double limit, cpu_level level, arena *memory,
                             forest_bits **out, alf_error *err)
{
    builder w = {.n = n};
    forest_cut cut;
    bool done = true;
    *out = NULL;
    TRY(find_groups(n, &w.groups, err));
    if (!little_endian() || !have_groups(&w))
        return ALF_OK;
    plan p = plan_table(n, &w.groups, level);
    if (p.shift == 0 || p.cost > limit)
        return ALF_OK;
    if (n->most_leaves > WORD) {
        TRY(forest_cut_make(n, memory, &cut, &done, err));
        if (!done)
            return ALF_OK;
        w.n = &cut.n;
        TRY(find_groups(w.n, &w.groups, err));
        if (!have_groups(&w))
            return ALF_OK;
        p = plan_table(w.n, &w.groups, level);
    }
    return p.shift == 0 || p.cost > limit ? ALF_OK : build(&w, &p, level, memory, out, err);
}

bool forest_bits_reads_nodes(const forest_bits *b)
{
    return b->leaves.nodes != NULL;
}

size_t forest_bits_scratch(const forest_bits *b)
{
    return FOREST_GROUP * b->row_bytes + b->column_count * sizeof(uint32_t) + ROW_ALIGN;
}

void forest_bits_sum(const forest_bits *b, const double *x, size_t stride, size_t rows, double *out,
                     void *scratch)
{
    uintptr_t over = (uintptr_t)scratch % ROW_ALIGN;
    b->run(b, x, stride, rows, out, (unsigned char *)scratch + (over > 0 ? ROW_ALIGN - over : 0));
}
