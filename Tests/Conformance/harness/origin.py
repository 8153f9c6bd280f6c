"""A scripted source of files."""

import hashlib
import os
import threading

from .waiting import eventually
from .web import Reply, WebServer

_BLOCK = hashlib.shake_128(b"towline test bytes").digest(1 << 20)


def sample(name, size):
    """`size` bytes that are the same for a name every time and differ between names, cheap to make."""
    head = hashlib.sha256(name.encode()).digest()
    start = int.from_bytes(head[:3], "big") % (1 << 19)
    body = head[:size]
    while len(body) < size:
        body += _BLOCK[start:start + size - len(body)]
        start = 0
    return body


class Origin(WebServer):
    """Serves what was put under each path and keeps a log of the requests.

    Paths of the form `/sample/NAME/SIZE.mp4` need no preparation: they serve `sample(NAME, SIZE)`.
    """

    def __init__(self, **options):
        self._lock = threading.Lock()
        self._routes = {}
        self._log = []
        super().__init__(**options)

    def put(self, path, answer):
        """Serves bytes, a Reply, a list of Replies in turn (the last one repeats), or a function of the request.

        Returns the URL of the path, which is used as it is: quote it before where it needs quoting.
        """
        with self._lock:
            self._routes[path] = answer
        return self.url + path

    def sample_url(self, name, size, extension="mp4"):
        return f"{self.url}/sample/{name}/{size}.{extension}"

    def requests(self, path=None):
        with self._lock:
            return [request for request in self._log if path is None or request.path == path]

    def wait_for_requests(self, count, path=None, timeout=20):
        """The requests for a path once there are `count` of them."""
        return eventually(
            lambda: (found := self.requests(path)) and len(found) >= count and found, timeout,
            f"{count} requests for {path or 'any path'} at the origin",
        )

    def handle(self, request):
        path = request.path
        with self._lock:
            self._log.append(request)
            answer = self._routes.get(path)
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, (bytes, bytearray, memoryview)):
            answer = Reply(200, answer, [("Content-Type", "video/mp4")])
        if answer is None and path.startswith("/sample/"):
            _, _, name, file = path.split("/", 3)
            answer = Reply(200, sample(name, int(os.path.splitext(file)[0])), [("Content-Type", "video/mp4")])
        return answer


def redirect(location, status=302):
    """A reply that sends the client elsewhere."""
    return Reply(status, b"elsewhere", [("Location", location)])
