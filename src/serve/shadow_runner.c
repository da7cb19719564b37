/*
 * The thread beside a worker. The worker fills a batch, and puts it into `ready` when that is
 * empty; the thread takes it from there and gives its memory back through `spare`. The two never
 * wait for each other, and no lock is shared, so that a thread of low priority cannot hold up the
 * worker.
 */
#include "serve/shadow.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"

#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* LOGS, BYTES: of a batch. SLICE: logs classified between two looks at the clock. */
enum { LOGS = 1024, BYTES = 1 << 20, SLICE = 32, LOWEST_PRIORITY = 19 };

/* What classification looks at, and what the live one said. */
typedef struct entry {
    size_t message, message_size, source_size; /* the source follows the message */
    int hour;
    shadow_log live; /* its message: set by the thread */
} entry;

typedef struct batch {
    shadow *of; /* held; NULL: empty */
    buf text;
    size_t count;
    entry entries[LOGS];
} batch;

struct shadow_runner {
    shadow_counts *total;
    pthread_t thread;
    sem_t wake;
    atomic_bool stop;
    _Atomic(batch *) ready, spare;
    atomic_uintptr_t current; /* the worker's shadow of now; only to be compared */
    batch *filling;           /* the worker's */
    double due;               /* of shadow.share: the next batch is taken when this reaches 1 */
    /* the thread's */
    shadow *of; /* held; whose session it is */
    classifier_session *session;
    log_event events[SLICE];
    shadow_log live[SLICE];
    verdict verdicts[SLICE];
};

static void batch_empty(batch *b)
{
    shadow_release(b->of);
    b->of = NULL;
    b->count = 0;
    buf_clear(&b->text);
}

static void batch_free(batch *b)
{
    if (b == NULL)
        return;
    batch_empty(b);
    buf_fini(&b->text);
    mem_free(b);
}

/* ---- the thread ---- */

static void forget_session(shadow_runner *r)
{
    classifier_session_free(r->session);
    r->session = NULL;
    shadow_release(r->of);
    r->of = NULL;
}

static bool want_session(shadow_runner *r, shadow *of)
{
    alf_error err;
    if (r->of == of)
        return true;
    forget_session(r);
    if (classifier_session_new(of->classifier, &r->session, &err) != ALF_OK)
        return false;
    shadow_hold(of);
    r->of = of;
    return true;
}

static void make_events(shadow_runner *r, const batch *b, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const entry *e = &b->entries[at + i];
        const char *text = e->message_size + e->source_size > 0 ? b->text.data + e->message : "";
        alf_span message = span_of(text, e->message_size);
        r->events[i] = (log_event){.raw = message,
                                   .message = message,
                                   .source = span_of(text + e->message_size, e->source_size),
                                   .timestamp = SPAN_LITERAL(""),
                                   .severity = -1,
                                   .hour = e->hour};
        r->live[i] = e->live;
        r->live[i].message = message;
    }
}

/* Time that the thread has worked; what others take of the CPU is not the candidate's fault. */
static uint64_t cpu_time(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One log that the candidate cannot do is that log's doing; that many are the candidate's. */
static bool has_failed(const verdict *verdicts, size_t n)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += verdicts[i].fail_open_used;
    return failed > n / 2;
}

static void run_slice(shadow_runner *r, batch *b, size_t at, size_t n)
{
    shadow *s = b->of;
    if (!breaker_allow(&s->breaker, clock_now())) {
        shadow_skip_logs(s, r->total, SHADOW_SKIP_CIRCUIT, n);
        return;
    }
    make_events(r, b, at, n);
    uint64_t start = cpu_time();
    classifier_run(r->session, r->events, n, r->verdicts);
    bool slow = s->slow > 0 && cpu_time() - start > s->slow * n;
    if (slow || has_failed(r->verdicts, n))
        breaker_failure(&s->breaker, clock_now());
    else
        breaker_success(&s->breaker, clock_now());
    shadow_compare(s, r->total, r->live, r->verdicts, n);
}

static void run_batch(shadow_runner *r, batch *b)
{
    if (!want_session(r, b->of)) {
        shadow_skip_logs(b->of, r->total, SHADOW_SKIP_MEMORY, b->count);
        return;
    }
    for (size_t at = 0; at < b->count && !atomic_load(&r->stop); at += SLICE)
        run_slice(r, b, at, b->count - at < SLICE ? b->count - at : SLICE);
}

static void *run(void *context)
{
    shadow_runner *r = context;
    /* Where that is not allowed, it runs beside the workers as an equal. */
    (void)setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY);
    for (;;) {
        while (sem_wait(&r->wake) != 0)
            continue;
        if (atomic_load(&r->stop))
            return NULL;
        batch *b = atomic_exchange(&r->ready, NULL);
        if (b != NULL) {
            run_batch(r, b);
            batch_empty(b);
            batch_free(atomic_exchange(&r->spare, b));
        }
        if (r->of != NULL && atomic_load(&r->current) != (uintptr_t)r->of)
            forget_session(r);
    }
}

