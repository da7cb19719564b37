/* Forests over almost empty rows. Trees are shallow and few are walked, so nodes are plain: what
 * counts is which trees are left alone. */
#include "engine/text_forest.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    IRREGULAR_STEP = 64,
    MOST_TARGETS = 1 << 16,
    MOST_SUMS = 1 << 22 /* doubles: a small file may declare many trees and many targets */
};

/* ---- building ---- */

/* The largest float not above x, or the smallest not below: exact for float inputs. */
static float float_at_most(double x)
{
    float f = (float)x;
    return (double)f > x ? nextafterf(f, -INFINITY) : f;
}

static float float_at_least(double x)
{
    float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

static uint32_t tree_end(const forest *f, uint32_t tree)
{
    return tree + 1 < f->tree_count ? f->roots[tree + 1] : f->node_count;
}

/* Whether all leaves of a tree are the same: base values are written as such trees. Their tests
 * mean nothing. */
static bool is_constant(const forest *f, uint32_t tree)
{
    const forest_leaf_value *first = NULL;
    for (uint32_t i = f->roots[tree]; i < tree_end(f, tree); i++) {
        if (f->nodes[i].feature >= 0)
            continue;
        const forest_leaf_value *v = &f->leaf_values[f->nodes[i].yes];
        if (first == NULL)
            first = v;
        if (v->weight != first->weight || v->target != first->target) /* one zero will do */
            return false;
    }
    return true;
}

static float threshold_of(const forest_node *n)
{
    return n->mode == FOREST_LT ? float_at_least(n->threshold) : float_at_most(n->threshold);
}

/* The one kind of test that all trees have, or -1. Thresholds must be finite as floats; each leaf
 * must have one weight. */
static int common_mode(const forest *f)
{
    int mode = -1;
    for (uint32_t i = 0; i < f->node_count; i++)
        if (f->nodes[i].feature < 0 && f->nodes[i].no != 1)
            return -1;
    for (uint32_t tree = 0; tree < f->tree_count; tree++) {
        if (is_constant(f, tree))
            continue;
        for (uint32_t i = f->roots[tree]; i < tree_end(f, tree); i++) {
            const forest_node *n = &f->nodes[i];
            if (n->feature < 0)
                continue;
            if ((n->mode != FOREST_LEQ && n->mode != FOREST_LT) || (mode >= 0 && mode != n->mode) ||
                !isfinite(threshold_of(n)))
                return -1;
            mode = n->mode;
        }
    }
    return mode >= 0 ? mode : FOREST_LEQ;
}

/* Nodes and leaves keep the numbers they have in f. */
static void copy_nodes(text_forest *t, const forest *f)
{
    for (uint32_t i = 0; i < f->node_count; i++) {
        const forest_node *n = &f->nodes[i];
        if (n->feature < 0) {
            t->weights[i] = f->leaf_values[n->yes].weight;
            t->targets[i] = f->leaf_values[n->yes].target;
            if (!t->wide)
                t->narrow[i] = (float)t->weights[i];
            continue;
        }
        t->nodes[i] =
            (text_tree_node){.threshold = threshold_of(n),
                             .at = (uint32_t)n->feature + (n->missing_yes ? t->column_count : 0),
                             .child = {n->no | (f->nodes[n->no].feature < 0 ? TEXT_LEAF : 0),
                                       n->yes | (f->nodes[n->yes].feature < 0 ? TEXT_LEAF : 0)}};
    }
    for (uint32_t i = 0; i < f->tree_count; i++) {
        uint32_t node = f->roots[i];
        bool constant = is_constant(f, i);
        while (constant && f->nodes[node].feature >= 0)
            node = f->nodes[node].no;
        t->roots[i] = node | (f->nodes[node].feature < 0 ? TEXT_LEAF : 0);
    }
}

static inline uint32_t next_node(const text_tree_node *n, float x, bool less)
{
    return n->child[less ? x < n->threshold : x <= n->threshold];
}

/* What the two rows hold for a value of a column. */
static float for_no(float value)
{
    return isnan(value) ? INFINITY : value;
}

static float for_yes(float value)
{
    return isnan(value) ? -INFINITY : value;
}

/* Finds the leaf of the empty row; counts each column tested on the way once, or puts the tree
 * into its range. */
static uint32_t walk_empty(text_forest *t, uint32_t tree, uint32_t *last, bool put)
{
    uint32_t node = t->roots[tree];
    while ((node & TEXT_LEAF) == 0) {
        const text_tree_node *n = &t->nodes[node];
        bool second = n->at >= t->column_count;
        uint32_t column = second ? n->at - t->column_count : n->at;
        if (last[column] != tree) {
            last[column] = tree;
            if (put)
                t->turned[t->turned_begin[column]] = tree;
            t->turned_begin[column]++;
        }
        node = next_node(n, second ? for_yes(t->absent) : for_no(t->absent), t->less);
    }
    return node & ~TEXT_LEAF;
}

static void visit_trees(text_forest *t, uint32_t *last, bool put)
{
    memset(last, 0xFF, t->column_count * sizeof *last);
    for (uint32_t tree = 0; tree < t->tree_count; tree++)
        t->empty[tree] = walk_empty(t, tree, last, put);
}

/* Counts per column become the ends of its range, then filling moves them to the next range. */
static alf_status index_trees(text_forest *t, arena *memory, alf_error *err)
{
    uint32_t total = 0;
    uint32_t *last = mem_calloc(t->column_count, sizeof *last);
    if (last == NULL)
        return error_nomem(err, "a forest");
    visit_trees(t, last, false);
    for (uint32_t i = 0; i <= t->column_count; i++) {
        uint32_t count = t->turned_begin[i];
        t->turned_begin[i] = total;
        total += count;
    }
    t->turned = arena_alloc(memory, total, sizeof *t->turned);
    if (t->turned != NULL)
        visit_trees(t, last, true);
    mem_free(last);
    if (t->turned == NULL)
        return error_nomem(err, "a forest");
    memmove(t->turned_begin + 1, t->turned_begin, t->column_count * sizeof *t->turned_begin);
    t->turned_begin[0] = 0;
    return ALF_OK;
}

static void find_order(text_forest *t, const forest *f)
{
    while (t->lead < t->tree_count && (t->roots[t->lead] & TEXT_LEAF) != 0)
        t->lead++;
    t->regular = (t->tree_count - t->lead) % t->target_count == 0;
    for (uint32_t tree = t->lead; tree < t->tree_count && t->regular; tree++) {
        for (uint32_t i = f->roots[tree]; i < tree_end(f, tree); i++)
            if (f->nodes[i].feature < 0 && t->targets[i] != (tree - t->lead) % t->target_count)
                t->regular = false;
    }
    t->step = t->regular ? t->target_count : IRREGULAR_STEP;
}

static void add_weight(const text_forest *t, double *sum, double weight)
{
    *sum = t->wide ? *sum + weight : (double)((float)*sum + (float)weight);
}

static size_t sum_rows(const text_forest *t)
{
    return (t->tree_count - t->lead) / t->step + 1;
}

/* sums[k]: before tree lead + k * step. */
static alf_status sum_empty(text_forest *t, arena *memory, alf_error *err)
{
    size_t rows = sum_rows(t), targets = t->target_count;
    double *now = mem_calloc(targets, sizeof *now);
    t->sums = arena_alloc(memory, rows * targets, sizeof *t->sums);
    if (now == NULL || t->sums == NULL) {
        mem_free(now);
        return error_nomem(err, "a forest");
    }
    for (uint32_t tree = 0; tree <= t->tree_count; tree++) {
        if (tree >= t->lead && (tree - t->lead) % t->step == 0)
            memcpy(t->sums + (tree - t->lead) / t->step * targets, now, targets * sizeof *now);
        if (tree < t->tree_count)
            add_weight(t, &now[t->empty_targets[tree]], t->empty_weights[tree]);
    }
    mem_free(now);
    return ALF_OK;
}

static alf_status take_arrays(text_forest *t, uint32_t node_count, arena *memory, alf_error *err)
{
    size_t narrow = t->wide ? 0 : 1;
    t->roots = arena_alloc(memory, t->tree_count, sizeof *t->roots);
    t->empty = arena_alloc(memory, t->tree_count, sizeof *t->empty);
    t->empty_weights = arena_alloc(memory, t->tree_count, sizeof *t->empty_weights);
    t->empty_narrow = arena_alloc(memory, narrow * t->tree_count, sizeof *t->empty_narrow);
    t->empty_targets = arena_alloc(memory, t->tree_count, sizeof *t->empty_targets);
    t->nodes = arena_alloc(memory, node_count, sizeof *t->nodes);
    t->weights = arena_alloc(memory, node_count, sizeof *t->weights);
    t->narrow = arena_alloc(memory, narrow * node_count, sizeof *t->narrow);
    t->targets = arena_alloc(memory, node_count, sizeof *t->targets);
    t->turned_begin = arena_alloc(memory, (size_t)t->column_count + 1, sizeof *t->turned_begin);
    return t->roots == NULL || t->empty == NULL || t->empty_weights == NULL ||
                   t->empty_narrow == NULL || t->empty_targets == NULL || t->nodes == NULL ||
                   t->weights == NULL || t->narrow == NULL || t->targets == NULL ||
                   t->turned_begin == NULL
               ? error_nomem(err, "a forest")
               : ALF_OK;
}

static void keep_empty(text_forest *t)
{
    for (uint32_t i = 0; i < t->tree_count; i++) {
        t->empty_weights[i] = t->weights[t->empty[i]];
        t->empty_targets[i] = t->targets[t->empty[i]];
        if (!t->wide)
            t->empty_narrow[i] = t->narrow[t->empty[i]];
    }
}

alf_status text_forest_init(text_forest *t, const forest *f, bool absent_is_nan, arena *memory,
                            bool *fits, alf_error *err)
{
    int mode = common_mode(f);
    *fits = mode >= 0 && f->base == NULL && f->rounding == NULL && f->tree_count > 0 &&
            f->node_count < TEXT_LEAF && f->feature_count < TEXT_LEAF &&
            f->target_count <= MOST_TARGETS;
    if (!*fits)
        return ALF_OK;
    *t = (text_forest){.wide = f->number == FOREST_F64,
                       .less = mode == FOREST_LT,
                       .absent = absent_is_nan ? NAN : 0.0F,
                       .column_count = f->feature_count,
                       .target_count = f->target_count,
                       .tree_count = f->tree_count};
    TRY(take_arrays(t, f->node_count, memory, err));
    copy_nodes(t, f);
    TRY(index_trees(t, memory, err));
    keep_empty(t);
    find_order(t, f);
    *fits = sum_rows(t) * t->target_count <= MOST_SUMS;
    return *fits ? sum_empty(t, memory, err) : ALF_OK;
}

/* ---- a session's room ---- */

alf_status text_forest_room_init(text_forest_room *r, const text_forest *t, alf_error *err)
{
    *r = (text_forest_room){0};
    r->rows = mem_calloc(2 * (size_t)t->column_count, sizeof *r->rows);
    r->narrow = mem_calloc(t->wide ? 1 : t->tree_count, sizeof *r->narrow);
    r->weights = mem_calloc(t->wide ? t->tree_count : 1, sizeof *r->weights);
    r->targets = mem_calloc(t->tree_count, sizeof *r->targets);
    if (r->rows == NULL || r->narrow == NULL || r->weights == NULL || r->targets == NULL) {
        text_forest_room_fini(r);
        return error_nomem(err, "a session");
    }
    for (uint32_t i = 0; i < t->column_count; i++) {
        r->rows[i] = for_no(t->absent);
        r->rows[t->column_count + i] = for_yes(t->absent);
    }
    return ALF_OK;
}

void text_forest_room_fini(text_forest_room *r)
{
    mem_free(r->rows);
    mem_free(r->narrow);
    mem_free(r->weights);
    mem_free(r->targets);
    *r = (text_forest_room){0};
}

/* ---- scoring ---- */

static inline uint32_t walk(const text_forest *t, const float *rows, uint32_t tree, bool less)
{
    uint32_t node = t->roots[tree];
    while ((node & TEXT_LEAF) == 0) {
        const text_tree_node *n = &t->nodes[node];
        node = next_node(n, rows[n->at], less);
    }
    return node & ~TEXT_LEAF;
}

/* Walks the trees that the columns can turn. Few are turned by two of them, and walking one again
 * does no harm. */
static inline void walk_turned(const text_forest *t, text_forest_room *r, const uint32_t *columns,
                               uint32_t n, bool less, bool wide)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t end = t->turned_begin[columns[i] + 1];
        for (uint32_t k = t->turned_begin[columns[i]]; k < end; k++) {
            uint32_t tree = t->turned[k], leaf = walk(t, r->rows, tree, less);
            if (wide)
                r->weights[tree] = t->weights[leaf];
            else
                r->narrow[tree] = t->narrow[leaf];
            if (!t->regular)
                r->targets[tree] = t->targets[leaf];
        }
    }
}

