"""A mixture of sources, and a client that submits them over and over until each call is acknowledged or in doubt."""

import http.client
import random
import threading
from urllib.parse import quote_plus

from harness.origin import redirect, sample
from harness.web import Reply
from rawclient import RawClient

PER_CALL = 20


def make_events(client, origin, count, name="event", **params):
    """Submits `count` jobs that fail at once, which makes one UploadByURLComplete each; returns their ids."""
    urls = [f"{origin.url}/missing/{name}-{number}.mp4" for number in range(count)]
    jobs = []
    for start in range(0, count, PER_CALL):
        jobs += client.submit(*urls[start:start + PER_CALL], **params)
    return jobs


class Load:
    """`count` jobs at an origin: mostly small files, some large, redirected, failing for good or only once."""

    def __init__(self, origin, count, seed):
        self.origin = origin
        self.expected = {}  # URL -> bytes, or None for a failure
        mix = random.Random(seed)
        for number in range(count):
            name = f"{seed}-{number}"
            kind = mix.random()
            if kind < 0.80:
                size = mix.randint(0, 40_000)
            elif kind < 0.90:
                size = mix.randint(200_000, 700_000)  # on both sides of what rides in the database
            else:
                size = mix.randint(1, 4000)
            url = origin.sample_url(name, size)
            body = sample(name, size)
            if kind >= 0.96:
                url = f"{origin.url}/missing/{name}.mp4"
                body = None
            elif kind >= 0.94:
                url = origin.put(f"/moved/{name}.mp4", redirect(url))
            elif kind >= 0.92:
                url = origin.put(f"/shaky/{name}.mp4", [Reply(503, b"later"), Reply(200, body)])
            elif kind >= 0.90:
                url = origin.put(f"/cut/{name}.mp4", [Reply(200, body, cut=len(body) // 2), Reply(200, body)])
            self.expected[url] = body
        urls = list(self.expected)
        self.calls = [urls[start:start + PER_CALL] for start in range(0, len(urls), PER_CALL)]

    @property
    def total_events(self):
        return sum(1 if body is None else 2 for body in self.expected.values())


class Submitter:
    """Sends the calls of a load on its own thread, at whatever address `point` named last.

    A call that broke off is in doubt: its jobs may exist. It is not repeated, since a new call would make new jobs.

    With `held` it sends only as many calls as `release` lets go.
    """

    def __init__(self, load, held=False):
        self.load = load
        self.acknowledged = {}  # job id -> expected bytes or None
        self.answers = []  # (nonce, params) of acknowledged calls
        self.in_doubt = []
        self.refused = []
        self.calls_done = 0
        self._left = list(load.calls)
        self._released = 0 if held else len(self._left)
        self._client = None
        self._going = threading.Condition()
        self._stopped = False
        self._calling = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def point(self, api):
        """Goes on at this address; None pauses."""
        with self._going:
            self._client = RawClient(api, timeout=60) if api else None
            self._going.notify_all()

    def release(self, count):
        """Lets so many more calls go."""
        with self._going:
            self._released += count
            self._going.notify_all()

    def settle(self, timeout=60):
        """Pauses and waits until the call on its way has ended, well or badly."""
        self.point(None)
        with self._going:
            assert self._going.wait_for(lambda: not self._calling, timeout), "a call neither ends nor breaks off"

    @property
    def done(self):
        return not self._thread.is_alive()

    def join(self, timeout=300):
        self._thread.join(timeout)
        assert self.done, "the submitter hangs"

    def stop(self):
        with self._going:
            self._stopped = True
            self._going.notify_all()
        self.join()

    def _run(self):
        number = 0
        while self._left:
            self._call_ended()
            with self._going:
                while (self._client is None or self._released == 0) and not self._stopped:
                    self._going.wait()
                if self._stopped:
                    return
                client = self._client
                self._calling = True
                self._released -= 1
            urls = self._left.pop(0)
            number += 1
            nonce = f"load-{id(self.load)}-{number}"
            params = {"UploadURLs": ",".join(quote_plus(url) for url in urls)}
            try:
                answer = client.call("UploadMediaByURL", params, style="v1" if number % 2 else "v3", nonce=nonce)
            except (OSError, http.client.HTTPException):
                self._broken(urls, client)
                continue
            if answer.status != 200:
                self.refused.append(answer)
                continue
            for url, job in zip(urls, answer.json["UploadJobs"], strict=True):
                self.acknowledged[job["JobId"]] = self.load.expected[url]
            self.answers.append((nonce, params))
            self.calls_done += 1
        self._call_ended()

    def _call_ended(self):
        with self._going:
            self._calling = False
            self._going.notify_all()

    def _broken(self, urls, client):
        self.in_doubt.append(urls)
        with self._going:
            if self._client is client:
                self._client = None
