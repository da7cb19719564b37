/*
 * Text models and texts by chance: vectorizers, classifiers of every kind, texts of words and of
 * what may stand between them. Always the same for the same dice. Needs alf_convert.
 */
#ifndef ALF_TESTS_SUPPORT_TEXT_CHANCE_H
#define ALF_TESTS_SUPPORT_TEXT_CHANCE_H

#include "base/buf.h"
#include "base/span.h"
#include "convert/emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/text_dice.h"

enum { TREES = 40, MAX_CLASSES = 5 };

static inline void chance_must(bool holds)
{
    if (!holds) {
        (void)fprintf(stderr, "a model by chance could not be made\n");
        abort();
    }
}

/* ---- graphs ---- */

static inline void write_graph(onnx_model *graph, buf *out)
{
    buf_init(out);
    chance_must(onnx_write(graph, out, NULL) == ALF_OK);
    onnx_free(graph);
}

static inline void make_vectorizer(const text_vectorizer *v, bool wide, buf *out)
{
    onnx_model *graph;
    chance_must((wide ? emit_vectorizer_wide(v, &graph, NULL) : emit_vectorizer(v, &graph, NULL)) ==
                ALF_OK);
    write_graph(graph, out);
}

static inline void make_classifier(const text_classifier *c, buf *out)
{
    onnx_model *graph;
    chance_must(emit_classifier(c, &graph, NULL) == ALF_OK);
    write_graph(graph, out);
}

/* ---- classifiers by chance ---- */

static inline double dice_number(text_dice *d)
{
    return ((double)dice_roll(d, 2001) - 1000) / 1024; /* few bits: features equal thresholds */
}

/* One tree of the given depth: node `at` and those below it. */
static inline void grow_tree(text_dice *d, forest *f, uint32_t depth, uint32_t target,
                             uint32_t leaf_values)
{
    forest_node *n = &f->nodes[f->node_count++];
    if (depth == 0 || dice_roll(d, 5) == 0) {
        *n = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = leaf_values};
        for (uint32_t k = 0; k < leaf_values; k++)
            f->leaf_values[f->leaf_value_count++] =
                (forest_leaf_value){dice_number(d), leaf_values == 1 ? target : k};
        return;
    }
    *n = (forest_node){.threshold = fabs(dice_number(d)),
                       .feature = (int32_t)dice_roll(d, f->feature_count),
                       .mode = f->number == FOREST_F32 ? FOREST_LT : FOREST_LEQ,
                       .missing_yes = dice_roll(d, 2) == 0};
    n->yes = f->node_count;
    grow_tree(d, f, depth - 1, target, leaf_values);
    n->no = f->node_count;
    grow_tree(d, f, depth - 1, target, leaf_values);
}

/* per_leaf: each leaf has a value for every target. */
static inline void grow_forest(text_dice *d, arena *a, forest_number number, uint32_t features,
                               uint32_t targets, bool per_leaf, forest *f)
{
    *f = (forest){.number = number, .feature_count = features, .target_count = targets};
    f->roots = arena_alloc(a, TREES, sizeof *f->roots);
    f->nodes = arena_alloc(a, TREES * 64, sizeof *f->nodes);
    f->leaf_values = arena_alloc(a, (size_t)TREES * 64 * targets, sizeof *f->leaf_values);
    f->base = arena_alloc(a, targets, sizeof *f->base);
    chance_must(f->roots != NULL && f->nodes != NULL && f->leaf_values != NULL && f->base != NULL);
    for (uint32_t k = 0; k < targets; k++)
        f->base[k] = dice_roll(d, 2) == 0 ? 0 : dice_number(d);
    for (; f->tree_count < TREES; f->tree_count++) {
        f->roots[f->tree_count] = f->node_count;
        grow_tree(d, f, dice_roll(d, 5), f->tree_count % targets, per_leaf ? targets : 1);
    }
}

enum {
    KIND_SOFTMAX,
    KIND_SIGMOID,
    KIND_HARD,
    KIND_HARD_TWO,
    KIND_AVERAGE,
    KIND_LOGISTIC,
    KIND_TREE_SOFTMAX,
    KIND_ONE_ROW,
    KIND_ONE_ROW_SOFTMAX,
    KIND_ROWS,
    KIND_ROWS_SOFTMAX,
    KINDS
};

static inline void chance_boosted(text_dice *d, arena *a, int kind, uint32_t features,
                                  text_classifier *c)
{
    bool two = kind == KIND_SIGMOID || kind == KIND_HARD_TWO;
    c->class_count = two ? 2 : 2 + dice_roll(d, MAX_CLASSES - 1);
    c->as.boosted.class_count = c->class_count;
    c->as.boosted.link = kind == KIND_SOFTMAX   ? BOOSTED_SOFTMAX
                         : kind == KIND_SIGMOID ? BOOSTED_SIGMOID
                                                : BOOSTED_HARD_MARGIN;
    grow_forest(d, a, FOREST_F32, features, two ? 1 : c->class_count, false, &c->as.boosted.trees);
}

