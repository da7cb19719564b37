/*
 * The classifier slot of a bundle: which estimators fit it, and the names of their classes. The
 * table below is what a refusal lists.
 */
#include "base/span.h"
#include "convert/extract.h"
#include "convert/extract_lightgbm.h"
#include "convert/extract_sklearn.h"
#include "convert/extract_sklearn_families.h"
#include "convert/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static alf_status extract_xgboost(const value *object, arena *a, text_classifier *out,
                                  alf_error *err)
{
    *out = (text_classifier){.kind = CLASSIFIER_BOOSTED};
    TRY(extract_boosted(object, a, &out->as.boosted, err));
    out->class_count = out->as.boosted.class_count;
    return ALF_OK;
}

typedef struct family {
    const char *module, *name;
    alf_status (*extract)(const value *object, arena *a, text_classifier *out, alf_error *err);
    support_row support;
} family;

#define XGBOOST_OPTIONS                                                                            \
    "objectives binary:logistic, binary:logitraw, multi:softprob, multi:softmax; gbtree and "      \
    "dart; "                                                                                       \
    "early stopping; num_parallel_tree; categorical splits (from 1.5)"
#define XGBOOST_REFUSED "gblinear, other objectives, multi-output trees"
#define LIGHTGBM_OPTIONS                                                                           \
    "objectives binary, multiclass, multiclassova, cross_entropy; boosting gbdt, dart, goss, rf; " \
    "early stopping; use_missing, zero_as_missing; categorical splits"
#define LIGHTGBM_REFUSED                                                                           \
    "linear_tree, other objectives, pred_early_stop, a feature split both with zero as missing "   \
    "and "                                                                                         \
    "as a number, or both by categories and by a threshold"
#define VOTES "any; class_weight and sample weights are in the leaves"

static const family families[] = {
    {"xgboost",
     "XGBClassifier",
     extract_xgboost,
     {"0.90 to 3.1", XGBOOST_OPTIONS, XGBOOST_REFUSED}},
    {"xgboost",
     "XGBRFClassifier",
     extract_xgboost,
     {"0.90 to 3.1", XGBOOST_OPTIONS, XGBOOST_REFUSED}},
    {"xgboost", "Booster", extract_xgboost, {"0.90 to 3.1", XGBOOST_OPTIONS, XGBOOST_REFUSED}},
    {"lightgbm",
     "LGBMClassifier",
     extract_lightgbm,
     {"2.2 to 4.6", LIGHTGBM_OPTIONS, LIGHTGBM_REFUSED}},
    {"lightgbm", "Booster", extract_lightgbm, {"2.2 to 4.6", LIGHTGBM_OPTIONS, LIGHTGBM_REFUSED}},
    {"sklearn.ensemble",
     "RandomForestClassifier",
     extract_random_forest,
     {"0.19 to 1.8", VOTES, "several outputs"}},
    {"sklearn.ensemble",
     "ExtraTreesClassifier",
     extract_random_forest,
     {"0.19 to 1.8", VOTES, "several outputs"}},
    {"sklearn.ensemble",
     "GradientBoostingClassifier",
     extract_gradient_boosting,
     {"0.19 to 1.8",
      "loss log_loss (deviance) and exponential; init None and 'zero'; early stopping; subsample",
      "other estimators as init"}},
    {"sklearn.tree",
     "DecisionTreeClassifier",
     extract_single_tree,
     {"0.19 to 1.8", VOTES, "several outputs"}},
    {"sklearn.tree",
     "ExtraTreeClassifier",
     extract_single_tree,
     {"0.19 to 1.8", VOTES, "several outputs"}},
    {"sklearn.linear_model",
     "LogisticRegression",
     extract_logistic_regression,
     {"0.19 to 1.8",
      "every solver; multi_class ovr, multinomial, auto; fit_intercept; one-vs-rest or softmax as "
      "the version has it",
      "float32 or sparse coef_"}},
    {"sklearn.linear_model",
     "LogisticRegressionCV",
     extract_logistic_regression,
     {"0.19 to 1.8", "as LogisticRegression", "float32 or sparse coef_"}},
};

/* LightGBM's Booster is not the first of that name. */
static const char *title(const family *f)
{
    return f->extract == extract_lightgbm && strcmp(f->name, "Booster") == 0 ? "lightgbm.Booster"
                                                                             : f->name;
}

enum { FAMILIES = sizeof families / sizeof families[0] };

static const family *find_family(const value *object)
{
    for (size_t i = 0; i < FAMILIES; i++)
        if (value_is_a(object, families[i].module, families[i].name))
            return &families[i];
    return NULL;
}

bool extract_classifier_support(size_t i, const char **name, const support_row **row)
{
    if (i >= FAMILIES)
        return false;
    *name = title(&families[i]);
    *row = &families[i].support;
    return true;
}

