/*
 * The compiled text path gives the bits of the graphs: for every vectorizer of the emitters'
 * fixtures with classifiers of several kinds, and for every classifier of the fixtures, on the
 * texts of the fixtures and on texts by chance.
 */
#include "support/text_chance.h"
#include "support/text_pair.h"
#include "support/text_twin.h"

#include "base/file.h"
#include "codec/joblib.h"
#include "codec/json.h"
#include "convert/extract.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/"

enum { MAX_TEXTS = 512, CHANCE_TEXTS = 70 };

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
        dice_text(d, words, word_count, i == 0 ? 400 : dice_roll(d, i < 10 ? 3 : 20), &l->bytes);
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
    alf_span rest = v->token_pattern; /* with \W: left to the graphs */
    while (rest.size > 0 && !span_starts(rest, SPAN_LITERAL("\\W")))
        rest = span_of(rest.data + 1, rest.size - 1);
    return v->analyzer == TEXT_WORD && v->more_count == 0 && rest.size == 0;
}

/* With every third kind of classifier: forests and matrices are among them whatever the first. */
static void check_vectorizer(const char *name, const text_vectorizer *v, text_dice *d,
                             const text_list *l, int first)
{
    for (int kind = first; kind < KINDS; kind += 3) {
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
        check_vectorizer(path, &v, &dice, &list, (int)(i % 3));
        compiled += can_compile(&v);
        buf_fini(&list.bytes);
        arena_fini(&model_memory);
        joblib_free(from);
    }
    assert_true(compiled >= 20);
    arena_fini(&memory);
    buf_fini(&file);
}

/* Behind a vectorizer of that many terms, t0 t1 ..., that counts them. Gives whether it was
 * compiled. */
static bool check_classifier(const text_classifier *c, uint32_t columns, text_dice *d)
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
    bool compiled = twin.compiled.path != NULL;
    if (compiled)
        text_twin_check(&twin, list.texts, list.count);
    text_twin_close(&twin);
    buf_fini(&list.bytes);
    buf_fini(&files[0]);
    buf_fini(&files[1]);
    return compiled;
}

static uint32_t columns_of(const text_classifier *c)
{
    return c->kind == CLASSIFIER_LINEAR    ? c->as.linear.feature_count
           : c->kind == CLASSIFIER_BOOSTED ? c->as.boosted.trees.feature_count
                                           : c->as.trees.trees.feature_count;
}

/* The classifiers of a folder of fixtures; gives how many were compiled, *others: how many not. */
static size_t check_folder(const char *folder, text_dice *d, size_t *others)
{
    size_t checked = 0;
    *others = 0;
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
            columns_of(&c) >= 1 && columns_of(&c) <= 64) {
            bool compiled = check_classifier(&c, columns_of(&c), d);
            checked += compiled;
            *others += !compiled;
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
    size_t others;
    assert_true(check_folder(UNIT "classifiers", &dice, &others) >= 50);
    assert_int_equal(others, 0);
    /* Forests with tests of membership, among others, are not compiled. */
    assert_true(check_folder(UNIT "xgboost", &dice, &others) >= 100);
    assert_true(others <= 30);
}

/* ---- long texts, little memory ---- */

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

/* Whether a classifier that claims to take so many columns, and tests the last one, is compiled. */
static bool compiles_with(uint32_t columns)
{
    text_dice dice = {5};
    arena memory;
    text_classifier c;
    text_path *path;
    engine *v, *x;
    buf files[2];
    const text_path_shape shape = {.label_output = 0, .probability_output = 1};
    const text_vectorizer own = own_vectorizer();
    arena_init(&memory, 0);
    chance_classifier(&dice, &memory, KIND_SOFTMAX, own.term_count, &c);
    forest *f = &c.as.boosted.trees;
    for (uint32_t i = 0; i < f->node_count; i++)
        if (f->nodes[i].feature >= 0)
            f->nodes[i].feature = (int32_t)columns - 1;
    f->feature_count = columns;
    make_vectorizer(&own, false, &files[0]);
    make_classifier(&c, &files[1]);
    alf_error err = {0};
    must(engine_load(buf_span(&files[0]), 0, &v, &err), &err);
    must(engine_load(buf_span(&files[1]), 0, &x, &err), &err);
    must(text_path_new(v, x, &shape, &path, &err), &err);
    bool compiled = path != NULL;
    text_path_free(path);
    engine_free(v);
    engine_free(x);
    buf_fini(&files[0]);
    buf_fini(&files[1]);
    arena_fini(&memory);
    return compiled;
}

