"""Fits the sample models: TF-IDF + XGBoost on texts, isolation forest on the eight features.

To make the text model lean on words that mean the same everywhere, and not on whole templates:
- terms are counted by template (the vectorizer sees one log of each), so a term needs two templates;
- every template weighs the same within its label, however often it is written;
- most training texts are copies in which half of the words are left out at random; the copies are
  made of the part of the record that the classifier judges, the originals are whole records;
- one empty text is trained as suspicious: what holds no known word must not be called noise;
- times and dates are taken out of the texts from which the vocabulary is made.
"""

import collections
import random
import re

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import LabelEncoder, StandardScaler
from xgboost import XGBClassifier

from sample.normalise import features

CONFIG = {
    "preprocessing_profile": "pipeline",
    "random_state": 42,
    "logs_per_template": 4,
    "word_dropout": 0.5,
    "dropout_copies": 2,
    "unknown_weight": 0.02,
    "label_weights": {"critical": 0.25, "suspicious": 0.28, "routine": 0.25, "noise": 0.22},
    "tfidf_max_features": 4000,
    "tfidf_ngram_range": (1, 2),
    "tfidf_min_df": 2,
    "tfidf_max_df": 0.5,
    "xgb_n_estimators": 300,
    "xgb_max_depth": 5,
    "xgb_learning_rate": 0.3,
    "xgb_early_stopping_rounds": 15,
    "anomaly_contamination": 0.05,
    "anomaly_n_estimators": 200,
    "anomaly_max_samples": 128,
}

CLOCK = re.compile(r"\b(\d\d|2025|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|"
                   r"fri|sat|sun)\b")


def first_per_template(logs, limit):
    """The first `limit` logs of every template, in order."""
    seen = collections.Counter()
    kept = []
    for log in logs:
        seen[log["template"]] += 1
        if seen[log["template"]] <= limit:
            kept.append(log)
    return kept


def with_dropout(logs):
    """The logs, followed by copies of their judged part with words left out."""
    rng = random.Random(CONFIG["random_state"])
    out = list(logs)
    for _ in range(CONFIG["dropout_copies"]):
        for log in logs:
            words = [w for w in log["judged"].split(" ") if rng.random() >= CONFIG["word_dropout"]]
            out.append(dict(log, text=" ".join(words)))
    return out


def balanced_weights(logs):
    """Weights by which every template counts the same in its label, and labels as configured."""
    sizes = collections.Counter(log["template"] for log in logs)
    weights = np.array([1.0 / sizes[log["template"]] for log in logs])
    labels = np.array([log["label"] for log in logs])
    for label, share in CONFIG["label_weights"].items():
        chosen = labels == label
        if chosen.any():
            weights[chosen] *= share * len(logs) / weights[chosen].sum()
    return weights


def fit_text(train, stop, jobs=1):
    """Returns {vectorizer, classifier, label_encoder, config}; `stop` ends the boosting early."""
    vectorizer = TfidfVectorizer(
        max_features=CONFIG["tfidf_max_features"], ngram_range=CONFIG["tfidf_ngram_range"],
        min_df=CONFIG["tfidf_min_df"], max_df=CONFIG["tfidf_max_df"], sublinear_tf=True)
    vectorizer.fit([CLOCK.sub(" ", log["text"]) for log in first_per_template(train, 1)])
    del vectorizer.stop_words_   # the discarded terms: of no use later, and large
    encoder = LabelEncoder().fit(sorted(CONFIG["label_weights"]))
    rows = with_dropout(first_per_template(train, CONFIG["logs_per_template"]))
    weights = balanced_weights(rows)
    rows.append({"text": "", "label": "suspicious"})
    weights = np.append(weights, CONFIG["unknown_weight"] * weights.sum())
    classifier = XGBClassifier(
        n_estimators=CONFIG["xgb_n_estimators"], max_depth=CONFIG["xgb_max_depth"],
        learning_rate=CONFIG["xgb_learning_rate"], subsample=0.7, colsample_bytree=0.3,
        min_child_weight=3, reg_lambda=2.0, tree_method="hist", eval_metric="mlogloss",
        early_stopping_rounds=CONFIG["xgb_early_stopping_rounds"],
        random_state=CONFIG["random_state"], n_jobs=jobs)
    classifier.fit(
        vectorizer.transform([log["text"] for log in rows]),
        encoder.transform([log["label"] for log in rows]), sample_weight=weights,
        eval_set=[(vectorizer.transform([log["text"] for log in stop]),
                   encoder.transform([log["label"] for log in stop]))],
        sample_weight_eval_set=[balanced_weights(stop)], verbose=False)
    return {"vectorizer": vectorizer, "classifier": classifier, "label_encoder": encoder,
            "config": dict(CONFIG)}


def fit_anomaly(logs):
    """Returns {model, scaler, config}."""
    rows = np.array([features(log["text"]) for log in logs])
    scaler = StandardScaler().fit(rows)
    model = IsolationForest(
        n_estimators=CONFIG["anomaly_n_estimators"], contamination=CONFIG["anomaly_contamination"],
        max_samples=CONFIG["anomaly_max_samples"],
        random_state=CONFIG["random_state"], n_jobs=1).fit(scaler.transform(rows))
    return {"model": model, "scaler": scaler, "config": dict(CONFIG)}


def predict_text(bundle, texts):
    """Returns the sparse rows, the probabilities and the labels."""
    rows = bundle["vectorizer"].transform(texts)
    probabilities = bundle["classifier"].predict_proba(rows)
    labels = bundle["label_encoder"].inverse_transform(bundle["classifier"].predict(rows))
    return rows, probabilities, labels
