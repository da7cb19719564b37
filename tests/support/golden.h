/*
 * The true answers of the v3 models, log by log, where the reference data is there.
 *
 *     golden g;
 *     if (!golden_open(&g))
 *         return GOLDEN_SKIP; (has printed why)
 *     for (golden_log log; golden_next(&g, &log);)
 *         ...
 *     golden_close(&g);
 *
 * A test that includes this must link alf_codec or a folder below it. Malformed data fails the
 * test.
 */
#ifndef ALF_TESTS_SUPPORT_GOLDEN_H
#define ALF_TESTS_SUPPORT_GOLDEN_H

#include "base/span.h"
#include "codec/json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GOLDEN_FOLDER ALF_TEST_SOURCE_DIR "/../shared/reference"

enum { GOLDEN_SKIP = 77, GOLDEN_FILES = 7, GOLDEN_LOGS = 12361, GOLDEN_LINE = 1 << 16 };

typedef struct golden_log {
    const char *file;    /* "Apache", ..., "train" */
    size_t index;        /* within the file */
    alf_span message;    /* these two are valid until the next golden_next */
    alf_span normalized; /* profile pipeline */
    double features[8];
    size_t tfidf_nonzero;
    float probabilities[ALF_CATEGORIES]; /* tfidf_xgboost, by alf_category */
    alf_category label;
    double anomaly_score;
    double anomaly_decision;
    int anomaly_label; /* 1 or -1 */
} golden_log;

typedef struct golden {
    gzFile file;
    int next_file;
    size_t index;
    char line[GOLDEN_LINE];
    char message[GOLDEN_LINE];
    char normalized[GOLDEN_LINE];
} golden;

static const char *const golden_files[GOLDEN_FILES] = {"Apache",  "HDFS",  "Hadoop", "Linux",
                                                       "OpenSSH", "Spark", "train"};

static inline _Noreturn void golden_fail(const char *what)
{
    (void)fprintf(stderr, "the golden data is not as expected: %s\n", what);
    abort();
}

static inline bool golden_open_next(golden *g)
{
    char path[512];
    if (g->file != NULL)
        gzclose(g->file);
    g->file = NULL;
    g->index = 0;
    if (g->next_file == GOLDEN_FILES)
        return false;
    (void)snprintf(path, sizeof path, "%s/golden/v3/%s.ndjson.gz", GOLDEN_FOLDER,
                   golden_files[g->next_file++]);
    g->file = gzopen(path, "rb");
    return g->file != NULL;
}

/* false: the reference data is absent, and a line says so. g is large: make it static. */
static inline bool golden_open(golden *g)
{
    g->file = NULL;
    g->next_file = 0;
    if (golden_open_next(g))
        return true;
    (void)printf("skipped: no reference data in %s\n", GOLDEN_FOLDER);
    return false;
}

static inline void golden_close(golden *g)
{
    if (g->file != NULL)
        gzclose(g->file);
    g->file = NULL;
}

/* The number at the start of text; *text moves behind it and the comma after it. */
static inline double golden_number(alf_span *text)
{
    char digits[64] = {0};
    size_t size = 0;
    while (size < text->size && memchr("+-.0123456789eE", text->data[size], 15) != NULL)
        size++;
    if (size == 0 || size >= sizeof digits)
        golden_fail("a number was expected");
    memcpy(digits, text->data, size);
    while (size < text->size && memchr(", ", text->data[size], 2) != NULL)
        size++;
    *text = span_of(text->data + size, text->size - size);
    return strtod(digits, NULL);
}

static inline alf_category golden_category(alf_span name)
{
    for (int c = 0; c < ALF_CATEGORIES; c++) {
        if (span_is(name, alf_category_name((alf_category)c)))
            return (alf_category)c;
    }
    golden_fail("an unknown category");
}

static inline void golden_member(golden *g, const json_member *m, golden_log *out)
{
    alf_span text = m->value;
    if (span_is(m->key, "message"))
        out->message = span_of(g->message, json_scan_unescape(text, g->message));
    else if (span_is(m->key, "normalized"))
        out->normalized = span_of(g->normalized, json_scan_unescape(text, g->normalized));
    else if (span_is(m->key, "features")) {
        text = span_of(text.data + 1, text.size - 1);
        for (int i = 0; i < 8; i++)
            out->features[i] = golden_number(&text);
    } else if (span_is(m->key, "tfidf_nonzero"))
        out->tfidf_nonzero = (size_t)golden_number(&text);
    else if (span_is(m->key, "tfidf_xgboost_label"))
        out->label = golden_category(text);
    else if (span_is(m->key, "tfidf_xgboost")) {
        json_member inner;
        for (size_t at = 0; json_scan_next(m->value, &at, &inner);)
            out->probabilities[golden_category(inner.key)] = (float)golden_number(&inner.value);
    } else if (span_is(m->key, "anomaly_score"))
        out->anomaly_score = golden_number(&text);
    else if (span_is(m->key, "anomaly_decision"))
        out->anomaly_decision = golden_number(&text);
    else if (span_is(m->key, "anomaly_label"))
        out->anomaly_label = (int)golden_number(&text);
}

static inline bool golden_next(golden *g, golden_log *out)
{
    while (g->file != NULL && gzgets(g->file, g->line, GOLDEN_LINE) == NULL) {
        if (!golden_open_next(g) && g->next_file < GOLDEN_FILES)
            golden_fail("a file is missing");
    }
    if (g->file == NULL)
        return false;
    alf_span line = span_from_string(g->line);
    if (!json_scan_object(line))
        golden_fail("a line is not a JSON object");
    *out = (golden_log){.file = golden_files[g->next_file - 1], .index = g->index++};
    json_member member;
    int members = 0;
    for (size_t at = 0; json_scan_next(line, &at, &member); members++)
        golden_member(g, &member, out);
    if (members != 9)
        golden_fail("a line does not have nine members");
    return true;
}

#endif
