/* Normalised text and features against Python's re and str (scripts/fixtures/make_text_fixtures.py)
 * on hand-made, random and mutated texts. */
#include "logs/normalise.h"

#include "base/mem.h"
#include "base/span.h"
#include "base/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define FIXTURE ALF_TEST_SOURCE_DIR "/tests/unit/logs/fixtures/texts.bin.gz"

enum { LARGEST = 1 << 16 };

typedef struct sample {
    int32_t hour;
    char *parts[3]; /* text, pipeline, serving */
    uint32_t sizes[3];
    double features[2][LOG_FEATURES];
} sample;

static bool read_exactly(gzFile file, void *out, size_t size)
{
    return gzread(file, out, (unsigned)size) == (int)size;
}

static bool read_sample(gzFile file, sample *s)
{
    if (!read_exactly(file, &s->hour, sizeof s->hour))
        return false;
    for (int i = 0; i < 3; i++) {
        assert_true(read_exactly(file, &s->sizes[i], sizeof s->sizes[i]));
        assert_true(s->sizes[i] < LARGEST);
        /* Exactly as large as the text, so that ASan sees any byte read too many. */
        s->parts[i] = mem_alloc(s->sizes[i]);
        assert_non_null(s->parts[i]);
        if (s->sizes[i] > 0)
            assert_true(read_exactly(file, s->parts[i], s->sizes[i]));
    }
    assert_true(read_exactly(file, s->features, sizeof s->features));
    return true;
}

static void assert_normalised(alf_span message, alf_span got, alf_span expected,
                              log_profile profile)
{
    if (span_equal(got, expected))
        return;
    if (got.size == 0 || expected.size == 0)
        fail_msg("one of the texts is empty: \"%.*s\"", span_width(message), message.data);
    print_error("profile %s\n  text     %.*s\n  got      %.*s\n  expected %.*s\n",
                log_profile_name(profile), span_width(message), message.data, span_width(got),
                got.data, span_width(expected), expected.data);
    fail();
}

static void assert_features(log_profile profile, alf_span message, const double *got,
                            const double *expected)
{
    for (int i = 0; i < LOG_FEATURES; i++) {
        if (got[i] != expected[i])
            print_error("%s of \"%.*s\": got %.17g, expected %.17g\n",
                        log_feature_names[profile][i], span_width(message), message.data, got[i],
                        expected[i]);
        assert_true(got[i] == expected[i]);
    }
}

/* The reference path and the fast one. */
static void check_sample(const sample *s, buf *text)
{
    alf_span message = span_of(s->parts[0], s->sizes[0]);
    for (int p = 0; p < 2; p++) {
        log_profile profile = p == 0 ? LOG_PROFILE_PIPELINE : LOG_PROFILE_SERVING;
        assert_int_equal(log_normalise(profile, message, text, NULL), ALF_OK);
        alf_span expected = span_of(s->parts[p + 1], s->sizes[p + 1]);
        assert_normalised(message, buf_span(text), expected, profile);
        double features[LOG_FEATURES];
        log_features(profile, message, expected, s->hour, features);
        assert_features(profile, message, features, s->features[p]);
        assert_int_equal(log_prepare(profile, message, s->hour, text, features, NULL), ALF_OK);
        assert_normalised(message, buf_span(text), expected, profile);
        assert_features(profile, message, features, s->features[p]);
    }
}

static void test_equals_python(void **state)
{
    (void)state;
    gzFile file = gzopen(FIXTURE, "rb");
    assert_non_null(file);
    buf text;
    buf_init(&text);
    int count = 0;
    sample s;
    for (; read_sample(file, &s); count++) {
        check_sample(&s, &text);
        for (int i = 0; i < 3; i++)
            mem_free(s.parts[i]);
    }
    buf_fini(&text);
    gzclose(file);
    assert_true(count > 2500);
}

static void assert_same_path(alf_span message, buf *expected, buf *got)
{
    for (int p = 0; p < 2; p++) {
        log_profile profile = p == 0 ? LOG_PROFILE_PIPELINE : LOG_PROFILE_SERVING;
        double wanted[LOG_FEATURES];
        double features[LOG_FEATURES];
        assert_int_equal(log_normalise(profile, message, expected, NULL), ALF_OK);
        log_features(profile, message, buf_span(expected), 7, wanted);
        assert_int_equal(log_prepare(profile, message, 7, got, features, NULL), ALF_OK);
        assert_normalised(message, buf_span(got), buf_span(expected), profile);
        assert_features(profile, message, features, wanted);
    }
}

