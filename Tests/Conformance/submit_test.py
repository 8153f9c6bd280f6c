"""`UploadMediaByURL` and `GetURLUploadInfos` through the vendor's clients (vod-api.md 1 and 2)."""

import json
import re
from urllib.parse import quote, quote_plus

import pytest
from harness.origin import sample
from harness.sdk import SDKError
from harness.waiting import eventually

HEX32 = re.compile(r"[0-9a-f]{32}")
REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def encoded(url):
    return quote_plus(url)


def admin_job(server, job):
    status, body = server.admin_json(f"/api/v1/jobs/{job}")
    assert status == 200, body
    return body


def test_a_submitted_url_is_pulled_stored_and_reported(sdk, shared, origin, unique):
    url = origin.sample_url(unique, 20_000)
    answer = sdk.call("UploadMediaByURL", {"UploadURLs": encoded(url)})
    assert REQUEST_ID.fullmatch(answer["RequestId"])
    [job] = answer["UploadJobs"]
    assert HEX32.fullmatch(job["JobId"])
    assert job["SourceURL"] == url

    info = sdk.wait(job["JobId"])[job["JobId"]]
    assert info["Status"] == "SUCCESS"
    assert HEX32.fullmatch(info["MediaId"])
    assert info["FileSize"] == "20000"
    assert info["UploadURL"] == url
    assert TIME.fullmatch(info["CreationTime"])
    assert TIME.fullmatch(info["CompleteTime"])
    assert info["CreationTime"] <= info["CompleteTime"]
    assert info.get("ErrorCode", "200") == "200"

    [file] = shared.media_files(info["MediaId"])
    assert file.read_bytes() == sample(unique, 20_000)


def test_the_media_id_is_known_from_the_first_query(sdk, origin, unique):
    [job] = sdk.submit(encoded(origin.sample_url(unique, 1000)))
    early = sdk.infos(job["JobId"])[job["JobId"]]["MediaId"]
    assert HEX32.fullmatch(early)
    assert sdk.wait(job["JobId"])[job["JobId"]]["MediaId"] == early


STYLES = {
    # name: (encoding of a URL before joining, key of the URL in metadata)
    "java": (quote_plus, "SourceUrl"),
    "go": (quote_plus, "SourceURL"),
    "python": (quote, "SourceURL"),
    "php": (lambda url: url, "SourceUrl"),
}


@pytest.mark.parametrize("official", list(STYLES))
def test_each_official_way_of_encoding_urls_means_the_same(sdk, shared, origin, unique, official):
    encode, key = STYLES[official]
    path = f"/styles/{unique}/a b&c=d.mp4"
    body = sample(unique, 5000)
    origin.put(quote(path), body)
    origin.put(quote(path, safe="/&="), body)
    url = origin.url + path
    in_metadata = url if official == "php" else encode(url)
    title = f"{official} {unique}"
    metadata = json.dumps([{key: in_metadata, "Title": title, "CateId": 7, "FileSize": "5000", "Tags": "a,b"}])

    [job] = sdk.submit(encode(url), UploadMetadatas=metadata)
    assert job["SourceURL"] == url
    info = sdk.wait(job["JobId"])[job["JobId"]]
    assert info["UploadURL"] == url
    assert info["FileSize"] == "5000"
    assert title in json.dumps(admin_job(shared, job["JobId"]), ensure_ascii=False)

    # What one style submitted, every other finds.
    for other, (encode_other, _) in STYLES.items():
        found = sdk.call("GetURLUploadInfos", {"UploadURLs": encode_other(url)})
        assert [info["JobId"] for info in found["URLUploadInfoList"]] == [job["JobId"]], other


def test_metadata_written_over_several_lines_is_read(sdk, shared, origin, unique):
    url = origin.sample_url(unique, 10)
    metadata = json.dumps([{"SourceUrl": url, "Title": f"lines {unique}"}], indent=4).replace("\n", "\r\n")
    [job] = sdk.submit(encoded(url), UploadMetadatas=metadata)
    assert f"lines {unique}" in json.dumps(admin_job(shared, job["JobId"]))


def test_twenty_urls_become_twenty_jobs_in_their_order(sdk, origin, unique):
    urls = [origin.sample_url(f"{unique}-{n}", 100 + n) for n in range(20)]
    jobs = sdk.submit(",".join(encoded(url) for url in urls))
    assert [job["SourceURL"] for job in jobs] == urls
    assert len({job["JobId"] for job in jobs}) == 20
    infos = sdk.wait(*[job["JobId"] for job in jobs])
    assert [infos[job["JobId"]]["FileSize"] for job in jobs] == [str(100 + n) for n in range(20)]


