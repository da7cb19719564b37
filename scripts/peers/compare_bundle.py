#!/usr/bin/env python3
"""Checks a converted ONNX bundle with other people's programs: ONNX Runtime runs the bundle, and
scikit-learn and XGBoost run the joblib files it was made from; their answers must agree.

    compare_bundle.py --bundle DIR --joblib DIR MESSAGES      one raw message per line
    compare_bundle.py --bundle DIR --golden DIR               recorded answers as truth

--joblib: the folder with anomaly_detector/model.joblib and tfidf_xgboost/model.joblib.
--golden: a folder of *.ndjson or *.ndjson.gz (or one such file); per row `message`, `normalized`,
`features`, `tfidf_nonzero`, `tfidf_xgboost`, `tfidf_xgboost_label`, `anomaly_score`,
`anomaly_decision`, `anomaly_label`.  Use it where the installed scikit-learn cannot read the files.

Prints a table of label mismatches and largest differences per component.  Exit: 0 all agree, 1 a
label differs, a number differs by more than 1e-5 or a file is missing, 2 wrong usage.  Rows whose anomaly decision is within
1e-6 of 0 may have either anomaly label; they are counted and shown.
"""

import argparse
import gzip
import json
import pathlib
import sys

import numpy as np
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from sample.normalise import features, normalise   # noqa: E402

CLOSE = 1e-6    # an anomaly decision this near 0 may fall either way
TOLERANCE = 1e-5
BATCH = 256


class Truth:
    """What the original libraries answer, row by row."""

    def __init__(self):
        self.texts, self.features = [], []
        self.scaled = self.rows = None   # only from joblib files
        self.nonzero, self.probabilities, self.labels = [], [], []
        self.scores, self.decisions, self.verdicts = [], [], []
        self.classes = []


def truth_from_joblib(folder, messages):
    import joblib
    text = joblib.load(folder / "tfidf_xgboost" / "model.joblib")
    anomaly = joblib.load(folder / "anomaly_detector" / "model.joblib")
    truth = Truth()
    truth.texts = [normalise(message) for message in messages]
    truth.features = [features(line) for line in truth.texts]
    truth.rows = text["vectorizer"].transform(truth.texts)
    truth.nonzero = np.diff(truth.rows.indptr)
    truth.probabilities = text["classifier"].predict_proba(truth.rows)
    truth.labels = text["label_encoder"].inverse_transform(text["classifier"].predict(truth.rows))
    truth.classes = [str(name) for name in text["label_encoder"].classes_]
    truth.scaled = anomaly["scaler"].transform(np.array(truth.features))
    truth.scores = anomaly["model"].score_samples(truth.scaled)
    truth.decisions = anomaly["model"].decision_function(truth.scaled)
    truth.verdicts = anomaly["model"].predict(truth.scaled)
    return truth


def golden_lines(path):
    paths = [path] if path.is_file() else sorted([*path.glob("*.ndjson"), *path.glob("*.ndjson.gz")])
    if not paths:
        raise FileNotFoundError("no *.ndjson or *.ndjson.gz in %s" % path)
    for one in paths:
        with (gzip.open(one, "rt", encoding="utf-8") if one.suffix == ".gz"
              else open(one, encoding="utf-8")) as lines:
            yield from map(json.loads, lines)


def truth_from_golden(path):
    truth = Truth()
    for row in golden_lines(path):
        truth.texts.append(row["normalized"])
        truth.features.append(row["features"])
        truth.nonzero.append(row["tfidf_nonzero"])
        truth.classes = truth.classes or sorted(row["tfidf_xgboost"])
        truth.probabilities.append([row["tfidf_xgboost"][name] for name in truth.classes])
        truth.labels.append(row["tfidf_xgboost_label"])
        truth.scores.append(row["anomaly_score"])
        truth.decisions.append(row["anomaly_decision"])
        truth.verdicts.append(row["anomaly_label"])
    return truth


