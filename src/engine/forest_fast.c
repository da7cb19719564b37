/*
 * From a checked forest to its normal form, the choice between the ways, and rows of any type
 * to rows of columns. Building takes time and memory proportional to the forest, whatever it is.
 */
#include "engine/forest_internal.h"

#include "engine/kernel.h"

#include <math.h>
#include <string.h>

struct forest_fast {
    const forest *f;
    const forest_column *columns;
    uint32_t column_count;
    size_t group;      /* rows that the way takes at a time */
    forest_bits *bits; /* one of the three */
    forest_ranks *ranks;
    forest_walk *walk;
};

alf_status forest_take(arena *memory, size_t count, size_t size, void *out, alf_error *err)
{
    void *none = NULL;
    memcpy(out, &none, sizeof none);
    if (arena_over_limit(memory, count, size))
        return ALF_OK;
    return arena_take(memory, count, size, out, err);
}

alf_status forest_take_unset(arena *memory, size_t count, size_t size, void *out, alf_error *err)
{
    void *none = NULL;
    memcpy(out, &none, sizeof none);
    if (arena_over_limit(memory, count, size))
        return ALF_OK;
    return arena_take_unset(memory, count, size, out, err);
}

uint32_t forest_tree_end(const forest *f, uint32_t tree)
{
    return tree + 1 < f->tree_count ? f->roots[tree + 1] : f->node_count;
}

/* ---- normal form ---- */

/* false: the test has none. */
static bool normal_test(const forest_node *from, normal_node *to, bool *missing_left)
{
    bool strict = from->mode == FOREST_LT || from->mode == FOREST_GTE; /* x < t decides */
    bool swapped = from->mode == FOREST_GTE || from->mode == FOREST_GT;
    if (from->mode > FOREST_GT || (strict && from->threshold <= -(double)INFINITY))
        return false;
    to->threshold = strict ? nextafter(from->threshold, -(double)INFINITY) : from->threshold;
    to->left = swapped ? from->no : from->yes;
    to->right = swapped ? from->yes : from->no;
    *missing_left = from->missing_yes != swapped;
    return *missing_left || to->threshold < (double)INFINITY;
}

/* The first column of each feature; open addressing. */
typedef struct column_map {
    uint32_t *slots; /* column + 1; 0: free */
    uint32_t mask;
} column_map;

static uint32_t add_column(normal_forest *n, uint32_t feature, bool left)
{
    double missing = left ? -(double)INFINITY : (double)INFINITY;
    n->columns[n->column_count] = (forest_column){feature, missing};
    n->twins[n->column_count] = NO_TWIN;
    return n->column_count++;
}

/* left: the side that missing values take. */
static uint32_t find_column(normal_forest *n, const column_map *map, uint32_t feature, bool left)
{
    uint32_t at = feature * 0x9E3779B1u;
    for (at ^= at >> 15; map->slots[at & map->mask] != 0; at++)
        if (n->columns[map->slots[at & map->mask] - 1].feature == feature)
            break;
    uint32_t *slot = &map->slots[at & map->mask];
    if (*slot == 0)
        *slot = add_column(n, feature, left) + 1;
    uint32_t first = *slot - 1;
    if ((n->columns[first].missing < 0) == left)
        return first;
    if (n->twins[first] == NO_TWIN) {
        uint32_t twin = add_column(n, feature, left);
        n->twins[first] = twin;
        n->twins[twin] = first;
    }
    return n->twins[first];
}

static bool normalise_nodes(normal_forest *n, const column_map *map)
{
    for (uint32_t i = 0; i < n->f->node_count; i++) {
        const forest_node *from = &n->f->nodes[i];
        normal_node *to = &n->nodes[i];
        bool missing_left;
        *to = (normal_node){.column = NORMAL_LEAF};
        if (from->feature < 0)
            continue;
        if (!normal_test(from, to, &missing_left))
            return false;
        to->column = find_column(n, map, (uint32_t)from->feature, missing_left);
    }
    return true;
}

/* Children come after their parents. A split is on the way to each leaf below it: so the sum of
 * the leaves' depths is the sum of the splits' leaves. */
double forest_measure_tree(normal_forest *n, uint32_t root, uint32_t end)
{
    double depths = 0;
    uint32_t splits = 0;
    for (uint32_t i = end; i-- > root;) {
        const normal_node *node = &n->nodes[i];
        n->leaves[i] = 1;
        if (node->column == NORMAL_LEAF)
            continue;
        n->leaves[i] = n->leaves[node->left] + n->leaves[node->right];
        depths += n->leaves[i];
        splits++;
    }
    n->split_count += splits;
    n->leaf_count += n->leaves[root];
    if (n->leaves[root] > n->most_leaves)
        n->most_leaves = n->leaves[root];
    return depths;
}

