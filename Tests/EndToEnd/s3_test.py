"""Pulls into a bucket: moto's server as the store, which checks signatures and permissions, directly and through faults."""

import hashlib
import json
import subprocess
from urllib.parse import quote_plus

import pytest

from conftest import Stage
from harness.dns import NameServer
from harness.origin import sample
from harness.s3 import FaultProxy, Moto
from harness.server import ROOT, NotReady, Towline, clean_environment, towline
from harness.waiting import eventually
from harness.web import Reply

MIB = 1 << 20
# The Swift tests as `make test-build` leaves them: `swift test` would only start this.
SUITES = ROOT / ".build" / "debug" / "towlinePackageTests.xctest"
ENDED = ("SUCCESS", "DOWNLOAD_FAIL", "UPLOAD_FAIL")


@pytest.fixture(scope="module")
def moto():
    with Moto() as server:
        yield server


@pytest.fixture
def bucket(moto):
    return moto.bucket()


def objects_url(bucket, endpoint, more=""):
    return f"s3://{bucket}/in?endpoint={endpoint}&path-style=true{more}"


def begin(stage, *urls, **metadata):
    """Submits URLs; their job ids."""
    parameters = {"UploadURLs": ",".join(map(quote_plus, urls))}
    if metadata:
        parameters["UploadMetadatas"] = json.dumps([{"SourceURL": url, **metadata} for url in urls])
    return [job["JobId"] for job in stage.api.must("UploadMediaByURL", parameters)["UploadJobs"]]


def ended(api, jobs, timeout=90):
    """What the jobs ended as."""
    def done():
        infos = [api.infos(job)[job] for job in jobs]
        return all(info["Status"] in ENDED for info in infos) and infos
    return eventually(done, timeout, "the jobs to end", pause=0.1)


def stored(moto, bucket, info):
    """The bytes of a job's object."""
    keys = [key for key in moto.objects(bucket) if info["MediaId"] in key]
    assert len(keys) == 1, keys
    return moto.read(bucket, keys[0])


def test_files_of_all_sizes_become_whole_objects_and_nothing_else_is_left(started, origin, moto, bucket):
    stage = started("--objects-url", objects_url(bucket, moto.url, "&sse=AES256"), env=moto.environment())
    sizes = [0, 1, 300_000, 8 * MIB, 8 * MIB + 1, 37 * MIB + 11]
    jobs = begin(stage, *[origin.sample_url(f"size-{size}", size) for size in sizes])
    for size, info in zip(sizes, ended(stage.api, jobs)):
        assert info["Status"] == "SUCCESS", info
        assert stored(moto, bucket, info) == sample(f"size-{size}", size)
    found = moto.objects(bucket)
    assert sorted(found.values()) == sizes
    assert all(key.startswith("in/") for key in found)
    assert moto.uploads(bucket) == []
    for key in found:
        assert moto.s3.head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "AES256"


def test_buckets_may_be_named_by_the_host(started, origin, moto, bucket):
    with NameServer() as names:
        names.set(f"{bucket}.s3.test", "127.0.0.1")
        port = moto.url.rpartition(":")[2]
        stage = started(
            "--objects-url", f"s3://{bucket}/in?endpoint=http://s3.test:{port}", "--net-dns-servers", names.address,
            env=moto.environment())
        jobs = begin(stage, origin.sample_url("host-small", 300_000), origin.sample_url("host-large", 17 * MIB))
        for name, size, info in zip(["host-small", "host-large"], [300_000, 17 * MIB], ended(stage.api, jobs)):
            assert info["Status"] == "SUCCESS", info
            assert stored(moto, bucket, info) == sample(name, size)
        assert moto.uploads(bucket) == []
        assert names.asked(f"{bucket}.s3.test")


def test_the_other_checksum_works_too(started, origin, moto, bucket):
    stage = started("--objects-url", objects_url(bucket, moto.url, "&checksum=sha256"), env=moto.environment())
    [job] = begin(stage, origin.sample_url("sha", 9 * MIB))
    [info] = ended(stage.api, [job])
    assert stored(moto, bucket, info) == sample("sha", 9 * MIB)


