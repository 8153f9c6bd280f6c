"""A name server for names that change: it answers what it was told last, with a time to live of nought."""

import socket
import struct
import threading
import time

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


class Question:
    """One question as it came, with what its answers are made of."""

    def __init__(self, message, over_tcp):
        self.number, self.flags = struct.unpack("!HH", message[:4])
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("ascii", "replace"))
            at += 1 + message[at]
        self.name = ".".join(labels).lower()
        [self.kind] = struct.unpack("!H", message[at + 1:at + 3])
        self.section = message[12:at + 5]
        self.over_tcp = over_tcp

    def message(self, records=(), code=0, truncated=False, number=None, section=None, flags=None):
        """An answer with records that are written already."""
        if flags is None:
            flags = 0x8480 | self.flags & 0x0100 | code | (0x0200 if truncated else 0)
        head = struct.pack(
            "!HHHHHH", self.number if number is None else number, flags, 1, len(records), 0, 0)
        return head + (self.section if section is None else section) + b"".join(records)


def encoded(name):
    """A name as messages carry it, uncompressed."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(owner, kind, data):
    """One record of class IN with a time to live of nought."""
    return encoded(owner) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def addresses(*texts, aliases=()):
    """Answers with these addresses, those of the family that was asked for, behind aliases one after the other."""

    def reply(question):
        owner, records = question.name, []
        for alias in aliases:
            records.append(record(owner, 5, encoded(alias)))
            owner = alias
        for text in texts:
            family, kind = (socket.AF_INET6, _AAAA) if ":" in text else (socket.AF_INET, _A)
            if kind == question.kind:
                records.append(record(owner, kind, socket.inet_pton(family, text)))
        return [question.message(records)]

    return reply


def alias(target):
    """Answers that the name is another one's alias, and says nothing about that one."""
    return lambda question: [question.message([record(question.name, 5, encoded(target))])]


def failure(code):
    """Answers with an error: 2 server failure, 3 no such name, 5 refused."""
    return lambda question: [question.message(code=code)]


def silence(question):
    """Answers nothing."""
    return []


def cut(question):
    """Answers by UDP that the answer is cut."""
    return [question.message(truncated=True)]


def by_family(v4, v6):
    """Answers questions for IPv4 and IPv6 addresses differently."""
    return lambda question: (v4 if question.kind == _A else v6)(question)


def by_way(udp, tcp):
    """Answers by UDP and by TCP differently."""
    return lambda question: (tcp if question.over_tcp else udp)(question)


def in_order(*replies):
    """Sends the messages of several answers one after the other."""
    return lambda question: [message for reply in replies for message in reply(question)]


def late(seconds, reply):
    """Answers after some time."""

    def answer(question):
        time.sleep(seconds)
        return reply(question)

    return answer


class ScriptedNameServer:
    """Answers each name by its script, over UDP and TCP on one free loopback port, until stopped.

    A script is a list of replies, functions of a question that give messages to send: each question of a type takes the
    next one, and the last one stays. Each question is answered in a thread of its own, so that a late answer holds nothing
    up.
    """

    def __init__(self, host="127.0.0.1", tcp=True):
        self._lock = threading.Lock()
        self._scripts = {}
        self._turns = {}
        self._asked = []
        self._listener = None
        while True:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((host, 0))
            if not tcp:
                break
            try:
                self._listener = socket.create_server(self._socket.getsockname())
                break
            except OSError:
                self._socket.close()
        self.address = "{}:{}".format(*self._socket.getsockname())
        threading.Thread(target=self._serve_datagrams, daemon=True).start()
        if self._listener:
            threading.Thread(target=self._serve_streams, daemon=True).start()

    def script(self, name, *replies):
        """What a name is answered from now on."""
        with self._lock:
            self._scripts[name.lower()] = replies
            self._turns = {key: turn for key, turn in self._turns.items() if key[0] != name.lower()}

    def asked(self, name=None):
        """(name, type, over TCP) of the questions up to now, or those for one name."""
        with self._lock:
            return [each for each in self._asked if name is None or each[0] == name.lower()]

    def stop(self):
        for each in (self._socket, self._listener):
            if each:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                each.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _answers(self, message, over_tcp):
        question = Question(message, over_tcp)
        with self._lock:
            self._asked.append((question.name, question.kind, over_tcp))
            replies = self._scripts.get(question.name, (failure(3),))
            key = (question.name, question.kind)
            # By TCP the same question comes a second time.
            turn = self._turns.get(key, 0)
            if not over_tcp:
                self._turns[key] = turn + 1
            else:
                turn -= 1
        return replies[min(turn, len(replies) - 1)](question)

    def _serve_datagrams(self):
        while True:
            try:
                message, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if not message:
                return
            threading.Thread(target=self._answer_datagram, args=(message, sender), daemon=True).start()

    def _answer_datagram(self, message, sender):
        try:
            for answer in self._answers(message, False):
                self._socket.sendto(answer, sender)
        except (OSError, struct.error, IndexError):
            pass  # not a question, or nobody waits for its answer

    def _serve_streams(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_stream, args=(connection,), daemon=True).start()

    def _answer_stream(self, connection):
        with connection:
            try:
                connection.settimeout(20)
                [length] = struct.unpack("!H", self._read(connection, 2))
                for answer in self._answers(self._read(connection, length), True):
                    connection.sendall(struct.pack("!H", len(answer)) + answer)
            except (OSError, struct.error, IndexError):
                pass

    @staticmethod
    def _read(connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise OSError("the client is gone")
            data += more
        return data
