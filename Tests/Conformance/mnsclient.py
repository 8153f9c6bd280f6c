"""A signed client for queues of its own, for requests that the vendor's Python clients do not send.

Each part of a request can be replaced; nothing is normalised on the way. `PROFILES` are the ways in which the vendor's
clients of other languages write the same requests.
"""

import base64
import hashlib
import hmac
import http.client
import re
import socket
import time
import xml.etree.ElementTree as ElementTree
from email.utils import formatdate
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

VERSION = "2015-06-06"
NAMESPACE = "http://mns.aliyuncs.com/doc/v1"
SLASHED = NAMESPACE + "/"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'


# -- Signatures


def v2_string_to_sign(method, target, headers):
    """What the default signature covers; `headers` are pairs with names in any case."""
    fields = {name.lower(): value.strip() for name, value in headers}
    own = "".join(f"{name}:{fields[name]}\n" for name in sorted(fields) if name.startswith("x-mns-"))
    date = fields.get("date", fields.get("x-mns-date", ""))
    return "\n".join([method, fields.get("content-md5", ""), fields.get("content-type", ""), date, own + target])


def v2_signature(secret, text):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


PUBLIC = ("MNS4-HMAC-SHA256", "aliyun_v4")
PRIVATE = ("APSARA-MNS4-HMAC-SHA256", "apsara_v4")


def v4_string_to_sign(method, target, headers, moment, region, variant=PUBLIC):
    """What version 4 covers; `moment` is yyyyMMdd'T'HHmmss'Z'."""
    path, _, query = target.partition("?")
    pairs = []
    for piece in query.split("&") if query else []:
        name, _, value = piece.partition("=")
        pairs.append((quote(name.lower(), safe="-_.~"), quote(value.strip(), safe="-_.~")))
    canonical = "&".join(f"{name}={value}" if value else name for name, value in sorted(pairs))
    fields = {name.lower(): value.strip() for name, value in headers}
    lines = "".join(
        f"{name}:{fields[name]}\n" for name in sorted(fields)
        if name in ("content-type", "content-md5") or name.startswith("x-mns-")
    )
    scope = f"{moment[:8]}/{region}/mns/{variant[1]}_request"
    return "\n".join([variant[0], moment, scope, method, quote(path, safe="/-_.~"), canonical, lines]) + "\n"


