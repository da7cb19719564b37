"""The `pipeline` preprocessing profile: normalised text and the eight features, in plain Python.

Features are taken from the normalised text.  Lengths count code points; classes are those of str.
"""

import re

STEPS = [
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b"), "<IP>"),
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}"), "<TIMESTAMP>"),
    (re.compile(r"0x[0-9a-fA-F]+"), "<HEX>"),
    (re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
     "<UUID>"),
    (re.compile(r"(/[\w\-./]+)+"), "<PATH>"),
    (re.compile(r"\b\d{5,}\b"), "<LONGNUM>"),
]
SPACE = re.compile(r"\s+")
ERROR_WORD = re.compile(r"\b(error|fail|exception)\b", re.IGNORECASE)
ADDRESS = re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b")
SLASHED = re.compile(r"/\w+/")

FEATURE_NAMES = ["length", "word_count", "digit_ratio", "special_ratio", "upper_ratio",
                 "has_error_word", "has_ipv4", "has_path"]


def normalise(message):
    """Returns the text the models see; each step works on the result of the one before."""
    text = message
    for pattern, replacement in STEPS:
        text = pattern.sub(replacement, text)
    return SPACE.sub(" ", text.lower()).strip()


def features(text):
    """Returns the eight features of a normalised text as floats."""
    size = max(len(text), 1)
    return [
        float(len(text)),
        float(len(text.split())),
        sum(c.isdigit() for c in text) / size,
        sum(not c.isalnum() and not c.isspace() for c in text) / size,
        sum(c.isupper() for c in text) / size,
        float(bool(ERROR_WORD.search(text))),
        float(bool(ADDRESS.search(text))),
        float(bool(SLASHED.search(text))),
    ]
