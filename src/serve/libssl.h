/* OpenSSL's libssl and libevent's layer over it, opened where TLS is used (base/library.h).
 * tls_need must have succeeded before any of these functions is called. */
#ifndef ALF_SERVE_LIBSSL_H
#define ALF_SERVE_LIBSSL_H

#include "base/crypto.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>

#define SSL_FUNCTIONS(X)                                                                           \
    X(SSL_CTX_check_private_key)                                                                   \
    X(SSL_CTX_ctrl)                                                                                \
    X(SSL_CTX_free)                                                                                \
    X(SSL_CTX_get0_certificate)                                                                    \
    X(SSL_CTX_load_verify_locations)                                                               \
    X(SSL_CTX_new)                                                                                 \
    X(SSL_CTX_set_cipher_list)                                                                     \
    X(SSL_CTX_set_client_CA_list)                                                                  \
    X(SSL_CTX_set_default_passwd_cb)                                                               \
    X(SSL_CTX_set_options)                                                                         \
    X(SSL_CTX_set_session_id_context)                                                              \
    X(SSL_CTX_set_verify)                                                                          \
    X(SSL_CTX_up_ref)                                                                              \
    X(SSL_CTX_use_PrivateKey_file)                                                                 \
    X(SSL_CTX_use_certificate_chain_file)                                                          \
    X(SSL_connect)                                                                                 \
    X(SSL_free)                                                                                    \
    X(SSL_get_error)                                                                               \
    X(SSL_load_client_CA_file)                                                                     \
    X(SSL_new)                                                                                     \
    X(SSL_read_ex)                                                                                 \
    X(SSL_set_fd)                                                                                  \
    X(SSL_shutdown)                                                                                \
    X(SSL_use_PrivateKey_file)                                                                     \
    X(SSL_use_certificate_file)                                                                    \
    X(SSL_write_ex)                                                                                \
    X(TLS_client_method)                                                                           \
    X(TLS_server_method)

#define EVENT_SSL_FUNCTIONS(X)                                                                     \
    X(bufferevent_get_openssl_error)                                                               \
    X(bufferevent_openssl_set_allow_dirty_shutdown)                                                \
    X(bufferevent_openssl_socket_new)

typedef struct ssl_functions {
    SSL_FUNCTIONS(LIBRARY_MEMBER)
} ssl_functions;

typedef struct event_ssl_functions {
    EVENT_SSL_FUNCTIONS(LIBRARY_MEMBER)
} event_ssl_functions;

extern ssl_functions libssl;
extern event_ssl_functions event_ssl;

#define SSL_CTX_check_private_key          libssl.SSL_CTX_check_private_key
#define SSL_CTX_ctrl                       libssl.SSL_CTX_ctrl
#define SSL_CTX_free                       libssl.SSL_CTX_free
#define SSL_CTX_get0_certificate           libssl.SSL_CTX_get0_certificate
#define SSL_CTX_load_verify_locations      libssl.SSL_CTX_load_verify_locations
#define SSL_CTX_new                        libssl.SSL_CTX_new
#define SSL_CTX_set_cipher_list            libssl.SSL_CTX_set_cipher_list
#define SSL_CTX_set_client_CA_list         libssl.SSL_CTX_set_client_CA_list
#define SSL_CTX_set_default_passwd_cb      libssl.SSL_CTX_set_default_passwd_cb
#define SSL_CTX_set_options                libssl.SSL_CTX_set_options
#define SSL_CTX_set_session_id_context     libssl.SSL_CTX_set_session_id_context
#define SSL_CTX_set_verify                 libssl.SSL_CTX_set_verify
#define SSL_CTX_up_ref                     libssl.SSL_CTX_up_ref
#define SSL_CTX_use_PrivateKey_file        libssl.SSL_CTX_use_PrivateKey_file
#define SSL_CTX_use_certificate_chain_file libssl.SSL_CTX_use_certificate_chain_file
#define SSL_connect                        libssl.SSL_connect
#define SSL_free                           libssl.SSL_free
#define SSL_get_error                      libssl.SSL_get_error
#define SSL_load_client_CA_file            libssl.SSL_load_client_CA_file
#define SSL_new                            libssl.SSL_new
#define SSL_read_ex                        libssl.SSL_read_ex
#define SSL_set_fd                         libssl.SSL_set_fd
#define SSL_shutdown                       libssl.SSL_shutdown
#define SSL_use_PrivateKey_file            libssl.SSL_use_PrivateKey_file
#define SSL_use_certificate_file           libssl.SSL_use_certificate_file
#define SSL_write_ex                       libssl.SSL_write_ex
#define TLS_client_method                  libssl.TLS_client_method
#define TLS_server_method                  libssl.TLS_server_method
#define bufferevent_get_openssl_error      event_ssl.bufferevent_get_openssl_error
#define bufferevent_openssl_set_allow_dirty_shutdown                                               \
    event_ssl.bufferevent_openssl_set_allow_dirty_shutdown
#define bufferevent_openssl_socket_new event_ssl.bufferevent_openssl_socket_new

alf_status tls_need(alf_error *err);

#endif
