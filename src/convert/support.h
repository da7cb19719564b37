/*
 * What convert reads, as a table for people: docs/support.md is made of it (`version --support`).
 */
#ifndef ALF_CONVERT_SUPPORT_H
#define ALF_CONVERT_SUPPORT_H

#include "base/buf.h"

typedef struct support_row {
    const char *versions; /* of the library, tested */
    const char *options;
    const char *refused; /* by name, with the reason */
} support_row;

/* Row i of the classifiers that extract_classifier knows; false past the last. */
bool extract_classifier_support(size_t i, const char **name, const support_row **row);

/* The table of estimators as Markdown. */
void support_write(buf *out);

#endif
