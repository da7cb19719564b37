/*
 * A candidate bundle beside the live one. Each worker copies what it has classified for a thread of
 * low priority, which classifies it again with the candidate and compares. The worker never waits
 * for that thread: what does not fit into its two buffers is left out and counted.
 *
 * A shadow is immutable but for its counters, its breaker and the samples, and is shared by all
 * workers. It belongs to the generation that it is compared with: a reload begins anew.
 */
#ifndef ALF_SERVE_SHADOW_H
#define ALF_SERVE_SHADOW_H

#include "serve/generation.h"
#include "serve/metrics.h"

#include <pthread.h>

/* Why a log was not compared. */
typedef enum shadow_skip {
    SHADOW_SKIP_SHARE,       /* shadow.share leaves it out */
    SHADOW_SKIP_BUSY,        /* the candidate does not keep up */
    SHADOW_SKIP_TOO_LARGE,   /* more than a buffer holds */
    SHADOW_SKIP_MEMORY,      /* none was to be had */
    SHADOW_SKIP_LIVE_FAILED, /* the live verdict is no judgement: it failed open */
    SHADOW_SKIP_FAILED,      /* the candidate failed open where the live one did not */
    SHADOW_SKIP_CIRCUIT,     /* the candidate failed or was slow repeatedly and rests */
    SHADOW_SKIPS
} shadow_skip;

extern const char *const shadow_skip_names[SHADOW_SKIPS];

/* Added to once a batch; read at any time. */
typedef struct shadow_counts {
    metrics_counter logs[ALF_CATEGORIES][ALF_CATEGORIES]; /* by live and candidate category */
    metrics_counter skipped[SHADOW_SKIPS];
} shadow_counts;

/* The counts at one time, and what follows from them. */
typedef struct shadow_totals {
    uint64_t logs[ALF_CATEGORIES][ALF_CATEGORIES];
    uint64_t skipped[SHADOW_SKIPS];
    uint64_t compared, disagreements;
    uint64_t criticals;         /* of the live one */
    uint64_t criticals_lowered; /* live critical, candidate anything else */
    uint64_t forwarded_lowered; /* live critical or suspicious, candidate routine or noise */
} shadow_totals;

void shadow_read(const shadow_counts *counts, shadow_totals *out);

enum { SHADOW_MESSAGE = 512, SHADOW_MOST_SAMPLES = 1000 };

/* A log that the two see differently. */
typedef struct shadow_sample {
    int64_t at; /* when it was classified, seconds since 1970 */
    alf_category live, candidate;
    double live_confidence, candidate_confidence;
    size_t size; /* of the message */
    size_t kept; /* of it, in text */
    char text[SHADOW_MESSAGE];
} shadow_sample;

typedef struct shadow_file {
    models_file file;
    char sha256[65];
} shadow_file;

typedef struct shadow_files {
    size_t count;
    shadow_file of[MODELS_FILE_COUNT];
} shadow_files;

struct shadow {
    atomic_uint references;
    plan_box *plan; /* what the classifier borrows from */
    classifier *classifier;
    pace_cost cost; /* of the proof */
    replay proof;   /* of its bundle */
    shadow_files files, live_files;
    breaker breaker;
    uint64_t slow; /* CPU nanoseconds a log from which a batch counts as a failure */
    shadow_counts counts;
    pthread_mutex_t lock; /* over the samples; no worker's loop takes it */
    shadow_sample *samples;
    size_t sample_count, sample_room;
};

/* Loads the candidate of the plan and proves it; NULL where the plan names none. live: its model
 * files are named in the report. */
alf_status shadow_load(plan_box *plan, classifier *live, shadow **out, alf_error *err);
/* The same around a classifier at hand, which is taken over (plan and classifier NULL allowed). */
alf_status shadow_new(classifier *candidate, size_t samples, shadow **out, alf_error *err);
void shadow_hold(shadow *s);
void shadow_release(shadow *s); /* NULL allowed; the last one frees it */

/* What the live one said of a log. */
typedef struct shadow_log {
    alf_span message;
    int64_t at;
    alf_category category;
    double confidence;
} shadow_log;

/* Counts n logs into the shadow and into total, and samples the disagreements. */
void shadow_compare(shadow *s, shadow_counts *total, const shadow_log *live,
                    const verdict *candidate, size_t n);
void shadow_skip_logs(shadow *s, shadow_counts *total, shadow_skip why, uint64_t n);

/* Whether the candidate may take the place of the live one. */
typedef enum shadow_judgement {
    SHADOW_FITS,
    SHADOW_LACKS_MODEL,      /* that the live one has; as at a reload, nothing makes up for that */
    SHADOW_LOWERS_CRITICALS, /* nor for that */
    SHADOW_TOO_FEW,          /* from here on, "force" does */
    SHADOW_TOO_FEW_CRITICALS,
    SHADOW_FAILS,
    SHADOW_RESTS
} shadow_judgement;

typedef struct shadow_terms {
    uint64_t least_logs, least_criticals;
    bool resting, lacks_model;
    bool force;
} shadow_terms;

shadow_judgement shadow_judge(const shadow_totals *totals, const shadow_terms *terms);

/* ---- beside a worker (shadow_runner.c) ---- */

typedef struct shadow_runner shadow_runner;

/* Copies n classified logs of a generation for its candidate; nothing to do without one. Used by
 * the worker's thread only, as are the next two. *runner: NULL at first, made when needed. */
void shadow_take(shadow_runner **runner, shadow_counts *total, const generation *g,
                 const log_event *events, const verdict *verdicts, size_t n);
/* Hands over what was copied if the thread is ready for it; NULL allowed. */
void shadow_flush(shadow_runner *r);
/* The worker's generation is this one now: what belongs to older ones can go. NULL allowed. */
void shadow_change(shadow_runner *r, const generation *g);
/* Ends the thread, after the worker's own has ended; NULL allowed. */
void shadow_stop(shadow_runner *r);

/* ---- reports (api_shadow.c) ---- */

struct server;

/* For the control thread: these replace out by an answer and return its status of HTTP. */
int shadow_report(struct server *s, buf *out);
/* Whether the candidate may be promoted now: 200 without a text, or the refusal. */
int shadow_may_promote(struct server *s, bool force, buf *out);
/* After the promotion. */
void shadow_promoted(struct server *s, buf *out);

void shadow_metrics(const struct server *s, const generation *g, buf *out);

#endif
