/*
 * RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier and ExtraTreeClassifier: the
 * class shares of the leaves that a row reaches, averaged over the trees in float64.
 *
 * Up to scikit-learn 1.3 a leaf holds (weighted) counts, which predict_proba divides by their sum;
 * from 1.4 on it holds shares, which are used as they are. Shares of zero are left out: adding them
 * changes nothing.
 */
#include "convert/extract_sklearn_families.h"

#include "convert/extract_sklearn.h"
#include "convert/extract_sklearn_tree.h"

#include <math.h>
#include <string.h>

typedef struct votes {
    bool counts; /* to be divided by their sum */
    bool single; /* the label is that of the counts themselves */
    double *row; /* scratch: one number per class */
} votes;

/* numpy's order of summation: eight running sums where there are that many numbers, in halves
 * beyond 128. The depth is at most log2(1000 / 128). */
static double row_sum(const double *x, size_t n)
{
    if (n < 8) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += x[i];
        return sum;
    }
    if (n > 128) {
        size_t half = n / 2 - n / 2 % 8;
        return row_sum(x, half) + row_sum(x + half, n - half);
    }
    double s[8];
    size_t i = 8;
    memcpy(s, x, sizeof s);
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            s[k] += x[i + k];
    double sum = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
    for (; i < n; i++)
        sum += x[i];
    return sum;
}

static size_t first_largest(const double *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static bool is_zero(double x)
{
    return !(x < 0.0) && !(x > 0.0);
}

static alf_status put_leaf(sklearn_trees *r, uint64_t node)
{
    votes *v = r->context;
    for (uint32_t k = 0; k < r->width; k++)
        TRY(sklearn_trees_value(r, node, k, &v->row[k]));
    size_t label = first_largest(v->row, r->width);
    double total = v->counts ? row_sum(v->row, r->width) : 1.0;
    for (uint32_t k = 0; k < r->width; k++)
        if (!is_zero(total))
            v->row[k] /= total;
    /* One tree labels by its counts: dividing must not make a tie of two that differ. */
    if (v->single && first_largest(v->row, r->width) != label)
        v->row[label] = nextafter(v->row[label], INFINITY);
    for (uint32_t k = 0; k < r->width; k++)
        if (!is_zero(v->row[k]))
            sklearn_trees_add(r, v->row[k], k);
    return ALF_OK;
}

/* Files without a version are older than 1.4. */
static bool holds_counts(const value *object)
{
    return sklearn_version(object) < 104 || value_attribute(object, "_sklearn_version") == NULL;
}

static alf_status read_votes(const value *object, const char *tree_name, const value *trees,
                             arena *a, text_classifier *out, alf_error *err)
{
    *out = (text_classifier){.kind = CLASSIFIER_TREES};
    tree_classifier *t = &out->as.trees;
    votes v = {.counts = holds_counts(object), .single = trees == NULL};
    void *row;
    TRY(sklearn_class_count(object, &out->class_count, err));
    TRY(sklearn_allocate(a, out->class_count, sizeof *v.row, "class shares", &row, err));
    v.row = row;
    sklearn_trees r = {.owner = object,
                       .tree_name = tree_name,
                       .width = out->class_count,
                       .leaf = put_leaf,
                       .context = &v,
                       .a = a,
                       .err = err,
                       .f = &t->trees};
    t->link = TREE_AVERAGE;
    t->trees.number = FOREST_F64;
    t->trees.target_count = out->class_count;
    TRY(sklearn_feature_count(object, value_item(trees, 0), &t->trees.feature_count, err));
    TRY(trees == NULL ? sklearn_trees_read_one(&r, object)
                      : sklearn_trees_read(&r, trees, value_length(trees)));
    t->divisor = t->trees.tree_count;
    return ALF_OK;
}

alf_status extract_single_tree(const value *object, arena *a, text_classifier *out, alf_error *err)
{
    const char *name = value_is_a(object, "sklearn.tree", "ExtraTreeClassifier")
                           ? "ExtraTreeClassifier"
                           : "DecisionTreeClassifier";
    return read_votes(object, name, NULL, a, out, err);
}

alf_status extract_random_forest(const value *object, arena *a, text_classifier *out,
                                 alf_error *err)
{
    const value *trees;
    const char *name = value_is_a(object, "sklearn.ensemble", "ExtraTreesClassifier")
                           ? "ExtraTreeClassifier"
                           : "DecisionTreeClassifier";
    TRY(sklearn_need(object, "estimators_", &trees, err));
    return read_votes(object, name, trees, a, out, err);
}
