/*
 * The joblib engine: what happens to a row of counts, by a TfidfTransformer and the later steps of
 * a Pipeline. For reference_sklearn_text.c only.
 */
#ifndef ALF_CONVERT_REFERENCE_WEIGHTS_H
#define ALF_CONVERT_REFERENCE_WEIGHTS_H

#include "convert/reference.h"

typedef struct reference_weights reference_weights;

/* own: the TfidfTransformer of a TfidfVectorizer, or NULL. steps: those of a Pipeline, of which all
 * after the first are taken, or NULL. single: rows are float32. */
alf_status reference_weights_new(const value *own, const value *steps, size_t columns, bool single,
                                 reference_weights **out, alf_error *err);
void reference_weights_apply(const reference_weights *w, reference_row *row);
void reference_weights_free(reference_weights *w);

#endif
