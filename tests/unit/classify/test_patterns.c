/*
 * Pattern sets against PCRE2 called directly: whatever the filter does, the answer must be what
 * pcre2_match says. Texts: made from the patterns, random, fixed tricky ones, and real logs.
 */
#include "classify/patterns.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/compliance_table.h"
#include "classify/pattern_literal.h"
#include "classify/pattern_sample.h"
#include "classify/yaml_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { MAX_PATTERNS = 1000 };

/* Every construct that the filter's reader knows, half knows or does not know. */
static const char *const constructs[] = {
    "failed",
    "fail(?:ed|ure)?",
    "^start",
    "end$",
    "\\berror\\b",
    "\\Berr",
    "a|bc|def",
    "(?:ab|cd)?ef",
    "(?:ab|cd)*ef",
    "(?:ab|cd)+ef",
    "(?:ab){3}",
    "(?:ab){2,3}c",
    "(?:ab|c){0}xy",
    "x{,3}y",
    "x{2",
    "[abc][de][fg]",
    "[a-f]{4}z",
    "[^a]bc",
    "[]x]yz",
    "[^]x]yz",
    "[[:digit:]]{2}[[:alpha:]]",
    "[\\d\\s]end",
    "[\\w-]+@[\\w.]+",
    "(?i)MiXeD",
    "(?-i)CaSe",
    "low(?-i:UP)low",
    "(?i:ab)(?-i)CD",
    "foo(?=bar)",
    "foo(?!bar)",
    "(?<=foo)bar",
    "(?<!foo)bar",
    "(?<!\\bno )\\berrors?\\b",
    "(a+)\\1b",
    "(?<q>['\"])x\\k<q>",
    "(?>ab|a)c",
    "ab++c",
    "ab*+c",
    "ab?+c",
    "a.c",
    "a.*c",
    "a.*?c",
    "a\\.c",
    "a\\x41c",
    "a\\x{62}c",
    "a\\tb\\nc",
    "\\$\\{jndi:",
    "\\Qa.b\\E",
    "(?#comment)after",
    "(?x) a b # c",
    "(?s)a.b",
    "(?m)^line$",
    "ab\\Kcd",
    "(?|(a)|(b))c",
    "(?:(?:(?:deep|er)x)?y|z)w",
    "(a)?(?(1)b|c)d",
    "(\\((?:[^()]|(?1))*\\))x",
    "\\Aall\\z",
    "all\\Z",
    "\\R{2}x",
    "\\h+x",
    "\\H\\V\\N",
    "caf\xc3\xa9",
    "(?:\xc3\xa9|e)t\xc3\xa9",
    "[\xc3\xa0-\xc3\xbf]x",
    "\\p{Lu}\\p{L}+",
    "\\x{20ac}5",
    "stra\xc3\x9f-e",
    "",
};

static pcre2_code *reference(const char *pattern)
{
    /* The meaning that patterns.h promises, spelled out independently: bytes unless the pattern
     * needs characters, "." matches line ends, case is ignored. */
    uint32_t options = PCRE2_DOTALL | PCRE2_CASELESS;
    if (strstr(pattern, "\\p") != NULL || strstr(pattern, "\\x{20ac}") != NULL)
        options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    for (const char *p = pattern; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    int number;
    PCRE2_SIZE at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &number, &at, NULL);
    if (code == NULL)
        fail_msg("PCRE2 refuses %s", pattern);
    return code;
}

typedef struct tested {
    size_t count;
    bool vetted; /* as built-in patterns are: compiled late, the filter not tried */
    const char *text[MAX_PATTERNS];
    pattern_spec specs[MAX_PATTERNS];
    pcre2_code *codes[MAX_PATTERNS];
    pcre2_match_data *data;
    pattern_set *sets[2]; /* plain, filtered */
    pattern_scratch *scratch[2];
    size_t matches, texts;
} tested;

static void open_tested(tested *t)
{
    t->data = pcre2_match_data_create(1, NULL);
    for (size_t i = 0; i < t->count; i++) {
        t->specs[i] = (pattern_spec){span_from_string(t->text[i]), true, t->vetted};
        t->codes[i] = reference(t->text[i]);
    }
    for (int k = 0; k < 2; k++) {
        size_t bad;
        alf_error err;
        alf_status status = pattern_set_new(t->specs, t->count, k == 1, &t->sets[k], &bad, &err);
        if (status != ALF_OK)
            fail_msg("%s: %s", bad < t->count ? t->text[bad] : "", err.message);
        t->scratch[k] = pattern_scratch_new(t->sets[k]);
        assert_non_null(t->scratch[k]);
    }
}