/* Appends a piece that a pattern begins or ends with, a whole match, or noise; and now and then
 * tears it at the end, so that what follows joins it. */
static void append_piece(buf *text, uint32_t *random)
{
    static const char *const pieces[] = {
        "10.0.0.1",
        "192.168.1.254",
        ".4",
        ".",
        "1",
        "22",
        "333",
        "4444",
        "12345",
        "0000000",
        "2024-01-15T10:00:00",
        "2024-01-15 10:00:00",
        ".123",
        "Z",
        "+01:00",
        "-0800",
        "-",
        ":",
        "0x",
        "x",
        "0xdeadBEEF",
        "f",
        "A",
        "550e8400-e29b-41d4-a716-446655440000",
        "a716-",
        "e29b",
        "a@b.cc",
        "@",
        "%",
        "+",
        "00:1a:2b:3c:4d:5e",
        "aa:",
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/",
        "/usr/bin",
        "/a/",
        "C:\\x",
        "\\",
        "error",
        "FAIL",
        "Exception",
        "critical",
        "_",
        " ",
        " ",
        " ",
        "  ",
        "\t",
        "\n",
        "\x1c",
        "<IP>",
        "(",
        ")",
        "=",
        "[",
        "]",
        "Abc",
        "zZ",
        "login failed for "};
    *random = *random * 1664525u + 1013904223u;
    size_t which = (*random >> 8) % (sizeof pieces / sizeof pieces[0]);
    size_t size = strlen(pieces[which]);
    if ((*random >> 24) % 8 == 0)
        size -= (*random >> 20) % size;
    buf_append(text, pieces[which], size);
}

/* Texts of every length up to beyond the longest that the fast path takes. */
static void test_fast_path_equals_reference(void **state)
{
    (void)state;
    buf text;
    buf expected;
    buf got;
    buf_init(&text);
    buf_init(&expected);
    buf_init(&got);
    uint32_t random = 1;
    for (int i = 0; i < 12000; i++) {
        buf_clear(&text);
        unsigned pieces = i % 100 == 0 ? 400 : (unsigned)i % 24;
        for (unsigned k = 0; k < pieces; k++)
            append_piece(&text, &random);
        char *exact = mem_alloc(text.size); /* so that ASan sees any byte read too many */
        assert_non_null(exact);
        if (text.size > 0)
            memcpy(exact, text.data, text.size);
        assert_same_path(span_of(exact, text.size), &expected, &got);
        mem_free(exact);
    }
    buf_fini(&text);
    buf_fini(&expected);
    buf_fini(&got);
}

static size_t count_words_plainly(alf_span text)
{
    size_t words = 0;
    size_t run = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = (uint8_t)text.data[i];
        bool word = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                    (c >= 'a' && c <= 'z');
        run = word ? run + 1 : 0;
        words += run == 2;
    }
    return words;
}

static void test_words(void **state)
{
    (void)state;
    static const char letters[] = "ab_9Z \xC3\xA9-.@[`{/:";
    uint32_t random = 7;
    char text[200];
    for (size_t size = 0; size <= sizeof text; size++) {
        for (int i = 0; i < 20; i++) {
            for (size_t k = 0; k < size; k++) {
                random = random * 1664525u + 1013904223u;
                text[k] = letters[(random >> 16) % (sizeof letters - 1)];
            }
            char *exact = mem_alloc(size); /* so that ASan sees any byte read too many */
            assert_non_null(exact);
            if (size > 0)
                memcpy(exact, text, size);
            assert_int_equal(log_count_words(span_of(exact, size)),
                             count_words_plainly(span_of(text, size)));
            mem_free(exact);
        }
    }
    assert_int_equal(log_count_words(SPAN_LITERAL("a bb c_ d\xC3\xA9 e")), 3);
}

/* Every single byte and pair of bytes, alone and at the edges of blocks of 64. */
static void test_fast_path_of_all_bytes(void **state)
{
    (void)state;
    buf expected;
    buf got;
    buf_init(&expected);
    buf_init(&got);
    char text[130];
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 128; second++) {
            memset(text, 'a', sizeof text);
            text[0] = text[63] = (char)first;
            text[1] = text[64] = (char)second;
            assert_same_path(span_of(text, 2), &expected, &got);
            assert_same_path(span_of(text + 62, 3), &expected, &got);
            if (first < 128)
                assert_same_path(span_of(text, sizeof text), &expected, &got);
        }
    }
    buf_fini(&expected);
    buf_fini(&got);
}

