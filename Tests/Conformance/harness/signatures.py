"""What a careful receiver does with a callback before it believes it: both signatures, written from their definitions.

`X-VOD-SIGNATURE` is `hex(MD5(URL|timestamp|key))`; `webhook-signature` is that of Standard Webhooks: `v1,` and base64 of
the HMAC-SHA256 of `id.timestamp.body`, several of them separated by blanks while a secret is rotated.
"""

import base64
import hashlib
import hmac
import time

TOLERANCE = 300


class Refused(AssertionError):
    """A callback that is not to be believed."""


def sign_vod(url, stamp, key):
    return hashlib.md5(f"{url}|{stamp}|{key}".encode()).hexdigest()


def sign_webhook(name, stamp, body, secret):
    kind, _, text = secret.partition("_")
    if kind != "whsec":
        raise ValueError("a webhook secret begins with whsec_")
    code = hmac.new(base64.b64decode(text, validate=True), f"{name}.{stamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(code.digest()).decode()


def _fresh(request, header, now):
    stamp = request.header(header)
    if stamp is None:
        raise Refused(f"{header} is missing")
    if not stamp.isascii() or not stamp.isdigit():
        raise Refused(f"{header} is no number: {stamp!r}")
    if abs((time.time() if now is None else now) - int(stamp)) > TOLERANCE:
        raise Refused(f"{header} is {stamp}: too old or too new")
    return stamp


def verify_vod(request, url, *keys, now=None):
    """The index of the key that signed for the configured URL; raises Refused."""
    stamp = _fresh(request, "X-VOD-TIMESTAMP", now)
    given = request.header("X-VOD-SIGNATURE")
    if given is None:
        raise Refused("X-VOD-SIGNATURE is missing")
    for index, key in enumerate(keys):
        if hmac.compare_digest(sign_vod(url, stamp, key), given):
            return index
    raise Refused(f"X-VOD-SIGNATURE fits no key for {url}")


def verify_webhook(request, *secrets, now=None):
    """The indices of the secrets that signed these very bytes, at least one; raises Refused."""
    name = request.header("webhook-id")
    if not name:
        raise Refused("webhook-id is missing")
    stamp = _fresh(request, "webhook-timestamp", now)
    given = (request.header("webhook-signature") or "").split()
    if not given:
        raise Refused("webhook-signature is missing")
    found = [
        index for index, secret in enumerate(secrets)
        if any(hmac.compare_digest(sign_webhook(name, stamp, request.body, secret), each) for each in given)
    ]
    if not found:
        raise Refused("webhook-signature fits no secret for this id, time and body")
    return found
