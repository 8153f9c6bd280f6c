#!/usr/bin/env python3
"""Submits URLs with the official SDK, unchanged, and prints the jobs as one line of JSON.

    pip install alibabacloud_vod20170321==3.12.1
    towline dev                                  # prints the variables below; export them
    python3 examples/python/submit.py https://media.example.com/lesson-01.mp4

Reads TOWLINE_API_URL (default http://127.0.0.1:8787), TOWLINE_ACCESS_KEY_ID and TOWLINE_ACCESS_KEY_SECRET (default:
those of `towline dev`). Prints {"jobs":[{"JobId":…,"SourceURL":…}]}. Exit code 1 if the server refuses, 2 for wrong
usage, 3 if it is out of reach.
"""

import json
import os
import sys
from urllib.parse import quote, urlsplit

from alibabacloud_tea_openapi.models import Config
from alibabacloud_vod20170321.client import Client
from alibabacloud_vod20170321.models import UploadMediaByURLRequest
from darabonba.exceptions import DaraException, UnretryableException

API_URL = os.environ.get("TOWLINE_API_URL") or "http://127.0.0.1:8787"
URLS_PER_CALL = 20


def make_client():
    """The SDK speaks to whatever endpoint its configuration names; plain HTTP must be asked for."""
    address = urlsplit(API_URL)
    return Client(Config(
        access_key_id=os.environ.get("TOWLINE_ACCESS_KEY_ID") or "towline-dev",
        access_key_secret=os.environ.get("TOWLINE_ACCESS_KEY_SECRET") or "towline-dev-secret",
        endpoint=address.netloc,
        protocol=address.scheme,
    ))


def submit(client, urls):
    """Each URL is encoded as a whole before they are joined, so that commas within one survive."""
    joined = ",".join(quote(url, safe="") for url in urls)
    answer = client.upload_media_by_url(UploadMediaByURLRequest(upload_urls=joined))
    return [{"JobId": job.job_id, "SourceURL": job.source_url} for job in answer.body.upload_jobs or []]


def main(urls):
    if not urls:
        print("usage: submit.py URL…", file=sys.stderr)
        return 2
    client = make_client()
    jobs = []
    try:
        for start in range(0, len(urls), URLS_PER_CALL):
            jobs += submit(client, urls[start:start + URLS_PER_CALL])
    except DaraException as error:
        first_line = (error.message or "").splitlines()[:1]
        print(f"error: {error.code}:", *first_line, file=sys.stderr)
        return 1
    except UnretryableException:
        print(f"error: no VOD API answers at {API_URL}; start one with 'towline dev'", file=sys.stderr)
        return 3
    print(json.dumps({"jobs": jobs}, ensure_ascii=False, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
