/* A candidate beside a generation, and the generation that it becomes: who holds what, and that
 * failures leave nothing behind. */
#include "support/sample_bundle.h"
#include "support/sample_plan.h"

#include "base/mem.h"
#include "serve/shadow.h"

#include <string.h>

static sample_bundle sample;

static alf_status load(void *context, serve_plan *out, alf_error *err)
{
    (void)err;
    sample_plan_init(out, sample.folder);
    out->settings.shadow_samples = 3;
    out->shadow = out->classifier;
    out->shadow.bundle = context;
    return ALF_OK;
}

static void the_candidate_goes_on(void **state)
{
    (void)state;
    serve_source plans = {.context = sample.folder, .load = load, .unload = sample_plan_unload};
    generation *g;
    generation *next;
    generation_use *u;
    alf_error err = {0};
    must(generation_load(&plans, 1, &g, &err), &err);
    shadow *candidate = g->shadow;
    assert_non_null(candidate);
    assert_ptr_not_equal(candidate->classifier, g->classifier);
    assert_int_equal(candidate->files.count, candidate->live_files.count);
    assert_true(candidate->files.count >= 4);
    classifier_count_late(candidate->classifier, 5);
    must(generation_promote(g, 2, &next, &err), &err);
    generation_release(g);
    assert_int_equal(generation_alive(), 1);
    assert_int_equal(sample_plans, 1);
    assert_ptr_equal(next->classifier, candidate->classifier);
    assert_int_equal(next->proof.logs, 1000);
    assert_int_equal(atomic_load(&candidate->references), 1);
    classifier_counts counts;
    tally_sum(&next->classifier->counts, &counts);
    assert_int_equal(counts.logs, 0);
    assert_null(next->shadow);
    log_event event = {.message = SPAN_LITERAL("Failed password for root"), .hour = -1};
    verdict v;
    must(generation_use_new(next, &u, &err), &err);
    classifier_run(u->session, &event, 1, &v);
    assert_false(v.fail_open_used);
    generation_release(next);
    generation_use_leave(u);
    assert_int_equal(sample_plans, 0);
    assert_int_equal(generation_alive(), 0);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    char nowhere[] = "/nowhere";
    serve_source plans = {.context = nowhere, .load = load, .unload = sample_plan_unload};
    generation *g;
    generation *next;
    alf_error err = {0};
    assert_int_equal(generation_load(&plans, 1, &g, &err), ALF_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "shadow.path"));
    assert_non_null(strstr(err.message, "/nowhere"));
    assert_int_equal(sample_plans, 0);
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
    (void)mem_fail_after(1);
    assert_int_equal(generation_promote(g, 2, &next, &err), ALF_E_NOMEM);
    (void)mem_fail_after(0);
    assert_int_equal(atomic_load(&g->shadow->references), 1);
    generation_release(g);
    assert_int_equal(sample_plans, 0);
    assert_int_equal(generation_alive(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_candidate_goes_on),
                                       cmocka_unit_test(a_failure_leaves_nothing)};
    sample_bundle_make(&sample);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sample_bundle_remove(&sample);
    return failed;
}
