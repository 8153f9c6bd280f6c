"""What names resolve to, through the binary: `net.dns-servers` names a scripted server that is slow, fails, lies or
changes its mind.

127.0.0.2 stands for what is public, since `net.source.allow` opens it and nothing else; a trap listens at the same port
of 127.0.0.1 and ::1, and no connection may ever reach it.
"""

import itertools
import os
import socket
import struct
import threading

import pytest

from conftest import Stage
from harness import dns
from harness.origin import Origin, redirect, sample
from harness.ports import free_port
from harness.server import Towline
from harness.trap import Trap
from harness.waiting import eventually
from harness.web import Reply

OUTER, INNER = "127.0.0.2", "127.0.0.1"
GOOD = dns.addresses(OUTER)
FILE = sample("resolver", 40_000)


class Scene:
    """A server in production's manner with its name server, a source at 127.0.0.2 and the trap."""

    def __init__(self, folder, names, source, trap, *servers, allow=f"{OUTER}/32"):
        self.names = names
        self.source = source
        self.trap = trap
        self.port = int(source.url.rsplit(":", 1)[1])
        self.stage = Stage(Towline(
            folder, "--data", str(folder), "--net-dns-servers", ",".join([*servers, names.address]),
            "--net-source-allow", allow, "--pull-retries", "2", "--pull-dns-timeout-seconds", "3", command="serve"))
        made = self.stage.admin.post("/keys")
        self.stage.api.key, self.stage.api.secret = made["id"], made["secret"]

    def stop(self):
        assert self.stage.server.stop() == 0, self.stage.server.text()

    def url(self, name, path="/a.mp4"):
        return f"http://{name}:{self.port}{path}"

    def pull(self, name, path="/a.mp4", timeout=60):
        """Pulls a file of a name to its end: the job's error code, None on success, and the codes of its attempts."""
        [job] = self.stage.api.submit(self.url(name, path))

        def ended():
            info = self.stage.api.infos(job)[job]
            assert info["Status"] in ("SUCCESS", "DOWNLOAD_FAIL", "UPLOAD_FAIL"), info
            return info

        info = eventually(ended, timeout, f"the job for {name} to end")
        attempts = self.stage.admin.get(f"/jobs/{job}")["attemptList"]
        files = self.stage.server.media_files(info["MediaId"])
        if info["Status"] == "SUCCESS":
            assert [each.read_bytes() for each in files] == [FILE]
        else:
            assert files == []
        return info.get("ErrorCode"), [each.get("errorCode") for each in attempts]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One scene for all tests: each has names and paths of its own."""
    port = free_port(OUTER)
    with dns.ScriptedNameServer() as names, Origin(host=OUTER, port=port) as source, Trap(port, INNER, "::1") as trap:
        source.put("/a.mp4", FILE)
        scene = Scene(tmp_path_factory.mktemp("resolver"), names, source, trap)
        yield scene
        scene.stop()
        assert trap.connections == 0


_numbers = itertools.count()


@pytest.fixture
def scene(shared):
    """The shared scene, with a fresh name; afterwards nobody may have been in the trap."""
    shared.name = f"n{next(_numbers)}.example.com"
    shared.path = f"/{shared.name}.mp4"
    shared.source.put(shared.path, FILE)
    yield shared
    assert shared.trap.connections == 0


# -- Inner addresses

INSIDE = {
    "loopback": dns.addresses(INNER),
    "private": dns.addresses("10.0.0.1"),
    "unspecified": dns.addresses("0.0.0.0"),
    "metadata": dns.addresses("169.254.169.254"),
    "metadata in a carrier's range": dns.addresses("100.100.100.200"),
    "metadata in a public range": dns.addresses("168.63.129.16"),
    "loopback as IPv6": dns.addresses("::1"),
    "unique local": dns.addresses("fd00::1"),
    "link local": dns.addresses("fe80::1"),
    "mapped": dns.addresses("::ffff:127.0.0.1"),
    "compatible": dns.addresses("::127.0.0.1"),
    "NAT64": dns.addresses("64:ff9b::7f00:1"),
    "6to4": dns.addresses("2002:7f00:1::"),
    "Teredo": dns.addresses("2001:0:7f00:1::"),
    "inner after public": dns.addresses(OUTER, INNER),
    "inner before public": dns.addresses(INNER, OUTER),
    "inner among many": dns.addresses(*[OUTER] * 20, "10.1.2.3", *[OUTER] * 20),
    "public IPv4, inner IPv6": dns.addresses(OUTER, "::1"),
    "inner IPv4, public IPv6": dns.addresses(INNER, "2606:4700::1111"),
    "an alias of an inner name": dns.addresses(INNER, aliases=["inner.example.net"]),
    "a chain of aliases to an inner name": dns.addresses(INNER, aliases=["a.example.net", "b.example.net", "localhost"]),
    "an alias that has to be asked for": dns.alias("asked-inner.example.net"),
    "an alias of localhost": dns.alias("localhost"),
    "inner by TCP": dns.by_way(dns.cut, dns.addresses(INNER)),
}


@pytest.fixture(autouse=True, scope="module")
def inner_names(shared):
    shared.names.script("asked-inner.example.net", dns.addresses(INNER))
    shared.names.script("localhost", dns.addresses(INNER))


@pytest.mark.parametrize("kind", INSIDE)
def test_a_name_with_an_inner_address_is_refused_when_it_is_submitted(scene, kind):
    scene.names.script(scene.name, INSIDE[kind])
    answer = scene.stage.api.v3("UploadMediaByURL", {"UploadURLs": scene.url(scene.name)})
    assert (answer.status, answer.code) == (400, "InvalidParameter.UploadURLs"), answer
    assert scene.name in answer.message
    assert scene.source.requests(scene.path) == []


@pytest.mark.parametrize("kind", INSIDE)
def test_a_name_that_moves_to_an_inner_address_is_refused_when_it_is_pulled(scene, kind):
    # The first answer lets the submission pass; the second is the one that is connected, or not.
    scene.names.script(scene.name, GOOD, INSIDE[kind])
    assert scene.pull(scene.name, scene.path) == ("SourceAddressForbidden", ["SourceAddressForbidden"])
    assert scene.source.requests(scene.path) == []


# -- Answers that change


def test_a_name_that_moves_between_attempts_is_refused(scene):
    scene.names.script(scene.name, GOOD, GOOD, dns.addresses(INNER))
    scene.source.put(scene.path, Reply(503, b"later"))
    assert scene.pull(scene.name, scene.path) == (
        "SourceAddressForbidden", ["SourceUnavailable", "SourceAddressForbidden"])
    assert len(scene.source.requests(scene.path)) == 1


def test_a_name_that_moves_while_half_a_file_is_here_is_refused(scene):
    scene.names.script(scene.name, GOOD, GOOD, dns.addresses(OUTER, "10.0.0.1"))
    scene.source.put(scene.path, Reply(200, FILE, [("ETag", '"v1"')], cut=10_000))
    code, attempts = scene.pull(scene.name, scene.path)
    assert (code, attempts) == ("SourceAddressForbidden", ["SourceTruncated", "SourceAddressForbidden"])
    assert len(scene.source.requests(scene.path)) == 1


@pytest.mark.parametrize("answer", ["inner", "mixed"])
def test_a_name_that_moves_on_a_redirect_to_itself_is_refused(scene, answer):
    inner = dns.addresses(INNER) if answer == "inner" else dns.addresses(OUTER, INNER)
    scene.names.script(scene.name, GOOD, GOOD, inner)
    scene.source.put(scene.path, redirect("/elsewhere"))
    assert scene.pull(scene.name, scene.path) == ("SourceAddressForbidden", ["SourceAddressForbidden"])
    assert len(scene.source.requests(scene.path)) == 1
    assert scene.source.requests("/elsewhere") == []


@pytest.mark.parametrize("target", ["other", "alias", "literal", "six", "number"])
def test_a_redirect_to_an_inner_host_is_refused(scene, target):
    other = f"inner-{scene.name}"
    scene.names.script(other, dns.alias("asked-inner.example.net") if target == "alias" else dns.addresses(INNER))
    host = {"literal": INNER, "six": "[::1]", "number": "2130706433"}.get(target, other)
    scene.names.script(scene.name, GOOD)
    scene.source.put(scene.path, redirect(f"http://{host}:{scene.port}/a.mp4"))
    # A number is no host that a URL may have.
    code = "TooManyRedirects" if target == "number" else "SourceAddressForbidden"
    assert scene.pull(scene.name, scene.path) == (code, [code])
    assert len(scene.source.requests(scene.path)) == 1


def test_a_redirect_to_another_public_name_is_followed(scene):
    other = f"other-{scene.name}"
    scene.names.script(other, GOOD)
    scene.names.script(scene.name, GOOD)
    scene.source.put(scene.path, redirect(f"http://{other}:{scene.port}/a.mp4"))
    assert scene.pull(scene.name, scene.path) == (None, [None])


def test_a_name_that_moves_to_a_public_address_is_pulled(scene):
    scene.names.script(scene.name, dns.failure(3), GOOD)
    assert scene.pull(scene.name) == (None, [None])


# -- Servers that fail


def forged(change):
    """A right answer with inner addresses, with something changed that shows that it is not one."""
    return lambda question: [change(question, dns.addresses(INNER)(question)[0])]


def loop_of_pointers(question):
    message = question.message([b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, 2) + b"\xc0\x00"])
    at = len(message) - 2
    return [message[:at] + struct.pack("!H", 0xC000 | at)]


def circle(question):
    return [question.message([
        dns.record(question.name, 5, dns.encoded("circle.example.net")),
        dns.record("circle.example.net", 5, dns.encoded(question.name)),
    ])]


FAILING = {
    # A name that is not there will not be there a second later; everything else may pass.
    "no such name": (dns.failure(3), "URLInvalidError", 1),
    "no addresses": (dns.addresses(), "URLInvalidError", 1),
    "an alias of no name": (dns.alias("nowhere.example.net"), "URLInvalidError", 1),
    "server failure": (dns.failure(2), "SourceUnavailable", 2),
    "refused": (dns.failure(5), "SourceUnavailable", 2),
    "not implemented": (dns.failure(4), "SourceUnavailable", 2),
    "format error": (dns.failure(1), "SourceUnavailable", 2),
    "cut, and TCP ends": (dns.by_way(dns.cut, dns.silence), "SourceUnavailable", 2),
    "cut by TCP too": (dns.cut, "SourceUnavailable", 2),
    "cut, and rubbish by TCP": (dns.by_way(dns.cut, lambda _: [b"rubbish"]), "SourceUnavailable", 2),
    "aliases in a circle": (circle, "SourceUnavailable", 2),
    "aliases in a circle, one answer each": (dns.alias("around.example.net"), "SourceUnavailable", 2),
    "silence": (dns.silence, "SourceTimeout", 2),
    "later than the time": (dns.late(3.5, GOOD), "SourceTimeout", 2),
    "rubbish": (lambda _: [b"\x00rubbish", b"", os.urandom(600)], "SourceTimeout", 2),
    "half a message": (lambda question: [GOOD(question)[0][:-3]], "SourceTimeout", 2),
    "pointers in a circle": (loop_of_pointers, "SourceTimeout", 2),
    "another number": (forged(lambda q, m: struct.pack("!H", q.number ^ 1) + m[2:]), "SourceTimeout", 2),
    "a question": (forged(lambda q, m: m[:2] + struct.pack("!H", 0x0100) + m[4:]), "SourceTimeout", 2),
    "another name": (
        lambda q: [q.message([dns.record("x.example.com", 1, bytes([127, 0, 0, 1]))],
                             section=dns.encoded("x.example.com") + struct.pack("!HH", q.kind, 1))],
        "SourceTimeout", 2),
}


@pytest.fixture(scope="module", autouse=True)
def around(shared):
    shared.names.script("around.example.net", dns.alias("about.example.net"))
    shared.names.script("about.example.net", dns.alias("around.example.net"))


@pytest.fixture(scope="module")
def failures(shared):
    """The jobs of all failing servers at once, since most of them take their time; by kind, as `pull` gives it."""
    results, threads = {}, []

    def pull(kind, name):
        try:
            results[kind] = shared.pull(name, timeout=90)
        except BaseException as error:
            results[kind] = error

    for number, (kind, (reply, _, _)) in enumerate(FAILING.items()):
        name = f"failing{number}.example.com"
        shared.names.script(name, reply)
        threads.append(threading.Thread(target=pull, args=(kind, name), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


@pytest.mark.parametrize("kind", FAILING)
def test_a_name_server_that_fails_is_the_failure_of_the_job(shared, failures, kind):
    _, code, attempts = FAILING[kind]
    result = failures[kind]
    if isinstance(result, BaseException):
        raise result
    assert result == (code, [code] * attempts)
    assert shared.trap.connections == 0


def test_aliases_in_a_circle_are_not_followed_for_ever(shared, failures):
    # Each look-up follows eight at most, for two types; a submission, two attempts and the tests beside it.
    asked = len(shared.names.asked("around.example.net")) + len(shared.names.asked("about.example.net"))
    assert 0 < asked <= 3 * 2 * 8


# -- Servers that are odd, but give an address

ODD = {
    "slow": dns.late(1.0, GOOD),
    "slow for one family": dns.by_family(GOOD, dns.late(1.0, dns.addresses())),
    "failing for IPv6": dns.by_family(GOOD, dns.failure(2)),
    "failing for IPv4": dns.by_family(dns.failure(2), dns.addresses("::ffff:127.0.0.2")),
    "no such name for IPv6": dns.by_family(GOOD, dns.failure(3)),
    "IPv6 only, mapped": dns.addresses("::ffff:127.0.0.2"),
    "the same address often": dns.addresses(*[OUTER] * 30),
    "failing once": None,
    "one alias": dns.addresses(OUTER, aliases=["cdn.example.net"]),
    "seven aliases": dns.addresses(OUTER, aliases=[f"c{number}.example.net" for number in range(7)]),
    "an alias that has to be asked for": dns.alias("asked-outer.example.net"),
    "aliases that have to be asked for": dns.alias("far0.example.net"),
    "cut, and whole by TCP": dns.by_way(dns.cut, GOOD),
    "600 records by TCP": dns.by_way(dns.cut, dns.addresses(*[OUTER] * 600)),
    "records that nobody asked for": lambda question: [question.message([
        dns.record("other.example.net", 1, bytes([10, 0, 0, 1])), dns.record(question.name, 16, b"\x04text"),
        dns.record(question.name, 1, bytes([127, 0, 0, 2])),
    ])],
    "forgeries first": dns.in_order(
        forged(lambda q, m: struct.pack("!H", q.number ^ 1) + m[2:]), lambda _: [b"rubbish"],
        lambda question: [GOOD(question)[0][:-3]], GOOD),
    "a second answer behind the first": dns.in_order(GOOD, dns.addresses(INNER)),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_answer_with_a_public_address_is_used(scene, kind):
    scene.names.script("asked-outer.example.net", GOOD)
    for number in range(5):
        scene.names.script(f"far{number}.example.net", dns.alias(f"far{number + 1}.example.net"))
    scene.names.script("far5.example.net", GOOD)
    # The server is asked twice.
    replies = [ODD[kind]] if ODD[kind] else [GOOD, dns.failure(2), GOOD]
    scene.names.script(scene.name, *replies)
    assert scene.pull(scene.name) == (None, [None])


# -- Other networks


def test_a_source_with_ipv6_alone_is_pulled_where_that_is_allowed(folder):
    port = free_port(INNER)
    with dns.ScriptedNameServer() as names, Origin(host="::1", port=port) as source, Trap(port, INNER) as trap:
        source.put("/a.mp4", FILE)
        scene = Scene(folder / "data", names, source, trap, allow="::1/128")
        try:
            names.script("six.example.com", dns.addresses("::1"))
            assert scene.pull("six.example.com") == (None, [None])
            names.script("six-inner.example.com", dns.addresses("::1"), dns.addresses("::1", INNER))
            assert scene.pull("six-inner.example.com") == ("SourceAddressForbidden", ["SourceAddressForbidden"])
            names.script("four.example.com", dns.addresses(INNER))
            with pytest.raises(AssertionError, match="InvalidParameter.UploadURLs"):
                scene.pull("four.example.com")
        finally:
            scene.stop()
        assert trap.connections == 0


# -- Servers that are not there


def test_a_server_that_is_not_there_is_passed_over_and_a_missing_one_fails(folder):
    port = free_port(OUTER)
    dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dead.bind((INNER, 0))
    address = "{}:{}".format(*dead.getsockname())
    dead.close()
    with dns.ScriptedNameServer(tcp=False) as names, Origin(host=OUTER, port=port) as source:
        source.put("/a.mp4", FILE)
        scene = Scene(folder / "data", names, source, None, address)
        try:
            names.script("good.example.com", GOOD)
            assert scene.pull("good.example.com") == (None, [None])
            # Its answer is cut, and nobody listens for TCP.
            names.script("cut.example.com", dns.cut)
            assert scene.pull("cut.example.com") == ("SourceUnavailable", ["SourceUnavailable"] * 2)
            assert any(each[2] for each in names.asked()) is False
            names.stop()
            assert scene.pull("good.example.com") == ("SourceUnavailable", ["SourceUnavailable"] * 2)
        finally:
            scene.stop()
