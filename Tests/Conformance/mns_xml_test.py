"""What the queue API makes of XML in every dress, and of XML that is meant to harm (mns-api.md 1.4)."""

import resource
import time

import mnsclient
import pytest
from mns_wire_test import check
from mnsclient import NAMESPACE, SLASHED, document

MESSAGE = "<MessageBody>hello</MessageBody>"
BOM = "\ufeff"


def post(mns, name, xml):
    return mns.call("POST", f"/queues/{name}/messages", xml.encode() if isinstance(xml, str) else xml)


@pytest.mark.parametrize("xml", [
    f"<Message>{MESSAGE}</Message>",
    f"{BOM}<Message>{MESSAGE}</Message>",
    f'{BOM}<?xml version="1.0" encoding="UTF-8"?><Message>{MESSAGE}</Message>',
    f'<?xml version="1.0"?><Message xmlns="{NAMESPACE}">{MESSAGE}</Message>',
    "<?xml version='1.0' encoding='utf-8' standalone='no' ?>\r\n"
    f"<Message xmlns='{SLASHED}'>\r\n\t{MESSAGE}\r\n</Message>\r\n",
    f'<Message xmlns="urn:whatever" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{MESSAGE}</Message>',
    f'<m:Message xmlns:m="{NAMESPACE}"><m:MessageBody>hello</m:MessageBody></m:Message>',
    f"<!-- first --><Message><!-- <MessageBody>no</MessageBody> -->{MESSAGE}<!----></Message><!-- last -->",
    "<Message><MessageBody><![CDATA[hello]]></MessageBody></Message>",
    "<Message><MessageBody>he<![CDATA[l]]><!-- x -->l<![CDATA[]]>o</MessageBody></Message>",
    "<Message><MessageBody>&#104;&#x65;llo</MessageBody></Message>",
    f"<Message><Unknown a='1'><Deep>x</Deep></Unknown>{MESSAGE}<Another/></Message>",
    f"<Message>\n  <Priority> 3 </Priority>\n  <DelaySeconds>\n0\n</DelaySeconds>{MESSAGE}</Message>",
    f"<Message>{MESSAGE}<MessageGroupId></MessageGroupId><UserProperties/><SystemProperties></SystemProperties></Message>",
    f"<Message id='1' other=\"2\">{MESSAGE}</Message>",
])
def test_a_message_is_read_in_every_dress(mns, name, xml):
    check(post(mns, name, xml), 201)
    assert mns.receive(name).values["MessageBody"] == "hello"


@pytest.mark.parametrize("written, meant", [
    ("&lt;a href=&quot;x&quot;&gt;&amp;&apos;", "<a href=\"x\">&'"), ("&amp;lt;", "&lt;"),
    ("<![CDATA[<b>&amp;</b>]]>", "<b>&amp;</b>"), ("  two  blanks  ", "  two  blanks  "),
    ("a\r\nb\rc\nd", "a\r\nb\rc\nd"), ("a&#13;&#10;b", "a\r\nb"), ("&#x1F600;😀", "😀😀"),
    ("]]&gt;", "]]>"), ("tab\there", "tab\there"),
])
def test_what_a_body_means_is_what_xml_says_but_for_line_ends_which_stay(mns, name, written, meant):
    sent = check(post(mns, name, f"<Message><MessageBody>{written}</MessageBody></Message>"), 201)
    assert sent.values["MessageBodyMD5"] == mnsclient.body_md5(meant)
    assert mns.receive(name).values["MessageBody"] == meant


@pytest.mark.parametrize("body", [
    "<Queue/>", "<Queue></Queue>", f'<Queue xmlns="{SLASHED}"> </Queue>', "", "<Queue><X/></Queue>",
])
def test_a_queue_without_attributes_has_the_defaults(mns, unique, body):
    check(mns.call("PUT", f"/queues/bare-{unique}", body.encode()), 201)
    check(mns.call("PUT", f"/queues/bare-{unique}", body.encode()), 204)
    found = mns.attributes(f"bare-{unique}").values
    assert (found["VisibilityTimeout"], found["MaximumMessageSize"], found["MessageRetentionPeriod"]) == (
        "30", "65536", "345600")
    check(mns.delete_queue(f"bare-{unique}"), 204)


@pytest.mark.parametrize("written", ["True", "true", " TRUE "])
def test_a_truth_is_written_in_any_case(mns, name, written):
    check(mns.set_attributes(name, LoggingEnabled=written), 204)
    assert mns.attributes(name).values["LoggingEnabled"] == "True"


