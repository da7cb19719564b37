"""Metrics in base units, the kept names beside them, and what promtool says of both."""

import glob

from harness import *

KEPT = {  # name, the same in base units, how many of the one are one of the other
    "ai_filter_inference_time_ms": ("ai_filter_inference_duration_seconds", 1000),
    "ai_filter_onnx_inference_time_ms": ("ai_filter_onnx_inference_duration_seconds", 1000),
    "ai_filter_onnx_model_size_kb": ("ai_filter_onnx_model_size_bytes", 1 / 1024),
}
TOKEN = "an-admin-token-of-the-test"
ADMIN = {"Authorization": "Bearer " + TOKEN}
subprocess.run([PROGRAM, "convert", "--input", SOURCE + "/models/sample", "--output", path("bundle"), "--benchmark"], check=True,
               stdout=subprocess.DEVNULL)
ALL = "shadow:\n  path: %s\nserver:\n  feedback_path: %s\n" % (path("bundle"), path("feedback"))


def promtool(server):
    """What `promtool check metrics` says of all that the service shows after some work."""
    server.json("POST", "/classify/batch", {"logs": ["Failed password for root", "a", {"message": "card 4111111111111111"}] * 10}, ADMIN)
    server.request("GET", "/nowhere")
    server.json("POST", "/feedback", {"log": "a", "category": "noise"}, ADMIN)
    _, text = server.request("GET", "/metrics", headers=ADMIN)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode(), text.decode()


def split(series):
    """Name and labels; the bounds of buckets as numbers."""
    name, _, labels = series.partition("{")
    return name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels)))


# Every reason that the source gives is a series from the start, at 0: a rate does not see the step with which one begins.
server = Server()
begin = server.metrics()
server.stop()
given = {"fail_open_events": set(), "http_rejected": set()}
for name in glob.glob(SOURCE + "/src/classify/*.c") + glob.glob(SOURCE + "/src/serve/*.c"):
    with open(name) as f:
        source = f.read()
    for text in re.findall(r"(?:\bfailed\[[^;=]*= |\bfail_rows\(s, |\bensemble_fail_open\()([^;{]*);", source):
        given["fail_open_events"] |= set(re.findall(r'"([a-z_]+)"', text))
    for text in re.findall(r"(?:\breject\(c, |\brefuse_socket\(\w+, \w+, |metrics\.rejected, SPAN_LITERAL\()([^;]*);", source):
        given["http_rejected"] |= set(re.findall(r'"([a-z_]+)"', text))
for name, reasons in given.items():
    check(len(reasons) > 10, (name, reasons))
    equal({series: value for series, value in begin.items() if series.startswith(f"ai_filter_{name}_total")},
          {f'ai_filter_{name}_total{{reason="{reason}"}}': 0 for reason in reasons}, name)

# Both are there, and say the same.
server = Server(ALL, environment={"ALF_ADMIN_TOKENS": TOKEN})
code, said, text = promtool(server)
objections = re.findall(r"^(\S+) (.*)$", said, re.M)
equal({name for name, _ in objections}, set(KEPT), "what promtool objects to")
check(len(objections) == len(KEPT) and all("abbreviated units" in why for _, why in objections), said)
check(code != 0, "promtool's exit code")
values = {split(name): value for name, value in server.metrics(ADMIN).items()}
compared = 0
for (name, labels), value in values.items():
    for kept, (base, unit) in KEPT.items():
        suffix = name[len(kept):]
        if not name.startswith(kept) or suffix not in ("", "_bucket", "_sum", "_count"):
            continue
        if suffix == "_bucket":
            found = [v for (n, other), v in values.items() if n == base + suffix and
                     dict(other, le="") == dict(labels, le="") and
                     (dict(labels)["le"] == dict(other)["le"] == "+Inf" or
                      abs(float(dict(other)["le"]) * unit - float(dict(labels)["le"])) < 1e-9)]
            check(found == [value], (name, labels, value, found))
        else:
            scale = 1 if suffix == "_count" else unit
            other = values.get((base + suffix, labels))
            check(other is not None and abs(other * scale - value) <= 1e-9 * value, (name, labels, value, other))
        compared += 1
check(compared > 50, compared)
check(values[("ai_filter_inference_duration_seconds_count", (("engine", "onnx"),))] >= 30, values)
equal(values[("ai_filter_onnx_model_size_bytes", (("model", "anomaly_detector"),))],
      os.path.getsize(path("bundle") + "/anomaly_detector.onnx"), "size of the file")

# Without the kept names promtool is silent; a reload changes it, and nothing else is lost.
with_kept = set(re.findall(r"^# TYPE (\w+)", text, re.M))
write(os.path.basename(server.config), patient(ALL + "metrics:\n  legacy_names: false\n"))
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload")
code, said, text = promtool(server)
equal((code, said), (0, ""), "promtool without the kept names")
equal(with_kept - set(re.findall(r"^# TYPE (\w+)", text, re.M)), set(KEPT), "what is left out")
server.stop()
server = Server("metrics:\n  legacy_names: false\nmodel:\n  type: safe_ensemble\n")
equal(promtool(server)[:2], (0, ""), "in mixed mode")
server.stop()
finish()
