/*
 * Bounded decompression. Every format goes through one loop: a decoder is handed input and room,
 * and says when its member has ended; the loop owns growth, the limit and joined members.
 * Invariant: no more than limit + 1 bytes are ever produced, and room grows with what is needed.
 */
#include "codec/decompress.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "codec/compressors.h"

#include <limits.h>
#include <string.h>

/* MAX_MEMBERS: the decoder of a member of a few bytes can cost megabytes. */
enum { CHUNK = 1 << 16, MAX_DECODER_MEMORY = 100 << 20, MAX_MEMBERS = 10000, ZF_HEADER = 21 };

/* One step of a decoder. in and out are moved past what was used. */
typedef struct step {
    alf_span in;
    char *out;
    size_t room;
    bool ended; /* the member is complete */
} step;

typedef struct format format;

typedef struct decoder {
    const format *format;
    union {
        z_stream zlib;
        bz_stream bzip2;
        lzma_stream lzma;
        LZ4F_dctx *lz4;
    } as;
} decoder;

struct format {
    const char *name;
    alf_span magic;
    library *needs;
    alf_status (*begin)(decoder *d, alf_error *err);
    alf_status (*run)(decoder *d, step *s, alf_error *err);
    void (*end)(decoder *d);
};

static alf_status damaged(const decoder *d, alf_error *err)
{
    return error_set(err, ALF_E_FORMAT, "the %s data is damaged or cut short", d->format->name);
}

static alf_status no_decoder(const decoder *d, alf_error *err)
{
    return error_nomem(err, d->format->name);
}

static unsigned clipped(size_t size)
{
    return size > UINT_MAX ? UINT_MAX : (unsigned)size;
}

static void used(step *s, size_t in, size_t out)
{
    s->in = span_of(s->in.data + in, s->in.size - in);
    s->out += out;
    s->room -= out;
}

/* ------------------------------------------------------------------ zlib and gzip */

static void *zlib_alloc(void *context, unsigned count, unsigned size)
{
    (void)context;
    return mem_realloc(NULL, count, size);
}

static void zlib_free(void *context, void *pointer)
{
    (void)context;
    mem_free(pointer);
}

static alf_status zlib_begin(decoder *d, alf_error *err)
{
    enum { EITHER_HEADER = 32 };
    d->as.zlib = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    return inflateInit2(&d->as.zlib, EITHER_HEADER + MAX_WBITS) == Z_OK ? ALF_OK
                                                                        : no_decoder(d, err);
}

static alf_status zlib_run(decoder *d, step *s, alf_error *err)
{
    z_stream *z = &d->as.zlib;
    z->next_in = (unsigned char *)(uintptr_t)s->in.data;
    z->avail_in = clipped(s->in.size);
    z->next_out = (unsigned char *)s->out;
    z->avail_out = clipped(s->room);
    unsigned in = z->avail_in;
    unsigned out = z->avail_out;
    int result = inflate(z, Z_NO_FLUSH);
    used(s, in - z->avail_in, out - z->avail_out);
    s->ended = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR)
        return no_decoder(d, err);
    return result == Z_OK || s->ended ? ALF_OK : damaged(d, err);
}

static void zlib_end(decoder *d)
{
    (void)inflateEnd(&d->as.zlib);
}

/* ------------------------------------------------------------------ bzip2 */

static void *bzip2_alloc(void *context, int count, int size)
{
    (void)context;
    return count < 0 || size < 0 ? NULL : mem_realloc(NULL, (size_t)count, (size_t)size);
}

static alf_status bzip2_begin(decoder *d, alf_error *err)
{
    d->as.bzip2 = (bz_stream){.bzalloc = bzip2_alloc, .bzfree = zlib_free};
    return BZ2_bzDecompressInit(&d->as.bzip2, 0, 0) == BZ_OK ? ALF_OK : no_decoder(d, err);
}

