#!/usr/bin/env python3
"""Models by chance against the libraries that fitted them, from end to end.

    random_models.py run PROGRAM RESULTS [--models N] [--seed S] [--until HH:MM]
    random_models.py table RESULTS...

Each round trains two models with options drawn by chance on data drawn by chance: a vectorizer with
a classifier, and scalers with an IsolationForest. PROGRAM (ai-log-filter) converts them; then the
same messages go through the library, through `PROGRAM classify`, and through the ONNX files in ONNX
Runtime. A label that differs is a mismatch, unless the library's two best probabilities are within
1e-6 of each other, or its decision within 1e-6 of 0: such ties are counted apart.

RESULTS gets one JSON object a round. A run that was interrupted goes on where it stopped; round k is
the same for the same seed and library versions. Libraries that are not installed are left out of
the draw. Exit status of `run`: 1 when a label differs or a model is refused, 77 when nothing can be
compared. `table` writes what docs/fidelity.md holds.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import warnings

try:
    import joblib
    import numpy as np
    import onnxruntime
    import scipy.sparse
    import sklearn
    from sklearn.ensemble import (ExtraTreesClassifier, GradientBoostingClassifier, IsolationForest,
                                  RandomForestClassifier)
    from sklearn.feature_extraction.text import (CountVectorizer, TfidfTransformer,
                                                 TfidfVectorizer)
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import (LabelEncoder, MaxAbsScaler, MinMaxScaler, Normalizer,
                                       RobustScaler, StandardScaler)
    from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
except ImportError as error:
    print("skipped: %s" % error)
    sys.exit(77)
try:
    import xgboost
except ImportError:
    xgboost = None
try:
    import lightgbm
except ImportError:
    lightgbm = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from sample.normalise import features, normalise  # noqa: E402

if not hasattr(scipy.sparse.coo_matrix, "A"):  # scikit-learn 1.1 to 1.3 beside a scipy of today
    scipy.sparse.coo_matrix.A = property(lambda m: m.toarray())

CATEGORIES = ["critical", "noise", "routine", "suspicious"]
CLOSE = 1e-6
TRAIN, PROBES = 60, 30
WORDS = """error failed login root user admin session opened closed disk full timeout retry connection
refused from to the of for and kernel cpu memory a b x7 ok heartbeat attack scan blocked allowed port
permission denied GET POST index.html status=200 status=500 id=42 e-mail co-op user_name 3.14 10.0.0.1
/var/log/syslog 0xff 12345 2024-01-15T10:00:00 caf\u00e9 cafe\u0301 na\u00efve gr\u00f6\u00dfe \ufb01le
\u65e5\u672c\u8a9e \u30ed\u30b0 \u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u2460 \u00bd \u03a3\u0391\u039f\u03a3
\u0130stanbul \ud55c\uae00 \U0001f600 \u0663\u0664 ERROR Warning WARN""".split()
GAPS = [" ", " ", " ", " ", "  ", ", ", ": ", "; ", "\t", "\u00a0", " - ", "=", "/", "."]
PATTERNS = [r"(?u)\b\w\w+\b"] * 3 + [r"(?u)\b\w+\b", r"\S+", r"[a-zA-Z]+", r"\b[a-z]{2,}\b",
                                    r"[\w.-]+", r"\w{3,}", r"[^\s,;:=]+"]


class Draw:
    """Choices by chance, kept for the report."""

    def __init__(self, seed):
        self.rng = np.random.RandomState(seed)

    def one(self, choices):
        return choices[self.rng.randint(len(choices))]

    def chance(self, p=0.5):
        return bool(self.rng.rand() < p)

    def number(self, low, high):
        """Whole, both ends included."""
        return int(self.rng.randint(low, high + 1))

    def seed(self):
        return self.number(0, 10**6)


# ---------------------------------------------------------------- data


def message(d, words):
    text = "".join(d.one(words) + d.one(GAPS) for _ in range(d.number(1, 12)))
    return text.strip() or "x"


def data(d):
    """Messages with labels that have something to do with their words."""
    words = [d.one(WORDS) for _ in range(d.number(12, 40))]
    names = list(CATEGORIES)
    d.rng.shuffle(names)
    names = names[:d.number(2, 4)]
    messages = [message(d, words) for _ in range(TRAIN)]
    labels = [names[sum(map(ord, text[:3 + len(text) // 3])) % len(names)] if d.chance(0.8)
              else d.one(names) for text in messages]
    labels[:len(names)] = names
    probes = messages[:PROBES // 2] + [message(d, words + WORDS) for _ in range(PROBES // 2)]
    probes[0] = "q"
    return messages, labels, probes


# ---------------------------------------------------------------- vectorizers


def vectorizer(d):
    """The first steps of a Pipeline."""
    options = dict(lowercase=d.chance(0.8), binary=d.chance(0.2))
    kind = d.one(["word", "word", "word", "char", "char_wb"])
    low = d.one([1, 1, 1, 2, 3])
    options["ngram_range"] = (low, low + d.number(0, 2))
    options["analyzer"] = kind
    if kind == "word":
        options["token_pattern"] = d.one(PATTERNS)
        options["ngram_range"] = d.one([(1, 1), (1, 1), (1, 2), (1, 3), (2, 2)])
        options["stop_words"] = d.one([None, None, "english", ["the", "of", "error", "user"]])
    options["strip_accents"] = d.one([None, None, None, "ascii", "unicode"])
    if d.chance(0.5):
        options["max_features"] = d.number(5, 60)
    if d.chance(0.3):
        options["min_df"] = 2
    if d.chance(0.2):
        options["max_df"] = 0.8
    weights = dict(norm=d.one(["l2", "l2", "l1", None]), use_idf=d.chance(0.8),
                   smooth_idf=d.chance(0.8), sublinear_tf=d.chance(0.4))
    form = d.one(["tfidf", "tfidf", "tfidf", "single", "count", "two"])
    if form == "count":
        return [CountVectorizer(**options)]
    if form == "two":
        return [CountVectorizer(**options), TfidfTransformer(**weights)]
    if form == "single":
        options["dtype"] = np.float32
    return [TfidfVectorizer(**options, **weights)]


def row_steps(d):
    steps = []
    for _ in range(d.one([0, 0, 0, 1, 1, 2])):
        steps.append(d.one([lambda: MaxAbsScaler(), lambda: StandardScaler(with_mean=False),
                            lambda: RobustScaler(with_centering=False),
                            lambda: Normalizer(norm=d.one(["l1", "l2", "max"])),
                            lambda: TfidfTransformer(norm=d.one(["l1", "l2", None]))])())
    return steps


# ---------------------------------------------------------------- classifiers


def tree_options(d):
    return dict(max_depth=d.one([None, 2, 3, 6]), min_samples_leaf=d.number(1, 4),
                max_features=d.one([None, "sqrt", 0.5]), random_state=d.seed())


def forest(d, cls):
    return cls(n_estimators=d.number(2, 8), bootstrap=d.chance(), n_jobs=1,
               class_weight=d.one([None, "balanced"]), criterion=d.one(["gini", "entropy"]),
               **tree_options(d))


def gradient(d):
    return GradientBoostingClassifier(n_estimators=d.number(1, 6), learning_rate=d.one([0.1, 0.5, 1.0]),
                                      subsample=d.one([1.0, 0.7]), max_depth=d.number(1, 4),
                                      init=d.one([None, None, "zero"]), random_state=d.seed())


def logistic(d, classes):
    solver = d.one(["lbfgs", "lbfgs", "newton-cg", "saga"] + ["liblinear"] * (classes == 2))
    return LogisticRegression(C=float(d.one([0.1, 1.0, 30.0])), solver=solver, max_iter=60,
                              fit_intercept=d.chance(0.8), random_state=d.seed())


def xgb_options(d):
    return dict(n_estimators=d.number(1, 8), max_depth=d.number(1, 5), n_jobs=1,
                tree_method=d.one(["hist", "exact", "approx"]), random_state=d.seed(),
                subsample=d.one([1.0, 0.7]), reg_lambda=float(d.one([0.0, 1.0, 5.0])))


def xgb(d):
    return xgboost.XGBClassifier(learning_rate=d.one([0.1, 0.3, 1.0]),
                                 num_parallel_tree=d.one([1, 1, 2]), **xgb_options(d))


def dart(d):
    return xgboost.XGBClassifier(booster="dart", rate_drop=d.one([0.2, 0.6]), one_drop=1,
                                 normalize_type=d.one(["tree", "forest"]), **xgb_options(d))


def random_forest_xgb(d):
    options = xgb_options(d)
    options.update(subsample=0.7, tree_method="hist")
    return xgboost.XGBRFClassifier(**options)


def lgbm(d):
    kind = d.one(["gbdt", "gbdt", "dart", "rf"])
    options = dict(bagging_fraction=0.7, bagging_freq=1) if kind == "rf" else {}
    return lightgbm.LGBMClassifier(boosting_type=kind, n_estimators=d.number(1, 8), n_jobs=1,
                                   num_leaves=d.number(2, 12), min_child_samples=d.number(1, 8),
                                   learning_rate=d.one([0.1, 0.5]), random_state=d.seed(),
                                   verbosity=-1, **options)


def classifiers():
    """Name -> how to draw it; only what is installed."""
    found = {
        "RandomForestClassifier": lambda d: forest(d, RandomForestClassifier),
        "ExtraTreesClassifier": lambda d: forest(d, ExtraTreesClassifier),
        "DecisionTreeClassifier": lambda d: DecisionTreeClassifier(**tree_options(d)),
        "ExtraTreeClassifier": lambda d: ExtraTreeClassifier(**tree_options(d)),
        "GradientBoostingClassifier": gradient,
        "LogisticRegression": None,  # logistic
    }
    if xgboost is not None:
        found.update({"XGBClassifier": xgb, "XGBClassifier, dart": dart,
                      "XGBRFClassifier": random_forest_xgb, "XGBClassifier, categories": xgb,
                      "XGBoost model file": xgb})
    if lightgbm is not None:
        found.update({"LGBMClassifier": lgbm, "LGBMClassifier, categories": lgbm,
                      "LightGBM model file": lgbm})
    return found


def fit_front(d, name, texts):
    """Steps before the classifier, and the rows that they give."""
    while True:
        steps = [CountVectorizer(max_features=d.number(3, 20), binary=d.chance(0.3))] \
            if name.endswith("categories") else vectorizer(d) + row_steps(d)
        try:
            rows = texts
            for step in steps:
                rows = step.fit_transform(rows)
            return steps, rows
        except ValueError:  # no term is left
            continue


def fit_classifier(d, name, rows, encoded):
    if name == "LogisticRegression":
        return logistic(d, len(set(encoded))).fit(rows, encoded)
    model = classifiers()[name](d)
    if is_boosted(name):
        rows = rows.astype(np.float32)
    if name == "XGBClassifier, categories":
        kinds = [d.one(["c", "c", "q"]) for _ in range(rows.shape[1])]
        model.set_params(feature_types=kinds, enable_categorical=True, num_parallel_tree=1,
                         tree_method=d.one(["hist", "approx"]), max_cat_to_onehot=d.one([1, 4]))
    if name == "LGBMClassifier, categories":
        chosen = [k for k in range(rows.shape[1]) if d.chance(0.6)]
        model.set_params(min_data_per_group=d.one([1, 5]), cat_smooth=float(d.one([0, 1])))
        return model.fit(rows, encoded, categorical_feature=chosen)
    return model.fit(rows, encoded)


def is_boosted(name):
    return name.startswith(("XGB", "LGBM", "LightGBM"))


def fit_text(d, name, messages, labels):
    """(steps before the classifier, classifier, LabelEncoder or None), fitted."""
    texts = [normalise(text) for text in messages]
    encoder = None
    encoded = np.array(labels)
    if "XGB" in name or "file" in name or d.chance(0.3):
        encoder = LabelEncoder().fit(labels)
        encoded = encoder.transform(labels)
    while True:
        steps, rows = fit_front(d, name, texts)
        model = fit_classifier(d, name, rows, encoded)
        # Coefficients in float32 are refused, as docs/support.md says.
        if name != "LogisticRegression" or model.coef_.dtype == np.float64:
            return steps, model, encoder


def rows_of(steps, texts):
    rows = texts
    for step in steps:
        rows = step.transform(rows)
    return rows


def save_text(d, folder, name, steps, model, encoder):
    """As users save them: a dict, a Pipeline, separate files, or the library's own file."""
    place = folder / "tfidf_xgboost"
    place.mkdir(parents=True)
    front = steps[0] if len(steps) == 1 else \
        Pipeline([("step%d" % i, step) for i, step in enumerate(steps)])
    if name.endswith("file"):
        joblib.dump(front, place / "vectorizer.joblib")
        (folder / "labels.json").write_text(json.dumps({"classes": list(encoder.classes_)}))
        if name.startswith("XGB"):
            model.save_model(str(place / ("model." + d.one(["json", "ubj"]))))
        else:
            model.booster_.save_model(str(place / "model.txt"))
        return
    if encoder is not None or d.chance():
        parts = {"vectorizer": front, "classifier": model}
        if encoder is not None:
            parts["label_encoder"] = encoder
        joblib.dump(parts, place / "model.joblib", compress=d.one([0, 3]))
    else:
        joblib.dump(Pipeline([("step%d" % i, step) for i, step in enumerate(steps + [model])]),
                    place / "model.joblib")


