"""The commands, as scripts and people use them: exit codes, outputs, help, and what bad input gets."""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from harness.origin import sample
from harness.server import KEY_ID, KEY_SECRET, Towline, binary, clean_environment, towline
from harness.waiting import eventually
from harness.web import Gate, Reply
from rawclient import RawClient

SUCCESS, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
TRACE = re.compile(
    r"Fatal error|stack (trace|dump)|backtrace|Thread \d+ crashed|Current stack|\.swift:\d+|0x[0-9a-f]{12}", re.I
)


@pytest.fixture(scope="module")
def shared_folder():
    with tempfile.TemporaryDirectory(prefix="towline-cli-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def server(shared_folder):
    """One server for all commands that need one."""
    with Towline(shared_folder / "data") as running:
        yield running


@pytest.fixture
def cli(server):
    """Runs a command against the server, which it finds by the environment."""
    environment = {
        "TOWLINE_API_URL": server.api, "TOWLINE_ADMIN_URL": server.admin, "TOWLINE_ACCESS_KEY_ID": KEY_ID,
        "TOWLINE_ACCESS_KEY_SECRET": KEY_SECRET,
    }

    def run(*arguments, **options):
        options["env"] = {**environment, **options.get("env", {})}
        return towline(*arguments, **options)

    return run


def ok(done):
    assert done.returncode == SUCCESS, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def assert_clear(done, code, *words, most_lines=1):
    """It ended with the code, said one thing on stderr, and said it without a stack trace."""
    codes = code if isinstance(code, tuple) else (code,)
    everything = f"{done.args}: {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}"
    assert done.returncode in codes, everything
    assert not TRACE.search(done.stderr + done.stdout), everything
    said = lines(done.stderr)
    assert 1 <= len(said) <= most_lines, everything
    for word in words:
        assert word in done.stderr, f"{word!r} is not in:\n{everything}"


# -- Help and version

COMMANDS = [
    "dev", "serve", "demo", "pull", "jobs", "jobs list", "jobs show", "jobs cancel", "jobs retry", "keys",
    "keys create", "keys list", "keys revoke", "callback", "callback set", "callback get", "callback delete",
    "events", "events list", "events show", "events redeliver", "events replay", "deliveries", "deliveries list",
    "deliveries show", "endpoints", "endpoints list", "endpoints show", "endpoints create", "endpoints set",
    "endpoints enable", "endpoints disable", "endpoints remove", "endpoints secret", "replays", "replays list",
    "replays show", "replays cancel", "replays watch", "listen", "queues", "queues list",
    "queues show", "queues create", "queues set", "queues delete", "queues purge", "queues send", "queues peek",
    "queues receive", "explain-url", "migrate", "doctor", "version",
]


def test_the_binary_lists_its_commands():
    text = ok(towline("--help")).stdout
    for command in {command.split()[0] for command in COMMANDS}:
        assert re.search(rf"^\s+{re.escape(command)}\b", text, re.M), f"{command} is not in the help"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = ok(towline(*command.split(), "--help"))
    assert "USAGE" in done.stdout.upper()
    # An example is a line that starts the command as one would type it.
    assert re.search(rf"^\s*(\$ )?(\w+=\S+ )*towline {re.escape(command)}", done.stdout, re.M), done.stdout


def test_the_version_is_told(cli):
    assert re.search(r"\d+\.\d+", ok(towline("version")).stdout)


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["dev", "--nonsense"], ["jobs", "nonsense"], ["pull"], ["jobs", "show"], ["explain-url"],
])
def test_wrong_usage_ends_with_2(arguments):
    done = towline(*arguments)
    assert done.returncode == USAGE, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.strip()
    assert not TRACE.search(done.stderr)


# -- dev and serve


def test_dev_says_how_to_reach_it_and_ends_well(folder):
    server = Towline(folder / "data")
    text = "\n".join(server.out) + "\n".join(server.err)
    assert KEY_ID in text
    assert KEY_SECRET in text
    assert server.api.startswith("http://127.0.0.1:")
    assert server.stop() == SUCCESS


