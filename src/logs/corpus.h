/*
 * Logs read whole, with what the models see of them: normalised texts and features. For what
 * compares or times engines on a set of logs.
 */
#ifndef ALF_LOGS_CORPUS_H
#define ALF_LOGS_CORPUS_H

#include "logs/normalise.h"
#include "logs/reader.h"

typedef struct corpus {
    arena memory;
    size_t count;
    size_t capacity;
    alf_span *messages; /* raw */
    alf_span *texts;    /* normalised */
    double *features;   /* count * LOG_FEATURES */
} corpus;

void corpus_init(corpus *c);
void corpus_fini(corpus *c);

/* Adds every log of data, at most limit logs in all (0: no limit). */
alf_status corpus_add(corpus *c, alf_span data, log_input input, log_profile profile, size_t limit,
                      alf_error *err);

/* The SHA-256 of the normalised texts, each followed by a newline. */
alf_status corpus_sha256(const corpus *c, char hex[65], alf_error *err);

#endif
