/*
 * The parts of a running service and who owns what.
 *
 * A server has workers, each a thread with an event loop, its own listening sockets, connections,
 * queue and counters: nothing there is shared, so nothing is locked. The control thread (the one
 * that called serve_run) handles signals, reloads and writes that must reach the disk. Workers and
 * control talk through mailboxes: a list under a lock and an eventfd that wakes the other's loop.
 */
#ifndef ALF_SERVE_SERVER_H
#define ALF_SERVE_SERVER_H

#include "serve/feedback.h"
#include "serve/generation.h"
#include "serve/limits.h"
#include "serve/metrics.h"
#include "serve/shadow.h"

struct evconnlistener;

#include <event2/event.h>
#include <pthread.h>

typedef struct connection connection;
typedef struct job job;
typedef struct server server;
typedef struct worker worker;

/* ---- mailboxes ---- */

typedef enum mail_kind {
    MAIL_USE,      /* to a worker: take this generation_use */
    MAIL_ANSWER,   /* to a worker: the answer to a task */
    MAIL_DRAIN,    /* to a worker: accept no more, finish, end */
    MAIL_RELOAD,   /* to control */
    MAIL_FEEDBACK, /* to control: write `text`, a line */
    MAIL_SHADOW,   /* to control: report on the candidate */
    MAIL_PROMOTE,  /* to control: make it the live one; `text`: not empty to force */
    MAIL_ENDED     /* to control: a worker has drained */
} mail_kind;

typedef struct mail {
    struct mail *next;
    mail_kind kind;
    generation_use *use; /* MAIL_USE: owned */
    worker *from;        /* tasks */
    job *job;            /* tasks and their answers: only the worker looks inside */
    int status;          /* MAIL_ANSWER: of HTTP */
    buf text;            /* owned */
} mail;

typedef struct mailbox {
    pthread_mutex_t lock; /* over the list */
    mail *first, *last;
    int wake; /* eventfd */
    struct event *event;
} mailbox;

/* take is called in base's thread for each mail, in order, and owns it. */
alf_status mailbox_init(mailbox *box, struct event_base *base, void (*take)(void *owner, mail *m),
                        void *owner, alf_error *err);
void mailbox_fini(mailbox *box);
void mailbox_take(mailbox *box); /* takes what is there now */
mail *mail_new(mail_kind kind);  /* NULL: out of memory */
void mail_free(mail *m);         /* NULL allowed */
void mailbox_send(mailbox *box, mail *m);

/* ---- workers ---- */

struct worker {
    server *server;
    unsigned index;
    pthread_t thread;
    bool started;
    struct event_base *base;
    mailbox mail;
    struct evconnlistener **listeners;
    size_t listener_count;
    struct event *sweep;  /* looks for connections whose time is up */
    struct event *resume; /* accepts again after the system refused */
    struct event *later;  /* a batch has waited long enough */
    generation_use *use;  /* the current one */
    connection *connections, *dead;
    size_t connection_count;
    size_t buffered; /* bytes that connections hold */
    job *queue_first, *queue_last, *pool;
    size_t queued_logs, pool_size;
    log_event *events; /* of a batch */
    verdict *verdicts;
    size_t batch_capacity;
    generation_use *judging; /* the batch's, while it is judged */
    uint64_t request_number, random;
    bool drain_asked, draining;
    uint64_t drain_began;
    char date[32]; /* of the Date header, and the second it is of */
    int64_t date_second;
    metrics metrics;
    shadow_runner *shadow; /* NULL: no candidate yet */
};

struct server {
    const serve_source *source;
    struct event_base *base;
    mailbox mail;
    struct event *signals[4];
    worker *workers;
    unsigned worker_count, running;
    int *sockets; /* worker_count * address_count, before the workers take them */
    size_t address_count;
    generation *current; /* control thread only */
    uint64_t generations;
    limits *limits;
    shadow_counts shadow_total; /* since the start, over all candidates */
    feedback feedback;          /* control thread only */
    mail *unsynced;             /* the same: written, not yet on the disk */
    bool machine_code;          /* rules run as such */
    uint64_t started;           /* clock_now() */
    int64_t started_at;         /* seconds since 1970 */
    uint64_t drain_until;
    atomic_bool give_up; /* workers drop the connections that are left */
    atomic_uint connections;
    atomic_bool draining;
    atomic_uint_fast64_t reloads_done, reloads_failed, feedback_written, feedback_failed;
    metrics_counter reload_failures[ALF_E_INTERNAL + 1]; /* by alf_status */
    atomic_bool feedback_broken;
    pthread_mutex_t reload_lock; /* over the text of the last failure */
    char reload_error[1024];
    int64_t reload_failed_at;
};

#endif
