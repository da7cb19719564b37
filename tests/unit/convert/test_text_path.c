/*
 * The compiled text path gives the bits of the graphs: for every vectorizer of the emitters'
 * fixtures with classifiers of every kind, and for every classifier of the fixtures, on the texts
 * of the fixtures and on texts by chance.
 */
#include "support/text_twin.h"

#include "base/file.h"
#include "codec/joblib.h"
#include "codec/json.h"
#include "convert/emit.h"
#include "convert/extract.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/"

enum { MAX_TEXTS = 512, CHANCE_TEXTS = 150, TREES = 40, MAX_CLASSES = 5 };

/* ---- graphs ---- */

static void write_graph(onnx_model *graph, buf *out)
{
    alf_error err = {0};
    buf_init(out);
    must(onnx_write(graph, out, &err), &err);
    onnx_free(graph);
}

static void make_vectorizer(const text_vectorizer *v, bool wide, buf *out)
{
    alf_error err = {0};
    onnx_model *graph;
    must(wide ? emit_vectorizer_wide(v, &graph, &err) : emit_vectorizer(v, &graph, &err), &err);
    write_graph(graph, out);
}

static void make_classifier(const text_classifier *c, buf *out)
{
    alf_error err = {0};
    onnx_model *graph;
    must(emit_classifier(c, &graph, &err), &err);
    write_graph(graph, out);
}

/* ---- classifiers by chance ---- */

static double dice_number(text_dice *d)
{
    return ((double)dice_roll(d, 2001) - 1000) / 1024; /* few bits: features equal thresholds */
}

