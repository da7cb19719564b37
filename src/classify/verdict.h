/* What classification says about one log. */
#ifndef ALF_CLASSIFY_VERDICT_H
#define ALF_CLASSIFY_VERDICT_H

#include "ai_log_filter.h"

/* One component's answer. */
typedef struct component_vote {
    bool present; /* false: it abstains */
    double probability[ALF_CATEGORIES];
} component_vote;

typedef struct rule_match {
    bool matched;
    alf_category category;
    double confidence;
    alf_span rule; /* its name; borrowed from the rule set */
} rule_match;

typedef struct text_result { /* tfidf_xgboost */
    bool present;
    uint32_t label; /* index into the bundle's class labels */
    uint32_t class_count;
    float probability[16]; /* per class, in the bundle's order */
    double unfamiliar;     /* share of the text that the vectorizer does not know, 0 (also when not
                              measured) .. 1; see ensemble_unfamiliar */
} text_result;

typedef struct anomaly_result {
    bool present;
    int label; /* -1 anomalous, 1 normal */
    double score;
    double decision;
} anomaly_result;

/* The components, in the order of the ensemble's weights. */
enum { COMPONENT_RULES, COMPONENT_TEXT, COMPONENT_ANOMALY, COMPONENTS };

typedef struct verdict {
    alf_category category;
    double confidence;
    const char *model; /* "ensemble", "rule_based", "compliance_bypass", "fail_open", ...: static */
    double probability[ALF_CATEGORIES];
    rule_match rule;
    text_result text;
    anomaly_result anomaly;
    bool compliance_bypassed;
    alf_span compliance_framework; /* borrowed from the gate */
    alf_span compliance_rule;
    component_vote vote[COMPONENTS];
    double weight[COMPONENTS]; /* in effect: as shares of what voted; 0: abstained */
    const char *decided_by;    /* "vote", "rule_safety", "rule_floor", "threshold", "default",
                                  "compliance", "fail_open": static */
    bool safety_override;      /* a critical rule won over the vote */
    bool fail_open_used;
    const char *fail_reason; /* static, or NULL */
} verdict;

#endif
