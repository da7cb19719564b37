/*
 * The joblib engine's trees: RandomForest, ExtraTrees, DecisionTree, ExtraTree and
 * GradientBoosting classifiers, walked on the node records as the library walks them.
 *
 * A walk ends after at most as many steps as the tree has nodes; every index is checked when it is
 * used.
 */
#include "convert/reference_classifier.h"

#include "base/mem.h"
#include "base/power.h"
#include "base/span.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_FEATURES = 1 << 24 };

typedef struct wood {
    const value_array *nodes, *values;
    const dtype_field *left, *right, *feature, *threshold;
} wood;

struct reference_trees {
    int version;
    bool is_single;   /* one tree, which labels by what its leaf holds */
    bool is_gradient; /* sums of margins */
    bool exponential;
    bool fractions; /* leaves hold shares */
    size_t classes, sums, features, tree_count;
    wood *trees;
    double rate;
    double *start; /* what the margins start from */
    double *leaf;  /* scratch: one tree's numbers */
    double *total; /* scratch: margins */
    float *x;      /* scratch: the row, zero where absent */
};

/* ---- opening ---- */

static alf_status open_wood(wood *t, const value *estimator, alf_error *err)
{
    const value *tree = value_attribute(estimator, "tree_");
    const value *nodes = value_attribute(tree, "nodes");
    const value *values = value_attribute(tree, "values");
    if (nodes == NULL || nodes->kind != VALUE_ARRAY || nodes->as.array.count == 0)
        return reference_wrong(nodes, "each tree must have an array of nodes", err);
    if (values == NULL || values->kind != VALUE_ARRAY)
        return reference_wrong(values, "each tree must have an array of values", err);
    t->nodes = &nodes->as.array;
    t->values = &values->as.array;
    t->left = value_array_field(t->nodes, "left_child");
    t->right = value_array_field(t->nodes, "right_child");
    t->feature = value_array_field(t->nodes, "feature");
    t->threshold = value_array_field(t->nodes, "threshold");
    if (t->left == NULL || t->right == NULL || t->feature == NULL || t->threshold == NULL)
        return reference_wrong(nodes, "nodes must be records of scikit-learn's tree", err);
    return ALF_OK;
}

static alf_status open_woods(reference_trees *r, const value *object, alf_error *err)
{
    const value *list = value_attribute(object, "estimators_");
    r->tree_count = 1;
    if (!r->is_single) {
        bool is_array = list != NULL && list->kind == VALUE_ARRAY;
        r->tree_count = is_array ? (size_t)list->as.array.count : value_length(list);
        if (is_array && list->as.array.fortran_order && list->as.array.rank > 1)
            return reference_wrong(list, "the trees must be in C order", err);
    }
    if (r->tree_count == 0 || r->tree_count > INT32_MAX || r->tree_count % r->sums != 0)
        return reference_wrong(list, "a fitted classifier must have trees for each round", err);
    r->trees = mem_calloc(r->tree_count, sizeof *r->trees);
    if (r->trees == NULL)
        return error_nomem(err, "the joblib engine's trees");
    for (size_t t = 0; t < r->tree_count; t++)
        TRY(open_wood(&r->trees[t], r->is_single ? object : value_item(list, t), err));
    return ALF_OK;
}

/* get_init_raw_predictions and its like, for one class out of n. */
static double start_of(const reference_trees *r, double share, double mean_log)
{
    double eps = r->version >= 108 ? 2.220446049250313e-16 : 1.1920928955078125e-07;
    double p = share < eps ? eps : share > 1.0 - eps ? 1.0 - eps : share;
    if (r->sums == 1)
        return (r->exponential ? 0.5 : 1.0) * power_log(p / (1.0 - p));
    return r->version >= 104 ? power_log(p / power_exp(mean_log)) : power_log(p);
}

