"""ai_filter_onnx_performance_improvement: what benchmark.json says, of the models that run as it was measured; absent
where there is none or a wrong one, which costs the service nothing else."""

from harness import *

NAME = "ai_filter_onnx_performance_improvement"
TOKEN = "an-admin-token-of-the-test"
ADMIN = {"Authorization": "Bearer " + TOKEN}
plain = make_bundle("plain")
timed = path("timed")
subprocess.run([PROGRAM, "convert", "--input", SOURCE + "/models/sample", "--output", timed, "--benchmark"], check=True,
               stdout=subprocess.DEVNULL)
with open(timed + "/benchmark.json") as f:
    measured = json.load(f)


def times(*models):
    """How much faster these models were together, by what the file says of each."""
    return (sum(measured["models"][m]["joblib_us"] for m in models) /
            sum(measured["models"][m]["onnx_us"] for m in models))


def close(got, expected, what):
    check(got is not None and abs(got - expected) < 1e-9 * expected, f"{what}: got {got}, expected {expected}")


def copy(name, file=None, text=None):
    """A copy of the timed bundle in which a file is another."""
    shutil.copytree(timed, path(name))
    if file is not None:
        write(name + "/" + file, text)
    return path(name)


# Without a benchmark there is no such metric.
server = Server(bundle=plain)
equal(NAME in server.metrics(), False, "without benchmark.json")
check("improvement" not in server.json("GET", "/models")[1]["models"]["anomaly_detector"], "in /models")
check("benchmark" not in server.stop(), "a message about nothing")

# With one it is the quotient of the times of both models; /models tells them apart.
server = Server(bundle=timed)
close(server.metrics().get(NAME), times("tfidf_xgboost", "anomaly_detector"), "both")
_, data = server.request("GET", "/metrics")
check(f"# TYPE {NAME} gauge\n" in data.decode() and "own joblib engine" in data.decode(), "head of the metric")
status, models = server.json("GET", "/models")
for name in ("tfidf_xgboost", "anomaly_detector"):
    close(models["models"][name].get("improvement"), times(name), name)
check("improvement" not in models["models"]["rule_based"], models)
check({"name": "benchmark", "path": "benchmark.json", "size_bytes": os.path.getsize(timed + "/benchmark.json")} in models["files"], models)
check("benchmark" not in server.stop(), "a message about a good file")

# Mixed mode: nothing is claimed for a model that runs from its joblib file.
mixed = copy("mixed")
for name in ("tfidf_xgboost", "anomaly_detector"):
    shutil.copytree(SOURCE + "/models/sample/" + name, mixed + "/" + name)
joblib = "  %s:\n    use_onnx: false\n"
server = Server("model:\n  type: safe_ensemble\n" + joblib % "tfidf_xgboost", bundle=mixed)
close(server.metrics().get(NAME), times("anomaly_detector"), "the text model from joblib")
models = server.json("GET", "/models")[1]["models"]
check("improvement" not in models["tfidf_xgboost"] and "improvement" in models["anomaly_detector"], models)
server.stop()
server = Server("model:\n  type: safe_ensemble\n" + joblib % "tfidf_xgboost" + joblib % "anomaly_detector", bundle=mixed)
equal(NAME in server.metrics(), False, "both from joblib")
server.stop()

# A file that the configuration names is not the one that was measured.
shutil.copy(timed + "/xgboost.onnx", timed + "/other.onnx")
server = Server("model:\n  onnx_paths:\n    xgboost: other.onnx\n", bundle=timed)
close(server.metrics().get(NAME), times("anomaly_detector"), "another file")
server.stop()

# A wrong one: a warning that says what is wrong, no metric, and all else as ever.
wrong = {
    "cut": '{"format": 1,',
    "types": json.dumps(dict(measured, logs="1000")),
    "unknown": json.dumps(dict(measured, more=1)),
    "large": " " * 70000 + json.dumps(measured),
    "of another bundle": json.dumps(measured).replace(measured["models"]["tfidf_xgboost"]["files"]["xgboost.onnx"], "0" * 64),
}
says = {"cut": "JSON", "types": "logs", "unknown": "unknown key", "large": "65536", "of another bundle": "not about the files"}
for name, text in wrong.items():
    bundle = copy("wrong " + name, "benchmark.json", text)
    server = Server(bundle=bundle)
    equal(NAME in server.metrics(), False, name)
    equal(server.json("GET", "/health")[0], 200, name)
    equal(server.json("POST", "/classify", {"log": "a"})[0], 200, name)
    warnings = [m for m in map(json.loads, server.stop().splitlines()) if m["level"] == "warning" and "benchmark.json" in m["message"]]
    check(len(warnings) == 1 and says[name] in warnings[0]["error"], (name, warnings))
    checked = subprocess.run([PROGRAM, "serve", "--check", "--model", bundle], capture_output=True, text=True)
    check(checked.returncode == 0 and "benchmark    not used: " in checked.stdout and says[name] in checked.stdout, checked)

# A reload takes the file as it is then, in both directions; a candidate may have one, too.
live = copy("live", "benchmark.json", "[]")
server = Server(f"shadow:\n  path: {timed}\n", bundle=live, environment={"ALF_ADMIN_TOKENS": TOKEN})
equal(NAME in server.metrics(ADMIN), False, "before the reload")
shutil.copy(timed + "/benchmark.json", live)
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload")
close(server.metrics(ADMIN).get(NAME), times("tfidf_xgboost", "anomaly_detector"), "after the reload")
os.unlink(live + "/benchmark.json")
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload")
equal(NAME in server.metrics(ADMIN), False, "without it again")
server.stop()
finish()
