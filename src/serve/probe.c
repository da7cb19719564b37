/* Asking a service: one address, one request, one status. */
#define _GNU_SOURCE /* for SOCK_NONBLOCK */
#include "serve/probe.h"

#include "base/clock.h"
#include "serve/listen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct question {
    const probe *of;
    uint64_t until;
    int fd;
    SSL_CTX *context;
    SSL *ssl;
} question;

static alf_status late(const question *q, alf_error *err)
{
    return error_set(err, ALF_E_IO, "%.200s does not answer within %g seconds", q->of->listen,
                     q->of->seconds);
}

static alf_status wait_for(const question *q, short what, alf_error *err)
{
    struct pollfd one = {.fd = q->fd, .events = what};
    uint64_t now = clock_now();
    int left = now < q->until ? (int)((q->until - now) / 1000000u) : 0;
    return poll(&one, 1, left) > 0 ? ALF_OK : late(q, err);
}

static alf_status connect_to(question *q, alf_error *err)
{
    struct sockaddr_storage address;
    socklen_t size;
    int failed = 0;
    socklen_t length = sizeof failed;
    TRY(listen_first(q->of->listen, &address, &size, err));
    q->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return error_set(err, ALF_E_IO, "cannot make a socket: %s", strerror(errno));
    if (connect(q->fd, (const struct sockaddr *)&address, size) != 0 && errno != EINPROGRESS)
        failed = errno;
    else {
        TRY(wait_for(q, POLLOUT, err));
        (void)getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &failed, &length);
    }
    if (failed == 0)
        return ALF_OK;
    return error_set(err, ALF_E_IO, "cannot connect to %.200s: %s", q->of->listen,
                     strerror(failed));
}

/* What to do after a call into OpenSSL that did not finish. */
static alf_status wait_for_tls(const question *q, int result, alf_error *err)
{
    switch (SSL_get_error(q->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(q, POLLIN, err);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(q, POLLOUT, err);
    default:
        return error_set(err, ALF_E_IO, "no TLS with %.200s", q->of->listen);
    }
}

static alf_status begin_tls(question *q, alf_error *err)
{
    const probe *p = q->of;
    TRY(tls_need(err));
    q->context = SSL_CTX_new(TLS_client_method());
    q->ssl = q->context != NULL ? SSL_new(q->context) : NULL;
    if (q->ssl == NULL || SSL_set_fd(q->ssl, q->fd) != 1)
        return error_nomem(err, "TLS");
    if (p->certificate[0] != '\0' &&
        (SSL_use_certificate_file(q->ssl, p->certificate, SSL_FILETYPE_PEM) != 1 ||
         SSL_use_PrivateKey_file(q->ssl, p->key, SSL_FILETYPE_PEM) != 1))
        return error_set(err, ALF_E_CONFIG, "cannot use the certificate of the service");
    for (;;) {
        int result = SSL_connect(q->ssl);
        if (result == 1)
            return ALF_OK;
        TRY(wait_for_tls(q, result, err));
    }
}

/* One call of send or recv, waiting where needed; *done 0: the other has closed. */
static alf_status transfer(question *q, bool sends, char *bytes, size_t size, size_t *done,
                           alf_error *err)
{
    for (;;) {
        if (q->ssl != NULL) {
            int result = sends ? SSL_write_ex(q->ssl, bytes, size, done)
                               : SSL_read_ex(q->ssl, bytes, size, done);
            if (result == 1)
                return ALF_OK;
            TRY(wait_for_tls(q, result, err));
            continue;
        }
        ssize_t n = sends ? send(q->fd, bytes, size, MSG_NOSIGNAL) : recv(q->fd, bytes, size, 0);
        *done = n > 0 ? (size_t)n : 0;
        if (n >= 0)
            return ALF_OK;
        if (errno != EAGAIN && errno != EINTR)
            return error_set(err, ALF_E_IO, "%.200s: %s", q->of->listen, strerror(errno));
        TRY(wait_for(q, sends ? POLLOUT : POLLIN, err));
    }
}

static alf_status ask(question *q, alf_error *err)
{
    char text[1024];
    size_t done = 0;
    size_t size = 0;
    TRY(connect_to(q, err));
    if (q->of->tls)
        TRY(begin_tls(q, err));
    int n =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", q->of->path);
    if (n < 0 || (size_t)n >= sizeof text)
        return error_set(err, ALF_E_ARGUMENT, "the path is too long");
    for (size_t sent = 0; sent < (size_t)n; sent += done)
        TRY(transfer(q, true, text + sent, (size_t)n - sent, &done, err));
    /* "HTTP/1.1 200" is all that matters. */
    for (done = 1; size < 12 && done > 0; size += done)
        TRY(transfer(q, false, text + size, 12 - size, &done, err));
    text[size] = '\0';
    if (strcmp(text, "HTTP/1.1 200") == 0)
        return ALF_OK;
    return error_set(err, ALF_E_MISMATCH, "%.200s answers %.100s with \"%s\", expected status 200",
                     q->of->listen, q->of->path, text);
}

alf_status probe_ask(const probe *p, alf_error *err)
{
    question q = {.of = p, .until = clock_now() + (uint64_t)(p->seconds * 1e9), .fd = -1};
    alf_status status = ask(&q, err);
    if (q.ssl != NULL)
        SSL_free(q.ssl);
    if (q.context != NULL)
        SSL_CTX_free(q.context);
    if (q.fd >= 0)
        (void)close(q.fd);
    return status;
}
