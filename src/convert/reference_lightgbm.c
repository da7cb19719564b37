/*
 * The joblib engine's LightGBM: the text of the booster, line by line, and each tree walked on its
 * arrays as the library walks them. All numbers are kept as doubles.
 *
 * A walk ends after at most as many steps as the tree has splits; every index is checked when it is
 * used.
 */
#define _GNU_SOURCE /* uselocale */
#include "convert/reference_classifier.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/span.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_CLASSES = 1000, MAX_FEATURES = 1 << 24, MAX_TREES = 1 << 24 };

typedef struct list {
    double *items;
    size_t count;
} list;

typedef struct tree {
    list feature, threshold, decision, left, right, value, boundaries, words;
} tree;

struct reference_lightgbm {
    arena memory;
    size_t classes, sums, features, tree_count, tree_room;
    tree *trees;
    size_t rounds; /* used by predict() */
    bool average, softmax;
    double sigmoid;
    double *x;     /* scratch: the row, zero where absent */
    double *total; /* scratch: sums */
};

/* ---- text ---- */

/* The next line of *text, which moves on. */
static alf_span next_line(alf_span *text)
{
    size_t n = 0;
    while (n < text->size && text->data[n] != '\n')
        n++;
    alf_span line = span_of(text->data, n);
    n += n < text->size;
    *text = span_of(text->data + n, text->size - n);
    return line;
}

/* Whether line is "key=..." or "key"; *rest is what follows. */
static bool has_key(alf_span line, const char *key, alf_span *rest)
{
    alf_span k = span_from_string(key);
    if (!span_starts(line, k))
        return false;
    if (line.size == k.size) {
        *rest = span_of(line.data + line.size, 0);
        return true;
    }
    if (line.data[k.size] != '=')
        return false;
    *rest = span_of(line.data + k.size + 1, line.size - k.size - 1);
    return true;
}

static bool number_of(alf_span word, double *out)
{
    char text[64];
    char *end;
    if (word.size == 0 || word.size >= sizeof text)
        return false;
    memcpy(text, word.data, word.size);
    text[word.size] = '\0';
    *out = strtod(text, &end);
    return end == text + word.size && !isnan(*out);
}

static alf_status damaged(const char *what, alf_error *err)
{
    return error_set(err, ALF_E_FORMAT, "joblib engine: the LightGBM model is damaged: %s", what);
}

static alf_status whole_number(alf_span text, double most, size_t *out, alf_error *err)
{
    double x;
    if (!number_of(text, &x) || x < 0 || x > most || floor(x) < x)
        return damaged("a count of its header is not one", err);
    *out = (size_t)x;
    return ALF_OK;
}

/* Numbers with spaces between them. */
static alf_status read_list(reference_lightgbm *r, alf_span text, list *out, alf_error *err)
{
    size_t room = 1;
    for (size_t i = 0; i < text.size; i++)
        room += text.data[i] == ' ';
    *out = (list){arena_alloc(&r->memory, room, sizeof(double)), 0};
    if (out->items == NULL)
        return error_nomem(err, "the joblib engine's LightGBM");
    for (size_t i = 0; i < text.size;) {
        size_t n = i;
        while (n < text.size && text.data[n] != ' ')
            n++;
        if (n > i && !number_of(span_of(text.data + i, n - i), &out->items[out->count++]))
            return damaged("a number of a tree is not one", err);
        i = n + 1;
    }
    return ALF_OK;
}

/* ---- opening ---- */

static alf_status read_objective(reference_lightgbm *r, alf_span text, alf_error *err)
{
    static const char *const names[] = {"binary", "cross_entropy", "xentropy", "multiclass",
                                        "multiclassova"};
    size_t name = 0;
    size_t n = 0;
    while (n < text.size && text.data[n] != ' ')
        n++;
    while (name < 5 && !span_is(span_of(text.data, n), names[name]))
        name++;
    if (name == 5)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "joblib engine: the LightGBM objective \"%.*s\" is not supported",
                         span_width(text), text.data);
    if ((name < 3) != (r->sums == 1))
        return damaged("its trees a round do not fit its objective", err);
    r->softmax = name == 3;
    r->classes = name < 3 ? 2 : r->sums;
    alf_span key = SPAN_LITERAL("sigmoid:");
    for (size_t i = n; i + key.size < text.size; i++)
        if (text.data[i - 1] == ' ' && span_starts(span_of(text.data + i, text.size - i), key)) {
            size_t end = i + key.size;
            while (end < text.size && text.data[end] != ' ')
                end++;
            i += key.size;
            if (!number_of(span_of(text.data + i, end - i), &r->sigmoid))
                return damaged("the number of its sigmoid is not one", err);
        }
    return ALF_OK;
}

