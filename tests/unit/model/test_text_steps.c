/* Steps before a vectorizer's graph: names are read as they are written, words are padded as
 * scikit-learn's char_wb does. */
#include "support/test.h"

#include "base/mem.h"
#include "base/span.h"
#include "model/text_steps.h"

static void names_are_read_as_written(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        const text_steps from = {.lower = i % 2 == 1, .strip = i / 2 % 3, .pad_words = i >= 6};
        text_steps to;
        alf_error err = {0};
        buf text;
        buf_init(&text);
        text_steps_write(&from, &text);
        must(text_steps_parse(buf_span(&text), &to, &err), &err);
        assert_int_equal(to.lower, from.lower);
        assert_int_equal(to.strip, from.strip);
        assert_int_equal(to.pad_words, from.pad_words);
        assert_int_equal(text_steps_any(&to), i != 0);
        buf_fini(&text);
    }
}

static void other_names_are_refused(void **state)
{
    static const char *const wrong[] = {
        "upper",           "lower lower",
        "pad_words lower", "lower  pad_words",
        " lower",          "strip_accents_ascii strip_accents_unicode",
        "lower,pad_words"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        text_steps steps;
        if (text_steps_parse(span_from_string(wrong[i]), &steps, NULL) != ALF_E_UNSUPPORTED)
            fail_msg("\"%s\" was accepted", wrong[i]);
    }
}

static void the_steps_of_a_vectorizer(void **state)
{
    (void)state;
    text_vectorizer v = {.analyzer = TEXT_CHAR, .lowercase = true};
    text_steps s = text_steps_of(&v);
    assert_false(text_steps_any(&s)); /* the graph lowers */
    v.analyzer = TEXT_CHAR_WB;
    s = text_steps_of(&v);
    assert_true(s.lower && s.pad_words && s.strip == TEXT_STRIP_NONE);
    v = (text_vectorizer){.strip_accents = TEXT_STRIP_ASCII};
    s = text_steps_of(&v);
    assert_true(!s.lower && !s.pad_words && s.strip == TEXT_STRIP_ASCII);
}

static void steps_are_done_in_order(void **state)
{
    static const struct {
        text_steps steps;
        const char *in, *out;
    } cases[] = {
        {{.pad_words = true}, "", ""},
        {{.pad_words = true}, " \t\n", ""},
        {{.pad_words = true}, "a", " a "},
        {{.pad_words = true}, " ab\t\x1c c\xC2\xA0\xE2\x80\x83", " ab  c "},
        {{.pad_words = true}, "\xFFz", " \xEF\xBF\xBDz "},
        {{.lower = true, .strip = TEXT_STRIP_UNICODE}, "\xC3\x89T\xC3\xA9", "ete"},
        /* the capital that decomposing brings (U+210C) stays */
        {{.lower = true, .strip = TEXT_STRIP_ASCII}, "X\xE2\x84\x8C\xE6\x97\xA5", "xH"},
        /* so do the spaces of U+FDFA, which part words */
        {{.strip = TEXT_STRIP_ASCII, .pad_words = true}, "\xEF\xB7\xBA x", " x "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alf_error err = {0};
        buf out;
        buf_init(&out);
        must(text_steps_apply(&cases[i].steps, span_from_string(cases[i].in), &out, &err), &err);
        if (!span_is(buf_span(&out), cases[i].out))
            fail_msg("case %zu: \"%.*s\"", i, (int)out.size, out.data);
        buf_fini(&out);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    const text_steps steps = {true, TEXT_STRIP_UNICODE, true};
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        buf out;
        buf_init(&out);
        mem_fail_after(n);
        status = text_steps_apply(&steps, SPAN_LITERAL("A\xC3\x89 b"), &out, NULL);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_as_written), cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(the_steps_of_a_vectorizer), cmocka_unit_test(steps_are_done_in_order),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
