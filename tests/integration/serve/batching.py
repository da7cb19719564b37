"""Batches across connections, logs that wait too long, messages, command line."""

import json
import re
import subprocess
import threading
import time

from harness import *

make_bundle()


def at_once(server, count):
    """So many requests on as many connections at the same time; their verdicts."""
    verdicts = [None] * count
    barrier = threading.Barrier(count)

    def one(i):
        barrier.wait()
        verdicts[i] = server.json("POST", "/classify", {"log": "line %d" % i})[1]

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return verdicts


# What comes within max_wait_ms is one batch, and each request gets its own answer.
server = Server("server:\n  max_wait_ms: 300\n", workers=1)
server.json("POST", "/classify", {"log": "x"})
verdicts = at_once(server, 20)
check(all(v["category"] for v in verdicts), verdicts)
values = server.metrics()
check(values["ai_filter_batch_logs_count"] <= 10, values["ai_filter_batch_logs_count"])
equal(values["ai_filter_batch_logs_sum"], 21, "logs in batches")
server.stop()

# A full batch does not wait; a batch is never larger than batch_size.
server = Server("server:\n  max_wait_ms: 1000\nmodel:\n  performance:\n    batch_size: 5\n    max_latency_ms: 0\n", workers=1)
start = time.monotonic()
for _ in range(10):
    equal(server.json("POST", "/classify/batch", {"logs": ["a"] * 25})[0], 200, "25 logs")
check(time.monotonic() - start < 9, "full batches waited")
values = server.metrics()
equal(values['ai_filter_batch_logs_bucket{le="4"}'], 0, "smaller batches")
equal(values['ai_filter_batch_logs_bucket{le="8"}'], values["ai_filter_batch_logs_count"], "larger batches")
server.stop()

# A log that waits longer than timeout_seconds fails open and is counted; none is lost.
server = Server("model:\n  performance:\n    timeout_seconds: 0.0001\n    batch_size: 4\n", workers=1)
status, answer = server.json("POST", "/classify/batch", {"logs": ["DEBUG heartbeat ok"] * 500})
equal((status, answer["total_logs"]), (200, 500), "all are answered")
late = [r for r in answer["results"] if r["fail_open_used"]]
check(len(late) >= 400 and all(r["category"] == "critical" and r["explanation"]["fail_open_reason"] == "timeout"
                               and r["confidence"] == 0 for r in late), late[:1])
values = server.metrics()
equal(values['ai_filter_fail_open_events_total{reason="timeout"}'], len(late), "counted")
log = server.stop()
check("fail open" in log, log)

# Batches shrink to what max_latency_ms allows.
server = Server("model:\n  performance:\n    max_latency_ms: 0.001\n", workers=1)
equal(server.json("POST", "/classify/batch", {"logs": ["a"] * 600})[1]["total_logs"], 600, "600 logs")
values = server.metrics()
check(values["ai_filter_batch_logs_count"] > 300, values["ai_filter_batch_logs_count"])
check(values["ai_filter_batches_over_latency_total"] > 0, values)
# A log that is alone in its batch gets its verdict, however small the limit is.
equal(values['ai_filter_fail_open_events_total{reason="max_latency"}'], 0, "late")
server.stop()

# What a batch has no time for is forwarded and counted, and what it has judged keeps its verdict. A first log of this
# size takes longer than the limit, and what is known of the cost of logs lets more than one into its batch.
server = Server("model:\n  performance:\n    max_latency_ms: 4\n    timeout_seconds: 0\nserver:\n  max_body_mb: 100\n", workers=1)
large = ("user logged in from host " * 45000)[:1000000]
status, answer = server.json("POST", "/classify/batch", {"logs": [large + str(i) for i in range(20)]})
equal((status, answer["total_logs"]), (200, 20), "all are answered")
late = [r for r in answer["results"] if r["fail_open_used"]]
check(not answer["results"][0]["fail_open_used"] and answer["results"][0]["model"] != "fail_open", answer["results"][0])
check(0 < len(late) < 20, len(late))
for r in late:
    equal((r["category"], r["confidence"], r["model"], r["explanation"]["fail_open_reason"]), ("critical", 0, "fail_open", "max_latency"), "late")