static alf_status open_start(reference_trees *r, const value *init, alf_error *err)
{
    double share[2] = {0};
    double mean = 0.0;
    if (init != NULL && init->kind == VALUE_STRING && span_is(init->as.text, "zero"))
        return ALF_OK;
    if (value_is_a(init, "sklearn.ensemble", "ZeroEstimator"))
        return ALF_OK;
    const value *prior = value_attribute(init, "class_prior_");
    const value *old = value_attribute(init, r->sums == 1 ? "prior" : "priors");
    for (size_t k = 0; k < r->sums && old != NULL; k++) {
        bool known = old->kind == VALUE_ARRAY && old->as.array.count > 1
                         ? value_array_double(&old->as.array, k, &r->start[k])
                         : value_to_double(old, &r->start[k]);
        if (!known)
            return reference_wrong(old, "init_ must have a number per sum", err);
    }
    if (old != NULL)
        return ALF_OK;
    if (prior == NULL || prior->kind != VALUE_ARRAY || prior->as.array.count != r->classes)
        return reference_wrong(prior, "init_ must have a share per class", err);
    for (size_t k = 0; k < r->classes; k++) {
        double eps = r->version >= 108 ? 2.220446049250313e-16 : 1.1920928955078125e-07;
        if (!value_array_double(&prior->as.array, k, &share[0]))
            return reference_wrong(prior, "init_ must have a share per class", err);
        mean += power_log(fmin(fmax(share[0], eps), 1.0 - eps)) / (double)r->classes;
    }
    for (size_t k = 0; k < r->sums; k++) {
        (void)value_array_double(&prior->as.array, r->sums == 1 ? 1 : k, &share[1]);
        r->start[k] = start_of(r, share[1], mean);
    }
    return ALF_OK;
}

static alf_status open_gradient(reference_trees *r, const value *object, alf_error *err)
{
    const value *rate = value_attribute(object, "learning_rate");
    const value *loss = value_attribute(object, "loss");
    if (!value_to_double(rate, &r->rate))
        return reference_wrong(rate, "learning_rate must be a number", err);
    if (loss == NULL || loss->kind != VALUE_STRING)
        return reference_wrong(loss, "loss must be a name", err);
    r->exponential = span_is(loss->as.text, "exponential");
    if (!r->exponential && !span_is(loss->as.text, "deviance") &&
        !span_is(loss->as.text, "log_loss"))
        return reference_wrong(loss, "loss must be log_loss, deviance or exponential", err);
    return open_start(r, value_attribute(object, "init_"), err);
}

static alf_status open_all(reference_trees *r, const value *object, alf_error *err)
{
    int64_t features;
    const value *n = value_attribute(object, "n_features_in_");
    const value *version = value_attribute(object, "_sklearn_version");
    r->version = reference_version(object);
    r->fractions = version != NULL && r->version >= 104;
    r->is_single = value_is_a(object, "sklearn.tree", "DecisionTreeClassifier") ||
                   value_is_a(object, "sklearn.tree", "ExtraTreeClassifier");
    r->is_gradient = value_is_a(object, "sklearn.ensemble", "GradientBoostingClassifier");
    TRY(reference_class_count(object, &r->classes, err));
    r->sums = !r->is_gradient ? 1 : r->classes == 2 ? 1 : r->classes;
    n = n != NULL ? n : value_attribute(object, "n_features_");
    if (!value_to_int64(n, &features) || features < 1 || features > MAX_FEATURES)
        return reference_wrong(n, "a fitted classifier must say how many features it has", err);
    r->features = (size_t)features;
    r->start = mem_calloc(r->classes, sizeof *r->start);
    r->leaf = mem_calloc(r->classes, sizeof *r->leaf);
    r->total = mem_calloc(r->classes, sizeof *r->total);
    r->x = mem_calloc(r->features, sizeof *r->x);
    if (r->start == NULL || r->leaf == NULL || r->total == NULL || r->x == NULL)
        return error_nomem(err, "the joblib engine's classifier");
    TRY(open_woods(r, object, err));
    return r->is_gradient ? open_gradient(r, object, err) : ALF_OK;
}

alf_status reference_trees_new(const value *object, reference_trees **out, alf_error *err)
{
    *out = NULL;
    reference_trees *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "the joblib engine's classifier");
    alf_status status = open_all(r, object, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_trees_free(r);
    return status;
}

void reference_trees_free(reference_trees *r)
{
    if (r == NULL)
        return;
    mem_free(r->trees);
    mem_free(r->start);
    mem_free(r->leaf);
    mem_free(r->total);
    mem_free(r->x);
    mem_free(r);
}

/* ---- running ---- */

static alf_status damaged(size_t tree, int64_t node, alf_error *err)
{
    return error_set(err, ALF_E_FORMAT,
                     "joblib engine: tree %zu, node %" PRId64 " is damaged: a child, feature or "
                     "value is out of range",
                     tree, node);
}