static alf_status unsupported(const value *object, alf_error *err)
{
    char found[96], names[512];
    size_t used = 0;
    for (size_t i = 0; i < FAMILIES && used < sizeof names; i++) {
        int n = snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                         title(&families[i]));
        used += n > 0 ? (size_t)n : 0;
    }
    return error_at(err, ALF_E_UNSUPPORTED, object != NULL ? object->offset : ALF_NO_OFFSET,
                    "%s is not supported as a classifier; supported are %s",
                    value_describe(object, found, sizeof found), names);
}

/* A Pipeline whose first steps are not a vectorizer: `source` has taken the others apart. */
static alf_status refuse_pipeline(const value *object, alf_error *err)
{
    char found[96];
    const value *first = value_item(value_item(value_attribute(object, "steps"), 0), 1);
    return error_at(err, ALF_E_UNSUPPORTED, object->offset,
                    "a Pipeline whose first step is %s is not supported as a classifier; supported "
                    "are Pipelines of CountVectorizer, TfidfTransformer or TfidfVectorizer and a "
                    "classifier",
                    value_describe(first, found, sizeof found));
}

alf_status extract_classifier(const value *object, arena *a, text_classifier *out, alf_error *err)
{
    *out = (text_classifier){0};
    const family *f = find_family(object);
    if (f != NULL)
        return f->extract(object, a, out, err);
    if (value_is_a(object, "sklearn.pipeline", "Pipeline"))
        return refuse_pipeline(object, err);
    return unsupported(object, err);
}

/* What has classes is a classifier, so that one we do not know is refused by its name; and so is a
 * Pipeline that ends in one. */
bool extract_is_classifier(const value *object)
{
    if (value_is_a(object, "sklearn.preprocessing", "LabelEncoder") ||
        value_is_a(object, "sklearn.preprocessing", "LabelBinarizer"))
        return false;
    if (value_is_a(object, "sklearn.pipeline", "Pipeline")) {
        const value *steps = value_attribute(object, "steps");
        size_t count = value_length(steps);
        const value *last = count == 0 ? NULL : value_item(value_item(steps, count - 1), 1);
        if (value_is_a(last, "sklearn.pipeline", "Pipeline"))
            return false;
        return extract_is_classifier(last);
    }
    return find_family(object) != NULL || value_attribute(object, "classes_") != NULL;
}

/* ---- labels ---- */

static alf_status count_mismatch(uint32_t classes, uint32_t labels, const value *from,
                                 alf_error *err)
{
    return error_at(err, ALF_E_FORMAT, from->offset,
                    "the classifier has %" PRIu32 " classes, but %" PRIu32 " are named", classes,
                    labels);
}

/* Labels 0..n-1 in decimal. */
static alf_status number_labels(uint32_t count, arena *a, class_labels *out, alf_error *err)
{
    void *p;
    TRY(sklearn_allocate(a, count, sizeof *out->names, "class labels", &p, err));
    *out = (class_labels){count, p};
    for (uint32_t i = 0; i < count; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "%" PRIu32, i);
        const char *copy = arena_strndup(a, text, (size_t)n);
        if (copy == NULL)
            return error_nomem(err, "class labels");
        out->names[i] = span_of(copy, (size_t)n);
    }
    return ALF_OK;
}

/* Class i of the classifier: its number, or -1 where its classes are not numbers. */
static int64_t class_number(const value *classes, uint32_t i)
{
    int64_t n;
    const value *item = value_item(classes, i);
    if (item != NULL && item->kind == VALUE_INT)
        return item->as.integer;
    if (item == NULL && classes != NULL && classes->kind == VALUE_ARRAY &&
        classes->as.array.type.kind != DTYPE_OBJECT && value_array_int64(&classes->as.array, i, &n))
        return n;
    return -1;
}

/* The encoder's names for the numbers in classes. */
static alf_status encoder_labels(const value *classes, const value *encoder, uint32_t count,
                                 arena *a, class_labels *out, alf_error *err)
{
    class_labels all;
    TRY(extract_labels(encoder, a, &all, err));
    if (classes == NULL) {
        *out = all;
        return all.count == count ? ALF_OK : count_mismatch(count, all.count, encoder, err);
    }
    void *p;
    TRY(sklearn_allocate(a, count, sizeof *out->names, "class labels", &p, err));
    *out = (class_labels){count, p};
    for (uint32_t i = 0; i < count; i++) {
        int64_t n = class_number(classes, i);
        if (n < 0 || n >= (int64_t)all.count)
            return count_mismatch(count, all.count, encoder, err);
        out->names[i] = all.names[n];
    }
    return ALF_OK;
}

alf_status extract_classifier_labels(const value *object, const value *encoder,
                                     uint32_t class_count, arena *a, class_labels *out,
                                     alf_error *err)
{
    const value *classes = value_attribute(object, "classes_");
    if (classes == NULL)
        classes = value_attribute(object, "_classes"); /* LightGBM */
    if (classes != NULL && value_length(classes) != class_count)
        classes = NULL;
    if (encoder != NULL && (classes == NULL || class_number(classes, 0) >= 0))
        return encoder_labels(classes, encoder, class_count, a, out, err);
    return classes != NULL ? extract_labels(classes, a, out, err)
                           : number_labels(class_count, a, out, err);
}
