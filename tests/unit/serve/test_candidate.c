/* Counting, sampling and judging a candidate, and the thread beside a worker. */
#include "serve/shadow.h"

#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { EACH = 5 };

static shadow *make(size_t samples)
{
    shadow *s;
    alf_error err;
    assert_int_equal(shadow_new(NULL, samples, &s, &err), ALF_OK);
    return s;
}

static void one(shadow *s, shadow_counts *total, alf_category live, alf_category candidate,
                alf_span message, int64_t at)
{
    shadow_log log = {.message = message, .at = at, .category = live, .confidence = 0.75};
    verdict v = {.category = candidate, .confidence = 0.5};
    shadow_compare(s, total, &log, &v, 1);
}

/* Each pair of categories a different number of times; the sums are worked out by hand. */
static void test_counts(void **state)
{
    (void)state;
    shadow_counts total = {.logs = {{0}}};
    shadow_totals t;
    shadow *s = make(0);
    for (int a = 0; a < ALF_CATEGORIES; a++)
        for (int b = 0; b < ALF_CATEGORIES; b++)
            for (int n = 0; n < a * ALF_CATEGORIES + b + 1; n++)
                one(s, &total, (alf_category)a, (alf_category)b, SPAN_LITERAL("x"), 0);
    shadow_skip_logs(s, &total, SHADOW_SKIP_BUSY, 7);
    for (int round = 0; round < 2; round++) {
        shadow_read(round == 0 ? &s->counts : &total, &t);
        assert_int_equal(t.compared, 16 * 17 / 2);
        assert_int_equal(t.disagreements, 16 * 17 / 2 - (1 + 6 + 11 + 16));
        assert_int_equal(t.criticals, 1 + 2 + 3 + 4);
        assert_int_equal(t.criticals_lowered, 2 + 3 + 4);
        assert_int_equal(t.forwarded_lowered, 3 + 4 + 7 + 8);
        assert_int_equal(t.logs[ALF_SUSPICIOUS][ALF_NOISE], 8);
        assert_int_equal(t.skipped[SHADOW_SKIP_BUSY], 7);
    }
    assert_int_equal(s->sample_count, 0);
    shadow_release(s);
}

/* A verdict that failed open is no opinion. */
static void test_failures(void **state)
{
    (void)state;
    shadow_counts total = {.logs = {{0}}};
    shadow_totals t;
    shadow *s = make(4);
    shadow_log log = {.message = SPAN_LITERAL("x"), .category = ALF_NOISE};
    verdict v = {.category = ALF_CRITICAL, .fail_open_used = true};
    shadow_compare(s, &total, &log, &v, 1);
    shadow_read(&s->counts, &t);
    assert_int_equal(t.compared, 0);
    assert_int_equal(t.skipped[SHADOW_SKIP_FAILED], 1);
    assert_int_equal(s->sample_count, 0);
    shadow_release(s);
}

/* The worst disagreements stay, the oldest of the rest go first. */
static void test_samples(void **state)
{
    (void)state;
    shadow_counts total = {.logs = {{0}}};
    shadow *s = make(4);
    one(s, &total, ALF_NOISE, ALF_ROUTINE, SPAN_LITERAL("light 1"), 1);
    one(s, &total, ALF_CRITICAL, ALF_NOISE, SPAN_LITERAL("worst 2"), 2);
    one(s, &total, ALF_SUSPICIOUS, ALF_ROUTINE, SPAN_LITERAL("bad 3"), 3);
    one(s, &total, ALF_NOISE, ALF_NOISE, SPAN_LITERAL("agreed"), 3);
    one(s, &total, ALF_NOISE, ALF_CRITICAL, SPAN_LITERAL("light 4"), 4);
    one(s, &total, ALF_ROUTINE, ALF_NOISE, SPAN_LITERAL("light 5"), 5);
    assert_int_equal(s->sample_count, 4);
    assert_memory_equal(s->samples[0].text, "light 5", 7);
    assert_memory_equal(s->samples[3].text, "light 4", 7);
    for (int i = 0; i < 3; i++)
        one(s, &total, ALF_CRITICAL, ALF_SUSPICIOUS, SPAN_LITERAL("worst"), 6 + i);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(s->samples[i].live, ALF_CRITICAL);
    one(s, &total, ALF_SUSPICIOUS, ALF_NOISE, SPAN_LITERAL("bad 9"), 9);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(s->samples[i].live, ALF_CRITICAL);
    assert_true(s->samples[1].live_confidence == 0.75 && s->samples[1].candidate_confidence == 0.5);
    shadow_release(s);
}

