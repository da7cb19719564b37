/*
 * Replaying a bundle's proof: it holds for the bundle as it was converted; a file or a hash that
 * was changed is a mismatch; what cannot be replayed is said and is none.
 */
#include "support/sample_bundle.h"

#include "base/mem.h"
#include "classify/replay.h"

#include <stdlib.h>
#include <string.h>

static sample_bundle sample;
static buf written; /* the manifest as it was made */

static void manifest_path(char *path, size_t size)
{
    alf_error err = {0};
    must(file_join(path, size, sample.folder, "manifest.json", &err), &err);
}

static void write_manifest(alf_span text)
{
    char path[200];
    alf_error err = {0};
    manifest_path(path, sizeof path);
    must(file_write(path, text, &err), &err);
}

/* Replaces what follows the key, which must be there after `within`, by a text of the same length.
 */
static void edit(const char *within, const char *key, const char *text)
{
    alf_error err = {0};
    buf copy;
    buf_init(&copy);
    buf_append_span(&copy, buf_span(&written));
    buf_append_char(&copy, '\0');
    must(buf_status(&copy, &err), &err);
    char *at = strstr(copy.data, within);
    assert_non_null(at);
    at = strstr(at, key);
    assert_non_null(at);
    memcpy(at + strlen(key), text, strlen(text));
    write_manifest(span_of(copy.data, copy.size - 1));
    buf_fini(&copy);
}

static alf_status run_with(const models_options *options, replay *out, alf_error *err)
{
    models m;
    alf_status status = models_open(&m, sample.folder, options, err);
    if (status == ALF_OK)
        status = replay_bundle(&m, sample.folder, options, out, err);
    models_close(&m);
    return status;
}

static alf_status run(replay *out, alf_error *err)
{
    const models_options options = {.mixed = false};
    return run_with(&options, out, err);
}

static void the_proof_holds(void **state)
{
    (void)state;
    replay found;
    alf_error err = {0};
    must(run(&found, &err), &err);
    assert_int_equal(found.logs, 1000);
    assert_string_equal(found.gap, "");
    /* The models are held to the profile that they were proved with. */
    const models_options serving = {.profile_given = true, .profile = LOG_PROFILE_SERVING};
    must(run_with(&serving, &found, &err), &err);
    assert_int_equal(found.logs, 1000);
    assert_string_equal(found.gap, "");
}

static const char wrong[] = "00000000";

static void other_labels_are_refused(void **state)
{
    (void)state;
    replay found;
    alf_error err = {0};
    edit("\"proof\"", "\"labels_sha256\": \"", wrong);
    assert_int_equal(run(&found, &err), ALF_E_MISMATCH);
    assert_non_null(strstr(err.message, "tfidf_xgboost gives other labels"));
    edit("\"anomaly_detector\"", "\"labels_sha256\": \"", wrong);
    assert_int_equal(run(&found, &err), ALF_E_MISMATCH);
    assert_non_null(strstr(err.message, "anomaly_detector gives other labels"));
    assert_string_equal(err.file, sample.folder);
    write_manifest(buf_span(&written));
}

/* Numbers alone: refused where this version converted, said where another one did. */
static void other_numbers(void **state)
{
    (void)state;
    replay found;
    alf_error err = {0};
    edit("\"proof\"", "\"numbers_sha256\": \"", wrong);
    assert_int_equal(run(&found, &err), ALF_E_MISMATCH);
    assert_non_null(strstr(err.message, "tfidf_xgboost gives other numbers"));
    buf ours = written;
    buf_init(&written);
    const char *converter = "\"converter\": \"ai-log-filter ";
    alf_span text = buf_span(&ours);
    size_t at = (size_t)(strstr(text.data, converter) - text.data) + strlen(converter);
    buf_append(&written, text.data, at);
    buf_append_string(&written, "0.0.7-");
    buf_append(&written, text.data + at, text.size - at);
    edit("\"proof\"", "\"numbers_sha256\": \"", wrong);
    must(run(&found, &err), &err);
    assert_int_equal(found.logs, 1000); /* the other component's */
    assert_non_null(strstr(found.gap, "tfidf_xgboost gives the proved labels, with other numbers"));
    assert_non_null(strstr(found.gap, "0.0.7"));
    assert_null(strstr(found.gap, "anomaly_detector"));
    edit("\"proof\"", "\"labels_sha256\": \"", wrong);
    assert_int_equal(run(&found, &err), ALF_E_MISMATCH);
    buf_fini(&written);
    written = ours;
    write_manifest(buf_span(&written));
}

static void files_are_held_to_their_hashes(void **state)
{
    (void)state;
    static const char *const names[] = {"scaler.onnx", "anomaly_detector.onnx",
                                        "tfidf_vectorizer.onnx", "xgboost.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        replay found;
        alf_error err = {0};
        (void)snprintf(path, sizeof path, "\"path\": \"%s\"", names[i]);
        edit(path, "\"sha256\": \"", wrong);
        assert_int_equal(run(&found, &err), ALF_E_MISMATCH);
        assert_non_null(strstr(err.message, "SHA-256"));
        assert_non_null(strstr(err.file, names[i]));
    }
    write_manifest(buf_span(&written));
}

static void what_cannot_be_replayed_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *within, *key, *text, *gap;
    } cases[] = {
        {"\"proof\"", "\"texts_sha256\": \"", wrong, "not on the 1000 that are built in"},
        {"\"proof\"", "\"tfidf_", "none", "tfidf_xgboost was not converted but copied"},
        {"\"proof\"", "\"labels_s", "none", "the proof of tfidf_xgboost does not say"},
        {"\"proof\"", "\"", "pr00f", "its manifest has no proof"},
        {"\"path\": \"tfidf_vectorizer.onnx", "\"path\": \"", "other",
         "tfidf_xgboost uses tfidf_vectorizer.onnx, which"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        replay found;
        alf_error err = {0};
        edit(cases[i].within, cases[i].key, cases[i].text);
        must(run(&found, &err), &err);
        if (strstr(found.gap, cases[i].gap) == NULL)
            fail_msg("case %zu: \"%s\"", i, found.gap);
    }
    write_manifest(buf_span(&written));
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    models m;
    replay found;
    alf_error err = {0};
    const models_options options = {.mixed = false};
    must(models_open(&m, sample.folder, &options, &err), &err);
    for (uint64_t n = 1;; n += 1 + n / 20) {
        (void)mem_fail_after(n);
        alf_status status = replay_bundle(&m, sample.folder, &options, &found, &err);
        (void)mem_fail_after(0);
        if (status == ALF_OK)
            break;
        assert_int_equal(status, ALF_E_NOMEM);
    }
    assert_string_equal(found.gap, "");
    models_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_proof_holds),
        cmocka_unit_test(other_labels_are_refused),
        cmocka_unit_test(other_numbers),
        cmocka_unit_test(files_are_held_to_their_hashes),
        cmocka_unit_test(what_cannot_be_replayed_is_said),
        cmocka_unit_test(failures_leave_nothing),
    };
    char path[200];
    alf_error err = {0};
    sample_bundle_make(&sample);
    manifest_path(path, sizeof path);
    buf_init(&written);
    if (file_read(path, 1 << 20, &written, &err) != ALF_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&written);
    sample_bundle_remove(&sample);
    return failed;
}
