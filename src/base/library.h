/*
 * Shared libraries that only some commands need, opened when they are first needed. A library that
 * is linked costs every start the work of the loader and its memory, also where nobody calls it:
 * libcrypto alone was a quarter of the instructions of a start and 1.4 MB.
 *
 * A user lists the functions that it calls in a macro, FUNCTIONS(X), makes of it a struct of
 * pointers (LIBRARY_MEMBER) and a list of names (LIBRARY_NAME), and gives both to a `library`.
 * Types are those of the library's own header; the names are macros for the members, so that
 * code reads as if it were linked. LIBRARY_NOTE leaves a note in the program that says what it may
 * open, for those who package it (https://uapi-group.org/specifications/specs/elf_dlopen_metadata).
 */
#ifndef ALF_BASE_LIBRARY_H
#define ALF_BASE_LIBRARY_H

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are names and literals */
/* For the list of functions, before the names become macros. */
#define LIBRARY_MEMBER(name) __typeof__(&name) name;
#define LIBRARY_NAME(name)   #name,

typedef struct library {
    const char *file;         /* as the loader knows it */
    const char *const *names; /* `count` functions */
    void *functions;          /* as many pointers, in that order */
    size_t count;
    atomic_bool ready;
} library;

/* Opens the library, once; it stays open. Thread-safe. Must have succeeded before any of the
 * functions is called. */
alf_status library_need(library *l, alf_error *err);

#define LIBRARY_NOTE_TEXT(feature, what, file)                                                     \
    "[{\"feature\":\"" feature "\",\"description\":\"" what                                        \
    "\",\"priority\":\"recommended\",\"soname\":[\"" file "\"]}]"

#if defined __SANITIZE_ADDRESS__
#define LIBRARY_NOTES 0
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define LIBRARY_NOTES 0 /* would be padded */
#endif
#endif
#ifndef LIBRARY_NOTES
#define LIBRARY_NOTES 1
#endif

#if LIBRARY_NOTES
#define LIBRARY_NOTE(id, feature, what, file)                                                      \
    static const struct {                                                                          \
        uint32_t name_size, size, type;                                                            \
        char name[4];                                                                              \
        char text[sizeof LIBRARY_NOTE_TEXT(feature, what, file)];                                  \
    } id __attribute__((used, section(".note.dlopen"), aligned(4))) = {                            \
        4, sizeof LIBRARY_NOTE_TEXT(feature, what, file), 0x407C0C0A, "FDO",                       \
        LIBRARY_NOTE_TEXT(feature, what, file)}
#else
#define LIBRARY_NOTE(id, feature, what, file) struct id
#endif
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
