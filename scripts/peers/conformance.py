#!/usr/bin/env python3
"""Run the ONNX project's node tests through the native engine and report them by name.

    conformance.py TEST_PROGRAM DATA_FOLDER TITLE (--write FILE | --check FILE)

TEST_PROGRAM is tests/test_conformance of a build, DATA_FOLDER onnx/backend/test/data/node of an onnx
wheel, TITLE what to call it. --write makes the page; --check exits with 1 when FILE is not what would be
written, or when a case fails.
"""

import collections
import os
import re
import subprocess
import sys
import textwrap

HEAD = """# Conformance

The ONNX project's own tests of single operators, run through the native engine: {title}. Made by
`scripts/peers/conformance.py`, which `make peers` runs to check this page; `make test` runs the older cases of Debian's
package libonnx-testdata (onnx 1.12) in the same way. Answers are compared as the suite does it: 1e-3 relative, 1e-7
absolute.

| passed | unsupported | known to differ | failed |
|---|---|---|---|
| {passed} | {unsupported} | {known} | {failed} |

The engine runs the operators of models of this family ([support](support.md)); what it does not run it refuses when the
file is loaded, by name. "Unsupported" below are refusals, never wrong answers.
"""


def run(program, data):
    """Name -> (kind, reason) of every case."""
    env = dict(os.environ, ALF_VERBOSE="1", ALF_ONNX_TESTDATA=data)
    done = subprocess.run([program], env=env, capture_output=True, text=True, check=False)
    cases = {}
    for line in (done.stdout + done.stderr).splitlines():
        match = re.match(r"(passed|unsupported|known|failed): (\w+)(?:: (.*))?$", line)
        if match:
            cases[match[2]] = (match[1], match[3] or "")
    if not cases:
        sys.exit(f"{program} printed no cases: {done.stderr[-500:]}")
    return cases


def wrapped(names):
    return textwrap.fill(", ".join(name.removeprefix("test_") for name in names), 118)


def page(cases, title):
    """The Markdown page."""
    count = collections.Counter(kind for kind, _ in cases.values())
    out = [HEAD.format(title=title, **{k: count[k] for k in ("passed", "unsupported", "known", "failed")})]
    operators = collections.Counter()
    reasons = collections.defaultdict(list)
    for name in sorted(cases):
        kind, reason = cases[name]
        if kind != "unsupported":
            continue
        match = re.match(r"operator (\w+) of domain '([\w.]+)' is not run in version \d+$", reason)
        if match:
            operators[match[1] if match[2] == "ai.onnx" else f"{match[2]} {match[1]}"] += 1
        else:
            reason = re.sub(r'^value ".*?" has', "a value has", reason)
            reason = re.sub(r'^value ".*?" is', "a value is", reason)
            reasons[reason].append(name)
    for kind, heading in ("failed", "Failed"), ("known", "Known to differ"):
        names = [name for name in sorted(cases) if cases[name][0] == kind]
        if names:
            out.append(f"## {heading}\n")
            out += [f"- {name}: {cases[name][1]}" for name in names]
            out.append("")
    out.append("## Unsupported: operators that are not run, with the number of their cases\n")
    out.append(textwrap.fill(", ".join(f"{name} {operators[name]}" for name in sorted(operators)), 118))
    out.append("\n## Unsupported for another reason\n")
    for reason in sorted(reasons):
        out.append(textwrap.fill(f"- {reason}: " + ", ".join(n.removeprefix("test_") for n in reasons[reason]), 118,
                                 subsequent_indent="  "))
    out.append("\n## Passed\n")
    out.append(wrapped(name for name in sorted(cases) if cases[name][0] == "passed"))
    return "\n".join(out) + "\n", count


def main():
    """Run as a script."""
    program, data, title, mode, file = sys.argv[1:6]
    text, count = page(run(program, data), title)
    print(", ".join(f"{count[k]} {k}" for k in ("passed", "unsupported", "known", "failed")))
    if mode == "--write":
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        return 0
    with open(file, encoding="utf-8") as old:
        same = old.read() == text
    if not same:
        print(f"{file} is not up to date; write it anew with --write")
    return 0 if same and count["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
