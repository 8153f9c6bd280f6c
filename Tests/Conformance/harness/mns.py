"""The vendor's MNS SDKs for Python, each in a process of its own virtual environment."""

import base64
from pathlib import Path

from .driven import Driven
from .sdk import venv_python
from .server import KEY_ID, KEY_SECRET

# name: virtual environment
MNS_CLIENTS = {"mns-1.3.0": "mns-1.3.0", "mns-1.1.5": "mns-1.1.5"}
_DRIVER = Path(__file__).resolve().parents[1] / "drivers" / "mns_driver.py"


class MNSSDKError(Exception):
    """What an SDK raised."""

    def __init__(self, fields):
        super().__init__(f"{fields['class']} {fields['text']}")
        self.kind = fields["class"]
        self.bases = fields["bases"]
        self.code = fields["type"]
        self.message = fields["message"] or ""
        self.request_id = fields["request_id"]
        self.host_id = fields["host_id"]
        self.sub_errors = fields["sub_errors"]

    @property
    def is_from_server(self):
        """Whether the SDK understood the answer, rather than failing at it."""
        return self.kind == "MNSServerException"


class MNSSDK(Driven):
    """One SDK's process."""

    def __init__(self, name):
        python = venv_python(MNS_CLIENTS[name])
        if not python.exists():
            raise RuntimeError(f"{python} is missing: run scripts/setup-venvs.sh")
        super().__init__(name, [python, "-W", "ignore", _DRIVER])


def body_of(message):
    """The body that the SDK gave its caller, as bytes."""
    return base64.b64decode(message["body"])


def text_of(message):
    return body_of(message).decode()


def message_fields(body, **values):
    """A message for the driver: text or bytes, and `delay`, `priority`, `group`, `user`, `system`."""
    return {"body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(), **values}


class MNSQueue:
    """A queue at one server, as an SDK sees it."""

    def __init__(self, sdk, api, name, *, key=KEY_ID, secret=KEY_SECRET, token="", encoding=True, clock=0):
        self.sdk = sdk
        self.api = api
        self.queue = name
        self.access = {"key": key, "secret": secret, "token": token}
        self.encoding = encoding
        self.clock = clock

    @property
    def is_old(self):
        return self.sdk.name == "mns-1.1.5"

    def varied(self, **changes):
        """The same queue with another key, secret, token, encoding or clock."""
        options = {**self.access, "encoding": self.encoding, "clock": self.clock, **changes}
        return MNSQueue(self.sdk, self.api, options.pop("queue", self.queue), **options)

    def raw(self):
        """The same queue with bodies as they are."""
        return self.varied(encoding=False)

    # Requests

    def begin(self, operation, request_id=None, queue=None, **arguments):
        self.sdk.begin({
            "api": self.api, **self.access, "clock": self.clock, "encoding": self.encoding,
            "queue": self.queue if queue is None else queue, "operation": operation, "arguments": arguments,
            "request_id": request_id,
        })

    def finish(self, what="a request", timeout=60):
        answer = self.sdk.finish(what, timeout)
        if "error" in answer:
            raise MNSSDKError(answer["error"])
        return answer["ok"]

    def call(self, operation, timeout=60, **options):
        self.begin(operation, **options)
        return self.finish(operation, timeout)

    # Operations

    def create(self, **attributes):
        return self.call("create", **attributes)

    def set(self, **attributes):
        return self.call("set_attributes", **attributes)

    def get(self):
        return self.call("get_attributes")

    def drop(self):
        return self.call("delete")

    def list(self, **options):
        return self.call("list_queue", **options)

    def send(self, body, **values):
        return self.call("send_message", **message_fields(body, **values))

    def send_batch(self, *messages):
        """Messages are bodies, or what `message_fields` made."""
        made = [each if isinstance(each, dict) else message_fields(each) for each in messages]
        return self.call("batch_send_message", messages=made)

    def receive(self, wait=-1):
        return self.call("receive_message", wait=wait)

    def receive_batch(self, count=16, wait=-1):
        return self.call("batch_receive_message", count=count, wait=wait)

    def peek(self):
        return self.call("peek_message")

    def peek_batch(self, count=16):
        return self.call("batch_peek_message", count=count)

    def delete(self, handle):
        return self.call("delete_message", handle=handle)

    def delete_batch(self, *handles):
        return self.call("batch_delete_message", handles=list(handles))

    def change(self, handle, seconds):
        return self.call("change_message_visibility", handle=handle, seconds=seconds)
