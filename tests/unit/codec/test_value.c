/* Accessors of values: one step only, every number format, every storage order. */
#include "codec/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static value text(const char *s)
{
    return (value){.kind = VALUE_STRING, .as.text = span_from_string(s)};
}

static value array_of(dtype_kind kind, uint32_t item_size, const void *data, uint64_t count)
{
    value v = {.kind = VALUE_ARRAY};
    v.as.array = (value_array){.type = {.kind = kind, .item_size = item_size},
                               .rank = 1,
                               .shape = {count},
                               .count = count,
                               .data = span_of(data, (size_t)count * item_size)};
    return v;
}

static void test_get(void **state)
{
    (void)state;
    value a = text("a");
    value b = text("b");
    value one = {.kind = VALUE_INT, .as.integer = 1};
    value two = {.kind = VALUE_INT, .as.integer = 2};
    value_pair pairs[] = {{&a, &one}, {&one, &two}, {&a, &two}};
    value dict = {.kind = VALUE_DICT, .as.dict = {.pairs = pairs, .count = 3}};
    assert_ptr_equal(value_get(&dict, "a"), &two); /* the last wins */
    assert_null(value_get(&dict, "b"));
    assert_null(value_get(&b, "a"));
    assert_null(value_get(NULL, "a"));
    value class_ = {
        .kind = VALUE_GLOBAL,
        .as.global = {SPAN_LITERAL("sklearn.preprocessing._data"), SPAN_LITERAL("StandardScaler")}};
    value object = {.kind = VALUE_OBJECT, .as.object = {.class_ = &class_, .state = &dict}};
    assert_ptr_equal(value_attribute(&object, "a"), &two);
    assert_null(value_attribute(&dict, "a"));
    assert_null(value_attribute(NULL, "a"));
    object.as.object.state = NULL;
    assert_null(value_attribute(&object, "a"));
    assert_true(value_is_a(&object, "sklearn.preprocessing", "StandardScaler"));
    assert_true(value_is_a(&object, "sklearn.preprocessing._data", "StandardScaler"));
    assert_true(value_is_a(&object, "sklearn", "StandardScaler"));
    assert_false(value_is_a(&object, "sklearn.pre", "StandardScaler"));
    assert_false(value_is_a(&object, "sklearn.preprocessing._data.x", "StandardScaler"));
    assert_false(value_is_a(&object, "sklearn.preprocessing", "Standard"));
    assert_false(value_is_a(&dict, "sklearn", "StandardScaler"));
    assert_false(value_is_a(NULL, "sklearn", "StandardScaler"));
}

static void test_describe(void **state)
{
    (void)state;
    char buffer[128];
    char tiny[4];
    value class_ = {
        .kind = VALUE_GLOBAL,
        .as.global = {SPAN_LITERAL("sklearn.ensemble._iforest"), SPAN_LITERAL("IsolationForest")}};
    value object = {.kind = VALUE_OBJECT, .as.object = {.class_ = &class_}};
    value dict = {.kind = VALUE_DICT};
    value floats = array_of(DTYPE_FLOAT, 8, "", 0);
    value records = array_of(DTYPE_RECORD, 8, "", 0);
    assert_string_equal(value_describe(&object, buffer, sizeof buffer),
                        "sklearn.ensemble._iforest.IsolationForest");
    assert_string_equal(value_describe(&dict, buffer, sizeof buffer), "dict");
    assert_string_equal(value_describe(&floats, buffer, sizeof buffer), "numpy.ndarray of float64");
    assert_string_equal(value_describe(&records, buffer, sizeof buffer),
                        "numpy.ndarray of records");
    assert_string_equal(value_describe(NULL, buffer, sizeof buffer), "nothing");
    assert_string_equal(value_describe(&dict, tiny, sizeof tiny), "dic");
}