# ---------------------------------------------------------------- anomaly


def fit_anomaly(d, values):
    scalers = []
    for _ in range(d.one([1, 1, 1, 2, 3])):
        scalers.append(d.one([
            lambda: StandardScaler(with_mean=d.chance(0.8), with_std=d.chance(0.8)),
            lambda: MinMaxScaler(feature_range=d.one([(0, 1), (-1, 2)]), clip=d.chance(0.3)),
            lambda: RobustScaler(with_centering=d.chance(0.8), with_scaling=d.chance(0.8)),
            MaxAbsScaler, lambda: Normalizer(norm=d.one(["l1", "l2", "max"]))])())
    rows = values
    for scaler in scalers:
        rows = scaler.fit_transform(rows)
    model = IsolationForest(n_estimators=d.number(2, 20), max_samples=d.one(["auto", 16, 0.5]),
                            max_features=d.one([1.0, 1.0, 0.5]), bootstrap=d.chance(0.3),
                            contamination=d.one(["auto", 0.05, 0.2]), random_state=d.seed())
    return scalers, model.fit(rows)


def save_anomaly(d, folder, scalers, model):
    place = folder / "anomaly_detector"
    place.mkdir(parents=True)
    named = [("step%d" % i, scaler) for i, scaler in enumerate(scalers)]
    if d.chance():
        joblib.dump(Pipeline(named + [("forest", model)]), place / "model.joblib")
    else:
        joblib.dump({"scaler": Pipeline(named) if len(named) > 1 else scalers[0], "model": model},
                    place / "model.joblib")


