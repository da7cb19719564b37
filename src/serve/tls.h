/* TLS: the server's side of every connection, from certificate files. */
#ifndef ALF_SERVE_TLS_H
#define ALF_SERVE_TLS_H

#include "base/error.h"
#include "serve/libssl.h"
#include "serve/settings.h"

/* *out: NULL where the settings name no certificate. The caller frees it with SSL_CTX_free; each
 * connection holds it too, so a newer one can take its place at any time. */
alf_status tls_load(const serve_settings *settings, SSL_CTX **out, alf_error *err);

/* When the certificate ends, in seconds since 1970; 0: not known. */
int64_t tls_expires(SSL_CTX *context);

#endif
