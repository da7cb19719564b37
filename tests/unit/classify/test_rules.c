/* Rules files: strictness, order of precedence, hostile files; and the project's own rule set on
 * cases written for it and, where they are there, on labelled logs of six systems. */
#include "classify/ruleset.h"

#include "base/buf.h"
#include "base/embedded.h"
#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct loaded {
    ruleset *r;
    ruleset_scratch *s;
} loaded;

/* Rules only, as the built-in gate would only cost time here. */
static alf_status parse(alf_span yaml, ruleset **out, alf_error *err)
{
    return ruleset_parse(yaml, "t.yaml", RULESET_RULES, out, err);
}

static alf_status match(const loaded *l, alf_span text, rule_match *out, alf_error *err)
{
    ruleset_scan(l->r, l->s, text);
    return ruleset_match(l->r, l->s, out, err);
}

static loaded open_rules(const char *yaml)
{
    loaded l;
    alf_error err;
    char line[1024];
    alf_status status = parse(span_from_string(yaml), &l.r, &err);
    if (status != ALF_OK)
        fail_msg("%s", error_text(&err, line, sizeof line));
    l.s = ruleset_scratch_new(l.r);
    assert_non_null(l.s);
    return l;
}

static void close_rules(loaded *l)
{
    ruleset_scratch_free(l->s);
    ruleset_free(l->r);
}

static rule_match match_bytes(loaded *l, const char *data, size_t size)
{
    rule_match m;
    alf_error err;
    assert_int_equal(match(l, span_of(data, size), &m, &err), ALF_OK);
    return m;
}

static void expect(loaded *l, const char *text, alf_category category, const char *name)
{
    rule_match m = match_bytes(l, text, strlen(text));
    if (!m.matched || m.category != category || !span_is(m.rule, name))
        fail_msg("\"%s\": %s %.*s", text, alf_category_name(m.category), span_width(m.rule),
                 m.rule.data != NULL ? m.rule.data : "-");
}

static const char *const small =
    "categories:\n"
    "  noise:\n"
    "    - {name: n, pattern: 'alpha|all', confidence: 0.9}\n"
    "  suspicious:\n"
    "    - {name: s1, patterns: ['alpha', 'beta'], confidence: 0.5}\n"
    "    - {name: s2, pattern: 'beta', confidence: 0.7, description: 'more certain'}\n"
    "    - {name: s3, pattern: 'beta|delta', confidence: 0.7}\n"
    "  critical:\n"
    "    - {name: c, pattern: 'gamma', confidence: 0.1}\n";

static void test_precedence(void **state)
{
    (void)state;
    loaded l = open_rules(small);
    assert_int_equal(ruleset_rule_count(l.r), 5);
    expect(&l, "alpha", ALF_SUSPICIOUS, "s1");
    expect(&l, "beta", ALF_SUSPICIOUS, "s2"); /* confidence, then order in the file */
    expect(&l, "delta", ALF_SUSPICIOUS, "s3");
    expect(&l, "alpha BETA GaMmA", ALF_CRITICAL, "c"); /* category first */
    expect(&l, "all", ALF_NOISE, "n");
    rule_match m = match_bytes(&l, "nothing", 7);
    assert_false(m.matched);
    assert_int_equal(m.category, ALF_ROUTINE);
    close_rules(&l);
}

static void test_settings(void **state)
{
    (void)state;
    char yaml[2048];
    (void)snprintf(yaml, sizeof yaml,
                   "%ssettings:\n  priority_order: [noise, suspicious]\n"
                   "  case_insensitive: false\n  default_category: noise\n"
                   "  default_confidence: 0.25\n",
                   small);
    loaded l = open_rules(yaml);
    expect(&l, "alpha", ALF_NOISE, "n");
    expect(&l, "beta gamma", ALF_SUSPICIOUS, "s2"); /* those left out come last */
    expect(&l, "gamma", ALF_CRITICAL, "c");
    rule_match m = match_bytes(&l, "GAMMA", 5);
    assert_false(m.matched);
    assert_int_equal(m.category, ALF_NOISE);
    assert_true(m.confidence == 0.25);
    close_rules(&l);
}

