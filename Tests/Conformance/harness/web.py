"""A small HTTP/1.1 server on an event loop of its own thread, quick enough to stand at both ends of the tests."""

import asyncio
import socket
import struct
import threading
import time
from urllib.parse import parse_qsl, urlsplit

_PIECE = 64 * 1024
_REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
    307: "Temporary Redirect", 404: "Not Found", 410: "Gone", 500: "Internal Server Error", 503: "Service Unavailable",
}


class Request:
    """One request as it arrived."""

    __slots__ = ("method", "target", "headers", "body", "at", "connection")

    def __init__(self, method, target, headers, body, at, connection):
        self.method = method
        self.target = target
        self.headers = headers  # list of (name, value) in the order of the wire
        self.body = body
        self.at = at  # time.monotonic() when the last byte had arrived
        self.connection = connection  # counts connections from 1

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name):
        """The value of a header whatever its case, or None."""
        wanted = name.lower()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value
        return None


class Gate:
    """Holds answers back until it is opened, from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._open = False
        self._waiting = []

    def open(self):
        """Lets everything through, now and later."""
        with self._lock:
            self._open = True
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(lambda f=future: f.done() or f.set_result(None))
            except RuntimeError:
                pass  # that loop has ended

    async def passed(self):
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._open:
                return
            future = loop.create_future()
            self._waiting.append((loop, future))
        await future


class Reply:
    """How a request is answered."""

    def __init__(
        self, status=200, body=b"", headers=(), *, length=None, cut=None, gate=None, gate_after=None, rate=None,
        delay=None, close=False, reset=False,
    ):
        self.status = status
        self.body = body
        self.headers = list(headers)
        self.length = length  # announced instead of the real length; False announces none and ends by closing
        self.cut = cut  # the connection is closed after so many bytes of the body
        self.gate = gate  # nothing is sent before it opens …
        self.gate_after = gate_after  # … or nothing after the head and so many bytes of the body
        self.rate = rate  # bytes a second
        self.delay = delay  # seconds before the head
        self.close = close  # the connection ends afterwards
        self.reset = reset  # nothing is answered, and the connection is reset

    @property
    def is_plain(self):
        return (
            self.cut is None and self.gate is None and self.rate is None and self.delay is None
            and self.length is not False and len(self.body) <= 4 * _PIECE
        )

    def head(self, method):
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}"]
        names = {name.lower() for name, _ in self.headers}
        if self.length is not False and "content-length" not in names and "transfer-encoding" not in names:
            if self.status not in (204, 304):
                lines.append(f"Content-Length: {len(self.body) if self.length is None else self.length}")
        if self.length is False or self.close:
            lines.append("Connection: close")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server = server
        self.buffer = bytearray()
        self.transport = None
        self.task = None
        self.writable = None
        self.number = 0

    def connection_made(self, transport):
        self.transport = transport
        self.number = self.server._connected(self)

    def connection_lost(self, _):
        self.server._connections.discard(self)
        if self.task:
            self.task.cancel()
        if self.writable and not self.writable.done():
            self.writable.set_result(None)

    def pause_writing(self):
        self.writable = asyncio.get_running_loop().create_future()

    def resume_writing(self):
        if self.writable and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    def data_received(self, data):
        self.buffer += data
        if self.task is None:
            self._advance()

    def _advance(self):
        while self.task is None and not self.transport.is_closing():
            request = self._take()
            if request is None:
                return
            self._answer(request)

    def _take(self):
        """One request off the buffer, or None while it is not complete."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = []
        length = 0
        chunked = False
        for line in lines[1:]:
            name, _, value = line.partition(":")
            value = value.strip()
            headers.append((name, value))
            lowered = name.lower()
            if lowered == "content-length":
                length = int(value)
            elif lowered == "transfer-encoding":
                chunked = "chunked" in value.lower()
            elif lowered == "expect" and value.lower() == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        start = end + 4
        if chunked:
            parsed = self._chunked(start)
            if parsed is None:
                return None
            body, after = parsed
        else:
            after = start + length
            if len(self.buffer) < after:
                return None
            body = bytes(self.buffer[start:after])
        del self.buffer[:after]
        return Request(method, target, headers, body, time.monotonic(), self.number)

    def _chunked(self, at):
        body = bytearray()
        while True:
            line = self.buffer.find(b"\r\n", at)
            if line < 0:
                return None
            size = int(self.buffer[at:line].split(b";")[0], 16)
            if size == 0:
                end = self.buffer.find(b"\r\n", line + 2)
                return None if end < 0 else (bytes(body), end + 2)
            if len(self.buffer) < line + 2 + size + 2:
                return None
            body += self.buffer[line + 2:line + 2 + size]
            at = line + 2 + size + 2

    def _answer(self, request):
        reply = self.server.handle(request)
        if reply is None:
            reply = Reply(404)
        if reply.reset:
            self._reset()
            return
        sends_body = request.method != "HEAD" and reply.status not in (204, 304)
        if reply.is_plain:
            head = reply.head(request.method)
            self.transport.write(head + reply.body if sends_body else head)
            if reply.close:
                self.transport.close()
            return
        self.task = asyncio.get_running_loop().create_task(self._stream(request, reply, sends_body))
        self.task.add_done_callback(self._streamed)

    def _reset(self):
        # Closing with a linger time of nought sends a reset instead of an end.
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _streamed(self, task):
        self.task = None
        if not task.cancelled() and task.exception() is not None:
            self.transport.abort()
        elif not self.transport.is_closing():
            self._advance()

    async def _stream(self, request, reply, sends_body):
        if reply.delay is not None:
            await asyncio.sleep(reply.delay)
        if reply.gate is not None and reply.gate_after is None:
            await reply.gate.passed()
        self.transport.write(reply.head(request.method))
        body = memoryview(reply.body if sends_body else b"")
        end = len(body) if reply.cut is None else min(reply.cut, len(body))
        at = 0
        piece = _PIECE if reply.rate is None else max(1, min(_PIECE, reply.rate // 10))
        while at < end:
            if reply.gate is not None and reply.gate_after is not None and at >= reply.gate_after:
                await reply.gate.passed()
            stop = min(end, at + piece)
            if reply.gate_after is not None and at < reply.gate_after:
                stop = min(stop, reply.gate_after)
            self.transport.write(body[at:stop])
            at = stop
            if self.writable is not None:
                await self.writable
            if self.transport.is_closing():
                return
            if reply.rate is not None:
                await asyncio.sleep(piece / reply.rate)
        if reply.gate is not None and reply.gate_after is not None and end <= reply.gate_after:
            await reply.gate.passed()
        if reply.cut is not None or reply.length is False or reply.close:
            self.transport.close()


class WebServer:
    """Serves `handle(request)` on a free loopback port until stopped. Subclasses override `handle`."""

    def __init__(self, host="127.0.0.1", port=0):
        self._connections = set()
        self._count = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(host, port), daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure

    def handle(self, request):
        """The reply to a request; called on the server's thread. None is a 404."""
        raise NotImplementedError

    @property
    def connection_count(self):
        return self._count

    def stop(self):
        """Closes the listener and every connection, and ends the thread."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._close)
        self._thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _connected(self, connection):
        self._count += 1
        self._connections.add(connection)
        return self._count

    def _run(self, host, port):
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                self._loop.create_server(lambda: _Connection(self), host, port, backlog=1024)
            )
        except OSError as error:
            self._failure = error
            self._ready.set()
            return
        self.host, self.port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{self.host}:{self.port}"
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            pending = asyncio.all_tasks(self._loop)
            for task in pending:
                task.cancel()
            if pending:
                self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            self._loop.run_until_complete(server.wait_closed())
            self._loop.close()

    def _close(self):
        for connection in list(self._connections):
            connection.transport.abort()
        self._loop.stop()
