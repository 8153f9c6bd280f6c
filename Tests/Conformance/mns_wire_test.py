"""The queue API's wire, by requests that the Python clients do not send: what clients of other languages need."""

import http.client
import re
import resource
import select
import socket
import threading
import time
from urllib.parse import quote

import mnsclient
import pytest
from harness.waiting import eventually
from mnsclient import NAMESPACE, Wire, body_md5, document, element, md5_of_bytes, md5_of_hex, message_xml

REQUEST_ID = re.compile("[0-9A-F]{24}")
TIMES = ("EnqueueTime", "FirstDequeueTime", "NextVisibleTime")


def check(answer, status, code=None):
    """An answer with what every client relies on in every answer (mns-api.md 1.3, 1.4, 5.1)."""
    assert (answer.status, answer.code) == (status, code), answer
    names = [name for name, _ in answer.header_list]
    assert "x-mns-request-id" in names, f"in lower case, literally: {names}"
    assert REQUEST_ID.fullmatch(answer.headers["x-mns-request-id"])
    assert answer.headers["x-mns-version"] == "2015-06-06"
    assert "date" in answer.headers
    if status == 204:
        assert answer.body == b""
        return answer
    if not answer.body:
        assert answer.headers["content-length"] == "0"
        return answer
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.body.startswith(b'<?xml version="1.0"')
    root = answer.root
    assert root.tag.startswith("{" + NAMESPACE + "}"), "the namespace without a slash at the end"
    assert not re.search(rb"<\w+:", answer.body), "no prefixes"
    for node in root.iter():
        assert node is root or len(node) or node.text, f"{node.tag} is empty, which Python cannot read"
    if code:
        assert set(answer.values) == {"Code", "Message", "RequestId", "HostId"}
        assert answer.values["RequestId"] == answer.headers["x-mns-request-id"]
        assert answer.values["HostId"].startswith("http://")
        assert answer.error_message.strip()
    return answer


def located(answer, queue, api):
    names = [name for name, _ in answer.header_list]
    assert "Location" in names, f"in title case, literally: {names}"
    assert answer.headers["location"] == f"{api}/queues/{queue}"


# -- Each client's way through every operation


def test_each_clients_way_through_the_operations_on_queues(client, unique):
    queue = f"{client.profile.name}-{unique}"
    created = {"VisibilityTimeout": 31, "LoggingEnabled": "true"}
    located(check(client.create(queue, **created), 201), queue, client.api)
    located(check(client.create(queue, **created), 204), queue, client.api)
    check(client.create(queue, VisibilityTimeout=32), 409, "QueueAlreadyExist")
    check(client.set_attributes(queue, PollingWaitSeconds=1, LoggingEnabled="False"), 204)
    found = check(client.attributes(queue), 200)
    assert found.name == "Queue"
    assert set(found.values) == {
        "ActiveMessages", "CreateTime", "DelayMessages", "DelaySeconds", "InactiveMessages", "LastModifyTime",
        "MaximumMessageSize", "MessageRetentionPeriod", "QueueName", "VisibilityTimeout", "PollingWaitSeconds",
        "LoggingEnabled",
    }
    assert (found.values["VisibilityTimeout"], found.values["PollingWaitSeconds"]) == ("31", "1")
    assert found.values["LoggingEnabled"] == "False", "PHP compares it with True exactly"
    assert abs(int(found.values["CreateTime"]) - time.time()) < 60, "seconds"
    # Java sends with-meta whatever it wants; Node sends a prefix with every limit.
    listed = check(client.list(prefix=queue, ret_number=5, with_meta="false"), 200)
    assert listed.name == "Queues"
    [entry] = listed.entries("Queue")
    assert entry == {"QueueURL": f"{client.api}/queues/{queue}", "QueueName": queue}
    assert len(entry["QueueURL"].split("/")) == 5, "PHP splits it into five"
    assert "NextMarker" not in listed.values
    [entry] = check(client.list(prefix=queue, ret_number=5, with_meta="true"), 200).entries("Queue")
    assert set(entry) == {*found.values, "QueueURL"}
    check(client.delete_queue(queue), 204)
    check(client.attributes(queue), 404, "QueueNotExist")


