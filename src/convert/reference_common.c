/* What all parts of the joblib engine share. */
#include "convert/reference_common.h"

int reference_version(const value *object)
{
    const value *v = value_attribute(object, "_sklearn_version");
    int parts[2] = {0, 0};
    int part = 0;
    if (v == NULL || v->kind != VALUE_STRING)
        return 108;
    for (size_t i = 0; i < v->as.text.size && part < 2; i++) {
        char c = v->as.text.data[i];
        if (c == '.')
            part++;
        else if (c >= '0' && c <= '9' && parts[part] < 100)
            parts[part] = parts[part] * 10 + (c - '0');
        else
            break;
    }
    return parts[0] * 100 + (parts[1] > 99 ? 99 : parts[1]);
}

alf_status reference_wrong(const value *v, const char *what, alf_error *err)
{
    char found[96];
    return error_at(err, ALF_E_FORMAT, v != NULL ? v->offset : ALF_NO_OFFSET,
                    "joblib engine: %s, but %s was found", what,
                    value_describe(v, found, sizeof found));
}
