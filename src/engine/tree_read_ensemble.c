/*
 * The attributes of TreeEnsemble (ai.onnx.ml 5) -> a forest, laid out as tree_build.c does: inner
 * nodes and leaves are numbered apart, and a child is a leaf when its mark says so. A leaf may be
 * named more than once; each time it becomes a node of its own. A tree that is one leaf has a root
 * whose children are that same leaf.
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
    if (l->count >= INT32_MAX / 3 || l->target_count >= INT32_MAX)
        return prepare_fail(p, ALF_E_LIMIT, "%zu nodes and %zu leaves in one ensemble", l->count,
                            l->target_count);
    return ALF_OK;
}

static alf_status read_leaf_values(const prepare *p, const ensemble_lists *l, forest *out)
{
    out->leaf_value_count = (uint32_t)l->target_count;
    TRY(arena_take_unset(p->memory, l->target_count, sizeof *out->leaf_values, &out->leaf_values,
                         p->err));
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

/* The set of a BRANCH_MEMBER node in the forest's set values. */
typedef struct set_range {
    uint32_t first, count;
} set_range;

/* The sets of the BRANCH_MEMBER nodes stand one after another, each ended by a NaN. *ranges: per
 * node; NULL when no node has one. */
static alf_status read_sets(const prepare *p, const ensemble_lists *l, arena *temporary,
                            forest *out, set_range **ranges)
{
    const uint8_t *modes = l->modes->data;
    size_t at = 0, end = l->members != NULL ? (size_t)l->members->count : 0;
    uint32_t used = 0;
    *ranges = NULL;
    if (end > 0 || (l->count > 0 && memchr(modes, FOREST_MEMBER, l->count) != NULL)) {
        TRY(arena_take(temporary, l->count, sizeof **ranges, ranges, p->err));
        TRY(prepare_alloc(p, end, sizeof *out->set_values, &out->set_values));
    }
    for (size_t i = 0; *ranges != NULL && i < l->count; i++) {
        if (modes[i] != FOREST_MEMBER)
            continue;
        set_range *range = &(*ranges)[i];
        range->first = used;
        for (; at < end && !isnan(element(l->members, at)); at++)
            out->set_values[used++] = element(l->members, at);
        if (at == end)
            return prepare_fail(p, ALF_E_FORMAT,
                                "node %zu: its set in membership_values has no end", i);
        at++;
        range->count = used - range->first;
        if (range->count > 1)
            qsort(out->set_values + range->first, range->count, sizeof *out->set_values,
                  compare_members);
    }
    if (at != end)
        return prepare_fail(p, ALF_E_FORMAT, "membership_values has more sets than nodes use");
    out->set_value_count = used;
    return ALF_OK;
}

/* A child as the file names it: an inner node or a leaf. */
typedef struct named {
    uint32_t index;
    bool leaf;
} named;

/* A node that is to be laid out. */
typedef struct pending {
    named node;
    bool yes;
    uint32_t parent; /* node of the forest it hangs from; UINT32_MAX: a root */
} pending;

typedef struct layout {
    const prepare *p;
    const ensemble_lists *lists;
    const set_range *sets;
    forest *out;
    uint8_t *seen; /* per inner node */
    pending *stack;
    size_t top;
} layout;

/* An inner node enters the stack at most once, and its two children when it leaves: so the stack
 * has at most one more than there are inner nodes. */
static alf_status push(layout *l, named node, uint32_t parent, bool yes)
{
    if (!node.leaf && l->seen[node.index])
        return prepare_fail(l->p, ALF_E_FORMAT,
                            "node %" PRIu32 ": two nodes lead to it, or a circle of nodes does",
                            node.index);
    if (!node.leaf)
        l->seen[node.index] = 1;
    l->stack[l->top++] = (pending){node, yes, parent};
    return ALF_OK;
}

static alf_status find_child(const layout *l, uint32_t node, bool yes, named *out)
{
    const ensemble_lists *lists = l->lists;
    int64_t child = (yes ? lists->yes : lists->no)[node];
    bool leaf = (yes ? lists->yes_leaf : lists->no_leaf)[node] != 0;
    if (child < 0 || (uint64_t)child >= (leaf ? lists->target_count : lists->count))
        return prepare_fail(l->p, ALF_E_FORMAT,
                            "node %" PRIu32 ": its child %" PRId64 " is not there", node, child);
    *out = (named){(uint32_t)child, leaf};
    return ALF_OK;
}

