"""Every queue operation through the vendor's MNS clients, unchanged (mns-api.md 3 to 5)."""

import base64
import re
import time

import pytest
from harness.mns import MNSSDKError, body_of, message_fields, text_of
from mnsclient import body_md5

CHINESE = "课程一「引言」𠮷野家 — naïve café ☕️"
CONTROL = "".join(map(chr, range(32))) + "\x7f\x85\u2028 <&>\"']]>"


def failing(call, code, *arguments, **options):
    """Calls what has to fail with the server's code, as the class that the SDK has for it."""
    with pytest.raises(MNSSDKError) as caught:
        call(*arguments, **options)
    error = caught.value
    assert error.is_from_server, f"the SDK could not read the answer: {error}"
    assert error.code == code, error
    if error.sub_errors is None:
        assert re.fullmatch("[0-9A-F]{24}", error.request_id), error.request_id
        assert error.host_id.startswith("http://"), error.host_id
    assert error.message
    return error


def now():
    return int(time.time() * 1000)


# -- Queues


def test_a_queue_is_created_described_and_deleted(missing):
    url = missing.create()
    assert url == f"{missing.api}/queues/{missing.queue}"
    found = missing.get()
    assert found["queue_name"] == missing.queue
    assert abs(found["create_time"] - time.time()) < 60
    assert found["last_modify_time"] >= found["create_time"]
    assert (found["active_messages"], found["inactive_messages"], found["delay_messages"]) == (0, 0, 0)
    assert missing.drop() is None
    failing(missing.get, "QueueNotExist")


def test_defaults_are_the_services_where_the_client_says_nothing(missing):
    missing.create()
    found = missing.get()
    if missing.is_old:  # it always sends defaults of its own
        expected = {"maximum_message_size": 2048, "message_retention_period": 86400}
    else:
        expected = {"maximum_message_size": 65536, "message_retention_period": 345600}
    expected |= {"visibility_timeout": 30, "delay_seconds": 0, "polling_wait_seconds": 0}
    assert {name: int(found[name]) for name in expected} == expected
    assert str(found["logging_enabled"]) == "False"


def test_creating_again_with_the_same_attributes_succeeds_with_the_same_url(missing):
    assert missing.create(visibility_timeout=40) == missing.create(visibility_timeout=40)


def test_creating_again_with_other_attributes_is_refused(missing):
    missing.create(visibility_timeout=40)
    failing(missing.create, "QueueAlreadyExist", visibility_timeout=41)
    assert int(missing.get()["visibility_timeout"]) == 40


def test_every_attribute_can_be_set_when_creating_and_afterwards(missing):
    first = {
        "visibility_timeout": 43200, "maximum_message_size": 1024, "message_retention_period": 60,
        "delay_seconds": 604800, "polling_wait_seconds": 30, "logging_enabled": True,
    }
    second = {
        "visibility_timeout": 1, "maximum_message_size": 65536, "message_retention_period": 604800, "delay_seconds": 0,
        "polling_wait_seconds": 0, "logging_enabled": False,
    }
    missing.create(**first)
    for wanted in (first, second):
        found = missing.get()
        assert {name: str(found[name]) for name in wanted} == {name: str(value) for name, value in wanted.items()}
        assert missing.set(**second) is None


def test_attributes_that_are_not_named_keep_their_values(queue_at, shared, unique):
    queue = queue_at("mns-1.3.0", shared, f"partial-{unique}")
    queue.create(visibility_timeout=77, delay_seconds=5)
    queue.set(polling_wait_seconds=9)
    found = queue.get()
    assert [int(found[name]) for name in ("visibility_timeout", "delay_seconds", "polling_wait_seconds")] == [77, 5, 9]


@pytest.mark.parametrize("attribute, value", [
    ("visibility_timeout", 43201), ("maximum_message_size", 1023), ("maximum_message_size", 65537),
    ("message_retention_period", 59), ("message_retention_period", 1296001), ("delay_seconds", 604801),
    ("polling_wait_seconds", 31), ("polling_wait_seconds", 60),
])
def test_attributes_out_of_their_ranges_are_refused(missing, queue, attribute, value):
    named = "".join(part.capitalize() for part in attribute.split("_"))
    before = queue.get()
    error = failing(queue.set, "InvalidArgument", **{attribute: value})
    assert named in error.message
    assert queue.get() == before
    other = queue.varied(queue=queue.queue + "-2")
    assert named in failing(other.create, "InvalidArgument", **{attribute: value}).message
    failing(other.get, "QueueNotExist")