@pytest.mark.parametrize("xml", [
    "", " ", "no xml at all", "{}", "<Message>", "<Message></Messag>", f"<Message>{MESSAGE}</Message>x",
    f"<Message>{MESSAGE}</Message><Message/>", f"x<Message>{MESSAGE}</Message>",
    "<Message><MessageBody>&nbsp;</MessageBody></Message>",
    "<Message><MessageBody>&</MessageBody></Message>", "<Message><MessageBody><</MessageBody></Message>",
    "<Message><MessageBody>&#0;</MessageBody></Message>", "<Message><MessageBody>&#xD800;</MessageBody></Message>",
    "<Message><MessageBody>&#x110000;</MessageBody></Message>", "<Message><MessageBody>\x01</MessageBody></Message>",
    "<Message><MessageBody>a]]>b</MessageBody></Message>", "<Message a=1/>", "<Message a='1' a='2'/>", "<Message a='<'/>",
    "<?target data?><Message/>", "<Message><?php?></Message>", "<Message><!-- a -- b --></Message>",
    "<Message><![CDATA[x</Message>", "<1Message/>", "<Message xmlns:m='x'><n:MessageBody/></Message",
    '<?xml version="1.0" encoding="ISO-8859-1"?><Message><MessageBody>x</MessageBody></Message>',
])
def test_what_is_no_xml_is_refused(mns, name, xml):
    check(post(mns, name, xml), 400, "MalformedXML")
    assert mns.attributes(name).values["ActiveMessages"] == "0"


@pytest.mark.parametrize("raw", [
    b"<Message><MessageBody>\xff\xfe</MessageBody></Message>", b"<Message><MessageBody>\xc0\xaf</MessageBody></Message>",
    b"<Message><MessageBody>\xed\xa0\x80</MessageBody></Message>", "<Message/>".encode("utf-16"), b"\x00" * 100,
    b"<Message><MessageBody>\xe6\xb5</MessageBody></Message>",
])
def test_what_is_no_utf_8_is_refused(mns, name, raw):
    check(post(mns, name, raw), 400, "MalformedXML")


@pytest.mark.parametrize("xml, named", [
    ("<Nachricht><MessageBody>x</MessageBody></Nachricht>", "Message"), ("<Message/>", "MessageBody"),
    ("<Message><MessageBody/></Message>", "MessageBody"), ("<Message><MessageBody></MessageBody></Message>", "MessageBody"),
    ("<Message><MessageBody><b>x</b></MessageBody></Message>", "MessageBody"),
    (f"<Message>{MESSAGE}{MESSAGE}</Message>", "MessageBody"),
    (f"<Message>{MESSAGE}<Priority>urgent</Priority></Message>", "Priority"),
    (f"<Message>{MESSAGE}<Priority/></Message>", "Priority"),
    (f"<Message>{MESSAGE}<Priority>17</Priority></Message>", "Priority"),
    (f"<Message>{MESSAGE}<Priority>-1</Priority></Message>", "Priority"),
    (f"<Message>{MESSAGE}<DelaySeconds>1.5</DelaySeconds></Message>", "DelaySeconds"),
    (f"<Message>{MESSAGE}<DelaySeconds>-1</DelaySeconds></Message>", "DelaySeconds"),
    (f"<Message>{MESSAGE}<DelaySeconds>99999999999999999999</DelaySeconds></Message>", "DelaySeconds"),
    ("<Messages/>", "Message"), ("<Messages><Other/></Messages>", "Message"),
    (f"<Messages>{'<Message><MessageBody>x</MessageBody></Message>' * 17}</Messages>", "16"),
    (f"<Messages><Message>{MESSAGE}</Message><Message/></Messages>", "Message 2"),
    (f"<Message>{MESSAGE}<UserProperties><PropertyValue><Name>n</Name><Value>v</Value><Type>ODD</Type></PropertyValue>"
     "</UserProperties></Message>", "Type"),
])
def test_what_breaks_a_rule_is_refused_by_its_name(mns, name, xml, named):
    assert named in check(post(mns, name, xml), 400, "InvalidArgument").error_message
    assert mns.attributes(name).values["ActiveMessages"] == "0"


def test_the_other_documents_are_judged_alike(mns, name):
    check(mns.call("PUT", f"/queues/{name}?metaoverride=true", b"<Queue"), 400, "MalformedXML")
    check(mns.call("PUT", f"/queues/{name}?metaoverride=true", document("Message")), 400, "InvalidArgument")
    check(mns.call("DELETE", f"/queues/{name}/messages", b"<ReceiptHandles"), 400, "MalformedXML")
    check(mns.call("DELETE", f"/queues/{name}/messages", document("ReceiptHandles")), 400, "InvalidArgument")
    check(mns.call("DELETE", f"/queues/{name}/messages", document("Handles")), 400, "InvalidArgument")
    bare = "<ReceiptHandles><ReceiptHandle>1-x</ReceiptHandle></ReceiptHandles>"
    answer = mns.call("DELETE", f"/queues/{name}/messages", bare.encode())
    assert (answer.status, answer.name) == (404, "Errors")