def v4_signature(secret, text, day, region, variant=PUBLIC):
    key = (variant[1] + secret).encode()
    for step in (day, region, "mns", variant[1] + "_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# -- Forms of values


def date(offset=0):
    """The time in the form of `Date`, `offset` seconds from now."""
    return formatdate(time.time() + offset, usegmt=True)


def md5_of_hex(body):
    """`Content-MD5` as most of the vendor's clients send it: base64 of the lower-case hexadecimal text."""
    return base64.b64encode(hashlib.md5(body).hexdigest().encode()).decode()


def md5_of_bytes(body):
    """`Content-MD5` as RFC 1864 has it."""
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def body_md5(text):
    """`MessageBodyMD5` of a body as on the wire."""
    return hashlib.md5(text.encode() if isinstance(text, str) else text).hexdigest().upper()


def element(name, value):
    return f"<{name}>{escape(str(value))}</{name}>"


def document(root, inner="", namespace=SLASHED, declaration=DECLARATION):
    """An XML document with one root; `inner` is XML."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f"{declaration}<{root}{attribute}>{inner}</{root}>".encode()


def message_xml(body, **values):
    return element("MessageBody", body) + "".join(element(name, value) for name, value in values.items())


# -- Answers


class Answer:
    """A response: status, headers as they came, body, and the body read as XML."""

    def __init__(self, status, headers, body):
        self.status = status
        self.header_list = headers
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def root(self):
        return ElementTree.fromstring(self.body)

    @property
    def name(self):
        """The root's local name."""
        return local(self.root)

    @property
    def values(self):
        """The texts of the root's children by local name."""
        return texts(self.root)

    def entries(self, name):
        """The children of a name, each as a dictionary of its texts."""
        return [texts(child) for child in self.root if local(child) == name]

    @property
    def code(self):
        """The error's code; None when the body is no error."""
        if not self.body:
            return None
        return self.values.get("Code") if self.name == "Error" else None

    @property
    def error_message(self):
        return self.values.get("Message", "")

    def __repr__(self):
        return f"<{self.status} {self.header_list} {self.body[:800]!r}>"


def local(node):
    return node.tag.rpartition("}")[2]


def texts(node):
    return {local(child): child.text or "" for child in node}


# -- Ways of the clients


class Profile:
    """How one client writes requests (mns-api.md, the table of section 8)."""

    def __init__(
        self, name, *, header="lower", content_type="text/xml;charset=UTF-8", types="body", md5=None, md5_on="body",
        namespace=SLASHED, declaration=DECLARATION, handles="raw", dates=("date",), empty_length=(), expect=False,
        defaults=False, version=2, spelling="ReceiptHandle", user_request_id=False, extra=(),
    ):
        self.name = name
        self.header = header
        self.content_type = content_type
        self.types = types  # where Content-Type goes: "body", "always", "not-get"
        self.md5 = md5
        self.md5_on = md5_on
        self.namespace = namespace
        self.declaration = declaration
        self.handles = handles
        self.dates = dates
        self.empty_length = empty_length
        self.expect = expect
        self.defaults = defaults  # whether DelaySeconds and Priority are sent as 0 when they are not set
        self.version = version
        self.spelling = spelling
        self.user_request_id = user_request_id
        self.extra = extra

    def spelt(self, name):
        return "-".join(part.capitalize() for part in name.split("-")) if self.header == "title" else name

    def document(self, root, inner=""):
        return document(root, inner, self.namespace, self.declaration)

    def message(self, body, **values):
        if self.defaults:
            values = {"DelaySeconds": 0, "Priority": 0, **values}
        return message_xml(body, **values)

    def handle_target(self, queue, handle, visibility=None):
        handle = quote(handle, safe="") if self.handles == "escaped" else handle
        timeout = "VisibilityTimeout" if self.spelling[0] == "R" else "visibilityTimeout"
        tail = "" if visibility is None else f"&{timeout}={visibility}"
        return f"/queues/{queue}/messages?{self.spelling}={handle}{tail}"

    def headers(self, method, body, moment=None):
        """The unsigned headers, without Host and Content-Length."""
        moment = moment or date()
        pairs = [(self.spelt(name), moment) for name in self.dates]
        pairs.append((self.spelt("x-mns-version"), VERSION))

        def due(where):
            return where == "always" or (where == "body" and body) or (where == "not-get" and method != "GET")

        if due(self.types):
            pairs.append((self.spelt("content-type"), self.content_type))
        if self.md5 and due(self.md5_on):
            pairs.append((self.spelt("content-md5"), self.md5(body)))
        if self.user_request_id:
            pairs.append((self.spelt("x-mns-user-request-id"), "0f8fad5b-d9cb-469f-a165-70867728950e"))
        return pairs + list(self.extra)

    def __repr__(self):
        return self.name


_JAVA = {
    "types": "always", "namespace": NAMESPACE, "declaration": '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
    "empty_length": ("DELETE", "PUT"), "expect": True, "user_request_id": True,
    "extra": (("user-agent", "aliyun-sdk-java/2.0.0(Linux/amd64;17.0.1)"), ("connection", "Keep-Alive")),
}

PROFILES = {
    profile.name: profile for profile in [
        Profile(
            "python", md5=md5_of_hex, empty_length=("GET", "DELETE", "PUT"),
            extra=(("Connection", "Keep-Alive"), ("Accept-Encoding", "identity")),
        ),
        Profile("java", **_JAVA),
        Profile("java-v4", version=4, **_JAVA),
        Profile(
            "go", header="title", content_type="application/xml", types="always", md5=md5_of_hex, md5_on="always",
            namespace=None, declaration="", handles="escaped", defaults=True,
            extra=(("User-Agent", "aliyun-sdk-go"), ("Accept-Encoding", "gzip")),
        ),
        Profile(
            "php", header="title", content_type="text/xml", types="always", handles="escaped", spelling="receiptHandle",
        ),
        # PHP's HTTP library may be configured to ask before it sends a body.
        Profile("php-expect", header="title", content_type="text/xml", types="always", handles="escaped", expect=True),
        Profile(
            "node", content_type="text/xml", types="not-get", md5=md5_of_hex, md5_on="not-get",
            dates=("date", "x-mns-date"), empty_length=("PUT", "DELETE"), spelling="receiptHandle",
        ),
        Profile("incar", content_type="text/xml", types="body", md5=md5_of_bytes, dates=("date",)),
        # What .NET's web requests make of it: title case, and a question before every body.
        Profile("csharp", header="title", content_type="text/xml", types="always", expect=True),
    ]
}
PYTHON = PROFILES["python"]


class MNSRaw:
    """Calls the queue API at an address, one connection per request unless told otherwise."""

    def __init__(self, api, key="towline-dev", secret="towline-dev-secret", profile=PYTHON, region="cn-test", timeout=40):
        self.api = api
        self.place = urlsplit(api).netloc
        self.key = key
        self.secret = secret
        self.profile = profile
        self.region = region
        self.timeout = timeout

    def as_profile(self, profile):
        profile = PROFILES[profile] if isinstance(profile, str) else profile
        return MNSRaw(self.api, self.key, self.secret, profile, self.region, self.timeout)

    # Requests

    def signed(self, method, target, body=b"", *, headers=None, moment=None, version=None, variant=PUBLIC, unsigned=()):
        """All headers of a request but Host and Content-Length, signed.

        `headers` replaces the profile's; `unsigned` are added after signing.
        """
        pairs = list(self.profile.headers(method, body, moment) if headers is None else headers)
        if (version or self.profile.version) == 2:
            text = v2_string_to_sign(method, target, pairs)
            authorization = f"MNS {self.key}:{v2_signature(self.secret, text)}"
        else:
            fields = {name.lower(): value for name, value in pairs}
            stamp = v4_moment(fields.get("date") or fields["x-mns-date"])
            text = v4_string_to_sign(method, target, pairs, stamp, self.region, variant)
            authorization = (
                f"{variant[0]} Credential={self.key}/{stamp[:8]}/{self.region}/mns/{variant[1]}_request,"
                f"Signature={v4_signature(self.secret, text, stamp[:8], self.region, variant)}"
            )
        return [*pairs, (self.profile.spelt("authorization"), authorization), *unsigned]

    def call(self, method, target, body=b"", **options):
        """One signed request by the profile."""
        return self.exchange(method, target, body, self.signed(method, target, body, **options))

    def exchange(self, method, target, body, headers, host=None, connection=None):
        """One request with exactly these headers besides Host and Content-Length."""
        if self.profile.expect and body and not any(name.lower() == "expect" for name, _ in headers):
            return self.expecting(method, target, body, headers)
        own = connection is None
        connection = connection or http.client.HTTPConnection(self.place, timeout=self.timeout)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader(self.profile.spelt("host"), host or self.place)
            for name, value in headers:
                connection.putheader(name, value)
            if body or method in self.profile.empty_length:
                connection.putheader(self.profile.spelt("content-length"), str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            if own:
                connection.close()

    def expecting(self, method, target, body, headers, patience=2.0):
        """Sends the head with `Expect: 100-continue`, and the body only after the server has asked for it.

        Fails when it has not asked within `patience` seconds; a final answer instead is taken as it is.
        """
        head = self.head(method, target, [*headers, ("Expect", "100-continue"), ("Content-Length", str(len(body)))])
        with Wire(self.place, self.timeout) as wire:
            wire.send(head)
            began = time.monotonic()
            first = wire.status_line(patience)
            if first[1] != 100:
                return wire.rest_of(first)
            assert time.monotonic() - began < patience
            wire.send(body)
            return wire.answer(method)

    def head(self, method, target, headers, host=None):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.place}"]
        return ("\r\n".join(lines + [f"{name}: {value}" for name, value in headers]) + "\r\n\r\n").encode()

    # Operations, each returning the answer

    def create(self, queue, **attributes):
        return self.call("PUT", f"/queues/{queue}", self.queue_document(attributes))

    def set_attributes(self, queue, **attributes):
        return self.call("PUT", f"/queues/{queue}?metaoverride=true", self.queue_document(attributes))

    def queue_document(self, attributes):
        return self.profile.document("Queue", "".join(element(name, value) for name, value in attributes.items()))

    def attributes(self, queue):
        return self.call("GET", f"/queues/{queue}")

    def delete_queue(self, queue):
        return self.call("DELETE", f"/queues/{queue}")

    def list(self, **options):
        """`prefix`, `marker`, `ret_number`, `with_meta` as headers."""
        extra = [
            (self.profile.spelt("x-mns-" + name.replace("_", "-")), str(value)) for name, value in sorted(options.items())
        ]
        return self.call("GET", "/queues", headers=[*self.profile.headers("GET", b""), *extra])

    def send(self, queue, body, **values):
        xml = self.profile.document("Message", self.profile.message(body, **values))
        return self.call("POST", f"/queues/{queue}/messages", xml)

    def send_batch(self, queue, *entries):
        """Entries are bodies, or (body, values)."""
        inner = ""
        for entry in entries:
            body, values = (entry, {}) if isinstance(entry, str) else entry
            inner += f"<Message>{self.profile.message(body, **values)}</Message>"
        return self.call("POST", f"/queues/{queue}/messages", self.profile.document("Messages", inner))

    def receive(self, queue, wait=None, count=None):
        query = [f"numOfMessages={count}"] if count else []
        query += [f"waitseconds={wait}"] if wait is not None else []
        return self.call("GET", f"/queues/{queue}/messages" + ("?" + "&".join(query) if query else ""))

    def peek(self, queue, count=None):
        tail = f"&numOfMessages={count}" if count else ""
        return self.call("GET", f"/queues/{queue}/messages?peekonly=true{tail}")

    def delete(self, queue, handle):
        return self.call("DELETE", self.profile.handle_target(queue, handle))

    def delete_batch(self, queue, *handles):
        inner = "".join(element("ReceiptHandle", handle) for handle in handles)
        return self.call("DELETE", f"/queues/{queue}/messages", self.profile.document("ReceiptHandles", inner))

    def change_visibility(self, queue, handle, seconds):
        return self.call("PUT", self.profile.handle_target(queue, handle, seconds))


def v4_moment(http_date):
    """The time of `Date` in the form that version 4 signs."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.strptime(http_date, "%a, %d %b %Y %H:%M:%S GMT"))


class Wire:
    """A connection whose bytes are written and read one by one."""

    def __init__(self, place, timeout=20):
        host, port = place.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.input = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def status_line(self, timeout=None):
        """(version, status, reason) of the next response; an interim one's blank line is read, too."""
        self.socket.settimeout(timeout or self.timeout)
        try:
            line = self.input.readline()
        finally:
            self.socket.settimeout(self.timeout)
        found = re.fullmatch(rb"(HTTP/1\.1) (\d{3}) ?(.*)\r\n", line)
        assert found, f"not a status line: {line!r}"
        status = int(found.group(2))
        if status == 100:
            while self.input.readline() not in (b"\r\n", b""):
                pass
        return found.group(1), status, found.group(3)

    def rest_of(self, line, method="POST"):
        """The answer whose status line was read already."""
        status = line[1]
        headers = []
        while (text := self.input.readline()) not in (b"\r\n", b""):
            name, _, value = text.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        fields = {name.lower(): value for name, value in headers}
        if status == 204 or method == "HEAD":
            body = b""
        elif "chunked" in fields.get("transfer-encoding", ""):
            body = b""
            while size := int(self.input.readline().split(b";")[0], 16):
                body += self.input.read(size)
                self.input.readline()
            self.input.readline()
        else:
            body = self.input.read(int(fields.get("content-length", "0")))
        return Answer(status, headers, body)

    def answer(self, method="POST"):
        """The next answer that is final."""
        line = self.status_line()
        while line[1] == 100:
            line = self.status_line()
        return self.rest_of(line, method)

    def closed(self, timeout=5):
        """Whether the other end closes without sending anything more."""
        self.socket.settimeout(timeout)
        return self.input.read(1) == b""

    def close(self):
        self.input.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
