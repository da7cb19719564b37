/* The compression libraries. */
#include "codec/compressors.h"

zlib_functions zlib_calls;
bzip2_functions bzip2_calls;
lzma_functions lzma_calls;
lz4_functions lz4_calls;

static const char *const zlib_names[] = {ZLIB_FUNCTIONS(LIBRARY_NAME)};
library library_zlib = {ALF_LIBZ, zlib_names, &zlib_calls, sizeof zlib_names / sizeof zlib_names[0],
                        false};
LIBRARY_NOTE(zlib_note, "compression", "compressed models", ALF_LIBZ);

static const char *const bzip2_names[] = {BZIP2_FUNCTIONS(LIBRARY_NAME)};
library library_bzip2 = {ALF_LIBBZ2, bzip2_names, &bzip2_calls,
                         sizeof bzip2_names / sizeof bzip2_names[0], false};
LIBRARY_NOTE(bzip2_note, "compression", "compressed models", ALF_LIBBZ2);

static const char *const lzma_names[] = {LZMA_FUNCTIONS(LIBRARY_NAME)};
library library_lzma = {ALF_LIBLZMA, lzma_names, &lzma_calls,
                        sizeof lzma_names / sizeof lzma_names[0], false};
LIBRARY_NOTE(lzma_note, "compression", "compressed models", ALF_LIBLZMA);

static const char *const lz4_names[] = {LZ4_FUNCTIONS(LIBRARY_NAME)};
library library_lz4 = {ALF_LIBLZ4, lz4_names, &lz4_calls, sizeof lz4_names / sizeof lz4_names[0],
                       false};
LIBRARY_NOTE(lz4_note, "compression", "compressed models", ALF_LIBLZ4);
