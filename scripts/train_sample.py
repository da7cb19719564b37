#!/usr/bin/env python3
"""Trains the sample models on the synthetic logs and writes them, with golden answers.

Writes below --output (models/sample): anomaly_detector/model.joblib, tfidf_xgboost/model.joblib,
expected.ndjson (the libraries' own answers for some messages) and parity.txt (messages for proofs).

    train_sample.py                   train and write
    train_sample.py --evaluate        cross-validate only, print the figures, write nothing
    train_sample.py --measure DIR     what the written model makes of DIR/logs/loghub/*_2k.log,
                                      with one label per line in DIR/labels/*.txt; only to look at
"""

import argparse
import hashlib
import json
import pathlib
import platform
import random
import sys

import joblib
import numpy as np
import sklearn
import xgboost

from make_sample_logs import generate
from sample.evaluate import HOT, evaluate, split_off
from sample.judged import judged
from sample.learn import fit_anomaly, fit_text, predict_text
from sample.normalise import features, normalise
from sample.tricky import TRICKY

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPECTED_ROWS = 250
PARITY_ROWS = 1000


def load_logs(count, seed):
    logs = generate(count, seed)
    for log in logs:
        log["text"] = normalise(log["message"])
        log["judged"] = normalise(judged(log["message"]))
    return logs


def answer(messages, text_model, anomaly_model):
    """The libraries' answers, one dict per message."""
    texts = [normalise(message) for message in messages]
    rows, probabilities, labels = predict_text(text_model, texts)
    values = np.array([features(text) for text in texts])
    scaled = anomaly_model["scaler"].transform(values)
    forest = anomaly_model["model"]
    scores, decisions = forest.score_samples(scaled), forest.decision_function(scaled)
    verdicts = forest.predict(scaled)
    names = text_model["label_encoder"].classes_
    for i, message in enumerate(messages):
        yield {
            "message": message, "normalized": texts[i], "features": values[i].tolist(),
            "tfidf_nonzero": int(rows[i].nnz),
            "tfidf_xgboost": {str(n): float(np.float32(p)) for n, p in zip(names, probabilities[i])},
            "tfidf_xgboost_label": str(labels[i]),
            "anomaly_score": float(scores[i]), "anomaly_decision": float(decisions[i]),
            "anomaly_label": int(verdicts[i]),
        }


def dump(value, path, compress):
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(value, path, compress=compress)
    data = path.read_bytes()
    print("%s: %d bytes, sha256 %s" % (path, len(data), hashlib.sha256(data).hexdigest()[:16]))


def train(logs, output):
    part, stop = split_off(logs, 0.1)
    text_model = fit_text(part, stop)
    anomaly_model = fit_anomaly(logs)
    classifier = text_model["classifier"]
    print("text model: %d terms, best iteration %d of %d boosted" % (
        len(text_model["vectorizer"].vocabulary_), classifier.best_iteration,
        classifier.get_booster().num_boosted_rounds()))
    dump(anomaly_model, output / "anomaly_detector" / "model.joblib", ("xz", 9))
    dump(text_model, output / "tfidf_xgboost" / "model.joblib", ("zlib", 9))

    rng = random.Random(1)
    drawn = [log["message"] for log in rng.sample(logs, EXPECTED_ROWS - len(TRICKY))]
    with open(output / "expected.ndjson", "w", encoding="utf-8") as out:
        for row in answer(TRICKY + drawn, text_model, anomaly_model):
            out.write(json.dumps(row) + "\n")
    messages = [log["message"] for log in rng.sample(generate(seed=2027), PARITY_ROWS)]
    (output / "parity.txt").write_text("\n".join(messages) + "\n", encoding="utf-8")


def measure(output, folder):
    text_model = joblib.load(output / "tfidf_xgboost" / "model.joblib")
    anomaly_model = joblib.load(output / "anomaly_detector" / "model.joblib")
    total = np.zeros(4, int)
    print("%-10s %6s %16s %10s %10s" % ("system", "lines", "hot lines kept", "forwarded", "anomalous"))
    for path in sorted((folder / "logs" / "loghub").glob("*_2k.log")):
        name = path.name[:-len("_2k.log")]
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        truth = np.isin((folder / "labels" / (name + ".txt")).read_text().split(), HOT)
        answers = list(answer(lines[:len(truth)], text_model, anomaly_model))
        sent = np.isin([row["tfidf_xgboost_label"] for row in answers], HOT)
        odd = np.mean([row["anomaly_label"] == -1 for row in answers])
        print("%-10s %6d %8d of %4d %9.1f%% %9.1f%%" % (
            name, len(truth), (sent & truth).sum(), truth.sum(), 100 * sent.mean(), 100 * odd))
        total += [len(truth), (sent & truth).sum(), truth.sum(), sent.sum()]
    if total[0]:
        print("%-10s %6d %8d of %4d %9.1f%%" % ("all", *total[:3], 100 * total[3] / total[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24000, help="how many logs to generate")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "models" / "sample")
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--measure", type=pathlib.Path, metavar="DIR")
    args = parser.parse_args()
    print("Python %s, scikit-learn %s, XGBoost %s, numpy %s, joblib %s" % (
        platform.python_version(), sklearn.__version__, xgboost.__version__, np.__version__,
        joblib.__version__))
    if args.measure:
        measure(args.output, args.measure)
    elif args.evaluate:
        print(evaluate(load_logs(args.count, args.seed)))
    else:
        train(load_logs(args.count, args.seed), args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
