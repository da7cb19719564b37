/*
 * Opening ONNX Runtime: dlopen, OrtGetApiBase, the table of functions.
 *
 * The numbers in `bind` are positions in OrtApi (see ort_api.h). The last one we use came with
 * version 15 of the API, so any library from 1.15 on will do, and it is asked for that version.
 */
#include "engine/ort_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { API_VERSION = 15, API_MAJOR = 1 };

typedef void (*ort_function)(void);

typedef struct ort_api_base {
    const ort_function *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
} ort_api_base;

/* ORT's error codes (OrtErrorCode) that tell more than "failed". */
enum {
    CODE_INVALID_ARGUMENT = 2,
    CODE_NO_MODEL = 4,
    CODE_INVALID_PROTOBUF = 7,
    CODE_NOT_IMPLEMENTED = 9,
    CODE_INVALID_GRAPH = 10
};

static void bind(ort_api *api, const ort_function *table)
{
#define SLOT(member, index) api->member = (__typeof__(api->member))table[index]
    SLOT(error_code, 1);
    SLOT(error_message, 2);
    SLOT(create_env, 3);
    SLOT(create_session, 8);
    SLOT(run, 9);
    SLOT(create_options, 10);
    SLOT(set_execution_mode, 13);
    SLOT(enable_mem_pattern, 16);
    SLOT(disable_mem_pattern, 17);
    SLOT(enable_arena, 18);
    SLOT(disable_arena, 19);
    SLOT(set_optimization, 23);
    SLOT(set_intra_threads, 24);
    SLOT(set_inter_threads, 25);
    SLOT(input_count, 30);
    SLOT(output_count, 31);
    SLOT(input_type, 33);
    SLOT(output_type, 34);
    SLOT(input_name, 36);
    SLOT(output_name, 37);
    SLOT(create_tensor, 48);
    SLOT(wrap_tensor, 49);
    SLOT(tensor_data, 51);
    SLOT(string_bytes, 53);
    SLOT(string_content, 54);
    SLOT(type_tensor, 55);
    SLOT(type_kind, 56);
    SLOT(element_type, 60);
    SLOT(dims_count, 61);
    SLOT(dims, 62);
    SLOT(tensor_shape, 65);
    SLOT(create_memory_info, 69);
    SLOT(allocator_free, 76);
    SLOT(default_allocator, 78);
    SLOT(element, 80);
    SLOT(element_count, 81);
    SLOT(release_env, 92);
    SLOT(release_status, 93);
    SLOT(release_memory_info, 94);
    SLOT(release_session, 95);
    SLOT(release_value, 96);
    SLOT(release_type, 98);
    SLOT(release_tensor_info, 99);
    SLOT(release_options, 100);
    SLOT(session_metadata, 111);
    SLOT(metadata_lookup, 116);
    SLOT(release_metadata, 118);
    SLOT(metadata_keys, 123);
    SLOT(available_providers, 125);
    SLOT(release_providers, 126);
    SLOT(add_config, 130);
    SLOT(append_cuda, 204);
    SLOT(create_cuda, 205);
    SLOT(release_cuda, 208);
    SLOT(append_provider, 216);
    SLOT(string_buffer, 252);
#undef SLOT
}

alf_status ort_api_check_version(const char *version, alf_error *err)
{
    char *end;
    unsigned long major = strtoul(version, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, &end, 10) : 0;
    if (major == API_MAJOR && minor >= API_VERSION)
        return ALF_OK;
    return error_set(err, ALF_E_UNSUPPORTED,
                     "ONNX Runtime has version \"%.30s\", expected %d.%d or a later %d.x; install "
                     "a newer one",
                     version, (int)API_MAJOR, (int)API_VERSION, (int)API_MAJOR);
}

/* The library by its path, or by the names the loader may know. */
static alf_status open_library(const char *library, void **out, alf_error *err)
{
    static const char *const names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
    /* Never unloaded: the library keeps threads and thread-local data. */
    enum { FLAGS = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE };
    bool named = library != NULL && library[0] != '\0';
    *out = named ? dlopen(library, FLAGS) : NULL;
    for (size_t i = 0; !named && *out == NULL && i < sizeof names / sizeof names[0]; i++)
        *out = dlopen(names[i], FLAGS);
    if (*out != NULL)
        return ALF_OK;
    const char *reason = dlerror();
    return error_set(err, ALF_E_NOT_FOUND,
                     "cannot load ONNX Runtime: %.250s; install it, or name its library with "
                     "onnx_runtime.library or ALF_ONNXRUNTIME",
                     reason != NULL ? reason : "no reason given");
}

static alf_status bind_library(void *handle, ort_api *out, alf_error *err)
{
    const ort_api_base *(*get_base)(void) = NULL;
    void *symbol = dlsym(handle, "OrtGetApiBase");
    if (symbol == NULL)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "not ONNX Runtime: the library has no function OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof symbol); /* how POSIX turns one into the other */
    const ort_api_base *base = get_base();
    const char *version = base != NULL ? base->get_version() : NULL;
    if (version == NULL)
        return error_set(err, ALF_E_UNSUPPORTED, "not ONNX Runtime: it does not tell its version");
    TRY(ort_api_check_version(version, err));
    (void)snprintf(out->version, sizeof out->version, "%s", version);
    out->minor = strtoul(strchr(version, '.') + 1, NULL, 10); /* checked to be there */
    const ort_function *table = base->get_api(API_VERSION);
    if (table == NULL)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "ONNX Runtime %s does not offer version %d of its C API", out->version,
                         (int)API_VERSION);
    bind(out, table);
    return ALF_OK;
}

alf_status ort_api_open(const char *library, ort_api *out, alf_error *err)
{
    void *handle = NULL;
    *out = (ort_api){0};
    alf_status status = open_library(library, &handle, err);
    if (status == ALF_OK) {
        status = bind_library(handle, out, err);
        (void)dlclose(handle); /* counts the handle only: RTLD_NODELETE */
    }
    if (status != ALF_OK)
        error_file(err, library != NULL && library[0] != '\0' ? library : "libonnxruntime.so");
    return status;
}

static alf_status status_of(int code)
{
    switch (code) {
    case CODE_INVALID_ARGUMENT:
        return ALF_E_ARGUMENT;
    case CODE_NO_MODEL:
    case CODE_INVALID_PROTOBUF:
    case CODE_INVALID_GRAPH:
        return ALF_E_FORMAT;
    default: /* CODE_NOT_IMPLEMENTED among them */
        return ALF_E_UNSUPPORTED;
    }
}

alf_status ort_api_check(const ort_api *api, ort_status *status, alf_error *err)
{
    if (status == NULL)
        return ALF_OK;
    char text[440];
    const char *message = api->error_message(status);
    (void)snprintf(text, sizeof text, "%s", message != NULL ? message : "failed");
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    alf_status result = status_of(api->error_code(status));
    api->release_status(status);
    return error_set(err, result, "ONNX Runtime: %s", text);
}