static void close_tested(tested *t)
{
    for (size_t i = 0; i < t->count; i++)
        pcre2_code_free(t->codes[i]);
    for (int k = 0; k < 2; k++) {
        pattern_scratch_free(t->scratch[k]);
        pattern_set_free(t->sets[k]);
    }
    pcre2_match_data_free(t->data);
}

/* Compares on an exact-size copy, so that reading past the end is seen. */
static void compare(tested *t, const char *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    size_t first = t->count;
    static bool found[2][MAX_PATTERNS];
    alf_error err;
    for (int k = 0; k < 2; k++) {
        size_t got;
        pattern_set_scan(t->sets[k], t->scratch[k], span_of(copy, size));
        assert_int_equal(pattern_set_mark(t->sets[k], t->scratch[k], 0, t->count, found[k], &err),
                         ALF_OK);
        assert_int_equal(pattern_set_first(t->sets[k], t->scratch[k], 0, t->count, &got, &err),
                         ALF_OK);
        for (first = 0; first < t->count && !found[k][first];)
            first++;
        assert_int_equal(got, first);
    }
    for (size_t i = 0; i < t->count; i++) {
        bool truth = pcre2_match(t->codes[i], (PCRE2_SPTR)copy, size, 0, 0, t->data, NULL) >= 0;
        if (found[0][i] != truth || found[1][i] != truth)
            fail_msg("%s: PCRE2 says %d, plain %d, filtered %d on \"%.*s\"", t->text[i], truth,
                     found[0][i], found[1][i], (int)size, copy);
        t->matches += truth;
    }
    t->texts++;
    free(copy);
}

