"""Runs an official MNS SDK, unchanged, for the tests: one JSON request a line on stdin, one JSON answer a line on stdout.

Both generations have the same package name and nearly the same classes, so one driver serves both; each runs in its own
virtual environment. A request: {"api": URL, "key": …, "secret": …, "token": …, "clock": seconds, "encoding": whether
bodies are encoded by the SDK, "queue": name, "operation": …, "arguments": {…}, "request_id": …}.
An answer: {"ok": result} or {"error": {"class": …, "bases": […], "type": …, "message": …, …}}.

Bodies travel as base64 in `body`, of exactly what the SDK gave its caller, with the name of its type in `body_type`.
"""

import base64
import json
import sys
import time

import mns.mns_client
from mns.account import Account
from mns.mns_common import RequestInfo
from mns.mns_request import ListQueueRequest, ListQueueResponse
from mns.queue import Message, QueueMeta
from mns.subscription import SubscriptionMeta
from mns.topic import TopicMessage, TopicMeta

try:
    from mns.message_property import MessagePropertyValue, MessageSystemPropertyValue
except ImportError:  # the older generation has no properties
    MessagePropertyValue = MessageSystemPropertyValue = None

_offset = 0
_accounts = {}


class _ShiftedTime:
    """The module `time` as the SDK sees it, wrong by `_offset` seconds."""

    strftime = staticmethod(time.strftime)

    @staticmethod
    def gmtime():
        return time.gmtime(time.time() + _offset)


def account_of(request):
    place = (request["api"], request["key"], request["secret"], request["token"])
    if place not in _accounts:
        api, key, secret, token = place
        _accounts[place] = Account(api, key, secret, security_token=token)
    return _accounts[place]


class _Text(str):
    """A text that can be decoded as well.

    Without encoding, the older generation asks for a text and then decodes it, which only such a text survives.
    """

    def decode(self, _):
        return str(self)


def message_of(fields, encoding):
    body = base64.b64decode(fields["body"]).decode("utf-8")
    message = Message(_Text(body) if not encoding and MessagePropertyValue is None else body)
    if "delay" in fields:
        message.set_delayseconds(fields["delay"])
    if "priority" in fields:
        message.set_priority(fields["priority"])
    if "group" in fields:
        message.set_message_group_id(fields["group"])
    for name, (kind, value) in fields.get("user", {}).items():
        value = base64.b64decode(value) if kind == "BINARY" else value
        message.add_user_property(name, MessagePropertyValue(kind, value))
    for name, value in fields.get("system", {}).items():
        message.add_system_property(name, MessageSystemPropertyValue("STRING", value))
    return message


def described(message):
    """What a caller can read from a message."""
    fields = {name: value for name, value in vars(message).items() if name not in ("message_body",)}
    body = message.message_body
    fields["body_type"] = type(body).__name__
    fields["body"] = base64.b64encode(body.encode("utf-8") if isinstance(body, str) else body).decode()
    for name in ("user_properties", "system_properties"):
        fields[name] = {each: property_value(value) for each, value in (fields.get(name) or {}).items()}
    return fields


def property_value(value):
    raw = value.get_raw_value()
    return [value.get_data_type(), base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw]


def meta_of(cls, fields):
    meta = cls()
    for name, value in fields.items():
        assert hasattr(meta, name), name
        setattr(meta, name, value)
    return meta


def plain(meta):
    return {name.lstrip("_"): value for name, value in vars(meta).items()}


