"""A candidate beside the live bundle: what it says is counted by what `classify` says of the same logs."""

import collections
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time

from harness import *

TOKEN = "an-admin-token-of-the-test"
ADMIN = {"Authorization": "Bearer " + TOKEN}
FORWARDED = ("critical", "suspicious")

make_bundle()
other = path("other")  # another classifier, the same detector
shutil.copytree(SOURCE + "/models/sample/anomaly_detector", path("joblib/anomaly_detector"))
shutil.copytree(SOURCE + "/tests/cli/fixtures/classifiers/logistic/tfidf_xgboost", path("joblib/tfidf_xgboost"))
subprocess.run([PROGRAM, "convert", "--input", path("joblib"), "--output", other],
               check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
# Rules that see nothing critical.
quiet = write("quiet.yaml", """
categories:
  noise:
    - name: heartbeat
      confidence: 0.9
      patterns: ['\\bheartbeat\\b']
""")

# Rules that see more of it than the models do.
loud = write("loud.yaml", """
categories:
  critical:
    - name: login
      confidence: 0.95
      patterns: ['\\blogged in\\b']
""")

LOGS = []
for i in range(60):
    LOGS += [f"ransomware detected: files encrypted on srv{i} by locker.exe", f"DEBUG heartbeat {i} ok",
             f"Failed password for root from 10.0.0.{i} port 22 ssh2", f"GET /index.html 200 {i}ms",
             f"kernel: Out of memory: Kill process {i} (java)", f"user{i} logged in"]
LOGS.append("x" * 5000 + " logged in")
LOGS.append("a" + "é" * 400 + " logged in")


def by_command_line(bundle, logs, rules=None):
    more = ["--rules", rules] if rules else []
    done = subprocess.run([PROGRAM, "classify", "--model", bundle, "--quiet", *more, "-"],
                          input="\n".join(logs) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def start(more="", **arguments):
    return Server(f"server:\n  shutdown_seconds: 5\n{more}", environment={"ALF_ADMIN_TOKENS": TOKEN}, **arguments)


def with_shadow(folder, rules=None, least=100, more="", criticals=1):
    text = f"shadow:\n  path: {folder}\n  least_logs: {least}\n{more}"
    text += f"  least_criticals: {criticals}\n" if criticals else ""
    return text + (f"  rules_path: {rules}\n" if rules else "")


def configure(server, text):
    write(os.path.basename(server.config), patient(text))


def report(server):
    status, answer = server.json("GET", "/admin/shadow", headers=ADMIN)
    equal(status, 200, "GET /admin/shadow")
    return answer


def settled(server, logs):
    """The report when that many logs are compared or skipped."""
    for _ in range(1200):
        answer = report(server)
        counts = answer["counts"]
        if counts["compared"] + sum(counts["skipped"].values()) >= logs:
            break
        time.sleep(0.05)
    equal(counts["compared"] + sum(counts["skipped"].values()), logs, "compared or skipped")
    return answer


def classify(server, logs=LOGS):
    status, answer = server.json("POST", "/classify/batch", {"logs": logs})
    equal(status, 200, "batch")
    return answer["results"]


def promote(server, body=None):
    return server.json("POST", "/admin/promote", body, ADMIN)


def without_times(results):
    return json.dumps([{k: v for k, v in r.items() if k != "processing_time_ms"} for r in results])


def matrix(live, candidate):
    return collections.Counter((a["category"], b["category"]) for a, b in zip(live, candidate))


# Without a candidate.
plain = start()
live = by_command_line(path("bundle"), LOGS)
expected = without_times(classify(plain))
equal(report(plain)["state"], "none", "state")
for headers in ({}, {"Authorization": "Bearer wrong-wrong-wrong-wrong"}):
    equal(plain.json("GET", "/admin/shadow", headers=headers)[0], 401, "no token")
    equal(plain.json("POST", "/admin/promote", headers=headers)[0], 401, "no token")
status, answer = promote(plain)
equal(status, 409, "nothing to promote")
check("shadow.path" in answer["detail"], answer)
for body, wanted in (("[]", 400), ({"force": 1}, 422), ({"other": True}, 422), ({"force": "true"}, 422), ({}, 409)):
    equal(promote(plain, body)[0], wanted, body)
equal(plain.metrics(headers=ADMIN)["ai_filter_shadow_loaded"], 0, "no candidate")

# The same bundle as a candidate never differs.
server = start(with_shadow(path("bundle")))
status, answer = promote(server)
equal(status, 409, "too few logs")
check("least_logs" in answer["detail"] and answer["counts"]["compared"] == 0, answer)
equal(without_times(classify(server)), expected, "live answers with a shadow")
found = settled(server, len(LOGS))
equal(found["state"], "running", "state")
equal(found["counts"]["compared"], len(LOGS), "compared")
equal(found["counts"]["disagreements"], 0, "disagreements")
equal(found["samples"], [], "samples")
check(found["promotion"]["allowed"], found["promotion"])
equal(found["live"]["sha256"], found["candidate"]["sha256"], "hashes")
for name in ("xgboost.onnx", "manifest.json"):
    digest = hashlib.sha256(open(path("bundle/" + name), "rb").read()).hexdigest()
    check(digest in found["candidate"]["sha256"].values(), name)
for i in range(20):
    server.json("POST", "/classify", {"log": LOGS[i]})
    server.request("POST", "/classify/batch", LOGS[i] + "\n" + LOGS[i + 1] + "\n", {"Content-Type": "application/x-ndjson"})
equal(settled(server, len(LOGS) + 60)["counts"]["disagreements"], 0, "one by one, and as streams")
status, answer = promote(server)
equal((status, answer.get("status"), answer.get("generation")), (200, "promoted", 2), answer)
equal(answer["configuration"], {"model.path": path("bundle"), "rules.path": "", "shadow.path": "", "shadow.rules_path": ""},
      "what to write")
equal(without_times(classify(server)), expected, "after the promotion")
found = report(server)
equal((found["state"], found["generation"]), ("promoted", 2), "state")
equal(promote(server)[0], 409, "promoted already")
status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
check(status == 200 and "warning" not in answer, answer)
server.stop()

# Rules that lower criticals: counted as `classify` says, sampled, refused even by force.
LOUD = f"rules:\n  path: {loud}\n"
SAMPLES = 50
server = start(LOUD + with_shadow(path("bundle"), quiet, more=f"  samples: {SAMPLES}\n"))
built_in, live = live, by_command_line(path("bundle"), LOGS, loud)
candidate = by_command_line(path("bundle"), LOGS, quiet)
want = matrix(live, candidate)
lowered = sum(n for (a, b), n in want.items() if a == "critical" and b != "critical")
check(lowered > 0, "the test needs a critical that is lowered")
equal(without_times(classify(server)), without_times(live), "live answers with a shadow that differs")
found = settled(server, len(LOGS))
counts = found["counts"]
for (a, b), n in want.items():
    equal(counts["by_live_then_candidate"][a][b], n, (a, b))
equal(counts["disagreements"], sum(n for (a, b), n in want.items() if a != b), "disagreements")
equal(counts["criticals"], sum(n for (a, _), n in want.items() if a == "critical"), "criticals")
equal(counts["criticals_lowered"], lowered, "criticals lowered")
equal(counts["forwarded_lowered"],
      sum(n for (a, b), n in want.items() if a in FORWARDED and b not in FORWARDED), "forwarded lowered")
equal(len(found["samples"]), min(SAMPLES, counts["disagreements"]), "samples")
pairs = {log: (a, b) for log, a, b in zip(LOGS, live, candidate)}
kept = 0
for one in found["samples"]:
    whole = [log for log in pairs if log.startswith(one["message"])]
    check(len(whole) >= 1, one)
    a, b = pairs[whole[0]]
    equal(one["message_bytes"], len(whole[0].encode()), "size")
    check(len(one["message"].encode()) <= 512, "cut")
    equal((one["live"], one["candidate"]), ({k: a[k] for k in ("category", "confidence")},
                                           {k: b[k] for k in ("category", "confidence")}), one["message"])
    kept += one["live"]["category"] == "critical"
equal(kept, min(SAMPLES, lowered), "the worst are kept")
check(any("\u00e9" in one["message"] and "\ufffd" not in one["message"] for one in found["samples"]), "whole characters")
metrics = server.metrics(headers=ADMIN)
for (a, b), n in want.items():
    equal(metrics['ai_filter_shadow_logs_total{live="%s",candidate="%s"}' % (a, b)], n, (a, b))
equal(metrics['ai_filter_shadow_skipped_total{reason="busy"}'], counts["skipped"]["busy"], "skipped")
for body in (None, {}, {"force": False}, {"force": True}):
    status, answer = promote(server, body)
    equal(status, 409, body)
    check(f"would lower {lowered} of" in answer["detail"], answer)
equal(report(server)["generation"], 1, "nothing changed")
status, verdict = server.json("POST", "/classify", {"log": LOGS[5]})
equal(verdict["category"], "critical", "the live one decides")
live = built_in

# A reload takes the candidate away, brings it, changes it; one that does not load changes nothing.
configure(server, "")
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "without it")
equal(report(server)["state"], "none", "taken away")
classify(server)
equal(server.metrics(headers=ADMIN)['ai_filter_shadow_logs_total{live="critical",candidate="critical"}'],
      metrics['ai_filter_shadow_logs_total{live="critical",candidate="critical"}'], "nothing is compared")
configure(server, with_shadow(path("bundle"), quiet))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "back")
equal(report(server)["counts"]["compared"], 0, "a reload begins anew")
classify(server, LOGS[:50])
settled(server, 50)
os.makedirs(path("empty"))
shutil.copytree(path("bundle"), path("broken"))
write("broken/xgboost.onnx", b"\x08\x07" + b"\xff" * 100)
for folder in (path("nowhere"), path("empty"), path("broken")):
    configure(server, with_shadow(folder))
    status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
    equal(status, 500, folder)
    check("shadow.path" in answer["detail"] and folder in answer["detail"], answer)
    found = report(server)
    equal((found["generation"], found["counts"]["compared"]), (3, 50), "as it was")
    checked = subprocess.run([PROGRAM, "serve", "--check", "--config", server.config, "--model", path("bundle")],
                             capture_output=True, text=True)
    check(checked.returncode != 0 and "shadow.path" in checked.stderr, checked)
