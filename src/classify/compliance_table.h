/* The built-in compliance rules. Private to the compliance module. */
#ifndef ALF_CLASSIFY_COMPLIANCE_TABLE_H
#define ALF_CLASSIFY_COMPLIANCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { COMPLIANCE_PATTERNS = 6 };

/* Fires when one of message and one of source is found; a list that is empty asks for nothing. */
typedef struct compliance_entry {
    const char *framework;
    const char *name;
    const char *message[COMPLIANCE_PATTERNS]; /* NULL-terminated unless full */
    const char *source[COMPLIANCE_PATTERNS];
    bool luhn; /* and the message has a payment card number */
} compliance_entry;

extern const compliance_entry compliance_table[];
extern const size_t compliance_table_count;

#endif
