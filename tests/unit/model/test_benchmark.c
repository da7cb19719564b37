/* benchmark.json: what is written is read back, what is wrong is refused by name, and it is known
 * which bundle it is of. */
#include "support/test.h"

#include "base/mem.h"
#include "base/span.h"
#include "model/benchmark.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char hash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/* As a user would see it; not written by the program. */
#define FILES(one, two) "{\"" one "\": \"%s\", \"" two "\": \"%s\"}"
static const char good[] =
    "{\"format\": 1, \"converter\": \"ai-log-filter 0\", \"engine\": \"native\", \"cpu\": \"A "
    "CPU\","
    " \"logs\": 7, \"models\": {"
    "\"tfidf_xgboost\": {\"joblib_us\": 60, \"onnx_us\": 2.5, \"improvement\": 24, "
    "\"files\": " FILES(
        "tfidf_vectorizer.onnx",
        "xgboost.onnx") "},"
                        "\"anomaly_detector\": {\"joblib_us\": 40, \"onnx_us\": 1.5, "
                        "\"improvement\": 26.666666666666668, \"files\": " FILES(
                            "scaler.onnx", "anomaly_detector.onnx") "}}}";

static void make_good(char *out, size_t size)
{
    int n = snprintf(out, size, good, hash, hash, hash, hash);
    assert_true(n > 0 && (size_t)n < size);
}

static void fill_manifest(manifest *m, size_t files)
{
    static const char *const names[] = {"scaler.onnx", "anomaly_detector.onnx",
                                        "tfidf_vectorizer.onnx", "xgboost.onnx"};
    manifest_init(m);
    for (size_t i = 0; i < files; i++)
        m->files[i] = (manifest_entry){span_from_string(names[i]), span_of(hash, 64), 1};
    m->file_count = files;
}

static void a_good_one(void **state)
{
    (void)state;
    static manifest m;
    char text[2048];
    benchmark b;
    alf_error err = {0};
    make_good(text, sizeof text);
    must(benchmark_parse(span_from_string(text), &b, &err), &err);
    assert_string_equal(b.cpu, "A CPU");
    assert_string_equal(b.converter, "ai-log-filter 0");
    assert_int_equal(b.logs, 7);
    assert_true(b.models[0].present && b.models[1].present);
    assert_true(b.models[0].joblib_us == 60 && b.models[1].onnx_us == 1.5);
    assert_true(benchmark_improvement(&b, NULL) == 100.0 / 4);
    assert_true(benchmark_improvement(&b, (const bool[]){true, false}) == 24);
    assert_true(benchmark_improvement(&b, (const bool[]){false, true}) == 40 / 1.5);
    assert_true(benchmark_improvement(&b, (const bool[]){false, false}) == 0);
    fill_manifest(&m, 4);
    assert_true(benchmark_is_of(&b, &m));
    b.models[0].sha256[1][5] ^= 1;
    assert_false(benchmark_is_of(&b, &m));
    b.models[0].present = false;
    assert_true(benchmark_is_of(&b, &m));
    fill_manifest(&m, 1); /* without the detector */
    assert_false(benchmark_is_of(&b, &m));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static manifest m;
    benchmark b = {.logs = 1000};
    benchmark read;
    alf_error err = {0};
    buf out;
    b.models[1] = (benchmark_model){.present = true, .joblib_us = 45.362113, .onnx_us = 0.7};
    benchmark_set_text(b.cpu, "a \"CPU\"\t\xc3\xa9");
    benchmark_set_text(b.converter, "c");
    assert_string_equal(b.cpu, "a \"CPU\"???");
    fill_manifest(&m, 2);
    must(benchmark_bind(&b, &m, &err), &err);
    buf_init(&out);
    benchmark_write(&b, &out);
    must(benchmark_parse(buf_span(&out), &read, &err), &err);
    assert_memory_equal(&read, &b, sizeof b);
    assert_true(benchmark_is_of(&read, &m));
    buf_fini(&out);
    fill_manifest(&m, 1);
    assert_int_equal(benchmark_bind(&b, &m, &err), ALF_E_INTERNAL);
}

