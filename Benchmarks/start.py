"""Start of `towline dev` to the first signed answer: the time from fork to the last byte of the answer."""

import http.client
import subprocess
import time

import common
from rawclient import EMPTY_HASH, timestamp, v3_canonical_request, v3_signature


def signed_get(address, key="towline-dev", secret="towline-dev-secret"):
    """Status of one signed GetMessageCallback."""
    headers = {
        "host": address, "x-acs-action": "GetMessageCallback", "x-acs-version": "2017-03-21",
        "x-acs-date": timestamp(), "x-acs-signature-nonce": str(time.monotonic_ns()),
        "x-acs-content-sha256": EMPTY_HASH,
    }
    names = sorted(headers)
    signature = v3_signature(secret, v3_canonical_request("GET", "/", [], headers, names, EMPTY_HASH))
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={';'.join(names)},Signature={signature}"
    )
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def once(given, folder, flags):
    started = time.perf_counter()
    process = subprocess.Popen(
        [given.bin, "dev", "--api-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *flags],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=common.clean_environment(), cwd=folder,
    )
    try:
        for line in process.stdout:
            if "ready api=" in line:
                address = line.split("ready api=http://")[1].split()[0]
                break
        else:
            raise SystemExit("towline ended before it was ready")
        status = signed_get(address)
        took = time.perf_counter() - started
        if status != 200:
            raise SystemExit(f"the first answer was {status}")
        return took * 1000
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
        process.stdout.close()


def main():
    given = common.arguments(__doc__, runs=(21, "measured starts, after two that warm the cache"))
    results = []
    with common.scratch(given) as folder:
        for title, flags in (
            ("temporary data", lambda n: []), ("new data folder", lambda n: ["--data", str(folder / f"data-{n}")]),
        ):
            times = [once(given, folder, flags(number)) for number in range(given.runs + 2)][2:]
            results.append((
                title,
                f"median {common.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f} ms, {len(times)} runs; "
                f"target 50 ms",
                {"median_ms": common.median(times), "all_ms": times},
            ))
    common.report(given, "start of `towline dev` to the first signed answer", common.heading(given), results)


if __name__ == "__main__":
    main()
