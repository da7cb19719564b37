/*
 * joblib files. The stream is kept while the file lives, since strings and arrays point into it;
 * so are the sibling files that versions up to 0.9 wrote arrays to.
 */
#include "codec/joblib.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/builder.h"
#include "codec/decompress.h"
#include "codec/globals.h"
#include "codec/numpy.h"
#include "codec/pickle.h"

#include <limits.h>

enum { MAX_ATTRIBUTES = 32 }; /* of a wrapper, which are searched one by one */

typedef struct sibling_file sibling_file;

struct sibling_file {
    sibling_file *next;
    buf content;
};

struct joblib_file {
    arena values;
    buf stream; /* uncompressed; empty when the caller's bytes are used as they are */
    sibling_file *siblings;
    value *root;
    const joblib_options *options; /* during parsing */
    bool limits_grow;              /* by what sibling files hold */
};

/* What a file may expand to: a start, and this many times its size. Real models expand by 3 to 10
 * when they are decompressed; their values take up to 20 times the bytes of the pickle, but no
 * more than once the bytes of their arrays, which are most of a large file. */
enum { LIMIT_START = 64 << 20, STREAM_RATIO = 64, MEMORY_RATIO = 16 };

joblib_limits joblib_default_limits(void)
{
    return (joblib_limits){.max_bytes = (size_t)1 << 30,
                           .max_memory = (size_t)1 << 30,
                           .max_depth = 200,
                           .max_values = 20000000};
}

static size_t expanded(size_t base, size_t size, size_t ratio, size_t most)
{
    size_t limit;
    if (__builtin_mul_overflow(size, ratio, &limit) || __builtin_add_overflow(limit, base, &limit))
        return most;
    return limit < most ? limit : most;
}

joblib_limits joblib_limits_for(size_t file_size)
{
    joblib_limits limits = joblib_default_limits();
    limits.max_bytes = expanded(LIMIT_START, file_size, STREAM_RATIO, limits.max_bytes);
    limits.max_memory = expanded(LIMIT_START, file_size, MEMORY_RATIO, limits.max_memory);
    return limits;
}

/* ------------------------------------------------------------------ arrays in the stream */

static alf_status bad_wrapper(builder *b, const value *wrapper, const char *what)
{
    return error_at(b->err, ALF_E_FORMAT, wrapper->offset, "a joblib array %s; the file is damaged",
                    what);
}

static alf_status read_header(builder *b, const value *wrapper, numpy_header *h)
{
    const value *type = value_attribute(wrapper, "dtype");
    const value *order = value_attribute(wrapper, "order");
    if (type == NULL || order == NULL || order->kind != VALUE_STRING)
        return bad_wrapper(b, wrapper, "has no dtype or order");
    h->fortran_order = span_is(order->as.text, "F");
    if (!h->fortran_order && !span_is(order->as.text, "C"))
        return bad_wrapper(b, wrapper, "has an order other than C and F");
    TRY(numpy_dtype(b, type, &h->type));
    return numpy_shape(b, value_attribute(wrapper, "shape"), wrapper->offset, h);
}

/* One byte says how many bytes of 0xFF follow, so that the data is aligned for mapping. */
static alf_status skip_padding(builder *b, const value *wrapper, alf_span bytes, size_t *at)
{
    const value *alignment = value_attribute(wrapper, "numpy_array_alignment_bytes");
    if (alignment == NULL || alignment->kind == VALUE_NONE)
        return ALF_OK;
    if (*at == bytes.size)
        return bad_wrapper(b, wrapper, "is cut short");
    size_t padding = (unsigned char)bytes.data[*at];
    if (padding > bytes.size - *at - 1)
        return bad_wrapper(b, wrapper, "is cut short in its padding");
    for (size_t i = 1; i <= padding; i++)
        if ((unsigned char)bytes.data[*at + i] != 0xFF)
            return bad_wrapper(b, wrapper, "has padding other than 0xFF");
    *at += padding + 1;
    return ALF_OK;
}

static alf_status splice_array(builder *b, alf_span bytes, size_t *at, const value *wrapper,
                               value **out)
{
    numpy_header h = {0};
    TRY(read_header(b, wrapper, &h));
    if (h.type.kind == DTYPE_OBJECT) { /* a plain pickle of its own, which holds no wrappers */
        TRY(pickle_read(b, bytes, at, NULL, out));
        if ((*out)->kind != VALUE_ARRAY || (*out)->as.array.count != h.count)
            return bad_wrapper(b, wrapper, "of objects is not followed by the array it announces");
        return ALF_OK;
    }
    TRY(skip_padding(b, wrapper, bytes, at));
    if (h.bytes > bytes.size - *at)
        return error_at(b->err, ALF_E_FORMAT, wrapper->offset,
                        "the file is cut short: an array needs %llu bytes at byte %zu, %zu are "
                        "left",
                        (unsigned long long)h.bytes, *at, bytes.size - *at);
    alf_span data = span_of(bytes.data + *at, (size_t)h.bytes);
    *at += data.size;
    return numpy_array(b, &h, data, wrapper->offset, out);
}