@pytest.mark.parametrize("name, code", [
    ("a.b", "InvalidQueueName"), ("under_score", "InvalidQueueName"), ("-front", "InvalidQueueName"),
    ("x" * 121, "QueueNameLengthError"),
])
def test_names_that_no_queue_may_have_are_refused(missing, name, code):
    failing(missing.varied(queue=name).create, code)


@pytest.mark.parametrize("name", ["7", "A-b-9", "y" * 120])
def test_names_at_the_limits_are_fine(missing, unique, name):
    queue = missing.varied(queue=(name + unique if len(name) < 100 else name))
    queue.create()
    assert queue.get()["queue_name"] == queue.queue
    queue.drop()


def test_a_deleted_queues_name_is_free_at_once_and_its_messages_are_gone(queue):
    queue.send("old")
    queue.drop()
    queue.create(maximum_message_size=65536)
    failing(queue.receive, "MessageNotExist")
    assert queue.get()["active_messages"] == 0


@pytest.mark.parametrize("operation, arguments", [
    ("get_attributes", {}), ("set_attributes", {}), ("delete", {}), ("send_message", message_fields("x")),
    ("batch_send_message", {"messages": [message_fields("x")]}), ("receive_message", {}),
    ("batch_receive_message", {"count": 3}), ("peek_message", {}), ("batch_peek_message", {"count": 3}),
    ("delete_message", {"handle": "1-abc"}), ("batch_delete_message", {"handles": ["1-abc"]}),
    ("change_message_visibility", {"handle": "1-abc", "seconds": 5}),
])
def test_a_queue_that_does_not_exist_is_told_by_every_operation(missing, operation, arguments):
    failing(missing.call, "QueueNotExist", operation, **arguments)


# -- Lists


def test_queues_are_listed_by_prefix_and_page_by_page(mns_name, queue_at, shared, own_account):
    one = queue_at(mns_name, shared, "b-1", **own_account)
    assert one.list() == {"urls": [], "marker": ""}
    names = [f"b-{number}" for number in range(1, 8)] + ["a-1", "c-1"]
    for each in names:
        one.varied(queue=each).create()
    everything = one.list()
    assert (sorted(everything["urls"]), everything["marker"]) == (
        sorted(f"{shared.api}/queues/{each}" for each in names), "")
    pages, marker = [], ""
    while True:
        page = one.list(prefix="b-", count=3, marker=marker)
        pages.append([url.rsplit("/", 1)[1] for url in page["urls"]])
        marker = page["marker"]
        if not marker:
            break
        assert len(pages) < 5, pages
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(sum(pages, [])) == names[:7]
    assert one.list(prefix="nothing-begins-so") == {"urls": [], "marker": ""}


def test_a_list_with_attributes_has_all_of_them(mns_name, queue_at, shared, own_account):
    queue = queue_at(mns_name, shared, "with-meta", **own_account)
    queue.create(visibility_timeout=44, maximum_message_size=2048)
    queue.send("one")
    [found] = queue.list(with_meta=True)["metas"]
    assert set(found) == {
        "QueueURL", "ActiveMessages", "CreateTime", "DelayMessages", "DelaySeconds", "InactiveMessages",
        "LastModifyTime", "MaximumMessageSize", "MessageRetentionPeriod", "QueueName", "VisibilityTimeout",
        "PollingWaitSeconds", "LoggingEnabled",
    }
    assert (found["QueueName"], found["VisibilityTimeout"], found["ActiveMessages"]) == ("with-meta", "44", "1")
    [found] = queue.list()["urls"]
    assert found == f"{shared.api}/queues/with-meta"


def test_accounts_do_not_see_one_anothers_queues(queue, own_account):
    other = queue.varied(**own_account)
    failing(other.get, "QueueNotExist")
    failing(other.send, "QueueNotExist", "for the other one")
    other.create(maximum_message_size=65536)
    other.send("mine")
    assert queue.get()["active_messages"] == 0
    failing(queue.receive, "MessageNotExist")
    handle = other.receive()["receipt_handle"]
    failing(queue.delete, "ReceiptHandleError", handle)
    other.delete(handle)