# ---------------------------------------------------------------- answers


def library_text(steps, model, encoder, name, texts):
    rows = rows_of(steps, texts)
    if is_boosted(name):
        rows = rows.astype(np.float32)
    labels = model.predict(rows)
    if encoder is not None:
        labels = encoder.inverse_transform(labels)
    best = np.sort(model.predict_proba(rows), axis=1)
    return [str(label) for label in labels], best[:, -1] - best[:, -2] < CLOSE


def library_anomaly(scalers, model, values):
    rows = values
    for scaler in scalers:
        rows = scaler.transform(rows)
    decisions = model.decision_function(rows)
    return list(model.predict(rows)), np.abs(decisions) < CLOSE


def run_program(program, *arguments, **options):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, **options)


def our_answers(program, bundle, messages):
    lines = "".join(json.dumps({"message": text}) + "\n" for text in messages)
    done = run_program(program, "classify", "--model", str(bundle), "--components", "--quiet", "-",
                       input=lines.encode())
    found = [json.loads(line)["components"] for line in done.stdout.decode().splitlines()]
    if done.returncode != 0 or len(found) != len(messages):
        raise RuntimeError(done.stderr.decode()[:300])
    return [part["tfidf_xgboost"]["label"] for part in found], \
        [part["anomaly_detector"]["label"] for part in found]