static alf_status find_first(const pattern_set *set, pattern_scratch *scratch, alf_span text,
                             size_t *first, alf_error *err)
{
    pattern_set_scan(set, scratch, text);
    return pattern_set_first(set, scratch, 0, pattern_set_count(set), first, err);
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void compare_samples(tested *t, size_t each)
{
    arena memory;
    arena_init(&memory, 0);
    for (size_t i = 0; i < t->count; i++) {
        const pattern_node *tree;
        alf_error err;
        assert_int_equal(pattern_parse(t->specs[i].text, &memory, &tree, &err), ALF_OK);
        for (size_t n = 0; tree != NULL && n < each; n++) {
            char text[SAMPLE_MAX];
            compare(t, text, sample_make(tree, 99 + i, n, text));
        }
        arena_reset(&memory);
    }
    arena_fini(&memory);
}

/* Random texts of pieces that the patterns are made of. */
static void compare_random(tested *t, size_t count)
{
    static const char pieces[] = "abcdefxyz ABC.\n\t\"'(){}[]$\\/:=-_@0159\xc3\xa9\xe2\x82\xac\xff";
    uint64_t state = 11;
    for (size_t n = 0; n < count; n++) {
        char text[80];
        size_t size = draw(&state) % sizeof text;
        for (size_t i = 0; i < size; i++)
            text[i] = pieces[draw(&state) % (sizeof pieces - 1)];
        compare(t, text, size);
    }
}

static void test_constructs(void **state)
{
    (void)state;
    static tested t;
    for (; constructs[t.count][0] != '\0'; t.count++)
        t.text[t.count] = constructs[t.count];
    open_tested(&t);
    compare(&t, "", 0);
    compare(&t, "a\0b", 3);
    compare(&t, "\xff\xfe\x80", 3);
    compare(&t, "caf\xc3\xa9 CAF\xc3\x89 stra\xc3\x9f-e STRASSE \xe2\x82\xac\x35", 33);
    compare(&t, "ababababababx xyx (())x noerror errors no errors", 48);
    compare_samples(&t, 60);
    compare_random(&t, 3000);
    assert_true(t.matches > 2000); /* the texts do test something */
    close_tested(&t);
}

/* Reads the patterns of the project's own rules and of the gate. */
static size_t own_patterns(arena *memory, buf *text, const char **out)
{
    yaml_node *root;
    alf_error err;
    assert_int_equal(file_read(ALF_TEST_SOURCE_DIR "/configs/rules.yaml", 1 << 22, text, &err),
                     ALF_OK);
    assert_int_equal(yaml_doc_parse(buf_span(text), "rules.yaml", memory, &root, &err), ALF_OK);
    size_t n = 0;
    const yaml_node *categories = yaml_child(root, "categories");
    for (const yaml_node *c = categories->first; c != NULL; c = c->next)
        for (const yaml_node *r = c->first; r != NULL; r = r->next) {
            const yaml_node *list = yaml_child(r, "patterns");
            for (const yaml_node *p = list->first; p != NULL; p = p->next) {
                assert_true(n < MAX_PATTERNS);
                out[n++] = p->text.data;
            }
        }
    for (size_t i = 0; i < compliance_table_count; i++)
        for (size_t k = 0; k < COMPLIANCE_PATTERNS; k++) {
            assert_true(n + 2 <= MAX_PATTERNS);
            if (compliance_table[i].message[k] != NULL)
                out[n++] = compliance_table[i].message[k];
            if (compliance_table[i].source[k] != NULL)
                out[n++] = compliance_table[i].source[k];
        }
    return n;
}

/* Each pattern on many texts made from it: what makes built-in patterns vetted. */
static void vet(tested *t, size_t each)
{
    arena memory;
    arena_init(&memory, 0);
    size_t matches = 0, count = 0;
    for (size_t i = 0; i < t->count; i++) {
        const pattern_node *tree;
        alf_error err;
        assert_int_equal(pattern_parse(t->specs[i].text, &memory, &tree, &err), ALF_OK);
        for (size_t n = 0; tree != NULL && n < each; n++) {
            char text[SAMPLE_MAX];
            bool found;
            size_t size = sample_make(tree, 7 + i, n, text);
            pattern_set_scan(t->sets[1], t->scratch[1], span_of(text, size));
            assert_int_equal(pattern_set_mark(t->sets[1], t->scratch[1], i, i + 1, &found, &err),
                             ALF_OK);
            bool truth = pcre2_match(t->codes[i], (PCRE2_SPTR)text, size, 0, 0, t->data, NULL) >= 0;
            if (found != truth)
                fail_msg("%s: PCRE2 says %d on \"%.*s\"", t->text[i], truth, (int)size, text);
            matches += truth;
            count++;
        }
        arena_reset(&memory);
    }
    assert_true(matches * 5 > count);
    arena_fini(&memory);
}

static void test_own_rules(void **state)
{
    (void)state;
    static tested t;
    arena memory;
    buf text;
    arena_init(&memory, 0);
    buf_init(&text);
    t.count = own_patterns(&memory, &text, t.text);
    assert_true(t.count > 200);
    t.vetted = true; /* no sample is tried at load: the filter itself must be right */
    open_tested(&t);
    size_t filtered = 0;
    for (size_t i = 0; i < t.count; i++)
        filtered += pattern_set_is_filtered(t.sets[1], i);
    assert_true(filtered * 100 > t.count * 95); /* else it would be slow */
    vet(&t, 120);
    compare_samples(&t, 3);
    compare_random(&t, 200);
    static const char *const names[] = {"Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "Spark"};
    for (size_t i = 0; i < 6; i++) {
        char path[512], line[8192];
        (void)snprintf(path, sizeof path, "%s/../shared/reference/logs/loghub/%s_2k.log",
                       ALF_TEST_SOURCE_DIR, names[i]);
        FILE *file = fopen(path, "r");
        for (size_t k = 0; file != NULL && fgets(line, sizeof line, file) != NULL; k++)
            if (k % 20 == 0)
                compare(&t, line, strlen(line));
        if (file != NULL)
            (void)fclose(file);
    }
    assert_true(t.matches > 1000);
    close_tested(&t);
    arena_fini(&memory);
    buf_fini(&text);
}

/* What a pattern needs, as text: clauses ";", groups "&", literals "|"; ^ the start of the text. */
static void write_need(const literal_need *need, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < need->count; i++)
        for (size_t g = 0; g < need->clauses[i].count; g++)
            for (size_t k = 0; k < need->clauses[i].groups[g].count; k++) {
                const literal *text = &need->clauses[i].groups[g].literals[k];
                const char *between = k > 0 ? "|" : g > 0 ? " & " : i > 0 ? "; " : "";
                int wrote = snprintf(out + at, size - at, "%s%.*s", between, (int)text->size,
                                     (const char *)text->text);
                assert_true(wrote >= 0 && (size_t)wrote < size - at);
                at += (size_t)wrote;
            }
    for (char *c = out; *c != '\0'; c++)
        *c = *c == LITERAL_START ? '^' : *c;
}

static void test_literals(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *needs;
    } cases[] = {
        {"failed password", "failed password"},
        {"(?:user|account).{0,9}(?:un)?locked", "user|account & locked"},
        {"(?:root|admin)s? in", "root|admin &  in"},
        {"Log[io]n", "login|logon"},
        {"a[bc]d", "abd|acd"},
        {"(?:ab){3}c", "abababc"},
        {"x.*yes", "yes"},
        {"no|way", "no|way"},
        {"(?<=pre)post", "post"},
        {"(ab)\\1cd.", "ab & cd"},
        {"x+", ""},
        {"a?b?", ""},
        {".*", ""},
        {"ab|.", ""},
        {"\\d{4}", "0000"},
        {"^E7\\s", "^e0 "},
        {"^^ab|c^d", "^ab|c^d"},
        {"(?m)^ab", "ab"},
        {"(?:^|,)key", "^key|,key"},
        {"one.two|three.*four", "one & two; three & four"},
        {"\\b(?:one.two|three)\\b", "one & two; three"},
        {"one.two|.", ""},
        {"(?:one.){2}two", "one & two"},
        {"a very long literal that has no end", "a very long lite & ral that has no  & end"},
        {"\\Gab", ""},
        {"(?:log_level|level|lvl):", "level:|lvl:"},
        {"(?:log_level|level|lvl).", "level|lvl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        arena memory;
        const pattern_node *tree;
        literal_need need = {NULL, 0};
        char text[512];
        arena_init(&memory, 0);
        assert_int_equal(pattern_parse(span_from_string(cases[i].pattern), &memory, &tree, NULL),
                         ALF_OK);
        if (tree != NULL)
            assert_int_equal(pattern_literals(tree, &memory, &need, NULL), ALF_OK);
        write_need(&need, text, sizeof text);
        if (strcmp(text, cases[i].needs) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].pattern, text, cases[i].needs);
        arena_fini(&memory);
    }
}