configure(server, "shadow:\n  rules_path: " + quiet + "\n")
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 500, "rules alone")
configure(server, f"model:\n  onnx_paths:\n    xgboost: {path('bundle')}/xgboost.onnx\n" + with_shadow(other))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 500, "an absolute path would be the candidate's too")

# Another model. Force makes up for too few logs, never for criticals.
candidate = by_command_line(other, LOGS)
want = matrix(live, candidate)
check(any(a != b for a, b in want), "the test needs models that differ")
configure(server, with_shadow(other, least=1000000))
checked = subprocess.run([PROGRAM, "serve", "--check", "--config", server.config, "--model", path("bundle")],
                         capture_output=True, text=True)
check(checked.returncode == 0 and f"candidate    {other}" in checked.stdout, checked)
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "another model")
classify(server)
found = settled(server, len(LOGS))
for (a, b), n in want.items():
    equal(found["counts"]["by_live_then_candidate"][a][b], n, (a, b))
check(found["live"]["sha256"] != found["candidate"]["sha256"], "hashes")
status, answer = promote(server)
equal(status, 409, answer)
if found["counts"]["criticals_lowered"] == 0:
    check("least_logs" in answer["detail"], answer)
calm = [log for log, a, b in zip(LOGS, live, candidate) if not (a["category"] == "critical" != b["category"])]
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "begin anew")
classify(server, calm)
settled(server, len(calm))
equal(promote(server)[0], 409, "too few")
status, answer = promote(server, {"force": True})
equal(status, 200, answer)
equal(answer["configuration"]["model.path"], other, "what to write")
equal(without_times(classify(server)), without_times(candidate), "the candidate is live")
equal(server.metrics(headers=ADMIN)["ai_filter_shadow_promoted"], 1, "promoted")
status, answer = server.json("GET", "/models", headers=ADMIN)
equal(answer["path"], other, "/models")
status, answer = server.json("GET", "/stats", headers=ADMIN)
equal(answer["logs"], len(LOGS), "what the candidate did before is not counted")
# The configuration decides: what it still names comes back, and that is said.
status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
check(status == 200 and "undone" in answer.get("warning", ""), answer)
equal(report(server)["state"], "running", "as configured")
equal(without_times(classify(server)), expected, "the bundle of before")
text = server.stop()
check("promotion is undone" in text and "candidate is promoted" in text, "said in the log")

