/* Bearer tokens. */
#include "support/test.h"

#include "base/span.h"
#include "serve/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ONE "0123456789abcdef"
#define TWO "fedcba9876543210-._~+/="

static void several_are_valid(void **state)
{
    (void)state;
    auth_tokens t = {.count = 0};
    alf_error err = {0};
    must(auth_add(&t, SPAN_LITERAL("# old\n" ONE "\r\n\n  # new\n\t" TWO " # this\n"), "f", &err),
         &err);
    assert_int_equal(t.count, 2);
    assert_true(auth_accepts(&t, SPAN_LITERAL("Bearer " ONE)));
    assert_true(auth_accepts(&t, SPAN_LITERAL("bEARER " TWO)));
    static const char *const wrong[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        ONE,
                                        "Basic " ONE,
                                        "Bearer  " ONE,
                                        "Bearer " ONE " ",
                                        "Bearer 0123456789abcdeF",
                                        "Bearer 0123456789abcde",
                                        "Bearer " ONE TWO,
                                        "Bearer " ONE "," TWO};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(auth_accepts(&t, span_from_string(wrong[i])));
}

static void none_accepts_nothing(void **state)
{
    (void)state;
    const auth_tokens none = {.count = 0};
    assert_false(auth_accepts(&none, SPAN_LITERAL("Bearer " ONE)));
}

static void what_is_no_token(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",         "\n# only this\n", "short",
                                        ONE "\x7f", ONE "\"",          "pässword-pässword"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        auth_tokens t = {.count = 0};
        alf_error err = {0};
        assert_int_equal(auth_add(&t, span_from_string(wrong[i]), "the file", &err), ALF_E_CONFIG);
        assert_string_equal(err.file, "the file");
        assert_null(strstr(err.message, ONE));
        assert_null(strstr(err.message, "short"));
    }
}

static void not_too_many(void **state)
{
    (void)state;
    auth_tokens t = {.count = 0};
    alf_error err = {0};
    for (int i = 0; i < AUTH_MAX_TOKENS; i++)
        must(auth_add(&t, SPAN_LITERAL(ONE), "f", &err), &err);
    assert_int_equal(auth_add(&t, SPAN_LITERAL(ONE), "f", &err), ALF_E_CONFIG);
    char longest[AUTH_LONGEST_TOKEN + 2];
    memset(longest, 'a', sizeof longest);
    t.count = 0;
    must(auth_add(&t, span_of(longest, AUTH_LONGEST_TOKEN), "f", &err), &err);
    assert_int_equal(auth_add(&t, span_of(longest, AUTH_LONGEST_TOKEN + 1), "f", &err),
                     ALF_E_CONFIG);
}

static void from_file_and_environment(void **state)
{
    (void)state;
    auth_tokens t;
    alf_error err = {0};
    char path[] = "/tmp/alf-tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, ONE, 16), 16);
    (void)close(fd);
    (void)setenv("ALF_TEST_TOKENS", TWO, 1);
    must(auth_load(&t, path, "ALF_TEST_TOKENS", &err), &err);
    assert_int_equal(t.count, 2);
    assert_true(auth_accepts(&t, SPAN_LITERAL("Bearer " TWO)));
    (void)unsetenv("ALF_TEST_TOKENS");
    must(auth_load(&t, "", "ALF_TEST_TOKENS", &err), &err);
    assert_int_equal(t.count, 0);
    (void)unlink(path);
    assert_int_equal(auth_load(&t, path, "ALF_TEST_TOKENS", &err), ALF_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_are_valid), cmocka_unit_test(none_accepts_nothing),
        cmocka_unit_test(what_is_no_token), cmocka_unit_test(not_too_many),
        cmocka_unit_test(from_file_and_environment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
