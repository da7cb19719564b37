"""Names in deploy/, docs/ and README.md (metrics and their labels, paths of the API, configuration keys, environment
variables, commands and their options, files) against what the program and the repository have."""

import glob
import re
import subprocess

from harness import *

subprocess.run([PROGRAM, "convert", "--input", SOURCE + "/models/sample", "--output", path("bundle"), "--benchmark"], check=True,
               stdout=subprocess.DEVNULL)  # for the metric that needs it
KEYS = re.compile(r"(?<![\w./-])((?:model|rules|onnx_runtime|server|security|logging|metrics|shadow)(?:\.[a-z_]+)+)(\.?[*{])?")
NO_KEYS = ("yaml", "yml", "md", "joblib", "onnx", "pem", "key", "csr", "crt", "json", "log", "sh", "c", "h")
VARIABLES = re.compile(r"(?<![\w])(ALF_[A-Z_]+|ONNX_[A-Z_]+|MODEL_(?:PATH|TYPE))(?![\w*])")
METRICS = re.compile(r"(?<![\w/])((?:ai_filter|process)_[a-z_]+)(?![\w*{]*\*)")
ROUTES = re.compile(r"(?:`(?:GET|POST) |[`\" ](?=/(?:health|metrics|classify|models|stats|feedback|admin|ready)\b)"
                    r"|localhost:\d+(?=/)|127\.0\.0\.1:\d+(?=/))(/[a-z/._-]*)")
FILES = re.compile(r"`((?:src|configs|deploy|tests|scripts|docs|bench|examples|include|models|cmake)/[\w./-]+)`")
LINKS = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
COMMANDS = re.compile(r"(?<![\w./:-])(?:\S*/)?ai-log-filter ([a-z]+)((?: [^\n|;&`]*)?)")


def texts():
    for pattern in ("README.md", "docs/*.md", "deploy/**/*", "configs/*.yaml"):
        for name in sorted(glob.glob(os.path.join(SOURCE, pattern), recursive=True)):
            if os.path.isfile(name) and "/bundle/" not in name:
                with open(name) as f:
                    yield os.path.relpath(name, SOURCE), f.read()


