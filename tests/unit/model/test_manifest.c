/* manifest.json: what is written is read back, and what is wrong is refused by key. */
#include "support/test.h"

#include "base/span.h"
#include "model/manifest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void fill(manifest *m)
{
    static alf_span labels[] = {{"critical", 8}, {"no\"ise", 6}};
    manifest_init(m);
    m->converter = SPAN_LITERAL("ai-log-filter 0");
    m->profile = SPAN_LITERAL("pipeline");
    m->steps = (text_steps){.lower = true, .pad_words = true};
    m->labels = (class_labels){2, labels};
    m->feature_names[0] = SPAN_LITERAL("length");
    m->feature_name_count = 1;
    m->threshold[ALF_CRITICAL] = 0.25;
    m->libraries[0] = (manifest_library){SPAN_LITERAL("xgboost"), SPAN_LITERAL("3.1.3")};
    m->library_count = 1;
    m->files[0] = (manifest_entry){SPAN_LITERAL("scaler.onnx"), span_of(hash, 64), 12};
    m->file_count = 1;
    m->proof = (manifest_proof){.present = true,
                                .all = {.logs = 7,
                                        .text = {.present = true,
                                                 .max_difference = 1e-8,
                                                 .labels_sha256 = span_of(hash, 64)},
                                        .texts_sha256 = span_of(hash, 64)},
                                .built_in = {.logs = 5,
                                             .anomaly = {.present = true, .mismatches = 2},
                                             .texts_sha256 = span_of(hash, 64)}};
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    manifest from;
    manifest to;
    alf_error err = {0};
    arena a;
    buf out;
    arena_init(&a, 1 << 20);
    buf_init(&out);
    fill(&from);
    must(manifest_write(&from, &out, &err), &err);
    must(manifest_parse(buf_span(&out), &a, &to, &err), &err);
    assert_int_equal(to.format, MANIFEST_FORMAT);
    assert_text(to.profile, "pipeline");
    assert_true(to.steps.lower && to.steps.pad_words && to.steps.strip == TEXT_STRIP_NONE);
    assert_int_equal(to.labels.count, 2);
    assert_text(to.labels.names[1], "no\"ise");
    assert_text(to.feature_names[0], "length");
    assert_true(to.threshold[ALF_CRITICAL] == 0.25);
    assert_true(isnan(to.threshold[ALF_SUSPICIOUS]));
    assert_text(to.libraries[0].version, "3.1.3");
    assert_text(to.files[0].path, "scaler.onnx");
    assert_int_equal(to.files[0].size, 12);
    const proof_run *all = &to.proof.all;
    assert_true(to.proof.present && all->text.present && !all->anomaly.present);
    assert_int_equal(all->logs, 7);
    assert_true(all->text.max_difference == 1e-8);
    assert_text(all->text.labels_sha256, hash);
    assert_int_equal(all->text.numbers_sha256.size, 0);
    assert_int_equal(to.proof.built_in.logs, 5);
    assert_int_equal(to.proof.built_in.anomaly.mismatches, 2);
    assert_false(to.proof.built_in.text.present);
    assert_text(to.proof.built_in.texts_sha256, hash);
    buf_fini(&out);
    arena_fini(&a);
}

/* Replaces one part of a good manifest and expects the error to name the key. */
static void expect_refused(const char *part, const char *by, const char *named)
{
    manifest m;
    alf_error err = {0};
    arena a;
    buf out;
    buf bad;
    arena_init(&a, 1 << 20);
    buf_init(&out);
    buf_init(&bad);
    fill(&m);
    must(manifest_write(&m, &out, &err), &err);
    buf_append_char(&out, '\0');
    const char *at = strstr(out.data, part);
    assert_non_null(at);
    buf_append(&bad, out.data, (size_t)(at - out.data));
    buf_append_string(&bad, by);
    buf_append_string(&bad, at + strlen(part));
    alf_status status = manifest_parse(buf_span(&bad), &a, &m, &err);
    assert_true(status == ALF_E_FORMAT || status == ALF_E_UNSUPPORTED);
    if (strstr(err.message, named) == NULL)
        fail_msg("\"%s\" is not in: %s", named, err.message);
    buf_fini(&out);
    buf_fini(&bad);
    arena_fini(&a);
}

static void what_is_wrong_is_refused_by_key(void **state)
{
    (void)state;
    expect_refused("lower pad_words", "lower upper", "text_steps");
    expect_refused("\"lower pad_words\"", "1", "text_steps");
    expect_refused("\"format\": 1", "\"format\": 2", "format 2");
    expect_refused("\"format\": 1", "\"format\": \"1\"", "format");
    expect_refused("\"profile\": \"pipeline\"", "\"profile\": 5", "profile");
    expect_refused("\"scaler.onnx\"", "\"../../etc/passwd\"", "files");
    expect_refused("\"scaler.onnx\"", "\"/etc/passwd\"", "files");
    expect_refused("\"size\": 12", "\"size\": -12", "size");
    expect_refused("ba7816bf8f01", "", "sha256");
    expect_refused("\"critical\": 0.25", "\"critical\": 1.5", "critical");
    expect_refused("\"logs\": 7", "\"logs\": 7.5", "logs");
    expect_refused("{", "{{", "not JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_wrong_is_refused_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
