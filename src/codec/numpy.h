/*
 * numpy's own serialised forms -> VALUE_ARRAY, numbers and strings. Every size is checked against
 * the bytes that are there before anything is made.
 */
#ifndef ALF_CODEC_NUMPY_H
#define ALF_CODEC_NUMPY_H

#include "codec/builder.h"

/* What a pickled numpy.dtype says: an object with arguments ("f8", ...) and a state tuple. */
alf_status numpy_dtype(builder *b, const value *v, dtype *out);

/* Everything about an array but its data. */
typedef struct numpy_header {
    dtype type;
    uint32_t rank;
    uint64_t shape[8];
    uint64_t count;
    uint64_t bytes; /* count * item size */
    bool fortran_order;
} numpy_header;

/* A type as numpy writes it in short: "f8", "<i4", "U12", "|V64" (whose fields are to be added). */
alf_status numpy_dtype_code(builder *b, alf_span code, uint64_t offset, dtype *out);
/* No two fields of one name or at one place. */
alf_status numpy_check_fields(builder *b, const dtype *type, uint64_t offset);
/* Sets count and bytes from rank, shape and type. */
alf_status numpy_finish_shape(builder *b, uint64_t offset, numpy_header *h);

/* Sets rank, shape, count and bytes from a tuple; the type must be set. offset: for messages. */
alf_status numpy_shape(builder *b, const value *shape, uint64_t offset, numpy_header *h);

/* An array over exactly header->bytes of data (borrowed). Not for objects. */
alf_status numpy_array(builder *b, const numpy_header *h, alf_span data, uint64_t offset,
                       value **out);

/* The functions that numpy's pickles name, as data. */
alf_status numpy_scalar(builder *b, value *callable, value *arguments, uint64_t offset,
                        value **out);
alf_status numpy_reconstruct(builder *b, const value *arguments, uint64_t offset, value **out);
alf_status numpy_set_state(builder *b, value *array, const value *state, uint64_t offset);
alf_status numpy_frombuffer(builder *b, const value *arguments, uint64_t offset, value **out);

/* A whole .npy file. Objects in it are refused. */
alf_status numpy_npy(builder *b, alf_span file, uint64_t offset, value **out);

#endif