static void turn_trees(const text_forest *t, text_forest_room *r, const uint32_t *columns,
                       uint32_t n)
{
    if (t->less && !t->wide)
        walk_turned(t, r, columns, n, true, false);
    else if (t->less)
        walk_turned(t, r, columns, n, true, true);
    else if (!t->wide)
        walk_turned(t, r, columns, n, false, false);
    else
        walk_turned(t, r, columns, n, false, true);
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
/* Whole rounds: one tree for each target. Few targets stay in registers. */
#define ADD_ROUNDS(type)                                                                           \
    static inline void add_##type##_by(const type *weights, uint32_t rounds, uint32_t targets,     \
                                       double *sums)                                               \
    {                                                                                              \
        type now[4];                                                                               \
        for (uint32_t k = 0; k < targets; k++)                                                     \
            now[k] = (type)sums[k];                                                                \
        for (uint32_t i = 0; i < rounds; i++, weights += targets)                                  \
            for (uint32_t k = 0; k < targets; k++)                                                 \
                now[k] += weights[k];                                                              \
        for (uint32_t k = 0; k < targets; k++)                                                     \
            sums[k] = (double)now[k];                                                              \
    }                                                                                              \
    static void add_##type##_rounds(const type *weights, uint32_t rounds, uint32_t targets,        \
                                    double *sums)                                                  \
    {                                                                                              \
        switch (targets) {                                                                         \
        case 1:                                                                                    \
            add_##type##_by(weights, rounds, 1, sums);                                             \
            return;                                                                                \
        case 2:                                                                                    \
            add_##type##_by(weights, rounds, 2, sums);                                             \
            return;                                                                                \
        case 3:                                                                                    \
            add_##type##_by(weights, rounds, 3, sums);                                             \
            return;                                                                                \
        case 4:                                                                                    \
            add_##type##_by(weights, rounds, 4, sums);                                             \
            return;                                                                                \
        default:                                                                                   \
            for (uint32_t i = 0; i < rounds; i++, weights += targets)                              \
                for (uint32_t k = 0; k < targets; k++)                                             \
                    sums[k] = (double)((type)sums[k] + weights[k]);                                \
        }                                                                                          \
    }