def queue_operation(queue, operation, given, info):
    if operation == "create":
        return queue.create(meta_of(QueueMeta, given), info)
    if operation == "set_attributes":
        return queue.set_attributes(meta_of(QueueMeta, given), info)
    if operation == "get_attributes":
        return plain(queue.get_attributes(info))
    if operation == "delete":
        return queue.delete(info)
    if operation == "send_message":
        return described(queue.send_message(message_of(given, queue.encoding), info))
    if operation == "batch_send_message":
        messages = [message_of(each, queue.encoding) for each in given["messages"]]
        return [described(message) for message in queue.batch_send_message(messages, info)]
    if operation.startswith("batch_peek_message"):
        return [described(message) for message in getattr(queue, operation)(given["count"], info)]
    if operation.startswith("peek_message"):
        return described(getattr(queue, operation)(info))
    if operation.startswith("batch_receive_message"):
        found = getattr(queue, operation)(given["count"], given.get("wait", -1), info)
        return [described(message) for message in found]
    if operation.startswith("receive_message"):
        return described(getattr(queue, operation)(given.get("wait", -1), info))
    if operation == "delete_message":
        return queue.delete_message(given["handle"], info)
    if operation == "batch_delete_message":
        return queue.batch_delete_message(given["handles"], info)
    if operation == "change_message_visibility":
        changed = queue.change_message_visibility(given["handle"], given["seconds"], info)
        return {"receipt_handle": changed.receipt_handle, "next_visible_time": changed.next_visible_time}
    raise AssertionError(f"unknown operation {operation}")


def list_queues(account, given, info):
    if not given.get("with_meta"):
        urls, marker = account.list_queue(given.get("prefix", ""), given.get("count", -1), given.get("marker", ""), info)
        return {"urls": urls, "marker": marker}
    request = ListQueueRequest(given.get("prefix", ""), given.get("count", -1), given.get("marker", ""), True)
    request.set_req_info(info)
    response = ListQueueResponse()
    account.get_client().list_queue(request, response)
    return {"urls": response.queueurl_list, "marker": response.next_marker, "metas": response.queuemeta_list}


def beyond_queues(account, operation, info):
    """Operations that MNS has and Towline does not."""
    topic = account.get_topic("some-topic")
    subscription = account.get_subscription("some-topic", "some-subscription")
    operations = {
        "create_topic": lambda: topic.create(TopicMeta(), info),
        "get_topic": lambda: topic.get_attributes(info),
        "set_topic": lambda: topic.set_attributes(TopicMeta(), info),
        "delete_topic": lambda: topic.delete(info),
        "list_topic": lambda: account.list_topic(req_info=info),
        "publish_message": lambda: topic.publish_message(TopicMessage("some text"), info),
        "list_subscription": lambda: topic.list_subscription(req_info=info),
        "subscribe": lambda: subscription.subscribe(SubscriptionMeta("http://127.0.0.1/hook"), info),
        "get_subscription": lambda: subscription.get_attributes(info),
        "set_subscription": lambda: subscription.set_attributes(SubscriptionMeta("http://127.0.0.1/hook"), info),
        "unsubscribe": lambda: subscription.unsubscribe(info),
        "get_account": lambda: plain(account.get_attributes(info)),
    }
    return operations[operation]()


def perform(request):
    account = account_of(request)
    operation, given = request["operation"], request["arguments"]
    info = RequestInfo(request["request_id"]) if request["request_id"] else None
    if operation == "list_queue":
        return list_queues(account, given, info)
    if not request["queue"]:
        return beyond_queues(account, operation, info)
    queue = account.get_queue(request["queue"])
    queue.set_encoding(request["encoding"])
    return queue_operation(queue, operation, given, info)


def error_of(error):
    """What the SDK tells its caller about a failure."""
    return {
        "class": type(error).__name__, "bases": [base.__name__ for base in type(error).__mro__],
        "type": getattr(error, "type", None), "message": getattr(error, "message", None),
        "request_id": getattr(error, "req_id", None), "host_id": getattr(error, "host_id", None),
        "sub_errors": getattr(error, "sub_errors", None), "text": str(error)[:2000],
    }


def main():
    global _offset
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever the SDK prints stays out of the answers
    mns.mns_client.time = _ShiftedTime
    for line in sys.stdin:
        request = json.loads(line)
        _offset = request["clock"]
        try:
            answer = {"ok": perform(request)}
        except Exception as error:  # every failure of the SDK is a result of the test
            answer = {"error": error_of(error)}
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
