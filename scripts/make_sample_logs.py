#!/usr/bin/env python3
"""Writes the synthetic labelled logs that the sample models are trained on, as NDJSON.

Each line: {"message", "label", "system", "template"}.  The same seed gives the same logs.
Templates: sample/templates/*.txt; formats: sample/formats.py; fields: sample/fields.py.

    make_sample_logs.py [--count 24000] [--seed 7] [--output FILE]
"""

import argparse
import collections
import json
import random
import sys

from sample.fields import Fields
from sample.formats import Formatter
from sample.templates import read_templates

SHARES = {"critical": 0.03, "suspicious": 0.12, "routine": 0.45, "noise": 0.40}
LEAST = 3   # logs of every template, however rare


def counts_per_template(templates, count, rng):
    """How many logs each template writes: at least LEAST, some far more often than others."""
    groups = collections.defaultdict(list)
    for template in templates:
        groups[template.label].append(template)
    counts = {}
    for label, group in groups.items():
        weights = [rng.lognormvariate(0, 1.0) for _ in group]
        spare = max(0, round(count * SHARES[label]) - LEAST * len(group))
        for template, weight in zip(group, weights):
            counts[template.index] = LEAST + round(spare * weight / sum(weights))
    return counts


def generate(count=24000, seed=7):
    """Returns the logs as a list of dicts, shuffled."""
    rng = random.Random(seed)
    templates = read_templates()
    fields = Fields(rng)
    formatter = Formatter(fields)
    counts = counts_per_template(templates, count, rng)
    logs = []
    for template in templates:
        for _ in range(counts[template.index]):
            line = formatter.wrap(fields.pick(template.formats), template, template.fill(fields))
            logs.append({"message": line, "label": template.label, "system": template.system,
                         "template": template.index})
    rng.shuffle(logs)
    return logs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", help="file to write; standard output if absent")
    args = parser.parse_args()
    logs = generate(args.count, args.seed)
    with (open(args.output, "w", encoding="utf-8") if args.output else sys.stdout) as out:
        for log in logs:
            out.write(json.dumps(log, ensure_ascii=False) + "\n")
    shares = collections.Counter(log["label"] for log in logs)
    print("%d logs of %d templates: %s" % (
        len(logs), len({log["template"] for log in logs}),
        ", ".join("%s %.1f %%" % (label, 100 * shares[label] / len(logs)) for label in SHARES)),
        file=sys.stderr)


if __name__ == "__main__":
    main()
