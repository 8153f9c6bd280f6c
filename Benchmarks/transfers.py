"""Memory added by many transfers that run at once.

Two ways: *slow*, where every transfer has begun and trickles for some seconds before it may run freely, and *fast*, where
the origin sends as quickly as it can. The origin sends from memory by sendfile(2), one thread a connection; it is a
process of its own. The figure is the greatest resident set while transfers run, less that of the idle server before,
divided by the number of transfers.
"""

import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote_plus

import common


class Origin(socketserver.ThreadingTCPServer):
    """Answers `GET /RATE/SIZE/…`: RATE bytes a second (0: no limit) until `/open` was asked for."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, source):
        self.source = os.open(source, os.O_RDONLY)
        self.opened = threading.Event()
        self.lock = threading.Lock()
        self.running = 0
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                received = self.request.recv(65536)
                if not received:
                    return
                buffered += received
            head, buffered = buffered.split(b"\r\n\r\n", 1)
            parts = head.split(b" ")[1].decode().split("/")
            if parts[1] == "open":
                self.server.opened.set()
                self.small(b"opened")
            elif parts[1] == "shut":
                self.server.opened.clear()
                self.small(b"shut")
            elif parts[1] == "running":
                self.small(str(self.server.running).encode())
            else:
                self.send(int(parts[1]), int(parts[2]))

    def small(self, body):
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def send(self, rate, size):
        with self.server.lock:
            self.server.running += 1
        try:
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n" % size)
            at = 0
            while at < size:
                held = rate and not self.server.opened.is_set()
                piece = min(size - at, max(1, rate // 4) if held else 4 << 20)
                at += os.sendfile(self.request.fileno(), self.server.source, at, piece)
                if held:
                    self.server.opened.wait(0.25)
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.running -= 1


def serve(source):
    server = Origin(source)
    print(f"port {server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # ends with the parent


def ask(port, path):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection.recv(4096).split(b"\r\n\r\n", 1)[1].decode()


def measure(given, folder, port, peer, way):
    size = given.mib << 20
    flags = ["--pull-concurrency", str(given.transfers + 8), "--pull-per-origin", str(given.transfers + 8)]
    with common.Towline(folder / way, *flags, program=given.bin) as server:
        client = common.RawClient(server.api)
        client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
        peer.get("/reset")
        # One pull of each size first, so that what is allocated once is not counted as a transfer's.
        client.must("UploadMediaByURL", {"UploadURLs": quote_plus(f"http://127.0.0.1:{port}/0/{size}/warm.mp4")})
        peer.wait_for(1, given.timeout)
        time.sleep(1)
        before = common.memory(server.pid)
        ask(port, "shut")
        rate = given.slow_rate if way == "slow" else 0
        for start in range(0, given.transfers, 20):
            client.must("UploadMediaByURL", {"UploadURLs": ",".join(
                quote_plus(f"http://127.0.0.1:{port}/{rate}/{size}/{way}-{n}.mp4")
                for n in range(start, min(start + 20, given.transfers)))})
        started = time.monotonic()
        peak = [0, 0]
        running = 0
        opened = way == "fast"
        while time.monotonic() - started < given.timeout:
            found = common.memory(server.pid)
            peak = [max(peak[index], found[index]) for index in (0, 1)]
            running = max(running, int(ask(port, "running")))
            if not opened and running >= given.transfers and time.monotonic() - started > given.hold:
                slow_peak = list(peak)
                ask(port, "open")
                opened = True
            if peer.count()[0] >= given.transfers + 1:
                break
            time.sleep(0.05)
        else:
            raise SystemExit(f"{way}: {peer.count()[0]} of {given.transfers + 1} ended within {given.timeout} s")
        took = time.monotonic() - started
        results = []
        names = [(way, peak)] if way == "fast" else [("slow, while held", slow_peak), ("slow, then free", peak)]
        for name, top in names:
            each = [(top[index] - before[index]) / given.transfers / 1024 for index in (0, 1)]
            results.append((
                name,
                f"{each[0]:.0f} KiB each (anonymous {each[1]:.0f} KiB): RSS {common.mib(before[0])} → {common.mib(top[0])}, "
                f"{running} at once, {took:.1f} s; target 512 KiB",
                {"kib_each": each, "before": before, "peak": top, "at_once": running},
            ))
        return results


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--serve":
        return serve(sys.argv[2])
    given = common.arguments(
        __doc__, transfers=(200, "transfers at once"), mib=(64, "size of each in MiB"),
        slow_rate=(262144, "bytes a second of each while held"), hold=(5.0, "seconds for which they are held"),
        timeout=(300.0, "for one way"),
    )
    results = []
    with common.scratch(given) as folder, tempfile.NamedTemporaryFile(dir="/dev/shm") as source:
        block = os.urandom(1 << 20)
        for _ in range(given.mib):
            source.write(block)
        source.flush()
        origin = subprocess.Popen(
            common.dying_with_parent([sys.executable, str(Path(__file__)), "--serve", source.name]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        try:
            port = int(origin.stdout.readline().split()[1])
            with common.Peer(folder) as peer:
                for way in ("slow", "fast"):
                    results += measure(given, folder, port, peer, way)
        finally:
            origin.stdin.close()
            origin.wait(20)
            origin.stdout.close()
    common.report(
        given, f"memory added by {given.transfers} transfers of {given.mib} MiB at once", common.heading(given), results
    )


if __name__ == "__main__":
    main()
