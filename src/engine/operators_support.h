/*
 * The operators that the native engine runs, as Markdown: docs/support.md is made of it
 * (`version --support`).
 */
#ifndef ALF_ENGINE_OPERATORS_SUPPORT_H
#define ALF_ENGINE_OPERATORS_SUPPORT_H

#include "base/buf.h"

void operators_write(buf *out);

#endif
