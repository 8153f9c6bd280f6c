"""Many small jobs: Towline by its signed API to the last callback, against aria2c by RPC for the same files, in turn.

Towline makes every job, every file and every event durable and delivers a callback for each; aria2c does none of this.
Origin and receiver are peer.c. Both clients submit 20 URLs a call over one connection.
"""

import http.client
import json
import shutil
import socket
import subprocess
import time
from urllib.parse import quote_plus, urlsplit

import common
from rawclient import EMPTY_HASH, canonical_query, timestamp, v3_canonical_request, v3_signature

PER_CALL = 20


STALL = 10


class Stalled(Exception):
    """aria2c has stopped before its end, as it sometimes does; such a run is repeated and mentioned."""


class Submitter:
    """Signed calls over one connection."""

    def __init__(self, api, key="towline-dev", secret="towline-dev-secret"):
        self.host = urlsplit(api).netloc
        self.key, self.secret = key, secret
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def submit(self, urls):
        query = [("UploadURLs", ",".join(quote_plus(url) for url in urls))]
        headers = {
            "host": self.host, "x-acs-action": "UploadMediaByURL", "x-acs-version": "2017-03-21",
            "x-acs-date": timestamp(), "x-acs-signature-nonce": str(time.monotonic_ns()),
            "x-acs-content-sha256": EMPTY_HASH,
        }
        names = sorted(headers)
        signature = v3_signature(self.secret, v3_canonical_request("POST", "/", query, headers, names, EMPTY_HASH))
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key},SignedHeaders={';'.join(names)},Signature={signature}"
        )
        self.connection.request("POST", "/?" + canonical_query(query), headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"a submission was answered {response.status}: {body[:300]!r}")

    def close(self):
        self.connection.close()


def urls(given, peer, run):
    return [f"{peer.url}/bytes/{given.bytes}/{run}-{number}.mp4" for number in range(given.jobs)]


def towline(given, folder, peer, run):
    """Seconds from the first submission to the last callback."""
    flags = ["--pull-concurrency", str(given.concurrency), "--pull-per-origin", str(given.concurrency)]
    if given.per_endpoint:
        flags += ["--delivery-per-endpoint", str(given.per_endpoint)]
    with common.Towline(folder / f"data-{run}", *flags, program=given.bin) as server:
        client = common.RawClient(server.api)
        client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
        peer.get("/reset")
        every = urls(given, peer, f"t{run}")
        submitter = Submitter(server.api)
        started = time.monotonic()
        for start in range(0, len(every), PER_CALL):
            submitter.submit(every[start:start + PER_CALL])
        submitted = time.monotonic()
        ended = peer.wait_for(given.jobs, given.timeout)
        submitter.close()
        return ended - started, submitted - started


def aria2(given, folder, peer, run):
    """Seconds from the first addUri to the last finished download."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    target = folder / f"aria2-{run}"
    target.mkdir()
    process = subprocess.Popen(common.dying_with_parent([
        "aria2c", "--no-conf", "--enable-rpc", f"--rpc-listen-port={port}", "--quiet", f"--dir={target}",
        f"--max-concurrent-downloads={given.concurrency}", f"--max-download-result={given.jobs + 100}",
        "--max-connection-per-server=16", "--split=1", "--file-allocation=none", "--auto-file-renaming=false",
        "--rpc-max-request-size=16M",
    ]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise SystemExit("aria2c did not open its RPC port") from None
                time.sleep(0.02)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def call(method, params):
            body = json.dumps({"jsonrpc": "2.0", "id": "1", "method": method, "params": params})
            connection.request("POST", "/jsonrpc", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            if "error" in answer:
                raise SystemExit(f"aria2c: {answer['error']}")
            return answer["result"]

        every = urls(given, peer, f"a{run}")
        started = time.monotonic()
        for start in range(0, len(every), given.aria2_per_call):
            call("system.multicall", [[
                {"methodName": "aria2.addUri", "params": [[url]]} for url in every[start:start + given.aria2_per_call]
            ]])
        submitted = time.monotonic()
        stopped, since = "", time.monotonic()
        while True:
            status = call("aria2.getGlobalStat", [])
            if status["numActive"] == status["numWaiting"] == "0":
                break
            if status["numStopped"] != stopped:
                stopped, since = status["numStopped"], time.monotonic()
            if time.monotonic() - since > STALL or time.monotonic() - started > given.timeout:
                raise Stalled(f"aria2c stands still at {status}")
            time.sleep(0.01)
        ended = time.monotonic()
        connection.close()
        files = [path for path in target.iterdir() if path.stat().st_size == given.bytes]
        if len(files) != given.jobs:
            raise SystemExit(f"aria2c stored {len(files)} of {given.jobs} files")
        return ended - started, submitted - started
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(target, ignore_errors=True)


def main():
    given = common.arguments(
        __doc__, jobs=(5000, "jobs of a run"), bytes=(16384, "bytes of each file"), runs=(5, "measured runs of each"),
        concurrency=(64, "transfers at once"), per_endpoint=(0, "callbacks at once; 0: Towline's default"),
        aria2_per_call=(20, "URLs of one call to aria2c"), timeout=(300.0, "for one run"),
    )
    ours, theirs, stalls = [], [], 0
    with common.scratch(given) as folder, common.Peer(folder) as peer:
        for run in range(given.runs):
            for attempt in range(3):
                try:
                    theirs.append(aria2(given, folder, peer, f"{run}-{attempt}"))
                    break
                except Stalled as stalled:
                    stalls += 1
                    if attempt == 2:
                        raise SystemExit(str(stalled)) from None
            ours.append(towline(given, folder, peer, run))
            shutil.rmtree(folder / f"data-{run}", ignore_errors=True)

    def row(name, times):
        rates = [given.jobs / took for took, _ in times]
        listed = ", ".join(f"{rate:.0f}" for rate in rates)
        submitted = common.median([submit for _, submit in times])
        return (
            name, f"median {common.median(rates):.0f} jobs/s ({listed}); all submitted after {submitted:.2f} s", rates,
        )

    ratio = common.median([given.jobs / took for took, _ in ours]) / common.median([given.jobs / t for t, _ in theirs])
    common.report(
        given, f"{given.jobs} jobs of {given.bytes} bytes, {given.concurrency} at once",
        common.heading(given, "aria2c") + [("origin, receiver", "peer.c, one process")],
        [
            row("aria2c", theirs), row("towline", ours),
            ("ratio", f"{ratio:.2f} × of aria2c's jobs/s; target 0.5 ×", ratio),
            ("runs in which aria2c stood still", f"{stalls}, repeated", stalls),
        ],
    )


if __name__ == "__main__":
    if not shutil.which("aria2c"):
        raise SystemExit("this needs aria2c: scripts/setup-venvs.sh --bench")
    main()