values = server.metrics()
equal(values['ai_filter_fail_open_events_total{reason="max_latency"}'], len(late), "counted")
equal(values['ai_filter_logs_processed_total{category="critical",model="fail_open"}'], len(late), "counted as logs")
equal(values["ai_filter_batch_logs_sum"], 20 - len(late), "logs that were judged")
check(values["ai_filter_batches_over_latency_total"] > 0, values)
stats = server.json("GET", "/stats")[1]
equal((stats["logs"], stats["fail_open"]), (20, len(late)), "in /stats")
summary = server.json("GET", "/health/metrics-summary")[1]
equal((summary["logs_processed"], summary["fail_open"]), (20, len(late)), "in the summary")
average = 1000 * values['ai_filter_inference_duration_seconds_sum{engine="onnx"}'] / (20 - len(late))
check(abs(summary["avg_inference_time_ms"] - average) < 1e-6 * average, (summary, average))
# The logs of these batches are small again, and none is late.
equal(any(r["fail_open_used"] for r in server.json("POST", "/classify/batch", {"logs": ["a"]})[1]["results"]), False, "a small one")
check("took longer than max_latency_ms" in server.stop(), "no message")

# Timeouts are looked at while a batch is judged, too; all logs are answered and counted.
server = Server("model:\n  performance:\n    timeout_seconds: 0.1\nserver:\n  max_body_mb: 100\n", workers=1)
status, answer = server.json("POST", "/classify/batch", {"logs": [large] * 30})
equal((status, answer["total_logs"]), (200, 30), "all are answered")
late = [r for r in answer["results"] if r["fail_open_used"]]
check(all(r["explanation"]["fail_open_reason"] == "timeout" for r in late), late[:1])
equal(server.metrics()['ai_filter_fail_open_events_total{reason="timeout"}'], len(late), "counted")
print("late after 0.1 s:", len(late), "of 30")
server.stop()

# A small request does not wait for a large one to end.
server = Server("model:\n  performance:\n    timeout_seconds: 60\n", workers=1)
done = []


def large():
    server.json("POST", "/classify/batch", {"logs": ["line %d" % i for i in range(1000)]})
    done.append("large")


threads = [threading.Thread(target=large) for _ in range(4)]
[t.start() for t in threads]
time.sleep(0.05)
server.json("POST", "/classify", {"log": "small"})
done.append("small")
[t.join() for t in threads]
print("in order of answers:", done)
server.stop()

# Messages: JSON or text, one a line, with the id of the request, and nothing of its log.
server = Server("logging:\n  access: true\n")
server.json("POST", "/classify?x=query-secret", {"log": "body-secret\nsecond"}, {"X-Request-ID": "my-id", "Authorization": "Bearer header-secret"})
log = server.stop()
messages = [json.loads(line) for line in log.splitlines()]
request = [m for m in messages if m["message"] == "request" and m.get("request_id") == "my-id"]
check(len(request) == 1 and request[0]["path"] == "/classify" and request[0]["status"] == 200, log)
check("secret" not in log, log)
check(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", m["time"]) for m in messages), log)
server = Server("logging:\n  format: text\n")
log = server.stop()
check(all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (info|warning) ", line) for line in log.splitlines()), log)

# Messages that repeat are few.
server = Server("model:\n  performance:\n    timeout_seconds: 0.0001\n    batch_size: 1\n", workers=1)
for _ in range(100):
    server.json("POST", "/classify/batch", {"logs": ["a"] * 20})
log = server.stop()
check(1 <= log.count("fail open") <= 40, log.count("fail open"))


# The command line.
def run(*arguments, environment=None):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, **(environment or {})))
    return done.returncode, done.stdout + done.stderr


code, text = run("serve", "--check", "--model", path("bundle"))
check(code == 0 and "replayed: 1000 logs" in text and "127.0.0.1:8080" in text, text)
write("c.yaml", "model:\n  path: %s\nserver:\n  listen: 127.0.0.1:1234\n" % path("bundle"))
code, text = run("--mode", "service", "--config", path("c.yaml"), "--check")
check(code == 0 and "127.0.0.1:1234" in text, text)
code, text = run("serve", "--config", path("c.yaml"), "--check", environment={"ALF_LISTEN": "127.0.0.1:1235"})
check(code == 0 and "127.0.0.1:1235" in text, "the environment beats the file: " + text)
code, text = run("serve", "--config", path("c.yaml"), "--check", "--listen", "127.0.0.1:1236", environment={"ALF_LISTEN": "127.0.0.1:1235"})
check(code == 0 and "127.0.0.1:1236" in text, "the command line beats both: " + text)
equal(run("serve", "--check")[0], 2, "no model")
equal(run("serve", "--check", "--model", "/nowhere")[0], 3, "no such bundle")
equal(run("serve", "x")[0], 2, "an argument too many")
equal(run("--mode", "other")[0], 2, "another mode")
finish()
