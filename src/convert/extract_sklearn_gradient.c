/*
 * GradientBoostingClassifier: sums in float64 that start from a constant (the class shares of the
 * training data, as margins) and grow by learning_rate * value, round by round.
 *
 * What changed: up to 0.20 init_ holds the margins themselves; from 0.21 on it is a DummyClassifier
 * whose shares are turned into margins; from 1.4 on the margins of several classes are centred, and
 * labels come from the sums, not the probabilities; from 1.8 on shares are kept off 0 and 1 by
 * 2^-52, before by 2^-23.
 */
#include "convert/extract_sklearn.h"
#include "convert/extract_sklearn_families.h"
#include "convert/extract_sklearn_tree.h"

#include "base/power.h"
#include "base/span.h"

#include <math.h>

typedef struct gradient {
    const value *object;
    uint32_t version;
    double rate;
    bool exponential;
    uint32_t columns; /* sums */
} gradient;

static alf_status put_leaf(sklearn_trees *r, uint64_t node)
{
    const gradient *g = r->context;
    double x;
    TRY(sklearn_trees_value(r, node, 0, &x));
    sklearn_trees_add(r, g->rate * x, r->tree % g->columns);
    return ALF_OK;
}

static alf_status read_options(gradient *g, uint32_t class_count, alf_error *err)
{
    const value *loss = value_attribute(g->object, "loss");
    const value *rate = value_attribute(g->object, "learning_rate");
    bool text = loss != NULL && loss->kind == VALUE_STRING;
    g->exponential = text && span_is(loss->as.text, "exponential");
    if (!g->exponential &&
        !(text && (span_is(loss->as.text, "deviance") || span_is(loss->as.text, "log_loss"))))
        return error_at(err, ALF_E_UNSUPPORTED, g->object->offset,
                        "GradientBoostingClassifier with another loss than log_loss (deviance) or "
                        "exponential is not supported");
    if (g->exponential && class_count != 2)
        return sklearn_bad(g->object, "loss", loss, "two classes go with the exponential loss",
                           err);
    if (!value_to_double(rate, &g->rate) || !isfinite(g->rate))
        return sklearn_bad(g->object, "learning_rate", rate, "a finite number was expected", err);
    g->columns = class_count == 2 ? 1 : class_count;
    return ALF_OK;
}

/* ---- what the sums start from ---- */

/* Up to 0.20: `prior`, or `priors` per class. */
static alf_status old_margins(const gradient *g, const value *init, arena *a, double **out,
                              alf_error *err)
{
    const value *v = value_attribute(init, g->columns == 1 ? "prior" : "priors");
    if (g->columns > 1)
        return sklearn_numbers(init, "priors", v, g->columns, a, out, err);
    void *p;
    TRY(sklearn_allocate(a, 1, sizeof **out, "the prior", &p, err));
    *out = p;
    if (!value_to_double(v, *out) || !isfinite(**out))
        return sklearn_bad(init, "prior", v, "a finite number was expected", err);
    return ALF_OK;
}

/* Shares of the classes -> margins. */
static void link_margins(const gradient *g, const double *shares, uint32_t classes, double *out)
{
    double eps = g->version >= 108 ? 0x1p-52 : 0x1p-23;
    if (g->columns == 1) {
        double p = fmin(fmax(shares[1], eps), 1.0 - eps);
        out[0] = power_log(p / (1.0 - p));
        if (g->exponential)
            out[0] *= 0.5;
        return;
    }
    double mean = 0.0;
    for (uint32_t k = 0; k < classes; k++)
        mean += power_log(fmin(fmax(shares[k], eps), 1.0 - eps));
    mean = power_exp(mean / classes); /* the geometric mean */
    for (uint32_t k = 0; k < classes; k++) {
        double p = fmin(fmax(shares[k], eps), 1.0 - eps);
        out[k] = power_log(g->version >= 104 ? p / mean : p);
    }
}

