"""The part of a record that the classifier judges: a syslog message without its header, the message
of a JSON object, otherwise the whole record."""

import json
import re

SYSLOG_5424 = re.compile(r"<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[.*?\])+) (.+)$")
SYSLOG_3164 = re.compile(r"<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ (.+)$")
KEYS = ("message", "msg", "log", "text")


def judged(record):
    """Returns the judged text of one record."""
    match = SYSLOG_5424.match(record) or SYSLOG_3164.match(record)
    text = match.group(1) if match else record
    if not text.startswith("{"):
        return text
    try:
        body = json.loads(text)
    except ValueError:
        return text
    for key in KEYS:
        if isinstance(body.get(key), str) and body[key]:
            return body[key]
    return text