def test_twenty_urls_with_long_names_and_metadata_fit_into_a_request(sdk, origin, unique):
    urls = [origin.sample_url(f"{unique}-{n}-" + "x" * 180, 10) for n in range(20)]
    metadata = json.dumps(
        [{"SourceURL": encoded(url), "Title": "片" * 40, "Description": "说" * 300} for url in urls], ensure_ascii=False
    )
    jobs = sdk.submit(",".join(encoded(url) for url in urls), UploadMetadatas=metadata)
    assert len(jobs) == 20


def test_twenty_one_urls_are_refused_as_a_whole(sdk, origin, unique):
    urls = [origin.sample_url(f"{unique}-{n}", 10) for n in range(21)]
    with pytest.raises(SDKError) as caught:
        sdk.submit(",".join(encoded(url) for url in urls))
    assert caught.value.code == "InvalidParameter.UploadURLs"
    assert caught.value.status == 400
    assert "UploadURLs" in caught.value.message
    found = sdk.call("GetURLUploadInfos", {"UploadURLs": encoded(urls[0])})
    assert found["URLUploadInfoList"] == []
    assert found["NonExists"] == [urls[0]]


@pytest.mark.parametrize("title", ["视频 第一课", "Ünïcode «ёлка» – naïve", "a b*c~d+e/f'(g)!&=%", "漢" * 42 + "ab"])
def test_titles_in_any_script_survive(sdk, shared, origin, unique, title):
    url = origin.sample_url(unique, 10)
    metadata = json.dumps([{"SourceURL": encoded(url), "Title": title}], ensure_ascii=False)
    [job] = sdk.submit(encoded(url), UploadMetadatas=metadata)
    sdk.wait(job["JobId"])
    assert json.dumps(title, ensure_ascii=False) in json.dumps(admin_job(shared, job["JobId"]), ensure_ascii=False)


def test_a_title_with_an_emoji_is_refused(sdk, origin, unique):
    url = origin.sample_url(unique, 10)
    with pytest.raises(SDKError) as caught:
        sdk.submit(encoded(url), UploadMetadatas=json.dumps([{"SourceURL": encoded(url), "Title": "lesson 🎬"}]))
    assert caught.value.code == "IllegalCharacters"
    assert "Title" in caught.value.message


def test_a_path_in_another_script_is_fetched_percent_encoded(sdk, origin, unique):
    path = f"/{unique}/视频 1.mp4"
    origin.put(quote(path), b"x" * 77)
    [job] = sdk.submit(encoded(origin.url + path))
    assert sdk.wait(job["JobId"])[job["JobId"]]["FileSize"] == "77"


def test_a_query_with_commas_in_an_encoded_url_stays_one_url(sdk, origin, unique):
    origin.put(f"/{unique}.mp4", b"x" * 9)
    url = f"{origin.url}/{unique}.mp4?sign=a,b&x=1%2C2"
    [job] = sdk.submit(encoded(url))
    sdk.wait(job["JobId"])
    [request] = origin.requests(f"/{unique}.mp4")
    assert request.target == f"/{unique}.mp4?sign=a,b&x=1%2C2"


def test_the_extension_of_the_metadata_beats_that_of_the_url(sdk, shared, origin, unique):
    origin.put(f"/{unique}/file", b"x" * 5)
    url = f"{origin.url}/{unique}/file"
    [job] = sdk.submit(
        encoded(url), UploadMetadatas=json.dumps([{"SourceURL": encoded(url), "Title": "t", "FileExtension": "MOV"}])
    )
    info = sdk.wait(job["JobId"])[job["JobId"]]
    [file] = shared.media_files(info["MediaId"])
    assert file.suffix == ".mov"


def test_a_missing_source_fails_with_the_published_code(sdk, origin, unique):
    [job] = sdk.submit(encoded(f"{origin.url}/{unique}/missing.mp4"))
    info = sdk.wait(job["JobId"], status="DOWNLOAD_FAIL")[job["JobId"]]
    assert info["ErrorCode"] == "URLInvalidError"
    assert "404" in info["ErrorMessage"]
    assert len(origin.requests(f"/{unique}/missing.mp4")) == 1, "a permanent failure is asked for once"


def test_redirects_are_followed(sdk, origin, unique):
    origin.put(f"/{unique}/end.mp4", b"x" * 31)
    from harness.origin import redirect

    origin.put(f"/{unique}/two.mp4", redirect("end.mp4", 307))
    url = origin.put(f"/{unique}/one.mp4", redirect(f"{origin.url}/{unique}/two.mp4", 301))
    [job] = sdk.submit(encoded(url))
    assert sdk.wait(job["JobId"])[job["JobId"]]["FileSize"] == "31"


def test_user_data_comes_back_as_submitted(sdk, origin, unique):
    user_data = '{ "Extend" : {"lesson":"01", "é":[1, 2.50]} }'
    [job] = sdk.submit(encoded(origin.sample_url(unique, 10)), UserData=user_data)
    assert sdk.wait(job["JobId"])[job["JobId"]]["UserData"] == user_data


