/* The memo: what it gives is what was put for that very key, whatever came before. */
#include "base/memo.h"

#include "base/mem.h"
#include "support/test.h"

#include <string.h>

enum { KEY_WORDS = 7, ANSWER_WORDS = 3, KEYS = 5000 };

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*state >> 33);
}

/* Key number i: its length and words differ from all others'. */
static uint32_t make_key(uint32_t i, uint32_t *words)
{
    for (uint32_t k = 0; k < KEY_WORDS; k++)
        words[k] = i * (k + 1);
    return 1 + i % KEY_WORDS;
}

static void check_answer(const uint32_t *found, uint32_t i)
{
    for (uint32_t k = 0; k < ANSWER_WORDS; k++)
        assert_int_equal(found[k], i ^ k);
}

static void answers_are_those_of_their_keys(void **state)
{
    (void)state;
    memo m;
    alf_error err;
    uint64_t seed = 1;
    size_t found_again = 0;
    assert_int_equal(
        memo_init(&m, sizeof(uint32_t[KEY_WORDS]), sizeof(uint32_t[ANSWER_WORDS]), 16 << 10, &err),
        ALF_OK);
    for (int round = 0; round < 20000; round++) {
        uint32_t words[KEY_WORDS], i = 1 + draw(&seed) % (round % 2 == 0 ? 50 : KEYS);
        uint32_t count = make_key(i, words);
        memo_key key = memo_key_of(words, count * sizeof *words);
        const uint32_t *found = memo_find(&m, &key);
        if (found != NULL) {
            check_answer(found, i);
            found_again++;
            continue;
        }
        uint32_t *to = memo_put(&m, &key);
        for (uint32_t k = 0; k < ANSWER_WORDS; k++)
            to[k] = i ^ k;
        check_answer(memo_find(&m, &key), i);
    }
    assert_true(found_again > 5000);
    memo_fini(&m);
}

static void equal_hashes_are_told_apart(void **state)
{
    (void)state;
    memo m;
    alf_error err;
    uint32_t words[MEMO_WAYS + 1][KEY_WORDS] = {{0}};
    assert_int_equal(memo_init(&m, sizeof words[0], sizeof(uint32_t), 0, &err),
                     ALF_OK); /* one set */
    for (uint32_t i = 0; i <= MEMO_WAYS; i++) {
        words[i][KEY_WORDS - 1] = i;
        memo_key key = {words[i], sizeof words[i], 1U << 31};
        assert_null(memo_find(&m, &key));
        *(uint32_t *)memo_put(&m, &key) = 100 + i;
    }
    for (uint32_t i = 0; i <= MEMO_WAYS; i++) { /* the first has made room for the last */
        const uint32_t *found = memo_find(&m, &(memo_key){words[i], sizeof words[i], 1U << 31});
        if (i == 0)
            assert_null(found);
        else
            assert_int_equal(*found, 100 + i);
    }
    /* a key that begins another one */
    assert_null(memo_find(&m, &(memo_key){words[1], sizeof words[1] - 1, 1U << 31}));
    memo_fini(&m);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    for (size_t n = 1; n < 3; n++) {
        memo m;
        alf_error err;
        mem_fail_after(n);
        alf_status status = memo_init(&m, KEY_WORDS, 1, 1 << 10, &err);
        mem_fail_after(0);
        assert_int_equal(status, ALF_E_NOMEM);
        memo_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_their_keys),
        cmocka_unit_test(equal_hashes_are_told_apart),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
