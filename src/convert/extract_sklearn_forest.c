/*
 * scikit-learn's IsolationForest -> a plain forest whose leaf weights are path lengths.
 *
 * The weight of a leaf is computed once, in float64 and in the order of operations of the library
 * that wrote the file; summing weights over trees is then what the library does. What changed:
 *   0.19       decision = 0.5 + score, anomalous when decision <= threshold_
 *   0.20-0.21  behaviour="old": the same with decision < _threshold_; "new": offset_
 *   up to 0.20 c(n) is 1 for n <= 1 and has no special case for n = 2
 *   1.3        c(n) and depth of every node are kept in the file and used from there
 * Thresholds of the older kind are folded into the offset: the decision reported here is always
 * the distance to the border between normal and anomalous.
 */
#include "base/power.h"
#include "convert/extract.h"
#include "convert/extract_sklearn.h"

#include <inttypes.h>
#include <math.h>

static const double euler_gamma = 0.577215664901532860606512090082402431;

typedef struct tree_reader {
    const value *object; /* the IsolationForest */
    arena *a;
    alf_error *err;
    forest *trees;
    bool map_columns;             /* trees see the columns named by estimators_features_ */
    bool old_path_length;         /* c(n) of 0.19 and 0.20 */
    const value *features;        /* estimators_features_, or NULL */
    const value *average_lengths; /* of 1.3 and later, or NULL */
    uint32_t tree;                /* being read */
    uint64_t tree_offset;         /* of its nodes in the file */
    const value_array *nodes;     /* its node records */
    const value_array *columns;   /* its column map, or NULL */
    const value_array *averages;  /* its c(n) per node, or NULL */
    uint32_t *depth;              /* scratch: nodes on the path, per node of the largest tree */
    const dtype_field *left, *right, *feature, *threshold, *samples, *missing;
} tree_reader;

static alf_status bad_node(const tree_reader *r, uint64_t node, const char *what)
{
    return error_at(r->err, ALF_E_FORMAT, r->tree_offset,
                    "IsolationForest, tree %" PRIu32 ", node %" PRIu64 ": %s; the file is damaged",
                    r->tree, node, what);
}

/* Average path length of an unsuccessful search among n samples. */
static double average_path_length(double n, bool old)
{
    if (n <= 1.0)
        return old ? 1.0 : 0.0;
    if (n <= 2.0 && !old)
        return 1.0;
    return 2.0 * (power_log(n - 1.0) + euler_gamma) - 2.0 * (n - 1.0) / n;
}

/* ------------------------------------------------------------------ nodes */

static alf_status leaf_weight(const tree_reader *r, uint64_t node, double *weight)
{
    int64_t samples;
    if (!value_record_int64(r->nodes, r->samples, node, &samples) || samples < 1 ||
        samples > INT64_C(1) << 53)
        return bad_node(r, node, "n_node_samples is not a positive number");
    double c = average_path_length((double)samples, r->old_path_length);
    double path = (double)r->depth[node];
    if (r->averages != NULL) {
        double kept;
        if (!value_array_double(r->averages, node, &kept) || !(fabs(kept - c) <= 1e-9 * (1.0 + c)))
            return bad_node(r, node, "its average path length does not fit its n_node_samples");
        c = kept; /* differs in the last bit where numpy has its own logarithm */
    }
    *weight = r->old_path_length ? (path - 1.0) + c : path + c - 1.0;
    return ALF_OK;
}

static alf_status read_column(const tree_reader *r, uint64_t node, int32_t *out)
{
    int64_t column;
    if (!value_record_int64(r->nodes, r->feature, node, &column))
        return bad_node(r, node, "its feature is not a number");
    if (r->columns != NULL &&
        (column < 0 || !value_array_int64(r->columns, (uint64_t)column, &column)))
        return bad_node(r, node, "its feature is not among the columns of its tree");
    if (column < 0 || column >= (int64_t)r->trees->feature_count)
        return bad_node(r, node, "it tests a column that does not exist");
    *out = (int32_t)column;
    return ALF_OK;
}

