/* labels.json in its three forms, and what is refused. */
#include "base/mem.h"
#include "base/span.h"
#include "model/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void reads(const char *json, uint32_t count, const char *last)
{
    arena memory;
    class_labels labels;
    alf_error err = {0};
    arena_init(&memory, 1 << 16);
    assert_int_equal(labels_parse(span_from_string(json), &memory, &labels, &err), ALF_OK);
    assert_int_equal(labels.count, count);
    assert_true(span_is(labels.names[count - 1], last));
    arena_fini(&memory);
}

static void refuses(const char *json, const char *words)
{
    arena memory;
    class_labels labels;
    alf_error err = {0};
    arena_init(&memory, 1 << 16);
    assert_int_equal(labels_parse(span_from_string(json), &memory, &labels, &err), ALF_E_FORMAT);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    arena_fini(&memory);
}

static void test_forms(void **state)
{
    (void)state;
    reads("[\"a\", \"b\"]", 2, "b");
    reads("{\"classes\": [\"a\", \"b\", \"\\u00e9\"]}", 3, "\xc3\xa9");
    reads("{\"1\": \"b\", \"0\": \"a\"}", 2, "b");
    refuses("", "not JSON");
    refuses("[\"a\"", "not JSON, line 1");
    refuses("[]", "0 class labels");
    refuses("{}", "0 class labels");
    refuses("{\"classes\": {}}", "0 class labels");
    refuses("[\"a\", 2]", "class label 1 is missing");
    refuses("{\"0\": \"a\", \"2\": \"b\"}", "class label 1 is missing");
}

static void test_no_memory(void **state)
{
    (void)state;
    arena memory;
    class_labels labels;
    arena_init(&memory, 1 << 16);
    mem_fail_after(1);
    assert_int_equal(labels_parse(SPAN_LITERAL("[\"a\"]"), &memory, &labels, NULL), ALF_E_NOMEM);
    mem_fail_after(0);
    arena_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