def test_dev_without_a_folder_keeps_nothing(folder):
    process = subprocess.Popen(
        [binary(), "dev", "--api-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], cwd=folder,
        env=clean_environment({"TMPDIR": str(folder)}), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        for line in process.stdout:
            if "ready api=" in line:
                break
        else:
            pytest.fail("no ready line")
        process.terminate()
        assert process.wait(30) == SUCCESS
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()
    assert list(folder.iterdir()) == []


def test_a_restart_finds_everything_again(folder, origin):
    with Towline(folder / "data") as first:
        [job] = RawClient(first.api).submit(origin.sample_url("kept", 10))
        eventually(lambda: RawClient(first.api).infos(job)[job]["Status"] == "SUCCESS", 20)
    with Towline(folder / "data") as second:
        assert RawClient(second.api).infos(job)[job]["Status"] == "SUCCESS"


def test_an_interrupted_job_goes_on_after_a_restart(folder, origin):
    gate = Gate()
    url = origin.put("/slow.mp4", [Reply(200, b"x" * 1000, gate=gate, gate_after=10), Reply(200, b"x" * 1000)])
    try:
        first = Towline(folder / "data")
        [job] = RawClient(first.api).submit(url)
        origin.wait_for_requests(1)
        started = time.monotonic()
        assert first.stop() == SUCCESS
        assert time.monotonic() - started < 15, "an open transfer must not hold the end up"
    finally:
        gate.open()
    with Towline(folder / "data") as second:
        client = RawClient(second.api)
        eventually(lambda: client.infos(job)[job]["Status"] == "SUCCESS", 20)
        [file] = second.media_files(client.infos(job)[job]["MediaId"])
        assert file.read_bytes() == b"x" * 1000


@pytest.mark.parametrize("sent", [
    b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", b"",
], ids=["half a head", "half a body", "nothing"])
@pytest.mark.parametrize("side", ["api", "admin"])
def test_a_client_that_hangs_does_not_hold_the_end_up(folder, sent, side):
    server = Towline(folder / "data")
    host, port = getattr(server, side).removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(sent)
        # A whole answer on another connection shows that the server has come round to this one.
        RawClient(server.api).v3("GetMessageCallback")
        started = time.monotonic()
        assert server.stop(timeout=20) == SUCCESS
        assert time.monotonic() - started < 15


def test_serve_opens_nothing_by_default(folder):
    config = folder / "towline.yaml"
    config.write_text(f"data:\n  dir: {folder}/data\nlog:\n  level: warning\n")
    server = Towline(folder / "data", "--config", str(config), command="serve")
    try:
        # The credentials of dev do not exist here …
        answer = RawClient(server.api).v3("GetMessageCallback")
        assert (answer.status, answer.code) == (404, "InvalidAccessKeyId.NotFound")
        made = json.loads(ok(towline("keys", "create", "--json", "--admin", server.admin)).stdout)
        key = made.get("accessKeyId") or made["id"]
        secret = made.get("accessKeySecret") or made["secret"]
        client = RawClient(server.api, key, secret)
        assert client.v3("GetMessageCallback").status == 200
        # … and neither sources nor callbacks may be on this machine.
        answer = client.v3("UploadMediaByURL", {"UploadURLs": quote_plus("http://127.0.0.1:9/a.mp4")})
        assert answer.status == 400
        assert "loopback" in answer.message.lower()
        answer = client.v3("SetMessageCallback", {
            "CallbackType": "HTTP", "CallbackURL": "http://127.0.0.1:9/a", "EventTypeList": "ALL",
        })
        assert answer.status == 400
        assert ok(towline("keys", "revoke", key, "--admin", server.admin))
        answer = client.v3("GetMessageCallback")
        assert (answer.status, answer.code) == (400, "InvalidAccessKeyId.Inactive")
    finally:
        assert server.stop() == SUCCESS


def test_secrets_do_not_lie_in_the_database_in_clear(folder):
    with Towline(folder / "data") as server:
        made = json.loads(ok(towline("keys", "create", "--json", "--admin", server.admin)).stdout)
        secret = made.get("accessKeySecret") or made["secret"]
        RawClient(server.api).set_callback("http://127.0.0.1:9/x", AuthSwitch="on", AuthKey="Zq8SecretAuthKey")
    for file in (folder / "data").rglob("towline.db*"):
        content = file.read_bytes()
        assert secret.encode() not in content
        assert b"Zq8SecretAuthKey" not in content
    assert (folder / "data" / "secret.key").stat().st_mode & 0o777 == 0o600


def test_demo_shows_the_main_job():
    done = ok(towline("demo", timeout=120))
    text = done.stdout + done.stderr
    assert "UploadByURLComplete" in text
    assert "FileUploadComplete" in text
    assert "success" in text


# -- pull and jobs


def test_pull_ends_with_0_when_all_succeed(cli, origin):
    url = origin.sample_url("cli-pull", 20_000)
    done = ok(cli("pull", url, "--wait", "--json"))
    assert "cli-pull" in done.stdout
    for line in lines(done.stdout):
        json.loads(line)


def test_pull_shows_plain_progress_when_there_is_no_terminal(cli, origin):
    done = ok(cli("pull", origin.sample_url("cli-plain", 20_000), "--wait"))
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr


def test_pull_ends_with_1_when_one_fails(cli, origin):
    done = cli("pull", origin.sample_url("cli-good", 10), f"{origin.url}/cli-missing.mp4", "--wait")
    assert done.returncode == FAILED
    assert "404" in done.stdout + done.stderr
    assert not TRACE.search(done.stderr)


def test_pull_ends_with_1_when_the_server_refuses(cli):
    done = cli("pull", "http://169.254.169.254/a.mp4", "--wait")
    assert done.returncode == FAILED
    assert "169.254.169.254" in done.stderr or "metadata" in done.stderr or "link-local" in done.stderr


def test_pull_takes_a_title_and_a_callback(cli, server, origin, receiver):
    RawClient(server.api).set_callback(receiver.url + "/global")
    ok(cli(
        "pull", origin.sample_url("cli-titled", 10), "--title", "Lesson 视频", "--callback", receiver.url + "/own",
        "--wait",
    ))
    receiver.wait(2, "/own")
    assert "Lesson 视频" in ok(cli("jobs", "list", "--json")).stdout


def test_a_server_out_of_reach_ends_with_3(cli):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for arguments in (
            ["jobs", "list", "--admin", url], ["keys", "list", "--admin", url],
            ["pull", "http://media.example.com/a.mp4", "--api", url, "--admin", url], ["callback", "get", "--api", url],
        ):
            done = cli(*arguments)
            assert_clear(done, UNREACHABLE, url.removeprefix("http://"))


def test_a_wrong_secret_ends_with_1(cli):
    done = cli("callback", "get", "--access-key-secret", "wrong")
    assert done.returncode == FAILED
    assert "SignatureDoesNotMatch" in done.stderr


def test_a_job_is_listed_shown_cancelled_and_retried(cli, server, origin):
    gate = Gate()
    try:
        url = origin.put("/cli-held.mp4", [Reply(200, b"x", gate=gate), Reply(200, b"xy")])
        [job] = RawClient(server.api).submit(url)
        origin.wait_for_requests(1, "/cli-held.mp4")
        assert job in ok(cli("jobs", "list")).stdout
        assert job in ok(cli("jobs", "list", "--json")).stdout
        shown = json.loads(ok(cli("jobs", "show", job, "--json")).stdout)
        assert job in json.dumps(shown)
        assert "/cli-held.mp4" in json.dumps(shown)
        assert job in ok(cli("jobs", "show", job)).stdout
        ok(cli("jobs", "cancel", job))
        client = RawClient(server.api)
        assert client.infos(job)[job]["ErrorCode"] == "JobCancelled"
        again = cli("jobs", "cancel", job)
        assert again.returncode == FAILED
        ok(cli("jobs", "retry", job))
        eventually(lambda: client.infos(job)[job]["Status"] == "SUCCESS", 20, "the second run to succeed")
        assert client.infos(job)[job]["FileSize"] == "2"
        assert cli("jobs", "retry", job).returncode == FAILED, "a job that succeeded is not retried"
    finally:
        gate.open()


def test_unknown_jobs_and_keys_are_told(cli):
    assert_clear(cli("jobs", "show", "f" * 32), FAILED, "f" * 32)
    assert_clear(cli("jobs", "cancel", "f" * 32), FAILED, "f" * 32)
    assert_clear(cli("keys", "revoke", "nobody"), FAILED, "nobody")


def test_keys_are_made_listed_and_revoked(cli, server):
    made = json.loads(ok(cli("keys", "create", "--json")).stdout)
    key = made.get("accessKeyId") or made["id"]
    secret = made.get("accessKeySecret") or made["secret"]
    assert RawClient(server.api, key, secret).v1("GetMessageCallback").status == 200
    listed = ok(cli("keys", "list", "--json")).stdout
    assert key in listed
    assert secret not in listed
    ok(cli("keys", "revoke", key))
    assert RawClient(server.api, key, secret).v1("GetMessageCallback").code == "InvalidAccessKeyId.Inactive"


def test_the_callback_is_set_read_and_deleted(cli, receiver):
    ok(cli("callback", "set", receiver.url + "/cli"))
    assert receiver.url + "/cli" in ok(cli("callback", "get")).stdout
    assert receiver.url + "/cli" in ok(cli("callback", "get", "--json")).stdout
    ok(cli("callback", "delete"))
    assert receiver.url + "/cli" not in cli("callback", "get").stdout


def test_a_wrong_callback_is_told_by_its_name(cli):
    done = cli("callback", "set", "http://169.254.169.254/x")
    assert done.returncode in (FAILED, USAGE)
    assert "CallbackURL" in done.stderr or "169.254.169.254" in done.stderr


# -- explain-url, migrate, doctor


def explained(done):
    return [json.loads(line) for line in lines(done.stdout)]


def test_explain_url_names_the_rule(folder):
    done = towline("explain-url", "--json", "http://127.0.0.1/a.mp4", "http://8.8.8.8/a.mp4")
    assert done.returncode == FAILED
    blocked, allowed = explained(done)
    assert blocked["url"] == "http://127.0.0.1/a.mp4"
    assert blocked["allowed"] is False
    assert "loopback" in blocked["rule"]
    assert blocked["addresses"] == ["127.0.0.1"]
    assert allowed["allowed"] is True
    assert ok(towline("explain-url", "http://8.8.8.8/a.mp4"))


def test_explain_url_reads_lines_and_judges_callbacks(folder):
    done = towline("explain-url", "--json", "--for", "callback", "-", stdin="http://8.8.8.8/x\nhttp://10.0.0.1/x\n")
    assert done.returncode == FAILED
    assert [line["allowed"] for line in explained(done)] == [True, False]


def test_explain_url_follows_the_settings_in_force():
    done = towline("explain-url", "--json", "http://10.1.2.3/a.mp4", env={"TOWLINE_NET_SOURCE_ALLOW": "10.0.0.0/8"})
    assert done.returncode == SUCCESS
    done = towline("explain-url", "--json", "--net-source-allow", "169.254.0.0/16", "http://169.254.169.254/a.mp4")
    assert done.returncode in (FAILED, USAGE), "link-local addresses cannot be allowed"


def test_explain_url_says_when_a_name_has_no_address():
    done = towline("explain-url", "--json", "http://no-such-host.invalid/a.mp4")
    assert done.returncode == FAILED
    assert explained(done)[0]["rule"] == "unresolved"


def test_migrate_makes_the_database_and_may_run_again(folder):
    for _ in range(2):
        ok(towline("migrate", "--data", folder / "data"))
    database = sqlite3.connect(folder / "data" / "towline.db")
    assert database.execute("SELECT count(*) FROM schema_versions").fetchone()[0] >= 1
    database.close()


def test_doctor_finds_a_good_folder_good(folder):
    ok(towline("migrate", "--data", folder / "data"))
    ok(towline("doctor", "--data", folder / "data"))


def test_doctor_tells_what_is_wrong(folder):
    (folder / "file").write_text("")
    done = towline("doctor", "--data", folder / "file" / "data")
    assert done.returncode == FAILED
    assert str(folder / "file") in done.stdout + done.stderr
    assert not TRACE.search(done.stderr)


# -- What bad input gets


def start(*flags, env=None, command="dev", timeout=60):
    return towline(
        command, "--api-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *flags, env=env, timeout=timeout
    )


@pytest.mark.parametrize("flags, env, named", [
    (["--pull-concurrency", "0"], {}, "pull.concurrency"),
    (["--pull-concurrency", "many"], {}, "pull.concurrency"),
    (["--lease-seconds", "1"], {}, "lease.seconds"),
    (["--delivery-policy", "sometimes"], {}, "delivery.policy"),
    (["--api-listen", "nowhere"], {}, "api.listen"),
    ([], {"TOWLINE_PULL_MAX_BYTES": "huge"}, "pull.max-bytes"),
    ([], {"TOWLINE_PULL_CONCURENCY": "5"}, "TOWLINE_PULL_CONCURENCY"),
    (["--store-url", "mysql://x"], {}, "store.url"),
    (["--api-tls-key", "/nowhere.pem"], {}, "api.tls-certificate"),
])
def test_a_broken_setting_is_named_with_what_is_allowed(folder, flags, env, named):
    if "--api-listen" in flags:
        done = towline("dev", "--data", folder / "data", "--admin-listen", "127.0.0.1:0", *flags, env=env)
    else:
        done = start("--data", str(folder / "data"), *flags, env=env)
    assert_clear(done, USAGE, named, most_lines=3)


@pytest.mark.parametrize("text, named", [
    ("pull:\n  concurrency: 0\n", "pull.concurrency"),
    ("pull:\n  concurency: 5\n", "pull.concurency"),
    ("pull: [\n", "towline.yaml"),
    ("- a\n- b\n", "towline.yaml"),
])
def test_a_broken_settings_file_is_named(folder, text, named):
    config = folder / "towline.yaml"
    config.write_text(text)
    done = start("--config", str(config), "--data", str(folder / "data"), command="serve")
    assert_clear(done, USAGE, named, most_lines=3)


def test_a_missing_settings_file_is_named(folder):
    done = start("--config", str(folder / "none.yaml"), "--data", str(folder / "data"), command="serve")
    assert_clear(done, USAGE, "none.yaml", most_lines=3)


@pytest.mark.parametrize("which", ["--api-listen", "--admin-listen"])
def test_a_port_in_use_is_told(folder, which):
    other = {"--api-listen": "--admin-listen", "--admin-listen": "--api-listen"}[which]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = towline("dev", "--data", folder / "data", which, address, other, "127.0.0.1:0")
        assert_clear(done, FAILED, address, "in use")


def test_a_data_folder_that_cannot_be_made_is_told(folder):
    (folder / "file").write_text("")
    done = start("--data", str(folder / "file" / "data"))
    assert_clear(done, (FAILED, USAGE), str(folder / "file"))


def test_a_data_folder_that_cannot_be_written_is_told(folder):
    with mounted(folder / "ro", "tmpfs", "size=8m,ro"):
        done = start("--data", str(folder / "ro" / "data"))
        assert_clear(done, (FAILED, USAGE), str(folder / "ro"))


def test_a_database_of_a_newer_version_is_left_alone(folder):
    ok(towline("migrate", "--data", folder / "data"))
    database = sqlite3.connect(folder / "data" / "towline.db")
    database.execute("INSERT INTO schema_versions (name) VALUES ('v999')")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    before = (folder / "data" / "towline.db").read_bytes()
    for done in (start("--data", str(folder / "data")), towline("migrate", "--data", folder / "data")):
        assert_clear(done, (FAILED, USAGE), "newer", "v999")
    assert (folder / "data" / "towline.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database" * 500, b""])
def test_a_file_that_is_no_database_of_ours_is_told_or_used_when_empty(folder, content):
    (folder / "data").mkdir()
    (folder / "data" / "towline.db").write_bytes(content)
    if not content:
        with Towline(folder / "data"):
            return
    assert_clear(start("--data", str(folder / "data")), (FAILED, USAGE), "towline.db")


def test_a_database_of_another_program_is_left_alone(folder):
    (folder / "data").mkdir()
    database = sqlite3.connect(folder / "data" / "towline.db")
    database.execute("CREATE TABLE photographs (id INTEGER)")
    database.commit()
    database.close()
    before = (folder / "data" / "towline.db").read_bytes()
    assert_clear(start("--data", str(folder / "data")), (FAILED, USAGE), "another program")
    assert (folder / "data" / "towline.db").read_bytes() == before


def test_a_second_process_on_the_folder_is_refused_and_the_first_goes_on(server):
    done = start("--data", str(server.data))
    assert_clear(done, (FAILED, USAGE), str(server.data))
    assert RawClient(server.api).v3("GetMessageCallback").status == 200


def test_a_wrong_secret_key_file_is_told(folder):
    with Towline(folder / "data"):
        pass
    (folder / "data" / "secret.key").write_bytes(b"short")
    assert_clear(start("--data", str(folder / "data")), (FAILED, USAGE), "secret.key")


# -- A full disk


class mounted:
    """A small file system of its own; the test is skipped where mounting is impossible."""

    def __init__(self, where, kind, options):
        self.where, self.kind, self.options = Path(where), kind, options

    def __enter__(self):
        self.where.mkdir(exist_ok=True)
        if os.geteuid() != 0 or not shutil.which("mount"):
            pytest.skip("needs root, for a mount")
        done = subprocess.run(
            ["mount", "-t", self.kind, "-o", self.options, "none", str(self.where)], capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        return self.where

    def __exit__(self, *_):
        eventually(
            lambda: subprocess.run(["umount", str(self.where)], capture_output=True).returncode == 0, 30,
            f"{self.where} to be unmounted",
        )


def fill(folder):
    """Takes what space is left; returns the file that has it."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return ballast


def test_a_disk_that_is_full_at_the_start_is_told(folder):
    with mounted(folder / "small", "tmpfs", "size=4m") as small:
        fill(small)
        assert_clear(start("--data", str(small / "data")), (FAILED, USAGE), str(small))


def test_a_disk_that_fills_up_loses_nothing(folder, origin):
    with mounted(folder / "small", "tmpfs", "size=24m") as small:
        server = Towline(small / "data", "--pull-retries", "3")
        try:
            client = RawClient(server.api)
            kept = client.submit(*[origin.sample_url(f"before-{n}", 5000) for n in range(20)])
            eventually(lambda: all(i["Status"] == "SUCCESS" for i in client.infos(*kept).values()), 30)
            ballast = fill(small)
            accepted = []
            refused = None
            for number in range(200):
                try:
                    urls = [quote_plus(origin.sample_url(f"full-{number}-{n}", 3000)) for n in range(20)]
                    answer = client.v3("UploadMediaByURL", {"UploadURLs": ",".join(urls)})
                except OSError:
                    break  # it may choose to end rather than to go on without a disk
                if answer.status != 200:
                    refused = answer
                    break
                accepted += [job["JobId"] for job in answer.json["UploadJobs"]]
            if refused is not None:
                assert refused.status in (500, 503), refused
                assert refused.code in ("InternalError", "ServiceUnAvailable"), refused
            ballast.unlink()
            if not server.running:
                assert server.process.returncode in (FAILED, USAGE), server.text()
                assert not TRACE.search(server.text()), server.text()
                server = Towline(small / "data")
                client = RawClient(server.api)
            eventually(lambda: client.v3("UploadMediaByURL", {
                "UploadURLs": quote_plus(origin.sample_url("after", 10))
            }).status == 200, 30, "submissions to work again once there is room", pause=0.2)

            def ended():
                infos = client.infos(*kept, *accepted)
                assert len(infos) == len(kept) + len(accepted), "an acknowledged job is gone"
                return all(i["Status"] in ("SUCCESS", "UPLOAD_FAIL", "DOWNLOAD_FAIL") for i in infos.values()) and infos

            infos = eventually(ended, 60, "every acknowledged job to end", pause=0.2)
            for job in kept:
                assert infos[job]["Status"] == "SUCCESS"
            for job, info in infos.items():
                if info["Status"] == "SUCCESS":
                    [file] = server.media_files(info["MediaId"])
                    name = info["UploadURL"].split("/sample/")[1].split("/")[0]
                    assert file.read_bytes() == sample(name, int(info["FileSize"]))
                else:
                    assert info["Status"] == "UPLOAD_FAIL", info
        finally:
            if server.running:
                server.stop()


def test_a_file_that_does_not_fit_fails_its_job_and_no_other(folder, origin):
    with mounted(folder / "small", "tmpfs", "size=24m") as small:
        with Towline(small / "data", "--pull-retries", "1") as server:
            client = RawClient(server.api)
            [large] = client.submit(origin.sample_url("large", 40 << 20))
            eventually(lambda: client.infos(large)[large]["Status"] == "UPLOAD_FAIL", 60, "UPLOAD_FAIL")
            assert "space" in client.infos(large)[large]["ErrorMessage"].lower()
            [good] = client.submit(origin.sample_url("good", 5000))
            eventually(lambda: client.infos(good)[good]["Status"] == "SUCCESS", 30)
            eventually(lambda: not list((small / "data").rglob("*.part")), 30, "the partial file to be removed")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
