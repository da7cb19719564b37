/*
 * A vectorizer being read: shared by the reader of its text options and that of what happens to its
 * rows.
 */
#ifndef ALF_CONVERT_EXTRACT_SKLEARN_TEXT_H
#define ALF_CONVERT_EXTRACT_SKLEARN_TEXT_H

#include "convert/extract.h"
#include "convert/extract_sklearn.h"

enum { TEXT_MAX_STEPS = 8 };

typedef struct text_reader {
    const value *counter;              /* CountVectorizer or TfidfVectorizer */
    const value *transformer;          /* TfidfTransformer, or NULL for plain counts */
    const value *more[TEXT_MAX_STEPS]; /* later steps of a Pipeline */
    uint32_t more_count;
    uint32_t version;
    arena *a;
    alf_error *err;
    text_vectorizer *out;
} text_reader;

/* A string option: *out is its index in names, or fallback when it is absent or None. */
alf_status text_reader_choice(const text_reader *r, const value *object, const char *option,
                              const char *const names[], int fallback, int *out);

/* ---- rows (extract_sklearn_rows.c) ---- */

/* Whether the object can come after a vectorizer: a TfidfTransformer, Normalizer or scaler. */
bool text_reader_knows_step(const value *object);
/* Reads the transformer and the later steps; the number of terms is known. */
alf_status text_reader_weights(const text_reader *r);

#endif
