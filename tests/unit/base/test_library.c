/* Opening libraries: what is there, what is not, and what has not the functions that are wanted. */
#include "support/test.h"

#include "base/library.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define MATHS(X) X(cbrt) X(hypot)

static struct {
    MATHS(LIBRARY_MEMBER)
} maths;
static const char *const maths_names[] = {MATHS(LIBRARY_NAME)};
static library libm = {"libm.so.6", maths_names, &maths, 2, false};

static void *open_maths(void *status)
{
    *(alf_status *)status = library_need(&libm, NULL);
    return NULL;
}

/* All at once, as workers would: each finds the functions there. */
static void test_opened_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    alf_status status[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_maths, &status[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(status[i], ALF_OK);
    }
    assert_int_equal(library_need(&libm, NULL), ALF_OK);
    assert_true(maths.cbrt(27) > 2.99 && maths.cbrt(27) < 3.01);
    assert_true(maths.hypot(3, 4) > 4.99 && maths.hypot(3, 4) < 5.01);
}

static void assert_fails(library *l, alf_status expected, const char *says)
{
    for (int again = 0; again < 2; again++) {
        alf_error err = {0};
        char text[512];
        assert_int_equal(library_need(l, &err), expected);
        assert_non_null(strstr(error_text(&err, text, sizeof text), says));
    }
}

static void test_not_there(void **state)
{
    (void)state;
    library none = {"libnone-of-this-name.so.7", maths_names, &maths, 2, false};
    assert_fails(&none, ALF_E_NOT_FOUND, "libnone-of-this-name.so.7");
}

static void test_other_library(void **state)
{
    (void)state;
    static const char *const wrong[] = {"cbrt", "no_function_of_this_name"};
    void (*functions[2])(void);
    library other = {"libm.so.6", wrong, functions, 2, false};
    assert_fails(&other, ALF_E_UNSUPPORTED, "no_function_of_this_name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opened_once),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_other_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