def prepare(session, texts):
    """The steps that a vectorizer's file asks for (docs/bundle.md)."""
    steps = session.get_modelmeta().custom_metadata_map
    for step in steps.get("ai_log_filter.text_steps", "").split():
        if step == "lower":
            texts = [t.lower() for t in texts]
        elif step == "strip_accents_ascii":
            texts = [unicodedata.normalize("NFKD", t).encode("ascii", "ignore").decode()
                     for t in texts]
        elif step == "strip_accents_unicode":
            texts = ["".join(c for c in unicodedata.normalize("NFKD", t)
                             if not unicodedata.combining(c)) for t in texts]
        elif step == "pad_words":
            texts = ["".join(" " + word + " " for word in t.split()) for t in texts]
        else:
            raise RuntimeError("unknown step " + step)
    return texts


def open_runtime(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answer(session, value):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: value})))


def runtime_answers(bundle, texts, values):
    manifest = json.loads((bundle / "manifest.json").read_text())
    vectorizer_, classifier, scaler, detector = [open_runtime(bundle / name) for name in (
        "tfidf_vectorizer.onnx", "xgboost.onnx", "scaler.onnx", "anomaly_detector.onnx")]
    prepared = np.array(prepare(vectorizer_, texts), dtype=object)
    labels = answer(classifier, answer(vectorizer_, prepared)["features"])["label"].reshape(-1)
    anomalies = answer(detector, answer(scaler, values)["output"])["label"].reshape(-1)
    return [manifest["class_labels"][k] for k in labels], list(anomalies)


