/* TLS from certificate files. */
#include "serve/tls.h"

#include "base/file.h"

#include <string.h>
#include <time.h>

static alf_status failed(const char *what, const char *file, alf_error *err)
{
    char reason[256];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    error_set(err, ALF_E_CONFIG, "%s: %s", what, reason);
    error_file(err, file);
    return ALF_E_CONFIG;
}

/* An encrypted key must fail, not ask at a terminal. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return 0;
}

static alf_status require_file(const char *path, const char *key, alf_error *err)
{
    if (path[0] == '\0')
        return error_set(err, ALF_E_CONFIG, "%s is missing; TLS needs certificate and key", key);
    if (file_exists(path))
        return ALF_OK;
    error_set(err, ALF_E_NOT_FOUND, "no such file, named by %s", key);
    error_file(err, path);
    return ALF_E_NOT_FOUND;
}

static alf_status use_certificate(SSL_CTX *context, const serve_settings *s, alf_error *err)
{
    TRY(require_file(s->certificate, "security.tls.certificate", err));
    TRY(require_file(s->key, "security.tls.key", err));
    if (SSL_CTX_use_certificate_chain_file(context, s->certificate) != 1)
        return failed("no certificate in PEM form", s->certificate, err);
    if (SSL_CTX_use_PrivateKey_file(context, s->key, SSL_FILETYPE_PEM) != 1)
        return failed("no private key in PEM form, without a password, that fits the certificate",
                      s->key, err);
    if (SSL_CTX_check_private_key(context) != 1)
        return failed("the private key does not belong to the certificate", s->key, err);
    return ALF_OK;
}

static alf_status use_client_ca(SSL_CTX *context, const char *file, alf_error *err)
{
    if (file[0] == '\0')
        return ALF_OK;
    TRY(require_file(file, "security.tls.client_ca", err));
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names == NULL || SSL_CTX_load_verify_locations(context, file, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return failed("no certificates of authorities in PEM form", file, err);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ALF_OK;
}

static alf_status set_up(SSL_CTX *context, const serve_settings *s, alf_error *err)
{
    static const unsigned char session_name[] = "ai-log-filter";
    int least = strcmp(s->tls_minimum, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_default_passwd_cb(context, no_password);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(context, least) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set_session_id_context(context, session_name, sizeof session_name - 1) != 1)
        return failed("TLS cannot be set up", s->certificate, err);
    TRY(use_certificate(context, s, err));
    return use_client_ca(context, s->client_ca, err);
}

alf_status tls_load(const serve_settings *settings, SSL_CTX **out, alf_error *err)
{
    *out = NULL;
    if (settings->certificate[0] == '\0' && settings->key[0] == '\0') {
        if (settings->client_ca[0] == '\0')
            return ALF_OK;
        return error_set(err, ALF_E_CONFIG,
                         "security.tls.client_ca is set but security.tls.certificate is not; "
                         "client certificates need TLS");
    }
    TRY(tls_need(err));
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return error_nomem(err, "TLS");
    alf_status status = set_up(context, settings, err);
    if (status != ALF_OK) {
        SSL_CTX_free(context);
        return status;
    }
    *out = context;
    return ALF_OK;
}

int64_t tls_expires(SSL_CTX *context)
{
    struct tm parts;
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1)
        return 0;
    /* timegm is no part of POSIX 2008; the days since 1970 are plain arithmetic. */
    int64_t y = parts.tm_year + 1900 - (parts.tm_mon < 2);
    int64_t era = y / 400;
    int64_t day_of_year = (153 * ((parts.tm_mon + 10) % 12) + 2) / 5 + parts.tm_mday - 1;
    int64_t year_of_era = y - era * 400;
    int64_t days = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
                   day_of_year - 719468;
    return days * 86400 + (int64_t)parts.tm_hour * 3600 + (int64_t)parts.tm_min * 60 + parts.tm_sec;
}