static void test_wrong_patterns(void **state)
{
    (void)state;
    char longest[PATTERN_MAX_BYTES + 2];
    memset(longest, 'a', sizeof longest);
    const struct {
        alf_span text;
        const char *message;
        alf_status status;
    } cases[] = {
        {SPAN_LITERAL("("), "wrong at its byte 1", ALF_E_CONFIG},
        {SPAN_LITERAL("a)"), "wrong at its byte", ALF_E_CONFIG},
        {SPAN_LITERAL("[z-a]"), "range out of order", ALF_E_CONFIG},
        {SPAN_LITERAL("*"), "quantifier", ALF_E_CONFIG},
        {SPAN_LITERAL("\\C"), "wrong", ALF_E_CONFIG},
        {SPAN_LITERAL("a\0b"), "NUL", ALF_E_CONFIG},
        {SPAN_LITERAL(""), "empty", ALF_E_CONFIG},
        {SPAN_LITERAL("((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("),
         "nest", ALF_E_CONFIG},
        {SPAN_LITERAL("((((a{1000}){1000}){1000}){1000})"), "too large", ALF_E_CONFIG},
        {span_of(longest, sizeof longest - 1), "at most 4096", ALF_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pattern_spec specs[2] = {{SPAN_LITERAL("fine"), true, false}, {cases[i].text, true, false}};
        pattern_set *set = NULL;
        size_t bad;
        alf_error err = {.status = ALF_OK};
        assert_int_equal(pattern_set_new(specs, 2, true, &set, &bad, &err), cases[i].status);
        assert_int_equal(bad, 1);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].message);
    }
}

