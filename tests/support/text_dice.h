/* Numbers and texts by chance, the same every time. */
#ifndef ALF_TESTS_SUPPORT_TEXT_DICE_H
#define ALF_TESTS_SUPPORT_TEXT_DICE_H

#include "base/buf.h"

typedef struct text_dice {
    uint64_t state;
} text_dice;

static inline uint32_t dice_roll(text_dice *d, uint32_t below)
{
    d->state = d->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(d->state >> 33) % below;
}

/* Appends a text of words and what may stand between and inside them, valid or invalid. */
static inline void dice_text(text_dice *d, const alf_span *words, size_t count, size_t pieces,
                             buf *out)
{
    static const char *const odd[] = {
        " ",    "  ", ".", "-", "_",      "7",      "a",          "Z",      "\t",      "\n",
        "é",    "É",  "ß", "Σ", "ΑΣ",     "İ",      "日本",       "٣",      "\xFF",    "\xE6\x97",
        "\xC3", "²",  "½", "—", "\u2028", "\u00a0", "\U0001F600", "\uFFFD", "o\u0301", "x y z"};
    for (size_t i = 0; i < pieces; i++) {
        uint32_t kind = dice_roll(d, 8);
        if (kind < 5 && count > 0) {
            alf_span word = words[dice_roll(d, (uint32_t)count)];
            size_t begin = out->size;
            buf_append_span(out, word);
            for (size_t k = begin; k < out->size && kind == 0; k++)
                if (out->data[k] >= 'a' && out->data[k] <= 'z')
                    out->data[k] = (char)(out->data[k] - 32);
            if (kind < 4)
                buf_append_char(out, ' ');
        } else if (kind == 7) {
            buf_append_char(out, (char)dice_roll(d, 256));
        } else {
            buf_append_string(out, odd[dice_roll(d, sizeof odd / sizeof odd[0])]);
        }
    }
}

#endif
