/* The wire format, on the examples of the protobuf encoding guide and at its borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/span.h"
#include "codec/protobuf.h"

static pb_field one_field(alf_span bytes)
{
    pb_reader r = pb_open(bytes, 100);
    pb_field f;
    assert_int_equal(pb_next(&r, &f, NULL), ALF_OK);
    assert_true(pb_done(&r));
    assert_int_equal(f.offset, 100);
    return f;
}

static void examples_of_the_guide(void **state)
{
    (void)state;
    pb_field f = one_field(SPAN_LITERAL("\x08\x96\x01"));
    assert_int_equal(f.number, 1);
    assert_int_equal(f.wire, PB_VARINT);
    assert_int_equal(f.value, 150);

    f = one_field(SPAN_LITERAL("\x12\x07testing"));
    assert_int_equal(f.number, 2);
    assert_true(span_is(f.bytes, "testing"));
    assert_int_equal(f.bytes_offset, 102);

    f = one_field(SPAN_LITERAL("\x1a\x03\x08\x96\x01"));
    assert_int_equal(f.number, 3);
    pb_reader inner = pb_enter(&f);
    assert_int_equal(pb_next(&inner, &f, NULL), ALF_OK);
    assert_int_equal(f.value, 150);
    assert_int_equal(f.offset, 102);

    f = one_field(SPAN_LITERAL("\x32\x06\x03\x8e\x02\x9e\xa7\x05"));
    size_t count = 0;
    uint64_t values[3];
    assert_int_equal(pb_count_values(&f, PB_VARINT, "f", &count, NULL), ALF_OK);
    assert_int_equal(count, 3);
    count = 0;
    assert_int_equal(pb_take_values(&f, PB_VARINT, values, &count, NULL), ALF_OK);
    assert_int_equal(values[0], 3);
    assert_int_equal(values[1], 270);
    assert_int_equal(values[2], 86942);
}

static void fixed_numbers(void **state)
{
    (void)state;
    pb_field f = one_field(SPAN_LITERAL("\x0d\x01\x02\x03\xf4"));
    assert_int_equal(f.wire, PB_FIXED32);
    assert_int_equal(f.value, 0xf4030201);
    f = one_field(SPAN_LITERAL("\x09\x01\x02\x03\x04\x05\x06\x07\xf8"));
    assert_int_equal(f.wire, PB_FIXED64);
    assert_true(f.value == 0xf807060504030201);
}

static void borders_of_varints(void **state)
{
    (void)state;
    pb_field f = one_field(SPAN_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    int64_t number;
    assert_int_equal(pb_get_int(&f, "f", &number, NULL), ALF_OK);
    assert_true(number == -1);
    f = one_field(SPAN_LITERAL("\x08\x81\x80\x80\x80\x80\x00")); /* longer than need be */
    assert_int_equal(f.value, 1);
}

static void refuse(alf_span bytes, const char *words, uint64_t offset)
{
    char *exact = mem_alloc(bytes.size); /* so that ASan sees the first byte beyond */
    assert_non_null(exact);
    memcpy(exact, bytes.data, bytes.size);
    pb_reader r = pb_open(span_of(exact, bytes.size), 0);
    pb_field f;
    alf_error err = {0};
    assert_int_equal(pb_next(&r, &f, &err), ALF_E_FORMAT);
    assert_non_null(strstr(err.message, words));
    assert_int_equal(err.offset, offset);
    mem_free(exact);
}