static void test_bytes_that_are_not_text(void **state)
{
    (void)state;
    loaded l = open_rules("categories:\n  critical:\n"
                          "    - {name: after, pattern: 'end', confidence: 1}\n"
                          "    - {name: letter, pattern: '\\p{L}=7', confidence: 1}\n"
                          "    - {name: umlaut, pattern: 'Ü1', confidence: 1}\n"
                          "    - {name: nul, pattern: 'a\\x00b', confidence: 1}\n");
    assert_true(match_bytes(&l, "x\0\xff\xfe\xc3 END", 9).matched);
    assert_true(span_is(match_bytes(&l, "\xff\xc3\xa9=7\xc3", 6).rule, "letter"));
    assert_true(span_is(match_bytes(&l, "\x80\xc3\xbc\x31\xff", 5).rule, "umlaut"));
    assert_true(span_is(match_bytes(&l, "a\0b", 3).rule, "nul"));
    assert_false(match_bytes(&l, "\xff=7 \xdc\x31", 6).matched);
    assert_false(match_bytes(&l, "", 0).matched);
    rule_match m;
    assert_int_equal(match(&l, (alf_span){NULL, 0}, &m, NULL), ALF_OK);
    close_rules(&l);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message, *node;
    } cases[] = {
        {"", "the file is empty", ""},
        {"categories: [\n", "line 2", ""},
        {"- a\n", "found a list, expected a map", ""},
        {"settings: {}\n", "no \"categories\"", ""},
        {"categories: {}\nextra: 1\n", "line 2: unknown key \"extra\"", "extra"},
        {"categories: {urgent: []}\n", "expected critical, suspicious", "categories.urgent"},
        {"categories: {noise: {}}\n", "found a map of keys, expected a list", "categories.noise"},
        {"categories: {noise: [text]}\n", "expected a map", "categories.noise[0]"},
        {"categories:\n  noise:\n    - {name: a, pattern: b, confidence: 1}\n"
         "    - {name: a, pattern: c, confidence: 1}\n",
         "line 4: a second rule with the name \"a\"", "categories.noise[1]"},
        {"categories: {noise: [{name: a, pattern: b, confidence: 1, weight: 2}]}\n",
         "unknown key \"weight\"", "categories.noise[0].weight"},
        {"categories: {noise: [{pattern: b, confidence: 1}]}\n", "no name", "categories.noise[0]"},
        {"categories: {noise: [{name: a, pattern: b}]}\n", "no confidence", "categories.noise[0]"},
        {"categories: {noise: [{name: a, confidence: 1}]}\n", "either pattern or patterns",
         "categories.noise[0]"},
        {"categories: {noise: [{name: a, pattern: b, patterns: [c], confidence: 1}]}\n",
         "either pattern or patterns", "categories.noise[0]"},
        {"categories: {noise: [{name: a, patterns: [], confidence: 1}]}\n", "an empty list",
         "categories.noise[0].patterns"},
        {"categories: {noise: [{name: a, patterns: b, confidence: 1}]}\n", "expected a list",
         "categories.noise[0].patterns"},
        {"categories: {noise: [{name: a, patterns: [b, [c]], confidence: 1}]}\n",
         "expected a single value", "categories.noise[0].patterns[1]"},
        {"categories: {noise: [{name: a, pattern: '', confidence: 1}]}\n", "expected text",
         "categories.noise[0].pattern"},
        {"categories: {noise: [{name: a, pattern: b, confidence: 1.5}]}\n", "a number from 0 to 1",
         "categories.noise[0].confidence"},
        {"categories: {noise: [{name: a, pattern: b, confidence: '1'}]}\n", "a number from 0 to 1",
         "categories.noise[0].confidence"},
        {"categories: {noise: [{name: a, pattern: b, confidence: 0.5x}]}\n", "\"0.5x\"",
         "categories.noise[0].confidence"},
        {"categories: {noise: [{name: a, pattern: b, confidence: nan}]}\n", "\"nan\"",
         "categories.noise[0].confidence"},
        {"categories: {noise: [{name: a, pattern: b, confidence: 0x1}]}\n", "\"0x1\"",
         "categories.noise[0].confidence"},
        {"categories:\n  noise:\n    - name: a\n      confidence: 1\n      patterns:\n"
         "        - ok\n        - 'x('\n",
         "line 7: rule \"a\": the pattern is wrong at its byte 2: missing closing parenthesis",
         "categories.noise[0].patterns[1]"},
        {"categories: {noise: [{name: a, pattern: \"x\\0y\", confidence: 1}]}\n", "NUL",
         "categories.noise[0].pattern"},
        {"categories: {}\nsettings: {case_insensitive: 1}\n", "expected true or false",
         "settings.case_insensitive"},
        {"categories: {}\nsettings: {priority_order: [noise, noise]}\n", "there twice",
         "settings.priority_order[1]"},
        {"categories: {}\nsettings: {priority_order: [high]}\n", "expected critical",
         "settings.priority_order[0]"},
        {"categories: {}\nsettings: {default_category: none}\n", "expected critical",
         "settings.default_category"},
        {"categories: {}\nsettings: {default_confidence: -1}\n", "a number from 0 to 1",
         "settings.default_confidence"},
        {"categories: {}\ncategories: {}\n", "the key is there twice", "categories"},
        {"categories: {}\n---\na: 1\n", "a second document", ""},
        {"categories: {noise: [{[a]: b}]}\n", "a key must be plain text", ""},
        {"categories: {noise: [\xff]}\n", "UTF-8", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ruleset *r = NULL;
        alf_error err = {.status = ALF_OK};
        alf_status status = parse(span_from_string(cases[i].yaml), &r, &err);
        if (status != ALF_E_CONFIG || strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s: status %d, \"%s\" does not say \"%s\"", cases[i].yaml, status,
                     err.message, cases[i].message);
        assert_string_equal(err.node, cases[i].node);
        assert_string_equal(err.file, "t.yaml");
        assert_null(r);
    }
}