def families():
    """Name of a metric -> its labels, of a service with everything on."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a",
                    "-keyout", path("key.pem"), "-out", path("cert.pem")], check=True, capture_output=True)
    plain = Server("shadow:\n  path: %s\nserver:\n  max_body_mb: 0.001\nmodel:\n  performance:\n    timeout_seconds: 0.000001\n"
                   % path("bundle"))
    plain.json("POST", "/classify/batch", {"logs": ["a"]})       # too late
    plain.json("POST", "/classify/batch", {"logs": ["a" * 2000]})   # too large
    text = plain.request("GET", "/metrics")[1].decode()
    paths = set(json.loads(plain.request("GET", "/openapi.json")[1])["paths"])
    plain.stop()
    secure = Server("security:\n  tls:\n    certificate: %s\n    key: %s\n" % (path("cert.pem"), path("key.pem")))
    def curl(*arguments):
        return subprocess.run(["curl", "-sSk", *arguments], capture_output=True, text=True).stdout
    curl(f"https://127.0.0.1:{secure.port}/classify", "-d", '{"log": "card 4111111111111111 charged", "source": "payment"}')
    text += curl(f"https://127.0.0.1:{secure.port}/metrics")
    secure.stop()
    found = {}
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)", text, re.M):
        for suffix in ("", "_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[name + suffix] = set()
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.M):
        found[name] |= set(re.findall(r'(\w+)="', labels))
    return found, paths


def options_of(command, known={}):
    if command not in known:
        done = subprocess.run([PROGRAM, command, "--help"], capture_output=True, text=True)
        known[command] = set(re.findall(r"--[a-z0-9-]+", done.stdout)) if done.returncode == 0 else None
    return known[command]


def check_labels(where, expression, metrics):
    """Labels that a PromQL expression selects or groups by."""
    used = [name for name in METRICS.findall(expression) if name in metrics]
    allowed = {"instance", "job", "le"}.union(*(metrics[name] for name in used))
    groups = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression)
    labels = {label.strip() for group in groups for label in group.split(",")}
    labels |= set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', expression))
    for label in labels - {""}:
        check(label in allowed, f"{where}: label {label} is none of {used}: {expression}")


def expressions(where, text):
    """The queries of alerts and dashboards, with the labels that their legends show."""
    if where.endswith("alerts.yml"):
        for query in re.findall(r"expr: (?:\|\n((?:\s{10,}.*\n)+)|(.*)\n)", text):
            yield "".join(query)
    if where.endswith(".json") and "dashboards" in where:
        def walk(value):
            if isinstance(value, dict):
                if "expr" in value:
                    legend = ",".join(re.findall(r"\{\{\s*(\w+)\s*\}\}", value.get("legendFormat", "")))
                    yield value["expr"] + (f" by ({legend})" if legend else "")
                value = value.values()
            if isinstance(value, (list, type({}.values()))):
                for one in value:
                    yield from walk(one)
        yield from walk(json.loads(text))


metrics, routes = families()
table = subprocess.run([PROGRAM, "--configuration"], capture_output=True, text=True, check=True).stdout
keys = set(re.findall(r"^\| `([a-z_.]+)`", table, re.M))
check(len(keys) > 50 and len(metrics) > 40 and len(routes) > 10, (len(keys), len(metrics), len(routes)))
prefixes = {key[:i] for key in keys for i, c in enumerate(key) if c == "."}
with open(PROGRAM, "rb") as f:
    variables = set(re.findall(r"(?:ALF|ONNX|MODEL)_[A-Z_]+", f.read().decode("latin-1")))
for name in glob.glob(SOURCE + "/tests/**/*.[ch]", recursive=True) + glob.glob(SOURCE + "/configs/*.yaml"):
    with open(name) as f:
        variables |= set(re.findall(r'(?:getenv\("|\$\{)(\w+)', f.read()))
commands = set(re.findall(r"^  ([a-z]+) ", subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout, re.M))
seen = dict.fromkeys(("metric", "query", "path", "key", "variable", "file", "option"), 0)


def known(kind, condition, where, name):
    seen[kind] += 1
    check(condition, f"{where}: there is no {kind} {name}")


for where, text in texts():
    for name in METRICS.findall(text):
        known("metric", name in metrics, where, name)
    for query in expressions(where, text):
        seen["query"] += 1
        check_labels(where, query, metrics)
    if where.startswith(("docs/", "README", "deploy/kubernetes", "deploy/compose", "deploy/prometheus")):
        for name in ROUTES.findall(text):
            known("path", name.rstrip("./") in {route.rstrip("/") for route in routes} | {"/admin"}, where, name)
    for name, more in KEYS.findall(text):
        if name.rsplit(".", 1)[1] not in NO_KEYS:
            known("key", name in (prefixes if more else keys | prefixes), where, name)
    for name in VARIABLES.findall(text):
        known("variable", name in variables, where, name)
    for name in FILES.findall(text):
        known("file", glob.glob(os.path.join(SOURCE, name)), where, name)
    for name in LINKS.findall(text) if where.endswith(".md") else ():
        known("file", os.path.exists(os.path.join(SOURCE, os.path.dirname(where), name)), where, name)
    for command, line in COMMANDS.findall(text):
        if command in commands or "--" in line:
            options = options_of(command)
            known("option", options is not None, where, command)
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", line):
                known("option", option in (options or ()), where, f"{command} {option}")
version = subprocess.run([PROGRAM, "version"], capture_output=True, text=True).stdout.split()[1]
for where, text in texts():
    for name in re.findall(r"(?:ai-log-filter:|newTag: )(\d+\.\d+\.\d+)", text):
        equal(name, version, where + ": version of the image")
with open(SOURCE + "/deploy/prometheus/alerts.yml") as f:
    alerts = set(re.findall(r"- alert: (\w+)", f.read()))
with open(SOURCE + "/docs/deployment.md") as f:
    equal(set(re.findall(r"^\| (AiLogFilter\w+) \|", f.read(), re.M)), alerts, "alerts in docs/deployment.md")
for kind, count in seen.items():
    check(count >= 5, f"only {count} names of kind {kind} were found: the pattern no longer fits")
print(seen)
finish()
