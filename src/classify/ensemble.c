/*
 * The ensemble. Each component that has something to say gives a probability per category; the
 * weighted mean decides, and what follows can only make the category more urgent.
 */
#include "classify/ensemble.h"

#include "logs/normalise.h"

#include <math.h>

const ensemble_config ensemble_default = {
    .weight = {0.30, 0.45, 0.25},
    .safety_confidence = 0.85,
    .floor_confidence = 0.70,
};

double ensemble_unfamiliar(size_t known_terms, alf_span normalised)
{
    size_t words = log_count_words(normalised);
    if (known_terms >= words)
        return 0;
    return 1 - (double)known_terms / (double)words;
}

/* The rule's confidence goes to its category, the rest evenly to the others. */
static void vote_rule(const rule_match *rule, component_vote *vote)
{
    if (rule == NULL || !rule->matched)
        return;
    vote->present = true;
    double rest = (1 - rule->confidence) / (ALF_CATEGORIES - 1);
    for (int c = 0; c < ALF_CATEGORIES; c++)
        vote->probability[c] = c == (int)rule->category ? rule->confidence : rest;
}

bool ensemble_text_is_sound(const text_result *text)
{
    size_t limit = sizeof text->probability / sizeof text->probability[0];
    for (size_t i = 0; i < text->class_count && i < limit; i++)
        if (!(text->probability[i] >= 0 && (double)text->probability[i] <= 1.0001))
            return false;
    return true;
}

bool ensemble_anomaly_is_sound(const anomaly_result *anomaly)
{
    return !isnan(anomaly->decision);
}

/* The probabilities of classes that name a category, normalised. false: not probabilities. */
static bool vote_text(const ensemble_input *in, component_vote *vote)
{
    const text_result *text = in->text;
    if (text == NULL || !text->present || in->text_categories == NULL)
        return true;
    if (!ensemble_text_is_sound(text))
        return false;
    double sum = 0;
    size_t limit = sizeof text->probability / sizeof text->probability[0];
    for (size_t i = 0; i < text->class_count && i < limit; i++) {
        double p = (double)text->probability[i];
        unsigned c = (unsigned)in->text_categories[i];
        if (c >= ALF_CATEGORIES)
            continue;
        vote->probability[c] += p;
        sum += p;
    }
    if (!(sum > 0))
        return true;
    for (int c = 0; c < ALF_CATEGORIES; c++)
        vote->probability[c] /= sum;
    vote->present = true;
    return true;
}

/* An isolation forest knows only "unlike what it was trained on", which every foreign system is:
 * so it leans, and far out it says suspicious. */
static bool vote_anomaly(const anomaly_result *anomaly, component_vote *vote)
{
    if (anomaly == NULL || !anomaly->present)
        return true;
    if (!ensemble_anomaly_is_sound(anomaly))
        return false;
    double urgent = 0.15;
    if (anomaly->label < 0) {
        double depth = anomaly->decision < 0 ? -anomaly->decision : 0;
        urgent = fmin(0.20 + 1.2 * depth, 0.60);
    }
    vote->probability[ALF_CRITICAL] = urgent * 0.15;
    vote->probability[ALF_SUSPICIOUS] = urgent * 0.85;
    vote->probability[ALF_ROUTINE] = (1 - urgent) * 0.75;
    vote->probability[ALF_NOISE] = (1 - urgent) * 0.25;
    vote->present = true;
    return true;
}

/* What the text model says of a text that it hardly knows is little evidence. */
static double text_trust(const text_result *text)
{
    if (text == NULL)
        return 0;
    double known = 1 - text->unfamiliar;
    return known > 0 ? fmin(known, 1) * fmin(known, 1) : 0;
}

/* Weighs and normalises the votes. false: nobody voted. */
static bool combine(const ensemble_config *config, const ensemble_input *in, verdict *out)
{
    double total = 0;
    for (int i = 0; i < COMPONENTS; i++) {
        out->weight[i] = out->vote[i].present ? config->weight[i] : 0;
        if (i == COMPONENT_TEXT)
            out->weight[i] *= text_trust(in->text);
        total += out->weight[i];
    }
    if (!(total > 0))
        return false;
    for (int i = 0; i < COMPONENTS; i++) {
        out->weight[i] /= total;
        for (int c = 0; out->weight[i] > 0 && c < ALF_CATEGORIES; c++)
            out->probability[c] += out->weight[i] * out->vote[i].probability[c];
    }
    return true;
}

