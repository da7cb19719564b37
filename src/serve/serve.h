/* The service: what the command `serve` runs. */
#ifndef ALF_SERVE_SERVE_H
#define ALF_SERVE_SERVE_H

#include "base/buf.h"
#include "serve/settings.h"

/* Loads and proves everything that running needs, without listening; appends what was found to
 * report, a line each. */
alf_status serve_check(const serve_source *source, buf *report, alf_error *err);

/* Serves until SIGTERM or SIGINT, then finishes what is under way. SIGHUP loads anew. source is
 * borrowed. */
alf_status serve_run(const serve_source *source, alf_error *err);

#endif
