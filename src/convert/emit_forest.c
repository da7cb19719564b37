/*
 * A forest as a TreeEnsemble of ai.onnx.ml 5, where splits, leaf weights and modes are tensors:
 * the compact form, and the only one that runs in float64.
 *
 * Exactness. The operator adds trees in the order of tree_roots, starting from zero, and knows no
 * base values. So the base is written as trees of a single leaf, which come first: 0 + base is
 * exact, and then the sums are those of forest_sum. A leaf has one weight there; a tree whose
 * leaves have several is written once for each of them, which keeps the order within each target.
 *
 * Sets become BRANCH_MEMBER. Features that the forest rounds are rounded by nodes before it.
 */
#include "convert/emit_internal.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Interior nodes and leaves of the operator, as its attributes want them. */
typedef struct ensemble {
    size_t node_count, leaf_count, root_count, member_count;
    size_t node_room, leaf_room, root_room, member_room;
    int64_t *feature, *yes, *no, *yes_leaf, *no_leaf, *missing_yes, *roots, *target;
    uint8_t *mode;
    double *split, *weight, *members;
    bool any_missing_yes;
} ensemble;

/* The number of copies of a tree: one for each value of its widest leaf. */
static uint32_t widest_leaf(const forest *f, uint32_t begin, uint32_t end)
{
    uint32_t widest = 1;
    for (uint32_t i = begin; i < end; i++)
        if (f->nodes[i].feature < 0 && f->nodes[i].no > widest)
            widest = f->nodes[i].no;
    return widest;
}

static uint32_t tree_end(const forest *f, uint32_t t)
{
    return t + 1 < f->tree_count ? f->roots[t + 1] : f->node_count;
}

static void measure(const forest *f, ensemble *e)
{
    size_t base = f->base != NULL ? f->target_count : 0;
    e->node_room = e->leaf_room = e->root_room = base + 1;
    for (uint32_t t = 0; t < f->tree_count; t++) {
        uint32_t end = tree_end(f, t);
        size_t copies = widest_leaf(f, f->roots[t], end);
        e->node_room += copies * (end - f->roots[t]);
        e->root_room += copies;
        for (uint32_t i = f->roots[t]; i < end; i++)
            if (f->nodes[i].feature >= 0 && f->nodes[i].mode == FOREST_MEMBER)
                e->member_room += copies * ((size_t)f->nodes[i].set_count + 1);
    }
    e->leaf_room = e->node_room;
}

static alf_status make_ensemble(const forest *f, arena *memory, ensemble *e, alf_error *err)
{
    measure(f, e);
    size_t n = e->node_room;
    e->feature = arena_alloc(memory, n, sizeof *e->feature);
    e->yes = arena_alloc(memory, n, sizeof *e->yes);
    e->no = arena_alloc(memory, n, sizeof *e->no);
    e->yes_leaf = arena_alloc(memory, n, sizeof *e->yes_leaf);
    e->no_leaf = arena_alloc(memory, n, sizeof *e->no_leaf);
    e->missing_yes = arena_alloc(memory, n, sizeof *e->missing_yes);
    e->mode = arena_alloc(memory, n, sizeof *e->mode);
    e->split = arena_alloc(memory, n, sizeof *e->split);
    e->roots = arena_alloc(memory, e->root_room, sizeof *e->roots);
    e->target = arena_alloc(memory, e->leaf_room, sizeof *e->target);
    e->weight = arena_alloc(memory, e->leaf_room, sizeof *e->weight);
    e->members = arena_alloc(memory, e->member_room, sizeof *e->members);
    if (e->feature == NULL || e->yes == NULL || e->no == NULL || e->yes_leaf == NULL ||
        e->no_leaf == NULL || e->missing_yes == NULL || e->mode == NULL || e->split == NULL ||
        e->roots == NULL || e->target == NULL || e->weight == NULL || e->members == NULL)
        return error_nomem(err, "a tree ensemble");
    return ALF_OK;
}

static size_t add_leaf(ensemble *e, double weight, uint32_t target)
{
    e->weight[e->leaf_count] = weight;
    e->target[e->leaf_count] = target;
    return e->leaf_count++;
}

/* A tree of one leaf is a node whose branches are the same leaf. It takes the mode of the other
 * nodes, since engines are faster when there is only one. */
static void add_constant_tree(ensemble *e, uint8_t mode, double weight, uint32_t target)
{
    size_t n = e->node_count++;
    e->roots[e->root_count++] = (int64_t)n;
    e->mode[n] = mode;
    e->yes_leaf[n] = e->no_leaf[n] = 1;
    e->yes[n] = e->no[n] = (int64_t)add_leaf(e, weight, target);
}

/* The test of a node. "x != t" is turned round, because NaN satisfies it whatever missing values
 * should do; an empty set is a test that never holds. */
