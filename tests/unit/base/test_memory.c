/* Arena, buffer, hash map and failure injection. */
#include "support/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"

#include <stdio.h>
#include <string.h>

static void arena_is_zeroed_aligned_and_bounded(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 1 << 16);
    for (size_t i = 1; i < 200; i++) {
        unsigned char *p = arena_alloc(&a, i, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xAA, i);
    }
    assert_null(arena_alloc(&a, 1 << 16, 1));
    assert_true(arena_over_limit(&a, 1 << 16, 1));
    assert_null(arena_alloc(&a, SIZE_MAX / 2, 4));
    assert_true(a.used <= 1 << 16);
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    unsigned char *again = arena_alloc(&a, 4000, 1);
    assert_non_null(again);
    assert_int_equal(again[3999], 0);
    arena_fini(&a);
}

/* Pieces of any content, small or with a block of their own, between others that are zeroed. */
static void arena_pieces_of_any_content(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 1; i < 20; i++) {
            size_t size = i % 3 == 0 ? i * 2000 : i;
            unsigned char *any = arena_alloc_unset(&a, size, 1), *zero = arena_alloc(&a, i, 1);
            assert_non_null(any);
            assert_non_null(zero);
            assert_int_equal((uintptr_t)any % 16, 0);
            memset(any, 0xEE, size);
            for (size_t k = 0; k < i; k++)
                assert_int_equal(zero[k], 0);
            memset(zero, 0xEE, i);
        }
        arena_reset(&a);
    }
    assert_int_equal(a.used, 0);
    assert_null(arena_alloc_unset(&a, 1 << 20, 2));
    assert_null(arena_alloc_unset(&a, SIZE_MAX / 2, 4));
    assert_non_null(arena_alloc(&a, 1, 1));
    mem_fail_after(1);
    assert_null(arena_alloc_unset(&a, 1 << 19, 1));
    mem_fail_after(0);
    assert_non_null(arena_alloc_unset(&a, 1 << 19, 1));
    assert_null(arena_alloc_unset(&a, 1 << 19, 1)); /* over the limit */
    arena_fini(&a);
}

static void arena_copies_bytes_and_ends_them(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    const char *copy = arena_strndup(&a, "a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    arena_fini(&a);
}

static void buffer_grows_and_keeps_failure(void **state)
{
    (void)state;
    buf b;
    buf_init(&b);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_true(span_starts(buf_span(&b), SPAN_LITERAL("0,1,2,3,")));
    assert_int_equal(b.data[b.size - 1], ',');
    assert_int_equal(b.size, 10 * 2 + 90 * 3 + 900 * 4);
    assert_null(buf_reserve(&b, SIZE_MAX - 10));
    assert_true(b.failed);
    size_t size = b.size;
    buf_append_string(&b, "more");
    assert_int_equal(b.size, size);
    assert_int_equal(buf_status(&b, NULL), ALF_E_NOMEM);
    buf_clear(&b);
    assert_int_equal(buf_status(&b, NULL), ALF_OK);
    buf_fini(&b);
}

static void failed_allocations_are_survived(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        buf b;
        arena a;
        strmap map;
        buf_init(&b);
        arena_init(&a, 0);
        strmap_init(&map);
        mem_fail_after(n);
        buf_append_string(&b, "text");
        bool arena_ok = arena_alloc(&a, 10, 10) != NULL;
        bool map_ok = strmap_put(&map, SPAN_LITERAL("key"), 1, NULL);
        mem_fail_after(0);
        done = !b.failed && arena_ok && map_ok;
        buf_fini(&b);
        arena_fini(&a);
        strmap_fini(&map);
        assert_true(n < 100);
    }
}

static void map_finds_what_was_put(void **state)
{
    (void)state;
    static char keys[5000][16];
    strmap map;
    bool added;
    uint32_t found;
    strmap_init(&map);
    assert_false(strmap_get(&map, SPAN_LITERAL("k"), &found));
    for (uint32_t i = 0; i < 5000; i++) {
        int n = snprintf(keys[i], sizeof keys[i], "key-%u", i);
        assert_true(strmap_put(&map, span_of(keys[i], (size_t)n), i, &added));
        assert_true(added);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(strmap_get(&map, span_from_string(keys[i]), &found));
        assert_int_equal(found, i);
    }
    assert_true(strmap_put(&map, SPAN_LITERAL("key-7"), 99, &added));
    assert_false(added);
    assert_true(strmap_get(&map, SPAN_LITERAL("key-7"), &found));
    assert_int_equal(found, 7);
    assert_false(strmap_get(&map, SPAN_LITERAL("key"), &found));
    assert_true(strmap_put(&map, (alf_span){NULL, 0}, 3, &added));
    assert_true(strmap_get(&map, SPAN_LITERAL(""), &found));
    assert_int_equal(found, 3);
    strmap_fini(&map);
}

static void hash_depends_on_every_byte_and_the_length(void **state)
{
    (void)state;
    char text[64] = {0};
    uint64_t plain = hash_bytes(text, sizeof text, 1);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = 1;
        assert_true(hash_bytes(text, sizeof text, 1) != plain);
        text[i] = 0;
        assert_true(hash_bytes(text, i, 1) != hash_bytes(text, i + 1, 1));
    }
    assert_true(hash_bytes(text, 8, 1) != hash_bytes(text, 8, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_is_zeroed_aligned_and_bounded),
        cmocka_unit_test(arena_pieces_of_any_content),
        cmocka_unit_test(arena_copies_bytes_and_ends_them),
        cmocka_unit_test(buffer_grows_and_keeps_failure),
        cmocka_unit_test(failed_allocations_are_survived),
        cmocka_unit_test(map_finds_what_was_put),
        cmocka_unit_test(hash_depends_on_every_byte_and_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