static alf_status parse_status(const char *yaml, size_t size, alf_error *err)
{
    ruleset *r = NULL;
    alf_status status = parse(span_of(yaml, size), &r, err);
    ruleset_free(r);
    return status;
}

static void test_hostile_files(void **state)
{
    (void)state;
    alf_error err;
    const char *bomb = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\ncategories: {noise: *b}\n";
    assert_int_equal(parse_status(bomb, strlen(bomb), &err), ALF_E_REFUSED);
    assert_non_null(strstr(err.message, "aliases"));
    const char *merge = "categories: &x {}\nsettings: {<<: *x}\n";
    assert_int_equal(parse_status(merge, strlen(merge), &err), ALF_E_REFUSED);
    const char *tag = "categories: !!python/object:os.system [x]\n";
    assert_int_equal(parse_status(tag, strlen(tag), &err), ALF_E_REFUSED);
    const char *self = "categories: &a {noise: *a}\n";
    assert_int_equal(parse_status(self, strlen(self), &err), ALF_E_REFUSED);

    enum { BIG = (4 << 20) + 1 };
    char *text = malloc(BIG);
    assert_non_null(text);
    memset(text, '[', BIG); /* deep */
    alf_status status = parse_status(text, 100000, &err);
    assert_true(status == ALF_E_LIMIT || status == ALF_E_CONFIG);
    memset(text, '#', BIG); /* long */
    assert_int_equal(parse_status(text, BIG, &err), ALF_E_LIMIT);
    for (size_t i = 0; i + 2 <= BIG - 1; i += 2) /* many nodes */
        memcpy(text + i, i == 0 ? "[a" : ",a", 2);
    assert_int_equal(parse_status(text, BIG - 1, &err), ALF_E_LIMIT);
    memset(text, 0, BIG);
    assert_int_equal(parse_status(text, 1000, &err), ALF_E_CONFIG);
    free(text);
}

static void test_too_many_rules(void **state)
{
    (void)state;
    buf yaml;
    alf_error err;
    buf_init(&yaml);
    buf_append_string(&yaml, "categories:\n  noise:\n");
    for (int i = 0; i < 10000; i++)
        buf_printf(&yaml, "    - {name: r%d, pattern: 'w%c%c%c%c', confidence: 0.5}\n", i,
                   'a' + i / 1000 % 10, 'k' + i / 100 % 10, 'a' + i / 10 % 10, 'k' + i % 10);
    ruleset *r = NULL;
    assert_int_equal(parse(buf_span(&yaml), &r, &err), ALF_OK);
    assert_int_equal(ruleset_rule_count(r), 10000);
    loaded l = {r, ruleset_scratch_new(r)};
    rule_match m;
    assert_int_equal(match(&l, SPAN_LITERAL("x Whrhr y"), &m, &err), ALF_OK);
    assert_true(span_is(m.rule, "r7777"));
    close_rules(&l);
    buf_append_string(&yaml, "    - {name: more, pattern: x, confidence: 0.5}\n");
    assert_int_equal(parse_status(yaml.data, yaml.size, &err), ALF_E_CONFIG);
    buf_fini(&yaml);
}

