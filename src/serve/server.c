/* The service from start to end: signals, workers, shutdown. */
#include "serve/serve.h"

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/patterns.h"
#include "serve/control.h"
#include "serve/listen.h"
#include "serve/notify.h"
#include "serve/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- signals ---- */

static void begin_shutdown(server *s, const char *why)
{
    log_message m;
    if (atomic_exchange(&s->draining, true))
        return;
    double seconds = s->current->plan.settings.shutdown_seconds;
    log_start(&m, LOG_LEVEL_INFO, "shutting down: accepting no more, finishing what is under way");
    log_string(&m, "signal", why);
    log_number(&m, "within_seconds", seconds);
    log_send(&m);
    (void)notify_manager("STOPPING=1");
    s->drain_until = clock_now() + (uint64_t)(seconds * 1e9);
    for (unsigned i = 0; i < s->worker_count; i++) {
        mail *drain = mail_new(MAIL_DRAIN);
        if (drain != NULL)
            mailbox_send(&s->workers[i].mail, drain);
        else
            s->drain_until = 0;
    }
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    server *s = context;
    alf_error err;
    const char *warning;
    (void)what;
    if (number == SIGHUP)
        (void)control_reload(s, &warning, &err);
    else
        begin_shutdown(s, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static alf_status watch_signals(server *s, alf_error *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        s->signals[i] = evsignal_new(s->base, numbers[i], on_signal, s);
        if (s->signals[i] == NULL || event_add(s->signals[i], NULL) != 0)
            return error_nomem(err, "signals");
    }
    return ALF_OK;
}

/* ---- setting up ---- */

/* As many files as the system lets us have: each connection is one. */
static void raise_file_limit(const serve_settings *settings)
{
    struct rlimit limit;
    log_message m;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if ((double)limit.rlim_cur >= settings->max_connections + 64)
        return;
    log_start(&m, LOG_LEVEL_WARNING,
              "fewer files may be open than server.max_connections; raise the limit (ulimit -Hn)");
    log_integer(&m, "files", (int64_t)limit.rlim_cur);
    log_send(&m);
}

static bool is_loopback(const char *listen)
{
    for (const char *p = listen; *p != '\0';) {
        p += strspn(p, " ,");
        if (*p != '\0' && strncmp(p, "127.", 4) != 0 && strncmp(p, "[::1]", 5) != 0 &&
            strncmp(p, "localhost:", 10) != 0)
            return false;
        p += strcspn(p, " ,");
    }
    return true;
}

static void warn_open(const generation *g)
{
    log_message m;
    const serve_settings *s = &g->plan.settings;
    if (is_loopback(s->listen) || g->api.count > 0 || s->client_ca[0] != '\0')
        return;
    log_start(&m, LOG_LEVEL_WARNING,
              "whoever reaches this address can use the API: set security.api_tokens_file");
    log_send(&m);
}

/* Never silently: with rules interpreted the service does less. */
static void tell_interpreted(void)
{
    log_message m;
    log_start(&m, LOG_LEVEL_INFO,
              "rules are interpreted, in about twice the time: the system allows no memory that is "
              "writable and executable (systemd: MemoryDenyWriteExecute)");
    log_send(&m);
}

static alf_status set_up(server *s, alf_error *err)
{
    generation *g;
    TRY(generation_load(s->source, 1, &g, err));
    s->generations = 1;
    control_use(s, g);
    const serve_settings *settings = &g->plan.settings;
    s->worker_count =
        settings->workers > 0 ? (unsigned)settings->workers : (unsigned)cgroup_threads();
    s->base = event_base_new();
    s->limits = limits_new();
    s->workers = mem_calloc(s->worker_count, sizeof *s->workers);
    if (s->base == NULL || s->limits == NULL || s->workers == NULL)
        return error_nomem(err, "the service");
    TRY(mailbox_init(&s->mail, s->base, control_take, s, err));
    TRY(watch_signals(s, err));
    if (settings->feedback_path[0] != '\0')
        TRY(feedback_open(&s->feedback, settings->feedback_path, err));
    raise_file_limit(settings);
    warn_open(g);
    s->machine_code = pattern_machine_code();
    if (!s->machine_code)
        tell_interpreted();
    TRY(listen_open(s, settings->listen, err));
    for (unsigned i = 0; i < s->worker_count; i++)
        TRY(worker_init(&s->workers[i], s, i, err));
    return ALF_OK;
}

/* ---- running ---- */

static void kill_late(server *s)
{
    static log_limit limit;
    log_message m;
    log_start_limited(&m, &limit, LOG_LEVEL_WARNING,
                      "requests are given up: server.shutdown_seconds are over");
    log_integer(&m, "connections", (int64_t)atomic_load(&s->connections));
    log_send(&m);
    atomic_store(&s->give_up, true);
    for (unsigned i = 0; i < s->worker_count; i++) {
        mail *drain = mail_new(MAIL_DRAIN); /* wakes it */
        if (drain != NULL)
            mailbox_send(&s->workers[i].mail, drain);
    }
}

static void warn_manager(void)
{
    log_message m;
    log_start(&m, LOG_LEVEL_WARNING, "the socket that NOTIFY_SOCKET names could not be told");
    log_send(&m);
}

static alf_status run(server *s, alf_error *err)
{
    static const struct timeval tick = {.tv_usec = 100000};
    alf_status status = ALF_OK;
    for (unsigned i = 0; i < s->worker_count && status == ALF_OK; i++) {
        status = worker_start(&s->workers[i], err);
        s->running += status == ALF_OK;
    }
    if (status != ALF_OK)
        begin_shutdown(s, "none");
    else if (!notify_manager("READY=1"))
        warn_manager();
    while (s->running > 0) {
        bool draining = atomic_load(&s->draining);
        if (draining)
            (void)event_base_loopexit(s->base, &tick);
        if (event_base_loop(s->base, EVLOOP_ONCE) < 0)
            begin_shutdown(s, "none");
        control_settle(s);
        if (draining && clock_now() > s->drain_until && !atomic_load(&s->give_up))
            kill_late(s);
    }
    return status;
}

static void tear_down(server *s)
{
    /* A second signal must not end what is being ended in order. */
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (unsigned i = 0; s->workers != NULL && i < s->worker_count; i++)
        if (s->workers[i].started)
            (void)pthread_join(s->workers[i].thread, NULL);
    /* Tasks that came last are still done; their answers find nobody. */
    mailbox_take(&s->mail);
    control_settle(s);
    for (unsigned i = 0; s->workers != NULL && i < s->worker_count; i++)
        worker_fini(&s->workers[i]);
    mem_free(s->workers);
    listen_close(s);
    mailbox_fini(&s->mail);
    for (size_t i = 0; i < sizeof s->signals / sizeof *s->signals; i++)
        if (s->signals[i] != NULL)
            event_free(s->signals[i]);
    if (s->base != NULL)
        event_base_free(s->base);
    feedback_close(&s->feedback);
    limits_free(s->limits);
    generation_release(s->current);
    (void)pthread_mutex_destroy(&s->reload_lock);
}

alf_status serve_run(const serve_source *source, alf_error *err)
{
    server *s = mem_calloc(1, sizeof *s);
    if (s == NULL || pthread_mutex_init(&s->reload_lock, NULL) != 0) {
        mem_free(s);
        return error_nomem(err, "the service");
    }
    s->source = source;
    s->feedback.fd = -1;
    s->started = clock_now();
    s->started_at = (int64_t)time(NULL);
    alf_status status = set_up(s, err);
    if (status == ALF_OK)
        status = run(s, err);
    tear_down(s);
    mem_free(s);
    if (status == ALF_OK) {
        log_message m;
        log_start(&m, LOG_LEVEL_INFO, "stopped");
        log_send(&m);
    }
    return status;
}

/* ---- checking ---- */

static void report_proof(const replay *proof, buf *out)
{
    if (proof->logs > 0)
        buf_printf(out, "proof        replayed: %" PRIu64 " logs answered as when converted\n",
                   proof->logs);
    else
        buf_printf(out, "proof        every built-in log is classified; nothing to replay\n");
    if (proof->gap[0] != '\0')
        buf_printf(out, "             not proved: %s\n", proof->gap);
}

static void report_generation(const generation *g, buf *out)
{
    const models *m = &g->classifier->models;
    const serve_settings *s = &g->plan.settings;
    buf_printf(out, "bundle       %s: text model %s, anomaly detector %s, run by %s\n",
               g->plan.classifier.bundle, m->has_text ? "loaded" : "absent",
               m->has_anomaly ? "loaded" : "absent", models_run_on(m));
    report_proof(&g->proof, out);
    buf_printf(out, "rules        %zu%s, %s\n", ruleset_rule_count(g->classifier->rules),
               g->classifier->rules_built_in ? " (built in)" : "",
               pattern_machine_code() ? "as machine code" : "interpreted");
    if (m->benchmark_problem[0] != '\0')
        buf_printf(out, "benchmark    not used: %s\n", m->benchmark_problem);
    if (g->shadow != NULL) {
        buf_printf(
            out,
            "candidate    %s: share %g, %g logs, %g of them critical, before it can be promoted\n",
            g->plan.shadow.bundle, s->shadow_share, s->shadow_least_logs,
            s->shadow_least_criticals);
        report_proof(&g->shadow->proof, out);
    }
    buf_printf(out, "listen       %s, %s\n", s->listen,
               g->tls == NULL            ? "without TLS"
               : s->client_ca[0] != '\0' ? "TLS with client certificates"
                                         : "TLS");
    buf_printf(out, "tokens       API %zu, metrics %zu, admin %zu\n", g->api.count,
               g->metrics.count, g->admin.count);
    buf_printf(out, "feedback     %s\n",
               s->feedback_path[0] != '\0' ? s->feedback_path : "refused");
}

alf_status serve_check(const serve_source *source, buf *report, alf_error *err)
{
    generation *g;
    TRY(generation_load(source, 1, &g, err));
    alf_status status = listen_check(g->plan.settings.listen, err);
    if (status == ALF_OK && g->plan.settings.feedback_path[0] != '\0') {
        feedback f;
        status = feedback_open(&f, g->plan.settings.feedback_path, err);
        feedback_close(&f);
    }
    if (status == ALF_OK)
        report_generation(g, report);
    generation_release(g);
    return status == ALF_OK ? buf_status(report, err) : status;
}
