/* fuzz: convert
 *
 * The compiled text path against the graphs it stands for. The first byte picks a vectorizer and a
 * classifier, the second says how many bytes of their files are changed, by three bytes each; the
 * rest is texts, parted by newlines. Where the graphs run, both answer the same.
 */
#include "support/text_chance.h"
#include "support/text_pair.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct model_files {
    buf files[2];
    text_chain compiled, graphs;
} model_files;

static void load(text_chain *c, const model_files *m)
{
    engine *v, *x;
    chance_must(engine_load(buf_span(&m->files[0]), 0, &v, NULL) == ALF_OK);
    chance_must(engine_load(buf_span(&m->files[1]), 0, &x, NULL) == ALF_OK);
    chance_must(text_chain_init(c, v, x, true, NULL) == ALF_OK && c->path != NULL);
}

static void make(model_files *m, int kind)
{
    text_dice dice = {(uint64_t)kind + 1};
    const text_vectorizer v = own_variant(kind);
    arena memory;
    text_classifier c;
    arena_init(&memory, 0);
    chance_classifier(&dice, &memory, kind, v.term_count, &c);
    make_vectorizer(&v, c.kind == CLASSIFIER_LINEAR, &m->files[0]);
    make_classifier(&c, &m->files[1]);
    arena_fini(&memory);
    load(&m->compiled, m);
    load(&m->graphs, m);
    text_chain_interpret(&m->graphs);
}

/* As they are written: loaded once. */
static void check_whole(const model_files *m, const alf_span *texts, size_t n)
{
    static pair_answers fast, slow;
    chance_must(pair_run(&m->compiled, texts, n, &fast) == ALF_OK);
    chance_must(pair_run(&m->graphs, texts, n, &slow) == ALF_OK);
    size_t numbers = n * m->graphs.class_count;
    if (memcmp(fast.labels, slow.labels, n * sizeof *fast.labels) != 0 ||
        memcmp(fast.terms, slow.terms, n * sizeof *fast.terms) != 0 ||
        memcmp(fast.probabilities, slow.probabilities, numbers * sizeof *fast.probabilities) != 0)
        abort();
}

static void check_changed(model_files *m, const uint8_t *changes, size_t count,
                          const alf_span *texts, size_t n)
{
    buf files[2];
    for (size_t i = 0; i < 2; i++) {
        buf_init(&files[i]);
        buf_append_span(&files[i], buf_span(&m->files[i]));
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *c = changes + 3 * i;
        buf *file = &files[c[0] >> 7];
        size_t at = ((size_t)(c[0] & 127) << 8 | c[1]) % file->size;
        file->data[at] = (char)(file->data[at] ^ (char)c[2]);
    }
    if (pair_check(buf_span(&files[0]), buf_span(&files[1]), count % 2 == 0, texts, n) ==
        PAIR_DIFFERS)
        abort();
    buf_fini(&files[0]);
    buf_fini(&files[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static model_files models[KINDS];
    alf_span texts[PAIR_TEXTS];
    size_t n = 0;
    if (size < 2)
        return 0;
    model_files *m = &models[data[0] % KINDS];
    if (m->compiled.vectorizer == NULL)
        make(m, data[0] % KINDS);
    size_t changes = data[1] % 8, at = 2 + 3 * changes;
    if (at > size)
        return 0;
    while (at < size && n < PAIR_TEXTS) {
        const char *from = (const char *)data + at;
        const char *end = memchr(from, '\n', size - at);
        texts[n] = span_of(from, end != NULL ? (size_t)(end - from) : size - at);
        at += texts[n++].size + 1;
    }
    if (changes == 0)
        check_whole(m, texts, n);
    else
        check_changed(m, data + 2, changes, texts, n);
    return 0;
}
