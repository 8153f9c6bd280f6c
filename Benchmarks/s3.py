"""One large pull over loopback into a bucket, against `rclone copyurl` to the same server, in turn, and its memory.

The store is moto's server, or any other by --endpoint, --bucket and the variables AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. The origin is peer.c: sendfile(2) from a file in memory. Towline's time runs from the signed
submission to the arrival of UploadByURLComplete; memory is the peak of the resident set, less that of the idle server.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote_plus

# This folder has a queue.py, which must not be taken for Python's own.
sys.path.append(sys.path.pop(0))
import queue  # noqa: E402, F401

import common  # noqa: E402
from pull import memory_file  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "Conformance"))

REGION = "us-east-1"


class Store:
    """moto without checks of signatures, or what was given."""

    def __init__(self, given):
        import boto3

        self.process = None
        if given.endpoint:
            self.url, self.name = given.endpoint, given.name
            self.key, self.secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        else:
            from harness.s3 import Moto

            self.moto = Moto(checks=False)
            self.process, self.url = self.moto, self.moto.url
            self.key, self.secret = "bench", "bench"
            self.name = common.first_line(sys.executable, "-c", "import moto; print('moto', moto.__version__)")
        self.bucket = given.bucket
        self.s3 = boto3.client(
            "s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id=self.key, aws_secret_access_key=self.secret,
        )
        try:
            self.s3.create_bucket(Bucket=self.bucket)
        except self.s3.exceptions.BucketAlreadyOwnedByYou:
            pass

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def take(self, size):
        """Removes the one object, which must have that size."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        if [item["Size"] for item in found] != [size]:
            raise SystemExit(f"the bucket holds {[(item['Key'], item['Size']) for item in found]}")
        self.s3.delete_object(Bucket=self.bucket, Key=found[0]["Key"])

    def stop(self):
        if self.process:
            self.process.stop()


class Peak(threading.Thread):
    """The most memory of a process, looked at every 20 ms."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, common.memory(self.pid)[0])

    def stop(self):
        self.over.set()
        self.join()
        return self.most


def rclone(store, url):
    environment = {
        "PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), "RCLONE_CONFIG": "", "RCLONE_CONFIG_B_TYPE": "s3",
        "RCLONE_CONFIG_B_PROVIDER": "Other", "RCLONE_CONFIG_B_ENDPOINT": store.url, "RCLONE_CONFIG_B_REGION": REGION,
        "RCLONE_CONFIG_B_ACCESS_KEY_ID": store.key, "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": store.secret,
    }
    # moto refuses the parts of rclone 1.60 with 400: there it sends the file in one call.
    whole = ["--s3-upload-cutoff", "5G"] if store.process else []
    started = time.perf_counter()
    subprocess.run(
        ["rclone", "copyurl", "--s3-no-check-bucket", *whole, url, f"b:{store.bucket}/rclone.mp4"], env=environment, check=True)
    return time.perf_counter() - started


def main():
    given = common.arguments(
        __doc__, mib=(2048, "size of the file in MiB"), runs=(5, "measured pulls of each"),
        timeout=(300.0, "for one pull"), endpoint=("", "another store's URL"), bucket=("bench", "the bucket, empty"),
        name=("another store", "what the store is called in the results"),
    )
    size = given.mib << 20
    source = memory_file(size)
    store = Store(given)
    ours, theirs, peaks = [], [], []
    try:
        with common.scratch(given) as folder, common.Peer(folder, source) as peer:
            location = f"s3://{store.bucket}?endpoint={store.url}&path-style=true&region={REGION}"
            with common.Towline(
                folder / "data", "--objects-url", location, program=given.bin, env=store.environment()
            ) as server:
                client = common.RawClient(server.api)
                client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
                time.sleep(1)
                idle = common.memory(server.pid)[0]
                for number in range(given.runs + 1):  # the first of each warms up
                    took = rclone(store, f"{peer.url}/file/{size}/rclone.mp4")
                    store.take(size)
                    peer.get("/reset")
                    peak = Peak(server.pid)
                    started = time.monotonic()
                    client.must("UploadMediaByURL", {"UploadURLs": quote_plus(f"{peer.url}/file/{size}/{number}.mp4")})
                    ended = peer.wait_for(1, given.timeout)
                    peaks.append(peak.stop() - idle)
                    store.take(size)
                    if number > 0:
                        theirs.append(took)
                        ours.append(ended - started)
    finally:
        store.stop()
        source.unlink(missing_ok=True)
    ratio = common.median(theirs) / common.median(ours)

    def row(name, times):
        rate = size / common.median(times) / (1 << 20)
        listed = ", ".join(f"{value:.2f}" for value in times)
        return name, f"median {common.median(times):.2f} s, {rate:.0f} MiB/s ({listed})", times

    common.report(
        given, f"one pull of {given.mib} MiB over loopback into a bucket, plain HTTP",
        common.heading(given, "rclone") + [("origin", f"peer.c, sendfile from {source.parent} (tmpfs)"),
                                          ("store", store.name)],
        [
            row("rclone copyurl", theirs), row("towline", ours),
            ("throughput ratio", f"{ratio:.2f} × rclone copyurl; target 1.0 ×", ratio),
            ("memory over idle", f"{common.mib(max(peaks))} at most (idle {common.mib(idle)}); target 64 MiB", max(peaks)),
        ],
    )


if __name__ == "__main__":
    if not shutil.which("rclone"):
        raise SystemExit("this needs rclone: scripts/setup-venvs.sh --bench")
    main()
