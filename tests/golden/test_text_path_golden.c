/*
 * The compiled text path against the graphs it stands for, bit by bit: the sample models and, where
 * the reference data is, the v3 models; on the normalised logs of the parity proof and of the
 * reference, and on texts by chance made of their words.
 */
#include "convert/bundle.h"
#include "logs/normalise.h"
#include "support/golden.h"
#include "support/text_dice.h"
#include "support/text_twin.h"

#include "base/file.h"

enum { MOST_TEXTS = 16384, CHANCE = 2000, MOST_WORDS = 4096 };

typedef struct text_pile {
    buf bytes;
    size_t ends[MOST_TEXTS];
    alf_span texts[MOST_TEXTS];
    size_t count;
} text_pile;

static void pile_end(text_pile *p)
{
    assert_true(p->count < MOST_TEXTS);
    p->ends[p->count++] = p->bytes.size;
}

static void add_parity_logs(text_pile *p)
{
    buf file, text;
    alf_error err = {0};
    buf_init(&file);
    buf_init(&text);
    must(file_read(ALF_TEST_SOURCE_DIR "/models/sample/parity.txt", (size_t)1 << 24, &file, &err),
         &err);
    for (size_t at = 0; at < file.size;) {
        const char *end = memchr(file.data + at, '\n', file.size - at);
        size_t size = end != NULL ? (size_t)(end - file.data) - at : file.size - at;
        must(log_normalise(LOG_PROFILE_PIPELINE, span_of(file.data + at, size), &text, &err), &err);
        buf_append_span(&p->bytes, buf_span(&text));
        pile_end(p);
        at += size + 1;
    }
    buf_fini(&file);
    buf_fini(&text);
}

static void add_reference_logs(text_pile *p)
{
    static golden g;
    golden_log log;
    if (!golden_open(&g))
        return;
    while (golden_next(&g, &log)) {
        buf_append_span(&p->bytes, log.normalized);
        pile_end(p);
    }
    golden_close(&g);
}

/* Texts out of the words of those that are there. */
static void add_chance_texts(text_pile *p)
{
    static alf_span words[MOST_WORDS];
    size_t count = 0, step = p->count / MOST_WORDS + 1;
    text_dice dice = {5};
    buf before; /* the pile's bytes move */
    buf_init(&before);
    buf_append_span(&before, buf_span(&p->bytes));
    for (size_t i = 0, begin = 0; i < p->count; begin = p->ends[i++]) {
        const char *at = before.data + begin, *end = before.data + p->ends[i];
        for (size_t k = 0; at < end && i % step == 0 && count < MOST_WORDS && k < 12; k++) {
            const char *space = memchr(at, ' ', (size_t)(end - at));
            const char *stop = space != NULL ? space : end;
            if (k % 3 == i % 3)
                words[count++] = span_of(at, (size_t)(stop - at));
            at = stop + 1;
        }
    }
    for (size_t i = 0; i < CHANCE; i++) {
        dice_text(&dice, words, count, dice_roll(&dice, 60), &p->bytes);
        pile_end(p);
    }
    buf_fini(&before);
}

static int make_pile(void **state)
{
    static text_pile pile;
    buf_init(&pile.bytes);
    add_parity_logs(&pile);
    add_reference_logs(&pile);
    add_chance_texts(&pile);
    for (size_t i = 0, begin = 0; i < pile.count; begin = pile.ends[i++])
        pile.texts[i] = span_of(pile.bytes.data + begin, pile.ends[i] - begin);
    *state = &pile;
    return 0;
}

static int end_pile(void **state)
{
    buf_fini(&((text_pile *)*state)->bytes);
    return 0;
}

static void check_models(const char *folder, const text_pile *pile)
{
    source from;
    bundle to;
    text_twin twin;
    alf_error err = {0};
    bundle_init(&to);
    must(source_open(&from, folder, NULL, &err), &err);
    must(bundle_build(&to, &from, (bundle_parts){.text = true}, &err), &err);
    text_twin_open(&twin, buf_span(&to.files[BUNDLE_VECTORIZER]),
                   buf_span(&to.files[BUNDLE_CLASSIFIER]), !to.zero_is_value);
    text_twin_check(&twin, pile->texts, pile->count);
    text_twin_close(&twin);
    bundle_fini(&to);
    source_close(&from);
}

static void sample_models(void **state)
{
    check_models(ALF_TEST_SOURCE_DIR "/models/sample", *state);
}

static void reference_models(void **state)
{
    static golden g;
    if (!golden_open(&g))
        skip();
    golden_close(&g);
    check_models(GOLDEN_FOLDER "/models/v3", *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_models),
        cmocka_unit_test(reference_models),
    };
    return cmocka_run_group_tests(tests, make_pile, end_pile);
}