static void without_memory(void **state)
{
    (void)state;
    benchmark b;
    char text[2048];
    alf_error err = {0};
    make_good(text, sizeof text);
    must(benchmark_parse(span_from_string(text), &b, &err), &err);
    size_t failures = 0;
    for (bool failed = true; failed; failures += failed) {
        buf out;
        buf_init(&out);
        mem_fail_after(failures + 1);
        benchmark_write(&b, &out);
        mem_fail_after(0);
        failed = out.failed;
        buf_fini(&out);
    }
    assert_true(failures > 0);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char text[400];
    char to[BENCHMARK_TEXT];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    benchmark_set_text(to, text);
    assert_int_equal(strlen(to), BENCHMARK_TEXT - 1);
}

/* Replaces the first `part` of the good one. */
static void expect_refused(const char *part, const char *by, const char *named)
{
    char text[4096];
    char bad[8192];
    char message[512];
    benchmark b;
    alf_error err = {0};
    make_good(text, sizeof text);
    char *at = strstr(text, part);
    assert_non_null(at);
    *at = '\0';
    int n = snprintf(bad, sizeof bad, "%s%s%s", text, by, at + strlen(part));
    assert_true(n > 0 && (size_t)n < sizeof bad);
    alf_status status = benchmark_parse(span_from_string(bad), &b, &err);
    if (status == ALF_OK)
        fail_msg("accepted: %s", bad);
    (void)error_text(&err, message, sizeof message);
    if (strstr(message, named) == NULL)
        fail_msg("no \"%s\" in \"%s\"", named, message);
    assert_false(b.models[0].present || b.models[1].present);
}

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *part, *by, *named;
    } cases[] = {
        {"{", "", "JSON"},
        {"1,", "1, \"format\": 1,", "duplicate"},
        {"1,", "2,", "format"},
        {"1,", "1.0,", "format"},
        {"1,", "1, \"x\": 1,", "unknown key \"x\""},
        {"\"native\"", "\"onnxruntime\"", "engine"},
        {"\"native\"", "null", "engine"},
        {"A CPU", "A\\u0007CPU", "cpu"},
        {"A CPU", "A\\u0000CPU", "JSON"},
        {"A CPU", "\xc3\xa9", "cpu"},
        {"\"A CPU\"", "[]", "cpu"},
        {"7", "0", "logs"},
        {"7", "-1", "logs"},
        {"7", "7.5", "logs"},
        {"7", "99999999999999999999", "JSON"},
        {"\"models\"", "\"model\"", "unknown key \"model\""},
        {"tfidf_xgboost", "rule_based", "unknown key \"rule_based\""},
        {"60", "-60", "joblib_us"},
        {"60", "0", "joblib_us"},
        {"60", "1e13", "joblib_us"},
        {"60", "\"60\"", "joblib_us"},
        {"60", "1e999", "JSON"},
        {"2.5", "0", "onnx_us"},
        {"24", "25", "improvement"},
        {"24", "1e300", "improvement"},
        {"\"improvement\"", "\"improved\"", "improved"},
        {"xgboost.onnx", "../xgboost.onnx", "unknown key"},
        {hash, "ba78", "hexadecimal"},
        {hash, "BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "hexadecimal"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(cases[i].part, cases[i].by, cases[i].named);
}

static void nothing_at_all(void **state)
{
    (void)state;
    benchmark b;
    alf_error err = {0};
    const char *const texts[] = {"", "[]", "{}", "null", "1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(benchmark_parse(span_from_string(texts[i]), &b, &err), ALF_E_FORMAT);
    assert_int_equal(benchmark_parse(span_of(NULL, 0), &b, &err), ALF_E_FORMAT);
    const char empty[] =
        "{\"format\": 1, \"converter\": \"\", \"engine\": \"native\", \"cpu\": \"\","
        " \"logs\": 7, \"models\": {}}";
    assert_int_equal(benchmark_parse(span_from_string(empty), &b, &err), ALF_E_FORMAT);
    char *large = mem_calloc(BENCHMARK_MAX_FILE + 1, 1);
    assert_non_null(large);
    memset(large, '[', BENCHMARK_MAX_FILE + 1);
    assert_int_equal(benchmark_parse(span_of(large, BENCHMARK_MAX_FILE + 1), &b, &err),
                     ALF_E_LIMIT);
    assert_int_equal(benchmark_parse(span_of(large, BENCHMARK_MAX_FILE), &b, &err), ALF_E_FORMAT);
    mem_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one),         cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(long_texts_are_cut), cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(nothing_at_all),     cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
