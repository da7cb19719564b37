"""Connections that are slow, cut short, pipelined, ambiguous or too large, byte by byte."""

import json
import socket
import threading
import time

from harness import *

make_bundle()
server = Server("server:\n  max_body_mb: 2\n  header_seconds: 1.5\n  body_seconds: 1.5\n  write_seconds: 2\n"
                "  idle_seconds: 2\n  max_header_kb: 8\n")
GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def post(body, target=b"/classify", extra=b""):
    return (b"POST " + target + b" HTTP/1.1\r\nHost: a\r\n" + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body)


LOG = post(b'{"log":"a"}')
NDJSON = b"Content-Type: application/x-ndjson\r\n"

# Pipelined requests are answered in order, whatever they are and however they are cut.
requests = [GET, LOG, post(b"nonsense"), post(b'{"logs":["a","b"]}', b"/classify/batch"),
            post(b"a\nb\n", b"/classify/batch", NDJSON), LOG, LAST]
whole = b"".join(requests)
expected = [200, 200, 400, 200, 200, 200, 200]
equal(statuses(server.raw(whole)), expected, "pipelined at once")
equal(statuses(server.raw(None, pieces=[whole[i:i + 1] for i in range(len(whole))])), expected, "byte by byte")
equal(statuses(server.raw(b"".join([LOG] * 500) + LAST)), [200] * 501, "500 pipelined")
equal(statuses(server.raw(b"\r\n\r\n" + GET + b"\r\n" + LAST)), [200, 200], "empty lines between requests")

# A client that has closed its sending half is answered all the same.
equal(statuses(server.raw(LOG, half_close=True)), [200], "half-closed")
equal(statuses(server.raw(LOG * 20, half_close=True)), [200] * 20, "half-closed, pipelined")
data = server.raw(post(b"a\nb\nc", b"/classify/batch", NDJSON), half_close=True)
check(data.endswith(b"\r\n0\r\n\r\n") and data.count(b'"category"') == 3, data[-300:])

# Bodies cut short.
equal(statuses(server.raw(LOG[:-3], half_close=True)), [400], "cut short")
equal(statuses(server.raw(post(b"a\nb\n" * 5, b"/classify/batch", NDJSON)[:-3], half_close=True))[:1], [200],
      "a stream answers what has come")