/* ------------------------------------------------------------------ arrays in sibling files */

/* A name that stays in the folder of the file: no path, nothing hidden in it. */
static bool is_plain_name(alf_span name)
{
    if (name.size == 0 || name.size > 255 || name.data[0] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c == '/' || c == '\\' || c < 0x20 || c == 0x7F)
            return false;
        if (c == '.' && i + 1 < name.size && name.data[i + 1] == '.')
            return false;
    }
    return true;
}

static alf_status check_sibling(builder *b, const joblib_file *file, const value *wrapper,
                                alf_span *name)
{
    const value *v = value_attribute(wrapper, "filename");
    if (v == NULL || v->kind != VALUE_STRING)
        return bad_wrapper(b, wrapper, "names no file");
    *name = v->as.text;
    if (!is_plain_name(*name))
        return error_at(b->err, ALF_E_REFUSED, wrapper->offset,
                        "an array is in the file '%.*s', which is not a plain name in the same "
                        "folder; it was not read",
                        span_width(*name), name->data);
    if (file->options->sibling == NULL)
        return error_at(b->err, ALF_E_UNSUPPORTED, wrapper->offset,
                        "an array is in the separate file '%.*s' (joblib 0.9 or older), which "
                        "cannot be read here; save the model anew, or give the path of the file",
                        span_width(*name), name->data);
    return ALF_OK;
}

static alf_status read_sibling(builder *b, joblib_file *file, const value *wrapper, buf **out)
{
    alf_span name;
    TRY(check_sibling(b, file, wrapper, &name));
    void *memory;
    TRY(builder_alloc(b, 1, sizeof(sibling_file), wrapper->offset, &memory));
    sibling_file *sibling = memory;
    buf_init(&sibling->content);
    sibling->next = file->siblings;
    file->siblings = sibling;
    TRY(file->options->sibling(file->options->sibling_context, name, &sibling->content, b->err));
    TRY(buf_status(&sibling->content, b->err));
    *out = &sibling->content;
    if (file->limits_grow) {
        b->limits.max_memory = expanded(b->limits.max_memory, sibling->content.size, MEMORY_RATIO,
                                        joblib_default_limits().max_memory);
        b->arena->limit = b->limits.max_memory;
    }
    return builder_count_heap(b, sibling->content.size, wrapper->offset);
}

static alf_status splice_npy(builder *b, joblib_file *file, const value *wrapper, value **out)
{
    buf *content;
    TRY(read_sibling(b, file, wrapper, &content));
    return numpy_npy(b, buf_span(content), wrapper->offset, out);
}

/* A file of compressed raw data; how to read it is in the wrapper, as numpy pickles arrays. */
static alf_status splice_zfile(builder *b, joblib_file *file, const value *wrapper, value **out)
{
    const value *arguments = value_attribute(wrapper, "init_args");
    const value *state = value_attribute(wrapper, "state");
    if (arguments == NULL || arguments->kind != VALUE_TUPLE || state == NULL ||
        state->kind != VALUE_TUPLE)
        return bad_wrapper(b, wrapper, "does not say how to read its file");
    buf *content;
    TRY(read_sibling(b, file, wrapper, &content));
    buf data;
    buf_init(&data);
    alf_status status = decompress(buf_span(content), b->limits.max_memory, &data, b->err);
    buf_fini(content); /* stays counted: what was read is bounded too */
    *content = data;   /* owned by the file from here on, whatever happens */
    TRY(status);
    TRY(builder_count_heap(b, data.size, wrapper->offset));
    value *bytes;
    value *whole;
    TRY(builder_text(b, VALUE_BYTES, buf_span(content), wrapper->offset, &bytes));
    TRY(builder_items(b, VALUE_TUPLE, state->as.list.items, state->as.list.count, wrapper->offset,
                      &whole));
    TRY(builder_extend(b, whole, &bytes, 1));
    TRY(numpy_reconstruct(b, arguments, wrapper->offset, out));
    return numpy_set_state(b, *out, whole, wrapper->offset);
}

static alf_status splice(void *context, builder *b, alf_span bytes, size_t *at,
                         const value *wrapper, value **out)
{
    const value *attributes = wrapper->as.object.state;
    if (attributes->kind != VALUE_DICT || attributes->as.dict.count > MAX_ATTRIBUTES)
        return bad_wrapper(b, wrapper, "does not have the attributes of one");
    switch ((global_role)builder_tag(wrapper->as.object.class_)) {
    case ROLE_ARRAY_WRAPPER:
        return splice_array(b, bytes, at, wrapper, out);
    case ROLE_FILE_WRAPPER:
        return splice_npy(b, context, wrapper, out);
    default:
        return splice_zfile(b, context, wrapper, out);
    }
}

