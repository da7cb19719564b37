/*
 * The joblib engine: scikit-learn's IsolationForest, straight on the values of a file.
 *
 * Written from the library's own steps, version by version, and kept apart from the extractor and
 * the plain models: what both give must agree because both are right. Where a version has a
 * threshold_ instead of offset_, decision is decision_function minus that threshold.
 */
#include "base/mem.h"
#include "base/power.h"
#include "convert/reference.h"
#include "convert/reference_common.h"

#include <inttypes.h>
#include <math.h>

static const double gamma_of_euler = 0.577215664901532860606512090082402431;

/* ------------------------------------------------------------------ isolation forest: opening */

typedef struct itree {
    const value_array *nodes;
    const dtype_field *left, *right, *feature, *threshold, *samples, *missing;
    const value_array *columns; /* of estimators_features_, or NULL: all */
    const value_array *lengths; /* _decision_path_lengths of 1.3 and later */
    const value_array *average; /* _average_path_length_per_tree of 1.3 and later */
} itree;

struct reference_isolation {
    itree *trees;
    size_t tree_count;
    size_t feature_count;
    int version;        /* 19 for 0.19, 108 for 1.8 */
    bool has_threshold; /* the old behaviour */
    double border;      /* threshold_ or offset_ */
    double max_samples;
};

static alf_status open_nodes(itree *t, const value *estimator, alf_error *err)
{
    const value *tree = value_attribute(estimator, "tree_");
    const value *nodes = value_attribute(tree, "nodes");
    if (nodes == NULL || nodes->kind != VALUE_ARRAY || nodes->as.array.count == 0)
        return reference_wrong(nodes, "each tree must have an array of nodes", err);
    t->nodes = &nodes->as.array;
    t->left = value_array_field(t->nodes, "left_child");
    t->right = value_array_field(t->nodes, "right_child");
    t->feature = value_array_field(t->nodes, "feature");
    t->threshold = value_array_field(t->nodes, "threshold");
    t->samples = value_array_field(t->nodes, "n_node_samples");
    t->missing = value_array_field(t->nodes, "missing_go_to_left");
    if (t->left == NULL || t->right == NULL || t->feature == NULL || t->threshold == NULL ||
        t->samples == NULL)
        return reference_wrong(nodes, "nodes must be records of scikit-learn's tree", err);
    return ALF_OK;
}

/* Item i of a list of arrays, or NULL where there is no such list. */
static alf_status open_array(const value *forest, const char *attribute, size_t i,
                             const value_array **out, alf_error *err)
{
    const value *list = value_attribute(forest, attribute);
    *out = NULL;
    if (list == NULL)
        return ALF_OK;
    const value *v = value_item(list, i);
    if (v == NULL || v->kind != VALUE_ARRAY)
        return reference_wrong(v, "the forest must keep one array per tree", err);
    *out = &v->as.array;
    return ALF_OK;
}

static alf_status open_trees(reference_isolation *r, const value *forest, alf_error *err)
{
    const value *estimators = value_attribute(forest, "estimators_");
    r->tree_count = value_length(estimators);
    if (r->tree_count == 0)
        return reference_wrong(estimators, "a fitted forest must have trees", err);
    r->trees = mem_calloc(r->tree_count, sizeof *r->trees);
    if (r->trees == NULL)
        return error_nomem(err, "the joblib engine's trees");
    int64_t max_features = -1;
    (void)value_to_int64(value_attribute(forest, "_max_features"), &max_features);
    for (size_t i = 0; i < r->tree_count; i++) {
        itree *t = &r->trees[i];
        TRY(open_nodes(t, value_item(estimators, i), err));
        TRY(open_array(forest, "_decision_path_lengths", i, &t->lengths, err));
        TRY(open_array(forest, "_average_path_length_per_tree", i, &t->average, err));
        if (max_features != (int64_t)r->feature_count)
            TRY(open_array(forest, "estimators_features_", i, &t->columns, err));
    }
    return ALF_OK;
}