/* The leaf that the row reaches. */
static alf_status walk(const reference_trees *r, size_t tree, uint64_t *leaf, alf_error *err)
{
    const wood *t = &r->trees[tree];
    int64_t node = 0;
    for (uint64_t steps = 0; steps <= t->nodes->count; steps++) {
        int64_t left, right, feature;
        double threshold;
        uint64_t i = (uint64_t)node;
        if (!value_record_int64(t->nodes, t->left, i, &left))
            return damaged(tree, node, err);
        if (left == -1) {
            *leaf = i;
            return ALF_OK;
        }
        if (!value_record_int64(t->nodes, t->right, i, &right) ||
            !value_record_int64(t->nodes, t->feature, i, &feature) ||
            !value_record_double(t->nodes, t->threshold, i, &threshold) || feature < 0 ||
            (uint64_t)feature >= r->features)
            return damaged(tree, node, err);
        int64_t next = (double)r->x[feature] <= threshold ? left : right;
        if (next < 0 || (uint64_t)next >= t->nodes->count)
            return damaged(tree, node, err);
        node = next;
    }
    return damaged(tree, node, err);
}

/* The numbers of the leaf that the row reaches into r->leaf. */
static alf_status read_leaf(reference_trees *r, size_t tree, size_t width, alf_error *err)
{
    uint64_t leaf;
    const wood *t = &r->trees[tree];
    TRY(walk(r, tree, &leaf, err));
    if (t->values->count != t->nodes->count * width)
        return damaged(tree, (int64_t)leaf, err);
    for (size_t k = 0; k < width; k++)
        if (!value_array_double(t->values, leaf * width + k, &r->leaf[k]))
            return damaged(tree, (int64_t)leaf, err);
    return ALF_OK;
}

/* numpy.sum of a row: pairs of eighths, as numpy's pairwise_sum has them. */
static double numpy_sum(const double *a, size_t n)
{
    double r[8], sum = 0.0;
    size_t i = 0;
    if (n > 128) {
        size_t first = (n / 2) & ~(size_t)7;
        return numpy_sum(a, first) + numpy_sum(a + first, n - first);
    }
    if (n >= 8) {
        for (; i < 8; i++)
            r[i] = a[i];
        for (; i < n - n % 8; i++)
            r[i % 8] += a[i];
        sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    }
    for (; i < n; i++)
        sum += a[i];
    return sum;
}

static alf_status vote(reference_trees *r, double *probabilities, uint32_t *label, alf_error *err)
{
    size_t n = r->classes;
    for (size_t k = 0; k < n; k++)
        probabilities[k] = 0.0;
    for (size_t t = 0; t < r->tree_count; t++) {
        TRY(read_leaf(r, t, n, err));
        double normalizer = r->fractions ? 1.0 : numpy_sum(r->leaf, n);
        if (!(normalizer < 0.0) && !(normalizer > 0.0))
            normalizer = 1.0;
        for (size_t k = 0; k < n; k++)
            probabilities[k] += r->leaf[k] / normalizer;
    }
    for (size_t k = 0; k < n; k++)
        probabilities[k] /= (double)r->tree_count;
    *label = (uint32_t)reference_argmax(r->is_single ? r->leaf : probabilities, n);
    return ALF_OK;
}

static alf_status boost(reference_trees *r, double *probabilities, uint32_t *label, alf_error *err)
{
    bool by_sums = r->exponential || r->version >= 104;
    for (size_t k = 0; k < r->sums; k++)
        r->total[k] = r->start[k];
    for (size_t t = 0, k = 0; t < r->tree_count; t++) {
        TRY(read_leaf(r, t, 1, err));
        r->total[k] += r->rate * r->leaf[0];
        k = k + 1 < r->sums ? k + 1 : 0;
    }
    if (r->sums > 1) {
        reference_softmax(r->total, r->classes, probabilities);
        *label = (uint32_t)reference_argmax(by_sums ? r->total : probabilities, r->classes);
        return ALF_OK;
    }
    double margin = r->exponential ? 2.0 * r->total[0] : r->total[0];
    probabilities[1] = 1.0 / (1.0 + exp(-margin));
    probabilities[0] = 1.0 - probabilities[1];
    *label = by_sums ? r->total[0] >= 0.0 : probabilities[1] > probabilities[0];
    return ALF_OK;
}

alf_status reference_trees_run(reference_trees *r, const reference_row *row, double *probabilities,
                               uint32_t *label, alf_error *err)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->columns[i] >= r->features)
            return error_set(err, ALF_E_ARGUMENT,
                             "joblib engine: the row has column %u, the classifier has %zu",
                             row->columns[i], r->features);
    for (size_t i = 0; i < row->count; i++)
        r->x[row->columns[i]] = (float)row->values[i];
    alf_status status =
        r->is_gradient ? boost(r, probabilities, label, err) : vote(r, probabilities, label, err);
    for (size_t i = 0; i < row->count; i++)
        r->x[row->columns[i]] = 0.0F;
    return status;
}
