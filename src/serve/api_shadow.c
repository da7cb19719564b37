/* GET /admin/shadow and POST /admin/promote: how the candidate compares, and its promotion. */
#include "base/clock.h"
#include "base/span.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"
#include "serve/member.h"
#include "serve/route.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- requests ---- */

void api_shadow(connection *c, alf_span body)
{
    (void)body;
    api_ask_control(c, MAIL_SHADOW, NULL);
}

/* {"force": true} and nothing else; false: the request is answered. */
static bool read_force(connection *c, alf_span body, bool *force)
{
    json_member m;
    *force = false;
    if (body.size == 0)
        return true;
    if (!json_scan_object(body)) {
        reply_error_with(c, 400, NULL, "the body is not a JSON object; expected {} or none");
        return false;
    }
    for (size_t at = 0; json_scan_next(body, &at, &m);) {
        bool flag = !m.is_string && (span_is(m.value, "true") || span_is(m.value, "false"));
        if (!span_is(m.key, "force") || !flag) {
            reply_error_with(c, 422, NULL, "the only known member is \"force\", true or false");
            return false;
        }
        *force = span_is(m.value, "true");
    }
    return true;
}

void api_promote(connection *c, alf_span body)
{
    buf text;
    bool force;
    if (!read_force(c, body, &force))
        return;
    buf_init(&text);
    if (force)
        buf_append_char(&text, '1');
    api_ask_control(c, MAIL_PROMOTE, &text);
    buf_fini(&text);
}

/* ---- parts of the answers ---- */

static void put_bundle(json_writer *w, const char *key, const classifier_options *from,
                       const shadow_files *files)
{
    json_write_key(w, key);
    json_write_begin_object(w);
    member_string(w, "path", from->bundle);
    if (from->rules_path != NULL)
        member_string(w, "rules_path", from->rules_path);
    json_write_key(w, "sha256");
    json_write_begin_object(w);
    for (size_t i = 0; files != NULL && i < files->count; i++)
        member_string(w, models_file_names[files->of[i].file], files->of[i].sha256);
    json_write_end_object(w);
    json_write_end_object(w);
}

static void put_totals(json_writer *w, const shadow_totals *t)
{
    json_write_key(w, "counts");
    json_write_begin_object(w);
    member_count(w, "compared", t->compared);
    member_count(w, "disagreements", t->disagreements);
    member_count(w, "criticals", t->criticals);
    member_count(w, "criticals_lowered", t->criticals_lowered);
    member_count(w, "forwarded_lowered", t->forwarded_lowered);
    json_write_key(w, "skipped");
    json_write_begin_object(w);
    for (size_t i = 0; i < SHADOW_SKIPS; i++)
        member_count(w, shadow_skip_names[i], t->skipped[i]);
    json_write_end_object(w);
    json_write_key(w, "by_live_then_candidate");
    json_write_begin_object(w);
    for (size_t a = 0; a < ALF_CATEGORIES; a++) {
        json_write_key(w, alf_category_name((alf_category)a));
        json_write_begin_object(w);
        for (size_t b = 0; b < ALF_CATEGORIES; b++)
            member_count(w, alf_category_name((alf_category)b), t->logs[a][b]);
        json_write_end_object(w);
    }
    json_write_end_object(w);
    json_write_end_object(w);
}

static void put_verdict(json_writer *w, const char *key, alf_category category, double confidence)
{
    json_write_key(w, key);
    json_write_begin_object(w);
    member_string(w, "category", alf_category_name(category));
    json_write_key(w, "confidence");
    json_write_double(w, confidence);
    json_write_end_object(w);
}

static void put_samples(json_writer *w, shadow *s)
{
    json_write_key(w, "samples");
    json_write_begin_array(w);
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->sample_count; i++) {
        const shadow_sample *one = &s->samples[i];
        json_write_begin_object(w);
        member_time(w, "time", one->at);
        put_verdict(w, "live", one->live, one->live_confidence);
        put_verdict(w, "candidate", one->candidate, one->candidate_confidence);
        json_write_key(w, "message");
        json_write_string(w, span_of(one->text, one->kept));
        member_count(w, "message_bytes", one->size);
        json_write_end_object(w);
    }
    (void)pthread_mutex_unlock(&s->lock);
    json_write_end_array(w);
}