static alf_status read_split(const tree_reader *r, uint64_t node, int64_t left, uint32_t base,
                             forest_node *out)
{
    int64_t right;
    int64_t missing = 0;
    int64_t count = (int64_t)r->nodes->count;
    if (!value_record_int64(r->nodes, r->right, node, &right))
        return bad_node(r, node, "its right child is not a number");
    if (left <= (int64_t)node || left >= count || right <= (int64_t)node || right >= count ||
        left == right)
        return bad_node(r, node, "its children do not come after it within the tree");
    if (r->depth[left] != 0 || r->depth[right] != 0)
        return bad_node(r, node, "one of its children already has a parent");
    if (!value_record_double(r->nodes, r->threshold, node, &out->threshold) ||
        isnan(out->threshold))
        return bad_node(r, node, "its threshold is not a number");
    if (r->missing != NULL && !value_record_int64(r->nodes, r->missing, node, &missing))
        return bad_node(r, node, "missing_go_to_left is not a number");
    r->depth[left] = r->depth[right] = r->depth[node] + 1;
    out->yes = base + (uint32_t)left;
    out->no = base + (uint32_t)right;
    out->mode = FOREST_LEQ;
    out->missing_yes = missing != 0;
    return read_column(r, node, &out->feature);
}

static alf_status read_node(const tree_reader *r, uint64_t node, uint32_t base)
{
    forest *f = r->trees;
    forest_node *out = &f->nodes[base + node];
    int64_t left;
    if (r->depth[node] == 0)
        return bad_node(r, node, "no node leads to it");
    if (!value_record_int64(r->nodes, r->left, node, &left))
        return bad_node(r, node, "its left child is not a number");
    if (left != -1)
        return read_split(r, node, left, base, out);
    *out = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = 1};
    forest_leaf_value *leaf = &f->leaf_values[f->leaf_value_count++];
    leaf->target = 0;
    return leaf_weight(r, node, &leaf->weight);
}

/* ------------------------------------------------------------------ trees */

/* The nodes array of tree t. */
static alf_status find_nodes(const tree_reader *r, size_t t, const value **out)
{
    const value *estimators = value_attribute(r->object, "estimators_");
    const value *estimator = value_item(estimators, t);
    if (!value_is_a(estimator, "sklearn.tree", "ExtraTreeRegressor"))
        return sklearn_bad(r->object, "estimators_", estimator,
                           "ExtraTreeRegressor objects were expected", r->err);
    const value *tree;
    TRY(sklearn_need(estimator, "tree_", &tree, r->err));
    if (!value_is_a(tree, "sklearn.tree", "Tree"))
        return sklearn_bad(estimator, "tree_", tree, "a Tree was expected", r->err);
    TRY(sklearn_need(tree, "nodes", out, r->err));
    if ((*out)->kind != VALUE_ARRAY || (*out)->as.array.type.kind != DTYPE_RECORD ||
        (*out)->as.array.rank != 1 || (*out)->as.array.count == 0 ||
        (*out)->as.array.count > INT32_MAX)
        return sklearn_bad(tree, "nodes", *out, "an array of node records was expected", r->err);
    int64_t count;
    const value *declared = value_attribute(tree, "node_count");
    if (declared != NULL &&
        (!value_to_int64(declared, &count) || (uint64_t)count != (*out)->as.array.count))
        return sklearn_bad(tree, "node_count", declared, "the number of node records was expected",
                           r->err);
    return ALF_OK;
}

static alf_status find_fields(tree_reader *r, const value *nodes)
{
    const value_array *a = &nodes->as.array;
    const struct {
        const char *name;
        const dtype_field **field;
    } needed[] = {
        {"left_child", &r->left},     {"right_child", &r->right},      {"feature", &r->feature},
        {"threshold", &r->threshold}, {"n_node_samples", &r->samples},
    };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        *needed[i].field = value_array_field(a, needed[i].name);
        if (*needed[i].field == NULL)
            return error_at(r->err, ALF_E_FORMAT, nodes->offset,
                            "IsolationForest, tree %" PRIu32 ": its node records have no field "
                            "%s; nodes of scikit-learn 0.19 to 1.8 were expected",
                            r->tree, needed[i].name);
    }
    r->missing = value_array_field(a, "missing_go_to_left");
    return ALF_OK;
}

