/* The compression libraries, opened when a compressed model is met (base/library.h). */
#ifndef ALF_CODEC_COMPRESSORS_H
#define ALF_CODEC_COMPRESSORS_H

#include "base/library.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>

#define ZLIB_FUNCTIONS(X)  X(inflate) X(inflateEnd) X(inflateInit2_)
#define BZIP2_FUNCTIONS(X) X(BZ2_bzDecompress) X(BZ2_bzDecompressEnd) X(BZ2_bzDecompressInit)
#define LZMA_FUNCTIONS(X)  X(lzma_alone_decoder) X(lzma_code) X(lzma_end) X(lzma_stream_decoder)
#define LZ4_FUNCTIONS(X)                                                                           \
    X(LZ4F_createDecompressionContext)                                                             \
    X(LZ4F_decompress) X(LZ4F_freeDecompressionContext) X(LZ4F_isError)

typedef struct zlib_functions {
    ZLIB_FUNCTIONS(LIBRARY_MEMBER)
} zlib_functions;
typedef struct bzip2_functions {
    BZIP2_FUNCTIONS(LIBRARY_MEMBER)
} bzip2_functions;
typedef struct lzma_functions {
    LZMA_FUNCTIONS(LIBRARY_MEMBER)
} lzma_functions;
typedef struct lz4_functions {
    LZ4_FUNCTIONS(LIBRARY_MEMBER)
} lz4_functions;

extern zlib_functions zlib_calls;
extern bzip2_functions bzip2_calls;
extern lzma_functions lzma_calls;
extern lz4_functions lz4_calls;
extern library library_zlib;
extern library library_bzip2;
extern library library_lzma;
extern library library_lz4;

#define inflate                         zlib_calls.inflate
#define inflateEnd                      zlib_calls.inflateEnd
#define inflateInit2_                   zlib_calls.inflateInit2_
#define BZ2_bzDecompress                bzip2_calls.BZ2_bzDecompress
#define BZ2_bzDecompressEnd             bzip2_calls.BZ2_bzDecompressEnd
#define BZ2_bzDecompressInit            bzip2_calls.BZ2_bzDecompressInit
#define lzma_alone_decoder              lzma_calls.lzma_alone_decoder
#define lzma_code                       lzma_calls.lzma_code
#define lzma_end                        lzma_calls.lzma_end
#define lzma_stream_decoder             lzma_calls.lzma_stream_decoder
#define LZ4F_createDecompressionContext lz4_calls.LZ4F_createDecompressionContext
#define LZ4F_decompress                 lz4_calls.LZ4F_decompress
#define LZ4F_freeDecompressionContext   lz4_calls.LZ4F_freeDecompressionContext
#define LZ4F_isError                    lz4_calls.LZ4F_isError

#endif
