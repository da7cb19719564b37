/*
 * Listening sockets. Each worker has its own per address, on the same port; the system spreads
 * connections over them. So that two programs do not share a port by mistake, it is first bound
 * without sharing.
 */
#define _GNU_SOURCE /* for SO_REUSEPORT */
#include "serve/listen.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_ADDRESSES = 16, BACKLOG = 4096 };

typedef struct address {
    char text[300]; /* HOST:PORT as given */
    struct sockaddr_storage bytes;
    socklen_t size;
} address;

typedef struct addresses {
    address list[MAX_ADDRESSES];
    size_t count;
} addresses;

static bool is_port(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= 5 && strspn(text, "0123456789") == size &&
           strtol(text, NULL, 10) <= 65535;
}

/* "[::1]:80" or "host:80". */
static alf_status parse(const char *text, size_t size, address *out, alf_error *err)
{
    char host[256];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (size >= sizeof out->text)
        return error_set(err, ALF_E_CONFIG, "server.listen holds an address that is too long");
    memcpy(out->text, text, size);
    out->text[size] = '\0';
    char *colon = strrchr(out->text, ':');
    size_t length = colon != NULL ? (size_t)(colon - out->text) : 0;
    bool brackets = length >= 2 && out->text[0] == '[' && out->text[length - 1] == ']';
    if (colon == NULL || length >= sizeof host || !is_port(colon + 1))
        return error_set(err, ALF_E_CONFIG,
                         "server.listen holds \"%.100s\", expected HOST:PORT, such as "
                         "127.0.0.1:8080 or [::1]:8080",
                         out->text);
    memcpy(host, out->text + brackets, length);
    host[length - 2 * (size_t)brackets] = '\0';
    int failed = getaddrinfo(host[0] != '\0' ? host : NULL, colon + 1, &hints, &found);
    if (failed != 0 || found == NULL)
        return error_set(err, ALF_E_CONFIG, "server.listen holds \"%.100s\": %s", out->text,
                         gai_strerror(failed));
    memcpy(&out->bytes, found->ai_addr, found->ai_addrlen);
    out->size = found->ai_addrlen;
    freeaddrinfo(found);
    return ALF_OK;
}

static alf_status parse_all(const char *text, addresses *out, alf_error *err)
{
    out->count = 0;
    for (;;) {
        text += strspn(text, " ,");
        size_t size = strcspn(text, " ,");
        if (size == 0)
            break;
        if (out->count == MAX_ADDRESSES)
            return error_set(err, ALF_E_CONFIG, "server.listen holds more than %d addresses",
                             (int)MAX_ADDRESSES);
        TRY(parse(text, size, &out->list[out->count++], err));
        text += size;
    }
    if (out->count == 0)
        return error_set(err, ALF_E_CONFIG, "server.listen is empty, expected HOST:PORT");
    return ALF_OK;
}

alf_status listen_check(const char *text, alf_error *err)
{
    addresses list;
    return parse_all(text, &list, err);
}

alf_status listen_first(const char *text, struct sockaddr_storage *out, unsigned *size,
                        alf_error *err)
{
    addresses list;
    TRY(parse_all(text, &list, err));
    *out = list.list[0].bytes;
    *size = list.list[0].size;
    if (out->ss_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, out, sizeof ipv6);
        if (IN6_IS_ADDR_UNSPECIFIED(&ipv6.sin6_addr))
            ipv6.sin6_addr = in6addr_loopback;
        memcpy(out, &ipv6, sizeof ipv6);
        return ALF_OK;
    }
    struct sockaddr_in ipv4;
    memcpy(&ipv4, out, sizeof ipv4);
    if (ipv4.sin_addr.s_addr == htonl(INADDR_ANY))
        ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(out, &ipv4, sizeof ipv4);
    return ALF_OK;
}

static alf_status refused(const address *a, int fd, alf_error *err)
{
    int number = errno;
    if (fd >= 0)
        (void)close(fd);
    return error_set(err, ALF_E_IO, "cannot listen on %.200s: %s", a->text, strerror(number));
}

static alf_status open_one(const address *a, bool share, int *out, alf_error *err)
{
    static const int on = 1;
    int family = a->bytes.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *out = fd;
    if (fd < 0)
        return refused(a, fd, err);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted ones inherit it */
    if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return refused(a, fd, err);
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&a->bytes, a->size) != 0)
        return refused(a, fd, err);
    return ALF_OK;
}

/* Whether somebody listens there already. */
static alf_status check_free(const address *a, alf_error *err)
{
    int fd;
    TRY(open_one(a, false, &fd, err));
    if (listen(fd, 1) != 0)
        return refused(a, fd, err);
    (void)close(fd);
    return ALF_OK;
}

static bool has_port_zero(const address *a)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    if (a->bytes.ss_family == AF_INET6) {
        memcpy(&ipv6, &a->bytes, sizeof ipv6);
        return ipv6.sin6_port == 0;
    }
    memcpy(&ipv4, &a->bytes, sizeof ipv4);
    return ipv4.sin_port == 0;
}

static void announce(const address *a)
{
    char host[256] = "";
    char port[16] = "";
    char text[300];
    log_message m;
    (void)getnameinfo((const struct sockaddr *)&a->bytes, a->size, host, sizeof host, port,
                      sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(text, sizeof text, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
    log_start(&m, LOG_LEVEL_INFO, "listening");
    log_string(&m, "address", text);
    log_send(&m);
}

/* The sockets of all workers for one address. */
static alf_status open_address(server *s, size_t index, address *a, alf_error *err)
{
    if (!has_port_zero(a))
        TRY(check_free(a, err));
    for (unsigned w = 0; w < s->worker_count; w++) {
        TRY(open_one(a, true, &s->sockets[w * s->address_count + index], err));
        /* With port 0 the first socket has chosen one for the others. */
        if (w == 0 && getsockname(s->sockets[index], (struct sockaddr *)&a->bytes, &a->size) != 0)
            return refused(a, -1, err);
    }
    for (unsigned w = 0; w < s->worker_count; w++)
        if (listen(s->sockets[w * s->address_count + index], BACKLOG) != 0)
            return refused(a, -1, err);
    announce(a);
    return ALF_OK;
}

alf_status listen_open(server *s, const char *text, alf_error *err)
{
    addresses list;
    TRY(parse_all(text, &list, err));
    s->address_count = list.count;
    s->sockets = mem_calloc(list.count * s->worker_count, sizeof *s->sockets);
    if (s->sockets == NULL)
        return error_nomem(err, "sockets");
    for (size_t i = 0; i < list.count * s->worker_count; i++)
        s->sockets[i] = -1;
    for (size_t i = 0; i < list.count; i++)
        TRY(open_address(s, i, &list.list[i], err));
    return ALF_OK;
}

void listen_close(server *s)
{
    for (size_t i = 0; s->sockets != NULL && i < s->address_count * s->worker_count; i++)
        if (s->sockets[i] >= 0)
            (void)close(s->sockets[i]);
    mem_free(s->sockets);
    s->sockets = NULL;
}
