"""Runs every benchmark of this folder in turn and prints the results, with ratios, as one page.

`run.py [--quick] [NAME…]`: all of them by default; `--quick` takes fewer and smaller runs, to see that everything works.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

FULL = {
    "start": [], "idle": [], "pull": [], "s3": [], "parallel": [], "resets": [], "drip": [], "transfers": [], "jobs": [],
    "events": [], "latency": [], "backlog": [],
    "queue": [], "pgstore": [],
}
QUICK = {
    "start": ["--runs", "5"], "idle": ["--runs", "1", "--settle", "4", "--jobs", "200"],
    "pull": ["--runs", "1", "--mib", "256"], "s3": ["--runs", "1", "--mib", "256"], "parallel": ["--runs", "1", "--mib", "256"],
    "resets": ["--runs", "1", "--mib", "256"], "drip": ["--transfers", "100", "--watch", "3"],
    "transfers": ["--transfers", "50", "--mib", "16", "--hold", "2"],
    "jobs": ["--runs", "1", "--jobs", "1000"], "events": ["--runs", "1", "--events", "5000"],
    "latency": ["--jobs", "50"], "backlog": ["--runs", "1", "--backlog", "50000", "--events", "5000"],
    "queue": [
        "--runs", "1", "--messages", "6000", "--batched", "32000", "--wakes", "200", "--waiting", "100", "--backlog",
        "50000", "--drained", "3000",
    ],
    "pgstore": ["--runs", "1", "--rounds", "60", "--waiting", "20000", "--hold", "5"],
}
LONGEST_SECONDS = 1800


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs")
    parser.add_argument("--bin", help="the binary (default: TOWLINE_BIN or the release build)")
    parser.add_argument("--folder", help="where data folders are made")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(FULL)}")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in FULL]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(FULL)}")
    passed = [item for name in ("bin", "folder") if getattr(given, name) for item in (f"--{name}", getattr(given, name))]
    failed = []
    for name in given.names or FULL:
        started = time.monotonic()
        options = (QUICK if given.quick else FULL)[name]
        script = Path(__file__).with_name(name + ".py")
        try:
            done = subprocess.run([sys.executable, str(script), *passed, *options], timeout=LONGEST_SECONDS)
            if done.returncode != 0:
                failed.append(name)
        except subprocess.TimeoutExpired:
            failed.append(name)
            print(f"{name} did not end within {LONGEST_SECONDS} s")
        print(f"({name}: {time.monotonic() - started:.0f} s)\n", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
