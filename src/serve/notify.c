/* sd_notify without libsystemd: one datagram. */
#include "serve/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool notify_manager(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (name == NULL || *name == '\0')
        return true;
    size_t size = strlen(name);
    if ((*name != '/' && *name != '@') || size >= sizeof to.sun_path)
        return false;
    memcpy(to.sun_path, name, size);
    if (*name == '@') /* abstract: no file */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, length);
    (void)close(fd);
    return sent == (ssize_t)strlen(state);
}
