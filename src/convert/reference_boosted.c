/*
 * The joblib engine's XGBoost: boosters are walked as the library walks them, in float32. Written
 * apart from extract_xgboost.c on purpose, and kept plain.
 *
 * Invariants after reference_boosted_new: children and features of every node that a walk can reach
 * are in range, groups too; a walk takes at most as many steps as its tree has nodes.
 */
#include "convert/reference_boosted.h"

#include "base/mem.h"
#include "codec/json.h"

#include <inttypes.h>
#include <math.h>

/* ---- interpretation ---- */

static alf_status set_objective(reference_boosted *r, const reference_model *m, alf_error *err)
{
    bool multi = false;
    if (span_is(m->objective, "binary:logistic") || span_is(m->objective, "reg:logistic"))
        r->goal = GOAL_LOGISTIC;
    else if (span_is(m->objective, "binary:logitraw"))
        r->goal = GOAL_RAW;
    else
        multi = true;
    if (multi && span_is(m->objective, "multi:softprob"))
        r->goal = GOAL_SOFTPROB;
    else if (multi && span_is(m->objective, "multi:softmax"))
        r->goal = GOAL_SOFTMAX;
    else if (multi)
        return error_set(err, ALF_E_UNSUPPORTED, "the objective '%.*s' is not supported",
                         span_width(m->objective), m->objective.data);
    if (multi ? m->classes < 2 || m->classes > 65535 : m->classes < 0 || m->classes > 1)
        return reference_boosted_damaged(err, "the number of classes does not suit the objective");
    r->classes = multi ? (size_t)m->classes : 2;
    r->groups = multi ? (size_t)m->classes : 1;
    return ALF_OK;
}

static alf_status set_base(reference_boosted *r, const reference_model *m, alf_error *err)
{
    r->base = arena_alloc(&r->memory, r->groups, sizeof *r->base);
    if (r->base == NULL)
        return error_nomem(err, "the base of an XGBoost model");
    if (m->base_list != NULL && value_length(m->base_list) != r->groups)
        return reference_boosted_damaged(err, "there are not as many base scores as classes");
    for (size_t i = 0; i < r->groups; i++) {
        double score = m->base_score;
        if (m->base_list != NULL && !reference_boosted_item(m->base_list, i, &score))
            return reference_boosted_damaged(err, "a base score is not a number");
        float b = (float)score;
        bool logit = (r->goal == GOAL_LOGISTIC || (r->goal == GOAL_RAW && r->version < 103)) &&
                     r->version >= 100; /* before 1.0 it was stored as a margin */
        r->base[i] = logit ? -logf(1.0f / b - 1.0f) : b;
        if (!isfinite(r->base[i]))
            return reference_boosted_damaged(err, "base_score has no finite margin");
    }
    return ALF_OK;
}

/* Up to 1.3 the classifier remembers best_ntree_limit; later the booster best_iteration. */
static alf_status set_used(reference_boosted *r, const value *classifier, alf_error *err)
{
    int64_t n;
    const value *booster = value_attribute(classifier, "_Booster");
    value *saved = NULL;
    r->used = r->tree_count;
    if (!r->is_classifier)
        return ALF_OK;
    if (booster == NULL)
        TRY(json_parse(r->saved, &r->memory, &saved, err));
    if (r->version < 104) {
        const value *limit = booster != NULL ? value_attribute(classifier, "best_ntree_limit")
                                             : value_get(saved, "best_ntree_limit");
        if (!value_to_int64(limit, &n) || n == 0)
            return ALF_OK;
        if (n < 0 || (uint64_t)n > r->tree_count / r->groups)
            return reference_boosted_damaged(err, "best_ntree_limit is more than there are trees");
        r->used = (size_t)n * r->groups;
        return ALF_OK;
    }
    if (!value_to_int64(value_attribute(booster, "best_iteration"), &n))
        n = r->best;
    if (n < 0)
        return ALF_OK;
    if (r->round_ends != NULL) {
        if ((uint64_t)n >= r->rounds)
            return reference_boosted_damaged(err, "best_iteration is more than there are rounds");
        r->used = r->round_ends[n];
        return ALF_OK;
    }
    if (r->per_round < 1 || r->per_round > INT32_MAX || n >= INT32_MAX ||
        ((uint64_t)n + 1) > r->tree_count / ((uint64_t)r->per_round * r->groups))
        return reference_boosted_damaged(err, "best_iteration is more than there are rounds");
    r->used = ((size_t)n + 1) * (size_t)r->per_round * r->groups;
    return ALF_OK;
}

