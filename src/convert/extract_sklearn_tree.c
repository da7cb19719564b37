/* scikit-learn's Tree objects -> the trees of a forest. */
#include "convert/extract_sklearn_tree.h"

#include "base/span.h"
#include "convert/extract_sklearn.h"

#include <inttypes.h>
#include <math.h>

enum { MAX_CLASSES = 1000 };

static alf_status bad_node(const sklearn_trees *r, uint64_t node, const char *what)
{
    char name[96];
    return error_at(r->err, ALF_E_FORMAT, r->offset,
                    "%s, tree %" PRIu32 ", node %" PRIu64 ": %s; the file is damaged",
                    value_describe(r->owner, name, sizeof name), r->tree, node, what);
}

/* ---- opening a tree ---- */

static alf_status find_fields(sklearn_trees *r, const value *nodes)
{
    const struct {
        const char *name;
        const dtype_field **field;
    } needed[] = {{"left_child", &r->left},
                  {"right_child", &r->right},
                  {"feature", &r->feature},
                  {"threshold", &r->threshold}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        *needed[i].field = value_array_field(&nodes->as.array, needed[i].name);
        if (*needed[i].field == NULL)
            return error_at(r->err, ALF_E_FORMAT, nodes->offset,
                            "tree %" PRIu32 ": its node records have no field %s; nodes of "
                            "scikit-learn 0.19 to 1.8 were expected",
                            r->tree, needed[i].name);
    }
    r->missing = value_array_field(&nodes->as.array, "missing_go_to_left");
    return ALF_OK;
}

static alf_status open_tree(sklearn_trees *r, const value *estimator)
{
    const value *tree, *nodes, *values;
    char wanted[96];
    if (!value_is_a(estimator, "sklearn.tree", r->tree_name)) {
        size_t n = strlen(r->tree_name);
        memcpy(wanted, r->tree_name, n);
        memcpy(wanted + n, " objects were expected", sizeof " objects were expected");
        return sklearn_bad(r->owner, "estimators_", estimator, wanted, r->err);
    }
    TRY(sklearn_need(estimator, "tree_", &tree, r->err));
    if (!value_is_a(tree, "sklearn.tree", "Tree"))
        return sklearn_bad(estimator, "tree_", tree, "a Tree was expected", r->err);
    TRY(sklearn_need(tree, "nodes", &nodes, r->err));
    TRY(sklearn_need(tree, "values", &values, r->err));
    if (nodes->kind != VALUE_ARRAY || nodes->as.array.type.kind != DTYPE_RECORD ||
        nodes->as.array.rank != 1 || nodes->as.array.count == 0 ||
        nodes->as.array.count > INT32_MAX)
        return sklearn_bad(tree, "nodes", nodes, "an array of node records was expected", r->err);
    if (values->kind != VALUE_ARRAY || values->as.array.rank != 3 ||
        values->as.array.shape[0] != nodes->as.array.count || values->as.array.shape[1] != 1 ||
        values->as.array.shape[2] != r->width)
        return sklearn_bad(tree, "values", values,
                           "one number per node, output and class was expected", r->err);
    r->nodes = &nodes->as.array;
    r->values = &values->as.array;
    r->offset = nodes->offset;
    return find_fields(r, nodes);
}

/* ---- nodes ---- */

static alf_status read_split(const sklearn_trees *r, uint64_t node, int64_t left, uint32_t base)
{
    int64_t right, column, missing = 0;
    int64_t count = (int64_t)r->nodes->count;
    forest_node *out = &r->f->nodes[base + node];
    if (!value_record_int64(r->nodes, r->right, node, &right))
        return bad_node(r, node, "its right child is not a number");
    if (left <= (int64_t)node || left >= count || right <= (int64_t)node || right >= count ||
        left == right)
        return bad_node(r, node, "its children do not come after it within the tree");
    if (!value_record_double(r->nodes, r->threshold, node, &out->threshold) ||
        isnan(out->threshold))
        return bad_node(r, node, "its threshold is not a number");
    if (!value_record_int64(r->nodes, r->feature, node, &column) || column < 0 ||
        column >= (int64_t)r->f->feature_count)
        return bad_node(r, node, "it tests a column that does not exist");
    if (r->missing != NULL && !value_record_int64(r->nodes, r->missing, node, &missing))
        return bad_node(r, node, "missing_go_to_left is not a number");
    out->feature = (int32_t)column;
    out->yes = base + (uint32_t)left;
    out->no = base + (uint32_t)right;
    out->mode = FOREST_LEQ;
    out->missing_yes = missing != 0;
    return ALF_OK;
}

static alf_status read_node(sklearn_trees *r, uint64_t node, uint32_t base)
{
    int64_t left;
    if (!value_record_int64(r->nodes, r->left, node, &left))
        return bad_node(r, node, "its left child is not a number");
    if (left != -1)
        return r->counting ? ALF_OK : read_split(r, node, left, base);
    uint32_t first = r->f->leaf_value_count;
    TRY(r->leaf(r, node));
    if (!r->counting)
        r->f->nodes[base + node] =
            (forest_node){.feature = -1, .yes = first, .no = r->f->leaf_value_count - first};
    return ALF_OK;
}

