/* The sample models converted and proved into a folder of the test's own. */
#ifndef ALF_TESTS_SUPPORT_SAMPLE_BUNDLE_H
#define ALF_TESTS_SUPPORT_SAMPLE_BUNDLE_H

#include "support/test.h"

#include "base/embedded.h"
#include "base/file.h"
#include "base/span.h"
#include "convert/parity.h"
#include "logs/corpus.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct sample_bundle {
    char root[64];    /* removed at the end */
    char folder[128]; /* the bundle, inside root */
} sample_bundle;

/* Proves the bundle and notes that in its manifest, which borrows from proof and hex. */
static inline void sample_bundle_prove(const source *from, const bundle *to, parity_result *proof,
                                       char hex[65], manifest *m)
{
    corpus logs;
    alf_error err = {0};
    corpus_init(&logs);
    must(corpus_add(&logs, embedded_parity, LOG_INPUT_TEXT, LOG_PROFILE_PIPELINE, 0, &err), &err);
    must(corpus_sha256(&logs, hex, &err), &err);
    answer_logs seen = {logs.count, logs.texts, logs.features, logs.count};
    must(parity_check(from, to, &seen, 1, proof, &err), &err);
    corpus_fini(&logs);
    assert_true(parity_holds(proof));
    m->proof = proof->proof;
    m->proof.all.texts_sha256 = span_of(hex, 64);
}

static inline void sample_bundle_make(sample_bundle *b)
{
    parity_result proof;
    char hex[65];
    source from;
    bundle to;
    manifest m;
    alf_error err = {0};
    (void)snprintf(b->root, sizeof b->root, "/tmp/alf-bundle-XXXXXX");
    assert_non_null(mkdtemp(b->root));
    must(file_join(b->folder, sizeof b->folder, b->root, "bundle", &err), &err);
    bundle_init(&to);
    manifest_init(&m);
    must(source_open(&from, ALF_TEST_SOURCE_DIR "/models/sample", NULL, &err), &err);
    must(bundle_build(&to, &from, (bundle_parts){.anomaly = true, .text = true}, &err), &err);
    m.converter = SPAN_LITERAL("ai-log-filter " ALF_VERSION);
    m.profile = SPAN_LITERAL("pipeline");
    m.labels = to.labels;
    sample_bundle_prove(&from, &to, &proof, hex, &m);
    must(bundle_save(&to, &m, NULL, b->folder, false, &err), &err);
    bundle_fini(&to);
    source_close(&from);
}

static inline void sample_bundle_remove(sample_bundle *b)
{
    file_remove_tree(b->root);
}

#endif
