/* The decision, against figures worked out by hand from docs/decision.md. */
#include "classify/ensemble.h"

#include "base/span.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const alf_category alphabetical[] = {ALF_CRITICAL, ALF_NOISE, ALF_ROUTINE, ALF_SUSPICIOUS};

static rule_match rule(alf_category category, double confidence)
{
    return (rule_match){true, category, confidence, SPAN_LITERAL("r")};
}

/* Probabilities in the order of alphabetical. */
static text_result text(float critical, float noise, float routine, float suspicious)
{
    return (text_result){
        .present = true, .class_count = 4, .probability = {critical, noise, routine, suspicious}};
}

static void near(double a, double b)
{
    if (fabs(a - b) > 1e-6)
        fail_msg("%.9f is not %.9f", a, b);
}

static verdict decide(const rule_match *r, const text_result *t, const anomaly_result *a)
{
    verdict v;
    ensemble_input in = {r, t, alphabetical, a};
    ensemble_decide(&ensemble_default, &in, &v);
    double sum = 0;
    for (int c = 0; c < ALF_CATEGORIES; c++)
        sum += v.probability[c];
    near(sum, v.fail_open_used ? 0 : 1);
    return v;
}

static void test_weighted_vote(void **state)
{
    (void)state;
    rule_match r = rule(ALF_SUSPICIOUS, 0.6);
    text_result t = text(0.05F, 0.05F, 0.8F, 0.1F);
    verdict v = decide(&r, &t, NULL);
    /* weights 0.30 and 0.45 of 0.75: 0.4 and 0.6; the rule's rest is 0.4 / 3 */
    near(v.weight[COMPONENT_RULES], 0.4);
    near(v.weight[COMPONENT_TEXT], 0.6);
    near(v.weight[COMPONENT_ANOMALY], 0);
    near(v.probability[ALF_SUSPICIOUS], 0.4 * 0.6 + 0.6 * 0.1);
    near(v.probability[ALF_ROUTINE], 0.4 * 0.4 / 3 + 0.6 * 0.8);
    near(v.probability[ALF_CRITICAL], 0.4 * 0.4 / 3 + 0.6 * 0.05);
    assert_int_equal(v.category, ALF_ROUTINE);
    near(v.confidence, v.probability[ALF_ROUTINE]);
    assert_string_equal(v.model, "ensemble");
    assert_string_equal(v.decided_by, "vote");
    assert_false(v.safety_override);
}

static void test_anomaly_vote(void **state)
{
    (void)state;
    anomaly_result a = {.present = true, .label = -1, .decision = -0.1};
    rule_match none = {.category = ALF_ROUTINE, .confidence = 0.5};
    verdict v = decide(&none, NULL, &a);
    near(v.probability[ALF_SUSPICIOUS], 0.85 * 0.32);
    near(v.probability[ALF_CRITICAL], 0.15 * 0.32);
    near(v.probability[ALF_ROUTINE], 0.75 * 0.68);
    assert_int_equal(v.category, ALF_ROUTINE); /* mildly odd is not enough */
    a.decision = -0.5;
    v = decide(&none, NULL, &a);
    near(v.probability[ALF_SUSPICIOUS], 0.85 * 0.6);
    assert_int_equal(v.category, ALF_SUSPICIOUS); /* far out is */
    a = (anomaly_result){.present = true, .label = 1, .decision = 0.1};
    v = decide(&none, NULL, &a);
    assert_int_equal(v.category, ALF_ROUTINE);
    near(v.probability[ALF_SUSPICIOUS], 0.85 * 0.15);
}

static void test_ties_go_to_the_more_urgent(void **state)
{
    (void)state;
    text_result t = text(0.25F, 0.25F, 0.25F, 0.25F);
    assert_int_equal(decide(NULL, &t, NULL).category, ALF_CRITICAL);
    t = text(0, 0.5F, 0.5F, 0);
    assert_int_equal(decide(NULL, &t, NULL).category, ALF_ROUTINE);
}