def test_faults_of_every_kind_on_the_way_change_nothing(started, origin, moto, bucket):
    kinds = ["503", "cut", "lost", "half"]

    def plan(line, number):
        if "?uploadId=" in line and line.startswith("POST") and number % 2:
            return "accepted"
        return kinds[number // 3 % len(kinds)] if number > 1 and number % 3 == 0 else None

    with FaultProxy(moto.port, plan) as proxy:
        stage = started("--objects-url", objects_url(bucket, proxy.url), env=moto.environment())
        sizes = [100, 5 * MIB, 20 * MIB, 33 * MIB + 7]
        jobs = begin(stage, *[origin.sample_url(f"fault-{size}", size) for size in sizes])
        for size, info in zip(sizes, ended(stage.api, jobs)):
            assert info["Status"] == "SUCCESS", info
            assert stored(moto, bucket, info) == sample(f"fault-{size}", size)
        assert set(kinds) <= set(proxy.hits), proxy.hits
        # Of a beginning whose answer was lost nobody knows the upload: it is looked for under its key.
        eventually(lambda: moto.uploads(bucket) == [], 20, "nothing unfinished to be left")


def test_a_store_that_fails_for_good_ends_the_run_and_what_was_sent_is_removed(started, origin, moto, bucket):
    with FaultProxy(moto.port, lambda line, _: "503" if "partNumber=3" in line else None) as proxy:
        stage = started(
            "--objects-url", objects_url(bucket, proxy.url), "--pull-retries", "1", env=moto.environment())
        [job] = begin(stage, origin.sample_url("never", 40 * MIB))
        [info] = ended(stage.api, [job])
        assert info["Status"] == "UPLOAD_FAIL", info
        eventually(lambda: not moto.uploads(bucket) and not moto.objects(bucket), 30, "the bucket to be empty")


def slow_file(body, rate, tag='"v1"'):
    """Serves ranges of a file, at so many bytes a second."""
    def answer(request):
        headers = [("ETag", tag), ("Accept-Ranges", "bytes"), ("Content-Type", "video/mp4")]
        asked = request.header("range")
        if not asked:
            return Reply(200, body, headers, rate=rate)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        first, last = int(first), int(last or len(body) - 1)
        headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
        return Reply(206, body[first:last + 1], headers, rate=rate)
    return answer


def first_byte(request):
    return int((request.header("range") or "bytes=0-").removeprefix("bytes=").split("-")[0])


@pytest.mark.parametrize("digest", [False, True])
def test_another_process_goes_on_with_an_upload_after_a_kill(folder, origin, moto, bucket, digest):
    body = sample("kill", 64 * MIB)
    url = origin.put("/slow/kill.mp4", slow_file(body, 16 * MIB))
    flags = ["--objects-url", objects_url(bucket, moto.url), "--pull-checkpoint-bytes", "16MiB", "--lease-seconds", "3",
             "--pull-max-connections", "1"]
    metadata = {"TowlineSha256": hashlib.sha256(body).hexdigest()} if digest else {}
    with Towline(folder / "data", *flags, env=moto.environment()) as first:
        [job] = begin(Stage(first), url, **metadata)
        # Three parts are there: at least the first of them is written down.
        eventually(lambda: moto.parts(bucket) >= 4, 60, "parts in the bucket", pause=0.1)
        first.kill()
        before = moto.parts(bucket)
        with Towline(folder / "data", *flags, env=moto.environment()) as second:
            [info] = ended(Stage(second).api, [job])
            assert info["Status"] == "SUCCESS", info
            eventually(
                lambda: len(moto.objects(bucket)) == 1 and not moto.uploads(bucket), 40, "leftovers to be removed")
            assert stored(moto, bucket, info) == body
    starts = [first_byte(request) for request in origin.requests("/slow/kill.mp4")]
    assert starts[0] == 0 and len(starts) == 2
    assert 8 * MIB <= starts[1] <= (before + 1) * 8 * MIB and starts[1] % (8 * MIB) == 0, (starts, before)


def test_a_shutdown_loses_nothing_that_was_received(folder, origin, moto, bucket):
    body = sample("stop", 48 * MIB)
    url = origin.put("/slow/stop.mp4", slow_file(body, 8 * MIB))
    flags = ["--objects-url", objects_url(bucket, moto.url), "--pull-max-connections", "1"]
    with Towline(folder / "data", *flags, env=moto.environment()) as first:
        [job] = begin(Stage(first), url)
        eventually(lambda: moto.parts(bucket) >= 1, 60, "a part in the bucket", pause=0.05)
        assert first.stop() == 0
    with Towline(folder / "data", *flags, env=moto.environment()) as second:
        [info] = ended(Stage(second).api, [job])
        assert info["Status"] == "SUCCESS", info
        assert stored(moto, bucket, info) == body
        eventually(lambda: len(moto.objects(bucket)) == 1 and not moto.uploads(bucket), 40, "leftovers to be removed")
    starts = [first_byte(request) for request in origin.requests("/slow/stop.mp4")]
    assert len(starts) == 2 and starts[1] > 8 * MIB and starts[1] % (8 * MIB) != 0, starts


def test_a_bucket_that_cannot_be_used_is_refused_at_the_start_with_one_sentence(folder, moto, bucket):
    def refusal(url, environment):
        with pytest.raises(NotReady) as error:
            Towline(folder / "data", "--objects-url", url, env=environment)
        return str(error.value)

    assert "there is no bucket 'missing-bucket'" in refusal(objects_url("missing-bucket", moto.url), moto.environment())
    wrong = moto.environment((moto.key, "wrong"))
    assert f"the secret of the access key '{moto.key}' is wrong" in refusal(objects_url(bucket, moto.url), wrong)
    unknown = moto.environment(("nobody", "wrong"))
    assert "does not know the access key 'nobody'" in refusal(objects_url(bucket, moto.url), unknown)
    assert "AWS_ACCESS_KEY_ID" in refusal(objects_url(bucket, moto.url), {})
    assert "there is no key 'sise'" in refusal(objects_url(bucket, moto.url, "&sise=1"), moto.environment())


def test_a_key_that_may_not_write_ends_the_job_with_a_clear_reason(started, origin, moto, bucket):
    stage = started(
        "--objects-url", objects_url(bucket, moto.url), "--pull-retries", "1", env=moto.environment(moto.reader))
    [job] = begin(stage, origin.sample_url("denied", 1000))
    [info] = ended(stage.api, [job])
    assert info["Status"] == "UPLOAD_FAIL", info
    text = json.dumps(stage.admin.get(f"/jobs/{job}"))
    assert f"the access key '{moto.reader[0]}' may not do this" in text, text


def test_doctor_looks_at_the_bucket(folder, moto, bucket):
    def doctor(name):
        return towline(
            "doctor", "--data-dir", str(folder / "data"), "--objects-url", objects_url(name, moto.url),
            env=moto.environment())

    assert "can be asked" in doctor(bucket).stdout
    failed = doctor("missing-bucket")
    assert "there is no bucket 'missing-bucket'" in failed.stdout and failed.returncode != 0


@pytest.mark.skipif(not SUITES.exists(), reason="the Swift tests are not built")
def test_the_suite_of_the_store_passes_here_too(moto, bucket):
    def suite(store, bucket, *selection):
        environment = {**store.environment(), "TOWLINE_S3_TEST_URL": objects_url(bucket, store.url)}
        done = subprocess.run(
            [SUITES, "--testing-library", "swift-testing", *selection], cwd=ROOT, capture_output=True, text=True,
            timeout=300, env=clean_environment(environment),
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout + done.stderr

    assert "6 tests in 1 suite passed" in suite(
        moto, bucket, "--filter", "S3LiveTests", "--skip", "S3LiveTests/presigned")
    with Moto(checks=False) as lenient:
        assert "1 test in 1 suite passed" in suite(
            lenient, lenient.bucket(), "--filter", "S3LiveTests/presigned")