alf_status sklearn_trees_value(const sklearn_trees *r, uint64_t node, uint32_t column, double *out)
{
    if (!value_array_double(r->values, node * r->width + column, out) || !isfinite(*out))
        return bad_node(r, node, "its value is not a finite number");
    return ALF_OK;
}

void sklearn_trees_add(sklearn_trees *r, double weight, uint32_t target)
{
    r->counted++;
    if (!r->counting)
        r->f->leaf_values[r->f->leaf_value_count++] = (forest_leaf_value){weight, target};
}

/* ---- all trees ---- */

static alf_status too_many(const sklearn_trees *r)
{
    char name[96];
    return error_at(r->err, ALF_E_LIMIT, r->owner->offset,
                    "%s has more nodes than the memory limit allows",
                    value_describe(r->owner, name, sizeof name));
}

/* One tree, or item t of a list. */
static const value *tree_of(const value *list, const value *single, size_t t)
{
    return single != NULL ? single : value_item(list, t);
}

/* The first pass: how many nodes and leaf values there are. */
static alf_status count_trees(sklearn_trees *r, const value *list, const value *single,
                              size_t count)
{
    uint64_t nodes = 0;
    r->counting = true;
    r->counted = 0;
    for (uint32_t t = 0; t < count; t++) {
        r->tree = t;
        TRY(open_tree(r, tree_of(list, single, t)));
        nodes += r->nodes->count;
        if (nodes > INT32_MAX || arena_over_limit(r->a, nodes, sizeof *r->f->nodes))
            return too_many(r);
        for (uint64_t i = 0; i < r->nodes->count; i++)
            TRY(read_node(r, i, 0));
        if (r->counted > INT32_MAX)
            return too_many(r);
    }
    void *p;
    TRY(sklearn_allocate(r->a, count, sizeof *r->f->roots, "trees", &p, r->err));
    r->f->roots = p;
    TRY(sklearn_allocate(r->a, nodes, sizeof *r->f->nodes, "tree nodes", &p, r->err));
    r->f->nodes = p;
    TRY(sklearn_allocate(r->a, r->counted, sizeof *r->f->leaf_values, "leaves", &p, r->err));
    r->f->leaf_values = p;
    r->f->tree_count = (uint32_t)count;
    r->f->node_count = (uint32_t)nodes;
    r->counting = false;
    return ALF_OK;
}

static alf_status read_trees(sklearn_trees *r, const value *list, const value *single, size_t count)
{
    TRY(count_trees(r, list, single, count));
    uint32_t base = 0;
    for (uint32_t t = 0; t < count; t++) {
        r->tree = t;
        TRY(open_tree(r, tree_of(list, single, t)));
        r->f->roots[t] = base;
        for (uint64_t i = 0; i < r->nodes->count; i++)
            TRY(read_node(r, i, base));
        base += (uint32_t)r->nodes->count;
    }
    return forest_check(r->f, r->err);
}

alf_status sklearn_trees_read(sklearn_trees *r, const value *list, size_t count)
{
    if (count == 0 || count > INT32_MAX)
        return sklearn_bad(r->owner, "estimators_", list, "a list of trees was expected", r->err);
    return read_trees(r, list, NULL, count);
}

alf_status sklearn_trees_read_one(sklearn_trees *r, const value *estimator)
{
    return read_trees(r, NULL, estimator, 1);
}

/* ---- what estimators say of themselves ---- */

alf_status sklearn_feature_count(const value *estimator, const value *first_tree, uint32_t *out,
                                 alf_error *err)
{
    int64_t n;
    const value *v = value_attribute(estimator, "n_features_in_");
    if (v == NULL)
        v = value_attribute(estimator, "n_features_");
    if (v == NULL)
        v = value_attribute(first_tree, "n_features_");
    if (!value_to_int64(v, &n) || n < 1 || n > INT32_MAX)
        return sklearn_bad(estimator, "n_features_in_", v, "the number of columns was expected",
                           err);
    *out = (uint32_t)n;
    return ALF_OK;
}

alf_status sklearn_class_count(const value *estimator, uint32_t *out, alf_error *err)
{
    int64_t outputs = 1, n;
    char name[96];
    const value *classes;
    const value *v = value_attribute(estimator, "n_outputs_");
    if (v != NULL && !value_to_int64(v, &outputs))
        return sklearn_bad(estimator, "n_outputs_", v, "a number was expected", err);
    if (outputs != 1)
        return error_at(err, ALF_E_UNSUPPORTED, estimator->offset,
                        "%s has %" PRId64 " outputs; one is supported, so fit it on one label "
                        "per log",
                        value_describe(estimator, name, sizeof name), outputs);
    TRY(sklearn_need(estimator, "classes_", &classes, err));
    size_t count = value_length(classes);
    if (count < 2 || count > MAX_CLASSES ||
        (classes->kind == VALUE_ARRAY && classes->as.array.rank != 1))
        return sklearn_bad(estimator, "classes_", classes, "2 to 1000 classes were expected", err);
    v = value_attribute(estimator, "n_classes_");
    if (v != NULL && (!value_to_int64(v, &n) || n != (int64_t)count))
        return sklearn_bad(estimator, "n_classes_", v, "the number of classes_ was expected", err);
    *out = (uint32_t)count;
    return ALF_OK;
}