def test_each_clients_way_through_the_operations_on_messages(client, unique):
    queue = f"{client.profile.name}-{unique}"
    check(client.create(queue), 201)
    body = f"hello {client.profile.name} – 你好 & <more>"
    sent = check(client.send(queue, body), 201)
    assert sent.name == "Message"
    assert set(sent.values) == {"MessageId", "MessageBodyMD5"}
    assert sent.values["MessageBodyMD5"] == body_md5(body)
    peeked = check(client.peek(queue), 200)
    assert set(peeked.values) == {
        "MessageId", "MessageBodyMD5", "MessageBody", "EnqueueTime", "FirstDequeueTime", "DequeueCount", "Priority"}
    assert (peeked.values["Priority"], peeked.values["DequeueCount"]) == ("8", "0")
    received = check(client.receive(queue, wait=1), 200)
    assert received.name == "Message"
    assert set(received.values) == {*peeked.values, "ReceiptHandle", "NextVisibleTime"}
    assert (received.values["MessageId"], received.values["MessageBody"]) == (sent.values["MessageId"], body)
    for name in TIMES:
        assert abs(int(received.values[name]) / 1000 - time.time()) < 120, f"{name} in milliseconds"
    changed = check(client.change_visibility(queue, received.values["ReceiptHandle"], 60), 200)
    assert (changed.name, set(changed.values)) == ("ChangeVisibility", {"ReceiptHandle", "NextVisibleTime"})
    check(client.delete(queue, changed.values["ReceiptHandle"]), 204)
    check(client.receive(queue), 404, "MessageNotExist")
    check(client.receive(queue, count=16), 404, "MessageNotExist")
    check(client.peek(queue), 404, "MessageNotExist")
    check(client.peek(queue, count=16), 404, "MessageNotExist")

    delayed = check(client.send(queue, "later", DelaySeconds=3600), 201)
    assert set(delayed.values) == {"MessageId", "MessageBodyMD5", "ReceiptHandle"}
    check(client.delete(queue, delayed.values["ReceiptHandle"]), 204)

    batch = check(client.send_batch(queue, "one", ("two", {"Priority": 2}), "three"), 201)
    assert batch.name == "Messages"
    assert [each["MessageBodyMD5"] for each in batch.entries("Message")] == [
        body_md5(each) for each in ("one", "two", "three")]
    assert len(check(client.peek(queue, count=16), 200).entries("Message")) == 3
    found = check(client.receive(queue, wait=1, count=16), 200)
    assert found.name == "Messages"
    entries = found.entries("Message")
    assert [each["MessageBody"] for each in entries] == ["two", "one", "three"]
    handles = [each["ReceiptHandle"] for each in entries]
    partly = client.delete_batch(queue, handles[0], "1-nonsense", handles[1])
    assert (partly.status, partly.name) == (404, "Errors")
    assert partly.root.tag == "{" + NAMESPACE + "}Errors"
    [failed] = partly.entries("Error")
    assert set(failed) == {"ErrorCode", "ErrorMessage", "ReceiptHandle"}
    assert (failed["ErrorCode"], failed["ReceiptHandle"]) == ("ReceiptHandleError", "1-nonsense")
    check(client.delete_batch(queue, handles[2]), 204)
    check(client.delete_queue(queue), 204)


def test_each_client_is_told_its_errors(client, unique):
    queue = f"{client.profile.name}-{unique}"
    check(client.receive(queue), 404, "QueueNotExist")
    check(client.send(queue, "x"), 404, "QueueNotExist")
    check(client.send_batch(queue, "x"), 404, "QueueNotExist")
    check(client.delete(queue, "1-x"), 404, "QueueNotExist")
    check(client.create("no_such.name"), 400, "InvalidQueueName")
    check(client.create(queue, PollingWaitSeconds=60), 400, "InvalidArgument")  # PHP's own test of a bad value
    check(client.create(queue), 201)
    check(client.delete(queue, "1-x"), 400, "ReceiptHandleError")
    check(client.change_visibility(queue, "1-x", 30), 400, "ReceiptHandleError")
    client.secret = "another"
    check(client.attributes(queue), 403, "SignatureDoesNotMatch")
    check(client.send(queue, "x"), 403, "SignatureDoesNotMatch")
    client.key = "LTAInobody"
    check(client.attributes(queue), 403, "InvalidAccessKeyId")


def test_an_answer_has_the_elements_of_the_entry_that_failed_only(mns, name):
    answer = mns.send_batch(
        name, "good", ("bad", {"Priority": 17}), ("group", {"MessageGroupId": "g", "DelaySeconds": 9}))
    assert (answer.status, answer.name) == (500, "Messages")
    assert [set(each) for each in answer.entries("Message")] == [
        {"MessageId", "MessageBodyMD5"}, {"ErrorCode", "ErrorMessage"}, {"MessageId", "MessageBodyMD5"}]
    assert "x-mns-request-id" in [header for header, _ in answer.header_list]


# -- What Go sends when its user sets nothing


def test_a_priority_of_nought_is_the_default(mns, name):
    mns.send(name, "go", Priority=0)
    assert mns.peek(name).values["Priority"] == "8"


def test_a_delay_of_nought_overrides_the_queues(mns, name):
    mns.set_attributes(name, DelaySeconds=3600)
    mns.send(name, "go", DelaySeconds=0)
    assert mns.receive(name).values["MessageBody"] == "go"


# -- Handles and queries


