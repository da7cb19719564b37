/* Counters of several workers as one text; labels that need escapes; more labels than there is room
 * for. The expected text follows the exposition format 0.0.4. */
#include "support/test.h"

#include "base/mem.h"
#include "base/span.h"
#include "serve/metrics.h"

#include <stdio.h>
#include <string.h>

static metrics *new_metrics(void)
{
    metrics *m = mem_calloc(1, sizeof *m);
    assert_non_null(m);
    return m;
}

static void must_have(const buf *text, const char *line)
{
    char *copy = mem_alloc(text->size + 1);
    assert_non_null(copy);
    memcpy(copy, text->data, text->size);
    copy[text->size] = '\0';
    if (strstr(copy, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, copy);
    mem_free(copy);
}

static void workers_are_added_up(void **state)
{
    (void)state;
    metrics *workers[2] = {new_metrics(), new_metrics()};
    buf out;
    buf_init(&out);
    for (unsigned i = 0; i < 2; i++) {
        verdict v = {.category = ALF_CRITICAL, .model = "fail_open", .fail_open_used = true};
        v.fail_reason = "timeout";
        metrics_count(workers[i], &v);
        v = (verdict){.category = ALF_NOISE, .model = "ensemble"};
        metrics_count(workers[i], &v);
        metrics_observe(&workers[i]->inference_time, &metrics_milliseconds, 100000, 3);
        metrics_observe(&workers[i]->inference_time, &metrics_milliseconds, 100001, 1);
        metrics_observe(&workers[i]->inference_time, &metrics_milliseconds, UINT64_C(1) << 40, 1);
        atomic_store(&workers[i]->connections, 5 - 3 * (int)i);
    }
    metrics_print(workers, 2, true, &out);
    assert_false(out.failed);
    must_have(&out,
              "\nai_filter_logs_processed_total{category=\"critical\",model=\"fail_open\"} 2\n");
    must_have(&out, "\nai_filter_logs_processed_total{category=\"noise\",model=\"ensemble\"} 2\n");
    must_have(&out, "\n# TYPE ai_filter_fail_open_events_total counter\n"
                    "ai_filter_fail_open_events_total{reason=\"timeout\"} 2\n");
    must_have(&out, "ai_filter_inference_time_ms_bucket{le=\"0.05\",engine=\"onnx\"} 0\n"
                    "ai_filter_inference_time_ms_bucket{le=\"0.1\",engine=\"onnx\"} 6\n"
                    "ai_filter_inference_time_ms_bucket{le=\"0.25\",engine=\"onnx\"} 8\n");
    must_have(&out, "ai_filter_inference_time_ms_bucket{le=\"+Inf\",engine=\"onnx\"} 10\n");
    must_have(&out, "ai_filter_inference_time_ms_count{engine=\"onnx\"} 10\n");
    must_have(&out,
              "ai_filter_inference_duration_seconds_bucket{le=\"5e-05\",engine=\"onnx\"} 0\n"
              "ai_filter_inference_duration_seconds_bucket{le=\"0.0001\",engine=\"onnx\"} 6\n"
              "ai_filter_inference_duration_seconds_bucket{le=\"0.00025\",engine=\"onnx\"} 8\n");
    must_have(&out, "\nai_filter_http_connections 7\n");
    buf_clear(&out);
    metrics_print(workers, 2, false, &out);
    must_have(&out, "ai_filter_inference_duration_seconds_count{engine=\"onnx\"} 10\n");
    buf_append_char(&out, '\0');
    assert_null(strstr(out.data, "time_ms"));
    buf_fini(&out);
    mem_free(workers[0]);
    mem_free(workers[1]);
}

static void labels_are_escaped(void **state)
{
    (void)state;
    buf out;
    buf_init(&out);
    metrics_label labels[2] = {{"a", SPAN_LITERAL("x\"y\\z\n")}, {"b", SPAN_LITERAL("")}};
    metrics_sample(&out, "name", labels, 2, 0.5);
    metrics_sample(&out, "name", NULL, 0, 12);
    assert_text(buf_span(&out), "name{a=\"x\\\"y\\\\z\\n\",b=\"\"} 0.5\nname 12\n");
    buf_fini(&out);
}

static void more_labels_than_room(void **state)
{
    (void)state;
    metrics *m = new_metrics();
    char name[200];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3 * METRICS_LABELS; i++) {
            int n = snprintf(name, sizeof name, "rule-%d", i);
            metrics_add_labelled(&m->bypass, SPAN_LITERAL("f"), span_of(name, (size_t)n), 1);
        }
    uint64_t sum = 0;
    assert_int_equal(atomic_load(&m->bypass.count), METRICS_LABELS);
    for (int i = 0; i < METRICS_LABELS; i++)
        sum += metrics_get(&m->bypass.entry[i].counter);
    assert_int_equal(sum, 6 * METRICS_LABELS);
    assert_string_equal(m->bypass.entry[METRICS_LABELS - 1].second, "other");
    /* Long labels are cut, and found again. */
    memset(name, 'x', sizeof name);
    metrics_add_labelled(&m->rejected, span_of(name, sizeof name), SPAN_LITERAL(""), 1);
    metrics_add_labelled(&m->rejected, span_of(name, sizeof name), SPAN_LITERAL(""), 1);
    assert_int_equal(atomic_load(&m->rejected.count), 1);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(workers_are_added_up),
                                       cmocka_unit_test(labels_are_escaped),
                                       cmocka_unit_test(more_labels_than_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
