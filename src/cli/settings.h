/*
 * What configuration and command line together say about a classifier: the one place where the two
 * become classifier_options.
 */
#ifndef ALF_CLI_SETTINGS_H
#define ALF_CLI_SETTINGS_H

#include "classify/classifier.h"
#include "cli/config.h"

/* Options of the command line; NULL: not given. */
typedef struct settings_options {
    const char *model, *rules, *profile, *engine;
} settings_options;

/* Fills *out, which borrows from both. ALF_E_ARGUMENT when no bundle is named. */
alf_status settings_classifier(const config *c, const settings_options *given,
                               classifier_options *out, alf_error *err);

#endif