static alf_status place(const layout *l, uint32_t node, forest_node *to)
{
    const ensemble_lists *lists = l->lists;
    uint8_t mode = ((const uint8_t *)lists->modes->data)[node];
    int64_t feature = lists->features[node];
    double threshold = element(lists->splits, node);
    const char *wrong = NULL;
    if (mode > FOREST_MEMBER)
        wrong = "its kind is unknown";
    else if (feature < 0 || feature >= INT32_MAX)
        wrong = "the feature it tests is out of range";
    else if (mode != FOREST_MEMBER && isnan(threshold))
        wrong = "its threshold is not a number";
    if (wrong != NULL)
        return prepare_fail(l->p, ALF_E_FORMAT, "node %" PRIu32 ": %s", node, wrong);
    bool missing_yes = lists->missing_count != 0 && lists->missing[node] != 0;
    *to = (forest_node){.threshold = threshold,
                        .feature = (int32_t)feature,
                        .mode = mode,
                        .missing_yes = missing_yes || mode == FOREST_NEQ};
    if (mode == FOREST_MEMBER) {
        to->set_begin = l->sets[node].first;
        to->set_count = l->sets[node].count;
    }
    if ((uint32_t)feature >= l->out->feature_count)
        l->out->feature_count = (uint32_t)feature + 1;
    return ALF_OK;
}

/* Returns the new node. */
static uint32_t put_leaf(forest *f, uint32_t leaf)
{
    f->nodes[f->node_count] = (forest_node){.feature = -1, .yes = leaf, .no = 1};
    return f->node_count++;
}

/* Lays out an inner node, and at once the leaves that come right after it. */
static alf_status put_inner(layout *l, uint32_t node, uint32_t *at)
{
    forest *f = l->out;
    named yes, no;
    *at = f->node_count++;
    TRY(place(l, node, &f->nodes[*at]));
    TRY(find_child(l, node, true, &yes));
    TRY(find_child(l, node, false, &no));
    if (yes.leaf)
        f->nodes[*at].yes = put_leaf(f, yes.index);
    if (yes.leaf && no.leaf)
        f->nodes[*at].no = put_leaf(f, no.index);
    else
        TRY(push(l, no, *at, false));
    return yes.leaf ? ALF_OK : push(l, yes, *at, true);
}

static alf_status lay_out_tree(layout *l, uint32_t root)
{
    forest *f = l->out;
    TRY(push(l, (named){root, false}, UINT32_MAX, false));
    while (l->top > 0) {
        pending next = l->stack[--l->top];
        uint32_t at;
        if (next.node.leaf)
            at = put_leaf(f, next.node.index);
        else
            TRY(put_inner(l, next.node.index, &at));
        if (next.parent != UINT32_MAX)
            *(next.yes ? &f->nodes[next.parent].yes : &f->nodes[next.parent].no) = at;
    }
    return ALF_OK;
}

static alf_status lay_out(layout *l)
{
    forest *f = l->out;
    size_t count = l->lists->count, root_count;
    const int64_t *roots;
    TRY(prepare_ints(l->p, "tree_roots", &roots, &root_count));
    if (root_count > count)
        return prepare_fail(l->p, ALF_E_FORMAT, "%zu trees, but only %zu nodes", root_count, count);
    TRY(arena_take_unset(l->p->memory, root_count + 2 * count, sizeof *f->nodes, &f->nodes,
                         l->p->err));
    TRY(prepare_alloc(l->p, root_count, sizeof *f->roots, &f->roots));
    for (size_t i = 0; i < root_count; i++) {
        if (roots[i] < 0 || (uint64_t)roots[i] >= count)
            return prepare_fail(l->p, ALF_E_FORMAT, "tree %zu: its root %" PRId64 " is not there",
                                i, roots[i]);
        f->roots[f->tree_count++] = f->node_count;
        TRY(lay_out_tree(l, (uint32_t)roots[i]));
    }
    const uint8_t *lost = memchr(l->seen, 0, count);
    if (lost != NULL)
        return prepare_fail(l->p, ALF_E_FORMAT, "node %zu: no node leads to it",
                            (size_t)(lost - l->seen));
    return forest_check(f, l->p->err);
}

alf_status tree_read_ensemble(const prepare *p, arena *temporary, uint32_t targets, forest *out)
{
    ensemble_lists lists;
    set_range *sets;
    memset(&lists, 0, sizeof lists);
    TRY(read_lists(p, &lists));
    *out = (forest){.number = p->inputs[0]->type == ONNX_DOUBLE ? FOREST_F64 : FOREST_F32,
                    .target_count = targets};
    TRY(read_leaf_values(p, &lists, out));
    TRY(read_sets(p, &lists, temporary, out, &sets));
    layout l = {.p = p, .lists = &lists, .sets = sets, .out = out};
    TRY(arena_take(temporary, lists.count, 1, &l.seen, p->err));
    TRY(arena_take_unset(temporary, lists.count + 1, sizeof *l.stack, &l.stack, p->err));
    return lay_out(&l);
}