# A link that names the promoted folder is as good as its name.
os.symlink("bundle", path("current"))
server = start(with_shadow(other, least=1), bundle=path("current"))
classify(server, calm)
settled(server, len(calm))
equal(promote(server)[0], 200, "promoted")
os.remove(path("current"))
os.symlink("other", path("current"))
configure(server, "")
status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
check(status == 200 and "warning" not in answer, answer)
equal((report(server)["state"], without_times(classify(server))), ("none", without_times(candidate)), "it stays")
server.stop()

# Not before enough criticals were compared, counted as `classify` says. Force makes up for that.
there = sum(v["category"] == "critical" for v in live)
check(0 < there < len(LOGS), there)
server = start(with_shadow(path("bundle"), least=1, criticals=2 * there))
equal(report(server)["promotion"]["least_criticals"], 2 * there, "as configured")
classify(server)
found = settled(server, len(LOGS))
equal((found["counts"]["criticals"], found["promotion"]["allowed"]), (there, False), found["promotion"])
for body in (None, {"force": False}):
    status, answer = promote(server, body)
    equal(status, 409, answer)
    check(f"{there} critical logs were compared, fewer than shadow.least_criticals, {2 * there}" in answer["detail"], answer)
    equal(answer["counts"]["criticals"], there, "counts beside the reason")