static void test_numbers(void **state)
{
    (void)state;
    double real = 0;
    int64_t integer = 0;
    bool flag = false;
    value v = {.kind = VALUE_INT, .as.integer = -7};
    assert_true(value_to_double(&v, &real) && real == -7.0);
    assert_true(value_to_int64(&v, &integer) && integer == -7);
    assert_true(value_to_bool(&v, &flag) && flag);
    v = (value){.kind = VALUE_BOOL, .as.boolean = false};
    assert_true(value_to_double(&v, &real) && real == 0.0);
    assert_true(value_to_bool(&v, &flag) && !flag);
    v = (value){.kind = VALUE_FLOAT, .as.real = 3.0};
    assert_true(value_to_int64(&v, &integer) && integer == 3);
    static const double bad[] = {3.5, NAN, INFINITY, 0x1p63, -0x1p64};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        v.as.real = bad[i];
        assert_false(value_to_int64(&v, &integer));
        assert_true(value_to_double(&v, &real));
    }
    v.as.real = -0x1p63;
    assert_true(value_to_int64(&v, &integer) && integer == INT64_MIN);
    v = text("1");
    assert_false(value_to_double(&v, &real) || value_to_int64(&v, &integer));
    assert_false(value_to_bool(&v, &flag));
    assert_false(value_to_double(NULL, &real) || value_to_int64(NULL, &integer));
    static const double data[] = {2.5, 1.0};
    v = array_of(DTYPE_FLOAT, 8, data, 1);
    assert_true(value_to_double(&v, &real) && real == 2.5);
    assert_false(value_to_int64(&v, &integer));
    v = array_of(DTYPE_FLOAT, 8, data, 2);
    assert_false(value_to_double(&v, &real));
}

/* The bits of every 16-bit float, against the definition of IEEE 754. */
static void test_half_floats(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xFFFF; bits++) {
        unsigned char data[2] = {(unsigned char)(bits & 0xFF), (unsigned char)(bits >> 8)};
        value v = array_of(DTYPE_FLOAT, 2, data, 1);
        double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
        uint32_t exponent = bits >> 10 & 31;
        double fraction = (double)(bits & 1023) / 1024.0;
        double expected = exponent == 0 ? sign * fraction * pow(2, -14)
                                        : sign * (1 + fraction) * pow(2, (double)exponent - 15);
        double found;
        assert_true(value_array_double(&v.as.array, 0, &found));
        if (exponent == 31)
            assert_true(fraction == 0 ? found == sign * INFINITY : found != found);
        else
            assert_true(found == expected && signbit(found) == signbit(expected));
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0x80, 1, 2, 3, 4, 5, 6, 0xFF};
    static const struct {
        dtype_kind kind;
        uint32_t size;
        bool big_endian;
        int64_t expected;
    } cases[] = {
        {DTYPE_INT, 1, false, -128},
        {DTYPE_UINT, 1, false, 128},
        {DTYPE_INT, 2, false, 0x0180},
        {DTYPE_INT, 2, true, -0x7FFF},
        {DTYPE_UINT, 2, true, 0x8001},
        {DTYPE_INT, 4, false, 0x03020180},
        {DTYPE_UINT, 4, true, 0x80010203},
        {DTYPE_INT, 4, true, -0x7FFEFDFD},
        {DTYPE_INT, 8, false, -0x00F9FAFBFCFDFE80},
        {DTYPE_BOOL, 1, false, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        value v = array_of(cases[i].kind, cases[i].size, bytes, 1);
        v.as.array.type.big_endian = cases[i].big_endian;
        int64_t integer;
        double real;
        assert_true(value_array_int64(&v.as.array, 0, &integer));
        assert_int_equal(integer, cases[i].expected);
        assert_true(value_array_double(&v.as.array, 0, &real));
        assert_true(real == (double)cases[i].expected);
        assert_false(value_array_int64(&v.as.array, 1, &integer));
    }
    value v = array_of(DTYPE_UINT, 8, bytes, 1);
    int64_t integer;
    double real;
    assert_false(value_array_int64(&v.as.array, 0, &integer)); /* beyond int64 */
    assert_true(value_array_double(&v.as.array, 0, &real) && real > 0x1p63);
}

static void test_fortran_order(void **state)
{
    (void)state;
    unsigned char data[24];
    for (unsigned i = 0; i < 24; i++)
        data[i] = (unsigned char)i;
    value v = array_of(DTYPE_UINT, 1, data, 24);
    value_array *a = &v.as.array;
    a->rank = 3;
    a->shape[0] = 2;
    a->shape[1] = 3;
    a->shape[2] = 4;
    a->fortran_order = true;
    uint64_t at = 0;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < 3; j++)
            for (unsigned k = 0; k < 4; k++) {
                int64_t item;
                assert_true(value_array_int64(a, at++, &item));
                assert_int_equal(item, i + 2 * j + 6 * k);
            }
    assert_int_equal(value_length(&v), 2);
}