static alf_status open_border(reference_isolation *r, const value *forest, alf_error *err)
{
    const value *behaviour = value_attribute(forest, "behaviour");
    const char *name = "offset_";
    if (r->version <= 19)
        name = "threshold_";
    else if (r->version <= 21 && behaviour != NULL && behaviour->kind == VALUE_STRING &&
             span_is(behaviour->as.text, "old"))
        name = "_threshold_";
    r->has_threshold = name[0] != 'o';
    const value *v = value_attribute(forest, name);
    if (!value_to_double(v, &r->border))
        return reference_wrong(v, "a fitted forest must have an offset_ or threshold_", err);
    name = value_attribute(forest, "_average_path_length_per_tree") != NULL ? "_max_samples"
                                                                            : "max_samples_";
    v = value_attribute(forest, name);
    if (!value_to_double(v, &r->max_samples))
        return reference_wrong(v, "a fitted forest must say how many samples a tree saw", err);
    return ALF_OK;
}

static alf_status open_forest(reference_isolation *r, const value *forest, alf_error *err)
{
    if (!value_is_a(forest, "sklearn.ensemble", "IsolationForest"))
        return reference_wrong(forest, "an IsolationForest was expected", err);
    r->version = reference_version(forest);
    const value *v = value_attribute(forest, "n_features_in_");
    if (v == NULL)
        v = value_attribute(forest, "n_features_"); /* before 0.23 */
    int64_t n;
    if (!value_to_int64(v, &n) || n < 1)
        return reference_wrong(v, "a fitted forest must say how many features it has", err);
    r->feature_count = (size_t)n;
    TRY(open_trees(r, forest, err));
    return open_border(r, forest, err);
}

alf_status reference_isolation_new(const value *forest, reference_isolation **out, alf_error *err)
{
    *out = NULL;
    reference_isolation *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "the joblib engine's forest");
    alf_status status = open_forest(r, forest, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_isolation_free(r);
    return status;
}

void reference_isolation_free(reference_isolation *r)
{
    if (r == NULL)
        return;
    mem_free(r->trees);
    mem_free(r);
}

/* ------------------------------------------------------------------ isolation forest: running */

/* _average_path_length */
static double average_length(const reference_isolation *r, double n)
{
    if (n <= 1)
        return r->version < 21 ? 1.0 : 0.0;
    if (r->version >= 21 && n <= 2)
        return 1.0;
    return 2.0 * (power_log(n - 1.0) + gamma_of_euler) - 2.0 * (n - 1.0) / n;
}

static alf_status bad_tree(size_t tree, int64_t node, alf_error *err)
{
    return error_set(err, ALF_E_FORMAT,
                     "joblib engine: tree %zu, node %" PRId64 " is damaged: a child, feature or "
                     "number of samples is out of range",
                     tree, node);
}

/* Which child x goes to. */
static alf_status step(const reference_isolation *r, size_t tree, int64_t node, const float *x,
                       int64_t *next, alf_error *err)
{
    const itree *t = &r->trees[tree];
    uint64_t i = (uint64_t)node;
    int64_t feature;
    int64_t missing_left = 0;
    double threshold;
    if (!value_record_int64(t->nodes, t->feature, i, &feature) || feature < 0 ||
        !value_record_double(t->nodes, t->threshold, i, &threshold))
        return bad_tree(tree, node, err);
    if (t->columns != NULL && !value_array_int64(t->columns, (uint64_t)feature, &feature))
        return bad_tree(tree, node, err);
    if (feature < 0 || (uint64_t)feature >= r->feature_count)
        return bad_tree(tree, node, err);
    if (t->missing != NULL)
        (void)value_record_int64(t->nodes, t->missing, i, &missing_left);
    double seen = (double)x[feature];
    bool left = isnan(seen) ? missing_left != 0 : seen <= threshold;
    if (!value_record_int64(t->nodes, left ? t->left : t->right, i, next) || *next < 0 ||
        (uint64_t)*next >= t->nodes->count)
        return bad_tree(tree, node, err);
    return ALF_OK;
}