def test_a_session_id_is_good_for_one_call_in_ten_minutes(sdk, origin, unique, app):
    if sdk.name == "vod-2.16.16":
        pytest.skip("this SDK does not know SessionId")
    url = encoded(origin.sample_url(unique, 10))
    session = f"sess_{unique}-{sdk.name.replace('.', '_')}"
    assert len(sdk.submit(url, SessionId=session, AppId=app)) == 1
    with pytest.raises(SDKError) as caught:
        sdk.submit(url, SessionId=session, AppId=app)
    assert caught.value.code == "InvalidParameter.SessionId"
    assert caught.value.status == 400
    assert "SessionId" in caught.value.message
    assert len(sdk.submit(url, SessionId=session + "x", AppId=app)) == 1
    found = sdk.call("GetURLUploadInfos", {"UploadURLs": url})
    assert len(found["URLUploadInfoList"]) == 2


def test_the_same_url_without_a_session_id_makes_a_new_media_each_time(sdk, origin, unique):
    url = origin.sample_url(unique, 10)
    jobs = [sdk.submit(encoded(url))[0]["JobId"] for _ in range(3)]
    infos = sdk.wait(*jobs)
    assert len({info["MediaId"] for info in infos.values()}) == 3
    found = sdk.call("GetURLUploadInfos", {"UploadURLs": encoded(url)})
    assert {info["JobId"] for info in found["URLUploadInfoList"]} == set(jobs)


def test_parameters_of_the_newest_sdk_are_taken(sdk, origin, unique):
    if not sdk.is_newest:
        pytest.skip("this SDK does not know them")
    jobs = sdk.submit(
        encoded(origin.sample_url(unique, 10)), EnableFirstFrameCover=True, GenerateThumbnail=False,
        TemplateGroupId="0123456789abcdef0123456789abcdef", WorkflowId="fedcba9876543210fedcba9876543210",
        StorageLocation="outin-0a1b2c3d.oss-cn-shanghai.aliyuncs.com",
    )
    sdk.wait(jobs[0]["JobId"])


def test_unknown_jobs_and_urls_are_named_and_are_no_error(sdk, origin, unique):
    url = origin.sample_url(unique, 10)
    [job] = sdk.submit(encoded(url))
    sdk.wait(job["JobId"])
    ghost = "f" * 32
    found = sdk.call("GetURLUploadInfos", {"JobIds": f"{ghost},{job['JobId']},nonsense"})
    assert [info["JobId"] for info in found["URLUploadInfoList"]] == [job["JobId"]]
    assert found["NonExists"] == [ghost, "nonsense"]

    nowhere = "http://media.example.com/never.mp4"
    found = sdk.call("GetURLUploadInfos", {"UploadURLs": f"{encoded(nowhere)},{encoded(url)}"})
    assert [info["JobId"] for info in found["URLUploadInfoList"]] == [job["JobId"]]
    assert found["NonExists"] == [nowhere]

    found = sdk.call("GetURLUploadInfos", {"JobIds": job["JobId"]})
    assert found["NonExists"] == []


def test_job_ids_win_over_urls(sdk, origin, unique):
    first, second = (origin.sample_url(f"{unique}{n}", 10) for n in "ab")
    [job] = sdk.submit(encoded(first))
    sdk.submit(encoded(second))
    found = sdk.call("GetURLUploadInfos", {"JobIds": job["JobId"], "UploadURLs": encoded(second)})
    assert [info["JobId"] for info in found["URLUploadInfoList"]] == [job["JobId"]]


def test_a_url_submitted_often_gives_at_most_a_hundred_records(sdk_at, shared, origin, unique):
    sdk = sdk_at("vod-new", shared)
    url = encoded(origin.sample_url(unique, 1))
    for _ in range(6):
        sdk.submit(",".join([url] * 20))
    found = sdk.call("GetURLUploadInfos", {"UploadURLs": url})
    assert len(found["URLUploadInfoList"]) == 100


def test_progress_is_told_while_the_body_arrives(sdk_at, shared, origin, unique):
    from harness.web import Gate, Reply

    sdk = sdk_at("vod-new", shared)
    gate = Gate()
    try:
        url = origin.put(f"/{unique}.mp4", Reply(200, sample(unique, 400_000), gate=gate, gate_after=100_000))
        [job] = sdk.submit(encoded(url))
        eventually(
            lambda: sdk.infos(job["JobId"])[job["JobId"]]["Status"] == "DOWNLOADING", 20, "the status DOWNLOADING"
        )
    finally:
        gate.open()
    assert sdk.wait(job["JobId"])[job["JobId"]]["FileSize"] == "400000"