static void test_cut(void **state)
{
    (void)state;
    char text[SHADOW_MESSAGE + 8];
    shadow_counts total = {.logs = {{0}}};
    shadow *s = make(3);
    memset(text, 'a', sizeof text);
    one(s, &total, ALF_NOISE, ALF_ROUTINE, span_of(text, SHADOW_MESSAGE), 1);
    assert_int_equal(s->samples[0].kept, SHADOW_MESSAGE);
    /* U+20AC, of which the last byte would be cut off */
    memcpy(text + SHADOW_MESSAGE - 2, "\xe2\x82\xac", 3);
    one(s, &total, ALF_NOISE, ALF_ROUTINE, span_of(text, sizeof text), 1);
    assert_int_equal(s->samples[1].kept, SHADOW_MESSAGE - 2);
    assert_int_equal(s->samples[1].size, sizeof text);
    /* no UTF-8 at all: cut anywhere near */
    memset(text, 0x80, sizeof text);
    one(s, &total, ALF_NOISE, ALF_ROUTINE, span_of(text, sizeof text), 1);
    assert_in_range(s->samples[2].kept, SHADOW_MESSAGE - 4, SHADOW_MESSAGE);
    shadow_release(s);
}

static void judged(const shadow_totals *t, shadow_terms terms, shadow_judgement wanted)
{
    assert_int_equal(shadow_judge(t, &terms), wanted);
}

static void test_judgement(void **state)
{
    (void)state;
    shadow_totals t = {.compared = 10, .criticals = 3};
    judged(&t, (shadow_terms){10, 3, false, false, false}, SHADOW_FITS);
    judged(&t, (shadow_terms){11, 3, false, false, false}, SHADOW_TOO_FEW);
    judged(&t, (shadow_terms){11, 3, false, false, true}, SHADOW_FITS);
    judged(&t, (shadow_terms){10, 4, false, false, false}, SHADOW_TOO_FEW_CRITICALS);
    judged(&t, (shadow_terms){10, 4, false, false, true}, SHADOW_FITS);
    judged(&t, (shadow_terms){10, 3, true, false, false}, SHADOW_RESTS);
    judged(&t, (shadow_terms){10, 3, true, false, true}, SHADOW_FITS);
    judged(&t, (shadow_terms){10, 3, false, true, false}, SHADOW_LACKS_MODEL);
    judged(&t, (shadow_terms){10, 3, false, true, true}, SHADOW_LACKS_MODEL);
    t.skipped[SHADOW_SKIP_FAILED] = 1;
    judged(&t, (shadow_terms){10, 3, false, false, false}, SHADOW_FAILS);
    judged(&t, (shadow_terms){10, 3, false, false, true}, SHADOW_FITS);
    t.criticals_lowered = 1;
    judged(&t, (shadow_terms){10, 3, false, false, false}, SHADOW_LOWERS_CRITICALS);
    judged(&t, (shadow_terms){10, 3, false, false, true}, SHADOW_LOWERS_CRITICALS);
}

/* ---- with a thread: rules only, which need no bundle ---- */

