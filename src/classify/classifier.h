/*
 * The classifier: an event in, a verdict out. Joins the compliance gate, the rules, the models of a
 * bundle and the ensemble. A classifier is immutable but for its counters and breakers and is
 * shared between threads; each thread has a session. Classifying never fails: what goes wrong with
 * a log makes it fail open.
 */
#ifndef ALF_CLASSIFY_CLASSIFIER_H
#define ALF_CLASSIFY_CLASSIFIER_H

#include "classify/breaker.h"
#include "classify/ensemble.h"
#include "classify/models.h"
#include "classify/ruleset.h"
#include "classify/tally.h"
#include "logs/event.h"

typedef struct classifier_options {
    const char *bundle;     /* folder */
    const char *rules_path; /* NULL: rules.yaml in the bundle's folder, else the built-in rules */
    models_options models;
    ensemble_config ensemble; /* thresholds of the manifest can only lower these thresholds */
} classifier_options;

void classifier_options_init(classifier_options *options); /* defaults; bundle NULL */

typedef struct classifier {
    models models;
    ruleset *rules;
    ensemble_config ensemble;
    breaker breakers[COMPONENTS];
    tally_book counts;
    bool rules_built_in;
} classifier;

extern const char *const classifier_component_names[COMPONENTS]; /* "rule_based", ... */

/* On success the caller owns *out. */
alf_status classifier_open(const classifier_options *options, classifier **out, alf_error *err);
void classifier_free(classifier *c);

/* Which components are loaded and which circuits are open, now. */
void classifier_health(classifier *c, alf_health *out);

typedef struct classifier_session classifier_session;

alf_status classifier_session_new(classifier *c, classifier_session **out, alf_error *err);
void classifier_session_free(classifier_session *s);

/* Nanoseconds that the session has spent in ONNX models so far. */
uint64_t classifier_session_model_time(const classifier_session *s);

/* verdicts: n, filled in order. Spans in them borrow from the classifier. */
void classifier_run(classifier_session *s, const log_event *events, size_t n, verdict *verdicts);

/* Counts logs that came too late to be judged: they fail open. */
void classifier_count_late(classifier *c, size_t n);

#endif
