/*
 * Model files that a library writes itself, outside joblib. Each format is a row of a table: how it
 * is known, and which object it becomes, so that everything behind sees what a joblib file would
 * have held. A new library is a new row.
 */
#ifndef ALF_CONVERT_SOURCE_FILE_H
#define ALF_CONVERT_SOURCE_FILE_H

#include "codec/value.h"

/* Names under which a folder may hold such a file, best first; NULL ends the list. */
extern const char *const source_file_names[];

/* Whether the file is of a format of the table, by its first bytes or else by its name. */
bool source_file_known(alf_span bytes, const char *name);

/* *out: the object, in a; it borrows bytes. Its attribute model_file is true: what a file says of
 * the classifier that wrote it counts, which in a pickle the classifier itself says. A file of no
 * known format is ALF_E_UNSUPPORTED, with those that are. */
alf_status source_file_object(alf_span bytes, const char *name, arena *a, const value **out,
                              alf_error *err);

/* A list of strings as a value; the names are borrowed. */
alf_status source_file_list(const alf_span *names, size_t count, arena *a, const value **out,
                            alf_error *err);

#endif
