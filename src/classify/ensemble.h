/*
 * The decision: what the components say about one log -> a verdict. Pure functions; formulas and
 * reasons are in docs/decision.md.
 */
#ifndef ALF_CLASSIFY_ENSEMBLE_H
#define ALF_CLASSIFY_ENSEMBLE_H

#include "classify/verdict.h"

typedef struct ensemble_config {
    double weight[COMPONENTS]; /* 0.30, 0.45, 0.25; at least 0, not all 0 */
    /* The vote's probability from which the category is raised: of critical, and of critical and
     * suspicious together. 0: not used. */
    double critical_threshold;
    double suspicious_threshold;
    double safety_confidence; /* a critical rule with more than this wins: 0.85 */
    double floor_confidence;  /* a critical or suspicious rule with at least this keeps the category
                                 at suspicious or above: 0.70; above 1: not used */
} ensemble_config;

extern const ensemble_config ensemble_default;

/* What each component said; NULL: there is no such component. */
typedef struct ensemble_input {
    const rule_match *rule;
    const text_result *text;
    /* The category of each class of text; ALF_CATEGORIES: it names none. class_count entries. */
    const alf_category *text_categories;
    const anomaly_result *anomaly;
} ensemble_input;

/* text_result.unfamiliar: 1 - known_terms / words of the normalised text, at least 0. */
double ensemble_unfamiliar(size_t known_terms, alf_span normalised);

/* Whether an answer is one: probabilities, a number. */
bool ensemble_text_is_sound(const text_result *text);
bool ensemble_anomaly_is_sound(const anomaly_result *anomaly);

/* Fills *out wholly. A component that answers with something that is no probability makes the
 * verdict fail open. */
void ensemble_decide(const ensemble_config *config, const ensemble_input *in, verdict *out);

/* The verdicts that need no vote. reason: static. */
void ensemble_fail_open(const char *reason, verdict *out);
void ensemble_compliance(alf_span framework, alf_span rule, verdict *out);

#endif
