"""Reads the template files (templates/*.txt) and fills templates in.

A template file is a list of sections, one per kind of program:

    @ PROGRAM : FORMAT FORMAT ...        formats this program writes (formats.py)
    C text                               critical
    S text                               suspicious
    R text                               routine
    N text                               noise

In a text `{name}` is a field (fields.py), `{one|two|}` picks one of the alternatives, and `{{`, `}}`
are braces.  Lines that begin with '#' and empty lines are skipped.
"""

import pathlib
import re

LABELS = {"C": "critical", "S": "suspicious", "R": "routine", "N": "noise"}
PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class Template:
    """One log statement of one program, with its label."""

    def __init__(self, system, program, formats, label, text, index):
        self.system = system
        self.program = program
        self.formats = formats
        self.label = label
        self.text = text
        self.index = index

    def fill(self, fields):
        """Returns the text with every variable part filled in."""
        def value(match):
            if match.group(1) is None:
                return match.group(0)[0]
            inner = match.group(1)
            if "|" in inner:
                return fields.pick(inner.split("|"))
            return fields.make(inner)
        return PART.sub(value, self.text)


def read_templates(folder=None):
    """Returns all templates, ordered by file name and line."""
    folder = folder or pathlib.Path(__file__).parent / "templates"
    found = []
    for path in sorted(folder.glob("*.txt")):
        program = formats = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("@ "):
                program, _, rest = line[2:].partition(":")
                program, formats = program.strip(), rest.split()
                continue
            if line[1:2] != " " or line[0] not in LABELS or not formats:
                raise ValueError("%s:%d: expected '@ PROGRAM : FORMATS' or 'C|S|R|N TEXT', found %r"
                                 % (path.name, number, line[:40]))
            found.append(Template(path.stem, program, formats, LABELS[line[0]], line[2:].strip(),
                                  len(found)))
    return found
