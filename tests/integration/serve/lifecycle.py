"""Reload under load, shutdown under load, many open connections."""

import http.client
import json
import resource
import shutil
import socket
import subprocess
import threading
import time

from harness import *

make_bundle()
TOKEN = "admin-token-" + "z" * 20
ADMIN = {"Authorization": "Bearer " + TOKEN}
RULES = "categories:\n  critical:\n    - name: mine\n      pattern: special-%s\n      confidence: 0.99\n"
RELOADS = 100
write("rules.yaml", RULES % "one")


class Load:
    """Clients that send requests until told to stop, and note everything that was not answered."""

    def __init__(self, server, clients=4, stop_on_close=False):
        self.server, self.stop_on_close = server, stop_on_close
        self.stopping = False
        self.done = self.unanswered = 0
        self.bad = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]
        [t.start() for t in self.threads]

    def send(self, c, i, n):
        if (i + n) % 3 == 0:
            c.request("POST", "/classify/batch", json.dumps({"logs": ["line %d" % k for k in range(50)]}))
        elif (i + n) % 3 == 1:
            c.request("POST", "/classify", json.dumps({"log": "line %d" % n}))
        else:
            c.request("POST", "/classify/batch", "a\nb\n" * 50, {"Content-Type": "application/x-ndjson"})
        answer = c.getresponse()
        data = answer.read()
        if answer.status != 200 or b"fail_open_used\":true" in data or data.count(b'"category"') not in (1, 50, 100):
            self.bad.append((answer.status, data[:200]))
        return answer.will_close

    def run(self, i):
        c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        n = 0
        while not self.stopping:
            n += 1
            try:
                closes = self.send(c, i, n)
            except ConnectionRefusedError:
                if self.stop_on_close:
                    return
                self.bad.append("refused")
                return
            except Exception as e:
                self.bad.append(repr(e))
                return
            with self.lock:
                self.done += 1
            if closes:
                c.close()
                if self.stop_on_close:
                    return

    def stop(self):
        self.stopping = True
        [t.join() for t in self.threads]


# Reload 100 times under load: no request fails, each reload takes effect, half of them by signal.
server = Server("rules:\n  path: %s\nmodel:\n  performance:\n    timeout_seconds: 60\n" % path("rules.yaml"),
                environment={"ALF_ADMIN_TOKENS": TOKEN})
load = Load(server)
for i in range(RELOADS):
    word = "word%d" % i
    write("rules.yaml.new", RULES % word)
    os.rename(path("rules.yaml.new"), path("rules.yaml"))
    if i % 10 == 9:
        before = server.json("GET", "/health")[1]["generation"]
        server.signal(signal.SIGHUP)
        for _ in range(600):
            if server.json("GET", "/health")[1]["generation"] > before:
                break
            time.sleep(0.02)
    else:
        status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
        check(status == 200 and answer["generation"] == i + 2, answer)
    for _ in range(200):  # each worker takes it in its next turn
        verdicts = [server.json("POST", "/classify", {"log": "special-" + word})[1] for _ in range(3)]
        if all(v["model"] == "rule_based" for v in verdicts):
            break
        time.sleep(0.02)
    else:
        check(False, "reload %d took no effect" % i)
load.stop()
equal(load.bad, [], "requests that failed while reloading")
print(f"{load.done} requests during {RELOADS} reloads")
check(load.done > RELOADS, "there was no load")

# Streams that do not end keep the generation they began with; reloads do not pile up without end.
streams = []
refused = 0
for i in range(10):
    s = socket.create_connection(("127.0.0.1", server.port))
    s.sendall(b"POST /classify/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n")
    s.settimeout(60)
    check(b" 200 " in s.recv(4000), "a stream begins")
    streams.append(s)
    status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
    RELOADS += status == 200
    refused += status == 500 and "under way" in answer["detail"]
    time.sleep(0.2)
check(refused >= 2, refused)
for s in streams:
    s.sendall(b"2\r\nb\n\r\n0\r\n\r\n")
for s in streams:
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        data += s.recv(4000)
    check(b'"category"' in data, "the stream goes on after reloads")
    s.close()
time.sleep(0.3)
equal(server.json("POST", "/admin/reload", headers=ADMIN)[0], 200, "reload when they are done")
RELOADS += 1

