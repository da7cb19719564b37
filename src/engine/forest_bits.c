/*
 * Trees of at most 64 leaves as words of bits.
 *
 * Number the leaves of a tree from left to right. A test that fails (x > threshold) rules out the
 * leaves to its left; the leaf that x reaches is the lowest one that no failed test of the tree has
 * ruled out. Which tests of a column fail is a prefix of that column's thresholds in ascending
 * order, over all trees together. So after every BLOCK thresholds the words of all trees, with the
 * tests up to there applied, stand ready in a table; a row finds its place in each column, ANDs the
 * table rows of its columns, and applies the few tests between its place and the table's.
 *
 * The same source is compiled for every CPU level (forest_bits_run.h); nothing in it depends on the
 * order of anything but the sums, which run over the trees in order.
 */
#include "engine/forest_bits.h"

#include <string.h>

enum {
    LEAST_BLOCK = 16,
    MOST_BLOCK = 128,
    MOST_TABLE = 512 << 10, /* bytes; stays in the second-level cache */
    ROW_ALIGN = 64
};

/* ---- which forests ---- */

static uint32_t word_width(const normal_forest *n)
{
    uint32_t width = 8;
    while (width < n->most_leaves)
        width *= 2;
    return width;
}

static size_t row_bytes(const normal_forest *n)
{
    size_t bytes = (size_t)n->f->tree_count * word_width(n) / 8;
    return (bytes + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

static void count_splits(const normal_forest *n, uint32_t *counts)
{
    for (uint32_t i = 0; i < n->f->node_count; i++)
        if (n->nodes[i].column != NORMAL_LEAF)
            counts[n->nodes[i].column]++;
}

/* Table rows, the row of ones included. */
static size_t table_rows(const uint32_t *counts, uint32_t columns, uint32_t block)
{
    size_t rows = 1;
    for (uint32_t c = 0; c < columns; c++)
        rows += counts[c] / block;
    return rows;
}

/* The least block whose table is small enough; 0: none. */
static uint32_t choose_block(const normal_forest *n, const uint32_t *counts)
{
    for (uint32_t block = LEAST_BLOCK; block <= MOST_BLOCK; block *= 2)
        if (table_rows(counts, n->column_count, block) <= MOST_TABLE / row_bytes(n))
            return block;
    return 0;
}

/* Rough costs in cycles: a table row reads 64 bytes a cycle, a test costs about one, a step of a
 * walk 1.6. */
static bool is_cheaper(const normal_forest *n, const uint32_t *counts, uint32_t block)
{
    double bits = 0, walk = 1.6 * (n->mean_depth + 1) * n->f->tree_count;
    for (uint32_t c = 0; c < n->column_count; c++) {
        if (counts[c] >= block)
            bits += (double)row_bytes(n) / 64 + 10;
        bits += counts[c] < block ? counts[c] : block;
    }
    return bits < walk;
}

/* ---- build ---- */

typedef struct split {
    double threshold;
    uint32_t node;
} split;

/* Merge sort, from `a` of count elements through room of as many. */
static void sort_splits(split *a, split *room, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin + width < count; begin += 2 * width) {
            size_t middle = begin + width;
            size_t end = middle + width < count ? middle + width : count;
            if (a[middle - 1].threshold <= a[middle].threshold)
                continue;
            memcpy(room, a + begin, width * sizeof *a);
            size_t left = 0, right = middle, to = begin;
            while (left < width && right < end) {
                bool take_right = a[right].threshold < room[left].threshold;
                a[to++] = take_right ? a[right] : room[left];
                right += take_right;
                left += !take_right;
            }
            memcpy(a + to, room + left, (width - left) * sizeof *a);
        }
    }
}

typedef struct builder {
    const normal_forest *n;
    forest_bits *b;
    uint32_t *counts; /* per column */
    split *splits, *room;
    uint32_t *first_leaf; /* per node: the leftmost leaf below it, counted within its tree */
    uint32_t *tree;       /* per node */
} builder;

static alf_status take_temporary(builder *w, alf_error *err)
{
    const normal_forest *n = w->n;
    arena *a = n->temporary;
    TRY(forest_take(a, n->split_count, sizeof *w->splits, &w->splits, err));
    TRY(forest_take(a, n->split_count, sizeof *w->room, &w->room, err));
    TRY(forest_take(a, n->f->node_count, sizeof *w->first_leaf, &w->first_leaf, err));
    return forest_take(a, n->f->node_count, sizeof *w->tree, &w->tree, err);
}

static alf_status take_memory(builder *w, size_t rows, arena *memory, alf_error *err)
{
    const normal_forest *n = w->n;
    forest_bits *b = w->b;
    TRY(forest_take(memory, n->column_count, sizeof *b->columns, &b->columns, err));
    TRY(forest_take(memory, n->split_count, sizeof *b->tests, &b->tests, err));
    TRY(forest_take(memory, n->split_count, sizeof *b->masks, &b->masks, err));
    TRY(forest_take(memory, rows, sizeof *b->pivots, &b->pivots, err));
    TRY(forest_take(memory, rows * b->row_bytes + ROW_ALIGN, 1, &b->table, err));
    TRY(forest_take(memory, n->f->tree_count, sizeof *b->first, &b->first, err));
    if (!n->simple)
        return forest_take(memory, n->leaf_count, sizeof *b->leaves, &b->leaves, err);
    if (n->f->number == FOREST_F32)
        return forest_take(memory, n->leaf_count, sizeof *b->narrow, &b->narrow, err);
    return forest_take(memory, n->leaf_count, sizeof *b->wide, &b->wide, err);
}

