/* Batches against their time, on a clock that only the judging moves. */
#include "support/test.h"

#include "serve/pace.h"

#include <math.h>

enum { MOST = 256 };

static const uint64_t ms = 1000000;

/* A machine on which a call takes `call` and each log in it `log`, but the logs from `slow_from` on
 * `slow`; and that stands still once, for `stall`. */
static struct machine {
    uint64_t now, call, log, slow, stall;
    size_t slow_from;
    size_t calls, largest, next; /* next: the log that must come now */
} machine;

static log_event events[MOST];

static uint64_t fake_clock(void)
{
    return machine.now;
}

static void judge(void *context, size_t from, size_t count)
{
    assert_ptr_equal(context, &machine);
    assert_int_equal(from, machine.next); /* each log once, in order */
    assert_true(count > 0);
    machine.next += count;
    machine.calls++;
    machine.largest = count > machine.largest ? count : machine.largest;
    machine.now += machine.call + machine.stall;
    machine.stall = 0;
    for (size_t i = from; i < from + count; i++)
        machine.now += machine.slow_from > 0 && i >= machine.slow_from ? machine.slow : machine.log;
}

static pace_batch batch_of(size_t count, uint64_t limit)
{
    machine.calls = machine.largest = machine.next = 0;
    for (size_t i = 0; i < MOST; i++)
        events[i].message = (alf_span){NULL, 100};
    return (pace_batch){.clock = fake_clock,
                        .judge = judge,
                        .context = &machine,
                        .events = events,
                        .count = count,
                        .start = machine.now,
                        .limit = limit};
}

static pace pace_for(double call, double log)
{
    pace p;
    pace_init(&p, &(pace_cost){call, log});
    return p;
}

static void all_is_judged_in_time(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1, .log = 1000};
    pace_batch b = batch_of(256, 50 * ms);
    pace p = pace_for(0, 1000);
    size_t judged;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE);
    assert_int_equal(judged, 256);
    assert_int_equal(machine.calls, 4);
}

/* Logs that are suddenly slow: no step begins after the limit, and what was judged is kept. */
static void what_is_late_is_not_judged(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1, .log = 1000, .slow = 10 * ms, .slow_from = 64};
    pace_batch b = batch_of(256, 50 * ms);
    pace p = pace_for(0, 1000);
    size_t judged;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_LATE);
    assert_int_equal(judged, machine.next);
    /* The first step shows nothing bad, the second is 64 slow logs. */
    assert_int_equal(judged, 128);
    /* At once: half of the limit is two of them. */
    assert_int_equal(pace_room(&p, b.limit, MOST), 2);

    /* Where the first step already shows it, those after it are an eighth of the limit. */
    machine = (struct machine){.now = 1, .log = ms / 2};
    b = batch_of(256, 50 * ms);
    p = pace_for(0, 1000);
    assert_int_equal(pace_run(&b, &p, &judged), PACE_LATE);
    assert_true(judged > 64 && judged < 128);
    assert_true(machine.now - b.start > b.limit);
    assert_true(machine.now - b.start <= b.limit + b.limit / 8);
}

static void the_first_step_is_always_made(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1000 * ms, .log = 100 * ms};
    size_t judged;
    pace_batch b = batch_of(1, 1);
    pace p = pace_for(0, 0);
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE);
    assert_int_equal(judged, 1);
    assert_int_equal(pace_room(&p, b.limit, MOST), 1);
    /* Late before it begins. */
    b = batch_of(2, 1);
    b.start -= 10 * ms;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_LATE);
    assert_int_equal(judged, 1);
}

static void the_limit_itself_is_in_time(void **state)
{
    (void)state;
    size_t judged;
    machine = (struct machine){.now = 1, .log = 5 * ms};
    pace_batch b = batch_of(3, 10 * ms);
    pace p = pace_for(0, 5e6);
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE); /* the last step begins at the limit */
    assert_int_equal(judged, 3);
    b = batch_of(3, 10 * ms - 1);
    assert_int_equal(pace_run(&b, &p, &judged), PACE_LATE);
    assert_int_equal(judged, 2);
}

static void without_a_limit(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1, .log = 1000 * ms};
    pace p = pace_for(0, 1000);
    size_t judged;
    pace_batch b = batch_of(256, 0);
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE);
    assert_int_equal(judged, 256);
    assert_int_equal(machine.largest, PACE_STEP_LOGS);
    assert_int_equal(pace_room(&p, 0, 4096), 4096);
}

static void a_timeout_ends_a_batch(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1, .log = ms};
    size_t judged;
    pace_batch b = batch_of(256, 0);
    pace p = pace_for(0, 0);
    b.until = b.start + 65 * ms;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_TIMEOUT);
    assert_int_equal(judged, 128);
    b = batch_of(256, 1000 * ms);
    b.until = b.start + 1;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_TIMEOUT);
    assert_int_equal(judged, 64);
    /* The timeout of what is judged changes nothing any more. */
    b = batch_of(1, 1000 * ms);
    b.until = b.start + 1;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE);
    /* A limit that has passed, too, comes first: it holds for all logs of the batch. */
    b = batch_of(256, 1);
    b.until = b.start + 1;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_LATE);
}