# -- Documents that are meant to harm


def laughs(levels, width):
    entities = '<!ENTITY l0 "ha">'
    for level in range(1, levels):
        entities += f'<!ENTITY l{level} "{f"&l{level - 1};" * width}">'
    return f"<!DOCTYPE Message [{entities}]><Message><MessageBody>&l{levels - 1};</MessageBody></Message>"


BOMBS = {
    "a billion laughs": laughs(10, 10),
    "one long entity many times": (
        f'<!DOCTYPE Message [<!ENTITY a "{"a" * 50_000}">]><Message><MessageBody>{"&a;" * 50_000}</MessageBody></Message>'
    ),
    "a file of the server": (
        '<!DOCTYPE Message [<!ENTITY f SYSTEM "file:///etc/passwd">]><Message><MessageBody>&f;</MessageBody></Message>'
    ),
    "another server": (
        '<!DOCTYPE Message SYSTEM "http://127.0.0.1:9/x.dtd"><Message><MessageBody>x</MessageBody></Message>'
    ),
    "a parameter entity": (
        '<!DOCTYPE Message [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><Message><MessageBody>x</MessageBody></Message>'
    ),
    "a bare document type": "<!DOCTYPE Message><Message><MessageBody>x</MessageBody></Message>",
    "deep nesting": "<a>" * 100_000 + "</a>" * 100_000,
    "deep nesting that never ends": "<a>" * 300_000,
    "deep nesting inside": f"<Message>{MESSAGE}{'<a>' * 5_000}{'</a>' * 5_000}</Message>",
    "many elements": f"<Message>{MESSAGE}{'<a/>' * 240_000}</Message>",
    "many attributes": "<Message " + " ".join(f"a{number}=''" for number in range(60_000)) + f">{MESSAGE}</Message>",
    "many namespaces": (
        "<Message " + " ".join(f"xmlns:a{number}='u'" for number in range(40_000)) + f">{MESSAGE}</Message>"
    ),
    "one long name": f"<{'M' * 900_000}/>",
    "one long attribute": f"<Message a='{'x' * 900_000}'/>",
    "a comment that never ends": "<Message><!--" + "- " * 400_000,
    "comments without end": "<Message>" + "<!-- -->" * 120_000,
    "open tags in an attribute": "<Message a='" + "<" * 800_000,
    "references without end": "<Message><MessageBody>" + "&amp" * 200_000 + "</MessageBody></Message>",
    "cdata without end": "<Message><MessageBody>" + "<![CDATA[" * 100_000,
    "processing instructions without end": "<?a?>" * 200_000,
    "blanks": " " * 1_000_000,
    "text of a mebibyte": f"<Message><MessageBody>{'x' * 1_000_000}</MessageBody></Message>",
}


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_a_bomb_costs_next_to_nothing(mns, name, shared, bomb):
    body = BOMBS[bomb].encode()
    assert len(body) < 3_200_000
    before = cpu_seconds(shared.pid)
    began = time.monotonic()
    answer = post(mns, name, body)
    elapsed = time.monotonic() - began
    used = cpu_seconds(shared.pid) - before
    assert (answer.status, answer.code) in ((400, "MalformedXML"), (400, "InvalidArgument"), (413, None)), answer
    # A debug build takes a tenth of this for the dearest, most of it for reading and checking a mebibyte of bytes.
    assert elapsed < 3 and used < 0.6, f"{elapsed:.2f} s, {used:.2f} s of the processor"
    check(mns.send(name, "still here"), 201)


def test_an_external_entity_reaches_no_file_and_no_server(mns, name, receiver):
    xml = f'<!DOCTYPE Message [<!ENTITY f SYSTEM "{receiver.url}/xxe">]><Message><MessageBody>&f;</MessageBody></Message>'
    answer = check(post(mns, name, xml), 400, "MalformedXML")
    assert "root:" not in answer.error_message
    assert receiver.received("/xxe") == []


def test_a_bomb_leaves_no_memory_behind(mns, name, shared):
    body = BOMBS["a billion laughs"].encode()
    post(mns, name, body)
    before = resident(shared.pid)
    for _ in range(50):
        check(post(mns, name, body), 400, "MalformedXML")
    assert resident(shared.pid) - before < 64 << 20


def test_errors_quote_what_came_in_safely(mns, name):
    answer = check(post(mns, name, f"<{'B' * 5000}/>"), 400, "InvalidArgument")
    assert len(answer.body) < 2000
    answer = check(mns.call("GET", f"/queues/{name}/messages?numOfMessages=%3Cscript%3E%26%00"), 400, "InvalidArgument")
    assert b"<script" not in answer.body


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
