/* Tells the service manager how the service is (sd_notify's protocol: a datagram to the socket that
 * NOTIFY_SOCKET names). Nothing happens where there is none. */
#ifndef ALF_SERVE_NOTIFY_H
#define ALF_SERVE_NOTIFY_H

#include <stdbool.h>

/* For example "READY=1". false: there is a socket, but it could not be told. */
bool notify_manager(const char *state);

#endif