# -- One message


@pytest.mark.parametrize("body", [
    "hello mns", "x", CHINESE, CONTROL, '{"EventType":"UploadByURLComplete"}', "  blanks stay \n\n",
], ids=["text", "one-character", "unicode", "control-characters", "json", "blanks"])
def test_a_body_comes_back_as_it_was_sent(queue, body):
    sent = queue.send(body)
    on_the_wire = base64.b64encode(body.encode()).decode()
    assert sent["message_body_md5"] == body_md5(on_the_wire)
    for found in (queue.peek(), queue.receive()):
        assert body_of(found) == body.encode()
        assert (found["message_id"], found["message_body_md5"]) == (sent["message_id"], sent["message_body_md5"])


@pytest.mark.parametrize("body", [
    "hello mns", CHINESE, "<Message>&amp;</Message> ]]> \" ' &#65;", '{"a":"b"}', "line\nline\ttab", " blanks around ",
], ids=["text", "unicode", "markup", "json", "white-space", "blanks"])
def test_a_body_that_the_client_does_not_encode_comes_back_as_it_was_sent(queue, body):
    raw = queue.raw()
    assert raw.send(body)["message_body_md5"] == body_md5(body)
    if not raw.is_old:  # its peek decodes whatever it was told
        assert [text_of(each) for each in (raw.peek(), *raw.peek_batch())] == [body] * 2
    found = raw.receive()
    assert text_of(found) == body
    assert found["message_body_md5"] == body_md5(body)
    raw.send_batch(body, body)
    assert [text_of(each) for each in raw.receive_batch()] == [body] * 2


def test_binary_bodies_travel_as_base64_of_the_users_own(queue):
    every_byte = bytes(range(256)) * 3
    text = base64.b64encode(every_byte).decode()
    queue.raw().send_batch(text, text)
    assert base64.b64decode(text_of(queue.raw().receive())) == every_byte
    [found] = queue.receive_batch()  # a receive of one decodes to a text with the older generation, which this is not
    assert (found["body_type"], body_of(found)) == ("bytes", every_byte)


def test_what_one_generation_sends_the_other_receives(queue_at, shared, unique):
    old, new = (queue_at(name, shared, f"both-{unique}") for name in ("mns-1.1.5", "mns-1.3.0"))
    new.create()
    for sender, receiver in ((old, new), (new, old)):
        sender.send(CHINESE)
        found = receiver.receive()
        assert text_of(found) == CHINESE
        receiver.delete(found["receipt_handle"])
        sender.send_batch("a", CHINESE)
        found = receiver.receive_batch(16)
        assert sorted(text_of(each) for each in found) == sorted(["a", CHINESE])
        receiver.delete_batch(*(each["receipt_handle"] for each in found))
    assert (new.get()["active_messages"], new.get()["inactive_messages"]) == (0, 0)


def test_a_received_message_tells_its_whole_story(queue):
    before = now()
    sent = queue.send("story", priority=3)
    peeked = queue.peek()
    assert (peeked["dequeue_count"], peeked["priority"], peeked["receipt_handle"]) == (0, 3, "")
    assert before - 1000 <= peeked["enqueue_time"] <= now() + 1000
    assert peeked["first_dequeue_time"] == peeked["enqueue_time"], "never received"
    first = queue.receive()
    assert (first["message_id"], first["dequeue_count"], first["priority"]) == (sent["message_id"], 1, 3)
    assert first["enqueue_time"] == peeked["enqueue_time"]
    assert abs(first["first_dequeue_time"] - now()) < 5000
    assert abs(first["next_visible_time"] - first["first_dequeue_time"] - 30_000) <= 1000
    queue.change(first["receipt_handle"], 1)
    second = queue.receive(wait=10)
    assert second["dequeue_count"] == 2
    assert second["first_dequeue_time"] == first["first_dequeue_time"]
    assert second["enqueue_time"] == first["enqueue_time"]
    assert second["receipt_handle"] != first["receipt_handle"]


