#!/usr/bin/env python3
"""Check ONNX files with the onnx package and ONNX Runtime.

    check_onnx.py FOLDER [--golden FOLDER]

Every *.onnx file in FOLDER must pass onnx.checker (full check) and load in ONNX Runtime. Where
NAME.cases.json lies beside NAME.onnx, the model is run on its inputs and compared with its outputs:

    [{"inputs":  {"x": {"type": "float", "shape": [2, 3], "data": [...]}},
      "outputs": {"y": {"type": "double", "shape": [2], "data": [...], "tolerance": 0}}}, ...]

With --golden, FOLDER is a converted bundle (scaler.onnx, anomaly_detector.onnx,
tfidf_vectorizer.onnx, xgboost.onnx) and the golden folder holds *.ndjson.gz with the answers of
scikit-learn and XGBoost for it: labels of the classifier must all agree, labels of the anomaly
detector unless its decision is within 1e-6 of zero.

Exit status: 0 all well, 1 a check failed, 77 onnx or onnxruntime is not installed.
"""

import argparse
import gzip
import json
import pathlib
import sys

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TYPES = {
    "float": np.float32,
    "double": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "bool": np.bool_,
    "string": object,
}


def session(path):
    """A session that adds trees in order: one thread, no spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )


def tensor(spec):
    """The array that a JSON object describes; null stands for NaN."""
    kind = TYPES[spec["type"]]
    data = spec["data"]
    if kind is not object:
        data = [np.nan if x is None else x for x in data]
    return np.array(data, dtype=kind).reshape(spec["shape"])


def differs(found, expected, tolerance):
    """Why two arrays are not equal, or None."""
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return (
            f"{found.dtype}{list(found.shape)}, expected "
            f"{expected.dtype}{list(expected.shape)}"
        )
    if expected.dtype == object or tolerance == 0:
        same = (found == expected) | ((found != found) & (expected != expected))
        return None if np.all(same) else f"{np.sum(~same)} elements differ"
    worst = np.max(np.abs(found - expected), initial=0)
    return None if worst <= tolerance else f"differs by {worst}, allowed {tolerance}"


def check_cases(path, run):
    """The number of cases of a model that do not hold."""
    cases = path.with_suffix(".cases.json")
    if not cases.exists():
        return 0
    failures = 0
    for number, case in enumerate(json.loads(cases.read_text())):
        names = list(case["outputs"])
        feeds = {name: tensor(spec) for name, spec in case["inputs"].items()}
        for name, found in zip(names, run.run(names, feeds)):
            spec = case["outputs"][name]
            why = differs(found, tensor(spec), spec.get("tolerance", 0))
            if why:
                print(f"{path.name}: case {number}: {name}: {why}")
                failures += 1
    return failures


def check_file(path):
    """The number of failures of one file."""
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
        return check_cases(path, session(path))
    except Exception as error:  # every exception is a failed check
        print(f"{path.name}: {error}")
        return 1


def check_text(rows, bundle):
    """Labels of the classifier that differ, and the largest error of a probability."""
    names = sorted(rows[0]["tfidf_xgboost"])
    vectorizer = session(bundle / "tfidf_vectorizer.onnx")
    classifier = session(bundle / "xgboost.onnx")
    texts = np.array([row["normalized"] for row in rows], dtype=object)
    features = vectorizer.run(["features"], {"text": texts})[0]
    labels, found = classifier.run(
        ["label", "probabilities"], {"float_input": features}
    )
    expected = np.array([[row["tfidf_xgboost"][n] for n in names] for row in rows])
    counts = np.count_nonzero(features, axis=1)
    wrong_counts = sum(c != row["tfidf_nonzero"] for c, row in zip(counts, rows))
    wrong = sum(names[k] != row["tfidf_xgboost_label"] for k, row in zip(labels, rows))
    return wrong, wrong_counts, np.max(np.abs(found - expected))


def check_anomaly(rows, bundle):
    """Labels of the anomaly detector that differ away from the border, and at it; the error."""
    scaler = session(bundle / "scaler.onnx")
    forest = session(bundle / "anomaly_detector.onnx")
    features = np.array([row["features"] for row in rows], dtype=np.float64)
    scaled = scaler.run(["output"], {"input": features})[0]
    labels, decisions, scores = forest.run(
        ["label", "scores", "score_samples"], {"float_input": scaled}
    )
    score = np.array([row["anomaly_score"] for row in rows])
    decision = np.array([row["anomaly_decision"] for row in rows])
    differ = labels != np.array([row["anomaly_label"] for row in rows])
    border = np.abs(decision) < 1e-6
    error = max(
        np.max(np.abs(scores - score)), np.max(np.abs(decisions - decision))
    )
    return np.sum(differ & ~border), np.sum(differ & border), error


def check_golden(bundle, golden):
    """The number of golden files that do not hold."""
    failures = 0
    for path in sorted(golden.glob("*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        wrong, counts, error = check_text(rows, bundle)
        off, at_border, score_error = check_anomaly(rows, bundle)
        print(
            f"{path.name}: {len(rows)} logs; classifier: {wrong} labels and {counts} term counts "
            f"differ, probabilities to {error:.2g}; anomaly: {off} labels differ, {at_border} at "
            f"the border, scores to {score_error:.2g}"
        )
        failures += bool(wrong or counts or off or error > 1e-6 or score_error > 1e-12)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.onnx"))
    if not files:
        print(f"{options.folder}: no ONNX files")
        return 1
    failures = sum(check_file(path) for path in files)
    if options.golden:
        failures += check_golden(options.folder, options.golden)
    print(f"{len(files)} files, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
