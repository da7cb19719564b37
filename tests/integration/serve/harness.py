"""Starts the real program on a free port and talks to it; shared by the tests of the service."""

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import jsonschema

PROGRAM = os.environ["ALF_BINARY"]
SOURCE = os.environ["ALF_SOURCE_DIR"]
for name in list(os.environ):
    if name.startswith(("ALF_", "ONNX_", "MODEL_")) and name not in ("ALF_BINARY", "ALF_SOURCE_DIR"):
        del os.environ[name]

# What any request may get, whatever its route.
ANY_ROUTE = (400, 408, 417, 431, 501, 503, 505)

failures = 0


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        frame = sys._getframe(1)
        print(f"FAILED: line {frame.f_lineno}: {message}", file=sys.stderr)
    return condition


def equal(got, expected, what):
    global failures
    if got != expected:
        failures += 1
        frame = sys._getframe(1)
        print(f"FAILED: line {frame.f_lineno}: {what}: got {got!r}, expected {expected!r}",
              file=sys.stderr)


def finish():
    shutil.rmtree(work, ignore_errors=True)
    print("passed" if failures == 0 else f"{failures} failed")
    sys.exit(failures > 0)


work = tempfile.mkdtemp()


def path(name):
    return os.path.join(work, name)


def write(name, text):
    with open(path(name), "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)
    return path(name)


def make_bundle(name="bundle"):
    subprocess.run([PROGRAM, "convert", "--input", SOURCE + "/models/sample", "--output", path(name)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path(name)


def patient(config):
    """The configuration with a max_latency_ms that a slow build or a busy machine does not pass, unless it has one."""
    limit = "max_latency_ms: 60000\n"
    if "max_latency_ms" in config:
        return config
    for section, indent in (("  performance:\n", "    "), ("model:\n", "  performance:\n    ")):
        if section in config:
            return config.replace(section, section + indent + limit, 1)
    return config + "\nmodel:\n  performance:\n    " + limit


class Server:
    """The service, started with a configuration (a string of YAML)."""

    description = None  # of the API; the same for all

    def __init__(self, config="", bundle=None, environment=None, arguments=(), workers=2):
        self.config = write(f"config{id(self)}.yaml", patient(config))
        self.errors = open(path(f"stderr{id(self)}"), "w+")
        env = dict(os.environ, ALF_WORKERS=str(workers), **(environment or {}))
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--config", self.config, "--model", bundle or path("bundle"),
             "--listen", "127.0.0.1:0", *arguments],
            stderr=self.errors, stdin=subprocess.DEVNULL, env=env)
        atexit.register(self.kill)
        self.port = self.wait_for_port()

    def log(self):
        with open(self.errors.name) as f:
            return f.read()

    def wait_for_port(self):
        for _ in range(1200):
            found = re.search(r'listening.*127\.0\.0\.1:(\d+)', self.log())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("the service does not start: " + self.log())

    def request(self, method, target, body=None, headers=None, connection=None, timeout=120):
        c = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        c.request(method, target, body=body, headers=headers or {})
        answer = c.getresponse()
        data = answer.read()
        if connection is None:
            c.close()
        return answer, data

    def json(self, method, target, body=None, headers=None, connection=None):
        """An answer in JSON, checked against what /openapi.json says of it."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        answer, data = self.request(method, target, body, headers, connection)
        parsed = json.loads(data) if data else None
        self.validate(method, target.split("?")[0], answer.status, parsed)
        return answer.status, parsed

    def validate(self, method, target, status, parsed):
        if self.description is None:
            Server.description = json.loads(self.request("GET", "/openapi.json")[1])
        route = self.description["paths"].get(target, {}).get(method.lower())
        reference = {"$ref": "#/components/schemas/Error"}
        if route is not None and str(status) in route["responses"]:
            reference = route["responses"][str(status)]["content"]["application/json"]["schema"]
        elif route is not None and status not in ANY_ROUTE:
            check(False, f"{method} {target} answers {status}, which is not described")
        schema = dict(reference, components=self.description["components"])
        try:
            jsonschema.Draft202012Validator(schema).validate(parsed)
        except jsonschema.ValidationError as e:
            check(False, f"{method} {target} {status}: {e.message}")

    def raw(self, data, half_close=False, timeout=120, pieces=None):
        """Sends bytes as they are and reads until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as s:
            for piece in pieces or [data]:
                s.sendall(piece)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return read_all(s)

    def metrics(self, headers=None):
        _, data = self.request("GET", "/metrics", headers=headers)
        values = {}
        for line in data.decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """When the test itself ends early."""
        if self.process.poll() is None:
            self.process.kill()

    def stop(self, expect=0, timeout=120):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "still running"
        text = self.log()
        equal(code, expect, "exit code; standard error: " + text[-2000:])
        check("Sanitizer" not in text, text[-4000:])
        return text


def read_all(s):
    data = b""
    while True:
        try:
            piece = s.recv(1 << 16)
        except ConnectionResetError:
            return data + b"<reset>"
        if not piece:
            return data
        data += piece


def statuses(data):
    """The status codes of the answers in the bytes of a connection."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", data)]