def test_handles_need_no_escaping(mns, name):
    mns.send_batch(name, "a", "b", "c")
    for entry in mns.receive(name, count=16).entries("Message"):
        assert re.fullmatch("[A-Za-z0-9._-]{1,200}", entry["ReceiptHandle"]), entry


def test_an_escaped_handle_is_the_same_handle(mns, name):
    mns.send(name, "x")
    handle = mns.receive(name).values["ReceiptHandle"]
    escaped = "".join(f"%{ord(character):02X}" for character in handle)
    changed = check(
        mns.call("PUT", f"/queues/{name}/messages?VisibilityTimeout=30&ReceiptHandle={escaped}"), 200)
    lower = "".join(f"%{ord(character):02x}" for character in changed.values["ReceiptHandle"])
    check(mns.call("DELETE", f"/queues/{name}/messages?ReceiptHandle={lower}"), 204)


@pytest.mark.parametrize("handle", [
    "8-abc/DEF+gh==", quote("8-abc/DEF+gh==", safe=""), "MS1=&x=y", "1-%00%zz", "x" * 4000, "%", "+", "1-a+b",
])
def test_foreign_handles_are_refused_as_such_however_they_are_written(mns, name, handle):
    check(mns.call("DELETE", f"/queues/{name}/messages?ReceiptHandle={handle}"), 400, "ReceiptHandleError")


def test_a_query_that_is_no_utf_8_or_says_a_thing_twice_is_refused(mns, name):
    check(mns.call("DELETE", f"/queues/{name}/messages?ReceiptHandle=1-%ff"), 400, "InvalidQueryString")
    check(mns.call("GET", f"/queues/{name}/messages?waitseconds=1&WaitSeconds=2"), 400, "InvalidQueryString")


def test_missing_parameters_are_named(mns, name):
    check(mns.call("DELETE", f"/queues/{name}/messages"), 400, "MissingReceiptHandle")
    check(mns.call("DELETE", f"/queues/{name}/messages?ReceiptHandle="), 400, "MissingReceiptHandle")
    check(mns.call("PUT", f"/queues/{name}/messages?VisibilityTimeout=5"), 400, "MissingReceiptHandle")
    check(mns.call("PUT", f"/queues/{name}/messages?ReceiptHandle=1-x"), 400, "MissingVisibilityTimeout")


@pytest.mark.parametrize("query", [
    "numOfMessages=2&waitseconds=1", "waitseconds=1&numOfMessages=2", "WaitSeconds=1&NumOfMessages=2",
    "NUMOFMESSAGES=2", "numOfMessages=2&unknown=5&", "numOfMessages=2&peekonly=false",
])
def test_names_of_parameters_count_in_any_case_and_order(mns, name, query):
    mns.send_batch(name, "a", "b", "c")
    assert len(check(mns.call("GET", f"/queues/{name}/messages?{query}"), 200).entries("Message")) == 2


@pytest.mark.parametrize("query", ["peekonly=true&numOfMessages=3", "numOfMessages=3&PeekOnly=True"])
def test_a_batch_peek_may_be_written_either_way_round(mns, name, query):
    mns.send_batch(name, "a", "b", "c")
    for _ in range(2):
        assert len(check(mns.call("GET", f"/queues/{name}/messages?{query}"), 200).entries("Message")) == 3


@pytest.mark.parametrize("flag", ["metaoverride=true", "Metaoverride=true", "metaOverride=True"])
def test_metaoverride_counts_in_any_case(mns, name, flag):
    check(mns.call("PUT", f"/queues/{name}?{flag}", document("Queue", element("VisibilityTimeout", 99))), 204)
    assert mns.attributes(name).values["VisibilityTimeout"] == "99"


@pytest.mark.parametrize("query", [
    "numOfMessages=17", "numOfMessages=0", "numOfMessages=-1", "numOfMessages=two", "waitseconds=31", "waitseconds=-2",
    "waitseconds=1.5", "numOfMessages=99999999999999999999", "peekonly=true&numOfMessages=17",
])
def test_numbers_in_the_query_have_their_ranges(mns, name, query):
    answer = check(mns.call("GET", f"/queues/{name}/messages?{query}"), 400, "InvalidArgument")
    assert query.split("=")[-2].split("&")[-1].lower() in answer.error_message.lower()


@pytest.mark.parametrize("seconds", ["0", "43201", "-1", "1.5", "soon", ""])
def test_a_visibility_has_its_range(mns, name, seconds):
    mns.send(name, "x")
    handle = mns.receive(name).values["ReceiptHandle"]
    answer = mns.change_visibility(name, handle, seconds)
    check(answer, 400, "InvalidArgument" if seconds else "MissingVisibilityTimeout")
    assert "VisibilityTimeout" in answer.error_message
    check(mns.delete(name, handle), 204)


