"""A signed client of its own, for requests that the SDKs cannot send: both signature styles, each part replaceable."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import uuid
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote, quote_plus, urlencode, urlsplit

VERSION = "2017-03-21"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()


def percent_encode(text):
    """The encoding of both signatures: only letters, digits and `-_.~` stay."""
    return quote(text, safe="-_.~")


def canonical_query(pairs):
    """Names and values encoded, sorted by name, joined."""
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(pairs))


def v1_string_to_sign(method, pairs):
    """What the RPC signature covers; `pairs` without `Signature`."""
    return f"{method}&%2F&{percent_encode(canonical_query(pairs))}"


def v1_signature(secret, method, pairs):
    text = v1_string_to_sign(method, pairs)
    digest = hmac.new((secret + "&").encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def v3_canonical_request(method, path, pairs, headers, signed, body_hash):
    """What ACS3-HMAC-SHA256 covers; `headers` by lower-case name, `signed` the names in order."""
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
    return "\n".join([method, path, canonical_query(pairs), lines, ";".join(signed), body_hash])


def v3_signature(secret, canonical_request):
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical_request.encode()).hexdigest()
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def timestamp(offset=0):
    """The current time in the wire's form, `offset` seconds later."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


class Answer:
    """A response: status, headers by lower-case name, body, and the body read as JSON or XML."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def content_type(self):
        return self.headers.get("content-type", "")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def xml(self):
        return ElementTree.fromstring(self.body)

    @property
    def code(self):
        """The error code, whatever the format; None on success."""
        if "xml" in self.content_type:
            return self.xml.findtext("Code")
        return self.json.get("Code")

    @property
    def message(self):
        if "xml" in self.content_type:
            return self.xml.findtext("Message")
        return self.json.get("Message")

    def __repr__(self):
        return f"<{self.status} {self.content_type} {self.body[:600]!r}>"


class RawClient:
    """Calls actions at an API address.

    `style` is `v1` or `v3`; `place` is where the API's parameters go: `query`, `form` (with V1 the common ones too) or
    `mixed` (V1 only: common ones in the query, the API's in the form).
    """

    def __init__(self, api, key="towline-dev", secret="towline-dev-secret", timeout=20):
        self.api = api
        self.key = key
        self.secret = secret
        self.timeout = timeout

    def call(self, action, params=None, *, style="v3", **options):
        return (self.v1 if style == "v1" else self.v3)(action, params, **options)

    def v1_pairs(self, action, params=None, *, common=None, format="JSON", nonce=None, time=None):
        """The unsigned parameters as (common, own). In `common`, a value of None removes a parameter."""
        parts = {
            "Action": action, "Version": VERSION, "Format": format, "AccessKeyId": self.key,
            "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
            "SignatureNonce": nonce or uuid.uuid4().hex, "Timestamp": time or timestamp(),
        }
        parts.update(common or {})
        return (
            [(name, value) for name, value in parts.items() if value is not None],
            [(name, str(value)) for name, value in (params or {}).items()],
        )

    def v1(
        self, action, params=None, *, method="POST", place="query", common=None, format="JSON", nonce=None, time=None,
        signature=None, headers=None, path="/",
    ):
        common, own = self.v1_pairs(action, params, common=common, format=format, nonce=nonce, time=time)
        if signature is None:
            signature = v1_signature(self.secret, method, common + own)
        signed = [("Signature", signature)] if signature else []
        if place == "query":
            query, form = common + signed + own, []
        elif place == "form":
            query, form = [], common + signed + own
        else:
            query, form = common + signed, own
        return self.send(method, path, query, form, headers)

    def v3(
        self, action, params=None, *, method="POST", place="query", nonce=None, time=None, signature=None,
        headers=None, path="/", version=VERSION, body=None, content_type=None, signed_too=(), drop=(),
    ):
        pairs = [(name, str(value)) for name, value in (params or {}).items()]
        query, form = (pairs, []) if place == "query" else ([], pairs)
        if body is None:
            body = urlencode(form).encode() if form else b""
        if content_type is None and form:
            content_type = "application/x-www-form-urlencoded"
        sent = {
            "host": urlsplit(self.api).netloc, "x-acs-action": action, "x-acs-version": version,
            "x-acs-date": time or timestamp(), "x-acs-signature-nonce": nonce or uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        if content_type:
            sent["content-type"] = content_type
        for name, value in (headers or {}).items():
            sent[name.lower()] = value
        for name in drop:
            sent.pop(name)
        names = sorted(
            name for name in sent
            if name.startswith("x-acs-") or name in ("host", "content-type") or name in signed_too
        )
        if signature is None:
            request = v3_canonical_request(method, path, query, sent, names, sent.get("x-acs-content-sha256", ""))
            signature = v3_signature(self.secret, request)
        sent["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key},SignedHeaders={';'.join(names)},Signature={signature}"
        )
        return self.exchange(method, path, query, body, sent)

    def send(self, method, path, query, form, headers=None):
        """Sends query and form as they are given, without signing anything."""
        sent = dict(headers or {})
        body = urlencode(form).encode() if form else b""
        if form:
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        return self.exchange(method, path, query, body, sent)

    def exchange(self, method, path, query, body, headers):
        """One request; the query goes out form-encoded, as the vendor's Python client sends it."""
        target = path + ("?" + "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in query) if query else "")
        connection = http.client.HTTPConnection(urlsplit(self.api).netloc, timeout=self.timeout)
        try:
            connection.putrequest(method, target, skip_host="host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if method == "POST" or body:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    # The six actions, for tests that are about something else; they fail on any error.

    def must(self, action, params=None, **options):
        answer = self.call(action, params, **options)
        assert answer.status == 200, f"{action} {params}: {answer}"
        return answer.json

    def submit(self, *urls, **params):
        """Submits URLs, each encoded once, and returns their job ids in order."""
        answer = self.must("UploadMediaByURL", {"UploadURLs": ",".join(quote_plus(url) for url in urls), **params})
        return [job["JobId"] for job in answer["UploadJobs"]]

    def infos(self, *jobs):
        """`GetURLUploadInfos` by job id: a dictionary by job id."""
        found = {}
        for start in range(0, len(jobs), 10):
            answer = self.must("GetURLUploadInfos", {"JobIds": ",".join(jobs[start:start + 10])})
            found.update({info["JobId"]: info for info in answer["URLUploadInfoList"]})
        return found

    def set_callback(self, url, app=None, **params):
        wanted = {"CallbackType": "HTTP", "CallbackURL": url, "EventTypeList": "ALL", **params}
        if app:
            wanted["AppId"] = app
        return self.must("SetMessageCallback", wanted)
