/*
 * The classifier as a whole: a log's verdict does not depend on its neighbours, what goes wrong
 * with one log makes that log fail open and no other, a component that keeps failing is left alone
 * for a while, and the counters tell.
 */
#include "support/sample_bundle.h"

#include "base/arena.h"
#include "base/buf.h"
#include "classify/classifier.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/integration/fixtures/hostile/"

enum { LOGS = 1000, MAX_FILE = 8 << 20 };

static sample_bundle sample;
static buf text; /* LOGS lines */
static log_event events[LOGS];

/* ---- setting up ---- */

static log_event event_of(const char *message)
{
    alf_span all = span_from_string(message);
    return (log_event){.raw = all, .message = all, .severity = -1, .hour = -1};
}

static void read_events(void)
{
    alf_error err = {0};
    const char *at;
    buf_init(&text);
    must(file_read(ALF_TEST_SOURCE_DIR "/models/sample/parity.txt", MAX_FILE, &text, &err), &err);
    at = text.data;
    for (size_t i = 0; i < LOGS; i++) {
        const char *end = memchr(at, '\n', text.size - (size_t)(at - text.data));
        assert_non_null(end);
        events[i] = (log_event){.severity = -1, .hour = (int)(i % 24)};
        events[i].raw = events[i].message = span_of(at, (size_t)(end - at));
        at = end + 1;
    }
}

static int set_up(void **state)
{
    (void)state;
    sample_bundle_make(&sample);
    read_events();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&text);
    sample_bundle_remove(&sample);
    return 0;
}

static void put(const char *name, alf_span data)
{
    alf_error err = {0};
    char path[PATH_MAX];
    must(file_join(path, sizeof path, sample.folder, name, &err), &err);
    must(file_write(path, data, &err), &err);
}

static void get(const char *name, buf *out)
{
    alf_error err = {0};
    char path[PATH_MAX];
    buf_init(out);
    must(file_join(path, sizeof path, sample.folder, name, &err), &err);
    must(file_read(path, MAX_FILE, out, &err), &err);
}

static void take_away(const char *name)
{
    alf_error err = {0};
    char path[PATH_MAX];
    must(file_join(path, sizeof path, sample.folder, name, &err), &err);
    assert_int_equal(remove(path), 0);
}

typedef struct opened {
    classifier *c;
    classifier_session *s;
} opened;

static opened open_with(const classifier_options *options)
{
    opened o;
    alf_error err = {0};
    must(classifier_open(options, &o.c, &err), &err);
    must(classifier_session_new(o.c, &o.s, &err), &err);
    return o;
}

static opened open_sample(void)
{
    classifier_options options;
    classifier_options_init(&options);
    options.bundle = sample.folder;
    return open_with(&options);
}

static classifier_counts counts_of(const opened *o)
{
    classifier_counts counts;
    tally_sum(&o->c->counts, &counts);
    return counts;
}

static void close_opened(opened o)
{
    classifier_session_free(o.s);
    classifier_free(o.c);
}

/* ---- a log alone and in company ---- */

static void assert_same_span(alf_span a, alf_span b)
{
    assert_int_equal(a.size, b.size);
    if (a.size > 0)
        assert_memory_equal(a.data, b.data, a.size);
}

static void assert_same_verdict(const verdict *a, const verdict *b)
{
    assert_int_equal((int)a->category, (int)b->category);
    assert_memory_equal(&a->confidence, &b->confidence, sizeof a->confidence);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->decided_by, b->decided_by);
    assert_memory_equal(a->probability, b->probability, sizeof a->probability);
    assert_memory_equal(a->weight, b->weight, sizeof a->weight);
    assert_int_equal(a->rule.matched, b->rule.matched);
    if (a->rule.matched)
        assert_same_span(a->rule.rule, b->rule.rule);
    assert_int_equal(a->text.present, b->text.present);
    if (a->text.present) {
        assert_int_equal(a->text.label, b->text.label);
        assert_memory_equal(a->text.probability, b->text.probability,
                            a->text.class_count * sizeof a->text.probability[0]);
        assert_memory_equal(&a->text.unfamiliar, &b->text.unfamiliar, sizeof a->text.unfamiliar);
    }
    assert_int_equal(a->anomaly.present, b->anomaly.present);
    if (a->anomaly.present) {
        assert_int_equal(a->anomaly.label, b->anomaly.label);
        assert_memory_equal(&a->anomaly.score, &b->anomaly.score, sizeof a->anomaly.score);
        assert_memory_equal(&a->anomaly.decision, &b->anomaly.decision, sizeof a->anomaly.decision);
    }
    assert_int_equal(a->compliance_bypassed, b->compliance_bypassed);
    assert_int_equal(a->safety_override, b->safety_override);
    assert_int_equal(a->fail_open_used, b->fail_open_used);
}