@pytest.mark.parametrize("method, target", [
    ("GET", "/queues/x/y"), ("GET", "/queues/x/messages/z"), ("POST", "/queues"), ("PUT", "/queues"),
    ("DELETE", "/queues"), ("POST", "/queues/x"), ("GET", "/queues//messages"), ("GET", "/topics"),
    ("PUT", "/topics/t"), ("POST", "/topics/t/messages"), ("PUT", "/topics/t/subscriptions/s"),
    ("POST", "/commonbuy/openservice"), ("GET", "/?accountmeta=true"), ("PUT", "/?accountmeta=true"),
])
def test_paths_and_methods_without_a_meaning_are_refused_in_xml(mns, method, target):
    body = document("Queue") if method in ("PUT", "POST") else b""
    answer = mns.call(method, target, body)
    assert answer.status in (400, 404), answer
    check(answer, answer.status, answer.code)
    assert answer.code in ("InvalidRequestURL", "QueueNameLengthError", "InvalidQueueName"), answer


def test_a_list_that_ends_with_its_page_has_no_marker(mns, own_account):
    mns = mnsclient.MNSRaw(mns.api, own_account["key"], own_account["secret"])
    empty = check(mns.list(), 200)
    assert (empty.name, len(empty.root)) == ("Queues", 0)
    for number in range(4):
        check(mns.create(f"q{number}"), 201)
    first = mns.list(ret_number=2)
    assert [each["QueueName"] for each in first.entries("Queue")] == ["q0", "q1"]
    second = mns.list(ret_number=2, marker=first.values["NextMarker"])
    assert [each["QueueName"] for each in second.entries("Queue")] == ["q2", "q3"]
    assert "NextMarker" not in second.values
    for wrong in (0, 1001, "many"):
        assert "x-mns-ret-number" in check(mns.list(ret_number=wrong), 400, "InvalidArgument").error_message
    check(mns.list(marker="no marker of ours"), 200)
    check(mns.list(prefix=""), 200)


# -- Signatures and headers


def plain(*extra):
    return [("date", mnsclient.date()), ("x-mns-version", "2015-06-06"), *extra]


@pytest.mark.parametrize("version", [2, 4])
def test_both_versions_of_the_signature_are_taken_on_every_kind_of_target(mns, name, version):
    mns.send(name, "x")
    got = check(mns.call("GET", f"/queues/{name}/messages?numOfMessages=16&waitseconds=1", version=version), 200)
    [entry] = got.entries("Message")
    target = f"/queues/{name}/messages?ReceiptHandle={entry['ReceiptHandle']}&VisibilityTimeout=30"
    changed = check(mns.call("PUT", target, version=version), 200)
    for handle in ("8-a/b+c==", quote(changed.values["ReceiptHandle"] + "%20", safe="")):
        target = f"/queues/{name}/messages?ReceiptHandle={handle}"
        check(mns.call("DELETE", target, version=version), 400, "ReceiptHandleError")
    body = document("Message", message_xml("by version"))
    check(mns.call("POST", f"/queues/{name}/messages", body, version=version), 201)


def test_version_4_of_the_private_cloud_is_taken_too(mns, name):
    check(mns.call("GET", f"/queues/{name}", version=4, variant=mnsclient.PRIVATE), 200)


@pytest.mark.parametrize("region", ["cn-hangzhou", "ap-southeast-1", "anything"])
def test_the_region_of_version_4_is_the_clients(mns, name, region):
    mns.region = region
    check(mns.call("GET", f"/queues/{name}", version=4), 200)


def test_a_signature_of_version_4_with_the_day_of_another_request_is_refused(mns, name):
    target = f"/queues/{name}"
    headers = plain()
    stamp = "20250701T080000Z"
    text = mnsclient.v4_string_to_sign("GET", target, headers, stamp, "r")
    signature = mnsclient.v4_signature(mns.secret, text, stamp[:8], "r")
    scope = f"{mns.key}/20250701/r/mns/aliyun_v4_request"
    authorization = f"MNS4-HMAC-SHA256 Credential={scope},Signature={signature}"
    check(mns.exchange("GET", target, b"", [*headers, ("Authorization", authorization)]), 403, "SignatureDoesNotMatch")


def test_the_error_of_a_wrong_signature_says_what_was_signed(mns, name):
    mns.secret = "wrong"
    answer = check(mns.call("GET", f"/queues/{name}?x=%41"), 403, "SignatureDoesNotMatch")
    assert f"/queues/{name}?x=%41" in answer.error_message
    assert "x-mns-version:2015-06-06" in answer.error_message


@pytest.mark.parametrize("spelt", ["lower", "UPPER", "Title"])
def test_names_of_headers_count_in_any_case(mns, name, spelt):
    form = {"lower": str.lower, "UPPER": str.upper, "Title": str.title}[spelt]
    body = document("Message", message_xml("x"))
    headers = plain(("content-type", "text/xml"), ("content-md5", md5_of_hex(body)), ("x-mns-user-request-id", "Ab 9"))
    signed = mns.signed("POST", f"/queues/{name}/messages", body, headers=headers)
    check(mns.exchange("POST", f"/queues/{name}/messages", body, [(form(n), v) for n, v in signed]), 201)


