/* Listening sockets. */
#ifndef ALF_SERVE_LISTEN_H
#define ALF_SERVE_LISTEN_H

#include "serve/server.h"

/* Opens one socket per worker and address (they share the port) into s->sockets. */
alf_status listen_open(server *s, const char *addresses, alf_error *err);
void listen_close(server *s); /* those that no worker took */

struct sockaddr_storage;

/* The first of the addresses, as one connects to it: where it means every address of this machine,
 * the loopback one. */
alf_status listen_first(const char *addresses, struct sockaddr_storage *out, unsigned *size,
                        alf_error *err);

/* Checks the form of the addresses only. */
alf_status listen_check(const char *addresses, alf_error *err);

#endif