static inline void chance_trees(text_dice *d, arena *a, int kind, uint32_t features,
                                text_classifier *c)
{
    bool one = kind == KIND_LOGISTIC;
    c->kind = CLASSIFIER_TREES;
    c->class_count = one ? 2 : 2 + dice_roll(d, MAX_CLASSES - 1);
    c->as.trees.link = one ? TREE_LOGISTIC : kind == KIND_AVERAGE ? TREE_AVERAGE : TREE_SOFTMAX;
    c->as.trees.divisor = TREES;
    c->as.trees.slope = 2;
    c->as.trees.label_from_sums = dice_roll(d, 2) == 0;
    grow_forest(d, a, FOREST_F64, features, one ? 1 : c->class_count, kind == KIND_AVERAGE,
                &c->as.trees.trees);
}

static inline void chance_linear(text_dice *d, arena *a, int kind, uint32_t features,
                                 text_classifier *c)
{
    linear_classifier *l = &c->as.linear;
    bool one = kind == KIND_ONE_ROW || kind == KIND_ONE_ROW_SOFTMAX;
    c->kind = CLASSIFIER_LINEAR;
    c->class_count = one ? 2 : 3 + dice_roll(d, MAX_CLASSES - 2);
    l->feature_count = features;
    l->row_count = one ? 1 : c->class_count;
    l->link = kind == KIND_ROWS || kind == KIND_ONE_ROW ? LINEAR_ONE_VS_REST : LINEAR_SOFTMAX;
    l->coefficients = arena_alloc(a, (size_t)features * l->row_count, sizeof *l->coefficients);
    l->intercepts = arena_alloc(a, l->row_count, sizeof *l->intercepts);
    chance_must(l->coefficients != NULL && l->intercepts != NULL);
    for (size_t i = 0; i < (size_t)features * l->row_count; i++)
        l->coefficients[i] = dice_number(d) * 3.1;
    for (uint32_t i = 0; i < l->row_count; i++)
        l->intercepts[i] = dice_number(d);
}

static inline void chance_classifier(text_dice *d, arena *a, int kind, uint32_t features,
                                     text_classifier *c)
{
    *c = (text_classifier){.kind = CLASSIFIER_BOOSTED};
    if (kind <= KIND_HARD_TWO)
        chance_boosted(d, a, kind, features, c);
    else if (kind <= KIND_TREE_SOFTMAX)
        chance_trees(d, a, kind, features, c);
    else
        chance_linear(d, a, kind, features, c);
}

static alf_span own_terms[] = {
    {"error", 5}, {"disk full", 9}, {"full", 4}, {"a_very_long_token_of_36_characters_ok", 37}};
static double own_idf[] = {1.5, -2.25, 3.0625, 0};

static inline text_vectorizer own_vectorizer(void)
{
    return (text_vectorizer){.lowercase = true,
                             .token_pattern = SPAN_LITERAL("(?u)\\b\\w\\w+\\b"),
                             .ngram_min = 1,
                             .ngram_max = 2,
                             .sublinear_tf = true,
                             .use_idf = true,
                             .norm = TEXT_NORM_L2,
                             .term_count = 4,
                             .terms = own_terms,
                             .idf = own_idf};
}

/* Small ones that differ in their options. */
static inline text_vectorizer own_variant(int kind)
{
    static alf_span words[] = {{"the", 3}, {"of", 2}};
    text_vectorizer v = own_vectorizer();
    v.term_count = 3;
    v.float32 = kind % 3 == 1;
    v.binary = kind % 4 == 2;
    v.norm = kind % 5 == 3 ? TEXT_NORM_NONE : kind % 2 == 0 ? TEXT_NORM_L2 : TEXT_NORM_L1;
    if (kind % 3 != 0) {
        v.stop_words = words;
        v.stop_word_count = 2;
    }
    if (kind % 3 == 2)
        v.token_pattern = SPAN_LITERAL("\\b[a-z]+\\b");
    return v;
}

/* Leaves a classifier its first four trees. */
static inline void keep_few_trees(text_classifier *c)
{
    forest *f = c->kind == CLASSIFIER_TREES ? &c->as.trees.trees : &c->as.boosted.trees;
    if (c->kind == CLASSIFIER_LINEAR)
        return;
    f->node_count = f->roots[4];
    f->tree_count = 4;
}

#endif
