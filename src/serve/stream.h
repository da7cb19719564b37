/*
 * Bodies of a log a line, classified and answered while they come: a verdict a line, in order. What
 * is read waits for what is written, so a stream of any length needs little memory; a client must
 * therefore read while it sends.
 */
#ifndef ALF_SERVE_STREAM_H
#define ALF_SERVE_STREAM_H

#include "serve/connection.h"

/* The logs under way are classified. */
void stream_classified(connection *c, job *j);
/* Ends the stream before its end: with that status when nothing was answered yet. */
void stream_give_up(connection *c, int status, const char *why);

/* The next part of the body, still in the input; drop `used` bytes when it is done with. */
http_chunks_result connection_take_body(connection *c, size_t *used, alf_span *data);
void connection_drop_body(connection *c, size_t used);

#endif