ADD_ROUNDS(float)
ADD_ROUNDS(double)
/* NOLINTEND(bugprone-macro-parentheses) */

/* Adds the trees from `tree` on. */
static void add_trees(const text_forest *t, const text_forest_room *r, uint32_t tree, double *sums)
{
    if (t->regular) {
        uint32_t rounds = (t->tree_count - tree) / t->target_count;
        if (t->wide)
            add_double_rounds(r->weights + tree, rounds, t->target_count, sums);
        else
            add_float_rounds(r->narrow + tree, rounds, t->target_count, sums);
        return;
    }
    for (; tree < t->tree_count; tree++)
        add_weight(t, &sums[r->targets[tree]],
                   t->wide ? r->weights[tree] : (double)r->narrow[tree]);
}

/* The weights of the empty row, from `tree` on. */
static void empty_weights(const text_forest *t, text_forest_room *r, uint32_t tree)
{
    size_t rest = t->tree_count - tree;
    if (t->wide)
        memcpy(r->weights + tree, t->empty_weights + tree, rest * sizeof *r->weights);
    else
        memcpy(r->narrow + tree, t->empty_narrow + tree, rest * sizeof *r->narrow);
    if (!t->regular)
        memcpy(r->targets + tree, t->empty_targets + tree, rest * sizeof *r->targets);
}

void text_forest_sum(const text_forest *t, text_forest_room *r, const uint32_t *columns,
                     const float *values, uint32_t n, double *sums)
{
    uint32_t first = t->tree_count, known = 0; /* columns that the forest has */
    for (; known < n && columns[known] < t->column_count; known++) {
        uint32_t column = columns[known], begin = t->turned_begin[column];
        if (begin < t->turned_begin[column + 1] && t->turned[begin] < first)
            first = t->turned[begin];
        r->rows[column] = for_no(values[known]);
        r->rows[t->column_count + column] = for_yes(values[known]);
    }
    uint32_t row = first <= t->lead ? 0 : (first - t->lead) / t->step;
    uint32_t tree = t->lead + row * t->step;
    memcpy(sums, t->sums + (size_t)row * t->target_count, t->target_count * sizeof *sums);
    empty_weights(t, r, tree);
    turn_trees(t, r, columns, known);
    add_trees(t, r, tree, sums);
    for (uint32_t i = 0; i < known; i++) {
        r->rows[columns[i]] = for_no(t->absent);
        r->rows[t->column_count + columns[i]] = for_yes(t->absent);
    }
}
