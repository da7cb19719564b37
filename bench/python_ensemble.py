#!/usr/bin/env python3
"""The Python ensemble that a bundle replaces, as a worker that is timed on request.

    python_ensemble.py --joblib DIR --logs FILE --rules FILE

Loads the joblib models with scikit-learn and XGBoost and the rules with Python's re, reads the logs
(one per line), prints {"load_ms": N, "peak_rss_kb": N, "versions": {...}} and then answers each
line "SUBJECT BATCH" on standard input with the microseconds per log of one pass over the logs.
Subjects: anomaly_detector (features -> decision), tfidf_xgboost (normalised text -> probabilities),
rule_based (message -> first match of each rule), models (raw line -> all of that without rules),
ensemble (raw line -> all of that).  A pass ends early after two seconds.
"""

import argparse
import json
import pathlib
import re
import resource
import sys
import time

start = time.perf_counter()
import joblib      # noqa: E402
import numpy as np # noqa: E402
import sklearn     # noqa: E402
import xgboost     # noqa: E402
import yaml        # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
from sample.normalise import features, normalise   # noqa: E402

LIMIT = 2.0   # seconds


class Ensemble:
    def __init__(self, folder, rules):
        text = joblib.load(folder / "tfidf_xgboost" / "model.joblib")
        anomaly = joblib.load(folder / "anomaly_detector" / "model.joblib")
        self.vectorizer = text["vectorizer"]
        self.classifier = text.get("classifier", text.get("model"))
        self.scaler, self.forest = anomaly["scaler"], anomaly["model"]
        self.rules = []
        with open(rules, encoding="utf-8") as file:
            document = yaml.safe_load(file)
        for category in document["categories"].values():
            for rule in category:
                for pattern in rule["patterns"]:
                    try:
                        self.rules.append(re.compile(pattern, re.IGNORECASE))
                    except re.error:   # PCRE syntax that Python does not have
                        pass

    def anomaly_detector(self, rows):
        scaled = self.scaler.transform(rows)
        return self.forest.decision_function(scaled)

    def tfidf_xgboost(self, texts):
        return self.classifier.predict_proba(self.vectorizer.transform(texts))

    def rule_based(self, messages):
        return [[rule.search(message) is not None for rule in self.rules] for message in messages]

    def models(self, messages):
        texts = [normalise(message) for message in messages]
        probabilities = self.tfidf_xgboost(texts)
        decisions = self.anomaly_detector(np.array([features(text) for text in texts]))
        return probabilities, decisions

    def ensemble(self, messages):
        return self.models(messages), self.rule_based(messages)


def timed(run, items, batch):
    begin = time.perf_counter()
    done = 0
    while done < len(items) and time.perf_counter() - begin < LIMIT:
        part = items[done:done + batch]
        run(part)
        done += len(part)
    return (time.perf_counter() - begin) * 1e6 / done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--joblib", required=True, type=pathlib.Path)
    parser.add_argument("--logs", required=True, type=pathlib.Path)
    parser.add_argument("--rules", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    ensemble = Ensemble(arguments.joblib, arguments.rules)
    load_ms = (time.perf_counter() - start) * 1e3
    messages = arguments.logs.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    texts = [normalise(message) for message in messages]
    rows = np.array([features(text) for text in texts])
    items = {"anomaly_detector": rows, "tfidf_xgboost": texts, "rule_based": messages,
             "models": messages, "ensemble": messages}
    for name, all_of_them in items.items():
        getattr(ensemble, name)(all_of_them[:10])
    print(json.dumps({"load_ms": load_ms, "rules": len(ensemble.rules),
                      "peak_rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                      "versions": {"python": sys.version.split()[0], "scikit-learn": sklearn.__version__,
                                   "xgboost": xgboost.__version__}}), flush=True)
    for line in sys.stdin:
        subject, batch = line.split()
        print(timed(getattr(ensemble, subject), items[subject], int(batch)), flush=True)


if __name__ == "__main__":
    main()
