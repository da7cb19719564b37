/* ai-log-filter: the program. */
#include "cli/commands.h"

#include "base/cpu.h"
#include "base/span.h"
#include "cli/config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const args_command *const commands[] = {
    &command_convert, &command_validate, &command_classify,    &command_compare, &command_bench,
    &command_shadow,  &command_serve,    &command_healthcheck, &command_version,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

int command_fail(const alf_error *err)
{
    char text[1024];
    (void)fprintf(stderr, "ai-log-filter: %s\n", error_text(err, text, sizeof text));
    return args_exit_code(err->status);
}

bool command_print(alf_span text)
{
    if (fwrite(text.data, 1, text.size, stdout) == text.size && fflush(stdout) == 0)
        return true;
    (void)fprintf(stderr, "ai-log-filter: cannot write to standard output\n");
    return false;
}

static void (*pipe_signal_before)(int) = SIG_DFL;

void command_die_of_pipe(void)
{
    if (pipe_signal_before == SIG_DFL)
        (void)signal(SIGPIPE, SIG_DFL);
}

static void usage(FILE *to)
{
    (void)fprintf(to, "Usage: ai-log-filter COMMAND [OPTION ...] [ARGUMENT ...]\n\n"
                      "Classify security logs in front of a SIEM.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(to, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
    (void)fprintf(to, "\nai-log-filter COMMAND --help tells more.\n");
}

static void write_manual(const args_command *none, buf *out)
{
    (void)none;
    args_manual(commands, COMMAND_COUNT, out);
}

static void write_configuration(const args_command *none, buf *out)
{
    (void)none;
    config_document(out);
}

static int print_text(void (*make)(const args_command *, buf *), const args_command *command)
{
    buf text;
    buf_init(&text);
    make(command, &text);
    bool done = !text.failed && command_print(buf_span(&text));
    buf_fini(&text);
    return done ? EXIT_DONE : EXIT_SYSTEM;
}

static int run_command(const args_command *command, int argc, char **argv)
{
    args_values values;
    alf_error err = {0};
    bool help;
    if (cpu_check_environment(&err) != ALF_OK ||
        args_parse(command, argc, argv, &values, &help, &err) != ALF_OK)
        return command_fail(&err);
    return help ? print_text(args_help, command) : command->run(&values);
}

int main(int argc, char **argv)
{
    /* A reader that goes away is an error of write(), reported like any other. */
    pipe_signal_before = signal(SIGPIPE, SIG_IGN);
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "--mode") == 0 && argc > 2 && strcmp(argv[2], "service") == 0)
        return run_command(&command_serve, argc - 3, argv + 3);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return run_command(commands[i], argc - 2, argv + 2);
    if (strcmp(name, "--manual") == 0)
        return print_text(write_manual, NULL);
    if (strcmp(name, "--configuration") == 0)
        return print_text(write_configuration, NULL);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    if (name[0] != '\0')
        (void)fprintf(stderr, "ai-log-filter: unknown command \"%.50s\"\n\n", name);
    usage(stderr);
    return EXIT_USAGE;
}
