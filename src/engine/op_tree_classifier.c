/*
 * TreeEnsembleClassifier (ai.onnx.ml 1, 3).
 *
 * With three or more labels: the label of the largest score among the classes that some leaf or
 * base value speaks for. With two labels the rules are ONNX Runtime's, which files rely on:
 *   - the deciding score is column 1 where a leaf speaks for it, else column 0;
 *   - label 1 iff it is above 0; or above 0.5 when leaves speak for one class id only and no weight
 *     is negative;
 *   - where no leaf spoke for column 1, its score s becomes [1 - s, s] in the case of 0.5, else
 *     [-s, s]; LOGISTIC makes [f(-s), f(s)] of both, other transforms leave them.
 */
#include "engine/operators.h"
#include "engine/post_transform.h"
#include "engine/tree_build.h"

#include <math.h>
#include <string.h>

typedef struct tree_classifier {
    forest trees;
    const forest_fast *fast; /* NULL: forest_sum */
    post_transform post;
    bool wide;
    size_t base_count; /* 0, the number of labels, or 1 of 2 */
    double *base;      /* two labels: added after the trees; else part of trees */
    bool always[2];    /* two labels: every row has a leaf value for the class */
    bool track;        /* rows may leave out classes: find out which */
    bool one_class;    /* leaves speak for one class id only */
    bool none_negative;
    size_t label_count;
    int64_t *ints;
    alf_span *strings; /* or NULL */
} tree_classifier;

static alf_status read_labels(const prepare *p, tree_classifier *s)
{
    const int64_t *ints;
    const alf_span *strings;
    size_t int_count, string_count;
    TRY(prepare_ints(p, "classlabels_int64s", &ints, &int_count));
    TRY(prepare_strings(p, "classlabels_strings", &strings, &string_count));
    if (int_count > 0 && string_count > 0)
        return prepare_fail(p, ALF_E_FORMAT, "labels as numbers and as text");
    s->label_count = int_count + string_count;
    if (s->label_count < 2 || s->label_count > INT32_MAX)
        return prepare_fail(p, ALF_E_UNSUPPORTED, "%zu labels, expected two or more",
                            s->label_count);
    if (int_count > 0)
        return prepare_copy_ints(p, ints, int_count, &s->ints);
    return prepare_copy_strings(p, strings, string_count, &s->strings);
}

/* Marks the classes that some tree speaks for in each of its leaves: they have a score in every
 * row. */
static alf_status find_always(const forest *f, arena *temporary, uint8_t *always, alf_error *err)
{
    uint32_t *last; /* per class: the latest leaf that spoke for it, counted from 1 */
    uint32_t *times;
    TRY(arena_take(temporary, f->target_count, sizeof *last, &last, err));
    TRY(arena_take(temporary, f->target_count, sizeof *times, &times, err));
    for (uint32_t t = 0; t < f->tree_count; t++) {
        uint32_t end = t + 1 < f->tree_count ? f->roots[t + 1] : f->node_count;
        uint32_t leaves = 0;
        for (uint32_t n = f->roots[t]; n < end; n++) {
            const forest_node *leaf = &f->nodes[n];
            if (leaf->feature >= 0)
                continue;
            leaves++;
            for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++) {
                uint32_t target = f->leaf_values[i].target;
                if (last[target] != n + 1)
                    times[target]++;
                last[target] = n + 1;
            }
        }
        for (uint32_t n = f->roots[t]; n < end; n++) {
            const forest_node *leaf = &f->nodes[n];
            for (uint32_t i = leaf->yes; leaf->feature < 0 && i < leaf->yes + leaf->no; i++) {
                uint32_t target = f->leaf_values[i].target;
                always[target] |= times[target] == leaves;
            }
        }
        for (uint32_t n = f->roots[t]; n < end; n++) {
            const forest_node *leaf = &f->nodes[n];
            for (uint32_t i = leaf->yes; leaf->feature < 0 && i < leaf->yes + leaf->no; i++)
                times[f->leaf_values[i].target] = 0;
        }
    }
    return ALF_OK;
}

static alf_status study_leaves(const prepare *p, arena *temporary, tree_classifier *s)
{
    const forest *f = &s->trees;
    uint8_t *always;
    bool used[2] = {false, false};
    TRY(arena_take(temporary, f->target_count, 1, &always, p->err));
    TRY(find_always(f, temporary, always, p->err));
    s->none_negative = true;
    for (uint32_t i = 0; i < f->leaf_value_count; i++) {
        used[f->leaf_values[i].target != 0] = true;
        s->none_negative = s->none_negative && !(f->leaf_values[i].weight < 0);
    }
    s->one_class = s->label_count == 2 && used[0] != used[1];
    for (uint32_t i = 0; i < f->target_count; i++)
        s->track = s->track || (!always[i] && s->base_count != s->label_count);
    if (s->label_count != 2)
        return ALF_OK;
    s->track = (used[0] && !always[0]) || (used[1] && !always[1]);
    s->always[0] = always[0];
    s->always[1] = always[1];
    if (s->base_count > 0 && used[1])
        return prepare_fail(p, ALF_E_UNSUPPORTED,
                            "base values beside leaf values for class 1 of two: runtimes give "
                            "different answers; convert with the base values in the leaves");
    return ALF_OK;
}

