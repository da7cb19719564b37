/* Counters of sessions in a list; those of a session that closes are added to `closed`. */
#include "classify/tally.h"

void tally_book_init(tally_book *b)
{
    *b = (tally_book){.open = NULL};
    (void)pthread_mutex_init(&b->lock, NULL);
}

void tally_book_fini(tally_book *b)
{
    (void)pthread_mutex_destroy(&b->lock);
}

void tally_open(tally_book *b, tally *t)
{
    (void)pthread_mutex_lock(&b->lock);
    t->next = b->open;
    if (t->next != NULL)
        t->next->before = t;
    b->open = t;
    (void)pthread_mutex_unlock(&b->lock);
}

/* fetch_add: `closed` has several writers. */
static void move(atomic_uint_fast64_t *to, atomic_uint_fast64_t *from)
{
    uint64_t n = atomic_load_explicit(from, memory_order_relaxed);
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

void tally_close(tally_book *b, tally *t)
{
    (void)pthread_mutex_lock(&b->lock);
    move(&b->closed.logs, &t->logs);
    move(&b->closed.fail_open, &t->fail_open);
    move(&b->closed.bypassed, &t->bypassed);
    for (int i = 0; i < COMPONENTS; i++) {
        move(&b->closed.components[i].logs, &t->components[i].logs);
        move(&b->closed.components[i].nanoseconds, &t->components[i].nanoseconds);
        move(&b->closed.components[i].failures, &t->components[i].failures);
    }
    if (t->before != NULL)
        t->before->next = t->next;
    else
        b->open = t->next;
    if (t->next != NULL)
        t->next->before = t->before;
    (void)pthread_mutex_unlock(&b->lock);
}

void tally_add_late(tally_book *b, uint64_t logs)
{
    atomic_fetch_add_explicit(&b->closed.logs, logs, memory_order_relaxed);
    atomic_fetch_add_explicit(&b->closed.fail_open, logs, memory_order_relaxed);
}

static uint64_t read(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(classifier_counts *out, const tally *t)
{
    out->logs += read(&t->logs);
    out->fail_open += read(&t->fail_open);
    out->bypassed += read(&t->bypassed);
    for (int i = 0; i < COMPONENTS; i++) {
        out->components[i].logs += read(&t->components[i].logs);
        out->components[i].nanoseconds += read(&t->components[i].nanoseconds);
        out->components[i].failures += read(&t->components[i].failures);
    }
}

/* All since the beginning; the list is locked. */
static classifier_counts sum_all(const tally_book *b)
{
    classifier_counts out = {.logs = 0};
    add(&out, &b->closed);
    for (const tally *t = b->open; t != NULL; t = t->next)
        add(&out, t);
    return out;
}

void tally_sum(tally_book *b, classifier_counts *out)
{
    (void)pthread_mutex_lock(&b->lock);
    const classifier_counts *old = &b->forgotten;
    *out = sum_all(b);
    out->logs -= old->logs;
    out->fail_open -= old->fail_open;
    out->bypassed -= old->bypassed;
    for (int i = 0; i < COMPONENTS; i++) {
        out->components[i].logs -= old->components[i].logs;
        out->components[i].nanoseconds -= old->components[i].nanoseconds;
        out->components[i].failures -= old->components[i].failures;
    }
    (void)pthread_mutex_unlock(&b->lock);
}

/* Sessions that are open go on counting, so what they have counted so far is taken off instead. */
void tally_forget(tally_book *b)
{
    (void)pthread_mutex_lock(&b->lock);
    b->forgotten = sum_all(b);
    (void)pthread_mutex_unlock(&b->lock);
}