class Bundle:
    """The four graphs of a bundle under ONNX Runtime.

    anomaly_detector.onnx gives the decision function as "scores", scikit-learn's score_samples under
    that name.
    """

    OUTPUTS = {"scaler": ["output"], "anomaly_detector": ["label", "scores", "score_samples"],
               "tfidf_vectorizer": ["features"], "xgboost": ["label", "probabilities"]}

    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.sessions = {}
        for name, outputs in self.OUTPUTS.items():
            path = folder / (name + ".onnx")
            if not path.exists():
                raise FileNotFoundError("%s is missing" % path)
            self.sessions[name] = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"])
            found = [output.name for output in self.sessions[name].get_outputs()]
            for missing in set(outputs) - set(found):
                raise LookupError("%s has no output %s, only %s" % (path, missing, ", ".join(found)))

    def run(self, name, **inputs):
        session = self.sessions[name]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs)))

    def answer(self, texts, values, classes):
        """Answers for one batch, as a dict of arrays; works on dense rows, so keep batches small."""
        scaled = self.run("scaler", input=np.asarray(values, np.float64))["output"]
        anomaly = self.run("anomaly_detector", float_input=scaled)
        rows = self.run("tfidf_vectorizer", text=np.array(texts, dtype=object))["features"]
        boosted = self.run("xgboost", float_input=rows)
        absent = rows.copy()
        absent[absent == 0] = np.nan
        other = self.run("xgboost", float_input=absent)
        return {
            "scaled": scaled, "rows": rows, "nonzero": np.count_nonzero(rows, axis=1),
            "verdicts": anomaly["label"].reshape(-1),
            "scores": anomaly["score_samples"].reshape(-1),
            "decisions": anomaly["scores"].reshape(-1),
            "labels": np.array([classes[i] for i in boosted["label"].reshape(-1)]),
            "probabilities": boosted["probabilities"],
            "zero_is_nan": np.all(other["probabilities"] == boosted["probabilities"], axis=1),
        }


class Table:
    """Mismatches and largest differences per component."""

    def __init__(self):
        self.lines = {}
        self.failed = False

    def add(self, name, mismatches=None, difference=None, note=""):
        line = self.lines.setdefault(name, [None, 0.0, note])
        if mismatches is not None:
            line[0] = (line[0] or 0) + int(mismatches)
            self.failed |= bool(mismatches)
        if difference is not None:
            line[1] = float(np.maximum(line[1], difference))   # keeps a NaN
            self.failed |= not difference <= TOLERANCE

    def show(self, rows, close):
        print("%-34s %12s %16s" % ("component", "mismatches", "largest diff."))
        for name, (mismatches, difference, note) in self.lines.items():
            print("%-34s %12s %16.3g  %s" % (
                name, "-" if mismatches is None else mismatches, difference, note))
        print("%d rows; %d with an anomaly decision within %g of 0, their label not counted" % (
            rows, close, CLOSE))


def largest(a, b):
    return float(np.max(np.abs(np.asarray(a, float) - np.asarray(b, float)), initial=0.0))


def compare(truth, bundle, table):
    """Fills the table; returns how many rows stood too near the anomaly threshold to count."""
    close_rows = 0
    for start in range(0, len(truth.texts), BATCH):
        part = slice(start, start + BATCH)
        found = bundle.answer(truth.texts[part], truth.features[part], truth.classes)
        decisions = np.asarray(truth.decisions[part])
        close = np.abs(decisions) < CLOSE
        close_rows += int(close.sum())
        if truth.scaled is not None:
            table.add("scaler", difference=largest(found["scaled"], truth.scaled[part]))
        table.add("anomaly_detector label",
                  ((found["verdicts"] != np.asarray(truth.verdicts[part])) & ~close).sum())
        table.add("anomaly_detector score", difference=largest(found["scores"], truth.scores[part]))
        table.add("anomaly_detector decision", difference=largest(found["decisions"], decisions))
        table.add("tfidf_vectorizer terms", (found["nonzero"] != truth.nonzero[part]).sum())
        if truth.rows is not None:
            dense = truth.rows[part].astype(np.float32).toarray()
            table.add("tfidf_vectorizer values", (found["rows"] != dense).any(axis=1).sum(),
                      largest(found["rows"], dense), "bitwise, after float32")
        table.add("xgboost label", (found["labels"] != np.asarray(truth.labels[part])).sum())
        table.add("xgboost probabilities",
                  difference=largest(found["probabilities"], truth.probabilities[part]))
        table.add("xgboost 0 and NaN alike", (~found["zero_is_nan"]).sum())
    return close_rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=pathlib.Path, required=True, help="folder with the ONNX files")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--joblib", type=pathlib.Path, help="folder with the joblib files")
    source.add_argument("--golden", type=pathlib.Path, help="recorded answers: folder or file")
    parser.add_argument("messages", nargs="?", type=pathlib.Path, help="raw messages, one per line")
    args = parser.parse_args()
    if args.joblib and not args.messages:
        parser.error("--joblib needs a file of messages")
    try:
        bundle = Bundle(args.bundle)
        if args.golden:
            truth = truth_from_golden(args.golden)
        else:
            data = args.messages.read_bytes().decode("utf-8", errors="replace")
            truth = truth_from_joblib(args.joblib, data.rstrip("\n").split("\n"))
    except (FileNotFoundError, ImportError, LookupError) as error:
        print("compare_bundle: %s" % error, file=sys.stderr)
        return 1
    if not truth.texts:
        print("compare_bundle: no rows to compare", file=sys.stderr)
        return 1
    table = Table()
    close = compare(truth, bundle, table)
    table.show(len(truth.texts), close)
    print("MISMATCH" if table.failed else "all agree")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