static void put_test(const forest *f, const forest_node *from, ensemble *e, size_t n)
{
    e->feature[n] = from->feature;
    e->mode[n] = from->mode;
    e->split[n] = from->threshold;
    e->missing_yes[n] = from->missing_yes;
    if (from->mode == FOREST_NEQ) {
        e->mode[n] = FOREST_EQ;
        e->missing_yes[n] = !from->missing_yes;
    }
    if (from->mode == FOREST_MEMBER) {
        e->split[n] = 0;
        if (from->set_count == 0) {
            e->mode[n] = FOREST_LT;
            e->split[n] = -INFINITY;
        }
        for (uint32_t i = 0; i < from->set_count; i++)
            e->members[e->member_count++] = f->set_values[from->set_begin + i];
        if (from->set_count > 0)
            e->members[e->member_count++] = (double)NAN;
    }
    if (e->missing_yes[n])
        e->any_missing_yes = true;
}

/* The weight that copy k of a tree takes from a leaf. */
static forest_leaf_value leaf_value(const forest *f, const forest_node *leaf, uint32_t k)
{
    return k < leaf->no ? f->leaf_values[leaf->yes + k] : (forest_leaf_value){0, 0};
}

/* Where a child went: place[] holds the new index of each node of the tree. */
static void put_branches(const forest *f, const forest_node *from, const uint32_t *place,
                         ensemble *e, size_t n)
{
    uint32_t yes = from->yes, no = from->no;
    if (from->mode == FOREST_NEQ) {
        yes = from->no;
        no = from->yes;
    }
    e->yes[n] = place[yes];
    e->no[n] = place[no];
    e->yes_leaf[n] = f->nodes[yes].feature < 0;
    e->no_leaf[n] = f->nodes[no].feature < 0;
}

static void add_tree(const forest *f, uint32_t t, uint32_t copy, uint32_t *place, ensemble *e)
{
    uint32_t begin = f->roots[t], end = tree_end(f, t);
    if (f->nodes[begin].feature < 0) {
        forest_leaf_value v = leaf_value(f, &f->nodes[begin], copy);
        uint8_t mode = e->node_count > 0 ? e->mode[e->node_count - 1] : FOREST_LEQ;
        add_constant_tree(e, mode == FOREST_MEMBER ? FOREST_LEQ : mode, v.weight, v.target);
        return;
    }
    size_t first = e->node_count;
    for (uint32_t i = begin; i < end; i++) {
        const forest_node *node = &f->nodes[i];
        if (node->feature < 0) {
            forest_leaf_value v = leaf_value(f, node, copy);
            place[i] = (uint32_t)add_leaf(e, v.weight, v.target);
        } else {
            place[i] = (uint32_t)e->node_count;
            put_test(f, node, e, e->node_count++);
        }
    }
    size_t n = first;
    for (uint32_t i = begin; i < end; i++)
        if (f->nodes[i].feature >= 0)
            put_branches(f, &f->nodes[i], place, e, n++);
    e->roots[e->root_count++] = (int64_t)first;
}

static uint8_t common_mode(const forest *f)
{
    for (uint32_t i = 0; i < f->node_count; i++)
        if (f->nodes[i].feature >= 0 && f->nodes[i].mode <= FOREST_GT)
            return f->nodes[i].mode;
    return FOREST_LEQ;
}

static alf_status fill_ensemble(const forest *f, arena *memory, ensemble *e, alf_error *err)
{
    uint32_t *place = arena_alloc(memory, f->node_count, sizeof *place);
    if (place == NULL)
        return error_nomem(err, "a tree ensemble");
    uint8_t mode = common_mode(f);
    for (uint32_t k = 0; f->base != NULL && k < f->target_count; k++)
        if (f->base[k] != 0)
            add_constant_tree(e, mode, f->base[k], k);
    for (uint32_t t = 0; t < f->tree_count; t++) {
        uint32_t copies = widest_leaf(f, f->roots[t], tree_end(f, t));
        for (uint32_t copy = 0; copy < copies; copy++)
            add_tree(f, t, copy, place, e);
    }
    if (e->node_count == 0)
        add_constant_tree(e, mode, 0, 0);
    return ALF_OK;
}

/* A tensor attribute of the forest's number type. */
static alf_status set_numbers(onnx_model *m, onnx_node *node, const char *name, const forest *f,
                              const double *numbers, size_t count, alf_error *err)
{
    const int64_t dims[] = {(int64_t)count};
    if (f->number == FOREST_F64)
        return onnx_set_tensor(m, node, name, ONNX_DOUBLE, 1, dims, numbers, err);
    float *narrow = mem_alloc(count * sizeof *narrow);
    if (narrow == NULL)
        return error_nomem(err, "a tree ensemble");
    for (size_t i = 0; i < count; i++)
        narrow[i] = (float)numbers[i];
    alf_status status = onnx_set_tensor(m, node, name, ONNX_FLOAT, 1, dims, narrow, err);
    mem_free(narrow);
    return status;
}

