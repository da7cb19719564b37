/*
 * Reads the tree attributes of TreeEnsembleClassifier and TreeEnsembleRegressor: parallel lists in
 * which a node is named by the pair (tree id, node id). Nodes of a tree stand together, its root
 * first; ids may come in any order. Leaf values that name a node which is not a leaf are ignored:
 * old converters wrote such.
 */
#include "base/span.h"
#include "engine/tree_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct id_lists {
    size_t count;
    const int64_t *trees, *nodes;
} id_lists;

/* A node's name and place; sorted by name, for look-up. */
typedef struct node_key {
    int64_t tree, id;
    uint32_t index;
} node_key;

static int compare_keys(const void *a, const void *b)
{
    const node_key *x = a, *y = b;
    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool find_key(const node_key *keys, size_t count, int64_t tree, int64_t id, uint32_t *index)
{
    node_key wanted = {.tree = tree, .id = id};
    const node_key *found =
        count > 0 ? bsearch(&wanted, keys, count, sizeof *keys, compare_keys) : NULL;
    if (found != NULL)
        *index = found->index;
    return found != NULL;
}

/* ---- lists of numbers that come as floats or as a tensor ---- */

typedef struct numbers {
    const float *floats;
    const double *doubles;
    size_t count;
} numbers;

static double number_at(const numbers *n, size_t i)
{
    return n->doubles != NULL ? n->doubles[i] : (double)n->floats[i];
}

static alf_status read_numbers(const prepare *p, const char *name, numbers *out)
{
    char tensor_name[64];
    const onnx_tensor *t;
    *out = (numbers){0};
    (void)snprintf(tensor_name, sizeof tensor_name, "%s_as_tensor", name);
    TRY(prepare_tensor(p, tensor_name, &t));
    TRY(prepare_floats(p, name, &out->floats, &out->count));
    if (t != NULL && out->count > 0)
        return prepare_fail(p, ALF_E_FORMAT, "both %s and %s", name, tensor_name);
    if (t != NULL && t->type != ONNX_FLOAT && t->type != ONNX_DOUBLE)
        return prepare_fail(p, ALF_E_UNSUPPORTED, "%s is of type %s", tensor_name,
                            onnx_type_name(t->type));
    if (t != NULL) {
        out->count = (size_t)t->count;
        out->floats = t->type == ONNX_FLOAT ? t->data : NULL;
        out->doubles = t->type == ONNX_DOUBLE ? t->data : NULL;
    }
    if (out->floats == NULL && out->doubles == NULL)
        out->count = 0;
    return ALF_OK;
}

static bool tensor_is_double(const prepare *p, const char *name)
{
    const onnx_attribute *a = prepare_find(p, name);
    return a != NULL && a->type == ONNX_ATTR_TENSOR && a->t->type == ONNX_DOUBLE;
}

bool tree_is_wide(const prepare *p, const char *prefix)
{
    char weights[64];
    (void)snprintf(weights, sizeof weights, "%s_weights_as_tensor", prefix);
    return p->inputs[0]->type == ONNX_DOUBLE || tensor_is_double(p, weights) ||
           tensor_is_double(p, "nodes_values_as_tensor") ||
           tensor_is_double(p, "base_values_as_tensor");
}

alf_status tree_read_base(const prepare *p, double **base, size_t *count)
{
    numbers n;
    TRY(read_numbers(p, "base_values", &n));
    *base = NULL;
    *count = n.count;
    if (n.count == 0)
        return ALF_OK;
    TRY(prepare_alloc(p, n.count, sizeof **base, base));
    for (size_t i = 0; i < n.count; i++)
        (*base)[i] = number_at(&n, i);
    return ALF_OK;
}

/* ---- nodes ---- */

/* An integer list that must have `count` entries. */
static alf_status read_list(const prepare *p, const char *prefix, const char *name, size_t count,
                            const int64_t **out)
{
    char full[64];
    size_t n;
    (void)snprintf(full, sizeof full, "%s_%s", prefix, name);
    TRY(prepare_ints(p, full, out, &n));
    if (n != count)
        return prepare_fail(p, ALF_E_FORMAT, "%s has %zu entries, expected %zu", full, n, count);
    return ALF_OK;
}

static alf_status read_mode(const prepare *p, alf_span text, tree_node *n)
{
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                        "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
    n->mode = TREE_LEAF;
    if (span_is(text, "LEAF"))
        return ALF_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_is(text, names[i])) {
            n->mode = (uint8_t)i;
            return ALF_OK;
        }
    return prepare_fail(p, ALF_E_FORMAT,
                        "tree %" PRId64 ", node %" PRId64 ": its kind '%.*s' is unknown", n->tree,
                        n->id, span_width(text), text.data);
}