/* Rules and compliance gate are one set of patterns, and the message says so. */
static void test_too_many_patterns(void **state)
{
    (void)state;
    buf yaml;
    ruleset *r = NULL;
    alf_error err = {0};
    buf_init(&yaml);
    buf_append_string(
        &yaml, "categories:\n  noise:\n    - name: many\n      confidence: 0.5\n      patterns:\n");
    for (int i = 0; i < PATTERN_MAX_COUNT; i++)
        buf_printf(&yaml, "        - pattern%d\n", i);
    assert_int_equal(buf_status(&yaml, &err), ALF_OK);
    assert_int_equal(ruleset_parse(buf_span(&yaml), "t.yaml", RULESET_ALL, &r, &err), ALF_E_LIMIT);
    assert_non_null(strstr(err.message, "those of the compliance gate among them"));
    assert_non_null(strstr(err.message, "at most 20000"));
    assert_string_equal(err.file, "t.yaml");
    assert_null(r);
    buf_fini(&yaml);
}

static void test_runaway_pattern_is_an_error(void **state)
{
    (void)state;
    loaded l = open_rules("categories: {critical: [{name: a, pattern: '(?:(?:a|b)+)+(?<!x)[cd]', "
                          "confidence: 1}]}\n");
    char text[200];
    memset(text, 'a', sizeof text);
    rule_match m;
    alf_error err;
    assert_int_equal(match(&l, span_of(text, sizeof text), &m, &err), ALF_E_LIMIT);
    assert_false(m.matched);
    close_rules(&l);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; !done && n < 5000; n++) {
        ruleset *r = NULL;
        ruleset_scratch *s = NULL;
        alf_error err;
        (void)mem_fail_after(n);
        alf_status status = parse(span_from_string(small), &r, &err);
        if (status == ALF_OK)
            s = ruleset_scratch_new(r);
        (void)mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        done = s != NULL;
        ruleset_scratch_free(s);
        ruleset_free(r);
    }
    assert_true(done);
}

static loaded open_own(void)
{
    loaded l;
    alf_error err;
    char line[1024];
    if (ruleset_parse(embedded_rules, "configs/rules.yaml", RULESET_RULES, &l.r, &err) != ALF_OK)
        fail_msg("%s", error_text(&err, line, sizeof line));
    l.s = ruleset_scratch_new(l.r);
    assert_non_null(l.s);
    return l;
}

static void test_own_rules_on_cases(void **state)
{
    (void)state;
    loaded l = open_own();
    assert_true(ruleset_rule_count(l.r) >= 120);
    FILE *file = fopen(ALF_TEST_SOURCE_DIR "/tests/unit/classify/ruleset_cases.txt", "r");
    assert_non_null(file);
    char line[1024];
    int wrong = 0, cases = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *text = strchr(line, '\t');
        if (line[0] == '#' || text == NULL)
            continue;
        *text++ = '\0';
        rule_match m = match_bytes(&l, text, strlen(text));
        bool urgent = m.matched && m.category <= ALF_SUSPICIOUS;
        bool right = line[0] == '-' ? !urgent
                                    : m.matched && strcmp(line, alf_category_name(m.category)) == 0;
        cases++;
        if (!right) {
            wrong++;
            print_error("%s (%.*s), expected %s: %s\n",
                        m.matched ? alf_category_name(m.category) : "none", span_width(m.rule),
                        m.rule.data != NULL ? m.rule.data : "", line, text);
        }
    }
    (void)fclose(file);
    assert_true(cases > 90);
    assert_int_equal(wrong, 0);
    close_rules(&l);
}

/* What is remembered of a text is used for texts that differ from it in digits and case only: the
 * answers must be those of somebody who remembers nothing. */