/* What the operator writes into the configuration, so that it says what runs. */
static void put_configuration(json_writer *w, const classifier_options *promoted)
{
    static const char *const keys[] = {"model.path", "rules.path", "shadow.path",
                                       "shadow.rules_path"};
    const char *const values[] = {promoted->bundle,
                                  promoted->rules_path != NULL ? promoted->rules_path : "", "", ""};
    json_write_key(w, "configuration");
    json_write_begin_object(w);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        member_string(w, keys[i], values[i]);
    json_write_end_object(w);
}

static bool is_resting(shadow *s)
{
    return breaker_state_at(&s->breaker, clock_now()) == BREAKER_OPEN;
}

static void describe(shadow_judgement found, const shadow_totals *t, const generation *g, char *out,
                     size_t size)
{
    const serve_settings *s = &g->plan.settings;
    const models *live = &g->classifier->models;
    const models *candidate = &g->shadow->classifier->models;
    switch (found) {
    case SHADOW_LACKS_MODEL:
        (void)snprintf(out, size,
                       "the candidate has no %s, which the live bundle has; \"force\" does not "
                       "change that",
                       models_lacks(candidate, live));
        break;
    case SHADOW_LOWERS_CRITICALS:
        (void)snprintf(out, size,
                       "the candidate would lower %" PRIu64 " of %" PRIu64
                       " critical logs; \"force\" does not change that",
                       t->criticals_lowered, t->criticals);
        break;
    case SHADOW_TOO_FEW:
        (void)snprintf(out, size,
                       "%" PRIu64 " logs were compared, fewer than shadow.least_logs, %.0f",
                       t->compared, s->shadow_least_logs);
        break;
    case SHADOW_TOO_FEW_CRITICALS:
        (void)snprintf(out, size,
                       "%" PRIu64 " critical logs were compared, fewer than "
                       "shadow.least_criticals, %.0f",
                       t->criticals, s->shadow_least_criticals);
        break;
    case SHADOW_FAILS:
        (void)snprintf(out, size, "the candidate failed on %" PRIu64 " logs that the live one did",
                       t->skipped[SHADOW_SKIP_FAILED]);
        break;
    case SHADOW_RESTS:
        (void)snprintf(out, size, "the candidate is too slow or fails repeatedly; it rests now");
        break;
    case SHADOW_FITS:
        (void)snprintf(out, size,
                       "%" PRIu64 " logs were compared, %" PRIu64
                       " of them critical, and no critical was lowered",
                       t->compared, t->criticals);
    }
}

/* ---- for the control thread ---- */

static shadow_judgement judge(const server *s, const shadow_totals *t, bool force)
{
    const generation *g = s->current;
    const serve_settings *settings = &g->plan.settings;
    const shadow_terms terms = {
        .least_logs = (uint64_t)settings->shadow_least_logs,
        .least_criticals = (uint64_t)settings->shadow_least_criticals,
        .resting = is_resting(g->shadow),
        .lacks_model = models_lacks(&g->shadow->classifier->models, &g->classifier->models) != NULL,
        .force = force};
    return shadow_judge(t, &terms);
}

static void put_candidate(json_writer *w, server *s)
{
    char why[256];
    shadow_totals totals;
    const generation *g = s->current;
    shadow_read(&g->shadow->counts, &totals);
    put_bundle(w, "live", &g->plan.classifier, &g->shadow->live_files);
    put_bundle(w, "candidate", &g->plan.shadow, &g->shadow->files);
    member_time(w, "since", g->loaded_at);
    json_write_key(w, "share");
    json_write_double(w, g->plan.settings.shadow_share);
    put_totals(w, &totals);
    shadow_judgement found = judge(s, &totals, false);
    describe(found, &totals, g, why, sizeof why);
    json_write_key(w, "promotion");
    json_write_begin_object(w);
    json_write_key(w, "allowed");
    json_write_bool(w, found == SHADOW_FITS);
    member_string(w, "reason", why);
    member_count(w, "least_logs", (uint64_t)g->plan.settings.shadow_least_logs);
    member_count(w, "least_criticals", (uint64_t)g->plan.settings.shadow_least_criticals);
    json_write_end_object(w);
    put_samples(w, g->shadow);
}