static void columns_are_bounded(void **state)
{
    (void)state;
    assert_true(compiles_with(4));
    assert_true(compiles_with(1000));
    assert_false(compiles_with(5000000)); /* and not two billion, whose room would be gigabytes */
}

/* ---- files that are changed ---- */

static const alf_span changed_texts[] = {{"", 0},
                                         {"Error the disk full", 19},
                                         {"disk FULL \xC3\x89"
                                          "error",
                                          17},
                                         {"a full_1 full full.", 19},
                                         {"disk the x full error of error", 30},
                                         {"9 __ disk\xFF"
                                          "full",
                                          14}};
enum { CHANGED_TEXTS = sizeof changed_texts / sizeof changed_texts[0] };

/* Changes every second byte, from `first` on, of one of two files: what still compiles has the bits
 * of the graphs. Gives how often it did. */
static size_t change_bytes(buf *files, size_t which, size_t first, bool zero_is_absent)
{
    static const unsigned char changes[] = {0x01, 0x02, 0x80, 0x14, 0xFF};
    size_t compiled = 0;
    for (size_t i = first; i < files[which].size; i += 2) {
        const unsigned char change = changes[i % sizeof changes];
        files[which].data[i] = (char)(files[which].data[i] ^ (char)change);
        pair_result r = pair_check(buf_span(&files[0]), buf_span(&files[1]), zero_is_absent,
                                   changed_texts, CHANGED_TEXTS);
        files[which].data[i] = (char)(files[which].data[i] ^ (char)change);
        compiled += r == PAIR_SAME;
        if (r == PAIR_DIFFERS)
            fail_msg("file %zu, byte %zu changed by 0x%02x: the answers differ", which, i,
                     (unsigned)change);
    }
    return compiled;
}

static void changed_files(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        text_dice dice = {(uint64_t)kind + 7};
        arena memory;
        text_classifier c;
        buf files[2];
        const text_vectorizer v = own_variant(kind);
        arena_init(&memory, 0);
        chance_classifier(&dice, &memory, kind, v.term_count, &c);
        keep_few_trees(&c);
        make_vectorizer(&v, c.kind == CLASSIFIER_LINEAR, &files[0]);
        make_classifier(&c, &files[1]);
        assert_int_equal(pair_check(buf_span(&files[0]), buf_span(&files[1]), true, changed_texts,
                                    CHANGED_TEXTS),
                         PAIR_SAME);
        if (kind < 6) /* the vectorizers come again */
            assert_true(change_bytes(files, 0, (size_t)kind / 2 % 2, kind % 2 == 0) > 50);
        assert_true(change_bytes(files, 1, (size_t)kind / 2 % 2, kind % 2 == 0) > 50);
        buf_fini(&files[0]);
        buf_fini(&files[1]);
        arena_fini(&memory);
    }
}

static alf_status try_all(alf_span vectorizer, alf_span classifier)
{
    const alf_span texts[] = {SPAN_LITERAL("Error: disk full \xC3\x89"), SPAN_LITERAL("disk full")};
    float probabilities[2 * MAX_CLASSES];
    uint32_t labels[2], terms[2];
    engine *v, *x;
    text_chain c;
    text_chain_session s = {0};
    const engine_options plain = {.plain = true};
    TRY(engine_load_with(vectorizer, &plain, &v, NULL));
    alf_status status = engine_load_with(classifier, &plain, &x, NULL);
    if (status != ALF_OK) {
        engine_free(v);
        return status;
    }
    TRY(text_chain_init(&c, v, x, true, NULL));
    text_chain_trim(&c);
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
        cmocka_unit_test(every_vectorizer), cmocka_unit_test(every_classifier),
        cmocka_unit_test(huge_texts),       cmocka_unit_test(columns_are_bounded),
        cmocka_unit_test(changed_files),    cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