/* Patterns whose work explodes: an answer or ALF_E_LIMIT, in bounded time. */
static void test_catastrophic_patterns(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(a+)+$",       "(a|aa)+$",          "(?:a*)*b",           "(a|a)*b",
        "(.*)*x",       "^(?:(?:a+)+)+$",    "(a+)+(?=b)",         "((a*)*)*\\1b",
        "a.*a.*a.*b",   "(?:.*a){12}b",      "(x+x+)+y",           "(?<!b)(a+)+c",
        "\\p{L}+\\d+!", "(?:[^b]|a)*c(?!d)", "(\\w+\\s?)+$(?<!a)", "(?:a(?:b(?:c)*)*)*d",
    };
    size_t sizes[] = {30, 3000, 1 << 20};
    char *text = malloc(1 << 20);
    assert_non_null(text);
    memset(text, 'a', 1 << 20);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        pattern_spec spec = {span_from_string(patterns[i]), true, false};
        pattern_set *set;
        size_t bad, first;
        alf_error err;
        assert_int_equal(pattern_set_new(&spec, 1, true, &set, &bad, &err), ALF_OK);
        pattern_scratch *scratch = pattern_scratch_new(set);
        assert_non_null(scratch);
        for (size_t k = 0; k < 3; k++) {
            alf_status status = find_first(set, scratch, span_of(text, sizes[k]), &first, &err);
            assert_true(status == ALF_OK || status == ALF_E_LIMIT);
            if (status == ALF_E_LIMIT)
                assert_non_null(strstr(err.message, "simplify"));
        }
        pattern_scratch_free(scratch);
        pattern_set_free(set);
    }
    free(text);
}

/* Where no memory may be made executable, patterns are interpreted and find the same. In a process
 * of its own, because a process cannot take that back. */
static void test_without_machine_code(void **state)
{
    (void)state;
    enum { SET_MDWE = 65, MDWE_REFUSE_EXEC_GAIN = 1, NOT_HERE = 77 };
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const char *const texts[] = {"user bob failed", "user bob passed", "gr\xc3\xbcn1!"};
        pattern_spec specs[] = {{SPAN_LITERAL("user (\\w+) (?!passed)"), true, false},
                                {SPAN_LITERAL("\\p{L}+\\d+!"), true, false}};
        static const size_t wanted[] = {0, 2, 1};
        pattern_set *set;
        size_t bad, first;
        alf_error err;
        if (prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
            _exit(NOT_HERE);
        bool good =
            !pattern_machine_code() && pattern_set_new(specs, 2, true, &set, &bad, &err) == ALF_OK;
        pattern_scratch *scratch = good ? pattern_scratch_new(set) : NULL;
        for (size_t i = 0; scratch != NULL && i < 3; i++)
            good = good &&
                   find_first(set, scratch, span_from_string(texts[i]), &first, &err) == ALF_OK &&
                   first == wanted[i];
        _exit(good && scratch != NULL ? 0 : 1);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == NOT_HERE)
        skip();
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}

/* A long text is searched in portions: what lies at, before or across their edges is found. */
static void test_long_texts(void **state)
{
    (void)state;
    const char *const patterns[] = {"needle",
                                    "^start",
                                    "tail$",
                                    "(?<=x)y.*needle",
                                    "[^x]{3}\\d",
                                    "\xc3\xa9t\xc3\xa9",
                                    "\\bneedle\\b.{0,9}tail"};
    static tested t;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        t.text[t.count++] = patterns[i];
    open_tested(&t);
    enum { SIZE = 1 << 19 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t at = 4000; at < SIZE - 40; at = at * 2 + 77) {
        for (size_t i = 0; i < SIZE; i++)
            text[i] = "ab cd\xc3\xa9"[i % 7];
        memcpy(text + at, "xy needle \xc3\xa9t\xc3\xa9 7", 17);
        compare(&t, text, SIZE);
        memcpy(text, "start", 5);
        memcpy(text + SIZE - 4, "tail", 4);
        compare(&t, text, SIZE);
    }
    free(text);
    close_tested(&t);
}

/* One pattern in ten shares its literal with the others of its kind (digits are alike to the
 * filter); the rest have one of their own. */