data = server.raw(post(b"a\nb\n" * 5, b"/classify/batch", NDJSON)[:-3], half_close=True)
check(not data.endswith(b"0\r\n\r\n"), "but does not pretend to be complete")
equal(server.raw(GET[:-4], half_close=True), b"", "a head cut short")
equal(statuses(server.raw(b"POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"lo", half_close=True)), [400], "chunks cut short")

# HTTP/1.0, absolute targets.
data = server.raw(b"GET /health/live HTTP/1.0\r\n\r\n")
check(statuses(data) == [200] and b"Connection: close" in data, data)
equal(statuses(server.raw(b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2 + b"GET / HTTP/1.0\r\n\r\n")), [200] * 3, "1.0 keep-alive")
data = server.raw(b"POST /classify/batch HTTP/1.0\r\n" + NDJSON + b"Content-Length: 4\r\n\r\na\nb\n")
check(data.split(b"\r\n\r\n", 1)[1].count(b'"category"') == 2 and b"chunked" not in data, data)
equal(statuses(server.raw(LAST.replace(b"/health", b"http://a:1/health"))), [200], "absolute target")

# 100-continue comes when the request is welcome, and only then.
with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
    s.sendall(b"POST /classify HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\nConnection: close\r\n\r\n")
    equal(s.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n", "100-continue")
    s.sendall(b'{"log":"a"}')
    equal(statuses(read_all(s)), [200], "after 100-continue")
equal(statuses(server.raw(b"POST /classify HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")), [413], "not welcome")

# Requests that two programs could read differently are refused, and what follows them is not read.
for bad in (b"Content-Length: 11\r\nContent-Length: 11", b"Content-Length: 11, 11", b"Content-Length: +11",
            b"Content-Length: 11\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: identity",
            b"Content-Length : 11", b"Content-Length: 0x0b", b"Content-Length: -1", b"Content-Length:",
            b"Content-Length: 99999999999999999999", b"X: a\r\n b", b"X: a\nContent-Length: 11", b"X: a\x00b", b": a",
            b"X\xff: a", b"X a", b"Host: b", b"Transfer-Encoding: chunked\x0b"):
    data = server.raw(b"POST /classify HTTP/1.1\r\nHost: a\r\n" + bad + b"\r\n\r\n" + b'{"log":"a"}' + GET)
    check(statuses(data) in ([400], [501]), (bad, data[:200]))
for bad, status in ((b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET /\r\n\r\n", 400),
                    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
                    (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
                    (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET / HTTP/1.1\nHost: a\n\n", 400),
                    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400),
                    (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
                    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 70 + b"\r\n", 431),
                    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431)):
    equal(statuses(server.raw(bad + GET)), [status], bad[:60])
equal(statuses(server.raw(b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n" + LAST)), [501, 200], "an unknown method")
CHUNKED = b"POST /classify HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
for body in (b"b\r\n{\"log\":\"a\"}\r\n0\r\n\r\n", b"1;a=b\r\n{\r\n00a;x\r\n\"log\":\"a\"}\r\n0;z\r\nTrailer: x\r\n\r\n"):
    equal(statuses(server.raw(CHUNKED + body)), [200], body)
for body in (b"x\r\n", b"b \r\n", b"b\n{\"log\":\"a\"}\r\n0\r\n\r\n", b"b\r\n{\"log\":\"a\"}0\r\n\r\n", b"ffffffffffffffffff\r\n",
             b"\r\n", b"-1\r\n", b"1;" + b"a" * 9000 + b"\r\n", b"0\r\n" + b"a: b\r\n" * 2000 + b"\r\n"):
    equal(statuses(server.raw(CHUNKED + body + GET)), [400], body[:40])

# Slow clients: heads and bodies that trickle, and ones that stop.
def trickle(data, pause=0.2):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
        start = time.monotonic()
        try:
            for i in range(len(data)):
                s.sendall(data[i:i + 1])
                time.sleep(pause)
                s.setblocking(False)
                try:
                    got = s.recv(1000)
                    return got, time.monotonic() - start
                except BlockingIOError:
                    pass
                finally:
                    s.setblocking(True)
        except (BrokenPipeError, ConnectionResetError):
            return b"<reset>", time.monotonic() - start
        return read_all(s), time.monotonic() - start


def slow(data, expected_status, what):
    got, took = trickle(data)
    check(statuses(got) == [expected_status] and took < 30, (what, got, took))


threads = [threading.Thread(target=slow, args=a) for a in (
    (GET.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 500 + b"\r\n\r\n"), 408, "slow head"),
    (post(b'{"log":"' + b"a" * 500 + b'"}').replace(b"\r\n\r\n", b"\r\n\r\n"), 408, "slow all"))]
with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
    s.sendall(LOG[:-2])
    [t.start() for t in threads]
    equal(statuses(read_all(s)), [408], "a body that stops")
with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
    equal(read_all(s), b"", "silence is closed without a word")
with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
    s.sendall(GET)
    equal(statuses(read_all(s)), [200], "idle keep-alive connections are closed")
with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
    s.sendall(post(b"a\n" * 100, b"/classify/batch", NDJSON)[:-2])
    data = read_all(s)
    check(statuses(data) == [200] and not data.endswith(b"0\r\n\r\n"), "a stream that stops is not completed")
[t.join() for t in threads]

# A client that sends and never reads is given up; the rest is served meanwhile.
with socket.socket() as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", server.port))
    s.settimeout(0.5)
    line = b'{"message":"' + b"a" * 50 + b'"}\n'
    s.sendall(b"POST /classify/batch?components=1 HTTP/1.1\r\nHost: a\r\n" + NDJSON + b"Content-Length: 1000000000\r\n\r\n")
    given_up = False
    end = time.monotonic() + 100
    while not given_up and time.monotonic() < end:
        try:
            s.send(line * 100)
        except TimeoutError:
            equal(server.json("POST", "/classify", {"log": "b"})[0], 200, "others are served")
        except (ConnectionResetError, BrokenPipeError):
            given_up = True
    check(given_up, "the client that does not read was never given up")

# 64 MB: refused as JSON before it is sent, streamed as NDJSON with bounded memory.
big = 64 << 20
data = server.raw(b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % big)
equal(statuses(data), [413], "64 MB announced")
try:
    data = server.raw(None, pieces=[CHUNKED] + [b"100000\r\n" + b"a" * (1 << 20) + b"\r\n"] * 8)
    equal(statuses(data), [413], "a body that grows past the limit")
except (ConnectionResetError, BrokenPipeError):
    pass
lines = 2000
line = json.dumps({"message": "x" * (big // lines - 20)}).encode() + b"\n"
before = server.metrics()["process_resident_memory_bytes"]
with socket.create_connection(("127.0.0.1", server.port), timeout=600) as s:
    reader_data = []
    reader = threading.Thread(target=lambda: reader_data.append(read_all(s)))
    reader.start()
    s.sendall(b"POST /classify/batch HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + NDJSON + b"Content-Length: %d\r\n\r\n" % (len(line) * lines))
    for _ in range(lines):
        s.sendall(line)
    reader.join()
check(reader_data[0].endswith(b"0\r\n\r\n"), reader_data[0][-300:])
equal(reader_data[0].count(b'"category"'), lines, "64 MB of NDJSON")
grown = server.metrics()["process_resident_memory_bytes"] - before
print(f"64 MB streamed: resident memory grew by {grown / 1e6:.1f} MB")

# Connections that appear and vanish at any point do no harm.
for size in list(range(0, len(LOG), 7)) + [len(LOG)] * 20:
    s = socket.create_connection(("127.0.0.1", server.port))
    s.sendall(LOG[:size])
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    s.close()  # a reset
equal(server.json("POST", "/classify", {"log": "b"})[0], 200, "after resets")
values = server.metrics()
for reason in ("header_timeout", "body_timeout", "write_timeout", "malformed_head", "malformed_body", "body_cut_short", "body_too_large"):
    check(values.get('ai_filter_http_rejected_total{reason="%s"}' % reason, 0) > 0, "not counted: " + reason)
server.stop()
finish()
