/*
 * Streams of logs to lines of verdicts: records are cut in order, classified in batches by one or
 * more workers, and the lines written in order. The lines are the same for any number of workers
 * and any batch size (but for processing_time_ms).
 */
#ifndef ALF_CLI_VERDICT_STREAM_H
#define ALF_CLI_VERDICT_STREAM_H

#include "classify/verdict_json.h"
#include "logs/reader.h"

typedef struct verdict_stream_options {
    classifier *classifier;
    verdict_style style;
    size_t batch;   /* logs of a batch */
    size_t threads; /* workers; 0: one per core */
    int output;     /* file descriptor; stays the caller's */
    const char *output_name;
} verdict_stream_options;

typedef struct verdict_totals {
    uint64_t logs, bytes, category[ALF_CATEGORIES], forwarded_bytes, bypassed, fail_open;
} verdict_totals;

typedef struct verdict_stream verdict_stream;

/* On success the caller owns *out. */
alf_status verdict_stream_new(const verdict_stream_options *options, verdict_stream **out,
                              alf_error *err);
void verdict_stream_free(verdict_stream *s);

/* Classifies all that `input` gives, until its end. All its lines are written when it returns. */
alf_status verdict_stream_read(verdict_stream *s, int input, log_input format, alf_error *err);

/* Whether the last failure was not one of an input: the output is broken, or memory is out, and no
 * other input can be read. */
bool verdict_stream_broken(const verdict_stream *s);

/* Of all that was written. */
const verdict_totals *verdict_stream_totals(const verdict_stream *s);

#endif
