/*
 * Command lines: one table per command drives parsing, --help and the manual page.
 */
#ifndef ALF_CLI_ARGS_H
#define ALF_CLI_ARGS_H

#include "base/buf.h"
#include "base/error.h"

/* The program's exit codes (docs/cli.md). */
enum { EXIT_DONE = 0, EXIT_CHECK = 1, EXIT_USAGE = 2, EXIT_INPUT = 3, EXIT_SYSTEM = 4 };

enum { ARGS_MAX_OPTIONS = 24, ARGS_MAX_FILES = 1 << 20 };

typedef struct args_option {
    const char *name;     /* without the dashes */
    const char *argument; /* placeholder such as "DIR"; NULL for a flag */
    const char *help;
} args_option;

typedef struct args_values {
    const char *value[ARGS_MAX_OPTIONS]; /* by index in the command's table; "" for a flag given */
    char **files;                        /* positional arguments */
    int file_count;
} args_values;

typedef struct args_command {
    const char *name;
    const char *summary;    /* one line */
    const char *positional; /* "DIR", "[FILE ...]" or "" */
    int min_files, max_files;
    const args_option *options; /* ends with a NULL name */
    const char *description;    /* paragraphs separated by blank lines */
    const char *examples;       /* lines; "# " starts a comment */
    int (*run)(const args_values *values);
} args_command;

/* Parses argv (after the command's name) into *out; files point into argv, which is reordered.
 * Unknown or repeated options and wrong counts are ALF_E_ARGUMENT. *help: --help was given. */
alf_status args_parse(const args_command *command, int argc, char **argv, args_values *out,
                      bool *help, alf_error *err);

/* Appends the text of --help, or the manual page in man(7) form. */
void args_help(const args_command *command, buf *out);
void args_manual(const args_command *const *commands, size_t count, buf *out);

/* The value of the option of that name, or NULL. */
const char *args_value(const args_command *command, const args_values *values, const char *name);
bool args_flag(const args_command *command, const args_values *values, const char *name);

/* The exit code for a status. */
int args_exit_code(alf_status status);

#endif
