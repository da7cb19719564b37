/* SHA-256 from libcrypto. */
#include "base/crypto.h"

#include <stdio.h>

crypto_functions crypto;

static const char *const names[] = {CRYPTO_FUNCTIONS(LIBRARY_NAME)};
static library libcrypto = {ALF_LIBCRYPTO, names, &crypto, sizeof names / sizeof names[0], false};
LIBRARY_NOTE(crypto_note, "crypto", "hashes of files and of tokens", ALF_LIBCRYPTO);

alf_status crypto_need(alf_error *err)
{
    return library_need(&libcrypto, err);
}

alf_status crypto_sha256(const void *data, size_t size, unsigned char out[CRYPTO_SHA256],
                         alf_error *err)
{
    TRY(crypto_need(err));
    if (EVP_Digest(data != NULL ? data : "", size, out, NULL, EVP_sha256(), NULL) == 1)
        return ALF_OK;
    return error_set(err, ALF_E_UNSUPPORTED,
                     "%s cannot compute SHA-256; see the configuration of OpenSSL", ALF_LIBCRYPTO);
}

alf_status crypto_sha256_hex(alf_span data, char hex[2 * CRYPTO_SHA256 + 1], alf_error *err)
{
    unsigned char digest[CRYPTO_SHA256];
    TRY(crypto_sha256(data.data, data.size, digest, err));
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return ALF_OK;
}
