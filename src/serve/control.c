/*
 * The control thread's work: reloads and feedback. A reload loads aside, gives every worker its use
 * of the new generation, and lets go of the old one; its last user frees it.
 */
#include "serve/control.h"

#include "base/log.h"
#include "base/span.h"
#include "codec/json_write.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- answers ---- */

static void answer(mail *task, int status)
{
    task->kind = MAIL_ANSWER;
    task->status = status;
    mailbox_send(&task->from->mail, task);
}

static void answer_detail(mail *task, int status, const char *detail)
{
    json_writer w;
    buf_clear(&task->text);
    json_write_init(&w, &task->text, false);
    json_write_begin_object(&w);
    json_write_key(&w, "detail");
    json_write_cstring(&w, detail);
    json_write_end_object(&w);
    buf_append_char(&task->text, '\n');
    answer(task, status);
}

static void answer_error(mail *task, int status, const alf_error *err)
{
    char text[1024];
    answer_detail(task, status, error_text(err, text, sizeof text));
}

/* ---- reload ---- */

/* A use for each worker, or none at all. */
static alf_status make_uses(server *s, generation *g, mail **list, alf_error *err)
{
    *list = NULL;
    for (unsigned i = 0; i < s->worker_count; i++) {
        mail *m = mail_new(MAIL_USE);
        alf_status status =
            m == NULL ? error_nomem(err, "a reload") : generation_use_new(g, &m->use, err);
        if (m != NULL) {
            m->from = &s->workers[i];
            m->next = *list;
            *list = m;
        }
        if (status == ALF_OK)
            continue;
        while (*list != NULL) {
            mail *next = (*list)->next;
            mail_free(*list);
            *list = next;
        }
        return status;
    }
    return ALF_OK;
}

/* A bundle without a model that the running one has is more likely half copied than meant. */
static alf_status check_complete(const generation *old, const generation *new, alf_error *err)
{
    const char *lacks = models_lacks(&new->classifier->models, &old->classifier->models);
    if (lacks == NULL)
        return ALF_OK;
    error_set(err, ALF_E_NOT_FOUND,
              "the new bundle has no %s, which the running one has; restart the service if that is "
              "meant",
              lacks);
    error_file(err, new->plan.classifier.bundle);
    return ALF_E_NOT_FOUND;
}

static void warn_fixed(const serve_settings *old, const serve_settings *new)
{
    log_message m;
    if (strcmp(old->listen, new->listen) == 0 && old->workers == new->workers &&
        old->batch_size == new->batch_size)
        return;
    log_start(
        &m, LOG_LEVEL_WARNING,
        "server.listen, server.workers and model.performance.batch_size change with a restart "
        "only");
    log_send(&m);
}

/* How far a bundle is proved; what cannot be replayed is no reason not to use it. */
static void say_proof(const char *bundle, const replay *proof)
{
    log_message m;
    if (proof->gap[0] == '\0')
        log_start(&m, LOG_LEVEL_INFO, "the bundle answers as when it was converted and proved");
    else
        log_start(&m, LOG_LEVEL_WARNING,
                  proof->logs > 0 ? "the bundle's proof is replayed in part only"
                                  : "the bundle's proof cannot be replayed; it was only checked "
                                    "that the bundle classifies");
    log_string(&m, "bundle", bundle);
    log_integer(&m, "logs", (int64_t)proof->logs);
    if (proof->gap[0] != '\0')
        log_string(&m, "reason", proof->gap);
    log_send(&m);
}

/* A wrong benchmark.json costs a metric, not the service. */
static void warn_of_benchmark(const generation *g)
{
    log_message m;
    if (g->classifier->models.benchmark_problem[0] == '\0')
        return;
    log_start(&m, LOG_LEVEL_WARNING,
              "benchmark.json is not used; ai_filter_onnx_performance_improvement is absent");
    log_string(&m, "error", g->classifier->models.benchmark_problem);
    log_send(&m);
}

