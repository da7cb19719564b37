/* Generations: what cannot be loaded leaves nothing behind, whatever allocation fails; the last
 * user frees one. The feedback file: whole lines only. */
#include "support/sample_bundle.h"
#include "support/sample_plan.h"

#include "base/mem.h"
#include "serve/feedback.h"
#include "serve/generation.h"

#include <string.h>
#include <unistd.h>

static sample_bundle sample;

static alf_status load(void *context, serve_plan *out, alf_error *err)
{
    (void)err;
    sample_plan_init(out, context);
    return ALF_OK;
}

static void the_last_user_frees(void **state)
{
    (void)state;
    serve_source plans = {.context = sample.folder, .load = load, .unload = sample_plan_unload};
    generation *g;
    generation_use *u;
    alf_error err = {0};
    must(generation_load(&plans, 3, &g, &err), &err);
    assert_int_equal(g->number, 3);
    classifier_counts counts;
    tally_sum(&g->classifier->counts, &counts);
    assert_int_equal(counts.logs, 0); /* the proof is not counted */
    assert_int_equal(g->proof.logs, 1000);
    assert_string_equal(g->proof.gap, "");
    must(generation_use_new(g, &u, &err), &err);
    generation_release(g);
    assert_int_equal(sample_plans, 1);
    assert_int_equal(generation_alive(), 1);
    u->users++; /* a request */
    generation_use_leave(u);
    assert_int_equal(sample_plans, 1);
    generation_use_leave(u);
    assert_int_equal(sample_plans, 0);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    char nowhere[] = "/nowhere";
    serve_source plans = {.context = nowhere, .load = load, .unload = sample_plan_unload};
    generation *g;
    alf_error err = {0};
    assert_int_equal(generation_load(&plans, 1, &g, &err), ALF_E_NOT_FOUND);
    assert_null(g);
    assert_int_equal(sample_plans, 0);
    /* Every allocation at the start, then ever fewer of them. */
    plans.context = sample.folder;
    for (uint64_t n = 1;; n += 1 + n / 3) {
        (void)mem_fail_after(n);
        alf_status status = generation_load(&plans, 1, &g, &err);
        (void)mem_fail_after(0);
        if (status == ALF_OK)
            break;
        assert_null(g);
        assert_int_equal(sample_plans, 0);
    }
    generation_release(g);
    assert_int_equal(sample_plans, 0);
    assert_int_equal(generation_alive(), 0);
}

static void feedback_lines(void **state)
{
    (void)state;
    feedback f;
    buf text;
    alf_error err = {0};
    char path[200];
    buf_init(&text);
    must(file_join(path, sizeof path, sample.root, "feedback", &err), &err);
    must(file_write(path, SPAN_LITERAL("{\"torn\":"), &err), &err);
    must(feedback_open(&f, path, &err), &err);
    must(feedback_append(&f, SPAN_LITERAL("{\"a\":1}\n"), 100, &err), &err);
    must(feedback_sync(&f, &err), &err);
    assert_int_equal(feedback_append(&f, SPAN_LITERAL("{\"a\":2}\n"), 20, &err), ALF_E_LIMIT);
    feedback_close(&f);
    feedback_close(&f);
    must(file_read(path, 1000, &text, &err), &err);
    assert_text(buf_span(&text), "{\"torn\":\n{\"a\":1}\n");
    assert_int_equal(feedback_open(&f, sample.root, &err), ALF_E_IO);
    assert_int_equal(feedback_open(&f, "/dev/null", &err), ALF_E_CONFIG);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_user_frees),
                                       cmocka_unit_test(a_failure_leaves_nothing),
                                       cmocka_unit_test(feedback_lines)};
    sample_bundle_make(&sample);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sample_bundle_remove(&sample);
    return failed;
}
