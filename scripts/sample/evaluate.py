"""Honest figures: the text model on templates, and on whole systems, that it was not trained on."""

import collections
import random

import numpy as np

from sample.learn import CONFIG, fit_text, predict_text

HOT = ["critical", "suspicious"]   # what a SIEM must get
LABELS = ["critical", "suspicious", "routine", "noise"]


def folds_by_template(logs, count, seed=11):
    """{template: fold}, each fold with its share of every label."""
    labels = {log["template"]: log["label"] for log in logs}
    rng = random.Random(seed)
    fold = {}
    for label in LABELS:
        members = sorted(t for t in labels if labels[t] == label)
        rng.shuffle(members)
        fold.update((t, i % count) for i, t in enumerate(members))
    return fold


def folds_by_system(logs, count):
    """{template: fold}, templates of one system (one template file) all in the same fold."""
    systems = sorted({log["system"] for log in logs})
    place = {system: i % count for i, system in enumerate(systems)}
    return {log["template"]: place[log["system"]] for log in logs}


def split_off(logs, share, seed=5):
    """Splits by template into (the larger part, `share` of the templates of every label)."""
    parts = round(1 / share)
    fold = folds_by_template(logs, parts, seed)
    return ([log for log in logs if fold[log["template"]] != 0],
            [log for log in logs if fold[log["template"]] == 0])


def cross_validate(logs, fold, count):
    """Returns [(log, predicted label)] for every log, predicted by a model that saw no log of its fold."""
    answers = []
    for number in range(count):
        test = [log for log in logs if fold[log["template"]] == number]
        train, stop = split_off([log for log in logs if fold[log["template"]] != number], 0.1)
        labels = predict_text(fit_text(train, stop), [log["judged"] for log in test])[2]
        answers += zip(test, labels)
        print("  fold %d of %d: %d templates held out" % (
            number + 1, count, len({log["template"] for log in test})), flush=True)
    return answers


def report(title, answers):
    """Returns Markdown: recall per label, kept and forwarded; by template, and by log."""
    sizes = collections.Counter(log["template"] for log, _ in answers)
    truth = np.array([log["label"] for log, _ in answers])
    found = np.array([label for _, label in answers])
    by_template = np.array([1.0 / sizes[log["template"]] for log, _ in answers])
    by_log = np.ones(len(answers))
    forwarded, hot = np.isin(found, HOT), np.isin(truth, HOT)
    lines = ["| %s | every template counts the same | every log counts the same |" % title,
             "|---|---|---|"]

    def add(name, hits, chosen):
        lines.append("| %s | %.1f %% | %.1f %% |" % (
            name, 100 * np.average(hits[chosen], weights=by_template[chosen]),
            100 * np.average(hits[chosen], weights=by_log[chosen])))

    everything = np.ones(len(answers), bool)
    add("accuracy", found == truth, everything)
    for label in LABELS:
        add("recall, " + label, found == label, truth == label)
    add("critical kept (called critical or suspicious)", forwarded, truth == "critical")
    add("critical + suspicious kept", forwarded, hot)
    add("routine + noise forwarded needlessly", forwarded, ~hot)
    return "\n".join(lines)


def evaluate(logs, count=5):
    """Returns the figures as Markdown."""
    parts = []
    for title, fold in [("unseen templates", folds_by_template(logs, count)),
                        ("unseen systems", folds_by_system(logs, count))]:
        print("cross-validation, %s (word dropout %.1f)" % (title, CONFIG["word_dropout"]), flush=True)
        parts.append(report(title, cross_validate(logs, fold, count)))
    return "\n\n".join(parts) + "\n"
