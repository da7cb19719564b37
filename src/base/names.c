/* Names of the public enumerations. */
#include "ai_log_filter.h"

const char *alf_status_name(alf_status status)
{
    static const char *const names[] = {"ALF_OK",        "ALF_E_NOMEM",    "ALF_E_ARGUMENT",
                                        "ALF_E_CONFIG",  "ALF_E_IO",       "ALF_E_NOT_FOUND",
                                        "ALF_E_FORMAT",  "ALF_E_LIMIT",    "ALF_E_UNSUPPORTED",
                                        "ALF_E_REFUSED", "ALF_E_MISMATCH", "ALF_E_INTERNAL"};
    size_t i = (size_t)status;
    return i < sizeof names / sizeof names[0] ? names[i] : "unknown status";
}

const char *alf_category_name(alf_category category)
{
    static const char *const names[ALF_CATEGORIES] = {"critical", "suspicious", "routine", "noise"};
    size_t i = (size_t)category;
    return i < ALF_CATEGORIES ? names[i] : "unknown category";
}