void control_use(server *s, generation *g)
{
    log_level level = LOG_LEVEL_INFO;
    const serve_settings *settings = &g->plan.settings;
    (void)log_level_from_name(settings->log_level, &level);
    log_configure(level, strcmp(settings->log_format, "json") == 0);
    if (g->promoted == NULL) /* else it was said when the candidate was loaded */
        say_proof(g->plan.classifier.bundle, &g->proof);
    if (g->shadow != NULL)
        say_proof(g->plan.shadow.bundle, &g->shadow->proof);
    warn_of_benchmark(g);
    generation_release(s->current);
    s->current = g;
}

/* MOST_ALIVE: endless requests keep old generations in memory; reloads must not pile them up. */
enum { MOST_ALIVE = 8 };

static alf_status check_alive(alf_error *err)
{
    if (generation_alive() < MOST_ALIVE)
        return ALF_OK;
    return error_set(err, ALF_E_LIMIT,
                     "%d earlier configurations are in use by requests under way; try again when "
                     "they are done",
                     (int)MOST_ALIVE - 1);
}

/* Gives g to the workers; it is released when that fails. */
static alf_status install(server *s, generation *g, alf_error *err)
{
    mail *list;
    alf_status status = make_uses(s, g, &list, err);
    if (status != ALF_OK) {
        generation_release(g);
        return status;
    }
    s->generations++;
    while (list != NULL) {
        mail *next = list->next;
        mailbox_send(&list->from->mail, list);
        list = next;
    }
    control_use(s, g);
    return ALF_OK;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* By another name too: a link is how bundles are often changed. */
static bool same_folder(const char *a, const char *b)
{
    struct stat one;
    struct stat other;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* A reload does what the configuration says, even where that takes back a promotion. */
static const char *undone(const generation *old, const generation *new)
{
    const classifier_options *a = &old->plan.classifier;
    const classifier_options *b = &new->plan.classifier;
    if (old->promoted == NULL ||
        (same_folder(a->bundle, b->bundle) && same_text(a->rules_path, b->rules_path)))
        return NULL;
    return "the promotion is undone: the configuration still named the bundle of before";
}

/* *warning: what a reload that succeeds has to say, or NULL. */
static alf_status load(server *s, const char **warning, alf_error *err)
{
    generation *g;
    TRY(check_alive(err));
    TRY(generation_load(s->source, s->generations + 1, &g, err));
    alf_status status = check_complete(s->current, g, err);
    if (status != ALF_OK) {
        generation_release(g);
        return status;
    }
    warn_fixed(&s->current->plan.settings, &g->plan.settings);
    *warning = undone(s->current, g);
    return install(s, g, err);
}

static void remember_failure(server *s, const alf_error *err)
{
    char text[1024];
    (void)error_text(err, text, sizeof text);
    (void)pthread_mutex_lock(&s->reload_lock);
    memcpy(s->reload_error, text, sizeof text);
    s->reload_failed_at = (int64_t)time(NULL);
    (void)pthread_mutex_unlock(&s->reload_lock);
}

alf_status control_reload(server *s, const char **warning, alf_error *err)
{
    log_message m;
    *warning = NULL;
    alf_status status = load(s, warning, err);
    if (status == ALF_OK) {
        atomic_fetch_add(&s->reloads_done, 1);
        log_start(&m, *warning != NULL ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                  *warning != NULL ? *warning : "reloaded");
        log_integer(&m, "generation", (int64_t)s->generations);
        log_string(&m, "bundle", s->current->plan.classifier.bundle);
    } else {
        atomic_fetch_add(&s->reloads_failed, 1);
        atomic_fetch_add(&s->reload_failures[status <= ALF_E_INTERNAL ? status : ALF_E_INTERNAL],
                         1);
        remember_failure(s, err);
        log_start(&m, LOG_LEVEL_ERROR, "the reload failed; the service goes on as it was");
        log_error(&m, err);
    }
    log_send(&m);
    return status;
}

static void reload_for(server *s, mail *task)
{
    alf_error err = {0};
    const char *warning;
    if (control_reload(s, &warning, &err) != ALF_OK) {
        answer_error(task, 500, &err);
        return;
    }
    buf_clear(&task->text);
    buf_printf(&task->text, "{\"status\":\"reloaded\",\"generation\":%llu",
               (unsigned long long)s->generations);
    if (warning != NULL)
        buf_printf(&task->text, ",\"warning\":\"%s\"", warning);
    buf_append_string(&task->text, "}\n");
    answer(task, 200);
}

/* ---- the candidate ---- */

static void answer_buffer(mail *task, int status)
{
    if (task->text.failed)
        answer_detail(task, 503, "out of memory");
    else
        answer(task, status);
}

static void promote_for(server *s, mail *task)
{
    log_message m;
    alf_error err = {0};
    generation *g;
    bool force = task->text.size > 0;
    int status = shadow_may_promote(s, force, &task->text);
    if (status != 200) {
        answer_buffer(task, status);
        return;
    }
    if (check_alive(&err) != ALF_OK ||
        generation_promote(s->current, s->generations + 1, &g, &err) != ALF_OK ||
        install(s, g, &err) != ALF_OK) {
        answer_error(task, 500, &err);
        return;
    }
    log_start(&m, LOG_LEVEL_WARNING,
              "the candidate is promoted; the configuration still names the bundle of before");
    log_integer(&m, "generation", (int64_t)s->generations);
    log_string(&m, "bundle", s->current->plan.classifier.bundle);
    log_send(&m);
    shadow_promoted(s, &task->text);
    answer_buffer(task, 200);
}

/* ---- feedback ---- */

static alf_status append(server *s, const mail *task, alf_error *err)
{
    const serve_settings *settings = &s->current->plan.settings;
    if (s->feedback.fd < 0)
        TRY(feedback_open(&s->feedback, settings->feedback_path, err));
    uint64_t most = (uint64_t)(settings->feedback_max_mb * 1024 * 1024);
    return feedback_append(&s->feedback, buf_span(&task->text), most, err);
}

static void fail_feedback(server *s, mail *task, const alf_error *err)
{
    static log_limit limit;
    log_message m;
    bool full = err->status == ALF_E_LIMIT;
    atomic_fetch_add(&s->feedback_failed, 1);
    atomic_store(&s->feedback_broken, true);
    log_start_limited(&m, &limit, LOG_LEVEL_ERROR, "feedback is lost");
    log_error(&m, err);
    log_send(&m);
    answer_detail(task, full ? 507 : 503,
                  full ? "the feedback file is full" : "the feedback cannot be written");
}

static void feedback_for(server *s, mail *task)
{
    alf_error err = {0};
    if (append(s, task, &err) != ALF_OK) {
        fail_feedback(s, task, &err);
        return;
    }
    /* Answered when it is on the disk: control_settle. */
    task->next = s->unsynced;
    s->unsynced = task;
}

void control_settle(server *s)
{
    alf_error err = {0};
    if (s->unsynced == NULL)
        return;
    bool done = feedback_sync(&s->feedback, &err) == ALF_OK;
    while (s->unsynced != NULL) {
        mail *task = s->unsynced;
        s->unsynced = task->next;
        if (!done) {
            fail_feedback(s, task, &err);
            continue;
        }
        atomic_fetch_add(&s->feedback_written, 1);
        atomic_store(&s->feedback_broken, false);
        buf_clear(&task->text);
        buf_append_string(&task->text, "{\"status\":\"stored\"}\n");
        answer(task, 200);
    }
}

void control_take(void *owner, mail *m)
{
    server *s = owner;
    if (m->kind == MAIL_RELOAD)
        reload_for(s, m);
    else if (m->kind == MAIL_FEEDBACK)
        feedback_for(s, m);
    else if (m->kind == MAIL_SHADOW)
        answer_buffer(m, shadow_report(s, &m->text));
    else if (m->kind == MAIL_PROMOTE)
        promote_for(s, m);
    else {
        s->running--;
        mail_free(m);
    }
}