static void malformed_bytes(void **state)
{
    (void)state;
    refuse(SPAN_LITERAL("\x08"), "cut off", 1);
    refuse(SPAN_LITERAL("\x80"), "cut off", 0);
    refuse(SPAN_LITERAL("\x08\x80\x80"), "cut off", 1);
    refuse(SPAN_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "over 64 bits", 1);
    refuse(SPAN_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "over 64 bits", 1);
    refuse(SPAN_LITERAL("\x12\x05hell"), "claims 5 bytes, 4 are left", 0);
    refuse(SPAN_LITERAL("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), "claims", 0);
    refuse(SPAN_LITERAL("\x0d\x01\x02\x03"), "3 bytes of a 4-byte number", 1);
    refuse(SPAN_LITERAL("\x09\x01"), "1 bytes of a 8-byte number", 1);
    refuse(SPAN_LITERAL("\x0b"), "groups", 0);
    refuse(SPAN_LITERAL("\x0c"), "groups", 0);
    refuse(SPAN_LITERAL("\x0e"), "wire type 6", 0);
    refuse(SPAN_LITERAL("\x00\x01"), "field number 0", 0);
    refuse(SPAN_LITERAL("\x80\x80\x80\x80\x10\x01"), "field number 536870912", 0);
}

static void wrong_wires(void **state)
{
    (void)state;
    pb_field f = one_field(SPAN_LITERAL("\x0d\x01\x02\x03\x04"));
    alf_error err = {0};
    size_t count = 0;
    int64_t number;
    alf_span bytes;
    assert_int_equal(pb_get_int(&f, "the thing", &number, &err), ALF_E_FORMAT);
    assert_non_null(strstr(err.message, "the thing (field 1) is stored with wire type 5"));
    assert_int_equal(pb_get_bytes(&f, "f", &bytes, NULL), ALF_E_FORMAT);
    assert_int_equal(pb_count_values(&f, PB_VARINT, "f", &count, NULL), ALF_E_FORMAT);
    f = one_field(SPAN_LITERAL("\x0a\x05"
                               "12345"));
    assert_int_equal(pb_count_values(&f, PB_FIXED32, "f", &count, NULL), ALF_E_FORMAT);
    f = one_field(SPAN_LITERAL("\x0a\x03\x01\x80\x80")); /* the last varint does not end */
    uint64_t values[1];
    assert_int_equal(pb_count_values(&f, PB_VARINT, "f", &count, NULL), ALF_OK);
    assert_int_equal(count, 1);
    count = 0;
    assert_int_equal(pb_take_values(&f, PB_VARINT, values, &count, NULL), ALF_E_FORMAT);
}

static void expect_bytes(const buf *found, alf_span expected)
{
    assert_int_equal(buf_status(found, NULL), ALF_OK);
    assert_int_equal(found->size, expected.size);
    assert_memory_equal(found->data, expected.data, expected.size);
}

static void writes(void **state)
{
    (void)state;
    buf out;
    buf_init(&out);
    pb_put_int(&out, 1, 150);
    pb_put_bytes(&out, 2, SPAN_LITERAL("testing"));
    expect_bytes(&out, SPAN_LITERAL("\x08\x96\x01\x12\x07testing"));
    buf_clear(&out);
    size_t outer = pb_begin(&out, 3);
    pb_put_int(&out, 1, 150);
    pb_end(&out, outer);
    pb_put_packed_ints(&out, 6, (const int64_t[]){3, 270, 86942}, 3);
    expect_bytes(&out, SPAN_LITERAL("\x1a\x03\x08\x96\x01\x32\x06\x03\x8e\x02\x9e\xa7\x05"));
    buf_clear(&out);
    pb_put_int(&out, 1, -1);
    pb_put_float(&out, 2, 1.0F);
    pb_put_packed_floats(&out, 3, (const float[]){-2.0F}, 1);
    expect_bytes(&out, SPAN_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                    "\x15\x00\x00\x80\x3f\x1a\x04\x00\x00\x00\xc0"));
    buf_fini(&out);
}

/* A message long enough that its length takes two bytes, in another one. */
static void long_messages(void **state)
{
    (void)state;
    static const char zeros[200];
    buf out;
    buf_init(&out);
    size_t outer = pb_begin(&out, 1);
    size_t inner = pb_begin(&out, 2);
    pb_put_bytes(&out, 3, span_of(zeros, sizeof zeros));
    pb_end(&out, inner);
    pb_end(&out, outer);
    assert_int_equal(out.size, 3 + 3 + 3 + 200);
    pb_field f = one_field(buf_span(&out));
    f = one_field(f.bytes);
    f = one_field(f.bytes);
    assert_int_equal(f.number, 3);
    assert_int_equal(f.bytes.size, 200);
    buf_fini(&out);
}

static void lack_of_memory_is_told_at_the_end(void **state)
{
    (void)state;
    buf out;
    buf_init(&out);
    mem_fail_after(1);
    size_t begun = pb_begin(&out, 1);
    pb_put_int(&out, 1, 1);
    pb_end(&out, begun);
    mem_fail_after(0);
    assert_int_equal(buf_status(&out, NULL), ALF_E_NOMEM);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_guide),
        cmocka_unit_test(fixed_numbers),
        cmocka_unit_test(borders_of_varints),
        cmocka_unit_test(malformed_bytes),
        cmocka_unit_test(wrong_wires),
        cmocka_unit_test(writes),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(lack_of_memory_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