# ---------------------------------------------------------------- rounds


def compare(one, other, ties):
    """(labels that differ, of them ties)"""
    differ = [bool(a != b) for a, b in zip(one, other)]
    return int(sum(x and not tie for x, tie in zip(differ, ties))), \
        int(sum(x and bool(tie) for x, tie in zip(differ, ties)))


def describe(steps, model):
    return " > ".join(repr(step).replace("\n", " ") for step in steps + [model])[:900]


def round_of(program, seed, folder):
    d = Draw(seed)
    name = d.one(sorted(classifiers()))
    messages, labels, probes = data(d)
    texts = [normalise(text) for text in probes]
    values = np.array([features(text) for text in texts], dtype=np.float64)
    steps, model, encoder = fit_text(d, name, messages, labels)
    scalers, isolation = fit_anomaly(
        d, np.array([features(normalise(text)) for text in messages], dtype=np.float64))
    save_text(d, folder / "joblib", name, steps, model, encoder)
    save_anomaly(d, folder / "joblib", scalers, isolation)
    result = dict(seed=seed, text=name, anomaly=[type(s).__name__ for s in scalers],
                  rows=len(probes), model=describe(steps, model),
                  detector=describe(scalers, isolation))
    bundle = folder / "bundle"
    done = run_program(program, "convert", "--input", str(folder / "joblib"), "--output", str(bundle))
    if done.returncode != 0:
        result["refused"] = (done.stdout + done.stderr).decode()[-600:]
        return result
    known = library_text(steps, model, encoder, name, texts) + \
        library_anomaly(scalers, isolation, values)
    ours = our_answers(program, bundle, probes)
    theirs = runtime_answers(bundle, texts, values)
    result["ties"] = [int(sum(known[1])), int(sum(known[3]))]
    result["library"] = compare(known[0], ours[0], known[1]) + compare(known[2], ours[1], known[3])
    result["runtime"] = compare(ours[0], theirs[0], known[1]) + compare(ours[1], theirs[1], known[3])
    return result