static alf_status check_trees(const reference_boosted *r, alf_error *err)
{
    for (size_t t = 0; t < r->used; t++) {
        const reference_tree *tr = &r->trees[t];
        if (tr->count == 0 || tr->group >= r->groups)
            return reference_boosted_damaged(err, "a tree is empty or of no class");
        for (size_t i = 0; i < tr->count; i++) {
            if (tr->left[i] == -1 || tr->feature[i] >= INT32_MAX)
                continue; /* a leaf, or a deleted node; walks stop at the latter */
            if (tr->sets != NULL && tr->sets[i] != NULL && r->version < 105)
                return error_set(err, ALF_E_UNSUPPORTED,
                                 "categorical splits before XGBoost 1.5 are not supported");
            if (tr->left[i] < 0 || (size_t)tr->left[i] >= tr->count || tr->right[i] < 0 ||
                (size_t)tr->right[i] >= tr->count || tr->feature[i] >= r->features)
                return reference_boosted_damaged(err,
                                                 "a child or feature of a tree is out of range");
        }
    }
    return ALF_OK;
}

static alf_status find_handle(const value *classifier, alf_span *out, alf_error *err)
{
    char word[160];
    const value *booster = value_attribute(classifier, "_Booster");
    if (booster == NULL)
        booster = classifier;
    const value *handle = value_attribute(booster, "handle");
    if (handle == NULL || handle->kind != VALUE_BYTES)
        return error_set(
            err, ALF_E_FORMAT,
            "%s holds no XGBoost booster; expected a fitted XGBClassifier or a Booster",
            value_describe(classifier, word, sizeof word));
    *out = handle->as.text;
    return ALF_OK;
}

static alf_status load(reference_boosted *r, const value *classifier, alf_error *err)
{
    alf_span data = {0};
    reference_model m = {0};
    TRY(find_handle(classifier, &data, err));
    TRY(reference_boosted_read(r, data, &m, err));
    if (r->no_memory)
        return error_nomem(err, "an XGBoost model");
    r->is_classifier = value_attribute(classifier, "_Booster") != NULL ||
                       (value_attribute(classifier, "model_file") != NULL && r->saved.size > 0);
    TRY(set_objective(r, &m, err));
    TRY(set_base(r, &m, err));
    TRY(set_used(r, classifier, err));
    return check_trees(r, err);
}

alf_status reference_boosted_new(const value *classifier, reference_boosted **out, alf_error *err)
{
    *out = NULL;
    reference_boosted *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "an XGBoost model");
    arena_init(&r->memory, (size_t)2 << 30);
    alf_status status = load(r, classifier, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_boosted_free(r);
    return status;
}

void reference_boosted_free(reference_boosted *r)
{
    if (r == NULL)
        return;
    arena_fini(&r->memory);
    mem_free(r);
}

size_t reference_boosted_classes(const reference_boosted *r)
{
    return r->classes;
}

/* ---- prediction ---- */

/* The value of a column as float32; false: missing. */
static bool find_column(const reference_row *row, uint32_t column, float *out)
{
    size_t low = 0;
    size_t high = row->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row->columns[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == row->count || row->columns[low] != column)
        return false;
    *out = (float)row->values[low];
    return !isnan(*out);
}

/* Whether x goes left at a split by category: not one of its set. What is no category goes left
 * too, but in 1.6 by default. 1.5 only cuts off what is behind the point. */
