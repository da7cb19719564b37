"""Every endpoint and every error of the API, with http.client."""

import http.client
import json
import re
import subprocess

import jsonschema

from harness import *

make_bundle()
ATTACK = "ransomware detected: files encrypted on srv1 by locker.exe"
CHATTER = "DEBUG heartbeat ok"


def by_command_line(logs):
    """What `classify` says of the same logs."""
    done = subprocess.run([PROGRAM, "classify", "--model", path("bundle"), "--quiet", "-"],
                          input="\n".join(logs) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(verdict, other):
    keys = ("category", "confidence", "model", "probabilities", "explanation", "models_used")
    return all(verdict[k] == other[k] for k in keys)


server = Server("server:\n  max_body_mb: 1\n  feedback_path: %s\n" % path("feedback.ndjson"))

# One log, in each of its forms.
expected = by_command_line([ATTACK, CHATTER])
for body in ({"log": ATTACK}, {"message": ATTACK}, {"log": {"message": ATTACK}}):
    status, verdict = server.json("POST", "/classify", body)
    equal(status, 200, body)
    check(same(verdict, expected[0]), f"{body}: {verdict}")
status, verdict = server.json("POST", "/classify", CHATTER + "\r\n", {"Content-Type": "text/plain"})
check(status == 200 and same(verdict, expected[1]), verdict)
equal(sorted(verdict["probabilities"]), ["critical", "noise", "routine", "suspicious"], "categories")
for query, keys in (("?components=1", ["components"]), ("?explain=true", []), ("?log=1", ["log"])):
    status, verdict = server.json("POST", "/classify" + query, {"message": CHATTER, "n": 1})
    check(status == 200 and all(k in verdict for k in keys), verdict)
equal(verdict["log"], {"message": CHATTER, "n": 1}, "the log's own fields")
status, verdict = server.json("POST", "/classify", {"log": "card 4111111111111111 charged", "source": "payment"})
check(status == 200 and verdict["compliance_bypassed"], "the source beside a log counts")
status, verdict = server.json("POST", "/classify", {"log": "naïve \" \\ \n é \u0000 \ud83d\ude00 end"})
equal(status, 200, "escapes")
status, _ = server.json("POST", "/classify", {"log": ""})
equal(status, 200, "an empty log is a log")

# Batches.
logs = [ATTACK, CHATTER, "", "<34>Oct 11 22:14:15 host su: failed for root", '{"message":"x"}'] * 200
lines = by_command_line(logs)
status, answer = server.json("POST", "/classify/batch", {"logs": logs})
equal(status, 200, "1000 logs")
equal(answer["total_logs"], 1000, "total_logs")
check(answer["processing_time_ms"] > 0, "processing_time_ms")
check(all(same(a, b) for a, b in zip(answer["results"], lines)), "batch equals classify")
status, answer = server.json("POST", "/classify/batch", {"logs": [ATTACK, {"message": CHATTER}, {"log": ATTACK}]})
equal([r["category"] for r in answer["results"]], ["critical", "noise", "critical"], "objects")
equal(server.json("POST", "/classify/batch", {"logs": []})[1]["results"], [], "none")
status, answer = server.json("POST", "/classify/batch", {"logs": ["x"] * 1001})
check(status == 422 and "1000" in answer["detail"], answer)

# Streams.
body = "\n".join(json.dumps({"message": l}) for l in logs) + "\n"
for kind in ("application/x-ndjson", "application/ndjson; charset=utf-8"):
    answer, data = server.request("POST", "/classify/batch", body, {"Content-Type": kind})
    equal(answer.status, 200, kind)
    equal(answer.headers["Content-Type"], "application/x-ndjson", kind)
    results = [json.loads(l) for l in data.decode().splitlines()]
    equal(len(results), 1000, "a verdict a line")
    equal([r["category"] for r in results[:2]], ["critical", "noise"], kind)
answer, data = server.request("POST", "/classify/batch", "\n".join(logs).encode(), {"Content-Type": "text/plain"})
check(all(same(json.loads(a), b) for a, b in zip(data.splitlines(), lines)), "text equals classify")
answer, data = server.request("POST", "/classify/batch", 'message,n\n"a\nb",1\n%s,2\n' % ATTACK, {"Content-Type": "text/csv"})
equal([json.loads(l)["category"] for l in data.splitlines()][1:], ["critical"], "CSV")
answer, data = server.request("POST", "/classify/batch", b"", {"Content-Type": "application/x-ndjson"})
equal((answer.status, data), (200, b""), "an empty stream")
answer, data = server.request("POST", "/classify/batch", iter([b'{"message":"a', b'b"}\n\n', b"\xff\xfe\x00 not UTF-8"]),
                              {"Content-Type": "application/x-ndjson"})
equal(len(data.splitlines()), 3, "in chunks, without a last line end, with any bytes")

# What is wrong is said.
for status, target, body in (
        (400, "/classify", "not json"), (400, "/classify", b'{"log":"\xff"}'), (400, "/classify", '["a"]'),
        (400, "/classify", ""), (400, "/classify", '{"log":"a"} x'), (400, "/classify", '{"log":"a",}'),
        (400, "/classify", '{"a":' * 70 + "1" + "}" * 70),
        (422, "/classify", "{}"), (422, "/classify", '{"log":1}'), (422, "/classify", '{"log":null}'),
        (422, "/classify", '{"logs":["a"]}'), (422, "/classify/batch", '{"log":"a"}'),
        (422, "/classify/batch", '{"logs":"a"}'), (422, "/classify/batch", '{"logs":[1]}'),
        (422, "/classify/batch", '{"logs":["a",null]}'), (422, "/classify/batch", '{"logs":[["a"]]}'),
        (400, "/classify/batch", '{"logs":["a"'), (400, "/feedback", "x"), (422, "/feedback", "{}"),
        (422, "/feedback", '{"log":"a"}'), (422, "/feedback", '{"log":"a","category":"bad"}'),
        (422, "/feedback", '{"log":"a","category":"noise","other":1}'),
        (422, "/feedback", '{"log":1,"category":"noise"}'),
        (422, "/feedback", '{"log":"a","category":"noise","comment":1}'),
        (403, "/admin/reload", ""), (404, "/nothing", ""), (404, "/classify/", ""), (404, "/%63lassify", "")):
    got, answer = server.json("POST", target, body)
    equal(got, status, (target, body))
    check(isinstance(answer.get("detail"), str) and answer["detail"], (target, body, answer))
for method, target, allow in (("GET", "/classify", "POST, OPTIONS"), ("PUT", "/classify", "POST, OPTIONS"),
                              ("POST", "/health", "GET, HEAD, OPTIONS"), ("DELETE", "/", "GET, HEAD, OPTIONS"),
                              ("TRACE", "/", "GET, HEAD, OPTIONS")):
    answer, data = server.request(method, target)
    equal((answer.status, answer.headers["Allow"]), (405, allow), (method, target))
answer, data = server.request("OPTIONS", "/classify/batch")
equal((answer.status, answer.headers["Allow"], data), (204, "POST, OPTIONS", b""), "OPTIONS")
equal(server.request("OPTIONS", "*")[0].status, 204, "OPTIONS *")
equal(server.json("BREW", "/")[0], 501, "unknown method")
equal(server.json("POST", "/classify", "x", {"Content-Encoding": "gzip"})[0], 415, "gzip")
equal(server.json("POST", "/classify", "{}", {"Expect": "200-ok"})[0], 417, "Expect")
equal(server.json("POST", "/classify", b"x" * (2 << 20))[0], 413, "a body too large")

# HEAD answers like GET, without the body.
for target in ("/", "/health", "/metrics", "/models"):
    head, data = server.request("HEAD", target)
    equal((head.status, data), (200, b""), "HEAD " + target)
    check(int(head.headers["Content-Length"]) > 0, "HEAD has a length")

# The description: its references lead somewhere, and answers fit it (harness.py checks each).
status, description = server.json("GET", "/openapi.json")
equal(description["openapi"][:3], "3.1", "OpenAPI")
for schema in description["components"]["schemas"].values():
    jsonschema.Draft202012Validator.check_schema(schema)
for name in re.findall(r'#/components/schemas/(\w+)', json.dumps(description)):
    check(name in description["components"]["schemas"], "no schema " + name)
check(len(description["paths"]) >= 14, description["paths"].keys())

# The service about itself.
status, health = server.json("GET", "/health")
equal((status, health["status"], health["healthy"]), (200, "healthy", True), "health")
equal(health["inference_engine"], "native", "engine")
equal(sorted(health["models"]), ["anomaly_detector", "rule_based", "tfidf_xgboost"], "models")
check(all(c["status"] == "healthy" for c in health["components"]), health)
for target, status in (("/ready", "ready"), ("/health/ready", "ready"), ("/health/live", "alive")):
    equal(server.json("GET", target), (200, {"status": status}), target)
status, models = server.json("GET", "/models")
check(models["models"]["tfidf_xgboost"]["loaded"] and models["manifest"]["parity"]["mismatches"] == 0, models)
status, stats = server.json("GET", "/stats")
check(stats["logs"] > 4000 and stats["models"]["tfidf_xgboost"]["avg_inference_time_ms"] > 0, stats)
equal(sum(stats["categories"].values()), stats["logs"], "every log is counted once")
status, summary = server.json("GET", "/health/metrics-summary")
equal(summary["logs_processed"], stats["logs"], "summary")
equal(server.json("GET", "/")[1]["name"], "ai-log-filter", "root")

# Metrics: the names that are charted, and that they count.
values = server.metrics()
for name in ('ai_filter_onnx_model_loaded{model="tfidf_xgboost"}', 'ai_filter_onnx_model_size_kb{model="anomaly_detector"}',
             'ai_filter_onnx_inference_time_ms_bucket{le="0.1"}', 'ai_filter_inference_time_ms_count{engine="onnx"}',
             'ai_filter_circuit_breaker_state{circuit_name="rule_based"}', "ai_filter_http_connections",
             'ai_filter_http_requests_total{path="/classify/batch",status="200"}', "process_resident_memory_bytes"):
    check(name in values, "no metric " + name)
logs_total = sum(v for k, v in values.items() if k.startswith("ai_filter_logs_processed_total"))
equal(logs_total, stats["logs"], "ai_filter_logs_processed_total")
bypass = [k for k in values if k.startswith("ai_filter_compliance_bypass_total")]
check(bypass and 'framework="' in bypass[0], values)
equal(values['ai_filter_inference_time_ms_count{engine="onnx"}'], stats["logs"], "histogram")

# Feedback reaches the file before it is acknowledged.
status, answer = server.json("POST", "/feedback", '{"log": {"a":\n1}, "category": "critical",\r\n"predicted": "noise", "comment": "q\\"\\n"}')
equal((status, answer), (200, {"status": "stored"}), "feedback")
server.json("POST", "/feedback", {"log": "plain", "correct_category": "noise"})
with open(path("feedback.ndjson")) as f:
    stored = [json.loads(line) for line in f]
equal([(s["log"], s["category"]) for s in stored], [({"a": 1}, "critical"), ("plain", "noise")], "stored")
equal((stored[0]["predicted"], stored[0]["comment"]), ("noise", 'q"\n'), "stored")

# Request ids: the client's where it is harmless.
answer, _ = server.request("GET", "/", headers={"X-Request-ID": "abc-1.2_3"})
equal(answer.headers["X-Request-ID"], "abc-1.2_3", "id")
for bad in ("a b", "x" * 65, 'a"b'):
    answer, _ = server.request("GET", "/", headers={"X-Request-ID": bad})
    check(answer.headers["X-Request-ID"] not in (bad, ""), bad)

# healthcheck: 0 when well, 1 when not, 2 when asked wrongly.
def healthcheck(*arguments):
    done = subprocess.run([PROGRAM, "healthcheck", *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


here = f"127.0.0.1:{server.port}"
equal(healthcheck("--listen", here), (0, ""), "healthcheck")
equal(healthcheck("--listen", f"0.0.0.0:{server.port}", "--path", "/health/live"), (0, ""), "healthcheck")
code, text = healthcheck("--listen", here, "--path", "/nothing")
check(code == 1 and "404" in text, text)
code, text = healthcheck("--listen", "127.0.0.1:1")
check(code == 1 and "refused" in text, text)
for wrong in (["--timeout", "x"], ["--path", "x"], ["--listen", "x"]):
    equal(healthcheck(*wrong)[0], 2, wrong)
with socket.create_server(("127.0.0.1", 0)) as silent:
    code, text = healthcheck("--listen", "127.0.0.1:%d" % silent.getsockname()[1], "--timeout", "0.3")
    check(code == 1 and "does not answer" in text, text)

# One connection, many requests.
c = http.client.HTTPConnection("127.0.0.1", server.port)
for i in range(50):
    equal(server.json("POST", "/classify", {"log": CHATTER}, connection=c)[0], 200, "keep-alive")
c.close()
server.stop()
finish()