/* Whether every leaf has one value, all of a tree for the same target; says which. */
static bool simple_values(const forest *f, uint32_t *targets)
{
    for (uint32_t t = 0; t < f->tree_count; t++) {
        bool first = true;
        uint32_t end = forest_tree_end(f, t);
        for (uint32_t i = f->roots[t]; i < end; i++) {
            const forest_node *leaf = &f->nodes[i];
            if (leaf->feature >= 0)
                continue;
            if (leaf->no != 1 || (!first && f->leaf_values[leaf->yes].target != targets[t]))
                return false;
            targets[t] = f->leaf_values[leaf->yes].target;
            first = false;
        }
    }
    return true;
}

/* *normal false: it has no normal form, or memory has its limit in the way. */
static alf_status normalise(normal_forest *n, arena *memory, bool *normal, alf_error *err)
{
    const forest *f = n->f;
    column_map map = {.mask = 15};
    *normal = false;
    size_t columns = 2 * (size_t)f->feature_count; /* at most; and one a node */
    columns = columns < f->node_count ? columns : f->node_count;
    while (map.mask < 2 * (uint64_t)columns && map.mask < UINT32_MAX / 2)
        map.mask = map.mask * 2 + 1;
    TRY(forest_take(n->temporary, (size_t)map.mask + 1, sizeof *map.slots, &map.slots, err));
    TRY(forest_take_unset(n->temporary, f->node_count, sizeof *n->nodes, &n->nodes, err));
    TRY(forest_take_unset(n->temporary, f->node_count, sizeof *n->leaves, &n->leaves, err));
    TRY(forest_take_unset(n->temporary, columns, sizeof *n->columns, &n->columns, err));
    TRY(forest_take_unset(n->temporary, columns, sizeof *n->twins, &n->twins, err));
    TRY(forest_take(memory, f->tree_count, sizeof *n->targets, &n->targets, err));
    if (map.slots == NULL || n->nodes == NULL || n->leaves == NULL || n->columns == NULL ||
        n->twins == NULL || n->targets == NULL || !normalise_nodes(n, &map))
        return ALF_OK;
    double depths = 0;
    for (uint32_t t = 0; t < f->tree_count; t++)
        depths += forest_measure_tree(n, f->roots[t], forest_tree_end(f, t));
    n->mean_depth = depths / n->leaf_count;
    n->simple = simple_values(f, n->targets);
    *normal = true;
    return ALF_OK;
}

/* ---- build ---- */

const forest_costs *forest_costs_of(cpu_level level)
{
    static const forest_costs portable = {100, 3.2, 2.0, 1.6, (double)INFINITY, 3.3},
                              avx2 = {60, 1.8, 2.0, 1.6, 6.2, 3.3},
                              avx512 = {50, 0.9, 1.4, 1.4, 3.5, 3.3};
    return level >= CPU_AVX512 ? &avx512 : level >= CPU_AVX2 ? &avx2 : &portable;
}

/* The cheapest way that can be built. */
static alf_status build_best(const normal_forest *n, cpu_level level, arena *memory,
                             forest_fast *ff, alf_error *err)
{
    double walk = forest_costs_of(level)->step * (n->mean_depth + 1) * n->f->tree_count;
    double ranks = forest_ranks_cost(n, level);
    TRY(forest_bits_build(n, ranks < walk ? ranks : walk, level, memory, &ff->bits, err));
    if (ff->bits == NULL && ranks < walk) {
        TRY(forest_ranks_build(n, false, level, memory, &ff->ranks, err));
        if (ff->ranks == NULL) /* it cannot be built */
            TRY(forest_bits_build(n, walk, level, memory, &ff->bits, err));
    }
    return ff->bits == NULL && ff->ranks == NULL ? forest_walk_build(n, memory, &ff->walk, err)
                                                 : ALF_OK;
}

static alf_status build_ways(const normal_forest *n, forest_way way, cpu_level level, arena *memory,
                             forest_fast *ff, alf_error *err)
{
    switch (way) {
    case FOREST_BITS:
        return forest_bits_build(n, (double)INFINITY, level, memory, &ff->bits, err);
    case FOREST_RANKS:
        return forest_ranks_build(n, true, level, memory, &ff->ranks, err);
    case FOREST_WALK:
        return forest_walk_build(n, memory, &ff->walk, err);
    default:
        return build_best(n, level, memory, ff, err);
    }
}