static bool goes_left(const reference_boosted *r, const reference_tree *t, size_t node, float x)
{
    bool beyond = x >= 16777216.0f || (size_t)fmaxf(x, 0.0f) / 32 >= t->set_words[node];
    bool negative = r->version == 105 ? x <= -1.0f : x < 0.0f;
    if (negative || beyond)
        return r->version == 106 ? t->default_left[node] : true;
    uint32_t category = (uint32_t)fabsf(x);
    return (t->sets[node][category / 32] >> category % 32 & 1) == 0;
}

/* The weight of the leaf that row reaches; false where the tree runs in a circle. */
static bool walk(const reference_boosted *r, const reference_tree *t, const reference_row *row,
                 float *out)
{
    size_t node = 0;
    for (size_t steps = 0; steps < t->count; steps++) {
        if (t->left[node] == -1) {
            *out = t->number[node];
            return true;
        }
        if (t->feature[node] >= INT32_MAX)
            return false;
        float x;
        bool left = t->default_left[node];
        if (find_column(row, t->feature[node], &x))
            left = t->sets != NULL && t->sets[node] != NULL ? goes_left(r, t, node, x)
                                                            : x < t->number[node];
        node = (size_t)(left ? t->left[node] : t->right[node]);
    }
    return false;
}

static alf_status sum_trees(const reference_boosted *r, const reference_row *row, float *margins,
                            alf_error *err)
{
    /* Up to 1.2 (dart: 1.3) the base is added after the trees. */
    bool base_last = r->version < (r->is_dart ? 104 : 103);
    for (size_t g = 0; g < r->groups; g++)
        margins[g] = base_last ? 0.0f : r->base[g];
    for (size_t t = 0; t < r->used; t++) {
        size_t g = r->trees[t].group;
        float leaf;
        if (!walk(r, &r->trees[t], row, &leaf))
            return reference_boosted_damaged(err, "a tree runs in a circle");
        if (r->is_dart && r->is_classifier && !base_last) {
            float with_base = r->base[g] + leaf;
            leaf = with_base - r->base[g];
        }
        if (r->is_dart)
            leaf *= r->trees[t].drop;
        margins[g] += leaf;
    }
    for (size_t g = 0; base_last && g < r->groups; g++)
        margins[g] += r->base[g];
    return ALF_OK;
}

static void to_softmax(float *v, size_t n)
{
    float most = v[0];
    double sum = 0.0;
    for (size_t i = 1; i < n; i++)
        most = fmaxf(v[i], most);
    for (size_t i = 0; i < n; i++) {
        v[i] = expf(v[i] - most);
        sum += (double)v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] /= (float)sum;
}

static uint32_t first_largest(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return (uint32_t)best;
}

alf_status reference_boosted_run(const reference_boosted *r, const reference_row *row,
                                 float *probabilities, uint32_t *label, alf_error *err)
{
    if (row->count > 0 && row->columns[row->count - 1] >= r->features)
        return error_set(err, ALF_E_ARGUMENT,
                         "the row has column %" PRIu32 ", but the classifier was trained with %zu",
                         row->columns[row->count - 1], r->features);
    TRY(sum_trees(r, row, probabilities, err));
    if (r->groups == 1) {
        float p = probabilities[0];
        if (r->goal == GOAL_LOGISTIC)
            p = 1.0f / (expf(fminf(-p, 88.7f)) + 1.0f);
        probabilities[0] = 1.0f - p;
        probabilities[1] = p;
        *label = p > 0.5f;
        return ALF_OK;
    }
    /* multi:softmax takes its label from the margins, before rounding can make two equal. */
    if (r->goal == GOAL_SOFTMAX)
        *label = first_largest(probabilities, r->classes);
    to_softmax(probabilities, r->classes);
    if (r->goal == GOAL_SOFTPROB)
        *label = first_largest(probabilities, r->classes);
    return ALF_OK;
}
