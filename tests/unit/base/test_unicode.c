/*
 * Compares every code point, str.lower() and UTF-8 decoding with what CPython says
 * (fixtures/unicode.txt, written by scripts/fixtures/make_unicode_fixtures.py).
 */
#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CODE_POINTS = 0x110000 };

static char *fixture; /* NUL-terminated */

static int load(void **state)
{
    (void)state;
    buf b;
    buf_init(&b);
    alf_status status =
        file_read(ALF_TEST_SOURCE_DIR "/tests/unit/base/fixtures/unicode.txt", 1 << 20, &b, NULL);
    if (status != ALF_OK)
        return -1;
    fixture = mem_calloc(b.size + 1, 1);
    if (fixture != NULL)
        memcpy(fixture, b.data, b.size);
    buf_fini(&b);
    return fixture == NULL ? -1 : 0;
}

static int unload(void **state)
{
    (void)state;
    mem_free(fixture);
    return 0;
}

/* The rest of the n-th line that begins with prefix, or NULL. */
static const char *find_line(const char *prefix, size_t n)
{
    size_t length = strlen(prefix);
    for (const char *line = fixture; line != NULL && *line != '\0';) {
        if (strncmp(line, prefix, length) == 0 && n-- == 0)
            return line + length;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

/* Marks the code points of a "set" line. */
static uint8_t *read_set(const char *prefix)
{
    uint8_t *set = mem_calloc(CODE_POINTS, 1);
    assert_non_null(set);
    const char *p = find_line(prefix, 0);
    assert_non_null(p);
    while (*p != '\n') {
        char *next;
        unsigned long first = strtoul(p, &next, 16);
        unsigned long last = *next == '-' ? strtoul(next + 1, &next, 16) : first;
        assert_true(first <= last && last < CODE_POINTS);
        memset(set + first, 1, last - first + 1);
        p = *next == ' ' ? next + 1 : next;
    }
    return set;
}

static void check_set(const char *prefix, bool (*is)(uint32_t))
{
    uint8_t *set = read_set(prefix);
    for (uint32_t c = 0; c < CODE_POINTS; c++)
        if (is(c) != (set[c] != 0))
            fail_msg("%sU+%04X: %d", prefix, (unsigned)c, is(c));
    mem_free(set);
    assert_false(is(CODE_POINTS));
    assert_false(is(UINT32_MAX));
}

/* A code point is cased when a capital sigma after it is final. */
static bool acts_cased(uint32_t c)
{
    char text[8];
    size_t n = unicode_put(c, text);
    n += unicode_put(0x3A3, text + n);
    buf out;
    buf_init(&out);
    unicode_lower(span_of(text, n), &out);
    assert_int_equal(buf_status(&out, NULL), ALF_OK);
    bool final = out.size >= 2 && memcmp(out.data + out.size - 2, "\xCF\x82", 2) == 0;
    buf_fini(&out);
    return final;
}

static bool acts_ignorable(uint32_t c)
{
    char text[16] = "A";
    size_t n = 1 + unicode_put(c, text + 1);
    n += unicode_put(0x3A3, text + n);
    buf out;
    buf_init(&out);
    unicode_lower(span_of(text, n), &out);
    assert_int_equal(buf_status(&out, NULL), ALF_OK);
    bool final = out.size >= 2 && memcmp(out.data + out.size - 2, "\xCF\x82", 2) == 0;
    buf_fini(&out);
    return final && !acts_cased(c);
}

static void test_classes(void **state)
{
    (void)state;
    check_set("set isdigit ", unicode_is_digit);
    check_set("set isdecimal ", unicode_is_decimal);
    check_set("set isalnum ", unicode_is_alnum);
    check_set("set isupper ", unicode_is_upper);
    check_set("set isspace ", unicode_is_space);
    check_set("set re_w ", unicode_is_word);
    check_set("set re_d ", unicode_is_decimal);
    check_set("set re_s ", unicode_is_space);
}

static void test_sigma_context(void **state)
{
    (void)state;
    check_set("set cased ", acts_cased);
    check_set("set ignorable ", acts_ignorable);
}

/* str.lower() of every code point alone. */
static void test_lower_map(void **state)
{
    (void)state;
    const char *p = find_line("map lower ", 0);
    assert_non_null(p);
    char *next;
    unsigned long changed = strtoul(p, &next, 16);
    buf out;
    buf_init(&out);
    for (uint32_t c = 0; c < CODE_POINTS; c++) {
        char text[4];
        char want[16];
        size_t size = unicode_put(c, text);
        size_t want_size = 0;
        if (c != changed) {
            memcpy(want, text, size);
            want_size = size;
        } else {
            do
                want_size += unicode_put((uint32_t)strtoul(next + 1, &next, 16), want + want_size);
            while (*next == ',' && want_size < 12);
            changed = *next == ' ' ? strtoul(next + 1, &next, 16) : CODE_POINTS;
        }
        buf_clear(&out);
        unicode_lower(span_of(text, size), &out);
        if (!span_equal(buf_span(&out), span_of(want, want_size)))
            fail_msg("lower of U+%04X", (unsigned)c);
    }
    assert_int_equal(changed, CODE_POINTS);
    buf_fini(&out);
}

/* Reads hexadecimal ("-" is empty) and returns what follows it. */
static const char *read_hex(const char *p, buf *out)
{
    buf_clear(out);
    if (*p == '-')
        return p + 1;
    for (; *p != ' ' && *p != '\n'; p += 2)
        buf_append_char(out, (char)strtol((char[]){p[0], p[1], 0}, NULL, 16));
    return p;
}

static void decode_all(alf_span text, buf *out)
{
    size_t length = 0;
    for (const char *p = text.data; p < text.data + text.size; length++) {
        char bytes[4];
        buf_append(out, bytes, unicode_put(unicode_next(&p, text.data + text.size), bytes));
    }
    assert_int_equal(length, unicode_length(text));
    assert_int_equal(length, unicode_length(buf_span(out)));
    assert_true(unicode_is_valid(buf_span(out)));
    assert_int_equal(unicode_is_valid(text), span_equal(text, buf_span(out)));
}

static void check_lines(const char *prefix, void (*run)(alf_span, buf *), size_t at_least)
{
    buf in;
    buf want;
    buf got;
    buf_init(&in);
    buf_init(&want);
    buf_init(&got);
    size_t n = 0;
    for (const char *p; (p = find_line(prefix, n)) != NULL; n++) {
        p = read_hex(p, &in);
        (void)read_hex(p + 1, &want);
        buf_clear(&got);
        run(buf_span(&in), &got);
        if (!span_equal(buf_span(&got), buf_span(&want)))
            fail_msg("%sline %zu", prefix, n);
    }
    assert_true(n >= at_least);
    buf_fini(&in);
    buf_fini(&want);
    buf_fini(&got);
}

static void test_lower_strings(void **state)
{
    (void)state;
    check_lines("lower ", unicode_lower, 150);
}

static void check_strip_sum(const char *prefix, void (*strip)(alf_span, buf *))
{
    buf lines, stripped;
    char sum[65];
    const char *want = find_line(prefix, 0);
    assert_non_null(want);
    buf_init(&lines);
    buf_init(&stripped);
    for (uint32_t c = 0; c < CODE_POINTS; c++) {
        char text[4];
        if (c >= 0xD800 && c < 0xE000)
            continue;
        buf_clear(&stripped);
        strip(span_of(text, unicode_put(c, text)), &stripped);
        buf_printf(&lines, "%X ", (unsigned)c);
        for (size_t i = 0; i < stripped.size; i++)
            buf_printf(&lines, "%02x", (uint8_t)stripped.data[i]);
        buf_append_char(&lines, '\n');
    }
    assert_int_equal(crypto_sha256_hex(buf_span(&lines), sum, NULL), ALF_OK);
    assert_memory_equal(sum, want, 64);
    buf_fini(&lines);
    buf_fini(&stripped);
}

static void test_strip(void **state)
{
    (void)state;
    check_strip_sum("sum unicode ", unicode_strip_marks);
    check_strip_sum("sum ascii ", unicode_strip_to_ascii);
    check_lines("strip unicode ", unicode_strip_marks, 70);
    check_lines("strip ascii ", unicode_strip_to_ascii, 70);
    buf out;
    buf_init(&out);
    unicode_strip_marks(SPAN_LITERAL("a\xFF\xC3\xA9"), &out);
    assert_true(span_is(buf_span(&out), "a\xEF\xBF\xBD\x65"));
    unicode_strip_to_ascii(span_of(NULL, 0), &out);
    assert_int_equal(out.size, 5);
    buf_fini(&out);
}

static void test_decode(void **state)
{
    (void)state;
    check_lines("decode ", decode_all, 1000);
}

static void test_edges(void **state)
{
    (void)state;
    char out[4];
    assert_int_equal(unicode_put(0xD800, out), 3); /* a surrogate cannot be written */
    assert_memory_equal(out, "\xEF\xBF\xBD", 3);
    assert_int_equal(unicode_put(0x110000, out), 3);
    assert_int_equal(unicode_length(span_of(NULL, 0)), 0);
    assert_true(unicode_is_valid(span_of(NULL, 0)));
    /* Long runs of ASCII around one other character, at every alignment. */
    for (size_t at = 0; at < 40; at++) {
        char text[42];
        memset(text, 'A', sizeof text);
        memcpy(text + at, "\xC3\x89", 2);
        buf b;
        buf_init(&b);
        unicode_lower(span_of(text, sizeof text), &b);
        assert_int_equal(b.size, sizeof text);
        for (size_t i = 0; i < sizeof text; i++)
            assert_int_equal((uint8_t)b.data[i], i == at ? 0xC3 : i == at + 1 ? 0xA9 : 'a');
        assert_int_equal(unicode_length(span_of(text, sizeof text)), 41);
        buf_fini(&b);
    }
    mem_fail_after(1);
    buf b;
    buf_init(&b);
    unicode_lower(SPAN_LITERAL("A\xC3\x89"), &b);
    mem_fail_after(0);
    assert_int_equal(buf_status(&b, NULL), ALF_E_NOMEM);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_sigma_context),
        cmocka_unit_test(test_lower_map), cmocka_unit_test(test_lower_strings),
        cmocka_unit_test(test_strip),     cmocka_unit_test(test_decode),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