static alf_status add_tree(reference_lightgbm *r, alf_error *err)
{
    if (r->tree_count == r->tree_room) {
        size_t room = r->tree_room * 2 + 16;
        tree *grown = arena_alloc(&r->memory, room, sizeof *grown);
        if (grown == NULL)
            return error_nomem(err, "the joblib engine's LightGBM");
        for (size_t i = 0; i < r->tree_count; i++)
            grown[i] = r->trees[i];
        r->trees = grown;
        r->tree_room = room;
    }
    r->trees[r->tree_count++] = (tree){0};
    return ALF_OK;
}

static alf_status read_tree_line(reference_lightgbm *r, alf_span line, alf_error *err)
{
    alf_span rest;
    tree *t = &r->trees[r->tree_count - 1];
    const struct {
        const char *key;
        list *to;
    } lists[] = {{"split_feature", &t->feature},     {"threshold", &t->threshold},
                 {"decision_type", &t->decision},    {"left_child", &t->left},
                 {"right_child", &t->right},         {"leaf_value", &t->value},
                 {"cat_boundaries", &t->boundaries}, {"cat_threshold", &t->words}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (has_key(line, lists[i].key, &rest))
            return read_list(r, rest, lists[i].to, err);
    if (has_key(line, "is_linear", &rest) && !span_is(rest, "0"))
        return error_set(err, ALF_E_UNSUPPORTED, "joblib engine: linear trees of LightGBM");
    return ALF_OK;
}

static alf_status read_header_line(reference_lightgbm *r, alf_span line, alf_span *objective,
                                   alf_error *err)
{
    alf_span rest;
    if (has_key(line, "num_tree_per_iteration", &rest))
        return whole_number(rest, MAX_CLASSES, &r->sums, err);
    if (has_key(line, "max_feature_idx", &rest)) {
        TRY(whole_number(rest, MAX_FEATURES, &r->features, err));
        r->features++;
    }
    if (has_key(line, "average_output", &rest))
        r->average = true;
    if (has_key(line, "objective", &rest))
        *objective = rest;
    return ALF_OK;
}

static alf_status read_text(reference_lightgbm *r, alf_span text, alf_error *err)
{
    alf_span objective = SPAN_LITERAL("");
    while (text.size > 0) {
        alf_span rest, line = next_line(&text);
        if (span_is(line, "end of trees") || span_is(line, "feature importances:"))
            break;
        if (has_key(line, "Tree", &rest))
            TRY(add_tree(r, err));
        else if (r->tree_count > 0)
            TRY(read_tree_line(r, line, err));
        else
            TRY(read_header_line(r, line, &objective, err));
    }
    if (r->features == 0 || r->sums == 0 || r->tree_count == 0 || r->tree_count % r->sums != 0)
        return damaged("its header lacks a count, or it has no trees", err);
    return read_objective(r, objective, err);
}

static alf_status read_in_c_locale(reference_lightgbm *r, alf_span text, alf_error *err)
{
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return error_nomem(err, "the joblib engine's LightGBM");
    locale_t before = uselocale(c_locale);
    alf_status status = read_text(r, text, err);
    (void)uselocale(before);
    freelocale(c_locale);
    return status;
}

static alf_status open_all(reference_lightgbm *r, const value *object, alf_error *err)
{
    int64_t best;
    const value *booster = value_attribute(object, "_Booster");
    booster = booster != NULL ? booster : object;
    const value *handle = value_attribute(booster, "_handle");
    handle = handle != NULL ? handle : value_attribute(booster, "handle");
    if (handle == NULL || (handle->kind != VALUE_STRING && handle->kind != VALUE_BYTES))
        return reference_wrong(handle, "the handle of a Booster must be text", err);
    TRY(read_in_c_locale(r, handle->as.text, err));
    r->rounds = r->tree_count / r->sums;
    if (value_to_int64(value_attribute(booster, "best_iteration"), &best) && best > 0 &&
        best < (int64_t)r->rounds)
        r->rounds = (size_t)best;
    r->x = arena_alloc(&r->memory, r->features, sizeof *r->x);
    r->total = arena_alloc(&r->memory, r->sums, sizeof *r->total);
    return r->x != NULL && r->total != NULL ? ALF_OK
                                            : error_nomem(err, "the joblib engine's LightGBM");
}

alf_status reference_lightgbm_new(const value *object, reference_lightgbm **out, alf_error *err)
{
    *out = NULL;
    reference_lightgbm *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "the joblib engine's LightGBM");
    arena_init(&r->memory, (size_t)1 << 30);
    r->sigmoid = 1.0;
    alf_status status = open_all(r, object, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_lightgbm_free(r);
    return status;
}

size_t reference_lightgbm_classes(const reference_lightgbm *r)
{
    return r->classes;
}

void reference_lightgbm_free(reference_lightgbm *r)
{
    if (r == NULL)
        return;
    arena_fini(&r->memory);
    mem_free(r);
}

/* ---- running ---- */

static bool item(const list *l, size_t i, double *out)
{
    if (i >= l->count)
        return false;
    *out = l->items[i];
    return true;
}

static bool is_zero(double x)
{
    return x >= -(double)1e-35F && x <= (double)1e-35F;
}

/* Tree::NumericalDecision: whether x goes left. */
static bool goes_left(double x, double threshold, int decision)
{
    int missing = (decision >> 2) & 3;
    if (isnan(x) && missing != 2)
        x = 0.0;
    if ((missing == 1 && is_zero(x)) || (missing == 2 && isnan(x)))
        return (decision & 2) != 0;
    return x <= threshold;
}

/* Tree::CategoricalDecision: whether x goes left. false where the tree has no such set. */
static bool is_member(const tree *t, double x, double set, bool *left)
{
    double begin, end, word;
    *left = false;
    if (!(set >= 0 && set < (double)t->boundaries.count))
        return false;
    if (!item(&t->boundaries, (size_t)set, &begin) ||
        !item(&t->boundaries, (size_t)set + 1, &end) || begin < 0 || begin > end ||
        end > (double)t->words.count)
        return false;
    if (isnan(x) || x <= -1 || x >= 2147483648.0)
        return true;
    size_t category = (size_t)trunc(x);
    if (category / 32 >= (size_t)(end - begin))
        return true;
    if (!item(&t->words, (size_t)begin + category / 32, &word) || word < 0 || word > UINT32_MAX)
        return false;
    *left = ((uint32_t)word >> (category % 32) & 1) != 0;
    return true;
}

/* Adds the leaf that the row reaches. */
static alf_status add_leaf(reference_lightgbm *r, size_t index, double *sum, alf_error *err)
{
    const tree *t = &r->trees[index];
    double node = 0, feature, threshold, decision, leaf;
    if (t->value.count == 1)
        node = -1;
    for (size_t steps = 0; node >= 0; steps++) {
        size_t i = (size_t)node;
        if (steps > t->feature.count || !item(&t->feature, i, &feature) ||
            !item(&t->threshold, i, &threshold) || !item(&t->decision, i, &decision) ||
            feature < 0 || feature >= (double)r->features || decision < 0 || decision > 255)
            return damaged("a split leads nowhere", err);
        double x = r->x[(size_t)feature];
        bool left = false;
        if (((int)decision & 1) == 0)
            left = goes_left(x, threshold, (int)decision);
        else if (!is_member(t, x, threshold, &left))
            return damaged("a categorical split has no set", err);
        if (!item(left ? &t->left : &t->right, i, &node) || !(fabs(node) < INT32_MAX))
            return damaged("a split has no child", err);
    }
    if (!item(&t->value, (size_t)(-node - 1), &leaf) || !isfinite(leaf))
        return damaged("a leaf has no value", err);
    *sum += leaf;
    return ALF_OK;
}

static alf_status add_trees(reference_lightgbm *r, alf_error *err)
{
    for (size_t k = 0; k < r->sums; k++)
        r->total[k] = 0.0;
    for (size_t i = 0; i < r->rounds; i++)
        for (size_t k = 0; k < r->sums; k++)
            TRY(add_leaf(r, i * r->sums + k, &r->total[k], err));
    for (size_t k = 0; k < r->sums && r->average; k++)
        r->total[k] /= (double)r->rounds;
    return ALF_OK;
}

alf_status reference_lightgbm_run(reference_lightgbm *r, const reference_row *row,
                                  double *probabilities, uint32_t *label, alf_error *err)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->columns[i] >= r->features)
            return error_set(err, ALF_E_ARGUMENT,
                             "joblib engine: the row has column %u, the classifier has %zu",
                             row->columns[i], r->features);
    for (size_t i = 0; i < row->count; i++)
        r->x[row->columns[i]] = row->values[i];
    alf_status status = add_trees(r, err);
    for (size_t i = 0; i < row->count; i++)
        r->x[row->columns[i]] = 0.0;
    TRY(status);
    if (r->softmax) {
        reference_softmax(r->total, r->classes, probabilities);
    } else {
        for (size_t k = 0; k < r->sums; k++)
            probabilities[k] = 1.0 / (1.0 + exp(-r->sigmoid * r->total[k]));
        if (r->sums == 1) {
            probabilities[1] = probabilities[0];
            probabilities[0] = 1.0 - probabilities[1];
        }
    }
    *label = (uint32_t)reference_argmax(probabilities, r->classes);
    return ALF_OK;
}