static void test_safety(void **state)
{
    (void)state;
    text_result t = text(0, 0, 1, 0);
    rule_match r = rule(ALF_CRITICAL, 0.86);
    verdict v = decide(&r, &t, NULL);
    assert_int_equal(v.category, ALF_CRITICAL);
    near(v.confidence, 0.86);
    assert_true(v.safety_override);
    assert_string_equal(v.model, "rule_based");
    r.confidence = 0.85; /* not above: the vote, but never below suspicious */
    v = decide(&r, &t, NULL);
    assert_int_equal(v.category, ALF_SUSPICIOUS);
    assert_false(v.safety_override);
    assert_string_equal(v.decided_by, "rule_floor");
}

static void test_rule_floor(void **state)
{
    (void)state;
    text_result t = text(0, 0, 1, 0);
    rule_match r = rule(ALF_SUSPICIOUS, 0.70);
    assert_int_equal(decide(&r, &t, NULL).category, ALF_SUSPICIOUS);
    r.confidence = 0.69;
    assert_int_equal(decide(&r, &t, NULL).category, ALF_ROUTINE);
    r = rule(ALF_ROUTINE, 1.0); /* rules for the harmless lower nothing */
    t = text(1, 0, 0, 0);
    assert_int_equal(decide(&r, &t, NULL).category, ALF_CRITICAL);
}

static void test_unfamiliar_text_counts_less(void **state)
{
    (void)state;
    rule_match r = rule(ALF_SUSPICIOUS, 0.55);
    text_result t = text(0, 0, 1, 0);
    assert_int_equal(decide(&r, &t, NULL).category, ALF_ROUTINE);
    t.unfamiliar = 0.7; /* trust 0.09: weight 0.0405 against 0.30 */
    verdict v = decide(&r, &t, NULL);
    assert_int_equal(v.category, ALF_SUSPICIOUS);
    near(v.weight[COMPONENT_TEXT], 0.45 * 0.09 / (0.30 + 0.45 * 0.09));
    t.unfamiliar = 1;
    v = decide(&r, &t, NULL);
    near(v.weight[COMPONENT_TEXT], 0);
    near(v.probability[ALF_SUSPICIOUS], 0.55);
}

static void test_unfamiliar_measure(void **state)
{
    (void)state;
    near(ensemble_unfamiliar(0, SPAN_LITERAL("")), 0);
    near(ensemble_unfamiliar(2, SPAN_LITERAL("failed x login for <ip>")), 0.5);
    near(ensemble_unfamiliar(9, SPAN_LITERAL("two words")), 0);
    near(ensemble_unfamiliar(0, SPAN_LITERAL("word \xff\xff")), 1);
}

static void test_thresholds_only_raise(void **state)
{
    (void)state;
    ensemble_config config = ensemble_default;
    text_result t = text(0.2F, 0, 0.6F, 0.2F);
    ensemble_input in = {NULL, &t, alphabetical, NULL};
    verdict v;
    config.suspicious_threshold = 0.39;
    ensemble_decide(&config, &in, &v);
    assert_int_equal(v.category, ALF_SUSPICIOUS);
    assert_string_equal(v.decided_by, "threshold");
    config.critical_threshold = 0.19;
    ensemble_decide(&config, &in, &v);
    assert_int_equal(v.category, ALF_CRITICAL);
    near(v.confidence, 0.2);
    config.critical_threshold = config.suspicious_threshold = 0.9;
    t = text(0.7F, 0, 0.3F, 0);
    ensemble_decide(&config, &in, &v);
    assert_int_equal(v.category, ALF_CRITICAL);
}

