/* Opening libssl, libcrypto and libevent's layer over them. */
#include "serve/libssl.h"

ssl_functions libssl;
event_ssl_functions event_ssl;

static const char *const ssl_names[] = {SSL_FUNCTIONS(LIBRARY_NAME)};
static library ssl_library = {ALF_LIBSSL, ssl_names, &libssl,
                              sizeof ssl_names / sizeof ssl_names[0], false};
LIBRARY_NOTE(ssl_note, "tls", "TLS of the service", ALF_LIBSSL);

static const char *const event_names[] = {EVENT_SSL_FUNCTIONS(LIBRARY_NAME)};
static library event_library = {ALF_LIBEVENT_OPENSSL, event_names, &event_ssl,
                                sizeof event_names / sizeof event_names[0], false};
LIBRARY_NOTE(event_note, "tls", "TLS of the service", ALF_LIBEVENT_OPENSSL);

alf_status tls_need(alf_error *err)
{
    TRY(crypto_need(err));
    TRY(library_need(&ssl_library, err));
    return library_need(&event_library, err);
}
