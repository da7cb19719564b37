/* Jobs on threads: each run once, finished in order, never more under way than there are jobs. */
#include "support/test.h"

#include "base/mem.h"
#include "base/ordered.h"

#include <sched.h>
#include <stdatomic.h>

enum { JOBS = 6, TOTAL = 500, MAX_WORKERS = 3 };

typedef struct job {
    uint64_t number;
    uint64_t answer;
} job;

typedef struct work_log {
    atomic_int running[MAX_WORKERS]; /* jobs that run now, by worker */
    atomic_int under_way;            /* submitted, not finished */
    uint64_t finished;
    uint64_t fail_run; /* the number of the job that fails, or TOTAL */
    uint64_t fail_finish;
    bool wrong; /* set in finish, which runs one at a time, and in run before a failure */
    atomic_bool overlap;
} work_log;

static alf_status run_one(void *context, size_t worker, void *what, alf_error *err)
{
    work_log *w = context;
    job *j = what;
    if (worker >= MAX_WORKERS || atomic_fetch_add(&w->running[worker], 1) != 0)
        atomic_store(&w->overlap, true);
    for (uint64_t i = 0; i < j->number * 7 % 5; i++)
        (void)sched_yield(); /* so that they complete out of order */
    j->answer = j->number * j->number;
    atomic_fetch_sub(&w->running[worker], 1);
    if (j->number >= w->fail_run)
        return error_set(err, ALF_E_LIMIT, "job %d failed", (int)j->number);
    return ALF_OK;
}

static alf_status finish_one(void *context, void *what, alf_error *err)
{
    work_log *w = context;
    const job *j = what;
    if (j->number == w->fail_finish)
        return error_set(err, ALF_E_IO, "job %d not finished", (int)j->number);
    w->wrong = w->wrong || j->number != w->finished || j->answer != j->number * j->number ||
               atomic_load(&w->under_way) > JOBS;
    w->finished++;
    atomic_fetch_sub(&w->under_way, 1);
    return ALF_OK;
}

typedef struct fixture {
    work_log log;
    job jobs[JOBS];
    ordered_pool *pool;
} fixture;

static void open_pool(fixture *f, size_t workers)
{
    void *pointers[JOBS];
    alf_error err = {0};
    f->log.fail_run = f->log.fail_run == 0 ? TOTAL : f->log.fail_run;
    f->log.fail_finish = f->log.fail_finish == 0 ? TOTAL : f->log.fail_finish;
    for (int i = 0; i < JOBS; i++)
        pointers[i] = &f->jobs[i];
    const ordered_work work = {run_one, finish_one, &f->log};
    must(ordered_new(&work, workers, pointers, JOBS, &f->pool, &err), &err);
}

/* Submits up to TOTAL jobs; the first failure, or that of waiting. */
static alf_status submit_all(fixture *f, alf_error *err)
{
    for (uint64_t i = 0; i < TOTAL; i++) {
        void *next;
        TRY(ordered_take(f->pool, &next, err));
        ((job *)next)->number = i;
        atomic_fetch_add(&f->log.under_way, 1);
        TRY(ordered_submit(f->pool, err));
    }
    return ordered_wait(f->pool, err);
}

static void every_job_is_finished_in_order(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MAX_WORKERS; workers++) {
        fixture f = {0};
        alf_error err = {0};
        open_pool(&f, workers);
        must(submit_all(&f, &err), &err);
        assert_int_equal(f.log.finished, TOTAL);
        assert_false(f.log.wrong);
        assert_false(atomic_load(&f.log.overlap));
        must(ordered_wait(f.pool, &err), &err);
        ordered_free(f.pool);
    }
}

static void the_first_failure_in_order_ends_the_work(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MAX_WORKERS; workers++) {
        fixture f = {.log = {.fail_run = 100}};
        alf_error err = {0};
        open_pool(&f, workers);
        alf_status status = submit_all(&f, &err);
        assert_int_equal(status, ALF_E_LIMIT);
        assert_string_equal(err.message, "job 100 failed"); /* 101 and later fail too */
        assert_int_equal(ordered_wait(f.pool, &err), ALF_E_LIMIT);
        assert_int_equal(f.log.finished, 100);
        void *none;
        assert_int_equal(ordered_take(f.pool, &none, NULL), ALF_E_LIMIT);
        ordered_free(f.pool);
    }
}

static void a_failure_to_finish_ends_the_work(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MAX_WORKERS; workers++) {
        fixture f = {.log = {.fail_finish = 7}};
        alf_error err = {0};
        open_pool(&f, workers);
        assert_int_equal(submit_all(&f, &err), ALF_E_IO);
        assert_string_equal(err.message, "job 7 not finished");
        assert_int_equal(f.log.finished, 7);
        ordered_free(f.pool);
    }
}

static void freeing_drops_what_waits(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MAX_WORKERS; workers++) {
        fixture f = {0};
        open_pool(&f, workers);
        for (uint64_t i = 0; i < JOBS; i++) {
            void *next;
            assert_int_equal(ordered_take(f.pool, &next, NULL), ALF_OK);
            ((job *)next)->number = i;
            assert_int_equal(ordered_submit(f.pool, NULL), ALF_OK);
        }
        ordered_free(f.pool);
        assert_false(f.log.wrong);
    }
    ordered_free(NULL);
}

static void wrong_numbers_and_no_memory_are_errors(void **state)
{
    (void)state;
    void *pointers[JOBS] = {0};
    ordered_pool *pool;
    const ordered_work work = {run_one, finish_one, NULL};
    assert_int_equal(ordered_new(&work, 0, pointers, JOBS, &pool, NULL), ALF_E_ARGUMENT);
    assert_int_equal(ordered_new(&work, JOBS + 1, pointers, JOBS, &pool, NULL), ALF_E_ARGUMENT);
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        mem_fail_after(n);
        status = ordered_new(&work, 2, pointers, JOBS, &pool, NULL);
        mem_fail_after(0);
        assert_true(status == ALF_OK || (status == ALF_E_NOMEM && pool == NULL && n < 10));
    }
    ordered_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_finished_in_order),
        cmocka_unit_test(the_first_failure_in_order_ends_the_work),
        cmocka_unit_test(a_failure_to_finish_ends_the_work),
        cmocka_unit_test(freeing_drops_what_waits),
        cmocka_unit_test(wrong_numbers_and_no_memory_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