def versions():
    found = dict(sklearn=sklearn.__version__, numpy=np.__version__,
                 onnxruntime=onnxruntime.__version__)
    for name, module in (("xgboost", xgboost), ("lightgbm", lightgbm)):
        if module is not None:
            found[name] = module.__version__
    return found


def is_bad(result):
    counts = result.get("library", [0] * 4), result.get("runtime", [0] * 4)
    return "refused" in result or "failed" in result or any(c[0] or c[2] for c in counts)


def run(options):
    path = pathlib.Path(options.results)
    done = set()
    bad = 0
    if path.exists():
        for line in path.read_text().splitlines():
            result = json.loads(line)
            done.add(result["seed"])
            bad += is_bad(result)
    for k in range((options.models + 1) // 2):
        seed = options.seed + k
        if options.until and datetime.datetime.utcnow().strftime("%H:%M") >= options.until:
            break
        if seed in done:
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="random-models-"))
        try:
            result = round_of(options.program, seed, folder)
        except Exception as error:  # a round that fails is reported, and the others go on
            result = dict(seed=seed, failed="%s: %s" % (type(error).__name__, str(error)[:500]))
        shutil.rmtree(folder)
        result["versions"] = versions()
        if is_bad(result):
            bad += 1
            print(json.dumps(result)[:1500], flush=True)
        with open(path, "a") as out:
            out.write(json.dumps(result) + "\n")
        done.add(seed)
    print("%d models in %d rounds, %d rounds with a mismatch, a refusal or a failure"
          % (2 * len(done), len(done), bad))
    return 1 if bad else 0


# ---------------------------------------------------------------- report


def add_up(table, key, result, at):
    line = table.setdefault(key, collections.Counter())
    line["models"] += 1
    line["rows"] += result["rows"]
    line["refused"] += "refused" in result
    if "library" in result:
        line["library"] += result["library"][at]
        line["runtime"] += result["runtime"][at]
        line["tied"] += result["ties"][at // 2]
        line["tied differ"] += max(result["library"][at + 1], result["runtime"][at + 1])


def table(paths):
    rows = collections.OrderedDict()
    failed = 0
    for path in paths:
        for line in open(path):
            result = json.loads(line)
            if "failed" in result:
                failed += 1
                continue
            add_up(rows, result["text"], result, 0)
            add_up(rows, "IsolationForest behind scalers", result, 2)
    print("| model | models | rows | refused | library against our engine | ONNX Runtime against our "
          "engine | ties | ties that differ |\n|---|---|---|---|---|---|---|---|")
    total = collections.Counter()
    for key in sorted(rows):
        total += rows[key]
    for key, line in sorted(rows.items()) + [("all", total)]:
        print("| %s | %s |" % (key, " | ".join(
            str(line[x]) for x in ("models", "rows", "refused", "library", "runtime", "tied",
                                   "tied differ"))))
    if failed:
        print("\n%d rounds failed" % failed)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("program")
    runs.add_argument("results")
    runs.add_argument("--models", type=int, default=2000)
    runs.add_argument("--seed", type=int, default=20260000)
    runs.add_argument("--until", help="stop at this time (UTC), to go on later")
    tables = commands.add_parser("table")
    tables.add_argument("results", nargs="+")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return run(options) if options.command == "run" else table(options.results)


if __name__ == "__main__":
    sys.exit(main())