static void test_classes_that_are_no_category(void **state)
{
    (void)state;
    const alf_category categories[] = {ALF_ROUTINE, (alf_category)ALF_CATEGORIES, ALF_NOISE};
    text_result t = {.present = true, .class_count = 3, .probability = {0.3F, 0.6F, 0.1F}};
    ensemble_input in = {NULL, &t, categories, NULL};
    verdict v;
    ensemble_decide(&ensemble_default, &in, &v);
    assert_int_equal(v.category, ALF_ROUTINE);
    near(v.probability[ALF_ROUTINE], 0.75);
}

static void test_nothing_to_say(void **state)
{
    (void)state;
    rule_match none = {.category = ALF_ROUTINE, .confidence = 0.5};
    verdict v = decide(&none, NULL, NULL);
    assert_int_equal(v.category, ALF_ROUTINE);
    assert_string_equal(v.decided_by, "default");
    v = decide(NULL, NULL, NULL);
    assert_true(v.fail_open_used);
    assert_int_equal(v.category, ALF_CRITICAL);
    near(v.confidence, 0);
    assert_string_equal(v.model, "fail_open");
}

static void test_what_is_no_probability_fails_open(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -0.5F, 1.5F};
    for (size_t i = 0; i < 4; i++) {
        text_result t = text(0, 0, bad[i], 0);
        assert_true(decide(NULL, &t, NULL).fail_open_used);
    }
    anomaly_result a = {.present = true, .label = -1, .decision = NAN};
    assert_true(decide(NULL, NULL, &a).fail_open_used);
    rule_match r = rule(ALF_NOISE, NAN);
    assert_true(decide(&r, NULL, NULL).fail_open_used);
}

/* Whatever the models say, a strong rule is heard, and the category is never less urgent than the
 * vote. */
static void test_invariants_on_a_grid(void **state)
{
    (void)state;
    for (int c = 0; c < ALF_CATEGORIES; c++) {
        for (int k = 0; k <= 20; k++) {
            for (int p = 0; p < 256; p++) {
                rule_match r = rule((alf_category)c, k / 20.0);
                text_result t = text((float)(p & 3), (float)(p >> 2 & 3), (float)(p >> 4 & 3),
                                     (float)(p >> 6 & 3));
                for (int i = 0; i < 4; i++)
                    t.probability[i] /= 3;
                anomaly_result a = {true, p % 2 ? -1 : 1, 0, (p % 2 ? -0.01 : 0.01) * (k + 1)};
                verdict v = decide(&r, &t, &a);
                int largest = 0;
                for (int q = 1; q < ALF_CATEGORIES; q++)
                    if (v.probability[q] > v.probability[largest])
                        largest = q;
                assert_true((int)v.category <= largest);
                if (c <= ALF_SUSPICIOUS && r.confidence >= 0.70)
                    assert_true(v.category <= ALF_SUSPICIOUS);
                if (c == ALF_CRITICAL && r.confidence > 0.85)
                    assert_int_equal(v.category, ALF_CRITICAL);
            }
        }
    }
}

static void test_compliance_verdict(void **state)
{
    (void)state;
    verdict v;
    ensemble_compliance(SPAN_LITERAL("HIPAA"), SPAN_LITERAL("x"), &v);
    assert_int_equal(v.category, ALF_CRITICAL);
    near(v.confidence, 1);
    assert_true(v.compliance_bypassed);
    assert_string_equal(v.model, "compliance_bypass");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighted_vote),
        cmocka_unit_test(test_anomaly_vote),
        cmocka_unit_test(test_ties_go_to_the_more_urgent),
        cmocka_unit_test(test_safety),
        cmocka_unit_test(test_rule_floor),
        cmocka_unit_test(test_unfamiliar_text_counts_less),
        cmocka_unit_test(test_unfamiliar_measure),
        cmocka_unit_test(test_thresholds_only_raise),
        cmocka_unit_test(test_classes_that_are_no_category),
        cmocka_unit_test(test_nothing_to_say),
        cmocka_unit_test(test_what_is_no_probability_fails_open),
        cmocka_unit_test(test_invariants_on_a_grid),
        cmocka_unit_test(test_compliance_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
