/* Workers: what server.c does with them. */
#ifndef ALF_SERVE_WORKER_H
#define ALF_SERVE_WORKER_H

#include "serve/server.h"

/* Makes the worker (zeroed) ready to run: event loop, mailbox, listeners on its sockets. The caller
 * calls worker_fini in any case. */
alf_status worker_init(worker *w, server *s, unsigned index, alf_error *err);
void worker_fini(worker *w);

/* Its thread, which ends after MAIL_DRAIN when no connection is left. */
alf_status worker_start(worker *w, alf_error *err);

/* Sends a task to the control thread; the connection is answered when it is done. text (NULL
 * allowed) is taken over. false: out of memory, nothing happened. */
bool worker_ask(worker *w, mail_kind kind, job *j, buf *text);

#endif
