"""Tokens, TLS, client certificates, limits per client; with http.client, curl and openssl s_client."""

import http.client
import json
import socket
import ssl
import subprocess
import time

from harness import *

make_bundle()
API = ["api-token-number-1-" + "x" * 20, "api-token-number-2-" + "x" * 20]
METRICS = "metrics-token-" + "y" * 20
ADMIN = "admin-token-" + "z" * 20


def bearer(token):
    return {"Authorization": "Bearer " + token}


# Tokens: from a file and from the environment, several at once.
write("api.tokens", f"# current and next\n{API[0]}\n")
server = Server("security:\n  api_tokens_file: %s\n" % path("api.tokens"),
                environment={"ALF_API_TOKENS": API[1], "ALF_METRICS_TOKENS": METRICS, "ALF_ADMIN_TOKENS": ADMIN})
LOG = {"log": "a"}
for headers, status in ((bearer(API[0]), 200), (bearer(API[1]), 200), ({}, 401), (bearer(METRICS), 401), (bearer(ADMIN), 401),
                        (bearer(API[0][:-1]), 401), (bearer(API[0] + "x"), 401), ({"Authorization": API[0]}, 401),
                        ({"Authorization": "Basic " + API[0]}, 401), ({"Authorization": "bearer " + API[0]}, 200),
                        ({"Authorization": "Bearer "}, 401), (bearer("x" * 5000), 401)):
    equal(server.json("POST", "/classify", LOG, headers)[0], status, headers)
    equal(server.json("GET", "/stats", None, headers)[0], status, headers)
answer, _ = server.request("POST", "/classify", "{}")
equal(answer.headers["WWW-Authenticate"], "Bearer", "challenge")
for target in ("/health", "/ready", "/health/live", "/health/ready", "/", "/openapi.json"):
    equal(server.json("GET", target)[0], 200, target)
equal(server.request("GET", "/metrics")[0].status, 401, "metrics")
equal(server.request("GET", "/metrics", headers=bearer(API[0]))[0].status, 401, "metrics with an API token")
values = server.metrics(bearer(METRICS))
check(values['ai_filter_http_rejected_total{reason="token"}'] > 10, values)
equal(server.json("GET", "/health/metrics-summary", headers=bearer(METRICS))[0], 200, "summary")
equal(server.json("POST", "/admin/reload", headers=bearer(API[0]))[0], 401, "reload with an API token")

# Changed tokens count after a reload; a file without any, or with a bad one, does not open the door.
write("api.tokens", "new-token-" + "n" * 20 + "\n")
equal(server.json("POST", "/admin/reload", headers=bearer(ADMIN))[0], 200, "reload")
time.sleep(0.5)
for token, status in (("new-token-" + "n" * 20, 200), (API[0], 401), (API[1], 200)):
    equal(server.json("POST", "/classify", LOG, bearer(token))[0], status, token[:10])
for text, word in (("", "no token"), ("# none\n", "no token"), ("short\n", "5 characters"), ("a" * 20 + "\x01\n", "character")):
    write("api.tokens", text)
    status, answer = server.json("POST", "/admin/reload", headers=bearer(ADMIN))
    check(status == 500 and word in answer["detail"], answer)
equal(server.json("POST", "/classify", LOG)[0], 401, "still closed")
equal(server.json("POST", "/classify", LOG, bearer(API[1]))[0], 200, "still open to those who may")
log = server.stop()
check(not any(t in log for t in API + [METRICS, ADMIN, "new-token"]), "a token is in the log")

# Requests per client: what is over the bucket gets 429 and a time; health is not limited.
server = Server("security:\n  rate_limit:\n    requests_per_second: 2\n    burst: 5\n")
got = [server.request("POST", "/classify", '{"log":"a"}')[0] for _ in range(12)]
check([a.status for a in got[:5]] == [200] * 5 and got[-1].status == 429, [a.status for a in got])
check(1 <= int(got[-1].headers["Retry-After"]) <= 2, got[-1].headers["Retry-After"])
equal(server.json("GET", "/health")[0], 200, "health is not limited")
time.sleep(1.2)
equal(server.request("POST", "/classify", '{"log":"a"}')[0].status, 200, "after a while")
check(server.metrics()['ai_filter_http_rejected_total{reason="rate"}'] >= 5, "counted")
server.stop()

def hold(server):
    """A connection that the server has accepted for sure: one request on it is answered."""
    s = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    s.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
    data = b""
    while b"}" not in data:
        data += s.recv(4096)
    return s