static alf_status bzip2_run(decoder *d, step *s, alf_error *err)
{
    bz_stream *z = &d->as.bzip2;
    z->next_in = (char *)(uintptr_t)s->in.data;
    z->avail_in = clipped(s->in.size);
    z->next_out = s->out;
    z->avail_out = clipped(s->room);
    unsigned in = z->avail_in;
    unsigned out = z->avail_out;
    int result = BZ2_bzDecompress(z);
    used(s, in - z->avail_in, out - z->avail_out);
    s->ended = result == BZ_STREAM_END;
    if (result == BZ_MEM_ERROR)
        return no_decoder(d, err);
    return result == BZ_OK || s->ended ? ALF_OK : damaged(d, err);
}

static void bzip2_end(decoder *d)
{
    (void)BZ2_bzDecompressEnd(&d->as.bzip2);
}

/* ------------------------------------------------------------------ xz and lzma */

static void *lzma_allocate(void *context, size_t count, size_t size)
{
    (void)context;
    return mem_realloc(NULL, count, size);
}

static const lzma_allocator allocator = {lzma_allocate, zlib_free, NULL};

static alf_status lzma_started(decoder *d, lzma_ret result, alf_error *err)
{
    if (result == LZMA_OK)
        return ALF_OK;
    lzma_end(&d->as.lzma);
    return no_decoder(d, err);
}

static alf_status xz_begin(decoder *d, alf_error *err)
{
    d->as.lzma = (lzma_stream)LZMA_STREAM_INIT;
    d->as.lzma.allocator = &allocator;
    return lzma_started(d, lzma_stream_decoder(&d->as.lzma, MAX_DECODER_MEMORY, 0), err);
}

static alf_status lzma_begin(decoder *d, alf_error *err)
{
    d->as.lzma = (lzma_stream)LZMA_STREAM_INIT;
    d->as.lzma.allocator = &allocator;
    return lzma_started(d, lzma_alone_decoder(&d->as.lzma, MAX_DECODER_MEMORY), err);
}

static alf_status lzma_run(decoder *d, step *s, alf_error *err)
{
    lzma_stream *z = &d->as.lzma;
    z->next_in = (const uint8_t *)s->in.data;
    z->avail_in = s->in.size;
    z->next_out = (uint8_t *)s->out;
    z->avail_out = s->room;
    lzma_ret result = lzma_code(z, LZMA_RUN);
    used(s, s->in.size - z->avail_in, s->room - z->avail_out);
    s->ended = result == LZMA_STREAM_END;
    if (result == LZMA_MEM_ERROR)
        return no_decoder(d, err);
    if (result == LZMA_MEMLIMIT_ERROR)
        return error_set(err, ALF_E_LIMIT, "the %s data needs more than %d MiB to decompress",
                         d->format->name, MAX_DECODER_MEMORY >> 20);
    return result == LZMA_OK || s->ended ? ALF_OK : damaged(d, err);
}

static void lzma_finish(decoder *d)
{
    lzma_end(&d->as.lzma);
}

/* ------------------------------------------------------------------ lz4 frames */

static alf_status lz4_begin(decoder *d, alf_error *err)
{
    size_t result = LZ4F_createDecompressionContext(&d->as.lz4, LZ4F_VERSION);
    return LZ4F_isError(result) ? no_decoder(d, err) : ALF_OK;
}

static alf_status lz4_run(decoder *d, step *s, alf_error *err)
{
    size_t in = s->in.size;
    size_t out = s->room;
    size_t result = LZ4F_decompress(d->as.lz4, s->out, &out, s->in.data, &in, NULL);
    if (LZ4F_isError(result))
        return damaged(d, err);
    used(s, in, out);
    s->ended = result == 0;
    return ALF_OK;
}

static void lz4_end(decoder *d)
{
    (void)LZ4F_freeDecompressionContext(d->as.lz4);
}

/* ------------------------------------------------------------------ the loop */

static const format formats[] = {
    {"zlib", {"\x78", 1}, &library_zlib, zlib_begin, zlib_run, zlib_end},
    {"gzip", {"\x1f\x8b", 2}, &library_zlib, zlib_begin, zlib_run, zlib_end},
    {"bzip2", {"BZ", 2}, &library_bzip2, bzip2_begin, bzip2_run, bzip2_end},
    {"xz", {"\xfd\x37\x7a\x58\x5a", 5}, &library_lzma, xz_begin, lzma_run, lzma_finish},
    {"lzma", {"\x5d\x00", 2}, &library_lzma, lzma_begin, lzma_run, lzma_finish},
    {"lz4", {"\x04\x22\x4d\x18", 4}, &library_lz4, lz4_begin, lz4_run, lz4_end},
};