static alf_status set_attributes(onnx_model *m, onnx_node *node, const forest *f, const ensemble *e,
                                 alf_error *err)
{
    size_t n = e->node_count, leaves = e->leaf_count;
    TRY(onnx_set_int(m, node, "n_targets", f->target_count, err));
    TRY(onnx_set_ints(m, node, "tree_roots", e->roots, e->root_count, err));
    TRY(onnx_set_ints(m, node, "nodes_featureids", e->feature, n, err));
    TRY(onnx_set_tensor(m, node, "nodes_modes", ONNX_UINT8, 1, (const int64_t[]){(int64_t)n},
                        e->mode, err));
    TRY(set_numbers(m, node, "nodes_splits", f, e->split, n, err));
    TRY(onnx_set_ints(m, node, "nodes_truenodeids", e->yes, n, err));
    TRY(onnx_set_ints(m, node, "nodes_falsenodeids", e->no, n, err));
    TRY(onnx_set_ints(m, node, "nodes_trueleafs", e->yes_leaf, n, err));
    TRY(onnx_set_ints(m, node, "nodes_falseleafs", e->no_leaf, n, err));
    if (e->any_missing_yes)
        TRY(onnx_set_ints(m, node, "nodes_missing_value_tracks_true", e->missing_yes, n, err));
    if (e->member_count > 0)
        TRY(set_numbers(m, node, "membership_values", f, e->members, e->member_count, err));
    TRY(onnx_set_ints(m, node, "leaf_targetids", e->target, leaves, err));
    return set_numbers(m, node, "leaf_weights", f, e->weight, leaves, err);
}

/* ---- rounding ---- */

/* Which features are rounded so, as bool[F]. */
static alf_status add_mask(onnx_model *m, const char *name, const forest *f,
                           forest_rounding rounding, alf_error *err)
{
    uint8_t *mask = mem_alloc(f->feature_count);
    if (mask == NULL)
        return error_nomem(err, "a tree ensemble");
    for (uint32_t i = 0; i < f->feature_count; i++)
        mask[i] = f->rounding[i] == rounding;
    alf_status status =
        onnx_add_initializer(m, name, ONNX_BOOL, 1, (const int64_t[]){f->feature_count}, mask, err);
    mem_free(mask);
    return status;
}

static bool rounds(const forest *f, forest_rounding rounding)
{
    for (uint32_t i = 0; i < f->feature_count; i++)
        if (f->rounding[i] == rounding)
            return true;
    return false;
}

/* x rounded towards zero: there is no such operator. */
static alf_status add_truncated(onnx_model *m, const forest *f, const char *input, alf_error *err)
{
    char inputs[64];
    TRY(f->number == FOREST_F64 ? emit_double(m, "origin", 0.0, err)
                                : emit_float(m, "origin", 0.0F, err));
    TRY(emit_node(m, "Ceil", input, "raised", err));
    (void)snprintf(inputs, sizeof inputs, "%s origin", input);
    TRY(emit_node(m, "Less", inputs, "negative", err));
    return emit_node(m, "Where", "negative raised floored", "truncated", err);
}

/* The input with its features rounded as the forest wants them. The operator tests equality, and
 * ONNX Runtime takes 2.5 for a member of some sets that hold 2: whole numbers suit both. */
static alf_status emit_rounding(onnx_model *m, const forest *f, const char **input, alf_error *err)
{
    char inputs[64];
    if (f->rounding == NULL)
        return ALF_OK;
    TRY(emit_node(m, "Floor", *input, "floored", err));
    if (rounds(f, FOREST_TRUNC)) {
        TRY(add_mask(m, "is_truncated", f, FOREST_TRUNC, err));
        TRY(add_truncated(m, f, *input, err));
        (void)snprintf(inputs, sizeof inputs, "is_truncated truncated %s", *input);
        TRY(emit_node(m, "Where", inputs, "whole", err));
        *input = "whole";
    }
    if (rounds(f, FOREST_FLOOR)) {
        TRY(add_mask(m, "is_floored", f, FOREST_FLOOR, err));
        (void)snprintf(inputs, sizeof inputs, "is_floored floored %s", *input);
        TRY(emit_node(m, "Where", inputs, "categories", err));
        *input = "categories";
    }
    return ALF_OK;
}

alf_status emit_tree_ensemble(onnx_model *m, const forest *f, const char *input, const char *output,
                              alf_error *err)
{
    TRY(forest_check(f, err));
    TRY(onnx_add_opset(m, "ai.onnx.ml", EMIT_OPSET_ML, err));
    m->ir_version = EMIT_IR_ML5;
    TRY(emit_rounding(m, f, &input, err));
    onnx_node *node;
    TRY(onnx_add_node(m, "ai.onnx.ml", "TreeEnsemble", output, input, output, &node, err));
    arena memory;
    arena_init(&memory, 0);
    ensemble e = {0};
    alf_status status = make_ensemble(f, &memory, &e, err);
    if (status == ALF_OK)
        status = fill_ensemble(f, &memory, &e, err);
    if (status == ALF_OK)
        status = set_attributes(m, node, f, &e, err);
    arena_fini(&memory);
    return status;
}