int shadow_report(server *s, buf *out)
{
    json_writer w;
    const generation *g = s->current;
    const char *state = g->shadow != NULL     ? is_resting(g->shadow) ? "resting" : "running"
                        : g->promoted != NULL ? "promoted"
                                              : "none";
    buf_clear(out);
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    member_string(&w, "state", state);
    member_count(&w, "generation", g->number);
    if (g->shadow != NULL)
        put_candidate(&w, s);
    else
        put_bundle(&w, "live", &g->plan.classifier,
                   g->promoted != NULL ? &g->promoted->files : NULL);
    if (g->promoted != NULL)
        put_configuration(&w, &g->plan.classifier);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
    return 200;
}

int shadow_may_promote(server *s, bool force, buf *out)
{
    char why[256] = "there is no candidate: shadow.path is not set";
    json_writer w;
    shadow_totals totals;
    const generation *g = s->current;
    if (g->shadow == NULL && g->promoted != NULL)
        (void)snprintf(why, sizeof why, "the candidate is promoted already");
    buf_clear(out);
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    if (g->shadow != NULL) {
        shadow_read(&g->shadow->counts, &totals);
        shadow_judgement found = judge(s, &totals, force);
        if (found == SHADOW_FITS) {
            buf_clear(out);
            return 200;
        }
        describe(found, &totals, g, why, sizeof why);
        put_totals(&w, &totals);
    }
    member_string(&w, "detail", why);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
    return 409;
}

void shadow_promoted(server *s, buf *out)
{
    json_writer w;
    shadow_totals totals;
    const generation *g = s->current;
    shadow_read(&g->promoted->counts, &totals);
    buf_clear(out);
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    member_string(&w, "status", "promoted");
    member_count(&w, "generation", g->number);
    put_totals(&w, &totals);
    member_string(&w, "advice",
                  "The configuration still names the bundle of before, which a restart or a reload "
                  "brings back. Set what follows in it (an empty value: remove the key), and in "
                  "whatever overrides it: --model, --rules, MODEL_PATH, ALF_SHADOW_PATH, "
                  "ALF_SHADOW_RULES_PATH.");
    put_configuration(&w, &g->plan.classifier);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

/* ---- metrics ---- */

static void gauge(buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "gauge", help);
    metrics_sample(out, name, NULL, 0, value);
}

void shadow_metrics(const server *s, const generation *g, buf *out)
{
    shadow_totals t;
    const char *name = "ai_filter_shadow_logs_total";
    shadow_read(&s->shadow_total, &t);
    metrics_head(out, name, "counter", "Logs compared with a candidate, by the two categories.");
    for (size_t a = 0; a < ALF_CATEGORIES; a++)
        for (size_t b = 0; b < ALF_CATEGORIES; b++) {
            metrics_label labels[2] = {
                {"live", span_from_string(alf_category_name((alf_category)a))},
                {"candidate", span_from_string(alf_category_name((alf_category)b))}};
            metrics_sample(out, name, labels, 2, (double)t.logs[a][b]);
        }
    name = "ai_filter_shadow_skipped_total";
    metrics_head(out, name, "counter", "Logs not compared with the candidate there was, and why.");
    for (size_t i = 0; i < SHADOW_SKIPS; i++)
        metrics_sample(out, name,
                       &(metrics_label){"reason", span_from_string(shadow_skip_names[i])}, 1,
                       (double)t.skipped[i]);
    gauge(out, "ai_filter_shadow_loaded", "1: a candidate runs beside the live bundle.",
          g->shadow != NULL);
    gauge(out, "ai_filter_shadow_promoted",
          "1: the live bundle was promoted and a restart or reload would bring back the one of "
          "before.",
          g->promoted != NULL);
}
