/* OpenSSL's libcrypto, opened when it is first needed (base/library.h): hashes of files and tokens.
 * TLS brings it along. crypto_need must have succeeded before any of these functions is called. */
#ifndef ALF_BASE_CRYPTO_H
#define ALF_BASE_CRYPTO_H

#include "base/library.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define CRYPTO_FUNCTIONS(X)                                                                        \
    X(ASN1_TIME_to_tm)                                                                             \
    X(CRYPTO_memcmp)                                                                               \
    X(ERR_clear_error)                                                                             \
    X(ERR_error_string_n)                                                                          \
    X(ERR_get_error)                                                                               \
    X(EVP_Digest)                                                                                  \
    X(EVP_sha256)                                                                                  \
    X(OPENSSL_cleanse)                                                                             \
    X(OPENSSL_sk_pop_free)                                                                         \
    X(X509_NAME_free)                                                                              \
    X(X509_get0_notAfter)

typedef struct crypto_functions {
    CRYPTO_FUNCTIONS(LIBRARY_MEMBER)
} crypto_functions;

extern crypto_functions crypto;

#define ASN1_TIME_to_tm     crypto.ASN1_TIME_to_tm
#define CRYPTO_memcmp       crypto.CRYPTO_memcmp
#define ERR_clear_error     crypto.ERR_clear_error
#define ERR_error_string_n  crypto.ERR_error_string_n
#define ERR_get_error       crypto.ERR_get_error
#define EVP_Digest          crypto.EVP_Digest
#define EVP_sha256          crypto.EVP_sha256
#define OPENSSL_cleanse     crypto.OPENSSL_cleanse
#define OPENSSL_sk_pop_free crypto.OPENSSL_sk_pop_free
#define X509_NAME_free      crypto.X509_NAME_free
#define X509_get0_notAfter  crypto.X509_get0_notAfter

enum { CRYPTO_SHA256 = 32 };

alf_status crypto_need(alf_error *err);

/* SHA-256. */
alf_status crypto_sha256(const void *data, size_t size, unsigned char out[CRYPTO_SHA256],
                         alf_error *err);
/* The same as 64 hexadecimal digits and a NUL. */
alf_status crypto_sha256_hex(alf_span data, char hex[2 * CRYPTO_SHA256 + 1], alf_error *err);

#endif
