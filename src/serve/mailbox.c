/* Mailboxes between threads. */
#define _GNU_SOURCE /* for eventfd */
#include "serve/server.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct taker {
    mailbox *box;
    void (*take)(void *owner, mail *m);
    void *owner;
} taker;

static mail *take_all(mailbox *box)
{
    (void)pthread_mutex_lock(&box->lock);
    mail *first = box->first;
    box->first = box->last = NULL;
    (void)pthread_mutex_unlock(&box->lock);
    return first;
}

static void take_mails(const taker *t)
{
    for (mail *m = take_all(t->box); m != NULL;) {
        mail *next = m->next;
        m->next = NULL;
        t->take(t->owner, m);
        m = next;
    }
}

static void on_wake(evutil_socket_t wake, short what, void *context)
{
    uint64_t times;
    (void)what;
    ssize_t got = read(wake, &times, sizeof times);
    (void)got; /* 0 or an error: somebody has read it already */
    take_mails(context);
}

void mailbox_take(mailbox *box)
{
    if (box->event != NULL)
        take_mails(event_get_callback_arg(box->event));
}

alf_status mailbox_init(mailbox *box, struct event_base *base, void (*take)(void *owner, mail *m),
                        void *owner, alf_error *err)
{
    *box = (mailbox){.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (box->wake < 0 || pthread_mutex_init(&box->lock, NULL) != 0)
        return error_set(err, ALF_E_IO, "cannot make an eventfd: %s", strerror(errno));
    taker *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        return error_nomem(err, "a mailbox");
    *t = (taker){box, take, owner};
    box->event = event_new(base, box->wake, EV_READ | EV_PERSIST, on_wake, t);
    if (box->event == NULL) {
        mem_free(t);
        return error_nomem(err, "a mailbox");
    }
    return event_add(box->event, NULL) == 0 ? ALF_OK : error_nomem(err, "a mailbox");
}

void mailbox_fini(mailbox *box)
{
    if (box->event == NULL)
        return;
    mem_free(event_get_callback_arg(box->event));
    event_free(box->event);
    box->event = NULL;
    for (mail *m = take_all(box); m != NULL;) {
        mail *next = m->next;
        mail_free(m);
        m = next;
    }
    (void)close(box->wake);
    (void)pthread_mutex_destroy(&box->lock);
}

mail *mail_new(mail_kind kind)
{
    mail *m = mem_calloc(1, sizeof *m);
    if (m != NULL)
        m->kind = kind;
    return m;
}

void mail_free(mail *m)
{
    if (m == NULL)
        return;
    generation_use_leave(m->use);
    buf_fini(&m->text);
    mem_free(m);
}

void mailbox_send(mailbox *box, mail *m)
{
    uint64_t one = 1;
    (void)pthread_mutex_lock(&box->lock);
    m->next = NULL;
    if (box->last != NULL && box->first != NULL)
        box->last->next = m;
    else
        box->first = m;
    box->last = m;
    (void)pthread_mutex_unlock(&box->lock);
    ssize_t put = write(box->wake, &one, sizeof one);
    (void)put; /* full: the other is awake anyway */
}