static void large_logs_are_steps_of_their_own(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1, .log = 100};
    pace p = pace_for(0, 0);
    size_t judged;
    pace_batch b = batch_of(8, 50 * ms);
    for (size_t i = 0; i < 8; i++)
        events[i].message.size = PACE_STEP_BYTES + (i > 3);
    events[4].message.size = SIZE_MAX / 4;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE);
    assert_int_equal(machine.calls, 8);
    b = batch_of(8, 50 * ms);
    events[2].message.size = PACE_STEP_BYTES - 200;
    assert_int_equal(pace_run(&b, &p, &judged), PACE_DONE);
    assert_int_equal(machine.calls, 2); /* 0 to 2, which just fit, and the rest */
}

/* So many batches as the service makes them; how many were late. */
static size_t run_batches(size_t batches, uint64_t limit, pace *p)
{
    size_t late = 0;
    for (size_t i = 0; i < batches; i++) {
        size_t judged;
        size_t room = pace_room(p, limit, MOST);
        assert_in_range(room, 1, MOST);
        pace_batch b = batch_of(room, limit);
        late += pace_run(&b, p, &judged) == PACE_LATE;
    }
    return late;
}

typedef struct engine_case {
    uint64_t call, log; /* what it takes */
    double as;          /* times what it took in the proof */
    size_t room, step;  /* at least */
} engine_case;

/* Engines of any speed keep their 50 ms, as long as they keep their speed. */
static void slow_engines_are_not_late(void **state)
{
    (void)state;
    const engine_case engines[] = {
        {0, 2 * ms, 1, 12, 3},                            /* 2 ms a log */
        {0, 20 * ms, 1, 1, 1},                            /* 20 ms a log */
        {0, 200 * ms, 1, 1, 1},                           /* each log is over the limit */
        {ms * 23 / 10, 25000, 1, MOST, PACE_STEP_LOGS},   /* the call takes most */
        {ms * 23 / 10, 25000, 0.1, MOST, PACE_STEP_LOGS}, /* the proof was on a busy machine */
        {ms * 92 / 10, 100000, 4, 64, 32},                /* now the machine is */
        {ms * 10, 100000, 1, 64, PACE_STEP_LOGS},         /* as slow as that by itself */
        {ms * 23, 250000, 10, 64, PACE_STEP_LOGS},        /* ten times: one step, not late */
        {0, 3000, 1, MOST, PACE_STEP_LOGS},               /* native */
    };
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        const engine_case *e = &engines[i];
        machine = (struct machine){.now = 1, .call = e->call, .log = e->log};
        pace p = pace_for((double)e->call / e->as, (double)e->log / e->as);
        size_t late = run_batches(1, 50 * ms, &p);
        assert_true(late == 0 || e->as > 1);
        assert_int_equal(run_batches(1000, 50 * ms, &p), 0);
        size_t room = pace_room(&p, 50 * ms, MOST);
        if (room < e->room || machine.largest < e->step)
            fail_msg("engine %zu: room %zu, step %zu", i, room, machine.largest);
    }
}

static void it_recovers_from_a_stall(void **state)
{
    (void)state;
    machine = (struct machine){.now = 1, .log = 3000, .stall = 1000 * ms};
    pace p = pace_for(0, 3000);
    assert_int_equal(run_batches(1, 50 * ms, &p), 1);
    assert_true(pace_room(&p, 50 * ms, MOST) < 5);
    assert_int_equal(run_batches(100, 50 * ms, &p), 0);
    assert_int_equal(pace_room(&p, 50 * ms, MOST), MOST);
    assert_int_equal(machine.largest, PACE_STEP_LOGS);
}

static void costs(void **state)
{
    (void)state;
    const struct {
        uint64_t one, all;
        size_t n;
        double call, log;
    } cases[] = {{2325000, 5500000, 128, 2300000, 25000}, /* 2.3 ms and 25 us */
                 {5000, 640000, 128, 0, 5000},
                 {1000, 640000, 128, 0, 5000},       /* a fast one: no cost of a call */
                 {900000, 640000, 128, 899900, 100}, /* one slower than all: the machine's doing */
                 {0, 0, 2, 0, 100},
                 {UINT64_MAX, UINT64_MAX, 2, 0x1p64, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pace_cost c = pace_cost_of(cases[i].one, cases[i].all, cases[i].n);
        assert_true(fabs(c.call - cases[i].call) <= 1 + cases[i].call * 1e-9);
        assert_true(fabs(c.log - cases[i].log) <= 1);
        pace p;
        pace_init(&p, &c);
        assert_in_range(pace_room(&p, 1, 4096), 1, 4096);
        assert_in_range(pace_room(&p, UINT64_MAX, 4096), 1, 4096);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_judged_in_time),
        cmocka_unit_test(what_is_late_is_not_judged),
        cmocka_unit_test(the_first_step_is_always_made),
        cmocka_unit_test(the_limit_itself_is_in_time),
        cmocka_unit_test(without_a_limit),
        cmocka_unit_test(a_timeout_ends_a_batch),
        cmocka_unit_test(large_logs_are_steps_of_their_own),
        cmocka_unit_test(slow_engines_are_not_late),
        cmocka_unit_test(it_recovers_from_a_stall),
        cmocka_unit_test(costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
