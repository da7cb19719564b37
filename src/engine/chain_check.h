/*
 * What both chains ask of an engine: its inputs, outputs and the shapes that come out.
 */
#ifndef ALF_ENGINE_CHAIN_CHECK_H
#define ALF_ENGINE_CHAIN_CHECK_H

#include "engine/chain.h"

enum { CHAIN_LARGEST_CHUNK = 256 }; /* rows a run */

/* The output of that name; SIZE_MAX when there is none. */
size_t chain_find_output(const engine *e, const char *name);
alf_status chain_want_output(const engine *e, const char *name, const char *what, size_t *index,
                             alf_error *err);

/* One input of that type, for any number of rows. */
alf_status chain_check_input(const engine *e, onnx_type type, const char *what, alf_error *err);
/* Where the file says how many columns it takes, they must be that many. */
alf_status chain_check_columns(const engine *e, uint32_t columns, const char *what, alf_error *err);

/* ---- classes (chain_classes.c) ---- */

void chain_classes_init(chain_classes *c);
void chain_classes_fini(chain_classes *c);
/* From one run: the keys of the probabilities (NULL: a tensor) and the labels. */
alf_status chain_classes_read(chain_classes *c, const tensor *keys, const tensor *label,
                              const char *what, alf_error *err);
/* The column that the label of a row means; false: none. label is of c->type. */
bool chain_class_of(const chain_classes *c, const tensor *label, size_t row, uint32_t count,
                    uint32_t *out);

bool chain_is_rows_by(const tensor *t, onnx_type type, size_t rows, size_t columns);
alf_status chain_wrong_output(const tensor *t, const char *what, alf_error *err);

#endif
