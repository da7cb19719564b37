/* Loading and proving a generation. */
#include "serve/generation.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/mem.h"
#include "base/span.h"
#include "logs/reader.h"
#include "serve/shadow.h"

#include <string.h>
#include <time.h>

/* ALONE: how often one log is judged alone to measure it. */
enum { PROOF_BATCH = 128, ALONE = 4 };

static atomic_uint alive;

unsigned generation_alive(void)
{
    return atomic_load(&alive);
}

static alf_status check_verdicts(const verdict *verdicts, size_t n, size_t before, alf_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].fail_open_used)
            return error_set(err, ALF_E_MISMATCH,
                             "the bundle fails on log %zu of the built-in proof (%s); it is not "
                             "used",
                             before + i + 1, verdicts[i].fail_reason);
    return ALF_OK;
}

typedef struct proof {
    classifier_session *session;
    log_reader *reader;
    arena scratch;
    log_event *events;
    verdict *verdicts;
    size_t logs;
    log_event alone;  /* one that the models see; not compliance's */
    uint64_t fastest; /* of the batches that are full: nanoseconds; 0: there was none */
} proof;

static uint64_t run_timed(proof *p, size_t n)
{
    uint64_t start = clock_now();
    classifier_run(p->session, p->events, n, p->verdicts);
    return clock_now() - start;
}

/* What a batch and what a log alone takes, at best: the first ones also compile patterns. */
static pace_cost measure(proof *p)
{
    uint64_t one = UINT64_MAX;
    if (p->fastest == 0)
        return (pace_cost){0, 0};
    p->events[0] = p->alone;
    for (int i = 0; i < ALONE; i++) {
        uint64_t took = run_timed(p, 1);
        one = took < one ? took : one;
    }
    return pace_cost_of(one, p->fastest, PROOF_BATCH);
}

static alf_status prove_all(proof *p, alf_error *err)
{
    TRY(log_reader_feed(p->reader, embedded_parity, err));
    TRY(log_reader_feed(p->reader, span_of(NULL, 0), err));
    for (bool got = true; got;) {
        size_t n = 0;
        for (; n < PROOF_BATCH && got; n += got)
            TRY(log_reader_next(p->reader, &p->scratch, &p->events[n], &got, err));
        uint64_t took = run_timed(p, n);
        if (n == PROOF_BATCH && (p->fastest == 0 || took < p->fastest))
            p->fastest = took;
        for (size_t i = 0; i < n; i++)
            if (!p->verdicts[i].compliance_bypassed)
                p->alone = p->events[i];
        TRY(check_verdicts(p->verdicts, n, p->logs, err));
        p->logs += n;
    }
    return ALF_OK;
}

static alf_status prove_verdicts(classifier *c, pace_cost *cost, alf_error *err)
{
    proof p = {.reader = log_reader_new(LOG_INPUT_TEXT, 0),
               .events = mem_calloc(PROOF_BATCH + 1, sizeof *p.events),
               .verdicts = mem_calloc(PROOF_BATCH, sizeof *p.verdicts)};
    arena_init(&p.scratch, 0);
    alf_status status = classifier_session_new(c, &p.session, err);
    if (status == ALF_OK) {
        bool enough = p.reader != NULL && p.events != NULL && p.verdicts != NULL;
        status = enough ? prove_all(&p, err) : error_nomem(err, "the proof of a bundle");
        if (status == ALF_OK)
            *cost = measure(&p);
    }
    classifier_session_free(p.session);
    log_reader_free(p.reader);
    mem_free(p.events);
    mem_free(p.verdicts);
    arena_fini(&p.scratch);
    tally_forget(&c->counts); /* the logs of the proof are nobody's */
    return status;
}

alf_status generation_prove(classifier *c, const classifier_options *options, pace_cost *cost,
                            replay *replayed, alf_error *err)
{
    TRY(prove_verdicts(c, cost, err));
    return replay_bundle(&c->models, options->bundle, &options->models, replayed, err);
}