static void take_largest(verdict *out)
{
    for (int c = 1; c < ALF_CATEGORIES; c++)
        if (out->probability[c] > out->probability[out->category])
            out->category = (alf_category)c;
    out->confidence = out->probability[out->category];
    out->decided_by = "vote";
}

static void raise_to(verdict *out, alf_category category, double confidence, const char *why)
{
    if (category >= out->category)
        return;
    out->category = category;
    out->confidence = confidence;
    out->decided_by = why;
}

static void apply_thresholds(const ensemble_config *config, verdict *out)
{
    double critical = out->probability[ALF_CRITICAL];
    double urgent = critical + out->probability[ALF_SUSPICIOUS];
    if (config->suspicious_threshold > 0 && urgent >= config->suspicious_threshold)
        raise_to(out, ALF_SUSPICIOUS, urgent, "threshold");
    if (config->critical_threshold > 0 && critical >= config->critical_threshold)
        raise_to(out, ALF_CRITICAL, critical, "threshold");
}

static void apply_rule(const ensemble_config *config, const rule_match *rule, verdict *out)
{
    if (!rule->matched || rule->category > ALF_SUSPICIOUS)
        return;
    if (rule->confidence >= config->floor_confidence)
        raise_to(out, ALF_SUSPICIOUS, rule->confidence, "rule_floor");
    if (rule->category != ALF_CRITICAL || !(rule->confidence > config->safety_confidence))
        return;
    out->safety_override = out->category != ALF_CRITICAL;
    out->category = ALF_CRITICAL;
    out->confidence = fmax(rule->confidence, out->probability[ALF_CRITICAL]);
    out->model = "rule_based";
    out->decided_by = "rule_safety";
}

/* Nobody had anything to say: what the rules file calls the default, or, without rules, the one
 * thing that loses no log. */
static void decide_unknown(const rule_match *rule, verdict *out)
{
    if (rule == NULL) {
        ensemble_fail_open("no_component", out);
        return;
    }
    out->category = rule->category;
    out->confidence = rule->confidence;
    double rest = (1 - rule->confidence) / (ALF_CATEGORIES - 1);
    for (int c = 0; c < ALF_CATEGORIES; c++)
        out->probability[c] = c == (int)rule->category ? rule->confidence : rest;
    out->model = "rule_based";
    out->decided_by = "default";
}

static bool rule_is_sound(const rule_match *rule)
{
    return rule == NULL || (rule->confidence >= 0 && rule->confidence <= 1 &&
                            (unsigned)rule->category < ALF_CATEGORIES);
}

void ensemble_decide(const ensemble_config *config, const ensemble_input *in, verdict *out)
{
    *out = (verdict){.model = "ensemble"};
    if (in->rule != NULL)
        out->rule = *in->rule;
    if (in->text != NULL)
        out->text = *in->text;
    if (in->anomaly != NULL)
        out->anomaly = *in->anomaly;
    bool sound = rule_is_sound(in->rule) && vote_text(in, &out->vote[COMPONENT_TEXT]) &&
                 vote_anomaly(in->anomaly, &out->vote[COMPONENT_ANOMALY]);
    if (!sound) {
        ensemble_fail_open("model_output", out);
        return;
    }
    vote_rule(in->rule, &out->vote[COMPONENT_RULES]);
    if (!combine(config, in, out)) {
        decide_unknown(in->rule, out);
        return;
    }
    take_largest(out);
    apply_thresholds(config, out);
    apply_rule(config, &out->rule, out);
}

void ensemble_fail_open(const char *reason, verdict *out)
{
    *out = (verdict){.category = ALF_CRITICAL,
                     .model = "fail_open",
                     .decided_by = "fail_open",
                     .fail_open_used = true,
                     .fail_reason = reason};
}

void ensemble_compliance(alf_span framework, alf_span rule, verdict *out)
{
    *out = (verdict){.category = ALF_CRITICAL,
                     .confidence = 1,
                     .model = "compliance_bypass",
                     .probability = {1, 0, 0, 0},
                     .compliance_bypassed = true,
                     .compliance_framework = framework,
                     .compliance_rule = rule,
                     .decided_by = "compliance"};
}