def test_counters_are_true_at_any_time(queue):
    def counts():
        found = queue.get()
        return tuple(found[name] for name in ("active_messages", "inactive_messages", "delay_messages"))

    assert counts() == (0, 0, 0)
    queue.send_batch("a", "b", "c")
    delayed = queue.send("later", delay=3600)
    assert counts() == (3, 0, 1)
    handle = queue.receive()["receipt_handle"]
    assert counts() == (2, 1, 1)
    queue.delete(handle)
    assert counts() == (2, 0, 1)
    found = queue.receive_batch(16)
    assert counts() == (0, 2, 1)
    queue.delete_batch(*(each["receipt_handle"] for each in found))
    assert counts() == (0, 0, 1)
    if not queue.is_old:  # it does not tell the handle
        queue.delete(delayed["receipt_handle"])
        assert counts() == (0, 0, 0)


def test_user_and_system_properties_come_back(queue_at, shared, unique):
    queue = queue_at("mns-1.3.0", shared, f"properties-{unique}")
    queue.create()
    every_byte = base64.b64encode(bytes(range(256))).decode()
    user = {
        "text": ["STRING", CHINESE + " <&>"], "number": ["NUMBER", "3.25"], "flag": ["BOOLEAN", "true"],
        "bytes": ["BINARY", every_byte],
    }
    system = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "baggage": "a=b"}
    queue.send("with properties", user=user, system=system)
    queue.send_batch(message_fields("batched", user=user, system=system), "bare")
    for found in (queue.peek(), queue.receive(), *queue.receive_batch(16)):
        if text_of(found) == "bare":
            assert (found["user_properties"], found["system_properties"]) == ({}, {})
            continue
        assert found["user_properties"] == user
        assert found["system_properties"] == {name: ["STRING", value] for name, value in system.items()}


def test_a_group_comes_back(queue_at, shared, unique):
    queue = queue_at("mns-1.3.0", shared, f"group-{unique}")
    queue.create()
    queue.send("grouped", group="orders 7")
    assert queue.receive()["message_group_id"] == "orders 7"
    assert [each["message_group_id"] for each in queue.send_batch(message_fields("x", group="g"), "y")] == ["g", ""]


# -- Sizes


def test_bodies_up_to_the_limit_pass_and_not_a_byte_more(queue):
    largest = "m" * 65536
    queue.raw().send(largest)
    assert text_of(queue.raw().receive()) == largest
    error = failing(queue.raw().send, "InvalidArgument", largest + "m")
    assert "65536" in error.message
    # The text on the wire counts, in bytes.
    encoded = "z" * 49152
    queue.send(encoded)
    assert text_of(queue.receive()) == encoded
    failing(queue.send, "InvalidArgument", encoded + "z")
    failing(queue.raw().send, "InvalidArgument", "测" * 21846)


def test_a_queue_has_a_limit_of_its_own(missing):
    missing.create(maximum_message_size=1024)
    missing.raw().send("s" * 1024)
    assert "1024" in failing(missing.raw().send, "InvalidArgument", "s" * 1025).message
    missing.set(maximum_message_size=2000)
    missing.raw().send("s" * 2000)


def test_a_batch_has_one_limit_for_all_of_its_bodies(queue):
    queue.raw().send_batch(*["b" * 4096] * 16)
    assert len(queue.raw().receive_batch(16)) == 16
    failing(queue.raw().send_batch, "InvalidArgument", *["b" * 4096] * 15, "b" * 4097)
    assert queue.get()["active_messages"] == 0


# -- Batches


def test_a_batch_keeps_its_order_in_the_answer(queue):
    bodies = [f"number {number} {CHINESE}" for number in range(16)]
    sent = queue.send_batch(*bodies)
    assert [each["message_body_md5"] for each in sent] == [
        body_md5(base64.b64encode(body.encode())) for body in bodies]
    assert len({each["message_id"] for each in sent}) == 16
    peeked = queue.peek_batch(16)
    assert sorted(text_of(each) for each in peeked) == sorted(bodies)
    received = queue.receive_batch(16)
    by_id = {each["message_id"]: text_of(each) for each in received}
    assert [by_id[each["message_id"]] for each in sent] == bodies
    queue.delete_batch(*(each["receipt_handle"] for each in received))
    failing(queue.receive, "MessageNotExist")


def test_a_batch_receive_takes_what_there_is(queue):
    queue.send_batch("a", "b", "c")
    assert len(queue.receive_batch(2)) == 2
    assert len(queue.receive_batch(16)) == 1
    failing(queue.receive_batch, "MessageNotExist", 16)
    failing(queue.peek_batch, "MessageNotExist", 16)