/* ---- the worker's side ---- */

static bool start_thread(shadow_runner *r)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&r->thread, NULL, run, r);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

static shadow_runner *new_runner(shadow_counts *total, const shadow *of)
{
    shadow_runner *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->total = total;
    atomic_init(&r->current, (uintptr_t)of);
    if (sem_init(&r->wake, 0, 0) != 0) {
        mem_free(r);
        return NULL;
    }
    if (!start_thread(r)) {
        (void)sem_destroy(&r->wake);
        mem_free(r);
        return NULL;
    }
    return r;
}

void shadow_flush(shadow_runner *r)
{
    if (r == NULL || r->filling == NULL || r->filling->count == 0)
        return;
    if (atomic_load(&r->ready) != NULL)
        return;
    /* Only this thread ever fills it. */
    atomic_store(&r->ready, r->filling);
    r->filling = atomic_exchange(&r->spare, NULL);
    (void)sem_post(&r->wake);
}

static batch *want_batch(shadow_runner *r, shadow *of)
{
    if (r->filling != NULL && r->filling->of != NULL && r->filling->of != of) {
        shadow_flush(r); /* of an earlier generation: those logs go first, or not at all */
        if (r->filling != NULL && r->filling->of != NULL) {
            shadow_skip_logs(r->filling->of, r->total, SHADOW_SKIP_BUSY, r->filling->count);
            batch_empty(r->filling);
        }
    }
    if (r->filling == NULL)
        r->filling = mem_calloc(1, sizeof *r->filling);
    if (r->filling != NULL && r->filling->of == NULL) {
        shadow_hold(of);
        r->filling->of = of;
    }
    return r->filling;
}

static shadow_skip copy_log(shadow_runner *r, shadow *of, const log_event *event, const verdict *v,
                            int64_t now)
{
    size_t size = event->message.size + event->source.size;
    if (v->fail_open_used)
        return SHADOW_SKIP_LIVE_FAILED;
    if (size > BYTES)
        return SHADOW_SKIP_TOO_LARGE;
    batch *b = want_batch(r, of);
    if (b != NULL && (b->count == LOGS || b->text.size > BYTES - size)) {
        shadow_flush(r);
        if (r->filling == b)
            return SHADOW_SKIP_BUSY;
        b = want_batch(r, of);
    }
    if (b == NULL)
        return SHADOW_SKIP_MEMORY;
    size_t at = b->text.size;
    buf_append_span(&b->text, event->message);
    buf_append_span(&b->text, event->source);
    if (b->text.failed) {
        b->text.failed = false;
        b->text.size = at;
        return SHADOW_SKIP_MEMORY;
    }
    b->entries[b->count++] =
        (entry){at, event->message.size, event->source.size, event->hour,
                .live = {.at = now, .category = v->category, .confidence = v->confidence}};
    return SHADOW_SKIPS;
}

void shadow_take(shadow_runner **runner, shadow_counts *total, const generation *g,
                 const log_event *events, const verdict *verdicts, size_t n)
{
    shadow *of = g->shadow;
    uint64_t skipped[SHADOW_SKIPS + 1] = {0};
    if (of == NULL)
        return;
    if (*runner == NULL)
        *runner = new_runner(total, of);
    shadow_runner *r = *runner;
    if (r == NULL) {
        shadow_skip_logs(of, total, SHADOW_SKIP_MEMORY, n);
        return;
    }
    r->due += g->plan.settings.shadow_share;
    if (r->due < 1) {
        shadow_skip_logs(of, total, SHADOW_SKIP_SHARE, n);
        return;
    }
    r->due -= 1;
    int64_t now = (int64_t)time(NULL);
    for (size_t i = 0; i < n; i++)
        skipped[copy_log(r, of, &events[i], &verdicts[i], now)]++;
    for (int i = 0; i < SHADOW_SKIPS; i++)
        shadow_skip_logs(of, total, (shadow_skip)i, skipped[i]);
}

void shadow_change(shadow_runner *r, const generation *g)
{
    if (r == NULL)
        return;
    if (r->filling != NULL && r->filling->of != NULL && r->filling->of != g->shadow) {
        shadow_skip_logs(r->filling->of, r->total, SHADOW_SKIP_BUSY, r->filling->count);
        batch_empty(r->filling);
    }
    atomic_store(&r->current, (uintptr_t)g->shadow);
    (void)sem_post(&r->wake);
}

void shadow_stop(shadow_runner *r)
{
    if (r == NULL)
        return;
    atomic_store(&r->stop, true);
    (void)sem_post(&r->wake);
    (void)pthread_join(r->thread, NULL);
    forget_session(r);
    batch_free(r->filling);
    batch_free(atomic_load(&r->ready));
    batch_free(atomic_load(&r->spare));
    (void)sem_destroy(&r->wake);
    mem_free(r);
}