static alf_status dummy_margins(const gradient *g, const value *init, uint32_t classes, arena *a,
                                double **out, alf_error *err)
{
    const value *strategy = value_attribute(init, "strategy");
    double *shares;
    void *p;
    if (strategy == NULL || strategy->kind != VALUE_STRING || !span_is(strategy->as.text, "prior"))
        return error_at(err, ALF_E_UNSUPPORTED, init->offset,
                        "GradientBoostingClassifier: init is a DummyClassifier whose strategy is "
                        "not prior; use init=None or init='zero'");
    TRY(sklearn_numbers(init, "class_prior_", value_attribute(init, "class_prior_"), classes, a,
                        &shares, err));
    TRY(sklearn_allocate(a, g->columns, sizeof **out, "the margins", &p, err));
    *out = p;
    link_margins(g, shares, classes, *out);
    return ALF_OK;
}

/* *out stays NULL where the sums start from zero. */
static alf_status read_margins(const gradient *g, uint32_t classes, arena *a, double **out,
                               alf_error *err)
{
    static const char *const old[] = {"LogOddsEstimator", "ScaledLogOddsEstimator",
                                      "PriorProbabilityEstimator"};
    const value *init;
    char found[96];
    TRY(sklearn_need(g->object, "init_", &init, err));
    if ((init->kind == VALUE_STRING && span_is(init->as.text, "zero")) ||
        value_is_a(init, "sklearn.ensemble", "ZeroEstimator"))
        return ALF_OK;
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (value_is_a(init, "sklearn.ensemble", old[i]))
            return old_margins(g, init, a, out, err);
    if (value_is_a(init, "sklearn.dummy", "DummyClassifier"))
        return dummy_margins(g, init, classes, a, out, err);
    return error_at(err, ALF_E_UNSUPPORTED, init->offset,
                    "GradientBoostingClassifier: init is %s; supported are None and 'zero'",
                    value_describe(init, found, sizeof found));
}

/* ---- the whole ---- */

static alf_status read_rounds(const gradient *g, sklearn_trees *r, alf_error *err)
{
    const value *rounds;
    TRY(sklearn_need(g->object, "estimators_", &rounds, err));
    if (rounds->kind != VALUE_ARRAY || rounds->as.array.type.kind != DTYPE_OBJECT ||
        rounds->as.array.rank != 2 || rounds->as.array.shape[1] != g->columns)
        return sklearn_bad(g->object, "estimators_", rounds,
                           "an array of rounds with one tree per sum was expected", err);
    if (rounds->as.array.fortran_order && rounds->as.array.shape[0] > 1 && g->columns > 1)
        return sklearn_bad(g->object, "estimators_", rounds, "an array in C order was expected",
                           err);
    TRY(sklearn_feature_count(g->object, value_item(rounds, 0), &r->f->feature_count, err));
    return sklearn_trees_read(r, rounds, rounds->as.array.count);
}

alf_status extract_gradient_boosting(const value *object, arena *a, text_classifier *out,
                                     alf_error *err)
{
    *out = (text_classifier){.kind = CLASSIFIER_TREES};
    tree_classifier *t = &out->as.trees;
    gradient g = {.object = object, .version = sklearn_version(object)};
    TRY(sklearn_class_count(object, &out->class_count, err));
    TRY(read_options(&g, out->class_count, err));
    sklearn_trees r = {.owner = object,
                       .tree_name = "DecisionTreeRegressor",
                       .width = 1,
                       .leaf = put_leaf,
                       .context = &g,
                       .a = a,
                       .err = err,
                       .f = &t->trees};
    t->link = g.columns == 1 ? TREE_LOGISTIC : TREE_SOFTMAX;
    t->slope = g.exponential ? 2.0 : 1.0;
    t->label_from_sums = g.exponential || g.version >= 104;
    t->trees.number = FOREST_F64;
    t->trees.target_count = g.columns;
    TRY(read_margins(&g, out->class_count, a, &t->trees.base, err));
    return read_rounds(&g, &r, err);
}