# A failed reload changes nothing and says why: in the answer, the log, the metric, the statistics.
good = word
for make, what in ((lambda: write("rules.yaml", "categories: [\n"), "rules.yaml"),
                   (lambda: write("rules.yaml", RULES % "("), "rules.yaml"),
                   (lambda: write(os.path.basename(server.config), "server:\n  nonsense: 1\n"), "nonsense"),
                   (lambda: write(os.path.basename(server.config), "rules:\n  path: /nowhere\n"), "/nowhere")):
    make()
    status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
    check(status == 500 and what in answer["detail"], (status, answer))
    check(what in server.json("GET", "/stats", headers=ADMIN)[1]["reloads"]["last_error"], "statistics")
    equal(server.json("POST", "/classify", {"log": "special-" + good})[1]["model"], "rule_based", "as it was")
os.rename(path("bundle/xgboost.onnx"), path("gone.onnx"))
write(os.path.basename(server.config), patient(""))
status, answer = server.json("POST", "/admin/reload", headers=ADMIN)
equal(status, 500, answer)
equal(server.json("GET", "/health")[0], 200, "health is that of what runs")
os.rename(path("gone.onnx"), path("bundle/xgboost.onnx"))
values = server.metrics()
equal(values['ai_filter_reloads_total{result="failed"}'], 5 + refused, "failed")
equal(values['ai_filter_reloads_total{result="done"}'], RELOADS, "done")
log = server.stop()
check("the reload failed" in log, "the log says nothing of it")

# SIGTERM under load: every request that was sent is answered, and the exit code is 0.
for round in range(5):
    server = Server("model:\n  performance:\n    timeout_seconds: 60\n")
    load = Load(server, clients=8, stop_on_close=True)
    time.sleep(1)
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.sendall(b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n{\"log\"")
    idle = socket.create_connection(("127.0.0.1", server.port))
    time.sleep(0.2)
    server.signal(signal.SIGTERM if round % 2 == 0 else signal.SIGINT)
    time.sleep(0.3)
    slow.sendall(b':"a"}')
    data = read_all(slow)
    check(statuses(data) == [200] and b"Connection: close" in data, data)
    equal(read_all(idle), b"", "idle connections are closed")
    load.stop()
    log = server.stop()
    equal(load.bad, [], "requests that failed during shutdown")
    check(load.done > 10 and '"stopped"' in log, log)

# A service manager hears when the service answers, and when it ends.
for name in (path("notify"), "\0alf-test-%d" % os.getpid()):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(60)
        server = Server(environment={"NOTIFY_SOCKET": name.replace("\0", "@")})
        equal(manager.recv(100), b"READY=1", "ready")
        equal(server.json("GET", "/ready")[0], 200, "ready")
        server.stop()
        equal(manager.recv(100), b"STOPPING=1", "stopping")
server = Server(environment={"NOTIFY_SOCKET": path("nobody")})
check("NOTIFY_SOCKET" in server.stop(), "a manager that cannot be told is said")

# What never ends is cut off when server.shutdown_seconds are over.
server = Server("server:\n  shutdown_seconds: 1\n")
endless = socket.create_connection(("127.0.0.1", server.port))
endless.sendall(b"POST /classify/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n")
time.sleep(1)
start = time.monotonic()
log = server.stop()
check(1 <= time.monotonic() - start < 30 and "given up" in log, log)
endless.close()

# 10,000 open connections, and the service still answers.
WANTED = 10000
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < WANTED + 200:
    print(f"not tried: {WANTED} connections, because only {hard} files may be open")
else:
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = Server("server:\n  idle_seconds: 300\n  header_seconds: 300\n")
    held = []
    for i in range(WANTED):
        s = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        if i % 2:
            s.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        held.append(s)
    for i in range(1, WANTED, 2):
        if b" 200 " not in held[i].recv(1000):
            check(False, "connection %d is not answered" % i)
            break
    values = server.metrics()
    check(values["ai_filter_http_connections"] >= WANTED, values["ai_filter_http_connections"])
    print(f"{WANTED} connections: {values['process_resident_memory_bytes'] / 1e6:.0f} MB resident")
    for s in held[::100]:
        s.sendall(b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n{\"log\":\"a\"}")
    for s in held[::100]:
        check(b" 200 " in s.recv(4000), "a log on one of many connections")
    [s.close() for s in held]
    server.stop()
finish()
