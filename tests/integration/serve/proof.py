"""A bundle must answer as when it was converted: one in which a number was changed is not used, and
that is said; one that says nothing of its answers is used, and that is said too."""

import json
import os
import shutil
import subprocess
import time

import damage
from harness import *

TOKEN = "an-admin-token-of-the-test"
ADMIN = {"Authorization": "Bearer " + TOKEN}
ZEROS = "0" * 64
LOGS = [f"ransomware detected: files encrypted on srv{i} by locker.exe" for i in range(5)]
LOGS += ["DEBUG heartbeat ok", "Failed password for root from 10.0.0.3 port 22 ssh2", "GET /index.html 200 7ms"]

make_bundle()
subprocess.run([PROGRAM, "convert", "--input", SOURCE + "/models/sample", "--output", path("own"), "--parity",
                write("more", "one log more\n")], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def copy(name, bundle=None):
    shutil.rmtree(path(name), ignore_errors=True)
    shutil.copytree(bundle or path("bundle"), path(name))
    return path(name)


def edited(name, change, bundle=None):
    """A copy of the bundle with another manifest."""
    copy(name, bundle)
    with open(path(name + "/manifest.json")) as f:
        manifest = json.load(f)
    change(manifest)
    write(name + "/manifest.json", json.dumps(manifest))
    return path(name)


def run(command, bundle, *arguments, config=""):
    return subprocess.run([PROGRAM, command, "--model", bundle, *arguments, "--config", write("run.yaml", config)],
                          capture_output=True, text=True, timeout=120, input="\n".join(LOGS) + "\n")


def with_number(name, file, attribute, size):
    """A copy with one number changed by a hundredth, the first one that the 1,000 logs touch."""
    for index in range(200):
        damage.set_number(copy(name), file, attribute, index, size, lambda x: x * 1.01 + 0.001)
        if run("serve", path(name), "--check").returncode != 0:
            return path(name)
    raise SystemExit(f"no change of {attribute} in {file} is noticed")


def without_times(results):
    return json.dumps([{k: v for k, v in r.items() if k != "processing_time_ms"} for r in results])


def classify(server):
    status, answer = server.json("POST", "/classify/batch", {"logs": LOGS})
    equal(status, 200, "batch")
    return without_times(answer["results"])


def use(bundle, more=""):
    """Lets the link that model.path names point at a bundle."""
    os.symlink(bundle, path("next"))
    os.replace(path("next"), path("current"))
    write(os.path.basename(server.config), config + more)


# What must be refused, and what is said of it.
OTHER = "gives other (labels|numbers) on the logs of the parity proof"
REFUSED = {
    with_number("leaf", "xgboost.onnx", "leaf_weights", 4): "tfidf_xgboost " + OTHER,
    with_number("threshold", "anomaly_detector.onnx", "nodes_splits", 8): "anomaly_detector " + OTHER,
    edited("labels", lambda m: m["proof"]["anomaly_detector"].update(labels_sha256=ZEROS)):
        "anomaly_detector gives other labels",
    edited("hash", lambda m: m["files"][0].update(sha256=ZEROS)): "SHA-256 differs from the manifest",
}
# One bit of a file, and its hash as it was: a number that no log of the proof may touch.
with open(copy("bit") + "/xgboost.onnx", "rb") as f:
    data = bytearray(f.read())
data[damage.raw_tensor(data, "leaf_weights")[1] - 4] ^= 1
write("bit/xgboost.onnx", bytes(data))
REFUSED[edited("own-numbers", lambda m: m["proof"]["built_in"]["tfidf_xgboost"].update(numbers_sha256=ZEROS),
               path("own"))] = "tfidf_xgboost gives other numbers"
REFUSED[path("bit")] = "/xgboost.onnx: not the file that convert wrote"
# What nothing can be replayed of is used all the same.
def forget_answers(manifest):
    for part in ("tfidf_xgboost", "anomaly_detector"):
        del manifest["proof"][part]["numbers_sha256"]


def older_program(manifest):
    manifest["converter"] = "ai-log-filter 0.0.1"
    manifest["proof"]["tfidf_xgboost"]["numbers_sha256"] = ZEROS


USED = {
    edited("unproved", lambda m: m.pop("proof")): (0, "its manifest has no proof"),
    edited("silent", forget_answers): (0, "does not say what it answered"),
    edited("older", older_program): (1000, "gives the proved labels, with other numbers than ai-log-filter 0.0.1"),
    edited("logs", lambda m: m["proof"].update(texts_sha256=ZEROS, logs=7)): (0, "the proof was made on 7 logs"),
}
copy("bare")
os.remove(path("bare/manifest.json"))
USED[path("bare")] = (0, "it has no manifest.json")

# At the start, and by --check.
for bundle, words in REFUSED.items():
    for arguments in (["--check"], ["--listen", "127.0.0.1:0"]):
        done = run("serve", bundle, *arguments)
        check(done.returncode == 1 and re.search(words, done.stderr), (bundle, done))
        equal(done.stdout, "", "nothing is reported")
for bundle, (logs, words) in USED.items():
    done = run("serve", bundle, "--check")
    check(done.returncode == 0 and words in done.stdout, done)
    check((f"replayed: {logs} logs" in done.stdout) == (logs > 0), done.stdout)
done = run("serve", path("bundle"), "--check")
check("replayed: 1000 logs answered as when converted" in done.stdout and "not proved" not in done.stdout, done)
# A proof on the user's own logs, too: of it the built-in ones are replayed.
done = run("serve", path("own"), "--check")
check("replayed: 1000 logs" in done.stdout and "not proved" not in done.stdout, done)
# The profile of the configuration changes what the models are shown, not what they were proved on.
done = run("serve", path("bundle"), "--check", config="model:\n  profile: serving\n")
check("replayed: 1000" in done.stdout and "not proved" not in done.stdout, done)
# Who classifies files does not wait for a proof.
equal(run("classify", path("leaf"), "--quiet", "-").returncode, 0, "classify")

# A reload.
config = f"model:\n  path: {path('current')}\nserver:\n  shutdown_seconds: 5\n"
os.symlink("bundle", path("current"))
server = Server(config, environment={"ALF_ADMIN_TOKENS": TOKEN}, bundle=path("current"))
expected = classify(server)
status, answer = server.json("GET", "/models", headers=ADMIN)
equal(answer["proof"], {"replayed_logs": 1000}, "/models")
equal(server.metrics(headers=ADMIN)["ai_filter_bundle_proved"], 1, "proved")
failed = 0
for bundle, words in REFUSED.items():
    for more, said in (("", words), (f"shadow:\n  path: {bundle}\n", "shadow.path")):
        use(bundle if not more else path("bundle"), more)
        status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
        failed += 1
        equal(status, 500, bundle)
        check(re.search(words, answer["detail"]) and re.search(said, answer["detail"]), answer)
        equal(server.json("GET", "/stats", headers=ADMIN)[1]["reloads"]["last_error"], answer["detail"], "/stats")
        check(answer["detail"] in server.log(), "the log says it")
        equal(server.json("GET", "/health")[1]["generation"], 1, "generation")
        equal(classify(server), expected, "the old one answers")
found = server.metrics(headers=ADMIN)
equal(found['ai_filter_reloads_total{result="failed"}'], failed, "failed")
reasons = {k: v for k, v in found.items() if k.startswith("ai_filter_reload_failures_total")}
equal(sum(reasons.values()), failed, reasons)
equal(reasons['ai_filter_reload_failures_total{reason="mismatch"}'], failed, reasons)
# By a signal.
use(path("leaf"))
server.signal(signal.SIGHUP)
for _ in range(600):
    if server.metrics(headers=ADMIN)['ai_filter_reloads_total{result="failed"}'] > failed:
        break
    time.sleep(0.05)
else:
    check(False, "the signal changed nothing")
equal(classify(server), expected, "the old one answers")

generation = 1
for bundle, (logs, words) in USED.items():
    use(bundle)
    status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
    generation += 1
    equal((status, answer.get("generation")), (200, generation), answer)
    equal(classify(server), expected, "the same models")
    proof = server.json("GET", "/models", headers=ADMIN)[1]["proof"]
    check(proof["replayed_logs"] == logs and words in proof["not_proved"], proof)
    check(proof["not_proved"] in server.log(), "the log says it")
    equal(server.metrics(headers=ADMIN)["ai_filter_bundle_proved"], 0, "not proved")
use(path("bundle"))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "back")
equal(server.metrics(headers=ADMIN)["ai_filter_bundle_proved"], 1, "proved")
text = server.stop()
check("answers as when it was converted and proved" in text and "cannot be replayed" in text and "in part" in text,
      text[-3000:])

# A component that runs from its joblib model is not what the manifest proves.
shutil.copytree(SOURCE + "/models/sample", path("mixed"))
shutil.copytree(path("bundle"), path("mixed"), dirs_exist_ok=True)
done = run("serve", path("mixed"), "--check",
           config="model:\n  type: safe_ensemble\n  tfidf_xgboost:\n    use_onnx: false\n")
check("replayed: 1000" in done.stdout and "tfidf_xgboost runs from its joblib model" in done.stdout, done)

finish()
