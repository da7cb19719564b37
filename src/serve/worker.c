/* A worker: its loop, its listeners, its mail. */
#define _GNU_SOURCE /* for pthread_setname_np */
#include "serve/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "serve/batch.h"

#include <errno.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* SWEEP: how often connections are looked at for their time, in microseconds. */
enum { SWEEP = 100000 };

/* ---- events ---- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *context)
{
    (void)listener;
    (void)size;
    connection_accept(context, fd, address);
}

/* The system refuses (no file descriptors): waiting is better than spinning. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    static log_limit limit;
    static const struct timeval pause = {.tv_usec = 100000};
    worker *w = context;
    log_message m;
    (void)listener;
    log_start_limited(&m, &limit, LOG_LEVEL_ERROR, "cannot accept connections for now");
    log_string(&m, "error", strerror(errno));
    log_send(&m);
    metrics_add_labelled(&w->metrics.rejected, SPAN_LITERAL("accept"), SPAN_LITERAL(""), 1);
    for (size_t i = 0; i < w->listener_count; i++)
        (void)evconnlistener_disable(w->listeners[i]);
    (void)evtimer_add(w->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    worker *w = context;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < w->listener_count; i++)
        (void)evconnlistener_enable(w->listeners[i]);
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    worker *w = context;
    uint64_t now = clock_now();
    (void)fd;
    (void)what;
    for (connection *c = w->connections, *next; c != NULL; c = next) {
        next = c->next;
        connection_check_time(c, now);
    }
    shadow_flush(w->shadow);
}

static void on_later(evutil_socket_t fd, short what, void *context)
{
    /* It is enough that the loop wakes up. */
    (void)fd;
    (void)what;
    (void)context;
}

static void close_listeners(worker *w)
{
    for (size_t i = 0; i < w->listener_count; i++)
        evconnlistener_free(w->listeners[i]);
    w->listener_count = 0;
}

