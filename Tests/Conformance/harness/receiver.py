"""A receiver of callbacks that remembers every byte of them."""

import json
import threading
import time

from .web import Reply, WebServer


class Receiver(WebServer):
    """Answers 200 unless told otherwise and keeps every request in the order of arrival."""

    def __init__(self, **options):
        self._condition = threading.Condition()
        self._received = []
        self._scripts = {}
        self._failure = None
        super().__init__(**options)

    def script(self, path, *replies):
        """Answers a path with these replies in turn; the last one repeats. Returns the path's URL.

        A reply may be a function of the request that gives one; it is called with the receiver locked.
        """
        with self._condition:
            self._scripts[path] = list(replies)
        return self.url + path

    def received(self, path=None):
        with self._condition:
            return [request for request in self._received if path is None or request.path == path]

    def events(self, path=None):
        """The bodies as parsed JSON, in the order of arrival."""
        return [json.loads(request.body) for request in self.received(path)]

    def wait(self, count, path=None, timeout=20, where=None):
        """The requests at a path once there are `count` that `where(event)` accepts; fails after `timeout` seconds."""
        deadline = time.monotonic() + timeout

        def matching():
            return [
                request for request in self._received
                if (path is None or request.path == path) and (where is None or where(json.loads(request.body)))
            ]

        with self._condition:
            while len(found := matching()) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    everything = [(request.path, request.body[:300]) for request in self._received[-20:]]
                    raise AssertionError(
                        f"{len(found)} of {count} callbacks at {path or 'any path'} within {timeout} s; last: {everything}"
                    )
                self._condition.wait(left)
            return found

    def handle(self, request):
        with self._condition:
            self._received.append(request)
            script = self._scripts.get(request.path)
            self._condition.notify_all()
            if not script:
                return Reply(200, b"success")
            reply = script.pop(0) if len(script) > 1 else script[0]
            return reply(request) if callable(reply) else reply
