"""Bytes read in all of a file whose origin resets every connection after so many bytes.

Counted at the origin (origin.py): what it handed to the kernel, so what Towline read and never used counts too.
"""

import time
from urllib.parse import quote_plus

import common
from origin import Origin
from pull import memory_file


def main():
    given = common.arguments(
        __doc__, mib=(1024, "size of the file in MiB"), every=(64, "MiB after which a connection is reset"),
        runs=(3, "measured pulls"), timeout=(300.0, "for one pull"),
    )
    size, every = given.mib << 20, given.every << 20
    source = memory_file(size)
    shares, requests, attempts, times = [], [], [], []
    try:
        with common.scratch(given) as folder, Origin(source) as origin, common.Peer(folder) as peer:
            with common.Towline(folder / "data", program=given.bin) as server:
                client = common.RawClient(server.api)
                client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
                for number in range(given.runs):
                    origin.ask("zero")
                    peer.get("/reset")
                    started = time.monotonic()
                    answer = client.must("UploadMediaByURL", {
                        "UploadURLs": quote_plus(f"{origin.url}/0/{every}/{size}/{number}.mp4")})
                    times.append(peer.wait_for(1, given.timeout) - started)
                    job = answer["UploadJobs"][0]["JobId"]
                    info = client.infos(job)[job]
                    if info["FileSize"] != str(size):
                        raise SystemExit(f"the job ended as {info}")
                    facts = origin.ask("facts")
                    shares.append(facts["sent"] / size)
                    requests.append(facts["requests"])
                    attempts.append(common.Admin(server.admin).get(f"/jobs/{job}")["attempts"])
                    for path in server.media_files(info["MediaId"]):
                        path.unlink()
    finally:
        source.unlink(missing_ok=True)
    common.report(
        given, f"{given.mib} MiB from an origin that resets every {given.every} MiB", common.heading(given),
        [
            ("bytes read", f"{max(shares):.4f} × of the file at most ({', '.join(f'{s:.4f}' for s in shares)}); "
                           "target 1.02 ×", shares),
            ("requests", f"{requests} in {attempts} attempts", requests),
            ("time", ", ".join(f"{value:.2f} s" for value in times), times),
        ],
    )


if __name__ == "__main__":
    main()