static void test_records(void **state)
{
    (void)state;
    /* two records of (u1 at 0, big-endian i2 at 1) */
    static const unsigned char data[] = {7, 0x01, 0x02, 8, 0xFF, 0xFE};
    dtype_field fields[] = {
        {SPAN_LITERAL("small"), {.kind = DTYPE_UINT, .item_size = 1}, 0},
        {SPAN_LITERAL("wide"), {.kind = DTYPE_INT, .item_size = 2, .big_endian = true}, 1}};
    value v = array_of(DTYPE_RECORD, 3, data, 2);
    value_array *a = &v.as.array;
    a->type.fields = fields;
    a->type.field_count = 2;
    int64_t item;
    double real;
    const dtype_field *wide = value_array_field(a, "wide");
    assert_ptr_equal(wide, &fields[1]);
    assert_null(value_array_field(a, "absent"));
    assert_true(value_record_int64(a, wide, 0, &item) && item == 0x0102);
    assert_true(value_record_double(a, wide, 1, &real) && real == -2.0);
    assert_true(value_record_int64(a, &fields[0], 1, &item) && item == 8);
    assert_false(value_record_int64(a, wide, 2, &item));
    assert_false(value_array_int64(a, 0, &item)); /* not a number as a whole */
}

static void check_text(const value *v, uint64_t i, const char *expected)
{
    arena memory;
    alf_span found;
    alf_error err = {0};
    arena_init(&memory, 0);
    alf_status status = value_array_string(&v->as.array, i, &memory, &found, &err);
    if (expected == NULL)
        assert_int_equal(status, ALF_E_FORMAT);
    else {
        assert_int_equal(status, ALF_OK);
        assert_true(span_is(found, expected));
    }
    arena_fini(&memory);
}

static void test_strings(void **state)
{
    (void)state;
    static const unsigned char utf32[] = {'a', 0, 0, 0, 0xAC, 0x20, 0, 0, 0, 0xF6, 1, 0,
                                          0,   0, 0, 0, 0,    0,    0, 0, 0, 0xD8, 0, 0};
    value v = array_of(DTYPE_STRING, 12, utf32, 2);
    check_text(&v, 0, "a\xe2\x82\xac\xf0\x9f\x98\x80");
    check_text(&v, 1, NULL); /* a surrogate */
    static const unsigned char big[] = {0, 0, 0, 'x', 0, 0, 0, 0};
    v = array_of(DTYPE_STRING, 8, big, 1);
    v.as.array.type.big_endian = true;
    check_text(&v, 0, "x");
    v = array_of(DTYPE_BYTES, 3, "ab\0\0\0\0\xff  ", 3);
    check_text(&v, 0, "ab");
    check_text(&v, 1, "");
    check_text(&v, 2, NULL); /* not UTF-8 */
    value word = text("critical");
    value number = {.kind = VALUE_INT};
    value *items[] = {&word, &number};
    v = array_of(DTYPE_OBJECT, 8, NULL, 2);
    v.as.array.items = items;
    check_text(&v, 0, "critical");
    check_text(&v, 1, NULL);
    assert_ptr_equal(value_item(&v, 1), &number);
    assert_null(value_item(&v, 2));
    v = array_of(DTYPE_UINT, 1, "a", 1);
    check_text(&v, 0, NULL);
    arena memory;
    alf_span found;
    arena_init(&memory, 16);
    v = array_of(DTYPE_STRING, 12, utf32, 1);
    assert_int_equal(value_array_string(&v.as.array, 5, &memory, &found, NULL), ALF_E_ARGUMENT);
    v = array_of(DTYPE_BYTES, 20, "01234567890123456789", 1);
    assert_int_equal(value_array_string(&v.as.array, 0, &memory, &found, NULL), ALF_E_LIMIT);
    arena_fini(&memory);
}

static void test_containers(void **state)
{
    (void)state;
    value one = {.kind = VALUE_INT, .as.integer = 1};
    value *items[] = {&one};
    value list = {.kind = VALUE_LIST, .as.list = {.items = items, .count = 1}};
    assert_int_equal(value_length(&list), 1);
    assert_ptr_equal(value_item(&list, 0), &one);
    assert_null(value_item(&list, 1));
    list.kind = VALUE_SET;
    assert_int_equal(value_length(&list), 1);
    assert_null(value_item(&list, 0));
    assert_null(value_item(&one, 0));
    assert_null(value_item(NULL, 0));
    assert_int_equal(value_length(&one), 0);
    assert_int_equal(value_length(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_half_floats),
        cmocka_unit_test(test_integers),   cmocka_unit_test(test_fortran_order),
        cmocka_unit_test(test_records),    cmocka_unit_test(test_strings),
        cmocka_unit_test(test_containers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
