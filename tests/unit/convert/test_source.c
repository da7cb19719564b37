/* Folders and files of models as convert finds them: formats by their first bytes, slots, names of
 * classes, and running out of memory. (tests/cli/test_convert_files.sh converts them.) */
#include "base/mem.h"
#include "convert/source.h"
#include "convert/source_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/cli/fixtures/classifiers/"

static void test_formats(void **state)
{
    (void)state;
    arena memory;
    alf_error err = {0};
    const value *object;
    arena_init(&memory, 1 << 16);
    assert_true(source_file_known(SPAN_LITERAL("{\"learner\""), "anything"));
    assert_true(source_file_known(SPAN_LITERAL("binf"), "anything"));
    assert_true(source_file_known(SPAN_LITERAL("CONFIG-offset:"), "anything"));
    assert_true(source_file_known(SPAN_LITERAL("\0\0\0\x3f"), "a/model.bin"));
    assert_true(source_file_known(SPAN_LITERAL("tree\nversion=v4\n"), "anything"));
    assert_true(source_file_known(SPAN_LITERAL("cut off"), "a/model.txt"));
    assert_false(source_file_known(SPAN_LITERAL("\x80\x04"), "a/model.joblib"));
    assert_false(source_file_known(SPAN_LITERAL(""), ".bin"));
    assert_int_equal(source_file_object(SPAN_LITERAL("x"), "y", &memory, &object, &err),
                     ALF_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "known are joblib, XGBoost"));
    assert_int_equal(source_file_object(SPAN_LITERAL("{}"), "y", &memory, &object, &err), ALF_OK);
    assert_true(value_is_a(object, "xgboost", "Booster"));
    assert_int_equal(value_attribute(object, "handle")->kind, VALUE_BYTES);
    assert_int_equal(
        source_file_object(SPAN_LITERAL("tree\nversion=v4\n"), "y", &memory, &object, &err),
        ALF_OK);
    assert_true(value_is_a(object, "lightgbm", "Booster"));
    arena_fini(&memory);
}

static void test_slots(void **state)
{
    (void)state;
    source s;
    alf_error err = {0};
    assert_int_equal(source_open(&s, FIXTURES "files", NULL, &err), ALF_OK);
    assert_true(s.classifier_is_file);
    assert_string_equal(s.classifier_file, "tfidf_xgboost/model.json");
    assert_string_equal(s.vectorizer_file, "tfidf_xgboost/vectorizer.joblib");
    assert_string_equal(s.labels_file, "labels.json");
    assert_int_equal(value_length(s.labels), 4);
    assert_int_equal(s.file_count, 3);
    source_close(&s);
    assert_int_equal(source_open(&s, FIXTURES "files", "a,b", &err), ALF_OK);
    assert_int_equal(value_length(s.labels), 2);
    assert_true(span_is(value_item(s.labels, 1)->as.text, "b"));
    source_close(&s);
    assert_int_equal(source_open(&s, FIXTURES "forest", NULL, &err), ALF_OK);
    assert_false(s.classifier_is_file);
    assert_true(value_is_a(s.labels, "sklearn.preprocessing", "LabelEncoder"));
    source_close(&s);
    assert_int_equal(source_open(&s, FIXTURES "files/labels.json", NULL, &err), ALF_OK);
    source_close(&s); /* JSON, so taken for a model; conversion says what it is not */
    assert_int_equal(source_open(&s, FIXTURES "absent", NULL, &err), ALF_E_NOT_FOUND);
    source_close(&s);
    assert_int_equal(source_open(&s, ALF_TEST_SOURCE_DIR "/docs", NULL, &err), ALF_E_NOT_FOUND);
    source_close(&s);
}

static void test_no_memory(void **state)
{
    (void)state;
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        source s;
        alf_error err = {0};
        mem_fail_after(n);
        status = source_open(&s, FIXTURES "files", NULL, &err);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        source_close(&s);
        assert_true(n < 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formats), cmocka_unit_test(test_slots),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
