/* The commands, one file each; main.c knows them by these tables. */
#ifndef ALF_CLI_COMMANDS_H
#define ALF_CLI_COMMANDS_H

#include "cli/args.h"

extern const args_command command_convert;
extern const args_command command_validate;
extern const args_command command_classify;
extern const args_command command_compare;
extern const args_command command_bench;
extern const args_command command_shadow;
extern const args_command command_serve;
extern const args_command command_healthcheck;
extern const args_command command_version;

/* Prints "ai-log-filter: ERROR" to stderr and returns the exit code for its status. */
int command_fail(const alf_error *err);

/* Writes all of text to stdout; false (and a message) when that fails. */
bool command_print(alf_span text);

/* For commands that write a stream: from here on the program ends without a word when the reader of
 * its output has gone, as cat and grep do; unless who started it ignores SIGPIPE, then writing
 * fails. */
void command_die_of_pipe(void);

#endif
