/* What the control thread does for the workers. */
#ifndef ALF_SERVE_CONTROL_H
#define ALF_SERVE_CONTROL_H

#include "serve/server.h"

void control_take(void *server_, mail *m); /* for mailbox_init */
/* After a round of mails: syncs and answers the feedback among them. */
void control_settle(server *s);

/* On failure all stays as it was, and log, metric and /stats say why. *warning: a static text when
 * something is to be said of a success, or NULL. */
alf_status control_reload(server *s, const char **warning, alf_error *err);

/* Makes g, whose reference is taken over, the current generation of the control thread. */
void control_use(server *s, generation *g);

#endif