/* One tree of the given depth: node `at` and those below it. */
static void grow_tree(text_dice *d, forest *f, uint32_t depth, uint32_t target,
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
static void grow_forest(text_dice *d, arena *a, forest_number number, uint32_t features,
                        uint32_t targets, bool per_leaf, forest *f)
{
    *f = (forest){.number = number, .feature_count = features, .target_count = targets};
    f->roots = arena_alloc(a, TREES, sizeof *f->roots);
    f->nodes = arena_alloc(a, TREES * 64, sizeof *f->nodes);
    f->leaf_values = arena_alloc(a, (size_t)TREES * 64 * targets, sizeof *f->leaf_values);
    f->base = arena_alloc(a, targets, sizeof *f->base);
    assert_true(f->roots != NULL && f->nodes != NULL && f->leaf_values != NULL && f->base != NULL);
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

static void chance_boosted(text_dice *d, arena *a, int kind, uint32_t features, text_classifier *c)
{
    bool two = kind == KIND_SIGMOID || kind == KIND_HARD_TWO;
    c->class_count = two ? 2 : 2 + dice_roll(d, MAX_CLASSES - 1);
    c->as.boosted.class_count = c->class_count;
    c->as.boosted.link = kind == KIND_SOFTMAX   ? BOOSTED_SOFTMAX
                         : kind == KIND_SIGMOID ? BOOSTED_SIGMOID
                                                : BOOSTED_HARD_MARGIN;
    grow_forest(d, a, FOREST_F32, features, two ? 1 : c->class_count, false, &c->as.boosted.trees);
}

static void chance_trees(text_dice *d, arena *a, int kind, uint32_t features, text_classifier *c)
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

static void chance_linear(text_dice *d, arena *a, int kind, uint32_t features, text_classifier *c)
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
    assert_true(l->coefficients != NULL && l->intercepts != NULL);
    for (size_t i = 0; i < (size_t)features * l->row_count; i++)
        l->coefficients[i] = dice_number(d) * 3.1;
    for (uint32_t i = 0; i < l->row_count; i++)
        l->intercepts[i] = dice_number(d);
}

static void chance_classifier(text_dice *d, arena *a, int kind, uint32_t features,
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

/* ---- texts ---- */

typedef struct text_list {
    buf bytes;
    alf_span texts[MAX_TEXTS];
    size_t count;
} text_list;

/* Texts by chance out of words, after those that are there. */
static void add_chance(text_list *l, text_dice *d, const alf_span *words, size_t word_count)
{
    size_t ends[CHANCE_TEXTS], first = l->count;
    buf_init(&l->bytes);
    for (size_t i = 0; i < CHANCE_TEXTS; i++) {
        dice_text(d, words, word_count, i == 0 ? 9000 : dice_roll(d, i < 10 ? 3 : 40), &l->bytes);
        ends[i] = l->bytes.size;
    }
    for (size_t i = 0, begin = 0; i < CHANCE_TEXTS; begin = ends[i++])
        l->texts[first + i] = span_of(l->bytes.data + begin, ends[i] - begin);
    l->count = first + CHANCE_TEXTS;
}

/* ---- the tests ---- */

static void read_fixtures(buf *file, arena *memory, value **root, text_list *l)
{
    alf_error err = {0};
    buf_init(file);
    arena_init(memory, 0);
    must(file_read(UNIT "emit/cases.json", (size_t)1 << 22, file, &err), &err);
    must(json_parse(buf_span(file), memory, root, &err), &err);
    const value *texts = value_get(*root, "texts");
    *l = (text_list){.count = value_length(texts)};
    for (size_t i = 0; i < l->count; i++)
        l->texts[i] = value_item(texts, i)->as.text;
}

static bool can_compile(const text_vectorizer *v)
{
    return v->analyzer == TEXT_WORD && v->more_count == 0;
}

static void check_vectorizer(const char *name, const text_vectorizer *v, text_dice *d,
                             const text_list *l)
{
    for (int kind = 0; kind < KINDS; kind++) {
        arena memory;
        text_classifier classifier;
        text_twin twin;
        buf files[2];
        arena_init(&memory, 0);
        chance_classifier(d, &memory, kind, v->term_count, &classifier);
        make_vectorizer(v, classifier.kind == CLASSIFIER_LINEAR, &files[0]);
        make_classifier(&classifier, &files[1]);
        text_twin_open(&twin, buf_span(&files[0]), buf_span(&files[1]), dice_roll(d, 2) == 0);
        if (can_compile(v) && twin.compiled.path == NULL)
            fail_msg("%s with a classifier of kind %d is not compiled", name, kind);
        if (twin.compiled.path != NULL)
            text_twin_check(&twin, l->texts, l->count);
        text_twin_close(&twin);
        buf_fini(&files[0]);
        buf_fini(&files[1]);
        arena_fini(&memory);
    }
}

static void every_vectorizer(void **state)
{
    (void)state;
    text_dice dice = {1};
    buf file;
    arena memory;
    value *root;
    text_list list;
    size_t compiled = 0;
    read_fixtures(&file, &memory, &root, &list);
    const value *cases = value_get(root, "cases");
    size_t given = list.count;
    for (size_t i = 0; i < value_length(cases); i++) {
        char path[512];
        joblib_file *from;
        arena model_memory;
        text_vectorizer v;
        alf_error err = {0};
        if (value_get(value_item(cases, i), "refused") != NULL)
            continue;
        alf_span name = value_get(value_item(cases, i), "name")->as.text;
        (void)snprintf(path, sizeof path, UNIT "emit/%.*s.joblib", span_width(name), name.data);
        must(joblib_open(path, NULL, &from, &err), &err);
        arena_init(&model_memory, 0);
        must(extract_vectorizer(joblib_root(from), &model_memory, &v, &err), &err);
        list.count = given;
        add_chance(&list, &dice, v.terms, v.term_count);
        check_vectorizer(path, &v, &dice, &list);
        compiled += can_compile(&v);
        buf_fini(&list.bytes);
        arena_fini(&model_memory);
        joblib_free(from);
    }
    assert_true(compiled >= 20);
    arena_fini(&memory);
    buf_fini(&file);
}

/* A vectorizer of that many terms, t0 t1 ..., that counts them. */
static void check_classifier(const text_classifier *c, uint32_t columns, text_dice *d)
{
    char names[64][16];
    alf_span terms[64];
    text_list list = {.count = 0};
    text_twin twin;
    buf files[2];
    assert_in_range(columns, 1, 64);
    for (uint32_t i = 0; i < columns; i++) {
        (void)snprintf(names[i], sizeof names[i], "t%u", (unsigned)i);
        terms[i] = span_from_string(names[i]);
    }
    const text_vectorizer v = {.token_pattern = SPAN_LITERAL("\\w+"),
                               .ngram_min = 1,
                               .ngram_max = 1,
                               .norm = dice_roll(d, 2) == 0 ? TEXT_NORM_NONE : TEXT_NORM_L2,
                               .term_count = columns,
                               .terms = terms};
    make_vectorizer(&v, c->kind == CLASSIFIER_LINEAR, &files[0]);
    make_classifier(c, &files[1]);
    add_chance(&list, d, terms, columns);
    text_twin_open(&twin, buf_span(&files[0]), buf_span(&files[1]), c->kind == CLASSIFIER_BOOSTED);
    text_twin_check(&twin, list.texts, list.count);
    text_twin_close(&twin);
    buf_fini(&list.bytes);
    buf_fini(&files[0]);
    buf_fini(&files[1]);
}

static uint32_t columns_of(const text_classifier *c)
{
    return c->kind == CLASSIFIER_LINEAR    ? c->as.linear.feature_count
           : c->kind == CLASSIFIER_BOOSTED ? c->as.boosted.trees.feature_count
                                           : c->as.trees.trees.feature_count;
}

/* The classifiers of a folder of fixtures; gives how many there are. */
static size_t check_folder(const char *folder, text_dice *d)
{
    size_t checked = 0;
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        char path[512];
        joblib_file *from;
        arena memory;
        text_classifier c;
        if (strstr(entry->d_name, ".joblib") == NULL)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (joblib_open(path, NULL, &from, NULL) != ALF_OK)
            continue;
        arena_init(&memory, 0);
        if (extract_classifier(joblib_root(from), &memory, &c, NULL) == ALF_OK &&
            columns_of(&c) <= 64) {
            check_classifier(&c, columns_of(&c), d);
            checked++;
        }
        arena_fini(&memory);
        joblib_free(from);
    }
    (void)closedir(list);
    return checked;
}

static void every_classifier(void **state)
{
    (void)state;
    text_dice dice = {2};
    assert_true(check_folder(UNIT "classifiers", &dice) >= 50);
}

/* ---- small models of our own ---- */

static alf_span own_terms[] = {
    {"error", 5}, {"disk full", 9}, {"full", 4}, {"a_very_long_token_of_36_characters_ok", 37}};
static double own_idf[] = {1.5, -2.25, 3.0625, 0};

static text_vectorizer own_vectorizer(void)
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

/* A megabyte in one token, in many, and of one term again and again. */
static void huge_texts(void **state)
{
    (void)state;
    enum { MEGABYTE = 1 << 20 };
    text_dice dice = {3};
    arena memory;
    text_classifier c;
    text_twin twin;
    buf files[2];
    char *text = mem_alloc(3 * (size_t)MEGABYTE);
    assert_non_null(text);
    for (size_t i = 0; i < MEGABYTE; i++) {
        text[i] = 'x';
        text[MEGABYTE + i] = "full "[i % 5];
        text[2 * (size_t)MEGABYTE + i] = (char)(i * 7 % 255 + 1);
    }
    const alf_span texts[] = {{text, MEGABYTE},
                              {text + MEGABYTE, MEGABYTE},
                              {text + 2 * (size_t)MEGABYTE, MEGABYTE},
                              {NULL, 0}};
    const text_vectorizer v = own_vectorizer();
    arena_init(&memory, 0);
    chance_classifier(&dice, &memory, KIND_SOFTMAX, v.term_count, &c);
    make_vectorizer(&v, false, &files[0]);
    make_classifier(&c, &files[1]);
    text_twin_open(&twin, buf_span(&files[0]), buf_span(&files[1]), true);
    text_twin_check(&twin, texts, 4);
    text_twin_close(&twin);
    buf_fini(&files[0]);
    buf_fini(&files[1]);
    arena_fini(&memory);
    mem_free(text);
}

static alf_status try_all(alf_span vectorizer, alf_span classifier)
{
    const alf_span texts[] = {SPAN_LITERAL("Error: disk full \xC3\x89"), SPAN_LITERAL("disk full")};
    float probabilities[2 * MAX_CLASSES];
    uint32_t labels[2], terms[2];
    engine *v, *x;
    text_chain c;
    text_chain_session s = {0};
    TRY(engine_load(vectorizer, 0, &v, NULL));
    alf_status status = engine_load(classifier, 0, &x, NULL);
    if (status != ALF_OK) {
        engine_free(v);
        return status;
    }
    TRY(text_chain_init(&c, v, x, true, NULL));
    status = text_chain_session_init(&s, &c, NULL);
    if (status == ALF_OK)
        status = text_chain_run(&s, texts, 2, probabilities, labels, terms, NULL);
    if (status == ALF_OK)
        assert_non_null(c.path);
    text_chain_session_fini(&s);
    text_chain_fini(&c);
    return status;
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    text_dice dice = {4};
    arena memory;
    text_classifier c;
    buf files[2];
    const text_vectorizer v = own_vectorizer();
    arena_init(&memory, 0);
    chance_classifier(&dice, &memory, KIND_SOFTMAX, v.term_count, &c);
    make_vectorizer(&v, false, &files[0]);
    make_classifier(&c, &files[1]);
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        mem_fail_after(n);
        status = try_all(buf_span(&files[0]), buf_span(&files[1]));
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
    }
    buf_fini(&files[0]);
    buf_fini(&files[1]);
    arena_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vectorizer),
        cmocka_unit_test(every_classifier),
        cmocka_unit_test(huge_texts),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