@pytest.mark.parametrize("count", [0, 17])
def test_a_batch_has_1_to_16_messages(queue, count):
    queue.send("one")
    failing(queue.receive_batch, "InvalidArgument", count)
    failing(queue.peek_batch, "InvalidArgument", count)
    failing(queue.send_batch, "InvalidArgument", *["x"] * count)
    failing(queue.delete_batch, "InvalidArgument", *["1-abc"] * count)
    assert queue.get()["active_messages"] == 1


def test_what_is_wrong_with_one_message_of_a_batch_does_not_stop_the_others(missing):
    missing.create(maximum_message_size=1024)
    raw = missing.raw()
    error = failing(
        raw.send_batch, "InvalidArgument", "good", message_fields("too late", delay=604801), "g" * 1025,
        message_fields("not urgent", priority=17), "fine",
    )
    stored = [set(each) == {"MessageId", "MessageBodyMD5"} for each in error.sub_errors]
    assert stored == [True, False, False, False, True]
    wrong = [each for each in error.sub_errors if set(each) == {"ErrorCode", "ErrorMessage"}]
    assert [each["ErrorCode"] for each in wrong] == ["InvalidArgument"] * 3
    for each, named in zip(wrong, ("DelaySeconds", "1024", "Priority"), strict=True):
        assert named in each["ErrorMessage"]
    assert error.sub_errors[0]["MessageBodyMD5"] == body_md5("good")
    assert re.fullmatch("[0-9A-F]{24}", error.request_id)
    assert sorted(text_of(each) for each in raw.receive_batch(16)) == ["fine", "good"]


def test_handles_of_a_batch_delete_fail_one_by_one(queue):
    queue.send_batch("a", "b", "c")
    handles = [each["receipt_handle"] for each in queue.receive_batch(16)]
    queue.delete(handles[1])
    error = failing(queue.delete_batch, "MessageNotExist", handles[0], handles[1], "1-nonsense", handles[2])
    assert [(each["ErrorCode"], each["ReceiptHandle"]) for each in error.sub_errors] == [
        ("MessageNotExist", handles[1]), ("ReceiptHandleError", "1-nonsense")]
    assert all(each["ErrorMessage"] for each in error.sub_errors)
    found = queue.get()
    assert (found["active_messages"], found["inactive_messages"]) == (0, 0)


# -- Priorities and delays


def test_the_most_urgent_come_first_and_the_oldest_among_equals(queue):
    queue.send_batch(
        *(message_fields(f"{priority}-{turn}", priority=priority) for turn in (1, 2) for priority in (16, 8, 1)))
    queue.send("8-3")  # without a priority it has 8
    order = [text_of(queue.receive()) for _ in range(7)]
    assert order == ["1-1", "1-2", "8-1", "8-2", "8-3", "16-1", "16-2"]


@pytest.mark.parametrize("values, named", [({"priority": 17}, "Priority"), ({"delay": 604801}, "DelaySeconds")])
def test_values_of_a_message_out_of_their_ranges_are_refused(queue, values, named):
    assert named in failing(queue.send, "InvalidArgument", "x", **values).message


def test_a_delayed_message_comes_when_its_delay_is_over(queue):
    sent_at = time.monotonic()
    queue.send("later", delay=1)
    failing(queue.receive, "MessageNotExist")
    failing(queue.peek, "MessageNotExist")
    found = queue.receive(wait=10)
    assert 0.9 <= time.monotonic() - sent_at < 5
    assert (text_of(found), found["dequeue_count"]) == ("later", 1)


def test_a_queues_delay_holds_for_messages_without_one(missing):
    missing.create(delay_seconds=1)
    sent_at = time.monotonic()
    missing.send("as the queue says")
    missing.send("at once", delay=0)
    assert text_of(missing.receive()) == "at once"
    failing(missing.receive, "MessageNotExist")
    assert text_of(missing.receive(wait=10)) == "as the queue says"
    assert time.monotonic() - sent_at >= 0.9


