/* The compliance gate: what it must catch, what it must leave alone, and its YAML section. Card
 * numbers are the test numbers that payment networks publish. */
#include "classify/ruleset.h"

#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct gate {
    ruleset *c;
    ruleset_scratch *s;
} gate;

static alf_status parse(const char *yaml, ruleset **out, alf_error *err)
{
    return ruleset_parse(span_from_string(yaml), "t.yaml", RULESET_GATE, out, err);
}

static gate open_gate(const char *yaml)
{
    gate g;
    alf_error err;
    alf_status status = parse(yaml, &g.c, &err);
    if (status != ALF_OK)
        fail_msg("%s", err.message);
    g.s = ruleset_scratch_new(g.c);
    assert_non_null(g.s);
    return g;
}

static void close_gate(gate *g)
{
    ruleset_scratch_free(g->s);
    ruleset_free(g->c);
}

static compliance_match check(gate *g, const char *source, const char *message)
{
    compliance_match m;
    alf_error err;
    ruleset_scan(g->c, g->s, span_from_string(message));
    assert_int_equal(ruleset_gate(g->c, g->s, span_from_string(source), &m, &err), ALF_OK);
    return m;
}

static const struct {
    const char *framework, *source, *message;
} covered[] = {
    {"PCI-DSS", "", "Payment with card 4111 1111 1111 1111 exp 12/27"},
    {"PCI-DSS", "", "{\"card_number\":\"5555555555554444\",\"amount\":12}"},
    {"PCI-DSS", "", "debug dump: pan=378282246310005"},
    {"PCI-DSS", "", "visa: 4012888888881881 declined"},
    {"PCI-DSS", "", "ref 6011-1111-1111-1117 stored"},
    {"PCI-DSS", "", "amex 3782 822463 10005"},
    {"PCI-DSS", "", "swipe %B4111111111111111^DOE/JOHN^25121010000000000?"},
    {"PCI-DSS", "", "request body cvv: 123"},
    {"PCI-DSS", "", "user bob viewed credit card details of order 7"},
    {"PCI-DSS", "", "access to cardholder data environment granted"},
    {"PCI-DSS", "pci-db-01", "anything at all"},
    {"HIPAA", "", "user drsmith accessed patient record 12345"},
    {"HIPAA", "", "ePHI export started by svc_batch"},
    {"HIPAA", "", "Patient chart opened from workstation 12 (viewed by nurse7)"},
    {"HIPAA", "", "MRN: 00123456 label printed"},
    {"HIPAA", "", "recv MSH|^~\\&|EPIC|HOSP|LAB|HOSP|20240101||ADT^A01"},
    {"HIPAA", "ehr.hospital.example", "login ok"},
    {"SOX", "", "General ledger account 4010 balance modified by jdoe"},
    {"SOX", "", "posted journal entry JE-2231 amount 10000"},
    {"SOX", "", "user admin changed financial report Q3"},
    {"SOX", "", "SOX control CC6.1 violation: segregation of duties"},
    {"GDPR", "", "personal data export requested for user 1881"},
    {"GDPR", "", "data subject access request received"},
    {"GDPR", "", "Processing right to be forgotten for id 77"},
    {"GDPR", "", "deleted PII of 14 users"},
    {"GDPR", "", "marketing consent has been withdrawn by user 12"},
    {"GDPR", "gdpr-worker", "job done"},
};

static const char *const ordinary[] = {
    "",
    "sshd[1]: Failed password for root from 10.0.0.1 port 22 ssh2",
    "081109 203518 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_-1608999687919862906",
    "INFO mapred: container_1445087491445_0005_01_000002 completed",
    "order 4111111111111111111111 shipped",
    "id=4111111111111111 request took 5 ms",          /* no card in sight */
    "card reader connected on port 4111111111111112", /* wrong check digit */
    "card slot 1: 1234567890123456",                  /* no issuer */
    "card 0000000000000000 inserted",                 /* all the same */
    "timestamps 1445087491445 1445087491446 1445087491447 1445087491448",
    "phone 0049 1234 5678 9012",
    "2015-10-18 18:01:47,978 INFO created MRAppMaster",
    "patience is a virtue; the patient waits for a record high",
    "phi coefficient is 1.618, alpha 0.3",
    "ext4 journal entry replayed",
    "pci 0000:00:1f.2: reg 10: [io 0x1f0-0x1f7]",
    "general protection fault",
    "socks proxy accepted connection, soxmix started",
    "personal folder opened",
    "user gave consent to cookies",
    "cvs update done, cvc 12",
    "payment service started",
    "credit scheduler: 4 domains",
};