static alf_status read_values(const prepare *p, tree_source *out)
{
    const int64_t *features, *missing;
    const alf_span *modes;
    size_t mode_count, missing_count;
    numbers values;
    TRY(read_list(p, "nodes", "featureids", out->node_count, &features));
    TRY(prepare_strings(p, "nodes_modes", &modes, &mode_count));
    TRY(prepare_ints(p, "nodes_missing_value_tracks_true", &missing, &missing_count));
    TRY(read_numbers(p, "nodes_values", &values));
    if (mode_count != out->node_count || values.count != out->node_count ||
        (missing_count != 0 && missing_count != out->node_count))
        return prepare_fail(p, ALF_E_FORMAT,
                            "%zu nodes with %zu modes, %zu values and %zu missing-value marks",
                            out->node_count, mode_count, values.count, missing_count);
    for (size_t i = 0; i < out->node_count; i++) {
        tree_node *n = &out->nodes[i];
        TRY(read_mode(p, modes[i], n));
        n->feature = features[i];
        n->threshold = number_at(&values, i);
        n->missing_yes = missing_count != 0 && missing[i] == 1;
    }
    return ALF_OK;
}

static alf_status read_children(const prepare *p, const node_key *keys, tree_source *out)
{
    const int64_t *yes, *no;
    TRY(read_list(p, "nodes", "truenodeids", out->node_count, &yes));
    TRY(read_list(p, "nodes", "falsenodeids", out->node_count, &no));
    for (size_t i = 0; i < out->node_count; i++) {
        tree_node *n = &out->nodes[i];
        if (n->mode == TREE_LEAF)
            continue;
        if (!find_key(keys, out->node_count, n->tree, yes[i], &n->yes) ||
            !find_key(keys, out->node_count, n->tree, no[i], &n->no))
            return prepare_fail(p, ALF_E_FORMAT,
                                "tree %" PRId64 ", node %" PRId64 ": its children %" PRId64
                                " and %" PRId64 " are not both there",
                                n->tree, n->id, yes[i], no[i]);
    }
    return ALF_OK;
}

/* The first node of each tree is its root. */
static alf_status find_trees(const prepare *p, const node_key *keys, arena *temporary,
                             tree_source *out)
{
    size_t distinct = 0;
    TRY(arena_take(temporary, out->node_count, sizeof *out->roots, &out->roots, p->err));
    for (size_t i = 0; i < out->node_count; i++) {
        if (i == 0 || out->nodes[i].tree != out->nodes[i - 1].tree)
            out->roots[out->root_count++] = (uint32_t)i;
        if (i == 0 || keys[i].tree != keys[i - 1].tree)
            distinct++;
        else if (keys[i].id == keys[i - 1].id)
            return prepare_fail(p, ALF_E_FORMAT,
                                "tree %" PRId64 ", node %" PRId64 ": it is there twice",
                                keys[i].tree, keys[i].id);
    }
    if (distinct != out->root_count)
        return prepare_fail(p, ALF_E_FORMAT,
                            "the nodes of %zu trees do not stand together, tree by tree", distinct);
    return ALF_OK;
}

/* ---- leaf values ---- */