static void test_own_rules_with_and_without_memory(void **state)
{
    (void)state;
    loaded l = {NULL, NULL};
    alf_error err;
    assert_int_equal(parse(embedded_rules, &l.r, &err), ALF_OK);
    l.s = ruleset_scratch_new(l.r);
    assert_non_null(l.s);
    size_t matched = 0, lines = 0;
    const char *at = embedded_parity.data, *end = at + embedded_parity.size;
    for (const char *stop; at < end && lines < 600; at = stop + 1, lines++) {
        char text[1024];
        stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)(stop - at) < sizeof text ? (size_t)(stop - at) : sizeof text;
        for (unsigned round = 0; round < 4; round++) {
            rule_match kept, fresh;
            for (size_t i = 0; i < size; i++) {
                bool digit = at[i] >= '0' && at[i] <= '9';
                text[i] =
                    digit ? (char)('0' + ((unsigned)(at[i] - '0') + 7 * round + i) % 10) : at[i];
                if (round == 3 && at[i] >= 'a' && at[i] <= 'z')
                    text[i] = (char)(at[i] - 'a' + 'A');
            }
            loaded other = {l.r, ruleset_scratch_new(l.r)};
            assert_non_null(other.s);
            assert_int_equal(match(&l, span_of(text, size), &kept, &err), ALF_OK);
            assert_int_equal(match(&other, span_of(text, size), &fresh, &err), ALF_OK);
            ruleset_scratch_free(other.s);
            assert_int_equal(kept.matched, fresh.matched);
            assert_int_equal(kept.category, fresh.category);
            assert_ptr_equal(kept.rule.data, fresh.rule.data);
            matched += kept.matched;
        }
    }
    assert_true(matched > 1000);
    close_rules(&l);
}

static void test_own_rules_on_a_long_message(void **state)
{
    (void)state;
    loaded l = open_own();
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "user data connection from host 10.0.0.1 is fine, "[i % 49];
    (void)match_bytes(&l, text, SIZE);
    memcpy(text + SIZE - 30, " authentication failure        ", 30);
    assert_int_equal(match_bytes(&l, text, SIZE).category, ALF_SUSPICIOUS);
    memset(text, 0xff, SIZE);
    assert_false(match_bytes(&l, text, SIZE).matched);
    free(text);
    close_rules(&l);
}

typedef struct shares {
    size_t lines, must, kept, forwarded;
} shares;

static FILE *open_reference(const char *format, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, format, ALF_TEST_SOURCE_DIR, name);
    return fopen(path, "r");
}

static void measure(loaded *l, FILE *logs, FILE *labels, shares *s)
{
    char line[8192], label[64];
    while (fgets(line, sizeof line, logs) != NULL && fgets(label, sizeof label, labels) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        rule_match m = match_bytes(l, line, strlen(line));
        bool urgent = m.matched && m.category <= ALF_SUSPICIOUS;
        bool wanted = label[0] == 'c' || label[0] == 's';
        s->lines++;
        s->must += wanted;
        s->kept += wanted && urgent;
        s->forwarded += urgent;
    }
}

/* Shares of what must be kept, on logs labelled by hand, by rules alone. */
static void test_own_rules_on_labelled_logs(void **state)
{
    (void)state;
    static const char *const names[] = {"Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "Spark"};
    loaded l = open_own();
    shares all = {0};
    for (size_t i = 0; i < 6; i++) {
        shares one = {0};
        FILE *logs = open_reference("%s/../shared/reference/logs/loghub/%s_2k.log", names[i]);
        FILE *labels = open_reference("%s/../shared/reference/labels/%s.txt", names[i]);
        if (logs != NULL && labels != NULL)
            measure(&l, logs, labels, &one);
        if (logs != NULL)
            (void)fclose(logs);
        if (labels != NULL)
            (void)fclose(labels);
        print_message("%-8s kept %4zu of %4zu, forwarded %4zu of %4zu\n", names[i], one.kept,
                      one.must, one.forwarded, one.lines);
        all.lines += one.lines;
        all.must += one.must;
        all.kept += one.kept;
        all.forwarded += one.forwarded;
    }
    close_rules(&l);
    if (all.lines == 0)
        skip();
    assert_true((double)all.kept >= 0.98 * (double)all.must);
    assert_true((double)all.forwarded <= 0.42 * (double)all.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_bytes_that_are_not_text),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_too_many_rules),
        cmocka_unit_test(test_too_many_patterns),
        cmocka_unit_test(test_runaway_pattern_is_an_error),
        cmocka_unit_test(test_allocation_failure),
        cmocka_unit_test(test_own_rules_on_cases),
        cmocka_unit_test(test_own_rules_with_and_without_memory),
        cmocka_unit_test(test_own_rules_on_a_long_message),
        cmocka_unit_test(test_own_rules_on_labelled_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
