/*
 * Counters of one worker. Only that worker's thread writes them (plain loads and stores, no
 * contention); any thread reads them and adds up the workers when metrics are asked for.
 */
#ifndef ALF_SERVE_METRICS_H
#define ALF_SERVE_METRICS_H

#include "base/buf.h"
#include "classify/verdict.h"

#include <stdatomic.h>

typedef atomic_uint_fast64_t metrics_counter;

static inline void metrics_add(metrics_counter *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t metrics_get(const metrics_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

enum { METRICS_BUCKETS = 16, METRICS_LABELS = 128, METRICS_LABEL = 96, METRICS_MODELS = 5 };

/* Counts by upper bounds; which bounds is said where it is observed and printed. */
typedef struct metrics_histogram {
    metrics_counter bucket[METRICS_BUCKETS + 1]; /* the last: above all bounds */
    metrics_counter sum;                         /* in the unit that it is observed in */
} metrics_histogram;

/* Ascending; ends with 0. In the unit of observation. */
typedef struct metrics_bounds {
    uint64_t bound[METRICS_BUCKETS];
    size_t count;
    double unit; /* of the metric, in units of observation */
} metrics_bounds;

extern const metrics_bounds metrics_milliseconds; /* observed in ns, printed in ms */
/* The same, printed in s; may be observed as metrics_milliseconds. */
extern const metrics_bounds metrics_milliseconds_base;
extern const metrics_bounds metrics_seconds; /* observed in ns, printed in s */
extern const metrics_bounds metrics_logs;

void metrics_observe(metrics_histogram *h, const metrics_bounds *bounds, uint64_t value,
                     uint64_t times);

/* How many values were observed. */
uint64_t metrics_observations(const metrics_histogram *h);

/* Counters by one or two labels that are not known beforehand. Entries are only added; where there
 * is no room the last entry counts the rest as "other". */
typedef struct metrics_labelled {
    atomic_uint count;
    struct {
        char first[METRICS_LABEL];
        char second[METRICS_LABEL];
        metrics_counter counter;
    } entry[METRICS_LABELS];
} metrics_labelled;

void metrics_add_labelled(metrics_labelled *l, alf_span first, alf_span second, uint64_t n);

typedef struct metrics {
    metrics_counter logs[ALF_CATEGORIES][METRICS_MODELS]; /* by metrics_model_names */
    metrics_labelled fail_open;                           /* reason */
    metrics_labelled bypass;                              /* framework, rule */
    metrics_labelled requests;                            /* path, status */
    metrics_labelled rejected;                            /* reason */
    metrics_histogram request_time;                       /* ns */
    metrics_histogram model_time;                         /* ns a log, ONNX models only */
    metrics_histogram inference_time;                     /* ns a log, all of classification */
    metrics_histogram joblib_time; /* the same, where a model runs from its joblib file */
    metrics_histogram batch_logs;
    metrics_counter over_latency; /* batches that took longer than max_latency_ms */
    metrics_counter accepted;     /* connections */
    metrics_counter bytes_in, bytes_out;
    atomic_int_fast64_t connections, buffered; /* now */
} metrics;

extern const char *const metrics_model_names[METRICS_MODELS]; /* the last: "other" */

/* Counts a verdict. */
void metrics_count(metrics *m, const verdict *v);

/* ---- text for Prometheus ---- */

/* "# HELP" and "# TYPE". */
void metrics_head(buf *out, const char *name, const char *type, const char *help);
/* name{key="value",...} number; keys: pairs, ends with NULL. */
typedef struct metrics_label {
    const char *key;
    alf_span value;
} metrics_label;
void metrics_sample(buf *out, const char *name, const metrics_label *labels, size_t count,
                    double value);

/* What all workers counted: `sources` are theirs. legacy: also under names whose units are not base
 * units (metrics.legacy_names). */
void metrics_print(metrics *const *sources, size_t count, bool legacy, buf *out);

#endif