equal(report(server)["generation"], 1, "nothing changed")
classify(server)
check(settled(server, 2 * len(LOGS))["promotion"]["allowed"], "enough")
equal(promote(server)[0], 200, "enough")
configure(server, with_shadow(path("bundle"), least=1, criticals=None))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload")
equal(report(server)["promotion"]["least_criticals"], 300, "the default")
equal(promote(server)[0], 409, "nothing was compared")
equal(promote(server, {"force": True})[0], 200, "by force")
server.stop()

# A candidate without a model that the live one has can be compared, not promoted; with more, it can.
for lacks, files in (("tfidf_xgboost", ("xgboost.onnx", "tfidf_vectorizer.onnx")),
                     ("anomaly_detector", ("anomaly_detector.onnx", "scaler.onnx"))):
    half = shutil.copytree(path("bundle"), path("without-" + lacks))
    for name in files:
        os.remove(os.path.join(half, name))
    server = start(with_shadow(half, least=1))
    noise = [log for log in LOGS if "heartbeat" in log]
    classify(server, noise)
    found = settled(server, len(noise))
    check(not found["promotion"]["allowed"] and f"has no {lacks}" in found["promotion"]["reason"], found["promotion"])
    for body in (None, {"force": True}):
        status, answer = promote(server, body)
        equal(status, 409, answer)
        check(f"has no {lacks}, which the live bundle has" in answer["detail"], answer)
    equal(report(server)["generation"], 1, "nothing changed")
    server.stop()
    server = start(with_shadow(path("bundle")), bundle=half)
    equal(promote(server, {"force": True})[0], 200, "the other way round")
    server.stop()

# A share of the batches.
server = start(with_shadow(path("bundle"), more="  share: 0.25\n"), workers=1)
for i in range(40):
    server.json("POST", "/classify", {"log": LOGS[i]})
found = settled(server, 40)
equal((found["counts"]["compared"], found["counts"]["skipped"]["share"]), (10, 30), "a share")
server.stop()

# Too slow: it rests after five slices of logs, and is not promoted without force.
server = start(with_shadow(path("bundle"), more="  slow_ms: 0.000001\n", least=1))
classify(server)
found = settled(server, len(LOGS))
equal((found["state"], found["promotion"]["allowed"]), ("resting", False), found["promotion"])
check(found["counts"]["skipped"]["circuit_open"] > 0, found["counts"])
check("rests" in promote(server)[1]["detail"], "rests")
equal(without_times(classify(server)), expected, "the live one is not touched")
equal(promote(server, {"force": True})[0], 200, "by force")
server.stop()

# Logs under way while candidates come and go: none is lost, all are answered the same.
server = start(with_shadow(path("bundle"), quiet))
texts = ["", with_shadow(path("bundle")), with_shadow(other), with_shadow(path("bundle"), quiet)]
wrong = []
done = threading.Event()


def load():
    while not done.is_set():
        answer, data = server.request("POST", "/classify/batch", json.dumps({"logs": LOGS[:80]}))
        if answer.status != 200 or without_times(json.loads(data)["results"]) != expected_part:
            wrong.append(answer.status)


expected_part = without_times(json.loads(expected)[:80])
threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
for i in range(int(os.environ.get("ALF_TEST_RELOADS", "20"))):
    configure(server, texts[i % len(texts)])
    equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload under load")
    report(server)
    time.sleep(0.02)
done.set()
for thread in threads:
    thread.join()
equal(wrong, [], "answers under load")
# Promoted under load, and ended while the candidate is at work.
configure(server, with_shadow(path("bundle"), least=1))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload")
classify(server)
settled(server, len(LOGS))
equal(promote(server)[0], 200, "promoted")
equal(without_times(classify(server)), expected, "as before")
configure(server, with_shadow(other))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload")
classify(server)
server.stop()
plain.stop()

finish()
