/* JSON output: read back by jansson, a parser that is not ours. */
#include "support/test.h"

#include "base/span.h"
#include "codec/json_write.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void numbers_read_back_equal(void **state)
{
    (void)state;
    static const double doubles[] = {0,       -0.0,   0.1,      1.0 / 3, 1e300,        5e-324,
                                     -1e-310, 123456, 1e15 + 1, 0.3,     -0.5655415806};
    char text[JSON_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        text[json_format_double(doubles[i], text)] = '\0';
        double back = strtod(text, NULL);
        assert_memory_equal(&back, &doubles[i], sizeof back);
    }
    uint32_t bits = 1;
    for (int i = 0; i < 100000; i++) {
        bits = bits * 1664525u + 1013904223u;
        float number;
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number))
            continue;
        text[json_format_float(number, text)] = '\0';
        float back = strtof(text, NULL);
        assert_memory_equal(&back, &number, sizeof back);
    }
    assert_int_equal(json_format_double(NAN, text), 4);
    assert_int_equal(json_format_float(-INFINITY, text), 4);
    assert_memory_equal(text, "null", 4);
}

/* What the C library makes of it: the first of these precisions that reads back. */
static void assert_double_text(double number)
{
    char text[JSON_NUMBER_SIZE + 1];
    char expected[JSON_NUMBER_SIZE + 1];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(expected, sizeof expected, "%.*g", digits, number);
        if (strtod(expected, NULL) == number)
            break;
    }
    text[json_format_double(number, text)] = '\0';
    assert_string_equal(text, expected);
}

static void assert_float_text(float number)
{
    char text[JSON_NUMBER_SIZE + 1];
    char expected[JSON_NUMBER_SIZE + 1];
    for (int digits = 6; digits <= 9; digits++) {
        (void)snprintf(expected, sizeof expected, "%.*g", digits, (double)number);
        if (strtof(expected, NULL) == number)
            break;
    }
    text[json_format_float(number, text)] = '\0';
    assert_string_equal(text, expected);
}

static void assert_both(double number)
{
    assert_double_text(number);
    assert_double_text(-number);
    assert_float_text((float)number);
    assert_float_text(-(float)number);
}

static void assert_neighbours(double number)
{
    assert_both(number);
    assert_double_text(nextafter(number, INFINITY));
    assert_double_text(nextafter(number, 0));
    assert_float_text(nextafterf((float)number, INFINITY));
    assert_float_text(nextafterf((float)number, 0));
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void numbers_are_what_the_c_library_writes(void **state)
{
    (void)state;
    for (int power = -30; power <= 70; power++) /* where the gaps change, and ties */
        for (int add = -3; add <= 3; add++)
            assert_neighbours(ldexp(1 + add * 0x1p-10, power));
    for (int power = -8; power <= 24; power++)
        for (int digit = 1; digit < 100; digit++)
            assert_neighbours(digit * pow(10, power));
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 60000; i++) {
        double wide = (double)(next_random(&random) >> 11);
        assert_both(wide * 0x1p-53);                                  /* a probability */
        assert_both(ldexp(wide, -(int)(next_random(&random) % 120))); /* any size */
        double whole = (double)(next_random(&random) % 1000000);      /* few digits */
        assert_both(whole / pow(10, (double)(next_random(&random) % 10)));
        assert_both(ldexp(whole, -(int)(next_random(&random) % 30)));
    }
}

static void any_bytes_become_valid_json(void **state)
{
    (void)state;
    buf out;
    json_writer w;
    json_error_t where;
    buf_init(&out);
    json_write_init(&w, &out, false);
    json_write_begin_array(&w);
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};
        json_write_string(&w, span_of(text, 3));
    }
    json_write_string(&w, SPAN_LITERAL("\xF0\x9F\x98\x80 \"q\" \\"));
    json_write_end_array(&w);
    json_t *root = json_loadb(out.data, out.size, JSON_ALLOW_NUL, &where);
    assert_non_null(root);
    assert_int_equal(json_array_size(root), 257);
    assert_string_equal(json_string_value(json_array_get(root, 'x')), "axb");
    assert_string_equal(json_string_value(json_array_get(root, '\n')), "a\nb");
    assert_string_equal(json_string_value(json_array_get(root, 0xFF)), "a\xEF\xBF\xBD"
                                                                       "b");
    assert_int_equal(json_string_length(json_array_get(root, 0)), 3);
    assert_string_equal(json_string_value(json_array_get(root, 256)), "\xF0\x9F\x98\x80 \"q\" \\");
    json_decref(root);
    buf_fini(&out);
}

static void put_sample(buf *out, bool pretty)
{
    json_writer w;
    json_write_init(&w, out, pretty);
    json_write_begin_object(&w);
    json_write_key(&w, "a");
    json_write_begin_array(&w);
    json_write_int(&w, -1);
    json_write_uint(&w, UINT64_MAX);
    json_write_bool(&w, true);
    json_write_null(&w);
    json_write_begin_object(&w);
    json_write_end_object(&w);
    json_write_end_array(&w);
    json_write_key(&w, "b");
    json_write_raw(&w, SPAN_LITERAL("{\"c\":1}"));
    json_write_end_object(&w);
}

static void structure_is_kept(void **state)
{
    (void)state;
    buf out;
    buf_init(&out);
    put_sample(&out, false);
    assert_text(buf_span(&out), "{\"a\":[-1,18446744073709551615,true,null,{}],\"b\":{\"c\":1}}");
    buf_clear(&out);
    put_sample(&out, true);
    assert_text(buf_span(&out), "{\n  \"a\": [\n    -1,\n    18446744073709551615,\n    true,\n"
                                "    null,\n    {}\n  ],\n  \"b\": {\"c\":1}\n}");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back_equal),
        cmocka_unit_test(numbers_are_what_the_c_library_writes),
        cmocka_unit_test(any_bytes_become_valid_json),
        cmocka_unit_test(structure_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
