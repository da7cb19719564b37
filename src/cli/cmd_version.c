/* version: the program's version and what it was built with. */
#include "cli/commands.h"

#include <stdio.h>

static const args_option options[] = {{NULL, NULL, NULL}};

static int run(const args_values *values)
{
    (void)values;
    char text[64];
    int n = snprintf(text, sizeof text, "ai-log-filter %s\n", ALF_VERSION);
    return command_print((alf_span){text, (size_t)n}) ? EXIT_DONE : EXIT_SYSTEM;
}

const args_command command_version = {.name = "version",
                                      .summary = "Print the version.",
                                      .positional = "",
                                      .options = options,
                                      .description = "Prints the name and version of the program.",
                                      .examples = "ai-log-filter version",
                                      .run = run};