/* normalise.c relies on it: lower case never takes more than three bytes for two. */
static void test_lower_case_growth(void **state)
{
    (void)state;
    buf text;
    buf_init(&text);
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char bytes[4];
        size_t size = unicode_put(c, bytes);
        buf_clear(&text);
        unicode_lower(span_of(bytes, size), &text);
        assert_true(text.size * 2 <= size * 3);
    }
    buf_fini(&text);
}

static void assert_pipeline(alf_span message, const char *expected)
{
    buf text;
    buf_init(&text);
    assert_int_equal(log_normalise(LOG_PROFILE_PIPELINE, message, &text, NULL), ALF_OK);
    assert_normalised(message, buf_span(&text), span_from_string(expected), LOG_PROFILE_PIPELINE);
    buf_fini(&text);
}

/* Inputs on which a backtracking engine would take exponential or quadratic time. */
static void test_long_texts(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    char *text = mem_alloc(size);
    assert_non_null(text);
    memset(text, '/', size);
    text[size - 1] = '!';
    assert_pipeline(span_of(text, size), "<path>!");
    for (size_t i = 0; i < size; i++)
        text[i] = "@a."[i % 3];
    buf out;
    buf_init(&out);
    assert_int_equal(log_normalise(LOG_PROFILE_SERVING, span_of(text, size), &out, NULL), ALF_OK);
    assert_int_equal(out.size, size);
    memset(text, 0xBF, size); /* each byte a U+FFFD */
    assert_int_equal(log_normalise(LOG_PROFILE_SERVING, span_of(text, size), &out, NULL), ALF_OK);
    assert_int_equal(out.size, size * 3);
    double features[LOG_FEATURES];
    log_features(LOG_PROFILE_SERVING, span_of(text, size), buf_span(&out), 7, features);
    assert_true(features[0] == (double)size);
    assert_true(features[3] == 1.0);
    for (size_t i = 0; i < size; i++)
        text[i] = "/a "[i % 3];
    assert_int_equal(log_normalise(LOG_PROFILE_SERVING, span_of(text, size), &out, NULL), ALF_OK);
    assert_int_equal(out.size, (size / 3) * 7 + 1);
    buf_fini(&out);
    mem_free(text);
}

static void test_empty(void **state)
{
    (void)state;
    assert_pipeline(span_of(NULL, 0), "");
    assert_pipeline(SPAN_LITERAL(" \t\r\n"), "");
    double features[LOG_FEATURES];
    log_features(LOG_PROFILE_PIPELINE, span_of(NULL, 0), span_of(NULL, 0), -1, features);
    for (int i = 0; i < LOG_FEATURES; i++)
        assert_true(features[i] == 0.0);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    alf_span message = SPAN_LITERAL("\xCE\x91\xCE\xA3 0x1 /a \xFF 12345 error at 10.0.0.1");
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        buf text;
        buf_init(&text);
        alf_error err = {0};
        (void)mem_fail_after(n);
        alf_status status = log_normalise(LOG_PROFILE_SERVING, message, &text, &err);
        (void)mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_int_equal(status, err.status);
        done = status == ALF_OK;
        buf_fini(&text);
        assert_true(n < 100);
    }
}

static void test_names(void **state)
{
    (void)state;
    log_profile profile;
    assert_true(log_profile_from_name(SPAN_LITERAL("serving"), &profile));
    assert_int_equal(profile, LOG_PROFILE_SERVING);
    assert_true(log_profile_from_name(SPAN_LITERAL("pipeline"), &profile));
    assert_int_equal(profile, LOG_PROFILE_PIPELINE);
    assert_false(log_profile_from_name(SPAN_LITERAL("Serving"), &profile));
    assert_string_equal(log_profile_name(LOG_PROFILE_SERVING), "serving");
    assert_string_equal(log_feature_names[LOG_PROFILE_PIPELINE][7], "has_path");
    assert_string_equal(log_feature_names[LOG_PROFILE_SERVING][7], "hour_of_day");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_python),
        cmocka_unit_test(test_fast_path_equals_reference),
        cmocka_unit_test(test_fast_path_of_all_bytes),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_lower_case_growth),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