# Connections: of one client, and of all.
server = Server("security:\n  max_connections_per_address: 5\n")
held = [hold(server) for _ in range(5)]
equal(statuses(server.raw(b"")), [503], "the sixth connection")
[s.close() for s in held]
for _ in range(100):   # the server hears of it a moment later
    time.sleep(0.1)
    if statuses(server.raw(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == [200]:
        break
else:
    check(False, "no connection is let in after the others closed")
server.stop()
server = Server("server:\n  max_connections: 3\n")
held = [hold(server) for _ in range(3)]
equal(statuses(server.raw(b"")), [503], "the fourth connection of all")
[s.close() for s in held]
time.sleep(0.5)
server.stop()

# Memory: many large bodies at once are refused, not buffered.
server = Server("server:\n  buffer_mb: 4\n  max_body_mb: 3\n", workers=1)
held = []
for _ in range(4):
    s = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    s.sendall(b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
    try:
        s.sendall(b"a" * 1900000)
    except (ConnectionResetError, BrokenPipeError):
        pass
    held.append(s)
time.sleep(0.5)
values = server.metrics()
check(values['ai_filter_http_rejected_total{reason="memory"}'] > 0, values)
check(values["ai_filter_buffered_bytes"] < 6e6, values["ai_filter_buffered_bytes"])
[s.close() for s in held]
time.sleep(0.3)
equal(server.json("POST", "/classify", LOG)[0], 200, "memory is free again")
server.stop()


# ---- TLS ----
def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=work)


def certificate(name, issuer=None, subject="localhost", days="30"):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
            "-out", name + ".csr", "-subj", "/CN=" + subject)
    write(name + ".ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n" + ("basicConstraints=CA:TRUE\n" if issuer is None else ""))
    signer = ["-signkey", name + ".key"] if issuer is None else ["-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-CAcreateserial"]
    openssl("x509", "-req", "-in", name + ".csr", *signer, "-days", days, "-extfile", name + ".ext", "-out", name + ".pem")


certificate("ca")
certificate("server", "ca")
certificate("client", "ca", "client")
certificate("other")
TLS = "security:\n  tls:\n    certificate: %s\n    key: %s\n" % (path("server.pem"), path("server.key"))
trust = ssl.create_default_context(cafile=path("ca.pem"))


def over_tls(server, method, target, body=None, context=trust):
    c = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    c.request(method, target, body=body)
    answer = c.getresponse()
    data = answer.read()
    peer = c.sock.getpeercert(binary_form=True) if c.sock else None
    c.close()
    return answer.status, data, peer


server = Server(TLS + "server:\n  header_seconds: 2\n")
for i in range(20):
    equal(over_tls(server, "POST", "/classify", json.dumps(LOG))[0], 200, "TLS")
status, data, _ = over_tls(server, "POST", "/classify/batch", json.dumps({"logs": ["line %d" % i for i in range(1000)]}))
equal(len(json.loads(data)["results"]), 1000, "1000 logs over TLS")
equal(subprocess.run(["curl", "-sS", "--cacert", path("ca.pem"), f"https://localhost:{server.port}/health/live", "-4"],
                     capture_output=True, text=True).stdout, '{"status":"alive"}\n', "curl")
big = "".join('{"message":"line %d"}\n' % i for i in range(20000))
write("big.ndjson", big)
done = subprocess.run(["curl", "-sS", "--cacert", path("ca.pem"), "-4", "-H", "Content-Type: application/x-ndjson", "--data-binary",
                       "@" + path("big.ndjson"), f"https://localhost:{server.port}/classify/batch"], capture_output=True, text=True)
equal(done.stdout.count('"category"'), 20000, "a stream over TLS; " + done.stderr)
# Half-closed over TLS: close_notify after the request, and the answer still comes.
done = subprocess.run(["openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{server.port}"], capture_output=True,
                      input=b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", timeout=60)
for version, works in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
    done = subprocess.run(["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-connect", f"127.0.0.1:{server.port}"],
                          capture_output=True, input=b"", timeout=60)
    equal(b"Cipher is (NONE)" not in done.stdout, works, version)
equal(statuses(server.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")), [], "plain HTTP is not answered")
with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
    equal(read_all(s), b"", "a handshake that never comes is given up")
# The certificate is changed under way: SIGHUP, and connections that are open go on.
old = http.client.HTTPSConnection("127.0.0.1", server.port, context=trust, timeout=60)
old.request("GET", "/health/live")
old.getresponse().read()
before = over_tls(server, "GET", "/health/live")[2]
context = ssl.create_default_context(cafile=path("ca.pem"))
first = ssl.get_server_certificate(("127.0.0.1", server.port))
certificate("server", "ca")
server.signal(signal.SIGHUP)
for _ in range(200):
    time.sleep(0.1)
    if ssl.get_server_certificate(("127.0.0.1", server.port)) != first:
        break
check(ssl.get_server_certificate(("127.0.0.1", server.port)) != first, "the certificate is still the old one")
old.request("GET", "/health/live")
equal(old.getresponse().status, 200, "the open connection goes on")
old.close()
equal(over_tls(server, "GET", "/health/live")[0], 200, "the new certificate works")
certificate("server", "ca", days="5")
server.signal(signal.SIGHUP)
for _ in range(100):
    time.sleep(0.1)
    health = json.loads(over_tls(server, "GET", "/health")[1])
    if health["status"] == "degraded":
        break
check(any(c["name"] == "certificate" and c["status"] == "degraded" for c in health["components"]), health)
server.stop()

# Client certificates.
server = Server(TLS + "    client_ca: %s\n" % path("ca.pem"))
mutual = ssl.create_default_context(cafile=path("ca.pem"))
mutual.load_cert_chain(path("client.pem"), path("client.key"))
equal(over_tls(server, "POST", "/classify", json.dumps(LOG), mutual)[0], 200, "a client with a certificate")
stranger = ssl.create_default_context(cafile=path("ca.pem"))
stranger.load_cert_chain(path("other.pem"), path("other.key"))
for context in (trust, stranger):
    try:
        over_tls(server, "POST", "/classify", json.dumps(LOG), context)
        check(False, "a client without a good certificate was let in")
    except (ssl.SSLError, ConnectionError):
        pass
write("mutual.yaml", TLS + "    client_ca: %s\n" % path("ca.pem"))
done = subprocess.run([PROGRAM, "healthcheck", "--config", path("mutual.yaml"), "--listen", f"127.0.0.1:{server.port}"], capture_output=True, text=True)
equal((done.returncode, done.stderr), (0, ""), "healthcheck with client certificates")
done = subprocess.run(["curl", "-sS", "-4", "--cacert", path("ca.pem"), "--cert", path("client.pem"), "--key", path("client.key"),
                       f"https://localhost:{server.port}/health/live"], capture_output=True, text=True)
equal(done.stdout, '{"status":"alive"}\n', "curl with a certificate: " + done.stderr)
server.stop()


# ---- what is wrong is found before the start ----
def start_fails(config, code, word, environment=None):
    c = write("bad.yaml", config)
    for arguments in (["--check"], []):
        done = subprocess.run([PROGRAM, "serve", "--config", c, "--model", path("bundle"), "--listen", "127.0.0.1:0", *arguments],
                              capture_output=True, text=True, timeout=120, env=dict(os.environ, **(environment or {})))
        check(done.returncode == code and word in done.stderr, (config, done.returncode, done.stderr))


start_fails("security:\n  tls:\n    certificate: /nowhere.pem\n    key: /nowhere.key\n", 3, "/nowhere.pem")
start_fails("security:\n  tls:\n    certificate: %s\n" % path("server.pem"), 2, "security.tls.key")
start_fails("security:\n  tls:\n    client_ca: %s\n" % path("ca.pem"), 2, "security.tls.certificate")
start_fails("security:\n  tls:\n    certificate: %s\n    key: %s\n" % (path("server.pem"), path("other.key")), 2, "other.key")
start_fails("security:\n  tls:\n    certificate: %s\n    key: %s\n" % (path("server.key"), path("server.key")), 2, "server.key")
start_fails("security:\n  api_tokens_file: /nowhere\n", 3, "/nowhere")
start_fails("", 2, "ALF_API_TOKENS", {"ALF_API_TOKENS": "short"})
start_fails("server:\n  feedback_path: /nowhere/feedback\n", 3, "/nowhere/feedback")
for listen in ("nonsense", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "[::1:80", ":::", "no-such-host.invalid:80"):
    done = subprocess.run([PROGRAM, "serve", "--model", path("bundle"), "--listen", listen], capture_output=True, text=True, timeout=120)
    check(done.returncode == 2 and "server.listen" in done.stderr, (listen, done.returncode, done.stderr))
server = Server()
done = subprocess.run([PROGRAM, "serve", "--model", path("bundle"), "--listen", f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=120)
check(done.returncode == 3 and "in use" in done.stderr, "two services on one port: " + done.stderr)
server.stop()
finish()
