#!/usr/bin/env python3
"""Times the program beside ONNX Runtime and the Python ensemble, and writes docs/benchmarks.md.

    compare.py --program FILE --onnxruntime LIBRARY --case NAME,JOBLIB,PYTHON[,ONNX] ...
               --logs FILE --rules FILE --work DIR --markdown FILE --json FILE [--rounds N]

Each case is a set of joblib models: NAME, the folder, a Python whose libraries can read them, and
optionally a bundle that other converters made of them.  On the same machine, models and logs the
contestants take turns, round by round; a ratio is taken within a round and the median of the rounds
is reported.  The program and ONNX Runtime are both timed by `ai-log-filter bench`, which runs ONNX
Runtime through its C interface, so that Python costs nothing there.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

BATCHES = ["1", "10", "100", "1000"]


def median(values):
    return statistics.median(values)


def bench(arguments, bundle, engine, *options):
    """One round of `ai-log-filter bench`."""
    command = [arguments.program, "bench", "--model", bundle, "--rounds", "1", "--json", "--logs", "1000000",
               "--batch", ",".join(BATCHES), "--input", arguments.logs, "--engine", engine, *options]
    environment = dict(os.environ, ALF_ONNXRUNTIME=str(arguments.onnxruntime), ONNX_INTRA_THREADS="1")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit("bench of %s (%s) failed: %s" % (bundle, engine, done.stderr))
    return json.loads(done.stdout)


def peak_memory(process):
    """Waits for the process and returns its peak memory in kB.

    The usage that wait4 gives begins with the memory of this script; the process's own file does not.
    """
    peak = 0
    while process.poll() is None:
        try:
            for line in open("/proc/%d/status" % process.pid, encoding="ascii"):
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]))
        except OSError:
            pass
        time.sleep(0.01)
    return peak


def classify_all(arguments, bundle, lines, threads):
    """Time and peak memory of classifying `lines` logs, the logs repeated."""
    logs = pathlib.Path(arguments.logs).read_bytes()
    repeats = -(-lines // logs.count(b"\n"))
    big = pathlib.Path(arguments.work) / "million.log"
    if not big.exists():
        with open(big, "wb") as file:
            for _ in range(repeats):
                file.write(logs)
    count = repeats * logs.count(b"\n")
    environment = dict(os.environ, ONNX_INTRA_THREADS=str(threads))
    begin = time.perf_counter()
    process = subprocess.Popen([arguments.program, "classify", "--model", bundle, "--quiet", "--format", "text",
                                "--output", "/dev/null", str(big)], env=environment)
    peak = peak_memory(process)
    if process.returncode != 0:
        sys.exit("classify failed")
    return {"logs": count, "seconds": time.perf_counter() - begin, "peak_rss_kb": peak, "threads": threads}


class Python:
    """The Python ensemble as a worker."""

    def __init__(self, arguments, joblib, python):
        script = pathlib.Path(__file__).with_name("python_ensemble.py")
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.process = subprocess.Popen(
            [python, str(script), "--joblib", joblib, "--logs", arguments.logs, "--rules", arguments.rules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the Python ensemble for %s cannot start" % joblib)
        self.facts = json.loads(line)

    def time(self, subject, batch):
        self.process.stdin.write("%s %s\n" % (subject, batch))
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_case(arguments, name, joblib, python, foreign):
    bundle = str(pathlib.Path(arguments.work) / ("bundle-" + name))
    subprocess.run([arguments.program, "convert", "--input", joblib, "--output", bundle, "--force"], check=True,
                   stdout=subprocess.DEVNULL)
    worker = Python(arguments, joblib, python)
    rounds = []
    for number in range(arguments.rounds):
        print("%s: round %d of %d" % (name, number + 1, arguments.rounds), file=sys.stderr, flush=True)
        one = {"ours": bench(arguments, bundle, "native"), "ours_no_memo": bench(arguments, bundle, "native", "--no-memo"),
               "onnxruntime": bench(arguments, bundle, "onnxruntime")}
        if foreign:
            one["onnxruntime_foreign"] = bench(arguments, foreign, "onnxruntime")
        one["python"] = {subject: {batch: worker.time(subject, batch) for batch in BATCHES}
                         for subject in ("anomaly_detector", "tfidf_xgboost", "rule_based", "models", "ensemble")}
        rounds.append(one)
    worker.close()
    return {"name": name, "rounds": rounds, "python": worker.facts,
            "classify": [classify_all(arguments, bundle, 1000000, threads) for threads in (1, os.cpu_count())]}


def times(one, who, subject):
    data = one[who]
    if who == "python":
        return data[subject]
    return data[subject] if subject in ("ensemble", "preprocessing") else data["components"][subject]


def row(case, subject, who, peer_subject=None):
    """Median microseconds and median ratio per batch size, of a peer against ours."""
    result = {}
    for batch in BATCHES:
        ours = [times(one, "ours", subject)[batch] for one in case["rounds"]]
        peer = [times(one, who, peer_subject or subject)[batch] for one in case["rounds"]]
        result[batch] = (median(peer), median([theirs / mine for theirs, mine in zip(peer, ours)]))
    return result


def short(number):
    return "%.3g" % number if number < 1000 else "%.0f" % number


def table(case):
    lines = ["| microseconds per log | batch 1 | 10 | 100 | 1000 |", "|---|---|---|---|---|"]

    def ours(title, subject):
        cells = [short(median([times(one, "ours", subject)[batch] for one in case["rounds"]])) for batch in BATCHES]
        lines.append("| **%s, ai-log-filter** | %s |" % (title, " | ".join("**%s**" % cell for cell in cells)))
        peer("the same without memos", subject, "ours_no_memo")

    def peer(title, subject, who, peer_subject=None):
        if who not in case["rounds"][0]:
            return
        cells = row(case, subject, who, peer_subject)
        lines.append("| %s | %s |" % (title, " | ".join("%s (%sx)" % (short(cells[b][0]), short(cells[b][1]))
                                                         for b in BATCHES)))

    versions = case["python"]["versions"]
    sklearn = "scikit-learn %s" % versions["scikit-learn"]
    ours("anomaly_detector", "anomaly_detector")
    peer("ONNX Runtime, file by skl2onnx", "anomaly_detector", "onnxruntime_foreign")
    peer("ONNX Runtime, our file", "anomaly_detector", "onnxruntime")
    peer(sklearn, "anomaly_detector", "python")
    ours("tfidf_xgboost", "tfidf_xgboost")
    peer("ONNX Runtime, our files", "tfidf_xgboost", "onnxruntime")
    peer("ONNX Runtime, file by onnxmltools and our vectorizer", "tfidf_xgboost", "onnxruntime_foreign")
    peer("%s + XGBoost %s" % (sklearn, versions["xgboost"]), "tfidf_xgboost", "python")
    ours("rules", "rule_based")
    peer("the same %d patterns in Python's re" % case["python"]["rules"], "rule_based", "python")
    ours("whole ensemble, raw line to verdict", "ensemble")
    peer("Python ensemble, models only", "ensemble", "python", "models")
    peer("Python ensemble with these rules", "ensemble", "python", "ensemble")
    return lines


def facts(case):
    first = case["rounds"]

    def load(who):
        return "%s ms" % short(median([one[who]["load_ms"] for one in first]))

    lines = ["", "| | ai-log-filter | ONNX Runtime, our files | ONNX Runtime, other converters' files | Python |",
             "|---|---|---|---|---|"]
    foreign = "onnxruntime_foreign" in first[0]
    lines.append("| load, with rules | %s | %s | %s | %s ms |" % (
        load("ours"), load("onnxruntime"), load("onnxruntime_foreign") if foreign else "-",
        short(case["python"]["load_ms"])))
    lines.append("| peak memory of the benchmark | %.1f MB | %.1f MB | %s | %.1f MB |" % (
        median([one["ours"]["peak_rss_kb"] for one in first]) / 1024,
        median([one["onnxruntime"]["peak_rss_kb"] for one in first]) / 1024,
        "%.1f MB" % (median([one["onnxruntime_foreign"]["peak_rss_kb"] for one in first]) / 1024) if foreign else "-",
        case["python"]["peak_rss_kb"] / 1024))
    lines.append("")
    for one in case["classify"]:
        lines.append("`classify` of %d logs on %d thread%s, verdicts to /dev/null: %.1f s, %.0f logs per second, "
                     "peak memory %.1f MB." % (one["logs"], one["threads"], "" if one["threads"] == 1 else "s",
                                               one["seconds"], one["logs"] / one["seconds"],
                                               one["peak_rss_kb"] / 1024))
    return lines


def machine():
    model = "unknown"
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return "%s, %d cores, Linux %s" % (model, os.cpu_count(), platform.release().split("-")[0])


def markdown(cases, arguments):
    lines = ["# Benchmarks", "",
             "<!-- Written by `make bench`; do not edit. -->", "",
             "Machine: %s. ONNX Runtime %s. One thread each, unless said otherwise. Medians of %d rounds, in which the"
             % (machine(), arguments.onnxruntime_version, arguments.rounds),
             "contestants take turns; in brackets how many times as long as ai-log-filter they take (median of the",
             "ratios within each round). Every pass begins with a fresh session and sees each log once. Logs repeat:",
             "\"without memos\" (`bench --no-memo`) is what logs cost of which nothing was seen before.",
             "Reproduce: `make bench`. What the program spends its time on is told in [performance](performance.md).", ""]
    for case in cases:
        lines += ["## %s" % case["name"], ""] + table(case) + facts(case) + [""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "onnxruntime", "onnxruntime-version", "logs", "rules", "work", "markdown", "json"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--case", action="append", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cases = []
    for text in arguments.case:
        parts = text.split(",") + [""]
        cases.append(run_case(arguments, parts[0], parts[1], parts[2], parts[3]))
    pathlib.Path(arguments.markdown).write_text(markdown(cases, arguments), encoding="utf-8")
    pathlib.Path(arguments.json).write_text(json.dumps(
        {"machine": machine(), "onnxruntime": arguments.onnxruntime_version, "cases": cases}, indent=1) + "\n",
        encoding="utf-8")


if __name__ == "__main__":
    main()
