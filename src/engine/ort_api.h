/*
 * ONNX Runtime, found at run time: our own declarations of the part of its C API that we use.
 *
 * The API is a table of functions in an order that never changes; each release only adds at the
 * end. Source: the order of the members of OrtApi in onnxruntime_c_api.h of the ONNX Runtime
 * project. A member of ort_api below names one slot of that table (ort_api.c holds the numbers).
 * Enumerations are passed as int, as the C ABI does.
 */
#ifndef ALF_ENGINE_ORT_API_H
#define ALF_ENGINE_ORT_API_H

#include "base/error.h"

typedef struct ort_status ort_status; /* NULL: success */
typedef struct ort_env ort_env;
typedef struct ort_session ort_session;
typedef struct ort_session_options ort_session_options;
typedef struct ort_run_options ort_run_options;
typedef struct ort_value ort_value;
typedef struct ort_memory_info ort_memory_info;
typedef struct ort_allocator ort_allocator;
typedef struct ort_type_info ort_type_info;
typedef struct ort_tensor_info ort_tensor_info;
typedef struct ort_metadata ort_metadata;
typedef struct ort_cuda_options ort_cuda_options;

enum {
    ORT_LOG_FATAL = 4,
    ORT_ARENA_ALLOCATOR = 1,
    ORT_MEMORY_DEFAULT = 0,
    ORT_KIND_TENSOR = 1,
    ORT_KIND_SEQUENCE = 2
};

typedef struct ort_api {
    char version[32];    /* of the library, such as "1.31.1" */
    unsigned long minor; /* 31 of 1.31.1 */

    int (*error_code)(const ort_status *);
    const char *(*error_message)(const ort_status *);
    void (*release_status)(ort_status *);

    ort_status *(*create_env)(int log_level, const char *name, ort_env **);
    void (*release_env)(ort_env *);
    ort_status *(*default_allocator)(ort_allocator **); /* the library's; never released */
    ort_status *(*allocator_free)(ort_allocator *, void *);
    ort_status *(*create_memory_info)(int allocator, int memory, ort_memory_info **);
    void (*release_memory_info)(ort_memory_info *);

    ort_status *(*create_options)(ort_session_options **);
    void (*release_options)(ort_session_options *);
    ort_status *(*set_execution_mode)(ort_session_options *, int);
    ort_status *(*enable_mem_pattern)(ort_session_options *);
    ort_status *(*disable_mem_pattern)(ort_session_options *);
    ort_status *(*enable_arena)(ort_session_options *);
    ort_status *(*disable_arena)(ort_session_options *);
    ort_status *(*set_optimization)(ort_session_options *, int);
    ort_status *(*set_intra_threads)(ort_session_options *, int);
    ort_status *(*set_inter_threads)(ort_session_options *, int);
    ort_status *(*add_config)(ort_session_options *, const char *key, const char *text);
    ort_status *(*available_providers)(char ***, int *);
    ort_status *(*release_providers)(char **, int);
    ort_status *(*create_cuda)(ort_cuda_options **);
    ort_status *(*append_cuda)(ort_session_options *, const ort_cuda_options *);
    void (*release_cuda)(ort_cuda_options *);
    ort_status *(*append_provider)(ort_session_options *, const char *name, const char *const *keys,
                                   const char *const *values, size_t);

    ort_status *(*create_session)(const ort_env *, const void *bytes, size_t,
                                  const ort_session_options *, ort_session **);
    void (*release_session)(ort_session *);
    ort_status *(*input_count)(const ort_session *, size_t *);
    ort_status *(*output_count)(const ort_session *, size_t *);
    ort_status *(*input_type)(const ort_session *, size_t, ort_type_info **);
    ort_status *(*output_type)(const ort_session *, size_t, ort_type_info **);
    ort_status *(*input_name)(const ort_session *, size_t, ort_allocator *, char **);
    ort_status *(*output_name)(const ort_session *, size_t, ort_allocator *, char **);
    ort_status *(*session_metadata)(const ort_session *, ort_metadata **);
    ort_status *(*metadata_keys)(const ort_metadata *, ort_allocator *, char ***, int64_t *);
    ort_status *(*metadata_lookup)(const ort_metadata *, ort_allocator *, const char *key, char **);
    void (*release_metadata)(ort_metadata *);
    ort_status *(*type_kind)(const ort_type_info *, int *);
    ort_status *(*type_tensor)(const ort_type_info *, const ort_tensor_info **); /* borrowed */
    void (*release_type)(ort_type_info *);

    ort_status *(*run)(ort_session *, const ort_run_options *, const char *const *input_names,
                       const ort_value *const *inputs, size_t, const char *const *output_names,
                       size_t, ort_value **outputs);
    ort_status *(*create_tensor)(ort_allocator *, const int64_t *dims, size_t rank, int type,
                                 ort_value **);
    ort_status *(*wrap_tensor)(const ort_memory_info *, void *data, size_t bytes,
                               const int64_t *dims, size_t rank, int type, ort_value **);
    ort_status *(*string_buffer)(ort_value *, size_t index, size_t size, char **);
    ort_status *(*tensor_data)(ort_value *, void **);
    ort_status *(*string_bytes)(const ort_value *, size_t *);
    ort_status *(*string_content)(const ort_value *, void *bytes, size_t, size_t *offsets, size_t);
    ort_status *(*element)(const ort_value *, int index, ort_allocator *, ort_value **);
    ort_status *(*element_count)(const ort_value *, size_t *); /* a map's: 2, keys and values */
    ort_status *(*tensor_shape)(const ort_value *, ort_tensor_info **);
    ort_status *(*element_type)(const ort_tensor_info *, int *);
    ort_status *(*dims_count)(const ort_tensor_info *, size_t *);
    ort_status *(*dims)(const ort_tensor_info *, int64_t *, size_t);
    void (*release_tensor_info)(ort_tensor_info *);
    void (*release_value)(ort_value *);
} ort_api;

/* Finds the library and its functions. library: a path; NULL or "": libonnxruntime.so.1, then
 * libonnxruntime.so, where the loader looks. The library stays loaded until the process ends. */
alf_status ort_api_open(const char *library, ort_api *out, alf_error *err);

/* Whether a library that calls itself so has all functions of ort_api. */
alf_status ort_api_check_version(const char *version, alf_error *err);

/* Turns the library's status (released here) into ours: "ONNX Runtime: <its message>". */
alf_status ort_api_check(const ort_api *api, ort_status *status, alf_error *err);

#endif