static alf_status load_parts(generation *g, alf_error *err)
{
    const serve_settings *s = &g->plan.settings;
    TRY(auth_load(&g->api, s->api_tokens_file, "ALF_API_TOKENS", err));
    TRY(auth_load(&g->metrics, s->metrics_tokens_file, "ALF_METRICS_TOKENS", err));
    TRY(auth_load(&g->admin, s->admin_tokens_file, "ALF_ADMIN_TOKENS", err));
    if (g->metrics.count == 0)
        g->metrics = g->api;
    if (g->admin.count == 0)
        g->admin = g->api;
    TRY(tls_load(s, &g->tls, err));
    TRY(classifier_open(&g->plan.classifier, &g->classifier, err));
    TRY(generation_prove(g->classifier, &g->plan.classifier, &g->cost, &g->proof, err));
    return shadow_load(g->box, g->classifier, &g->shadow, err);
}

/* ---- plans ---- */

static alf_status plan_load(const serve_source *source, plan_box **out, alf_error *err)
{
    plan_box *box = mem_calloc(1, sizeof *box);
    if (box == NULL)
        return error_nomem(err, "a configuration");
    alf_status status = source->load(source->context, &box->plan, err);
    if (status != ALF_OK) {
        mem_free(box);
        return status;
    }
    box->source = source;
    atomic_init(&box->references, 1);
    *out = box;
    return ALF_OK;
}

void plan_hold(plan_box *box)
{
    atomic_fetch_add(&box->references, 1);
}

void plan_release(plan_box *box)
{
    if (box == NULL || atomic_fetch_sub(&box->references, 1) > 1)
        return;
    box->source->unload(&box->plan);
    mem_free(box);
}

/* ---- generations ---- */

static generation *new_generation(plan_box *box, uint64_t number)
{
    generation *g = mem_calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    g->box = box;
    g->plan = box->plan;
    g->number = number;
    g->loaded_at = (int64_t)time(NULL);
    atomic_init(&g->references, 1);
    atomic_fetch_add(&alive, 1);
    return g;
}

alf_status generation_load(const serve_source *source, uint64_t number, generation **out,
                           alf_error *err)
{
    *out = NULL;
    plan_box *box;
    TRY(plan_load(source, &box, err));
    generation *g = new_generation(box, number);
    if (g == NULL) {
        plan_release(box);
        return error_nomem(err, "a configuration");
    }
    alf_status status = load_parts(g, err);
    if (status != ALF_OK) {
        generation_release(g);
        return status;
    }
    *out = g;
    return ALF_OK;
}

alf_status generation_promote(const generation *g, uint64_t number, generation **out,
                              alf_error *err)
{
    generation *next = new_generation(g->box, number);
    if (next == NULL)
        return error_nomem(err, "a configuration");
    plan_hold(g->box);
    next->plan.classifier = g->plan.shadow;
    next->api = g->api;
    next->metrics = g->metrics;
    next->admin = g->admin;
    next->tls = g->tls;
    if (next->tls != NULL)
        (void)SSL_CTX_up_ref(next->tls);
    shadow_hold(g->shadow);
    next->promoted = g->shadow;
    next->classifier = g->shadow->classifier;
    next->cost = g->shadow->cost;
    next->proof = g->shadow->proof;
    tally_forget(&next->classifier->counts);
    *out = next;
    return ALF_OK;
}

void generation_hold(generation *g)
{
    atomic_fetch_add(&g->references, 1);
}

void generation_release(generation *g)
{
    if (g == NULL || atomic_fetch_sub(&g->references, 1) > 1)
        return;
    shadow_release(g->shadow);
    if (g->promoted == NULL)
        classifier_free(g->classifier);
    shadow_release(g->promoted);
    if (g->tls != NULL)
        SSL_CTX_free(g->tls);
    atomic_fetch_sub(&alive, 1);
    plan_release(g->box);
    mem_free(g);
}

alf_status generation_use_new(generation *g, generation_use **out, alf_error *err)
{
    *out = NULL;
    generation_use *u = mem_calloc(1, sizeof *u);
    if (u == NULL)
        return error_nomem(err, "a worker");
    alf_status status = classifier_session_new(g->classifier, &u->session, err);
    if (status != ALF_OK) {
        mem_free(u);
        return status;
    }
    generation_hold(g);
    u->of = g;
    u->latency = settings_time(g->plan.settings.max_latency_ms, 1e6);
    pace_init(&u->pace, &g->cost);
    u->users = 1;
    *out = u;
    return ALF_OK;
}

void generation_use_leave(generation_use *u)
{
    if (u == NULL || --u->users > 0)
        return;
    classifier_session_free(u->session);
    generation_release(u->of);
    mem_free(u);
}
