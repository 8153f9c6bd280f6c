"""The raw queue client signs as the reference's vectors say (mns-api.md 2.4 and 2.5)."""

import mnsclient
import pytest

DATE = "Tue, 01 Jul 2025 08:00:00 GMT"
EMPTY = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U="
BODY = (
    b'<?xml version="1.0" encoding="utf-8"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/">'
    b"<MessageBody>aGVsbG8gbW5z</MessageBody><DelaySeconds>0</DelaySeconds><Priority>8</Priority></Message>"
)
TYPE = ("content-type", "text/xml;charset=UTF-8")
VERSION = ("x-mns-version", "2015-06-06")
SENT = [("content-md5", "YjRiYTRhNWUyZDk3YzljNjUzODQwY2ZkMjJkMDM5YWI="), TYPE, ("date", DATE), VERSION]
MESSAGES = "/queues/demo-queue/messages"


@pytest.mark.parametrize("method, target, headers, signature", [
    ("POST", MESSAGES, SENT, "8pMqqH6IEyHChP67rxnU0LP3AeA="),
    ("GET", MESSAGES + "?waitseconds=10", [("date", DATE), VERSION], "kqdaphjxUHgqB2Ml0gN/gUZZAfQ="),
    (
        "GET", "/queues",
        [
            ("X-Mns-With-Meta", "true"), ("x-mns-ret-number", "10"), ("date", DATE), VERSION, ("x-mns-prefix", "demo"),
            ("x-mns-marker", "abc"),
        ],
        "JbU/W90DfjoKDckIdR7gH2rXy+Y=",
    ),
    (
        "DELETE", MESSAGES + "?ReceiptHandle=8-abc/DEF+gh==", [("date", DATE), VERSION],
        "R54jtsu4/uXyO+4umU0Pareb874=",
    ),
    (
        "DELETE", MESSAGES + "?ReceiptHandle=8-abc%2FDEF%2Bgh%3D%3D",
        [("Content-Md5", EMPTY), ("Content-Type", "application/xml"), ("Date", DATE), ("X-Mns-Version", "2015-06-06")],
        "tDagX1Z2CJWvEGDZY86Ux+lHrr4=",
    ),
    ("PUT", "/queues/demo-queue?metaoverride=true", [TYPE, ("date", DATE), VERSION], "7beFK405+Y5JVT2rDgeQo4oIBzw="),
    (
        "GET", MESSAGES + "?numOfMessages=16&waitseconds=30",
        [("content-md5", EMPTY), ("content-type", "application/xml"), ("date", DATE), VERSION],
        "KIz5UZTzAwmDnbLMcpWUTvAOknc=",
    ),
    ("POST", MESSAGES, [*SENT, ("x-mns-user-request-id", "req-0001")], "UqKheNCZ0PnQrB3s/l7GQHVzPYc="),
    ("GET", "/queues/demo-queue", [("x-mns-date", DATE), VERSION], "FAqXjRmTBhhNMuPHC7yctBlArfo="),
    (
        "PUT", MESSAGES + "?ReceiptHandle=8-abc&VisibilityTimeout=60", [("date", DATE), VERSION],
        "BxN9BaCsXtGji3PoGqFUII+w9I0=",
    ),
])
def test_version_2_agrees_with_the_reference(method, target, headers, signature):
    text = mnsclient.v2_string_to_sign(method, target, headers)
    assert mnsclient.v2_signature("SKEXAMPLE", text) == signature


@pytest.mark.parametrize("secret, method, target, headers, signature", [
    (
        "ACCESS_KEY_SECRET", "PUT", "/", [
            ("content-md5", "574683b3684e3cff610afa155cc2506d"), ("content-type", "text/xml"),
            ("date", "Tue, 11 Apr 2017 10:09:19 GMT"), VERSION,
        ], "A9zehggaYHHujmuRMxGIDrhWwx8=",
    ),
    (
        "sk1", "POST", "/queues/TestQueue", [("date", "Tue, 03 Jun 2025 11:23:48 GMT"), ("x-mns-abcdef", "abcDEF")],
        "cAThPWnbphg3hDe3ZHDADTgkgyE=",
    ),
    ("testSk", "GET", "/queues/TestQueue", [("date", "Tue, 03 Jun 2025 11:23:48 GMT")], "uDJQXbk2xOhH95MDXmgbAGdtyE4="),
    (
        "TestAccessSecret", "GET", "/MyQueue", [("date", "Thu, 09 Jul 2015 03:01:34 GMT"), VERSION],
        "uwx3yeWoILzgmvesW0BQSgfM7b8=",
    ),
])
def test_version_2_agrees_with_values_published_elsewhere(secret, method, target, headers, signature):
    assert mnsclient.v2_signature(secret, mnsclient.v2_string_to_sign(method, target, headers)) == signature


@pytest.mark.parametrize("method, target, signature", [
    ("POST", MESSAGES, "58387b1a65e4a92fa4dadd50a4d08640687b069378cd8e82b4cf3cc879796862"),
    (
        "GET", MESSAGES + "?numOfMessages=16&waitseconds=30",
        "0bfbc733799f974bbfa4cf282774e617be03018f7e6d99c458f44da9b51d07f0",
    ),
    (
        "DELETE", MESSAGES + "?ReceiptHandle=8-abc/DEF+gh==",
        "525f7b90e951507f0229ca8587d9b5f64e73283217819e5294e1bd6dfc1a3fb6",
    ),
])
def test_version_4_agrees_with_the_reference(method, target, signature):
    text = mnsclient.v4_string_to_sign(method, target, [TYPE, VERSION], "20250701T080000Z", "cn-test")
    assert mnsclient.v4_signature("SKEXAMPLE", text, "20250701", "cn-test") == signature


def test_version_4_agrees_with_the_vector_that_the_vendor_publishes():
    target = "/queues/TestQueue/?param1=abc&PARAM2=d  ef&PARAM3=[def]#bbb&PARAM4=中文参数"
    text = mnsclient.v4_string_to_sign("POST", target, [], "20250603T105235Z", "region1")
    signature = "1fc6013f158d4c3aba09570895a2a93c8445c2c5213d82a1463baf602cf0d945"
    assert mnsclient.v4_signature("sk1", text, "20250603", "region1") == signature


def test_the_digests_are_those_of_the_reference():
    assert mnsclient.md5_of_hex(BODY) == "YjRiYTRhNWUyZDk3YzljNjUzODQwY2ZkMjJkMDM5YWI="
    assert mnsclient.md5_of_hex(b"") == EMPTY
    assert mnsclient.body_md5("hello mns") == "0C91FF67AF5B07A61C82F0DD90CAEFC3"
    assert mnsclient.body_md5("aGVsbG8gbW5z") == "EBBEC0919BC91E033E46295ED9BAE435"
    assert mnsclient.body_md5("I am 测试字符串.") == "9D75198CAA17528AB23790C1861987AF"
