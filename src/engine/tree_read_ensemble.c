/*
 * Reads the attributes of TreeEnsemble (ai.onnx.ml 5): inner nodes and leaves are numbered apart,
 * and a child is a leaf when its mark says so. A leaf may be named more than once; each time it
 * becomes a node of its own. A tree that is one leaf has a root whose children are that same leaf.
 */
#include "engine/tree_build.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ensemble_lists {
    size_t count; /* of inner nodes */
    const int64_t *features, *yes, *no, *yes_leaf, *no_leaf, *missing;
    const onnx_tensor *splits, *modes, *weights, *members;
    const int64_t *targets;
    size_t missing_count, target_count;
} ensemble_lists;

static double element(const onnx_tensor *t, size_t i)
{
    return t->type == ONNX_DOUBLE ? ((const double *)t->data)[i]
                                  : (double)((const float *)t->data)[i];
}

static alf_status read_same(const prepare *p, const char *name, size_t count, const int64_t **out)
{
    size_t n;
    TRY(prepare_ints(p, name, out, &n));
    if (n != count)
        return prepare_fail(p, ALF_E_FORMAT, "%s has %zu entries, expected %zu", name, n, count);
    return ALF_OK;
}

/* A tensor of the input's type; NULL when absent and not required. */
static alf_status read_like_input(const prepare *p, const char *name, bool required,
                                  const onnx_tensor **out)
{
    TRY(prepare_tensor(p, name, out));
    if (*out == NULL && required)
        return prepare_fail(p, ALF_E_FORMAT, "attribute %s is missing", name);
    if (*out != NULL && (*out)->type != p->inputs[0]->type)
        return prepare_fail(p, ALF_E_FORMAT, "%s is of type %s, the input of type %s", name,
                            onnx_type_name((*out)->type), onnx_type_name(p->inputs[0]->type));
    return ALF_OK;
}

static alf_status read_lists(const prepare *p, ensemble_lists *l)
{
    TRY(prepare_ints(p, "nodes_featureids", &l->features, &l->count));
    TRY(read_same(p, "nodes_truenodeids", l->count, &l->yes));
    TRY(read_same(p, "nodes_falsenodeids", l->count, &l->no));
    TRY(read_same(p, "nodes_trueleafs", l->count, &l->yes_leaf));
    TRY(read_same(p, "nodes_falseleafs", l->count, &l->no_leaf));
    TRY(prepare_ints(p, "nodes_missing_value_tracks_true", &l->missing, &l->missing_count));
    TRY(read_like_input(p, "nodes_splits", true, &l->splits));
    TRY(read_like_input(p, "leaf_weights", true, &l->weights));
    TRY(read_like_input(p, "membership_values", false, &l->members));
    TRY(prepare_tensor(p, "nodes_modes", &l->modes));
    TRY(prepare_ints(p, "leaf_targetids", &l->targets, &l->target_count));
    if (l->modes == NULL || l->modes->type != ONNX_UINT8)
        return prepare_fail(p, ALF_E_FORMAT, "nodes_modes is not a tensor of uint8");
    if (l->splits->count != l->count || l->modes->count != l->count ||
        (l->missing_count != 0 && l->missing_count != l->count) ||
        l->weights->count != l->target_count)
        return prepare_fail(p, ALF_E_FORMAT,
                            "%zu nodes with %" PRIu64 " splits, %" PRIu64 " modes and %zu "
                            "missing-value marks; %zu leaf targets with %" PRIu64 " weights",
                            l->count, l->splits->count, l->modes->count, l->missing_count,
                            l->target_count, l->weights->count);
    if (l->count >= INT32_MAX / 3)
        return prepare_fail(p, ALF_E_LIMIT, "%zu nodes in one ensemble", l->count);
    return ALF_OK;
}

static alf_status read_leaf_values(const prepare *p, const ensemble_lists *l, tree_source *out)
{
    out->leaf_value_count = l->target_count;
    TRY(prepare_alloc(p, l->target_count, sizeof *out->leaf_values, &out->leaf_values));
    for (size_t i = 0; i < l->target_count; i++) {
        if (l->targets[i] < 0 || l->targets[i] >= (int64_t)out->target_count)
            return prepare_fail(p, ALF_E_FORMAT, "leaf %zu is for column %" PRId64 " of %" PRIu32,
                                i, l->targets[i], out->target_count);
        out->leaf_values[i] = (forest_leaf_value){element(l->weights, i), (uint32_t)l->targets[i]};
    }
    return ALF_OK;
}

