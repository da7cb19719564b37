#!/usr/bin/env python3
"""Write src/convert/stop_words.c: scikit-learn's built-in list of English stop words.

The list is that of the Glasgow Information Retrieval Group, as scikit-learn has it under the name
ENGLISH_STOP_WORDS. It is data that a model with stop_words="english" depends on and that its file
does not hold. It is the same 318 words in scikit-learn 0.19.2 to 1.8.0: this script was run with
each of them and wrote the same file.

    make_stop_words.py [FILE]
"""

import pathlib
import sys

try:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
except ImportError:
    from sklearn.feature_extraction.stop_words import ENGLISH_STOP_WORDS

HEAD = """/* Written by scripts/make_stop_words.py: ENGLISH_STOP_WORDS of scikit-learn, sorted. Data of the Glasgow
 * Information Retrieval Group. */
#include "convert/stop_words.h"

const char *const english_stop_words[ENGLISH_STOP_WORDS] = {
"""


def rows(words):
    """The words quoted, in lines of up to 100 columns."""
    line = "   "
    for word in words:
        item = ' "%s",' % word
        if len(line) + len(item) > 100:
            yield line
            line = "   "
        line += item
    yield line


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    path = sys.argv[1] if len(sys.argv) > 1 else str(root / "src" / "convert" / "stop_words.c")
    with open(path, "w") as out:
        out.write(HEAD + "\n".join(rows(sorted(ENGLISH_STOP_WORDS))) + "\n};\n")


if __name__ == "__main__":
    main()