/* The per-tree arrays beside the tree itself: its columns and, from 1.3 on, its path lengths. */
static alf_status find_companions(tree_reader *r)
{
    r->columns = NULL;
    r->averages = NULL;
    if (r->map_columns) {
        const value *columns = value_item(r->features, r->tree);
        if (columns == NULL || columns->kind != VALUE_ARRAY || columns->as.array.rank != 1)
            return sklearn_bad(r->object, "estimators_features_", columns,
                               "one array of columns per tree was expected", r->err);
        r->columns = &columns->as.array;
    }
    if (r->average_lengths != NULL) {
        const value *averages = value_item(r->average_lengths, r->tree);
        if (averages == NULL || averages->kind != VALUE_ARRAY ||
            averages->as.array.count != r->nodes->count)
            return sklearn_bad(r->object, "_average_path_length_per_tree", averages,
                               "one number per node of each tree was expected", r->err);
        r->averages = &averages->as.array;
    }
    return ALF_OK;
}

static alf_status read_tree(tree_reader *r, uint32_t t, uint32_t base)
{
    const value *nodes;
    r->tree = t;
    TRY(find_nodes(r, t, &nodes));
    r->nodes = &nodes->as.array;
    r->tree_offset = nodes->offset;
    TRY(find_fields(r, nodes));
    TRY(find_companions(r));
    r->trees->roots[t] = base;
    for (uint64_t i = 0; i < r->nodes->count; i++)
        r->depth[i] = 0;
    r->depth[0] = 1;
    for (uint64_t i = 0; i < r->nodes->count; i++)
        TRY(read_node(r, i, base));
    return ALF_OK;
}

/* A first pass over the trees, to know how much to allocate. */
static alf_status allocate_forest(tree_reader *r, size_t trees)
{
    uint64_t total = 0;
    uint64_t largest = 0;
    for (size_t t = 0; t < trees; t++) {
        const value *nodes;
        TRY(find_nodes(r, t, &nodes));
        total += nodes->as.array.count;
        if (nodes->as.array.count > largest)
            largest = nodes->as.array.count;
    }
    if (total > INT32_MAX)
        return error_at(r->err, ALF_E_LIMIT, r->object->offset,
                        "IsolationForest has %" PRIu64 " nodes; at most %d are supported", total,
                        INT32_MAX);
    forest *f = r->trees;
    void *p;
    TRY(sklearn_allocate(r->a, trees, sizeof *f->roots, "trees", &p, r->err));
    f->roots = p;
    TRY(sklearn_allocate(r->a, total, sizeof *f->nodes, "tree nodes", &p, r->err));
    f->nodes = p;
    TRY(sklearn_allocate(r->a, total / 2 + trees, sizeof *f->leaf_values, "leaves", &p, r->err));
    f->leaf_values = p;
    TRY(sklearn_allocate(r->a, largest, sizeof *r->depth, "depths of nodes", &p, r->err));
    r->depth = p;
    f->tree_count = (uint32_t)trees;
    f->node_count = (uint32_t)total;
    return ALF_OK;
}

static alf_status read_trees(tree_reader *r)
{
    const value *estimators;
    TRY(sklearn_need(r->object, "estimators_", &estimators, r->err));
    size_t trees = value_length(estimators);
    if (trees == 0 || trees > INT32_MAX)
        return sklearn_bad(r->object, "estimators_", estimators, "a list of trees was expected",
                           r->err);
    TRY(allocate_forest(r, trees));
    uint32_t base = 0;
    for (uint32_t t = 0; t < trees; t++) {
        TRY(read_tree(r, t, base));
        base += (uint32_t)r->nodes->count;
    }
    return forest_check(r->trees, r->err);
}