def test_a_delayed_message_can_be_released_or_withdrawn_by_the_handle_from_sending(queue_at, shared, unique):
    queue = queue_at("mns-1.3.0", shared, f"transaction-{unique}")
    queue.create()
    assert queue.send("not delayed")["receipt_handle"] == ""
    queue.delete(queue.receive()["receipt_handle"])
    release, withdraw = (queue.send(what, delay=3600)["receipt_handle"] for what in ("release", "withdraw"))
    queue.delete(withdraw)
    queue.change(release, 1)
    found = queue.receive(wait=10)
    assert text_of(found) == "release"
    assert queue.get()["delay_messages"] == 0


# -- Visibility and handles


def test_a_message_that_is_not_deleted_in_time_comes_again_and_the_old_handle_is_void(missing):
    missing.create(visibility_timeout=1)
    missing.send("again")
    first = missing.receive()
    failing(missing.receive, "MessageNotExist")
    second = missing.receive(wait=10)
    assert (second["message_id"], second["dequeue_count"]) == (first["message_id"], 2)
    failing(missing.delete, "MessageNotExist", first["receipt_handle"])
    failing(missing.change, "MessageNotExist", first["receipt_handle"], 5)
    assert missing.get()["inactive_messages"] == 1
    missing.delete(second["receipt_handle"])
    failing(missing.delete, "MessageNotExist", second["receipt_handle"])


def test_visibility_can_be_shortened_and_prolonged(queue):
    queue.send("x")
    first = queue.receive()
    longer = queue.change(first["receipt_handle"], 43200)
    assert longer["receipt_handle"] != first["receipt_handle"]
    assert abs(int(longer["next_visible_time"]) - now() - 43_200_000) < 5000, "from now, not added to the rest"
    failing(queue.change, "ReceiptHandleError", first["receipt_handle"], 60)
    shorter = queue.change(longer["receipt_handle"], 1)
    assert abs(int(shorter["next_visible_time"]) - now() - 1000) < 1000
    again = queue.receive(wait=10)
    assert again["dequeue_count"] == 2
    failing(queue.delete, "MessageNotExist", shorter["receipt_handle"])
    queue.delete(again["receipt_handle"])


def test_the_handle_before_a_change_of_visibility_still_deletes(queue):
    queue.send("x")
    first = queue.receive()["receipt_handle"]
    queue.change(first, 60)
    queue.delete(first)
    assert queue.get()["inactive_messages"] == 0


def test_a_visibility_out_of_its_range_is_refused(queue):
    queue.send("x")
    handle = queue.receive()["receipt_handle"]
    # The clients let this one value through that the server does not allow.
    assert "VisibilityTimeout" in failing(queue.change, "InvalidArgument", handle, 0).message
    queue.delete(handle)


@pytest.mark.parametrize("handle", ["nonsense", "1-" + "A" * 56, "8-abcDEF", "1-" + "_" * 200])
def test_handles_that_nobody_handed_out_are_refused(queue, handle):
    failing(queue.delete, "ReceiptHandleError", handle)
    failing(queue.change, "ReceiptHandleError", handle, 5)