static void batches_give_the_same_bits(void **state)
{
    (void)state;
    static const size_t sizes[] = {2, 255, 256, 257, LOGS};
    static verdict alone[LOGS];
    static verdict together[LOGS];
    opened o = open_sample();
    for (size_t i = 0; i < LOGS; i++)
        classifier_run(o.s, &events[i], 1, &alone[i]);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        memset(together, 0xA5, sizeof together);
        for (size_t done = 0; done < LOGS; done += sizes[k])
            classifier_run(o.s, events + done, LOGS - done < sizes[k] ? LOGS - done : sizes[k],
                           together + done);
        for (size_t i = 0; i < LOGS; i++)
            assert_same_verdict(&together[i], &alone[i]);
    }
    /* The comparison says something: the logs are not all alike. */
    size_t kinds[ALF_CATEGORIES] = {0};
    for (size_t i = 0; i < LOGS; i++) {
        assert_false(alone[i].fail_open_used);
        kinds[alone[i].category]++;
    }
    for (size_t i = 0; i < ALF_CATEGORIES; i++)
        assert_true(kinds[i] > 0);
    classifier_run(o.s, events, 0, together);
    assert_int_equal(counts_of(&o).logs, 6 * LOGS);
    assert_int_equal(counts_of(&o).components[COMPONENT_RULES].logs, 6 * LOGS);
    assert_int_equal(counts_of(&o).components[COMPONENT_TEXT].logs + counts_of(&o).bypassed,
                     6 * LOGS);
    assert_int_equal(counts_of(&o).components[COMPONENT_ANOMALY].logs,
                     counts_of(&o).components[COMPONENT_TEXT].logs);
    assert_int_equal(counts_of(&o).fail_open, 0);
    classifier_session_free(o.s); /* what a session has counted stays */
    o.s = NULL;
    assert_int_equal(counts_of(&o).components[COMPONENT_RULES].logs, 6 * LOGS);
    classifier_count_late(o.c, 3);
    assert_int_equal(counts_of(&o).fail_open, 3);
    assert_int_equal(counts_of(&o).logs, 6 * LOGS + 3);
    close_opened(o);
}

/* ---- failing ---- */

static void assert_failed_open(const verdict *v, const char *reason)
{
    assert_true(v->fail_open_used);
    assert_string_equal(v->fail_reason, reason);
    assert_string_equal(v->model, "fail_open");
    assert_int_equal((int)v->category, ALF_CRITICAL);
    assert_true(v->confidence == 0 && !v->compliance_bypassed);
}

static void assert_circuit(const opened *o, int component, bool open)
{
    alf_health health;
    classifier_health(o->c, &health);
    for (int i = 0; i < COMPONENTS; i++)
        assert_int_equal(health.components[i].circuit_open, open && i == component);
    assert_int_equal(health.healthy, !open);
}

/* A text model whose label is out of range for every text with a term that it knows. */
static opened open_with_sick_text_model(void)
{
    buf file;
    alf_error err = {0};
    static const char *const names[] = {"tfidf_vectorizer.onnx", "xgboost.onnx"};
    static const char *const fixtures[] = {FIXTURES "onnx_terms_good.onnx",
                                           FIXTURES "onnx_label_range.onnx"};
    for (size_t i = 0; i < 2; i++) {
        buf_init(&file);
        must(file_read(fixtures[i], MAX_FILE, &file, &err), &err);
        put(names[i], buf_span(&file));
        buf_fini(&file);
    }
    return open_sample();
}

