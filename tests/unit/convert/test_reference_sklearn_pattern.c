/*
 * Token patterns find what Python's re.findall finds (fixtures/python_re.json, written by
 * scripts/fixtures/make_python_re_fixtures.py), or are refused; never anything else.
 */
#include "convert/reference_sklearn_pattern.h"

#include "base/mem.h"
#include "base/span.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct collected {
    json_t *want;
    size_t count;
    bool equal;
} collected;

static alf_status compare(void *context, alf_span match, alf_error *err)
{
    (void)err;
    collected *c = context;
    json_t *want = json_array_get(c->want, c->count++);
    c->equal = c->equal && want != NULL &&
               span_equal(match, span_of(json_string_value(want), json_string_length(want)));
    return ALF_OK;
}

/* What Python can do and we refuse on purpose. */
static bool may_refuse(const char *pattern)
{
    static const char *const refused[] = {"(?#", "(?x)"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strstr(pattern, refused[i]) != NULL)
            return true;
    return false;
}

static bool check_item(json_t *item)
{
    const char *pattern = json_string_value(json_array_get(item, 0));
    json_t *text = json_array_get(item, 1);
    json_t *want = json_array_get(item, 2);
    python_pattern *p;
    alf_error err = {0};
    alf_status status = python_pattern_new(span_from_string(pattern), &p, &err);
    if (status != ALF_OK) {
        if (status == ALF_E_UNSUPPORTED && (json_is_null(want) || may_refuse(pattern)))
            return true;
        print_error("%s: %s\n", pattern, err.message);
        return false;
    }
    collected c = {.want = want, .equal = true};
    alf_span span = {json_string_value(text), json_string_length(text)};
    status = python_pattern_findall(p, span, compare, &c, &err);
    python_pattern_free(p);
    if (!json_is_null(want) && status == ALF_OK && c.equal && c.count == json_array_size(want))
        return true;
    print_error("%s on '%s': %zu items, %s\n", pattern, span.data, c.count,
                json_is_null(want) ? "Python refuses it" : "Python finds others");
    return false;
}

static void test_findall(void **state)
{
    (void)state;
    json_t *root = json_load_file(ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/python_re.json",
                                  JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    size_t wrong = 0;
    size_t i;
    json_t *item;
    json_array_foreach(root, i, item) wrong += !check_item(item);
    assert_true(json_array_size(root) > 1000);
    json_decref(root);
    assert_int_equal(wrong, 0);
}

static alf_status ignore(void *context, alf_span match, alf_error *err)
{
    (void)context;
    (void)match;
    (void)err;
    return ALF_OK;
}

static void test_limits(void **state)
{
    (void)state;
    python_pattern *p;
    assert_int_equal(python_pattern_new(span_of(NULL, 0), &p, NULL), ALF_E_UNSUPPORTED);
    assert_int_equal(python_pattern_new(SPAN_LITERAL("a\xFF"), &p, NULL), ALF_E_UNSUPPORTED);
    /* Exponential backtracking ends with an error. */
    assert_int_equal(python_pattern_new(SPAN_LITERAL("(?:a+)+(?:b|d)"), &p, NULL), ALF_OK);
    char text[64];
    memset(text, 'a', sizeof text);
    text[63] = 'c';
    alf_error err = {0};
    assert_int_equal(python_pattern_findall(p, span_of(text, sizeof text), ignore, NULL, &err),
                     ALF_E_LIMIT);
    python_pattern_free(p);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status == ALF_E_NOMEM && n < 1000; n++) {
        python_pattern *p;
        mem_fail_after(n);
        status = python_pattern_new(SPAN_LITERAL("\\b[^\\W\\d]\\w+"), &p, NULL);
        if (status == ALF_OK)
            status = python_pattern_findall(p, SPAN_LITERAL("ab cd"), ignore, NULL, NULL);
        mem_fail_after(0);
        python_pattern_free(p);
    }
    assert_int_equal(status, ALF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findall),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
