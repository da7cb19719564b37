/*
 * All that a reload replaces: configuration, bundle, rules, tokens, certificates. Immutable once
 * loaded and counted by its users; requests finish on the generation that they began with.
 */
#ifndef ALF_SERVE_GENERATION_H
#define ALF_SERVE_GENERATION_H

#include "classify/replay.h"
#include "serve/auth.h"
#include "serve/pace.h"
#include "serve/settings.h"
#include "serve/tls.h"

#include <stdatomic.h>

/* A plan with its owner, shared by what borrows from it. */
typedef struct plan_box {
    atomic_uint references;
    const serve_source *source;
    serve_plan plan;
} plan_box;

void plan_hold(plan_box *box);
void plan_release(plan_box *box); /* NULL allowed; the last one frees it */

typedef struct shadow shadow;

typedef struct generation {
    atomic_uint references;
    uint64_t number;   /* from 1 */
    int64_t loaded_at; /* seconds since 1970 */
    plan_box *box;
    serve_plan plan; /* the one in the box; promoted: its classifier is the candidate's */
    classifier *classifier;
    pace_cost cost;   /* of the proof */
    replay proof;     /* of the classifier's bundle */
    shadow *shadow;   /* the candidate beside it, or NULL */
    shadow *promoted; /* what the classifier belongs to, or NULL: to this generation */
    auth_tokens api, metrics, admin;
    SSL_CTX *tls; /* NULL: plain connections */
} generation;

/* Loads everything and proves the bundle (generation_prove). *out has one reference, the caller's.
 */
alf_status generation_load(const serve_source *source, uint64_t number, generation **out,
                           alf_error *err);

/* How many are in memory: more than one while requests use earlier ones. */
unsigned generation_alive(void);

/* The generation that has g's candidate, which there must be, as its live one; the rest is g's. */
alf_status generation_promote(const generation *g, uint64_t number, generation **out,
                              alf_error *err);

/* Proves a classifier that was opened with these options: each of the built-in logs must get a
 * verdict without failing open, and the proof of the manifest is replayed as far as there is one.
 * Its counters are as if that had not been. *cost: what the verdicts took. */
alf_status generation_prove(classifier *c, const classifier_options *options, pace_cost *cost,
                            replay *replayed, alf_error *err);

void generation_hold(generation *g);
void generation_release(generation *g); /* NULL allowed; the last one frees it */

/* A generation as one thread uses it: with a session of its own. Used by that thread only. */
typedef struct generation_use {
    generation *of;
    classifier_session *session;
    uint64_t latency; /* max_latency_ms in nanoseconds; 0: no limit */
    pace pace;
    unsigned users; /* requests under way, plus one while it is the current one */
} generation_use;

alf_status generation_use_new(generation *g, generation_use **out, alf_error *err); /* users: 1 */
void generation_use_leave(generation_use *u); /* NULL allowed; the last user frees it */

#endif
