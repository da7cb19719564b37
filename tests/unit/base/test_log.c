/* Messages: what is on standard error is what was said, on one line, and valid JSON. */
#include "support/test.h"

#include "base/error.h"
#include "base/log.h"
#include "base/span.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char written[1 << 16];

/* Runs say with standard error going to `written`. */
static void capture(void (*say)(void))
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    say();
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    rewind(file);
    size_t size = fread(written, 1, sizeof written - 1, file);
    written[size] = '\0';
    (void)fclose(file);
}

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *p = written; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void say_all(void)
{
    log_message m;
    alf_error err = {0};
    error_set(&err, ALF_E_IO, "it broke");
    log_start(&m, LOG_LEVEL_WARNING, "some \"thing\"");
    log_string(&m, "text", "a\nb\x01\\ \xC3\xA9 \xFF \xC2\x85");
    log_integer(&m, "whole", -5);
    log_number(&m, "number", 0.25);
    log_number(&m, "none", (double)NAN);
    log_error(&m, &err);
    log_send(&m);
}

static void json_and_text(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_INFO, true);
    capture(say_all);
    assert_non_null(strstr(
        written, ",\"level\":\"warning\",\"message\":\"some \\\"thing\\\"\","
                 "\"text\":\"a\\u000ab\\u0001\\\\ \xC3\xA9 \xEF\xBF\xBD "
                 "\\u0085\",\"whole\":-5,\"number\":0.25,\"none\":null,\"error\":\"it broke\"}"
                 "\n"));
    assert_int_equal(strncmp(written, "{\"time\":\"2", 10), 0);
    assert_int_equal(count("\n"), 1);
    log_configure(LOG_LEVEL_INFO, false);
    capture(say_all);
    assert_non_null(strstr(written, " warning some \"thing\" text=\"a\\u000ab"));
    assert_int_equal(count("\n"), 1);
}

static void say_much(void)
{
    log_message m;
    static char large[5000];
    memset(large, '"', sizeof large);
    log_start(&m, LOG_LEVEL_ERROR, "large");
    for (int i = 0; i < 100; i++)
        log_text(&m, "key", span_of(large, sizeof large));
    log_send(&m);
}

static void what_does_not_fit_is_cut(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_INFO, true);
    capture(say_much);
    size_t size = strlen(written);
    assert_true(size > 1900 && size <= 2048);
    assert_string_equal(written + size - 3, "\"}\n");
    assert_int_equal(count("\\\"") * 2 + count("\\") % 2, count("\\") * 2); /* no half escape */
}

static void say_levels(void)
{
    log_message m;
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
        log_start(&m, (log_level)level, "x");
        log_string(&m, "k", "v");
        log_send(&m);
    }
}

static void levels(void **state)
{
    (void)state;
    log_level level;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(log_level_from_name(names[i], &level));
        log_configure(level, false);
        capture(say_levels);
        assert_int_equal(count("\n"), 4 - i);
    }
    assert_false(log_level_from_name("loud", &level));
}

static void say_often(void)
{
    static log_limit limit;
    log_message m;
    for (int i = 0; i < 1000; i++) {
        log_start_limited(&m, &limit, LOG_LEVEL_ERROR, "again");
        log_integer(&m, "i", i);
        log_send(&m);
    }
    /* As if the window were over. */
    atomic_store(&limit.window, 1);
    log_start_limited(&m, &limit, LOG_LEVEL_ERROR, "again");
    log_send(&m);
}

static void repeats_are_few(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_INFO, false);
    capture(say_often);
    assert_int_equal(count("again"), LOG_BURST + 1);
    assert_non_null(strstr(written, "left_out_before=995"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(json_and_text),
                                       cmocka_unit_test(what_does_not_fit_is_cut),
                                       cmocka_unit_test(levels), cmocka_unit_test(repeats_are_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