/* Runs a test on a bundle whose files it changes, and puts them back. */
static void with_files_kept(void (*test)(void))
{
    static const char *const names[] = {"tfidf_vectorizer.onnx", "xgboost.onnx",
                                        "anomaly_detector.onnx", "manifest.json"};
    enum { COUNT = sizeof names / sizeof names[0] };
    buf kept[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        get(names[i], &kept[i]);
    test();
    for (size_t i = 0; i < COUNT; i++) {
        put(names[i], buf_span(&kept[i]));
        buf_fini(&kept[i]);
    }
}

static void check_sick_text_model(void)
{
    opened o = open_with_sick_text_model();
    log_event batch[300];
    verdict verdicts[300];
    for (size_t i = 0; i < 300; i++)
        batch[i] = event_of(i == 7 || i == 280 ? "quite w3 unknown" : "nothing known here");
    classifier_run(o.s, batch, 300, verdicts);
    for (size_t i = 0; i < 300; i++) {
        if (i == 7 || i == 280)
            assert_failed_open(&verdicts[i], "tfidf_xgboost_error");
        else
            assert_true(!verdicts[i].fail_open_used && verdicts[i].text.present);
    }
    assert_int_equal(counts_of(&o).components[COMPONENT_TEXT].failures, 2);
    assert_int_equal(counts_of(&o).fail_open, 2);
    assert_circuit(&o, COMPONENT_TEXT, false);
    /* Two runs have failed; the fifth in a row opens the circuit. */
    for (size_t i = 0; i < 3; i++) {
        assert_circuit(&o, COMPONENT_TEXT, false);
        classifier_run(o.s, &batch[7], 1, verdicts);
        assert_failed_open(verdicts, "tfidf_xgboost_error");
    }
    assert_circuit(&o, COMPONENT_TEXT, true);
    classifier_run(o.s, batch, 1, verdicts);
    assert_failed_open(verdicts, "tfidf_xgboost_circuit_open");
    assert_int_equal(counts_of(&o).components[COMPONENT_TEXT].failures, 5);
    assert_int_equal(counts_of(&o).fail_open, 6);
    close_opened(o);
}

static void text_model_that_fails(void **state)
{
    (void)state;
    with_files_kept(check_sick_text_model);
}

/* A detector that looks up a table of two by the first feature (its length, scaled), and so fails
 * for long logs; the others have the score given. */
static void make_sick_detector(float score, buf *out)
{
    static const int64_t rows_by_8[] = {-1, 8};
    static const int64_t rows[] = {-1};
    static const int64_t two[] = {2};
    static const int64_t none[] = {0};
    static const int64_t zero = 0;
    const float table[] = {score, score};
    alf_error err = {0};
    onnx_node *node;
    onnx_model *m = onnx_new("sick");
    assert_non_null(m);
    must(onnx_add_opset(m, "", 13, &err), &err);
    must(onnx_add_input(m, "x", ONNX_FLOAT, 2, rows_by_8, &err), &err);
    must(onnx_add_output(m, "label", ONNX_INT64, 1, rows, &err), &err);
    must(onnx_add_output(m, "scores", ONNX_FLOAT, 1, rows, &err), &err);
    must(onnx_add_initializer(m, "table", ONNX_FLOAT, 1, two, table, &err), &err);
    must(onnx_add_initializer(m, "first", ONNX_INT64, 0, none, &zero, &err), &err);
    must(onnx_add_node(m, "", "Gather", "pick", "x first", "length", &node, &err), &err);
    must(onnx_set_int(m, node, "axis", 1, &err), &err);
    must(onnx_add_node(m, "", "Cast", "cut", "length", "index", &node, &err), &err);
    must(onnx_set_int(m, node, "to", ONNX_INT64, &err), &err);
    must(onnx_add_node(m, "", "Gather", "look", "table index", "scores", &node, &err), &err);
    must(onnx_add_node(m, "", "Cast", "name", "length", "label", &node, &err), &err);
    must(onnx_set_int(m, node, "to", ONNX_INT64, &err), &err);
    buf_init(out);
    must(onnx_write(m, out, &err), &err);
    onnx_free(m);
}

static void check_sick_detector(void)
{
    static char endless[200000];
    buf file;
    verdict verdicts[20];
    log_event batch[20];
    memset(endless, 'x', sizeof endless - 1);
    make_sick_detector(1, &file);
    put("anomaly_detector.onnx", buf_span(&file));
    buf_fini(&file);
    opened o = open_sample();
    for (size_t i = 0; i < 20; i++)
        batch[i] = event_of(i == 4 ? endless : "session opened for user bob");
    classifier_run(o.s, batch, 20, verdicts);
    for (size_t i = 0; i < 20; i++) {
        if (i == 4)
            assert_failed_open(&verdicts[i], "anomaly_detector_error");
        else
            assert_true(!verdicts[i].fail_open_used && verdicts[i].anomaly.present);
    }
    assert_int_equal(counts_of(&o).components[COMPONENT_ANOMALY].failures, 1);
    for (size_t i = 0; i < 4; i++) {
        assert_circuit(&o, COMPONENT_ANOMALY, false);
        classifier_run(o.s, batch, 20, verdicts);
    }
    assert_circuit(&o, COMPONENT_ANOMALY, true);
    classifier_run(o.s, batch, 1, verdicts);
    assert_failed_open(verdicts, "anomaly_detector_circuit_open");
    close_opened(o);
}

static void detector_that_fails(void **state)
{
    (void)state;
    with_files_kept(check_sick_detector);
}

/* Numbers that are none count as failures, and the fifth run in a row opens the circuit. */
static void check_detector_without_numbers(void)
{
    buf file;
    verdict verdicts[2];
    log_event batch[2] = {event_of("session opened"), event_of("session closed")};
    make_sick_detector(NAN, &file);
    put("anomaly_detector.onnx", buf_span(&file));
    buf_fini(&file);
    opened o = open_sample();
    for (size_t i = 0; i < 5; i++) {
        assert_circuit(&o, COMPONENT_ANOMALY, false);
        classifier_run(o.s, batch, 2, verdicts);
        assert_failed_open(&verdicts[0], "model_output");
        assert_failed_open(&verdicts[1], "model_output");
    }
    assert_circuit(&o, COMPONENT_ANOMALY, true);
    assert_int_equal(counts_of(&o).components[COMPONENT_ANOMALY].failures, 10);
    classifier_run(o.s, batch, 1, verdicts);
    assert_failed_open(verdicts, "anomaly_detector_circuit_open");
    close_opened(o);
}

static void detector_without_numbers(void **state)
{
    (void)state;
    with_files_kept(check_detector_without_numbers);
}

/* A pattern that runs away on a text makes that text fail open; it never opens the circuit. */
static void pattern_that_runs_away(void **state)
{
    (void)state;
    static const char rule_text[] =
        "categories:\n  suspicious:\n    - name: runaway\n      pattern: "
        "'^(([a-z])+.)+[A-Z]([a-z])+$'\n      confidence: 0.9\n";
    log_event batch[3] = {
        event_of("plain"),
        event_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
        event_of("other")};
    verdict verdicts[3];
    put("rules.yaml", span_of(rule_text, sizeof rule_text - 1));
    opened o = open_sample();
    assert_false(o.c->rules_built_in);
    for (size_t i = 0; i < 8; i++) {
        classifier_run(o.s, batch, 3, verdicts);
        assert_false(verdicts[0].fail_open_used || verdicts[2].fail_open_used);
        assert_failed_open(&verdicts[1], "rules_limit");
    }
    assert_circuit(&o, COMPONENT_RULES, false);
    assert_int_equal(counts_of(&o).components[COMPONENT_RULES].failures, 8);
    close_opened(o);
    take_away("rules.yaml");
}

/* ---- the rest ---- */

static void logs_that_regulation_covers(void **state)
{
    (void)state;
    opened o = open_sample();
    assert_true(o.c->rules_built_in);
    log_event batch[3] = {event_of("session opened"),
                          event_of("payment with card 4111 1111 1111 1111 accepted"),
                          event_of("session closed")};
    verdict verdicts[3];
    classifier_run(o.s, batch, 3, verdicts);
    assert_true(verdicts[1].compliance_bypassed && !verdicts[1].fail_open_used);
    assert_string_equal(verdicts[1].model, "compliance_bypass");
    assert_int_equal((int)verdicts[1].category, ALF_CRITICAL);
    assert_true(verdicts[1].confidence >= 1 && verdicts[1].confidence <= 1);
    assert_true(verdicts[1].compliance_framework.size > 0 && verdicts[1].compliance_rule.size > 0);
    assert_false(verdicts[1].text.present || verdicts[1].anomaly.present);
    assert_false(verdicts[0].compliance_bypassed || verdicts[2].compliance_bypassed);
    assert_true(verdicts[0].text.present && verdicts[2].text.present);
    assert_int_equal(counts_of(&o).bypassed, 1);
    assert_int_equal(counts_of(&o).components[COMPONENT_TEXT].logs, 2);
    close_opened(o);
}

static void check_thresholds(void)
{
    static const char manifest_text[] =
        "{\"format\": 1, \"converter\": \"x\", \"profile\": \"pipeline\", \"class_labels\": "
        "[\"critical\", \"noise\", \"routine\", \"suspicious\"], \"thresholds\": {\"critical\": "
        "0.0001}}";
    verdict before;
    verdict after;
    log_event event = event_of("DEBUG heartbeat ok");
    opened o = open_sample();
    classifier_run(o.s, &event, 1, &before);
    close_opened(o);
    put("manifest.json", span_of(manifest_text, sizeof manifest_text - 1));
    o = open_sample();
    classifier_run(o.s, &event, 1, &after);
    assert_int_equal((int)before.category, ALF_NOISE);
    assert_int_equal((int)after.category, ALF_CRITICAL);
    assert_string_equal(after.decided_by, "threshold");
    assert_memory_equal(after.probability, before.probability, sizeof before.probability);
    close_opened(o);
}

static void thresholds_of_the_manifest(void **state)
{
    (void)state;
    with_files_kept(check_thresholds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_give_the_same_bits), cmocka_unit_test(text_model_that_fails),
        cmocka_unit_test(detector_that_fails),        cmocka_unit_test(detector_without_numbers),
        cmocka_unit_test(pattern_that_runs_away),     cmocka_unit_test(logs_that_regulation_covers),
        cmocka_unit_test(thresholds_of_the_manifest),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