def test_own_headers_are_sorted_by_name_whatever_their_order(mns, name):
    headers = plain(("x-mns-zeta", "1"), ("x-mns-alpha", "2"), ("x-mns-user-request-id", "3"))
    check(mns.call("GET", f"/queues/{name}", headers=headers), 200)
    check(mns.call("GET", f"/queues/{name}", headers=headers[::-1]), 200)


def test_blanks_around_a_value_are_not_signed(mns, name):
    signed = mns.signed("GET", f"/queues/{name}", headers=plain(("x-mns-note", "a  b")))
    padded = [(n, f"   {v} \t" if n == "x-mns-note" else v) for n, v in signed]
    check(mns.exchange("GET", f"/queues/{name}", b"", padded), 200)


def test_a_token_and_other_headers_are_not_signed(mns, name):
    unsigned = [("security-token", "CAIS+/="), ("User-Agent", "x"), ("Accept", "*/*"), ("Connection", "Keep-Alive")]
    check(mns.call("GET", f"/queues/{name}", unsigned=unsigned), 200)
    check(mns.call("GET", f"/queues/{name}", unsigned=[("Security-Token", "CAIS+/=")], version=4), 200)


@pytest.mark.parametrize("method, body", [("GET", b""), ("DELETE", b""), ("PUT", b"")])
def test_content_headers_are_signed_without_a_body_too(mns, name, method, body):
    target = f"/queues/{name}" if method == "GET" else f"/queues/{name}/messages?ReceiptHandle=1-x&VisibilityTimeout=3"
    headers = plain(("Content-Type", "application/xml"), ("Content-Md5", md5_of_hex(b"")))
    check(mns.call(method, target, headers=headers), *((200,) if method == "GET" else (400, "ReceiptHandleError")))


def test_the_same_signature_may_be_used_for_two_messages(mns, name):
    # Java sends no digest: two messages within a second are signed alike, and both are meant.
    target, moment = f"/queues/{name}/messages", mnsclient.date()
    headers = [("date", moment), ("x-mns-version", "2015-06-06"), ("content-type", "text/xml;charset=UTF-8")]
    signed = mns.signed("POST", target, headers=headers)
    for body in ("one", "two", "two"):
        check(mns.exchange("POST", target, document("Message", message_xml(body)), signed), 201)
    found = mns.receive(name, count=16).entries("Message")
    assert sorted(each["MessageBody"] for each in found) == ["one", "two", "two"]


@pytest.mark.parametrize("form", [md5_of_hex, md5_of_bytes])
def test_both_forms_of_the_digest_are_taken_and_a_wrong_one_refused(mns, name, form):
    body = document("Message", message_xml("digest"))
    right = plain(("content-type", "text/xml"), ("content-md5", form(body)))
    check(mns.call("POST", f"/queues/{name}/messages", body, headers=right), 201)
    wrong = plain(("content-type", "text/xml"), ("content-md5", form(body + b" ")))
    check(mns.call("POST", f"/queues/{name}/messages", body, headers=wrong), 400, "InvalidDegist")
    assert mns.attributes(name).values["ActiveMessages"] == "1"


@pytest.mark.parametrize("names", [("date",), ("x-mns-date",), ("date", "x-mns-date"), ("X-Mns-Date",)])
def test_the_date_may_come_in_either_header(mns, name, names):
    moment = mnsclient.date()
    headers = [(each, moment) for each in names] + [("x-mns-version", "2015-06-06")]
    check(mns.call("GET", f"/queues/{name}", headers=headers), 200)
    check(mns.call("GET", f"/queues/{name}", headers=headers, version=4), 200)


@pytest.mark.parametrize("header", ["date", "x-mns-date"])
@pytest.mark.parametrize("offset, status, code", [
    (-960, 408, "TimeExpired"), (960, 408, "TimeExpired"), (-840, 200, None), (840, 200, None),
])
def test_the_clock_may_be_off_by_a_quarter_of_an_hour(mns, name, header, offset, status, code):
    headers = [(header, mnsclient.date(offset)), ("x-mns-version", "2015-06-06")]
    check(mns.call("GET", f"/queues/{name}", headers=headers), status, code)
    check(mns.call("GET", f"/queues/{name}", headers=headers, version=4), status, code)


@pytest.mark.parametrize("text", ["yesterday", "2026-01-02T03:04:05Z", "Tue, 99 Jul 2025 08:00:00 GMT"])
def test_a_date_of_another_form_is_refused(mns, name, text):
    headers = [("date", text), ("x-mns-version", "2015-06-06")]
    check(mns.call("GET", f"/queues/{name}", headers=headers), 400, "InvalidDateHeader")


