"""A name server for names that change: it answers what it was told last, with a time to live of nought."""

import socket
import struct
import threading

_A, _AAAA = 1, 28


class NameServer:
    """Answers A and AAAA queries over UDP on a free loopback port until stopped."""

    def __init__(self, host="127.0.0.1"):
        self._lock = threading.Lock()
        self._names = {}
        self._asked = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def set(self, name, *addresses):
        """What the name has from now on; without addresses it does not exist."""
        with self._lock:
            self._names[name.lower()] = addresses

    def asked(self, name=None):
        """The names that were asked for, or how often this one was."""
        with self._lock:
            return list(self._asked) if name is None else self._asked.count(name.lower())

    def stop(self):
        if self._socket.fileno() < 0:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join(10)
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        while True:
            query, sender = self._socket.recvfrom(4096)
            if not query:
                return
            try:
                self._socket.sendto(self._answer(query), sender)
            except (OSError, struct.error, IndexError):
                pass  # not a query, or nobody waits for its answer

    def _answer(self, query):
        number, flags, questions = struct.unpack("!HHH", query[:6])
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        kind, _ = struct.unpack("!HH", query[at + 1:at + 5])
        question = query[12:at + 5]
        name = ".".join(labels).lower()
        with self._lock:
            self._asked.append(name)
            addresses = self._names.get(name, ())
        family = {_A: socket.AF_INET, _AAAA: socket.AF_INET6}.get(kind)
        records = []
        for address in addresses:
            if family == (socket.AF_INET6 if ":" in address else socket.AF_INET):
                data = socket.inet_pton(family, address)
                records.append(struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(data)) + data)
        # An answer, authoritative, recursion as asked for; 3 says that there is no such name.
        flags = 0x8480 | flags & 0x0100 | (0 if addresses else 3)
        return struct.pack("!HHHHHH", number, flags, 1, len(records), 0, 0) + question + b"".join(records)