static classifier *rules_only(const char *rules)
{
    alf_error err;
    classifier *c = mem_calloc(1, sizeof *c);
    assert_non_null(c);
    for (int i = 0; i < COMPONENTS; i++)
        breaker_init(&c->breakers[i], NULL);
    c->ensemble = ensemble_default;
    assert_int_equal(ruleset_parse(span_from_string(rules), "rules", RULESET_ALL, &c->rules, &err),
                     ALF_OK);
    return c;
}

static const char candidate_rules[] = "categories:\n"
                                      "  critical:\n"
                                      "    - name: one\n"
                                      "      confidence: 0.95\n"
                                      "      patterns: ['attack']\n"
                                      "  noise:\n"
                                      "    - name: two\n"
                                      "      confidence: 0.9\n"
                                      "      patterns: ['heartbeat', 'whole source']\n";

static log_event events[EACH] = {
    {.hour = -1}, {.hour = 3}, {.hour = -1}, {.hour = -1}, {.hour = -1}};

static int set_events(void **state)
{
    (void)state;
    events[0].message = SPAN_LITERAL("an attack");
    events[1].message = SPAN_LITERAL("heartbeat");
    events[2].message = SPAN_LITERAL("heartbeat of an attacker");
    events[4].message = SPAN_LITERAL("heartbeat: live failed");
    return 0;
}

static const verdict live[EACH] = {
    {.category = ALF_CRITICAL},
    {.category = ALF_CRITICAL},
    {.category = ALF_CRITICAL},
    {.category = ALF_ROUTINE},
    {.category = ALF_CRITICAL, .fail_open_used = true},
};

static uint64_t seen(const shadow_counts *counts)
{
    shadow_totals t;
    shadow_read(counts, &t);
    uint64_t sum = t.compared;
    for (int i = 0; i < SHADOW_SKIPS; i++)
        sum += t.skipped[i];
    return sum;
}

/* Takes batches until that many logs are compared or skipped; bounded by the test's time. */
static void wait_for(shadow_runner *r, const shadow_counts *counts, uint64_t logs)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    while (seen(counts) < logs) {
        shadow_flush(r);
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(seen(counts), logs);
}

static void test_runner(void **state)
{
    (void)state;
    alf_error err;
    shadow_counts total = {.logs = {{0}}};
    shadow_totals t;
    shadow_runner *r = NULL;
    generation g = {.plan = {.settings = {.shadow_share = 1}}};
    shadow_take(&r, &total, &g, events, live, EACH);
    assert_null(r); /* no candidate, no thread */
    shadow_flush(r);
    shadow_change(r, &g);
    assert_int_equal(shadow_new(rules_only(candidate_rules), 10, &g.shadow, &err), ALF_OK);
    enum { ROUNDS = 400 };
    for (int i = 0; i < ROUNDS; i++) {
        char copy[16] = "an attack"; /* what is taken is copied */
        log_event own[EACH];
        memcpy(own, events, sizeof own);
        own[0].message = span_of(copy, 9);
        shadow_take(&r, &total, &g, own, live, EACH);
        memset(copy, 'x', sizeof copy);
        shadow_flush(r);
        if (i % 50 == 0)
            wait_for(r, &total, (uint64_t)(i + 1) * EACH);
    }
    wait_for(r, &total, (uint64_t)ROUNDS * EACH);
    shadow_read(&total, &t);
    assert_int_equal(t.skipped[SHADOW_SKIP_LIVE_FAILED], ROUNDS);
    assert_int_equal(t.compared + t.skipped[SHADOW_SKIP_BUSY], ROUNDS * (EACH - 1));
    assert_in_range(t.logs[ALF_CRITICAL][ALF_NOISE], 1, ROUNDS);
    assert_int_equal(t.logs[ALF_CRITICAL][ALF_NOISE], t.criticals_lowered);
    assert_in_range(t.logs[ALF_CRITICAL][ALF_CRITICAL], 1, 2 * ROUNDS);
    assert_in_range(t.logs[ALF_ROUTINE][ALF_ROUTINE], 1, ROUNDS);
    /* Another candidate; what waits for the old one still counts for the old one. */
    generation next = g;
    assert_int_equal(shadow_new(rules_only(candidate_rules), 10, &next.shadow, &err), ALF_OK);
    shadow_take(&r, &total, &g, events, live, EACH);
    shadow_change(r, &next);
    shadow_take(&r, &total, &next, events, live, EACH);
    shadow_take(&r, &total, &g, events, live, EACH);
    wait_for(r, &total, (uint64_t)(ROUNDS + 3) * EACH);
    assert_int_equal(seen(&g.shadow->counts), (ROUNDS + 2) * EACH);
    assert_int_equal(seen(&next.shadow->counts), EACH);
    shadow_take(&r, &total, &next, events, live, EACH); /* under way at the end */
    shadow_stop(r);
    assert_int_equal(atomic_load(&g.shadow->references), 1);
    assert_int_equal(atomic_load(&next.shadow->references), 1);
    shadow_release(g.shadow);
    shadow_release(next.shadow);
}

