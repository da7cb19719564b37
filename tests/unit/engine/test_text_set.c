/*
 * Runs of one set of characters (text_set.h) against PCRE2's DFA matcher, which finds the leftmost
 * longest match as RE2 does: every code point, and texts by chance. Characters that PCRE2's Unicode
 * does not know yet are left out.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "support/test.h"
#include "support/text_dice.h"

#include "base/span.h"
#include "base/unicode.h"
#include "engine/text_set.h"

#include <pcre2.h>

#define SPACES                                                                                     \
    "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"     \
    "\\x{202f}\\x{205f}\\x{3000}"

static const char *const expressions[] = {
    "[\\p{L}\\p{N}_]{2,}",
    "[\\p{L}\\p{N}_]+",
    "[\\p{Nd}]+",
    "[\\p{L}\\p{N}_\\x{2e}]{3,}",
    "[^" SPACES "]+",
    "[" SPACES "]+",
    "[^\\x{5d}\\x{78}]+",
    "[\\x{61}-\\x{7a}]{1000,}",
    "[\\p{L}\\p{N}]+",
    "[\\x{0}-\\x{7f}]+",
    "[^\\p{Nd}\\x{2f}-\\x{41}]{2,}",
};

enum { EXPRESSIONS = sizeof expressions / sizeof expressions[0] };

static pcre2_code *compile(const char *expression)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *out = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code,
                                    &offset, NULL);
    assert_non_null(out);
    return out;
}

/* The next run that PCRE2 finds; false: none. */
static bool pcre_next(const pcre2_code *code, pcre2_match_data *data, alf_span text, size_t *at,
                      alf_span *run)
{
    static int workspace[4096];
    int found = pcre2_dfa_match(code, (PCRE2_SPTR)text.data, text.size, *at, 0, data, NULL,
                                workspace, 4096);
    if (found == PCRE2_ERROR_NOMATCH)
        return false;
    assert_true(found >= 0);
    const PCRE2_SIZE *match = pcre2_get_ovector_pointer(data);
    *run = span_of(text.data + match[0], match[1] - match[0]);
    *at = match[1];
    return true;
}

static void compare_runs(const char *expression, const text_set *set, const pcre2_code *code,
                         pcre2_match_data *data, alf_span text)
{
    alf_span mine, theirs;
    size_t from = 0;
    const char *at = text.data, *end = text.data + text.size;
    for (;;) {
        bool found = text_set_next(set, &at, end, &mine);
        bool expected = pcre_next(code, data, text, &from, &theirs);
        if (found != expected || (found && (mine.data != theirs.data || mine.size != theirs.size)))
            fail_msg("%s on \"%.*s\"", expression, span_width(text), text.data);
        if (!found)
            return;
    }
}

/* Assigned in PCRE2's Unicode, or never to be. */
static bool is_known(pcre2_match_data *data, const pcre2_code *unassigned, uint32_t c)
{
    char bytes[4];
    size_t size = unicode_put(c, bytes);
    return pcre2_match(unassigned, (PCRE2_SPTR)bytes, size, 0, 0, data, NULL) ==
           PCRE2_ERROR_NOMATCH;
}

static void every_code_point(void **state)
{
    (void)state;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_code *unassigned = compile("\\p{Cn}");
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        text_set set;
        char one[256];
        assert_true(text_set_parse(span_from_string(expressions[i]), &set));
        size_t size = (size_t)(strchr(expressions[i], ']') - expressions[i]) + 1;
        if (expressions[i][size - 2] == 'd' && expressions[i][size] == '\\') /* \x{5d} inside */
            continue;
        if (size + 1 > sizeof one)
            continue;
        memcpy(one, expressions[i], size);
        one[size] = '\0';
        pcre2_code *code = compile(one);
        for (uint32_t c = 0; c <= 0x10FFFF; c++) {
            char bytes[4];
            if (c >= 0xD800 && c < 0xE000)
                continue;
            size_t n = unicode_put(c, bytes);
            bool expected =
                pcre2_match(code, (PCRE2_SPTR)bytes, n, 0, PCRE2_NO_UTF_CHECK, data, NULL) >= 0;
            if (text_set_has(&set, c) != expected && is_known(data, unassigned, c))
                fail_msg("%s and U+%04X", one, (unsigned)c);
        }
        pcre2_code_free(code);
    }
    pcre2_code_free(unassigned);
    pcre2_match_data_free(data);
}

static void texts_by_chance(void **state)
{
    (void)state;
    static const alf_span words[] = {{"error", 5}, {"a_b", 3}, {"10.0.0.1", 8}, {"x", 1}, {"]", 1}};
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        text_dice dice = {i + 1};
        text_set set;
        assert_true(text_set_parse(span_from_string(expressions[i]), &set));
        pcre2_code *code = compile(expressions[i]);
        for (int round = 0; round < 300; round++) {
            buf text, valid;
            buf_init(&text);
            buf_init(&valid);
            dice_text(&dice, words, sizeof words / sizeof words[0], dice_roll(&dice, 30), &text);
            buf_append_string(&text, "x");
            for (const char *at = text.data, *end = at + text.size; at < end;) {
                char bytes[4];
                uint32_t c = unicode_next(&at, end);
                buf_append(&valid, bytes, unicode_put(c, bytes));
            }
            compare_runs(expressions[i], &set, code, data, buf_span(&valid));
            buf_fini(&text);
            buf_fini(&valid);
        }
        pcre2_code_free(code);
    }
    pcre2_match_data_free(data);
}

static void invalid_bytes_part_runs(void **state)
{
    (void)state;
    text_set set;
    alf_span run;
    const alf_span text = SPAN_LITERAL("ab\xFF"
                                       "cd\xE6\x97"
                                       "e\xEF\xBF\xBD"
                                       "f");
    const char *at = text.data, *end = text.data + text.size;
    assert_true(text_set_parse(SPAN_LITERAL("[^\\x{20}]+"), &set));
    assert_true(text_set_next(&set, &at, end, &run));
    assert_text(run, "ab");
    assert_true(text_set_next(&set, &at, end, &run));
    assert_text(run, "cd");
    assert_true(text_set_next(&set, &at, end, &run));
    assert_text(run, "e\xEF\xBF\xBD"
                     "f");
    assert_false(text_set_next(&set, &at, end, &run));
}

static void other_forms(void **state)
{
    static const char *const others[] = {
        "",
        "[",
        "[]",
        "[]+",
        "[\\p{L}]+",
        "[a]+",
        "[\\x{61}]",
        "[\\x{61}]*",
        "[\\x{61}]{2}",
        "[\\x{61}]{2,3}",
        "[\\x{61}]{0,}",
        "[\\x{61}]{1001,}",
        "[\\x{61}]+?",
        "[\\x{e9}]+",
        "[\\x{62}-\\x{61}]+",
        "[\\x{61}-]+",
        "[\\x{}]+",
        "(?s:.)",
        "[\\x{61}]+|(?s:.)",
        "[\\x{0000061}]+",
        "[\\x{61}]{,}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        text_set set;
        if (text_set_parse(span_from_string(others[i]), &set))
            fail_msg("%s is taken", others[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(texts_by_chance),
        cmocka_unit_test(invalid_bytes_part_runs),
        cmocka_unit_test(other_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