static int compare_members(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The sets of the BRANCH_MEMBER nodes stand one after another, each ended by a NaN. */
static alf_status read_sets(const prepare *p, const ensemble_lists *l, tree_source *out)
{
    size_t at = 0, end = l->members != NULL ? (size_t)l->members->count : 0;
    TRY(prepare_alloc(p, end, sizeof *out->set_values, &out->set_values));
    for (size_t i = 0; i < l->count; i++) {
        tree_node *n = &out->nodes[i];
        if (n->mode != FOREST_MEMBER)
            continue;
        n->first = (uint32_t)out->set_value_count;
        for (; at < end && !isnan(element(l->members, at)); at++)
            out->set_values[out->set_value_count++] = element(l->members, at);
        if (at == end)
            return prepare_fail(p, ALF_E_FORMAT,
                                "node %zu: its set in membership_values has no end", i);
        at++;
        n->count = (uint32_t)out->set_value_count - n->first;
        if (n->count > 1)
            qsort(out->set_values + n->first, n->count, sizeof *out->set_values, compare_members);
    }
    if (at != end)
        return prepare_fail(p, ALF_E_FORMAT, "membership_values has more sets than nodes use");
    return ALF_OK;
}

/* One child: a node, or a leaf that becomes a new node. */
static alf_status read_child(const prepare *p, const ensemble_lists *l, size_t node, bool yes,
                             tree_source *out)
{
    int64_t child = (yes ? l->yes : l->no)[node];
    bool leaf = (yes ? l->yes_leaf : l->no_leaf)[node] != 0;
    size_t limit = leaf ? l->target_count : l->count;
    if (child < 0 || (uint64_t)child >= limit)
        return prepare_fail(p, ALF_E_FORMAT, "node %zu: its child %" PRId64 " is not there", node,
                            child);
    uint32_t index = (uint32_t)child;
    if (leaf) {
        index = (uint32_t)out->node_count++;
        out->nodes[index] = (tree_node){
            .mode = TREE_LEAF, .first = (uint32_t)child, .count = 1, .tree = -1, .id = child};
    }
    *(yes ? &out->nodes[node].yes : &out->nodes[node].no) = index;
    return ALF_OK;
}

static alf_status read_nodes(const prepare *p, const ensemble_lists *l, tree_source *out)
{
    const uint8_t *modes = l->modes->data;
    out->node_count = l->count;
    for (size_t i = 0; i < l->count; i++) {
        if (modes[i] > FOREST_MEMBER)
            return prepare_fail(p, ALF_E_FORMAT, "node %zu: its kind %d is unknown", i, modes[i]);
        out->nodes[i] = (tree_node){.feature = l->features[i],
                                    .threshold = element(l->splits, i),
                                    .mode = modes[i],
                                    .missing_yes = l->missing_count != 0 && l->missing[i] != 0,
                                    .tree = -1,
                                    .id = (int64_t)i};
    }
    for (size_t i = 0; i < l->count; i++) {
        TRY(read_child(p, l, i, true, out));
        TRY(read_child(p, l, i, false, out));
    }
    return read_sets(p, l, out);
}

alf_status tree_read_ensemble(const prepare *p, arena *temporary, tree_source *out)
{
    ensemble_lists l;
    const int64_t *roots;
    memset(&l, 0, sizeof l);
    TRY(read_lists(p, &l));
    out->number = p->inputs[0]->type == ONNX_DOUBLE ? FOREST_F64 : FOREST_F32;
    TRY(arena_take(temporary, 3 * l.count, sizeof *out->nodes, &out->nodes, p->err));
    TRY(read_leaf_values(p, &l, out));
    TRY(read_nodes(p, &l, out));
    TRY(prepare_ints(p, "tree_roots", &roots, &out->root_count));
    TRY(arena_take(temporary, out->root_count, sizeof *out->roots, &out->roots, p->err));
    for (size_t i = 0; i < out->root_count; i++) {
        if (roots[i] < 0 || (uint64_t)roots[i] >= l.count)
            return prepare_fail(p, ALF_E_FORMAT, "tree %zu: its root %" PRId64 " is not there", i,
                                roots[i]);
        out->roots[i] = (uint32_t)roots[i];
    }
    return ALF_OK;
}
