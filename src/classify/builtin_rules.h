/*
 * What configs/rules.yaml and the built-in gate come to, ready for use: reading them anew would be
 * most of the time that a program takes to start. builtin_rules.c is written by `make
 * builtin-rules`; a test computes it anew and compares. Private to the ruleset module.
 */
#ifndef ALF_CLASSIFY_BUILTIN_RULES_H
#define ALF_CLASSIFY_BUILTIN_RULES_H

#include "classify/pattern_image.h"
#include "classify/verdict.h"

typedef struct builtin_rule {
    const char *name;
    alf_category category;
    uint32_t patterns; /* how many of the list are its own */
    double confidence;
} builtin_rule;

typedef struct builtin_rules {
    uint64_t hash;             /* of the text of configs/rules.yaml: hash_bytes(), seed 0 */
    uint64_t gate_hash;        /* of the gate's patterns for messages: pattern_specs_hash() */
    const builtin_rule *rules; /* best first */
    const char *const *patterns;
    size_t rule_count;
    bool caseless;
    alf_category default_category;
    double default_confidence;
    pattern_image messages; /* the rules' patterns, then those of the gate for messages */
} builtin_rules;

extern const builtin_rules builtin_rules_table;

#endif
