/* The queue of a worker: logs of several requests are classified together. */
#ifndef ALF_SERVE_BATCH_H
#define ALF_SERVE_BATCH_H

#include "serve/connection.h"

/* Whether a batch should run now; *wait: in how many nanoseconds one should, 0: none waits. */
bool batch_due(const worker *w, uint64_t now, uint64_t *wait);
/* Classifies what is at the front of the queue, up to a batch. */
void batch_run(worker *w);
/* Adds the job's logs that have no verdict yet. */
void batch_enqueue(worker *w, job *j);

#endif