def test_missing_headers_are_named_by_their_codes(mns, name):
    target = f"/queues/{name}"
    check(mns.exchange("GET", target, b"", plain()), 400, "MissingAuthorizationHeader")
    version = [("x-mns-version", "2015-06-06")]
    check(mns.call("GET", target, headers=version), 400, "MissingDateHeader")
    check(mns.call("GET", target, headers=[("date", mnsclient.date())]), 400, "MissingVersionHeader")


@pytest.mark.parametrize("value", [
    "MNS", "MNS towline-dev", "MNS :abc", "MNS towline-dev:", "Basic dG93bGluZQ==", "MNS4-HMAC-SHA256 Credential=a/b",
    "MNS4-HMAC-SHA256 Credential=towline-dev/2025/r/mns/aliyun_v4_request,Signature=abc", "nonsense",
])
def test_an_authorization_of_another_shape_is_refused(mns, name, value):
    headers = [*plain(), ("Authorization", value)]
    check(mns.exchange("GET", f"/queues/{name}", b"", headers), 400, "InvalidAuthorizationHeader")


@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost:8787", "1234567.mns.cn-shanghai.aliyuncs.com",
    "1234567.mns.cn-shanghai-internal.aliyuncs.com:80",
])
def test_any_host_is_served(mns, name, host):
    target = f"/queues/{name}"
    answer = check(mns.exchange("GET", target, b"", mns.signed("GET", target), host=host), 200)
    assert answer.values["QueueName"] == name


def test_the_target_is_signed_as_it_was_sent(mns, name):
    for target in (
        f"/queues/{name}/messages?waitseconds=0&numOfMessages=1&x=a%2fb%2Fc+d", f"/queues/{name}/messages?b=1&a=2&a%3D=",
        f"/queues/{name}/messages?",
    ):
        check(mns.call("GET", target), 404, "MessageNotExist")


# -- HTTP itself


def test_a_body_is_asked_for_at_once_when_the_client_waits(mns, name):
    body = document("Message", message_xml("asked for"))
    target = f"/queues/{name}/messages"
    headers = [*mns.signed("POST", target, body), ("Expect", "100-continue"), ("Content-Length", str(len(body)))]
    with Wire(mns.place) as wire:
        for _ in range(3):
            began = time.monotonic()
            wire.send(mns.head("POST", target, headers))
            assert wire.status_line(2)[1] == 100
            assert time.monotonic() - began < 0.5
            wire.send(body)
            check(wire.answer(), 201)
    assert mns.attributes(name).values["ActiveMessages"] == "3"


def test_a_client_that_does_not_wait_for_the_question_is_fine(mns, name):
    body = document("Message", message_xml("at once"))
    target = f"/queues/{name}/messages"
    headers = [*mns.signed("POST", target, body), ("expect", "100-Continue"), ("content-length", str(len(body)))]
    with Wire(mns.place) as wire:
        wire.send(mns.head("POST", target, headers) + body)
        check(wire.answer(), 201)
        wire.send(mns.head("GET", f"/queues/{name}", mns.signed("GET", f"/queues/{name}")))
        check(wire.answer("GET"), 200)


def test_an_expectation_with_a_wrong_signature_ends_in_the_error(mns, name):
    mns.secret = "wrong"
    body = document("Message", message_xml("x"))
    answer = mns.as_profile("java").call("POST", f"/queues/{name}/messages", body)
    check(answer, 403, "SignatureDoesNotMatch")


def test_a_body_in_pieces_is_one_body(mns, name):
    body = document("Message", message_xml("in pieces"))
    target = f"/queues/{name}/messages"
    head = mns.head("POST", target, [*mns.signed("POST", target, body), ("Transfer-Encoding", "chunked")])
    with Wire(mns.place) as wire:
        wire.send(head)
        for start in range(0, len(body), 37):
            piece = body[start:start + 37]
            wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        wire.send(b"0\r\n\r\n")
        check(wire.answer(), 201)
    assert mns.receive(name).values["MessageBody"] == "in pieces"


def test_a_connection_serves_every_kind_of_request_one_after_another(mns, name):
    connection = http.client.HTTPConnection(mns.place, timeout=20)

    def on(method, target, body=b""):
        return mns.exchange(method, target, body, mns.signed(method, target, body), connection=connection)

    try:
        check(on("GET", f"/queues/{name}"), 200)
        end = connection.sock
        for _ in range(3):
            check(on("GET", f"/queues/{name}/messages"), 404, "MessageNotExist")
            check(on("POST", f"/queues/{name}/messages", document("Message", message_xml("x"))), 201)
            handle = check(on("GET", f"/queues/{name}/messages?waitseconds=5"), 200).values["ReceiptHandle"]
            check(on("DELETE", f"/queues/{name}/messages?ReceiptHandle={handle}"), 204)
            gone = on("DELETE", f"/queues/{name}/messages", document("ReceiptHandles", element("ReceiptHandle", handle)))
            assert (gone.status, gone.name) == (404, "Errors")
            check(on("PUT", f"/queues/{name}?metaoverride=true", document("Queue")), 204)
            check(on("POST", f"/queues/{name}/messages", b"no xml"), 400, "MalformedXML")
        assert connection.sock is end, "the connection was kept"
    finally:
        connection.close()