/* ------------------------------------------------------------------ files */

static alf_status parse_stream(joblib_file *file, alf_span data, alf_error *err)
{
    const joblib_limits *limits = &file->options->limits;
    if (data.size == 0)
        return error_set(err, ALF_E_FORMAT, "the file is empty; a joblib file was expected");
    if (decompress_knows(data)) {
        TRY(decompress(data, limits->max_bytes, &file->stream, err));
        data = buf_span(&file->stream);
    }
    if (data.size > limits->max_bytes)
        return error_set(err, ALF_E_LIMIT, "the file has %zu bytes; at most %zu are read",
                         data.size, limits->max_bytes);
    builder b = {.arena = &file->values, .limits = *limits, .err = err};
    pickle_hook hook = {.splice = splice, .context = file};
    size_t at = 0;
    return pickle_read(&b, data, &at, &hook, &file->root);
}

/* grow: the limits are those of the main file, to which its siblings add theirs. */
static alf_status parse(alf_span data, const joblib_options *options, bool grow, joblib_file **out,
                        alf_error *err)
{
    *out = NULL;
    joblib_file *file = mem_calloc(1, sizeof *file);
    if (file == NULL)
        return error_nomem(err, "a joblib file");
    file->options = options;
    file->limits_grow = grow;
    arena_init(&file->values, file->options->limits.max_memory);
    buf_init(&file->stream);
    alf_status status = parse_stream(file, data, err);
    file->options = NULL;
    if (status == ALF_OK)
        *out = file;
    else
        joblib_free(file);
    return status;
}

alf_status joblib_parse(alf_span data, const joblib_options *options, joblib_file **out,
                        alf_error *err)
{
    joblib_options defaults = {.limits = joblib_limits_for(data.size)};
    return parse(data, options != NULL ? options : &defaults, false, out, err);
}

const value *joblib_root(const joblib_file *file)
{
    return file->root;
}

void joblib_free(joblib_file *file)
{
    if (file == NULL)
        return;
    for (sibling_file *s = file->siblings; s != NULL; s = s->next)
        buf_fini(&s->content);
    arena_fini(&file->values);
    buf_fini(&file->stream);
    mem_free(file);
}

/* ------------------------------------------------------------------ opening by path */

typedef struct folder {
    char path[PATH_MAX]; /* of the folder */
    alf_span base;       /* the name of the file itself, which siblings begin with */
    size_t limit;
} folder;

static alf_status open_sibling(void *context, alf_span name, buf *out, alf_error *err)
{
    const folder *f = context;
    char plain[256];
    char path[PATH_MAX];
    if (!span_starts(name, f->base) || name.size >= sizeof plain)
        return error_set(err, ALF_E_REFUSED,
                         "an array is in the file '%.*s', whose name does not begin with '%.*s'; "
                         "it was not read (was the file renamed?)",
                         span_width(name), name.data, span_width(f->base), f->base.data);
    memcpy(plain, name.data, name.size);
    plain[name.size] = '\0';
    TRY(file_join(path, sizeof path, f->path, plain, err));
    return file_read(path, f->limit, out, err);
}

/* Splits path; base borrows from it. */
static alf_status split(const char *path, folder *f, alf_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t size = (size_t)(base - path);
    if (size >= sizeof f->path)
        return error_set(err, ALF_E_LIMIT, "the path is too long: %.100s", path);
    memcpy(f->path, path, size);
    f->path[size] = '\0';
    if (size == 0)
        memcpy(f->path, ".", 2);
    f->base = span_from_string(base);
    return ALF_OK;
}

alf_status joblib_open(const char *path, const joblib_options *options, joblib_file **out,
                       alf_error *err)
{
    *out = NULL;
    joblib_options mine = {.limits = joblib_default_limits()};
    if (options != NULL)
        mine = *options;
    folder here = {.limit = mine.limits.max_bytes};
    if (mine.sibling == NULL) {
        mine.sibling = open_sibling;
        mine.sibling_context = &here;
    }
    buf content;
    buf_init(&content);
    alf_status status = split(path, &here, err);
    if (status == ALF_OK)
        status = file_read(path, mine.limits.max_bytes, &content, err);
    if (status == ALF_OK && options == NULL)
        mine.limits = joblib_limits_for(content.size);
    if (status == ALF_OK)
        status = parse(buf_span(&content), &mine, options == NULL, out, err);
    if (status == ALF_OK && (*out)->stream.data == NULL) {
        (*out)->stream = content; /* values point into it */
        buf_init(&content);
    }
    if (status != ALF_OK)
        error_file(err, path);
    buf_fini(&content);
    return status;
}