static void begin_drain(worker *w)
{
    /* What the system has accepted already is ours to answer. */
    (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
    w->draining = true;
    w->drain_began = clock_now();
    (void)event_del(w->resume);
    close_listeners(w);
}

static void take_mail(void *owner, mail *m)
{
    worker *w = owner;
    if (m->kind == MAIL_USE) {
        generation_use_leave(w->use);
        w->use = m->use;
        m->use = NULL;
        shadow_change(w->shadow, w->use->of);
    } else if (m->kind == MAIL_ANSWER) {
        job *j = m->job;
        j->queued = false;
        if (j->owner != NULL)
            connection_answer(j->owner, m->status, buf_span(&m->text));
        else
            job_free(w, j);
    } else if (m->kind == MAIL_DRAIN)
        w->drain_asked = true;
    mail_free(m);
}

bool worker_ask(worker *w, mail_kind kind, job *j, buf *text)
{
    mail *m = mail_new(kind);
    if (m == NULL)
        return false;
    m->from = w;
    m->job = j;
    if (text != NULL) {
        m->text = *text;
        buf_init(text);
    }
    j->queued = true;
    mailbox_send(&w->server->mail, m);
    return true;
}

/* ---- the loop ---- */

static void publish(worker *w)
{
    atomic_store_explicit(&w->metrics.connections, (int64_t)w->connection_count,
                          memory_order_relaxed);
    atomic_store_explicit(&w->metrics.buffered, (int64_t)w->buffered, memory_order_relaxed);
}

static void wait_for_batch(worker *w, uint64_t wait)
{
    struct timeval time = {.tv_sec = (time_t)(wait / 1000000000u),
                           .tv_usec = (suseconds_t)(wait % 1000000000u / 1000u) + 1};
    if (wait > 0 && !evtimer_pending(w->later, NULL))
        (void)evtimer_add(w->later, &time);
}

static void run_loop(worker *w)
{
    while (!w->draining || w->connections != NULL) {
        uint64_t wait;
        bool due = batch_due(w, clock_now(), &wait);
        wait_for_batch(w, wait);
        if (event_base_loop(w->base, due ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
            break;
        if (w->drain_asked && !w->draining)
            begin_drain(w);
        if (atomic_load_explicit(&w->server->give_up, memory_order_relaxed))
            break;
        if (batch_due(w, clock_now(), &wait))
            batch_run(w);
        connection_free_dead(w);
        publish(w);
    }
}

static void *run(void *context)
{
    worker *w = context;
    char name[16];
    (void)snprintf(name, sizeof name, "alf-worker-%u", w->index);
    (void)pthread_setname_np(pthread_self(), name);
    run_loop(w);
    mail *m = mail_new(MAIL_ENDED);
    if (m != NULL) {
        m->from = w;
        mailbox_send(&w->server->mail, m);
    }
    return NULL;
}

/* ---- life ---- */

static alf_status listen_on(worker *w, int fd, alf_error *err)
{
    struct evconnlistener *l = evconnlistener_new(
        w->base, on_accept, w, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (l == NULL)
        return error_set(err, ALF_E_IO, "cannot listen: %s", strerror(errno));
    evconnlistener_set_error_cb(l, on_accept_error);
    w->listeners[w->listener_count++] = l;
    return ALF_OK;
}

static alf_status make_events(worker *w, alf_error *err)
{
    static const struct timeval sweep = {.tv_usec = SWEEP};
    struct event_config *config = event_config_new();
    if (config != NULL) {
        (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        w->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (w->base == NULL)
        return error_nomem(err, "an event loop");
    w->sweep = event_new(w->base, -1, EV_PERSIST, on_sweep, w);
    w->resume = evtimer_new(w->base, on_resume, w);
    w->later = evtimer_new(w->base, on_later, w);
    if (w->sweep == NULL || w->resume == NULL || w->later == NULL ||
        event_add(w->sweep, &sweep) != 0)
        return error_nomem(err, "an event loop");
    return mailbox_init(&w->mail, w->base, take_mail, w, err);
}

alf_status worker_init(worker *w, server *s, unsigned index, alf_error *err)
{
    w->server = s;
    w->index = index;
    w->batch_capacity = (size_t)s->current->plan.settings.batch_size;
    if (getrandom(&w->random, sizeof w->random, 0) != (ssize_t)sizeof w->random)
        w->random = clock_now();
    w->events = mem_calloc(w->batch_capacity, sizeof *w->events);
    w->verdicts = mem_calloc(w->batch_capacity, sizeof *w->verdicts);
    w->listeners = mem_calloc(s->address_count, sizeof(struct evconnlistener *));
    if (w->events == NULL || w->verdicts == NULL || w->listeners == NULL)
        return error_nomem(err, "a worker");
    TRY(make_events(w, err));
    TRY(generation_use_new(s->current, &w->use, err));
    for (size_t i = 0; i < s->address_count; i++) {
        int *fd = &s->sockets[index * s->address_count + i];
        TRY(listen_on(w, *fd, err));
        *fd = -1; /* the listener's now */
    }
    return ALF_OK;
}

alf_status worker_start(worker *w, alf_error *err)
{
    /* Signals are for the control thread. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&w->thread, NULL, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return error_set(err, ALF_E_IO, "cannot start a thread: %s", strerror(failed));
    w->started = true;
    return ALF_OK;
}

void worker_fini(worker *w)
{
    shadow_stop(w->shadow);
    close_listeners(w);
    while (w->connections != NULL)
        connection_kill(w->connections);
    connection_free_dead(w);
    while (w->queue_first != NULL) {
        job *j = w->queue_first;
        w->queue_first = j->next;
        job_free(w, j);
    }
    mailbox_take(&w->mail);
    while (w->pool != NULL) {
        job *j = w->pool;
        w->pool = j->next;
        job_destroy(j);
    }
    mailbox_fini(&w->mail);
    struct event *const events[] = {w->sweep, w->resume, w->later};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (w->base != NULL)
        event_base_free(w->base);
    generation_use_leave(w->use);
    mem_free(w->listeners);
    mem_free(w->events);
    mem_free(w->verdicts);
}