static void test_covered(void **state)
{
    (void)state;
    gate g = open_gate("");
    for (size_t i = 0; i < sizeof covered / sizeof covered[0]; i++) {
        compliance_match m = check(&g, covered[i].source, covered[i].message);
        if (!m.covered || !span_is(m.framework, covered[i].framework))
            fail_msg("\"%s\": %.*s instead of %s", covered[i].message, span_width(m.framework),
                     m.framework.data != NULL ? m.framework.data : "", covered[i].framework);
        assert_true(m.rule.size > 0);
    }
    close_gate(&g);
}

static void test_ordinary(void **state)
{
    (void)state;
    gate g = open_gate("");
    for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++) {
        compliance_match m = check(&g, "kernel", ordinary[i]);
        if (m.covered)
            fail_msg("\"%s\" taken for %.*s", ordinary[i], span_width(m.rule), m.rule.data);
    }
    close_gate(&g);
}

static void test_card_numbers(void **state)
{
    (void)state;
    const char *good[] = {"4111111111111111",   "x 4111-1111-1111-1111.",
                          "378282246310005",    "371449635398431",
                          "30569309025904",     "6011000990139424",
                          "3530111333300000",   "5105105105105100",
                          "2223003122003222",   "4000 0566 5566 5556 12 people",
                          "(4242424242424242)", "6200000000000005"};
    const char *bad[] = {"4111111111111112",
                         "411111111111111",
                         "41111111111111111",
                         "a4111111111111111",
                         "4111111111111111b",
                         "1.4111111111111111",
                         "4111-1111 1111-1111",
                         "4111 11111111 1111",
                         "9999999999999995",
                         "",
                         "4",
                         "- - -"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!compliance_has_card_number(span_from_string(good[i])))
            fail_msg("missed %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (compliance_has_card_number(span_from_string(bad[i])))
            fail_msg("fired on %s", bad[i]);
}

static void test_users_rules(void **state)
{
    (void)state;
    gate g = open_gate("compliance:\n"
                       "  disable: [hipaa_source]\n"
                       "  rules:\n"
                       "    - {name: swift, framework: SWIFT-CSP, pattern: '\\bMT103\\b',\n"
                       "       source_pattern: '^swift'}\n"
                       "    - {name: card_number, framework: MINE, pattern: 'TESTCARD'}\n"
                       "    - {name: strict, framework: PCI, pattern: 'acct', check: luhn}\n");
    compliance_match m = check(&g, "swift-gw", "sent MT103 to BANKDEFF");
    assert_true(m.covered && span_is(m.framework, "SWIFT-CSP"));
    assert_false(check(&g, "mail", "sent MT103").covered);
    assert_false(check(&g, "swift-gw", "idle").covered);
    assert_false(check(&g, "ehr", "login").covered);
    assert_true(span_is(check(&g, "", "testcard").framework, "MINE"));
    assert_false(check(&g, "", "card 4111111111111111").covered); /* the built-in is replaced */
    assert_true(check(&g, "", "acct 4111111111111111").covered);
    assert_false(check(&g, "", "acct 4111111111111112").covered);
    assert_true(check(&g, "", "GDPR").covered);
    close_gate(&g);

    g = open_gate("compliance: {enabled: false}\n");
    assert_int_equal(ruleset_gate_count(g.c), 0);
    assert_false(check(&g, "", "HIPAA GDPR").covered);
    close_gate(&g);

    g = open_gate("compliance: {builtin: false, rules: [{name: a, framework: b, pattern: c}]}\n");
    assert_int_equal(ruleset_gate_count(g.c), 1);
    close_gate(&g);

    g = open_gate("categories: {}\nsettings: {}\n"); /* a rules file without the section */
    assert_true(check(&g, "", "GDPR").covered);
    close_gate(&g);
}

static void test_errors(void **state)
{
    (void)state;
    const struct {
        const char *yaml, *message, *node;
    } cases[] = {
        {"compliance: []\n", "expected a map", "compliance"},
        {"compliance: {enable: true}\n", "unknown key \"enable\"", "compliance.enable"},
        {"compliance: {enabled: yes}\n", "expected true or false", "compliance.enabled"},
        {"compliance:\n  rules:\n    - {name: a, pattern: b}\n",
         "line 3: the rule has no framework", "compliance.rules[0]"},
        {"compliance: {rules: [{framework: a, pattern: b}]}\n", "no name", "compliance.rules[0]"},
        {"compliance: {rules: [{name: a, framework: b}]}\n", "expected pattern(s)",
         "compliance.rules[0]"},
        {"compliance: {rules: [{name: a, framework: b, pattern: '('}]}\n", "missing closing",
         "compliance.rules[0].pattern"},
        {"compliance: {rules: [{name: a, framework: b, source_patterns: [x, '[']}]}\n",
         "the pattern is wrong", "compliance.rules[0].source_patterns[1]"},
        {"compliance: {rules: [{name: a, framework: b, pattern: c, check: mod97}]}\n",
         "expected luhn or none", "compliance.rules[0].check"},
        {"compliance: {disable: [nothing]}\n", "no built-in rule", "compliance.disable[0]"},
        {"compliance: {rules: [{name: a, framework: b, pattern: c},"
         "{name: a, framework: b, pattern: c}]}\n",
         "there twice", "compliance.rules[1]"},
        {"rules: {}\n", "unknown key \"rules\"", "rules"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ruleset *c = NULL;
        alf_error err = {.status = ALF_OK};
        assert_int_equal(parse(cases[i].yaml, &c, &err), ALF_E_CONFIG);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].message);
        assert_string_equal(err.node, cases[i].node);
        assert_string_equal(err.file, "t.yaml");
        assert_null(c);
    }
}