def test_a_handle_with_one_character_changed_is_refused(queue):
    queue.send("x")
    handle = queue.receive()["receipt_handle"]
    for place in (2, len(handle) // 2, len(handle) - 1):
        other = "A" if handle[place] != "A" else "B"
        failing(queue.delete, "ReceiptHandleError", handle[:place] + other + handle[place + 1:])
    queue.delete(handle)


def test_handles_of_one_queue_do_not_open_another(queue):
    other = queue.varied(queue=queue.queue + "-2")
    other.create(maximum_message_size=65536)
    queue.send("x")
    failing(other.delete, "ReceiptHandleError", queue.receive()["receipt_handle"])
    assert queue.get()["inactive_messages"] == 1


# -- Long polling


def test_an_empty_queue_is_told_at_once_or_after_the_wait(queue):
    began = time.monotonic()
    failing(queue.receive, "MessageNotExist")
    failing(queue.receive, "MessageNotExist", wait=0)
    assert time.monotonic() - began < 0.9
    began = time.monotonic()
    failing(queue.receive, "MessageNotExist", wait=1)
    failing(queue.receive_batch, "MessageNotExist", 16, wait=1)
    assert 1.9 <= time.monotonic() - began < 4


def test_a_wait_out_of_its_range_is_refused(queue):
    assert "waitseconds" in failing(queue.receive, "InvalidArgument", wait=31).message.lower()


def test_the_queues_own_wait_holds_where_the_request_has_none(missing):
    missing.create(polling_wait_seconds=1)
    began = time.monotonic()
    failing(missing.receive, "MessageNotExist")
    assert 0.9 <= time.monotonic() - began < 3
    began = time.monotonic()
    failing(missing.receive, "MessageNotExist", wait=0)
    failing(missing.peek, "MessageNotExist")
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize("operation", ["receive_message", "batch_receive_message"])
def test_a_waiting_receive_gets_a_message_as_soon_as_it_is_sent(queue, queue_at, mns, shared, operation):
    waiting = queue_at(queue.sdk.name, shared, queue.queue, process=1)
    # A receive that has begun before the message is sent; the answers' clocks tell whether it waited.
    waiting.begin(operation, wait=30, **({"count": 16} if operation[0] == "b" else {}))
    sent = None
    try:
        failing(queue.receive, "MessageNotExist", wait=1)  # long enough for the other to be waiting
    finally:
        began = time.monotonic()
        sent = queue.send(CHINESE)
        found = waiting.finish(operation, 10)
    assert time.monotonic() - began < 2
    found = found[0] if isinstance(found, list) else found
    assert (found["message_id"], text_of(found)) == (sent["message_id"], CHINESE)
    waiting.delete(found["receipt_handle"])


def test_a_waiting_receive_ends_when_its_queue_is_deleted(queue, queue_at, shared):
    waiting = queue_at(queue.sdk.name, shared, queue.queue, process=1)
    waiting.begin("receive_message", wait=30)
    failing(queue.receive, "MessageNotExist", wait=1)
    queue.drop()
    failing(waiting.finish, "QueueNotExist", "receive_message", 10)


def test_a_connection_that_was_idle_for_too_long_loses_no_message_and_makes_none_twice(mns_name, queue_at, started):
    queue = queue_at(mns_name, started("--api-idle-timeout-seconds", "1"), "idle")
    queue.create()
    sent = []
    for number in range(2):
        time.sleep(1.3)  # the server closes the connection meanwhile
        try:
            sent.append(queue.send(f"after a pause {number}"))
        except MNSSDKError as error:
            # The client sends once more what got no answer, but not what it could not write to its end.
            assert error.kind == "MNSClientNetworkException"
            sent.append(queue.send(f"after a pause {number}"))
    time.sleep(1.3)
    received = queue.receive_batch(16)
    assert [each["message_id"] for each in received] == [each["message_id"] for each in sent]


# -- Access


def test_a_wrong_secret_is_told(queue):
    error = failing(queue.varied(secret="not-the-secret").send, "SignatureDoesNotMatch", "x")
    assert "not-the-secret" not in error.message and "towline-dev-secret" not in error.message
    failing(queue.varied(secret="not-the-secret").get, "SignatureDoesNotMatch")


def test_an_unknown_key_is_told(queue):
    failing(queue.varied(key="LTAInobody").receive, "InvalidAccessKeyId")


@pytest.mark.parametrize("clock", [-1000, 1000])
def test_a_clock_that_is_off_by_more_than_a_quarter_of_an_hour_is_told(queue, clock):
    failing(queue.varied(clock=clock).get, "TimeExpired")


@pytest.mark.parametrize("clock", [-800, 800])
def test_a_clock_that_is_off_by_less_is_fine(queue, clock):
    assert queue.varied(clock=clock).get()["queue_name"] == queue.queue


def test_temporary_credentials_send_their_token_unsigned(queue):
    queue.varied(token="CAISxyz/+==").send("with a token")
    assert text_of(queue.receive()) == "with a token"


def test_a_request_id_of_the_users_own_is_signed(queue):
    queue.call("send_message", request_id="req 0001", **message_fields("traced"))
    assert queue.call("get_attributes", request_id="req-0002")["active_messages"] == 1


# -- Beyond queues


@pytest.mark.parametrize("operation", [
    "create_topic", "get_topic", "set_topic", "delete_topic", "list_topic", "publish_message", "list_subscription",
    "subscribe", "get_subscription", "set_subscription", "unsubscribe", "get_account",
])
def test_what_mns_has_beyond_queues_is_refused_in_words_that_the_client_reads(missing, operation):
    error = failing(missing.varied(queue="").call, "InvalidRequestURL", operation)
    assert "not offered" in error.message