static alf_status read_classifier(prepare *p, arena *temporary, tree_classifier *s)
{
    tree_source source = {0};
    TRY(read_labels(p, s));
    TRY(prepare_post_transform(p, &s->post));
    TRY(tree_read_base(p, &s->base, &s->base_count));
    if (s->base_count != 0 && s->base_count != s->label_count &&
        !(s->base_count == 1 && s->label_count == 2))
        return prepare_fail(p, ALF_E_FORMAT, "%zu base values for %zu labels", s->base_count,
                            s->label_count);
    s->wide = tree_is_wide(p, "class");
    source.target_count = (uint32_t)s->label_count;
    source.base = s->label_count > 2 ? s->base : NULL;
    TRY(tree_read_nodes(p, "class", temporary, s->wide, &source));
    TRY(tree_build(p, &source, temporary, &s->trees));
    TRY(tree_check_input(p, &s->trees));
    TRY(forest_fast_build(&s->trees, p->memory, &s->fast, p->err));
    return study_leaves(p, temporary, s);
}

alf_status prepare_tree_classifier(prepare *p)
{
    tree_classifier *state;
    arena temporary;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_state(p, sizeof *state, &state));
    arena_init(&temporary, p->memory->limit);
    alf_status status = read_classifier(p, &temporary, state);
    arena_fini(&temporary);
    TRY(status);
    int64_t rows = p->inputs[0]->rank == 2 ? p->inputs[0]->dims[0] : DIM_UNKNOWN;
    prepare_output_rank(p, 0, state->strings != NULL ? ONNX_STRING : ONNX_INT64, 1);
    prepare_output_rank(p, 1, ONNX_FLOAT, 2);
    if (p->outputs[0] != NULL)
        p->outputs[0]->dims[0] = rows;
    if (p->output_count > 1 && p->outputs[1] != NULL) {
        p->outputs[1]->dims[0] = rows;
        p->outputs[1]->dims[1] = (int64_t)state->label_count;
    }
    return ALF_OK;
}

/* ---- run ---- */

/* Marks the classes for which the leaves that x reaches have a value. */
static void find_spoken(const tree_classifier *s, const double *x, uint8_t *spoken)
{
    const forest *f = &s->trees;
    memset(spoken, 0, f->target_count);
    for (uint32_t t = 0; t < f->tree_count; t++) {
        const forest_node *leaf = &f->nodes[forest_leaf(f, t, x)];
        for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++)
            spoken[f->leaf_values[i].target] = 1;
    }
}

static double narrow(double x, bool wide)
{
    return wide ? x : (double)(float)x;
}

/* The scores of a row with two labels; returns the index of its label. */
static size_t decide_two(const tree_classifier *s, double *scores, const uint8_t *spoken)
{
    bool has[2] = {s->track ? spoken[0] != 0 : s->always[0],
                   s->track ? spoken[1] != 0 : s->always[1]};
    if (s->base_count > 0)
        scores[0] = narrow(scores[0] + s->base[0], s->wide);
    double deciding = has[1] ? scores[1] : has[0] ? scores[0] : 0;
    bool halves = s->one_class && s->none_negative;
    size_t label = deciding > (halves ? 0.5 : 0.0);
    if (has[1] || s->base_count == 2) {
        scores[0] = has[0] ? scores[0] : 0;
        scores[1] = has[1] ? scores[1] : 0;
        post_transform_row(s->post, scores, 2, s->wide);
        return label;
    }
    double score = scores[0];
    scores[0] = halves ? narrow(1 - score, s->wide) : -score;
    scores[1] = score;
    if (s->post == POST_LOGISTIC) {
        scores[0] = post_logistic(-score, s->wide);
        scores[1] = post_logistic(score, s->wide);
    }
    return label;
}

/* The same for three and more. */
static size_t decide_many(const tree_classifier *s, double *scores, const uint8_t *spoken)
{
    size_t best = 0;
    bool any = false;
    for (size_t i = 0; i < s->label_count; i++) {
        if (s->track && !spoken[i])
            continue;
        if (!any || scores[i] > scores[best])
            best = i;
        any = true;
    }
    post_transform_row(s->post, scores, s->label_count, s->wide);
    return best;
}

alf_status run_tree_classifier(const kernel_call *c)
{
    const tree_classifier *s = c->state;
    const forest *f = &s->trees;
    size_t classes = s->label_count;
    uint64_t rows, columns;
    double *x;
    TRY(tree_rows(c, f, &rows, &columns));
    int64_t dims[2] = {(int64_t)rows, (int64_t)classes};
    tensor *labels = c->outputs[0], *probabilities = c->output_count > 1 ? c->outputs[1] : NULL;
    if (labels != NULL)
        TRY(call_output(c, 0, 1, dims));
    if (probabilities != NULL)
        TRY(call_output(c, 1, 2, dims));
    size_t chunk = tree_chunk(f, rows), own = s->track ? f->feature_count : 0;
    TRY(call_scratch(c, own + classes + chunk * classes + tree_sum_room(f, s->fast, chunk),
                     sizeof *x, &x));
    uint8_t *spoken = (uint8_t *)(x + own);
    double *sums = x + own + classes;
    for (uint64_t r = 0; r < rows; r++) {
        double *scores = sums + r % chunk * classes;
        if (r % chunk == 0)
            tree_sum_rows(f, s->fast, c->inputs[0], r,
                          rows - r < chunk ? (size_t)(rows - r) : chunk, columns, sums,
                          sums + chunk * classes);
        if (s->track) {
            tree_row(c->inputs[0], r, columns, f->feature_count, x);
            find_spoken(s, x, spoken);
        }
        size_t label =
            classes == 2 ? decide_two(s, scores, spoken) : decide_many(s, scores, spoken);
        if (labels != NULL && s->strings != NULL)
            ((alf_span *)labels->data)[r] = s->strings[label];
        else if (labels != NULL)
            ((int64_t *)labels->data)[r] = s->ints[label];
        for (size_t i = 0; i < classes && probabilities != NULL; i++)
            ((float *)probabilities->data)[r * classes + i] = (float)scores[i];
    }
    return ALF_OK;
}