def test_requests_that_are_sent_ahead_are_answered_in_their_order(mns, name):
    with Wire(mns.place) as wire:
        requests = b""
        for number in range(5):
            body = document("Message", message_xml(f"ahead {number}"))
            target = f"/queues/{name}/messages"
            headers = [*mns.signed("POST", target, body), ("Content-Length", str(len(body)))]
            requests += mns.head("POST", target, headers) + body
        wire.send(requests)
        digests = [check(wire.answer(), 201).values["MessageBodyMD5"] for _ in range(5)]
    assert digests == [body_md5(f"ahead {number}") for number in range(5)]


def test_the_largest_batch_fits_in_its_escaped_form(mns, name):
    mns.timeout = 30
    answer = mns.send_batch(name, *["&" * 4096] * 16)  # 16 × 20 KiB of XML
    check(answer, 201)
    found = check(mns.receive(name, count=16), 200).entries("Message")
    assert [each["MessageBody"] for each in found] == ["&" * 4096] * 16


def test_a_body_beyond_every_limit_is_refused(mns, name):
    body = document("Message", element("MessageBody", "x" * (3 << 20)))
    try:
        answer = mns.call("POST", f"/queues/{name}/messages", body)
    except (ConnectionError, BrokenPipeError):
        answer = None  # it need not read so much before it closes
    assert answer is None or answer.status in (400, 413), answer
    assert mns.attributes(name).values["ActiveMessages"] == "0"


# -- Waiting