static void test_many_patterns(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    char(*names)[40] = malloc(COUNT * sizeof *names);
    pattern_spec *specs = malloc(COUNT * sizeof *specs);
    assert_true(names != NULL && specs != NULL);
    for (int i = 0; i < COUNT; i++) {
        if (i % 10 == 1)
            (void)snprintf(names[i], sizeof names[i], "word%05d(?:x|y)+", i);
        else
            (void)snprintf(names[i], sizeof names[i], "word%c%c%c%c(?:x|y)+", 'a' + i / 1000 % 10,
                           'k' + i / 100 % 10, 'a' + i / 10 % 10, 'k' + i % 10);
        specs[i] = (pattern_spec){span_from_string(names[i]), true, false};
    }
    pattern_set *set;
    size_t bad, first;
    alf_error err;
    assert_int_equal(pattern_set_new(specs, COUNT, true, &set, &bad, &err), ALF_OK);
    pattern_scratch *scratch = pattern_scratch_new(set);
    assert_int_equal(
        find_first(set, scratch, SPAN_LITERAL("a WORDjshqy, word04321x"), &first, &err), ALF_OK);
    assert_int_equal(first, 4321);
    assert_int_equal(find_first(set, scratch, SPAN_LITERAL("a WORDjshqy"), &first, &err), ALF_OK);
    assert_int_equal(first, 9876);
    assert_int_equal(find_first(set, scratch, SPAN_LITERAL("word99999x"), &first, &err), ALF_OK);
    assert_int_equal(first, COUNT);
    pattern_scratch_free(scratch);
    pattern_set_free(set);
    free(specs);
    free(names);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    pattern_spec specs[] = {{SPAN_LITERAL("ab(?:c|d)+e"), true, false},
                            {SPAN_LITERAL("(?<!x)y"), false, false},
                            {SPAN_LITERAL("\\p{L}1"), true, false}};
    bool done = false;
    for (uint64_t n = 1; !done && n < 3000; n++) {
        pattern_set *set = NULL;
        pattern_scratch *scratch = NULL;
        size_t bad, first;
        alf_error err;
        (void)mem_fail_after(n);
        alf_status status = pattern_set_new(specs, 3, true, &set, &bad, &err);
        if (status == ALF_OK)
            scratch = pattern_scratch_new(set);
        if (scratch != NULL) {
            status = find_first(set, scratch, SPAN_LITERAL("zy"), &first, &err);
            done = status == ALF_OK && first == 1;
        }
        (void)mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        pattern_scratch_free(scratch);
        pattern_set_free(set);
    }
    assert_true(done);
}

static void test_nothing_is_allocated_while_matching(void **state)
{
    (void)state;
    uint32_t jit = 0;
    (void)pcre2_config(PCRE2_CONFIG_JIT, &jit);
    if (jit == 0)
        skip();
    pattern_spec specs[] = {{SPAN_LITERAL("fail(?:ed|ure)"), true, false},
                            {SPAN_LITERAL("(?<!no )error"), true, false}};
    pattern_set *set;
    size_t bad, first;
    alf_error err;
    assert_int_equal(pattern_set_new(specs, 2, true, &set, &bad, &err), ALF_OK);
    pattern_scratch *scratch = pattern_scratch_new(set);
    assert_int_equal(find_first(set, scratch, SPAN_LITERAL("failed; no error"), &first, &err),
                     ALF_OK); /* each has been tried */
    assert_int_equal(pattern_set_mark(set, scratch, 0, 2, (bool[2]){false}, &err), ALF_OK);
    (void)mem_fail_after(1); /* from now on every allocation fails */
    alf_status status = find_first(set, scratch, SPAN_LITERAL("no error, an ERROR"), &first, &err);
    (void)mem_fail_after(0);
    assert_int_equal(status, ALF_OK);
    assert_int_equal(first, 1);
    pattern_scratch_free(scratch);
    pattern_set_free(set);
}

static void test_folding_of_texts(void **state)
{
    (void)state;
    uint8_t text[256 + PATTERN_FOLD_STEP];
    for (size_t size = 0; size <= 256; size++) {
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (uint8_t)(i + size);
        pattern_fold_text(text, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(text[i], pattern_fold((uint8_t)(i + size)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folding_of_texts),
        cmocka_unit_test(test_without_machine_code), /* first: PCRE2 keeps executable memory */
        cmocka_unit_test(test_constructs),
        cmocka_unit_test(test_own_rules),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_wrong_patterns),
        cmocka_unit_test(test_catastrophic_patterns),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_many_patterns),
        cmocka_unit_test(test_allocation_failure),
        cmocka_unit_test(test_nothing_is_allocated_while_matching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