/* The leaf that entry i belongs to; *leaf NULL: a node that is none. */
static alf_status find_leaf(const prepare *p, const id_lists *ids, const node_key *keys, size_t i,
                            const tree_source *out, tree_node **leaf)
{
    uint32_t index;
    if (!find_key(keys, out->node_count, ids->trees[i], ids->nodes[i], &index))
        return prepare_fail(p, ALF_E_FORMAT,
                            "tree %" PRId64 ", node %" PRId64
                            ": a leaf value names it, but it is not there",
                            ids->trees[i], ids->nodes[i]);
    *leaf = out->nodes[index].mode == TREE_LEAF ? &out->nodes[index] : NULL;
    return ALF_OK;
}

/* Sorts the entries by leaf, in the order of the file within one leaf: counts, places, fills. */
static alf_status read_leaves(const prepare *p, const char *prefix, const node_key *keys,
                              tree_source *out)
{
    char name[64];
    id_lists ids;
    const int64_t *targets;
    numbers weights;
    tree_node *leaf;
    (void)snprintf(name, sizeof name, "%s_weights", prefix);
    TRY(read_numbers(p, name, &weights));
    ids.count = weights.count;
    TRY(read_list(p, prefix, "treeids", ids.count, &ids.trees));
    TRY(read_list(p, prefix, "nodeids", ids.count, &ids.nodes));
    TRY(read_list(p, prefix, "ids", ids.count, &targets));
    for (size_t i = 0; i < ids.count; i++) {
        TRY(find_leaf(p, &ids, keys, i, out, &leaf));
        if (targets[i] < 0 || targets[i] >= (int64_t)out->target_count)
            return prepare_fail(p, ALF_E_FORMAT,
                                "tree %" PRId64 ", node %" PRId64 ": a leaf value is for column "
                                "%" PRId64 " of %" PRIu32,
                                ids.trees[i], ids.nodes[i], targets[i], out->target_count);
        if (leaf != NULL)
            leaf->count++;
    }
    for (size_t i = 0; i < out->node_count; i++) {
        out->nodes[i].first = (uint32_t)out->leaf_value_count;
        out->leaf_value_count += out->nodes[i].count;
        out->nodes[i].count = 0;
    }
    TRY(prepare_alloc(p, out->leaf_value_count, sizeof *out->leaf_values, &out->leaf_values));
    for (size_t i = 0; i < weights.count; i++) {
        TRY(find_leaf(p, &ids, keys, i, out, &leaf));
        if (leaf != NULL)
            out->leaf_values[leaf->first + leaf->count++] =
                (forest_leaf_value){number_at(&weights, i), (uint32_t)targets[i]};
    }
    return ALF_OK;
}

alf_status tree_read_nodes(const prepare *p, const char *prefix, arena *temporary, bool wide,
                           tree_source *out)
{
    id_lists ids;
    node_key *keys;
    TRY(prepare_ints(p, "nodes_treeids", &ids.trees, &ids.count));
    TRY(read_list(p, "nodes", "nodeids", ids.count, &ids.nodes));
    if (ids.count >= INT32_MAX)
        return prepare_fail(p, ALF_E_LIMIT, "%zu nodes in one ensemble", ids.count);
    out->number = wide ? FOREST_F64 : FOREST_F32;
    out->node_count = ids.count;
    TRY(arena_take(temporary, ids.count, sizeof *out->nodes, &out->nodes, p->err));
    TRY(arena_take(temporary, ids.count, sizeof *keys, &keys, p->err));
    bool sorted = true;
    for (size_t i = 0; i < ids.count; i++) {
        out->nodes[i].tree = ids.trees[i];
        out->nodes[i].id = ids.nodes[i];
        keys[i] = (node_key){ids.trees[i], ids.nodes[i], (uint32_t)i};
        sorted = sorted && (i == 0 || compare_keys(&keys[i - 1], &keys[i]) < 0);
    }
    if (!sorted)
        qsort(keys, ids.count, sizeof *keys, compare_keys);
    TRY(find_trees(p, keys, temporary, out));
    TRY(read_values(p, out));
    TRY(read_children(p, keys, out));
    return read_leaves(p, prefix, keys, out);
}