class Waiting:
    """A receive that waits on a connection of its own."""

    def __init__(self, mns, queue, wait=30, count=None):
        target = f"/queues/{queue}/messages?" + (f"numOfMessages={count}&" if count else "") + f"waitseconds={wait}"
        self.wire = Wire(mns.place, 40)
        self.began = time.monotonic()
        self.wire.send(mns.head("GET", target, mns.signed("GET", target)))

    def still(self, seconds):
        """Watches for so long that no answer comes."""
        assert not self.is_answered(seconds), self.wire.answer("GET")

    def is_answered(self, seconds):
        """Waits so long for the first byte of the answer."""
        poll = select.poll()
        poll.register(self.wire.socket, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def answer(self):
        try:
            return self.wire.answer("GET")
        finally:
            self.wire.close()


def test_a_waiting_receive_is_answered_within_moments_of_a_send(mns, name):
    latencies = []
    for number in range(20):
        waiting = Waiting(mns, name)
        waiting.still(0.05)
        began = time.monotonic()
        mns.send(name, f"wake {number}")
        answer = check(waiting.answer(), 200)
        latencies.append(time.monotonic() - began)
        assert answer.values["MessageBody"] == f"wake {number}"
        mns.delete(name, answer.values["ReceiptHandle"])
    assert sorted(latencies)[10] < 5, latencies  # how fast it is, Benchmarks/queue.py says


def test_each_waiting_receive_gets_one_of_the_messages(mns, name):
    waiting = [Waiting(mns, name) for _ in range(8)]
    # Those that came too late for the first messages are waiting by the time of the last.
    for number in range(8):
        mns.send(name, f"for one {number}")
    bodies = sorted(check(each.answer(), 200).values["MessageBody"] for each in waiting)
    assert bodies == sorted(f"for one {number}" for number in range(8))


def test_a_batch_receive_that_waits_takes_what_a_batch_brings(mns, name):
    waiting = Waiting(mns, name, count=16)
    waiting.still(0.2)
    mns.send_batch(name, "a", "b", "c")
    entries = check(waiting.answer(), 200).entries("Message")
    assert [each["MessageBody"] for each in entries] == ["a", "b", "c"]


def test_a_receive_whose_client_has_gone_takes_no_message(mns, name):
    for _ in range(5):
        gone = Waiting(mns, name)
        gone.still(0.05)
        gone.wire.close()
    time.sleep(0.2)  # the server sees the ends of the connections; nothing tells when
    mns.send(name, "for who is there")
    answer = check(mns.receive(name, wait=5), 200)
    assert (answer.values["MessageBody"], answer.values["DequeueCount"]) == ("for who is there", "1")


def test_five_thousand_waiting_receives_hold_nobody_up(mns, name, unique):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    other = f"other-{unique}"
    check(mns.create(other), 201)
    waiting = []
    try:
        waiting.append(Waiting(mns, name, wait=30))
        waiting[0].still(1)  # it stands first in line before the others come; nothing tells when
        for _ in range(4999):
            waiting.append(Waiting(mns, name, wait=30))
        # A connection that was made after all of them is served after their requests have arrived.
        waiting[-1].still(0.05)
        began = time.monotonic()
        check(mns.attributes(name), 200)
        check(mns.peek(name), 404, "MessageNotExist")
        check(mns.send(other, "elsewhere"), 201)
        check(mns.receive(other), 200)
        check(mns.send(name, "for one of many"), 201)
        assert time.monotonic() - began < 15  # nobody waited for those who wait
        assert waiting[0].is_answered(15), "the first that came is the first that is served"
        assert check(waiting[0].answer(), 200).values["MessageBody"] == "for one of many"
    finally:
        for each in waiting:
            each.wire.close()
        mns.delete_queue(other)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check(mns.send(name, "and goes on"), 201)
    check(mns.receive(name, wait=5), 200)


def test_a_server_that_ends_answers_those_who_wait(started):
    server = started()
    mns = mnsclient.MNSRaw(server.api)
    check(mns.create("ending"), 201)
    waiting = [Waiting(mns, "ending") for _ in range(5)]
    waiting[-1].still(0.3)
    began = time.monotonic()
    results = []
    readers = [threading.Thread(target=lambda each=each: results.append(each.answer())) for each in waiting]
    for reader in readers:
        reader.start()
    assert server.stop() == 0
    for reader in readers:
        reader.join(10)
    assert time.monotonic() - began < 10
    assert [(each.status, each.code) for each in results] == [(404, "MessageNotExist")] * 5


def test_too_many_waiting_receives_are_answered_at_once(started):
    server = started("--queue-max-waiting-receives", "2")
    mns = mnsclient.MNSRaw(server.api)
    check(mns.create("crowded"), 201)
    waiting = [Waiting(mns, "crowded", wait=20) for _ in range(2)]
    try:
        for each in waiting:
            each.still(0.2)
        began = time.monotonic()
        check(mns.receive("crowded", wait=20), 404, "MessageNotExist")
        assert time.monotonic() - began < 2
    finally:
        for each in waiting:
            each.wire.close()


def test_a_hanging_client_of_a_send_costs_nobody_else_anything(mns, name):
    body = document("Message", message_xml("half"))
    target = f"/queues/{name}/messages"
    head = mns.head("POST", target, [*mns.signed("POST", target, body), ("Content-Length", str(len(body)))])
    with Wire(mns.place) as wire:
        wire.send(head + body[:10])
        check(mns.send(name, "whole"), 201)
        wire.socket.shutdown(socket.SHUT_WR)
    eventually(lambda: mns.attributes(name).values["ActiveMessages"] == "1", 10)


# -- Age (it takes a minute, which other tests use meanwhile)


class Aging:
    """What begins with the first test of this file, and is looked at by its last ones."""

    def __init__(self, mns):
        self.mns = mns
        check(mns.create("aging", MessageRetentionPeriod=60), 201)
        check(mns.create("never-filled"), 201)
        self.longest = Waiting(mns, "never-filled", wait=30)
        self.ended = {}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.sent = time.monotonic()
        mns.send("aging", "inactive")
        self.handle = mns.receive("aging").values["ReceiptHandle"]
        mns.send("aging", "active")
        mns.send("aging", "delayed", DelaySeconds=604800)

    def _read(self):
        answer = self.longest.answer()
        self.ended = {"after": time.monotonic() - self.longest.began, "answer": answer}

    def counts(self):
        found = self.mns.attributes("aging").values
        return tuple(int(found[state + "Messages"]) for state in ("Active", "Inactive", "Delay"))


@pytest.fixture(scope="session")
def aging(shared):
    return Aging(mnsclient.MNSRaw(shared.api))


@pytest.fixture(autouse=True)
def _age(aging):
    """The minute begins with the first test of this file."""


def test_the_longest_wait_ends_before_any_client_gives_up(aging):
    aging.reader.join(40)
    check(aging.ended["answer"], 404, "MessageNotExist")
    assert 29.5 <= aging.ended["after"] < 31, "the least patient client waits for 31 seconds"


def test_messages_that_are_too_old_are_gone_whatever_their_state(aging):
    if time.monotonic() - aging.sent < 25:
        assert aging.counts() == (1, 1, 1)
    eventually(lambda: aging.counts() == (0, 0, 0), 75, "every message to expire", pause=0.5)
    assert time.monotonic() - aging.sent > 59
    check(aging.mns.receive("aging"), 404, "MessageNotExist")
    check(aging.mns.peek("aging"), 404, "MessageNotExist")
    check(aging.mns.delete("aging", aging.handle), 404, "MessageNotExist")
