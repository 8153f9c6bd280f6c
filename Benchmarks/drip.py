"""Memory of a server with a thousand transfers open at once against an origin that drips.

The origin is one asyncio process: each connection gets some bytes a few times a second. The figure is the server's greatest
resident set, the idle server included, once all transfers are under way and for as long as they are watched. Afterwards
the jobs are cancelled, and nothing may be left in the media folder.
"""

import asyncio
import http.client
import resource
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote_plus

import common


async def serve():
    running = [0]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def handle(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1]
            if path == b"/running":
                body = str(running[0]).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
                return
            rate = int(path.split(b"/")[1])
            writer.write(b"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 1073741824\r\n\r\n")
            running[0] += 1
            try:
                while True:
                    writer.write(b"x" * (rate // 2))
                    await writer.drain()
                    await asyncio.sleep(0.5)
            finally:
                running[0] -= 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=4096)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()  # ends with the parent, or by SIGTERM


def main():
    if sys.argv[1:] == ["--serve"]:
        return asyncio.run(serve())
    given = common.arguments(
        __doc__, transfers=(1000, "transfers at once"), rate=(4096, "bytes a second of each"),
        watch=(20.0, "seconds for which they are watched"), timeout=(120.0, "until all are under way"),
    )
    flags = ["--pull-concurrency", str(given.transfers), "--pull-per-origin", str(given.transfers)]
    with common.scratch(given) as folder, common.Towline(folder / "data", *flags, program=given.bin) as server:
        origin = subprocess.Popen(
            common.dying_with_parent([sys.executable, str(Path(__file__)), "--serve"]), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True)
        try:
            port = int(origin.stdout.readline().split()[1])
            client = common.RawClient(server.api)
            before = common.memory(server.pid)
            jobs = []
            for start in range(0, given.transfers, 20):
                answer = client.must("UploadMediaByURL", {"UploadURLs": ",".join(
                    quote_plus(f"http://127.0.0.1:{port}/{given.rate}/{n}.mp4")
                    for n in range(start, min(start + 20, given.transfers)))})
                jobs += [job["JobId"] for job in answer["UploadJobs"]]

            def running():
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("GET", "/running")
                return int(connection.getresponse().read())

            begun = time.monotonic()
            while running() < given.transfers:
                if time.monotonic() - begun > given.timeout:
                    raise SystemExit(f"{running()} of {given.transfers} transfers under way after {given.timeout} s")
                time.sleep(0.2)
            peak = (0, 0)
            begun = time.monotonic()
            while time.monotonic() - begun < given.watch:
                found = common.memory(server.pid)
                peak = tuple(max(pair) for pair in zip(peak, found))
                time.sleep(0.25)
            at_once = running()
            admin = common.Admin(server.admin)
            for job in jobs:
                admin.post(f"/jobs/{job}/cancel")
            begun = time.monotonic()
            while running() > 0 and time.monotonic() - begun < 30:
                time.sleep(0.2)
            left = [path for path in (folder / "data" / "media").rglob("*") if path.is_file()]
        finally:
            origin.terminate()
            origin.wait(20)
            origin.stdout.close()
    each = (peak[0] - before[0]) / given.transfers / 1024
    common.report(
        given, f"{given.transfers} transfers open at once against an origin that drips", common.heading(given),
        [
            ("memory in all", f"RSS {common.mib(peak[0])} (anonymous {common.mib(peak[1])}), {common.mib(before[0])} when "
                              f"idle, {each:.0f} KiB for each of {at_once}; target 256 MiB", peak),
            ("left after cancelling", f"{len(left)} files in the media folder", len(left)),
        ],
    )


if __name__ == "__main__":
    main()