static bool have_all(const builder *w)
{
    const forest_bits *b = w->b;
    return w->splits != NULL && w->room != NULL && w->first_leaf != NULL && w->tree != NULL &&
           b->columns != NULL && b->tests != NULL && b->masks != NULL && b->pivots != NULL &&
           b->table != NULL && b->first != NULL &&
           (b->leaves != NULL || b->narrow != NULL || b->wide != NULL);
}

static void put_leaf(forest_bits *b, const forest *f, uint32_t at, uint32_t node)
{
    double weight = b->leaves == NULL ? f->leaf_values[f->nodes[node].yes].weight : 0;
    if (b->leaves != NULL)
        b->leaves[at] = node;
    else if (b->narrow != NULL)
        b->narrow[at] = (float)weight;
    else
        b->wide[at] = weight;
}

/* Parents come before their children. */
static void number_leaves(const builder *w)
{
    const normal_forest *n = w->n;
    uint32_t total = 0;
    for (uint32_t t = 0; t < n->f->tree_count; t++) {
        uint32_t root = n->f->roots[t];
        w->b->first[t] = total;
        w->first_leaf[root] = 0;
        for (uint32_t i = root; i < forest_tree_end(n->f, t); i++) {
            const normal_node *node = &n->nodes[i];
            w->tree[i] = t;
            if (node->column == NORMAL_LEAF) {
                put_leaf(w->b, n->f, total + w->first_leaf[i], i);
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
    uint32_t at = 0;
    for (uint32_t c = 0; c < n->column_count; c++) {
        w->b->columns[c].begin = w->b->columns[c].end = at;
        at += w->counts[c];
    }
    for (uint32_t i = 0; i < n->f->node_count; i++)
        if (n->nodes[i].column != NORMAL_LEAF)
            w->splits[w->b->columns[n->nodes[i].column].end++] = (split){n->nodes[i].threshold, i};
    for (uint32_t c = 0; c < n->column_count; c++)
        sort_splits(w->splits + w->b->columns[c].begin, w->room, w->counts[c]);
}

static void put_test(const builder *w, uint32_t at)
{
    uint32_t node = w->splits[at].node, left = w->n->nodes[node].left;
    uint32_t leaves = w->n->leaves[left]; /* under 64: the right child has one too */
    uint64_t ruled_out = (((uint64_t)1 << leaves) - 1) << w->first_leaf[left];
    w->b->tests[at] = (bits_test){w->splits[at].threshold, w->tree[node]};
    w->b->masks[at] = ~ruled_out;
}

/* ANDs a test into a row of the table, whatever the width of its words. */
static void apply_test(const forest_bits *b, unsigned char *row, uint32_t at)
{
    size_t bytes = b->width / 8;
    uint64_t word = 0;
    unsigned char *to = row + b->tests[at].tree * bytes;
    for (size_t i = 0; i < bytes; i++)
        word |= (uint64_t)to[i] << 8 * i;
    word &= b->masks[at];
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(word >> 8 * i);
}

/* Words are written byte by byte from the lowest; a big-endian CPU would read them otherwise. */
static bool little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

static void fill_table(const builder *w)
{
    forest_bits *b = w->b;
    uint32_t row = 0;
    memset(b->table, 0xFF, b->row_bytes);
    for (uint32_t c = 0; c < b->column_count; c++) {
        bits_column *column = &b->columns[c];
        const unsigned char *before = b->table;
        column->row = row;
        column->pivots = (column->end - column->begin) / b->block;
        for (uint32_t k = 0; k < column->pivots; k++) {
            uint32_t from = column->begin + k * b->block;
            unsigned char *to = b->table + ++row * b->row_bytes;
            memcpy(to, before, b->row_bytes);
            for (uint32_t i = from; i < from + b->block; i++)
                apply_test(b, to, i);
            b->pivots[row] = b->tests[from + b->block - 1].threshold;
            before = to;
        }
    }
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
}

bool forest_bits_fit(const normal_forest *n)
{
    return n->most_leaves <= 64 && little_endian();
}

alf_status forest_bits_build(const normal_forest *n, bool forced, cpu_level level, arena *memory,
                             forest_bits **out, alf_error *err)
{
    const forest *f = n->f;
    builder w = {.n = n};
    *out = NULL;
    TRY(forest_take(n->temporary, n->column_count, sizeof *w.counts, &w.counts, err));
    if (w.counts == NULL)
        return ALF_OK;
    count_splits(n, w.counts);
    uint32_t block = choose_block(n, w.counts);
    if (block == 0 || (!forced && !is_cheaper(n, w.counts, block)))
        return ALF_OK;
    TRY(forest_take(memory, 1, sizeof *w.b, &w.b, err));
    if (w.b == NULL)
        return ALF_OK;
    *w.b = (forest_bits){.f = f,
                         .block = block,
                         .width = word_width(n),
                         .row_bytes = row_bytes(n),
                         .column_count = n->column_count,
                         .targets = f->target_count > 1 ? n->targets : NULL};
    w.b->run = forest_bits_run_for(level, w.b->width);
    TRY(take_temporary(&w, err));
    TRY(take_memory(&w, table_rows(w.counts, n->column_count, block), memory, err));
    if (!have_all(&w))
        return ALF_OK;
    fill(&w);
    *out = w.b;
    return ALF_OK;
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