/* ------------------------------------------------------------------ the forest */

static alf_status read_columns(tree_reader *r)
{
    int64_t count;
    const value *v = value_attribute(r->object, "n_features_in_"); /* from 0.24 on */
    if (v == NULL)
        v = value_attribute(r->object, "n_features_");
    if (!value_to_int64(v, &count) || count < 1 || count > INT32_MAX)
        return sklearn_bad(r->object, "n_features_in_", v, "the number of columns was expected",
                           r->err);
    r->trees->feature_count = (uint32_t)count;
    int64_t used;
    const value *max_features = value_attribute(r->object, "_max_features");
    if (max_features != NULL && !value_to_int64(max_features, &used))
        return sklearn_bad(r->object, "_max_features", max_features, "a number was expected",
                           r->err);
    r->map_columns = max_features == NULL || used != count;
    r->features = value_attribute(r->object, "estimators_features_");
    if (r->map_columns &&
        value_length(r->features) != value_length(value_attribute(r->object, "estimators_")))
        return sklearn_bad(r->object, "estimators_features_", r->features,
                           "one array of columns per tree was expected", r->err);
    return ALF_OK;
}

static alf_status read_denominator(const tree_reader *r, double *out)
{
    int64_t samples;
    const char *name = r->average_lengths != NULL ? "_max_samples" : "max_samples_";
    const value *v = value_attribute(r->object, name);
    if (!value_to_int64(v, &samples) || samples < 1 || samples > INT64_C(1) << 53)
        return sklearn_bad(r->object, name, v, "a positive number of samples was expected", r->err);
    double c = average_path_length((double)samples, r->old_path_length);
    if (!(c > 0.0))
        return error_at(r->err, ALF_E_UNSUPPORTED, r->object->offset,
                        "IsolationForest was fitted on one sample per tree, so every score is the "
                        "same; fit it on more samples");
    *out = (double)r->trees->tree_count * c;
    return ALF_OK;
}

static alf_status read_offset(const value *object, uint32_t version, double *out, alf_error *err)
{
    const value *behaviour = value_attribute(object, "behaviour");
    const char *name = "offset_";
    if (version < 20)
        name = "threshold_";
    else if (version < 22 && behaviour != NULL && behaviour->kind == VALUE_STRING &&
             span_is(behaviour->as.text, "old"))
        name = "_threshold_";
    const value *v;
    TRY(sklearn_need(object, name, &v, err));
    if (!value_to_double(v, out) || !isfinite(*out))
        return sklearn_bad(object, name, v, "a finite number was expected", err);
    if (name[0] != 'o')
        *out -= 0.5;
    if (version < 20) /* it counts its border as anomalous: decision <= threshold_ */
        *out = nextafter(*out, INFINITY);
    return ALF_OK;
}

alf_status extract_isolation_forest(const value *object, arena *a, isolation_forest *out,
                                    alf_error *err)
{
    *out = (isolation_forest){0};
    if (!value_is_a(object, "sklearn.ensemble", "IsolationForest")) {
        char found[96];
        return error_at(err, ALF_E_UNSUPPORTED, object != NULL ? object->offset : ALF_NO_OFFSET,
                        "%s was found; the supported anomaly detector is scikit-learn's "
                        "IsolationForest",
                        value_describe(object, found, sizeof found));
    }
    uint32_t version = sklearn_version(object);
    tree_reader r = {
        .object = object,
        .a = a,
        .err = err,
        .trees = &out->trees,
        .old_path_length = version < 21,
        .average_lengths = value_attribute(object, "_average_path_length_per_tree"),
    };
    out->trees.number = FOREST_F64;
    out->trees.target_count = 1;
    TRY(read_columns(&r));
    TRY(read_trees(&r));
    TRY(read_denominator(&r, &out->denominator));
    return read_offset(object, version, &out->offset, err);
}