/* What a tree adds to the depth of x. */
static alf_status tree_depth(const reference_isolation *r, size_t tree, const float *x, double *out,
                             alf_error *err)
{
    const itree *t = &r->trees[tree];
    int64_t node = 0;
    int64_t samples;
    uint64_t visited = 1;
    for (;;) {
        int64_t left;
        if (!value_record_int64(t->nodes, t->left, (uint64_t)node, &left))
            return bad_tree(tree, node, err);
        if (left == -1)
            break;
        if (++visited > t->nodes->count)
            return bad_tree(tree, node, err);
        TRY(step(r, tree, node, x, &node, err));
    }
    double path = (double)visited;
    double average;
    if (t->average != NULL) { /* 1.3 and later keep both */
        if (t->lengths == NULL || !value_array_double(t->lengths, (uint64_t)node, &path) ||
            !value_array_double(t->average, (uint64_t)node, &average))
            return bad_tree(tree, node, err);
    } else {
        if (!value_record_int64(t->nodes, t->samples, (uint64_t)node, &samples) || samples < 0)
            return bad_tree(tree, node, err);
        average = average_length(r, (double)samples);
    }
    *out = r->version < 21 ? (path - 1.0) + average : path + average - 1.0;
    return ALF_OK;
}

/* The positive score of the paper: 2^(-mean depth / c). */
static double paper_score(const reference_isolation *r, double depth)
{
    double trees = (double)r->tree_count;
    double c = average_length(r, r->max_samples);
    if (r->version < 21)
        return power_of_two(-(depth / trees) / c);
    double denominator = trees * c;
    if (r->version >= 100 && !(denominator < 0.0) && !(denominator > 0.0))
        return power_of_two(-1.0);
    return power_of_two(-depth / denominator);
}

static alf_status round_input(const reference_isolation *r, const double *x, size_t n, float **out,
                              alf_error *err)
{
    if (n != r->feature_count)
        return error_set(err, ALF_E_ARGUMENT,
                         "joblib engine: %zu features were given to a forest of %zu", n,
                         r->feature_count);
    *out = mem_calloc(n, sizeof **out);
    if (*out == NULL)
        return error_nomem(err, "the joblib engine's row");
    for (size_t i = 0; i < n; i++) {
        (*out)[i] = (float)x[i];
        if (r->version >= 106 || isfinite((*out)[i]))
            continue;
        mem_free(*out);
        *out = NULL;
        return error_set(err, ALF_E_ARGUMENT,
                         "joblib engine: feature %zu is not finite; the scikit-learn of this model "
                         "accepts missing and infinite values only from 1.6 on",
                         i);
    }
    return ALF_OK;
}

alf_status reference_isolation_run(const reference_isolation *r, const double *x,
                                   size_t feature_count, double *score, double *decision,
                                   int *label, alf_error *err)
{
    float *row;
    TRY(round_input(r, x, feature_count, &row, err));
    double depth = 0.0;
    alf_status status = ALF_OK;
    for (size_t t = 0; t < r->tree_count && status == ALF_OK; t++) {
        double d = 0.0;
        status = tree_depth(r, t, row, &d, err);
        depth += d;
    }
    mem_free(row);
    TRY(status);
    double s = paper_score(r, depth);
    *score = -s;
    if (r->has_threshold) {
        double original = r->version <= 19 ? 0.5 - s : *score - -0.5; /* decision_function */
        *decision = original - r->border;
        bool anomalous = r->version <= 19 ? original <= r->border : original < r->border;
        *label = anomalous ? -1 : 1;
    } else {
        *decision = *score - r->border;
        *label = *decision < 0.0 ? -1 : 1;
    }
    return ALF_OK;
}
