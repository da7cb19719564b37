/* The fast path of log_prepare. Internal to logs. */
#ifndef ALF_LOGS_NORMALISE_ASCII_H
#define ALF_LOGS_NORMALISE_ASCII_H

#include "logs/normalise.h"

/* Fills out and features as log_normalise and log_features do. false: the message is not one for
 * this path (not ASCII, long, or memory is out), and both may hold anything. */
bool ascii_prepare(log_profile profile, alf_span message, int hour, buf *out,
                   double features[LOG_FEATURES]);

#endif
