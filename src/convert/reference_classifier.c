/* The joblib engine's classifiers: choosing the family, and what the families share. */
#include "convert/reference_classifier.h"

#include "base/mem.h"

#include <math.h>

enum { MAX_CLASSES = 1000 };

struct reference_classifier {
    size_t classes;
    reference_boosted *boosted; /* one of these four */
    reference_trees *trees;
    reference_linear *linear;
    reference_lightgbm *lightgbm;
    float *narrow; /* probabilities of boosted */
};

/* ---- shared ---- */

alf_status reference_class_count(const value *object, size_t *out, alf_error *err)
{
    int64_t outputs = 1;
    const value *classes = value_attribute(object, "classes_");
    const value *v = value_attribute(object, "n_outputs_");
    *out = value_length(classes);
    if (v != NULL && (!value_to_int64(v, &outputs) || outputs != 1))
        return reference_wrong(v, "a classifier must have one output", err);
    if (*out < 2 || *out > MAX_CLASSES)
        return reference_wrong(classes, "a classifier must have 2 to 1000 classes", err);
    return ALF_OK;
}

void reference_softmax(const double *x, size_t n, double *out)
{
    double largest = x[0];
    double sum = 0.0;
    for (size_t i = 1; i < n; i++)
        largest = fmax(largest, x[i]);
    for (size_t i = 0; i < n; i++) {
        out[i] = exp(x[i] - largest);
        sum += out[i];
    }
    for (size_t i = 0; i < n; i++)
        out[i] /= sum;
}

size_t reference_argmax(const double *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* ---- the slot ---- */

static alf_status open_family(reference_classifier *r, const value *object, alf_error *err)
{
    static const char *const trees[][2] = {{"sklearn.ensemble", "RandomForestClassifier"},
                                           {"sklearn.ensemble", "ExtraTreesClassifier"},
                                           {"sklearn.ensemble", "GradientBoostingClassifier"},
                                           {"sklearn.tree", "DecisionTreeClassifier"},
                                           {"sklearn.tree", "ExtraTreeClassifier"}};
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++)
        if (value_is_a(object, trees[i][0], trees[i][1])) {
            TRY(reference_class_count(object, &r->classes, err));
            return reference_trees_new(object, &r->trees, err);
        }
    if (value_is_a(object, "sklearn.linear_model", "LogisticRegression") ||
        value_is_a(object, "sklearn.linear_model", "LogisticRegressionCV")) {
        TRY(reference_class_count(object, &r->classes, err));
        return reference_linear_new(object, &r->linear, err);
    }
    if (value_is_a(object, "lightgbm", "LGBMClassifier") ||
        value_is_a(object, "lightgbm", "Booster")) {
        TRY(reference_lightgbm_new(object, &r->lightgbm, err));
        r->classes = reference_lightgbm_classes(r->lightgbm);
        return ALF_OK;
    }
    TRY(reference_boosted_new(object, &r->boosted, err));
    r->classes = reference_boosted_classes(r->boosted);
    r->narrow = mem_calloc(r->classes, sizeof *r->narrow);
    return r->narrow == NULL ? error_nomem(err, "the joblib engine's classifier") : ALF_OK;
}

alf_status reference_classifier_new(const value *classifier, reference_classifier **out,
                                    alf_error *err)
{
    *out = NULL;
    reference_classifier *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "the joblib engine's classifier");
    alf_status status = open_family(r, classifier, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_classifier_free(r);
    return status;
}

size_t reference_classifier_classes(const reference_classifier *r)
{
    return r->classes;
}

alf_status reference_classifier_run(reference_classifier *r, const reference_row *row,
                                    double *probabilities, uint32_t *label, alf_error *err)
{
    if (r->trees != NULL)
        return reference_trees_run(r->trees, row, probabilities, label, err);
    if (r->linear != NULL)
        return reference_linear_run(r->linear, row, probabilities, label, err);
    if (r->lightgbm != NULL)
        return reference_lightgbm_run(r->lightgbm, row, probabilities, label, err);
    TRY(reference_boosted_run(r->boosted, row, r->narrow, label, err));
    for (size_t i = 0; i < r->classes; i++)
        probabilities[i] = (double)r->narrow[i];
    return ALF_OK;
}

void reference_classifier_free(reference_classifier *r)
{
    if (r == NULL)
        return;
    reference_boosted_free(r->boosted);
    reference_trees_free(r->trees);
    reference_linear_free(r->linear);
    reference_lightgbm_free(r->lightgbm);
    mem_free(r->narrow);
    mem_free(r);
}