static void test_share_and_size(void **state)
{
    (void)state;
    alf_error err;
    shadow_counts total = {.logs = {{0}}};
    shadow_totals t;
    shadow_runner *r = NULL;
    generation g = {.plan = {.settings = {.shadow_share = 0.25}}};
    assert_int_equal(shadow_new(rules_only(candidate_rules), 0, &g.shadow, &err), ALF_OK);
    for (int i = 0; i < 8; i++)
        shadow_take(&r, &total, &g, events, live, 1);
    wait_for(r, &total, 8);
    shadow_read(&total, &t);
    assert_int_equal(t.skipped[SHADOW_SKIP_SHARE], 6);
    assert_int_equal(t.compared, 2);
    g.plan.settings.shadow_share = 1;
    size_t size = ((size_t)1 << 20) + 1;
    char *text = mem_calloc(size, 1);
    assert_non_null(text);
    log_event large = {.message = span_of(text, size)};
    shadow_take(&r, &total, &g, &large, live, 1);
    large.message.size--;
    shadow_take(&r, &total, &g, &large, live, 1);
    wait_for(r, &total, 10);
    shadow_read(&total, &t);
    assert_int_equal(t.skipped[SHADOW_SKIP_TOO_LARGE], 1);
    assert_int_equal(t.compared, 3);
    mem_free(text);
    shadow_stop(r);
    shadow_release(g.shadow);
}

/* Without memory logs are skipped and nothing else happens. */
static void test_memory(void **state)
{
    (void)state;
    shadow *s;
    alf_error err;
    for (unsigned n = 1; n <= 2; n++) {
        mem_fail_after(n);
        assert_int_equal(shadow_new(NULL, 5, &s, &err), ALF_E_NOMEM);
        mem_fail_after(0);
    }
    shadow_counts total = {.logs = {{0}}};
    shadow_totals t;
    shadow_runner *r = NULL;
    generation g = {.plan = {.settings = {.shadow_share = 1}}};
    assert_int_equal(shadow_new(rules_only(candidate_rules), 0, &g.shadow, &err), ALF_OK);
    mem_fail_after(1);
    shadow_take(&r, &total, &g, events, live, 2);
    mem_fail_after(0);
    assert_null(r);
    shadow_take(&r, &total, &g, events, live, 0);
    assert_non_null(r);
    mem_fail_after(1);
    shadow_take(&r, &total, &g, events, live, 2);
    mem_fail_after(0);
    shadow_take(&r, &total, &g, events, live, 2);
    wait_for(r, &total, 6);
    shadow_read(&total, &t);
    assert_int_equal(t.skipped[SHADOW_SKIP_MEMORY], 4);
    assert_int_equal(t.compared, 2);
    shadow_stop(r);
    shadow_release(g.shadow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),         cmocka_unit_test(test_failures),
        cmocka_unit_test(test_samples),        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_judgement),      cmocka_unit_test(test_runner),
        cmocka_unit_test(test_share_and_size), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_events, NULL);
}