static const format *format_of(alf_span data)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (span_starts(data, formats[i].magic))
            return &formats[i];
    return NULL;
}

static alf_status too_large(size_t limit, alf_error *err)
{
    return error_set(err, ALF_E_LIMIT,
                     "the compressed file expands to more than %zu bytes, which is the limit",
                     limit);
}

/* Expands one member; *data is moved past it. limit: of out->size. */
static alf_status run_member(decoder *d, alf_span *data, size_t limit, buf *out, alf_error *err)
{
    step s = {.in = *data};
    while (!s.ended) {
        if (out->size > limit)
            return too_large(limit, err);
        size_t room = limit - out->size + 1; /* one more byte shows that the limit is passed */
        if (room > CHUNK)
            room = CHUNK;
        s.out = buf_reserve(out, room);
        if (s.out == NULL)
            return error_nomem(err, "decompressed data");
        s.room = room;
        size_t left = s.in.size;
        TRY(d->format->run(d, &s, err));
        out->size += room - s.room;
        if (!s.ended && s.room == room && s.in.size == left)
            return damaged(d, err); /* no progress: the input has ended */
    }
    *data = s.in;
    return out->size > limit ? too_large(limit, err) : ALF_OK;
}

static alf_status expand(alf_span data, const format *f, size_t limit, buf *out, alf_error *err)
{
    size_t members = 0;
    TRY(library_need(f->needs, err));
    do {
        if (++members > MAX_MEMBERS)
            return error_set(err, ALF_E_LIMIT, "the %s data has more than %d members", f->name,
                             MAX_MEMBERS);
        decoder d = {.format = f};
        TRY(f->begin(&d, err));
        alf_status status = run_member(&d, &data, limit, out, err);
        f->end(&d);
        TRY(status);
    } while (span_starts(data, f->magic));
    return ALF_OK;
}

/* "ZF", the length as 19 characters of hexadecimal, then zlib; very old ones have one more space.
 */
static alf_status expand_zf(alf_span data, size_t limit, buf *out, alf_error *err)
{
    uint64_t length = 0;
    size_t i = 2;
    if (data.size > ZF_HEADER && data.data[i] == '0' && data.data[i + 1] == 'x')
        i += 2;
    for (; i < ZF_HEADER && i < data.size && data.data[i] != ' ' && data.data[i] != 'L'; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = data.data[i] != '\0' ? strchr(digits, data.data[i]) : NULL;
        if (digit == NULL || length >> 60 != 0)
            return error_set(err, ALF_E_FORMAT, "the ZF header has no length in hexadecimal");
        length = length << 4 | (uint64_t)(digit - digits);
    }
    size_t header = ZF_HEADER;
    if (data.size > header && data.data[header] == ' ')
        header++;
    if (data.size <= header)
        return error_set(err, ALF_E_FORMAT, "the ZF file is cut short in its header");
    if (length > limit)
        return too_large(limit, err);
    size_t before = out->size;
    TRY(expand(span_of(data.data + header, data.size - header), &formats[0], before + limit, out,
               err));
    if (out->size - before != length)
        return error_set(err, ALF_E_FORMAT, "the ZF header says %llu bytes, there are %zu",
                         (unsigned long long)length, out->size - before);
    return ALF_OK;
}

bool decompress_knows(alf_span data)
{
    return format_of(data) != NULL || span_starts(data, SPAN_LITERAL("ZF"));
}

alf_status decompress(alf_span data, size_t limit, buf *out, alf_error *err)
{
    if (limit > SIZE_MAX / 4)
        limit = SIZE_MAX / 4;
    if (span_starts(data, SPAN_LITERAL("ZF")))
        return expand_zf(data, limit, out, err);
    const format *f = format_of(data);
    if (f == NULL)
        return error_set(err, ALF_E_FORMAT, "the data is not compressed in a way that is known");
    return expand(data, f, out->size + limit, out, err);
}