static void test_allocation_failure(void **state)
{
    (void)state;
    const char *yaml = "compliance: {builtin: false, rules: [{name: a, framework: b, pattern: c+},"
                       "{name: d, framework: b, source_pattern: 'x|yy'}]}\n";
    bool done = false;
    for (uint64_t n = 1; !done && n < 5000; n++) {
        ruleset *c = NULL;
        ruleset_scratch *s = NULL;
        alf_error err;
        (void)mem_fail_after(n);
        alf_status status = parse(yaml, &c, &err);
        if (status == ALF_OK)
            s = ruleset_scratch_new(c);
        (void)mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        done = s != NULL;
        ruleset_scratch_free(s);
        ruleset_free(c);
    }
    assert_true(done);
}

/* Real logs of six systems: none of them is about regulated data. */
static void test_reference_logs(void **state)
{
    (void)state;
    static const char *const names[] = {"Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "Spark"};
    gate g = open_gate("");
    size_t lines = 0;
    for (size_t i = 0; i < 6; i++) {
        char path[512], line[8192];
        (void)snprintf(path, sizeof path, "%s/../shared/reference/logs/loghub/%s_2k.log",
                       ALF_TEST_SOURCE_DIR, names[i]);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        for (; fgets(line, sizeof line, file) != NULL; lines++) {
            line[strcspn(line, "\r\n")] = '\0';
            if (check(&g, "host", line).covered)
                fail_msg("fired on %s", line);
        }
        (void)fclose(file);
    }
    close_gate(&g);
    if (lines == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_covered),        cmocka_unit_test(test_ordinary),
        cmocka_unit_test(test_card_numbers),   cmocka_unit_test(test_users_rules),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_allocation_failure),
        cmocka_unit_test(test_reference_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
