"""An origin whose connections are slow or break: one file from memory, with ranges and a strong entity tag.

`GET /RATE/RESET/SIZE/…` sends SIZE bytes, RATE of them a second on each connection (0: no limit), and resets the
connection after RESET bytes of each answer (0: never). `GET /facts` says, as JSON, how many bytes of bodies were handed to
the kernel, how many requests there were, and how many connections were sending at once at most; `GET /zero` sets these to
nought. One thread a connection, sendfile(2). It is a process of its own.
"""

import json
import os
import re
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import common

STEPS_A_SECOND = 20


class Facts:
    def __init__(self):
        self.lock = threading.Lock()
        self.zero()

    def zero(self):
        with self.lock:
            self.sent = self.requests = self.running = self.most = 0

    def begin(self):
        with self.lock:
            self.requests += 1
            self.running += 1
            self.most = max(self.most, self.running)

    def end(self, sent):
        with self.lock:
            self.running -= 1
            self.sent += sent


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 4096

    def __init__(self, source):
        self.source = os.open(source, os.O_RDONLY)
        self.facts = Facts()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                try:
                    received = self.request.recv(65536)
                except OSError:
                    return
                if not received:
                    return
                buffered += received
            head, buffered = buffered.split(b"\r\n\r\n", 1)
            head = head.decode("latin-1")
            parts = head.split(" ")[1].split("/")
            if parts[1] == "facts":
                facts = self.server.facts
                self.small(json.dumps({"sent": facts.sent, "requests": facts.requests, "most": facts.most}).encode())
            elif parts[1] == "zero":
                self.server.facts.zero()
                self.small(b"{}")
            elif not self.file(int(parts[1]), int(parts[2]), int(parts[3]), head):
                return

    def small(self, body):
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def file(self, rate, reset, size, head):
        """Sends what was asked for; whether the connection goes on."""
        first, last, status, extra = 0, size - 1, "200 OK", ""
        asked = re.search(r"(?im)^range: *bytes=(\d+)-(\d*)\r?$", head)
        if asked:
            first, last = int(asked[1]), min(size - 1, int(asked[2] or size - 1))
            status, extra = "206 Partial Content", f"Content-Range: bytes {first}-{last}/{size}\r\n"
        begun = time.perf_counter()
        self.server.facts.begin()
        at, end = first, last + 1
        try:
            self.request.sendall((
                f"HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n{extra}"
                f"Content-Length: {end - at}\r\n\r\n").encode())
            while at < end:
                most = max(1, rate // STEPS_A_SECOND) if rate else 4 << 20
                if reset:
                    most = min(most, first + reset - at)
                at += os.sendfile(self.request.fileno(), self.server.source, at, min(end - at, most))
                if reset and at - first >= reset and at < end:
                    time.sleep(0.05)  # what was sent arrives before the reset does
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.request.close()
                    return False
                if rate:
                    wait = begun + (at - first) / rate - time.perf_counter()
                    if wait > 0:
                        time.sleep(wait)
            return True
        except OSError:
            return False
        finally:
            self.server.facts.end(at - first)


class Origin:
    """The origin as a child process."""

    def __init__(self, source):
        self.process = subprocess.Popen(
            common.dying_with_parent([sys.executable, str(Path(__file__)), "--serve", str(source)]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline().split()[1])}"

    def ask(self, path):
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=20) as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def main():
    server = Server(sys.argv[2])
    print(f"port {server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # ends with the parent


if __name__ == "__main__":
    main()
