/*
 * validate --deep: runs a bundle's models on logs and holds what they say against the manifest's
 * parity proof and, where the joblib models are at hand, against these.
 */
#ifndef ALF_CLI_VALIDATE_DEEP_H
#define ALF_CLI_VALIDATE_DEEP_H

#include "classify/models.h"

typedef struct deep_check {
    const char *folder;            /* of the bundle */
    const models_options *options; /* the engine to try */
    const char *joblib;            /* folder of the joblib models, or NULL */
    const char *parity;            /* the file that --parity of convert named, or NULL */
    buf *details;                  /* lines for people */
    /* Called with each problem: what is wrong and how to repair it. */
    void (*complain)(void *context, const char *problem);
    void *context;
} deep_check;

/* Every problem goes to complain, also that of not being able to check. */
void validate_deep(const deep_check *d);

#endif
