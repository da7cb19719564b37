/* The sample models converted into a folder of the test's own. */
#ifndef ALF_TESTS_SUPPORT_SAMPLE_BUNDLE_H
#define ALF_TESTS_SUPPORT_SAMPLE_BUNDLE_H

#include "support/test.h"

#include "base/file.h"
#include "base/span.h"
#include "convert/bundle.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct sample_bundle {
    char root[64];    /* removed at the end */
    char folder[128]; /* the bundle, inside root */
} sample_bundle;

static inline void sample_bundle_make(sample_bundle *b)
{
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
    m.converter = SPAN_LITERAL("test");
    m.profile = SPAN_LITERAL("pipeline");
    m.labels = to.labels;
    must(bundle_save(&to, &m, b->folder, false, &err), &err);
    bundle_fini(&to);
    source_close(&from);
}

static inline void sample_bundle_remove(sample_bundle *b)
{
    file_remove_tree(b->root);
}

#endif