static alf_status build(normal_forest *n, forest_way way, cpu_level level, arena *memory,
                        const forest_fast **out, alf_error *err)
{
    bool normal;
    forest_fast *ff;
    forest_column *columns;
    TRY(normalise(n, memory, &normal, err));
    if (!normal)
        return ALF_OK;
    TRY(forest_take(memory, 1, sizeof *ff, &ff, err));
    TRY(forest_take(memory, n->column_count, sizeof *columns, &columns, err));
    if (ff == NULL || columns == NULL)
        return ALF_OK;
    memcpy(columns, n->columns, n->column_count * sizeof *columns);
    ff->f = n->f;
    ff->columns = columns;
    ff->column_count = n->column_count;
    TRY(build_ways(n, way, level, memory, ff, err));
    ff->group = ff->ranks != NULL ? (size_t)RANKS_ROWS : (size_t)FOREST_GROUP;
    if (ff->bits != NULL || ff->ranks != NULL || ff->walk != NULL)
        *out = ff;
    return ALF_OK;
}

alf_status forest_fast_build_as(const forest *f, forest_way way, cpu_level level, arena *memory,
                                const forest_fast **out, alf_error *err)
{
    arena temporary;
    *out = NULL;
    if (f->tree_count == 0 || f->rounding != NULL)
        return ALF_OK;
    arena_init(&temporary, memory->limit);
    normal_forest n = {.f = f, .whole = f, .temporary = &temporary};
    alf_status status = build(&n, way, level, memory, out, err);
    arena_fini(&temporary);
    return status;
}

alf_status forest_fast_build(const forest *f, arena *memory, const forest_fast **out,
                             alf_error *err)
{
    return forest_fast_build_as(f, FOREST_ANY_WAY, cpu_best(), memory, out, err);
}

forest_way forest_fast_way(const forest_fast *ff)
{
    return ff->bits != NULL ? FOREST_BITS : ff->ranks != NULL ? FOREST_RANKS : FOREST_WALK;
}

bool forest_fast_reads_nodes(const forest_fast *ff)
{
    return ff->bits != NULL    ? forest_bits_reads_nodes(ff->bits)
           : ff->ranks != NULL ? forest_ranks_reads_nodes(ff->ranks)
                               : true;
}

/* ---- run ---- */

/* Doubles from one row of columns to the next. */
static size_t row_stride(const forest_fast *ff)
{
    return (size_t)ff->column_count + 1;
}

size_t forest_fast_scratch(const forest_fast *ff, size_t rows)
{
    size_t group = rows < ff->group ? rows : ff->group;
    size_t way = ff->bits != NULL    ? forest_bits_scratch(ff->bits)
                 : ff->ranks != NULL ? forest_ranks_scratch()
                                     : 0;
    return group * row_stride(ff) * sizeof(double) + way;
}

static inline double number_at(const forest_rows *rows, size_t at)
{
    switch (rows->type) {
    case ONNX_FLOAT:
        return (double)((const float *)rows->data)[at];
    case ONNX_DOUBLE:
        return ((const double *)rows->data)[at];
    case ONNX_INT32:
        return (double)((const int32_t *)rows->data)[at];
    default:
        return (double)((const int64_t *)rows->data)[at];
    }
}

static void take_columns(const forest_fast *ff, const forest_rows *rows, size_t row, double *x)
{
    bool narrow = ff->f->number == FOREST_F32 && rows->type != ONNX_FLOAT;
    for (uint32_t c = 0; c < ff->column_count; c++) {
        double value = number_at(rows, row * rows->columns + ff->columns[c].feature);
        if (narrow)
            value = (double)(float)value;
        x[c] = isnan(value) ? ff->columns[c].missing : value;
    }
}

void forest_fast_sum(const forest_fast *ff, const forest_rows *rows, size_t count, double *out,
                     void *scratch)
{
    const forest *f = ff->f;
    size_t stride = row_stride(ff);
    double *x = scratch;
    for (size_t done = 0; done < count;) {
        size_t group = count - done < ff->group ? count - done : ff->group;
        double *to = out + done * f->target_count;
        for (size_t r = 0; r < group; r++) {
            take_columns(ff, rows, done + r, x + r * stride);
            x[r * stride + ff->column_count] = 0;
            for (uint32_t i = 0; i < f->target_count; i++)
                to[r * f->target_count + i] = f->base != NULL ? f->base[i] : 0.0;
        }
        if (ff->bits != NULL)
            forest_bits_sum(ff->bits, x, stride, group, to, x + group * stride);
        else if (ff->ranks != NULL)
            forest_ranks_sum(ff->ranks, x, stride, group, to, x + group * stride);
        else
            forest_walk_sum(ff->walk, x, stride, group, to);
        done += group;
    }
}
