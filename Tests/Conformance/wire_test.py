"""The wire itself, by requests that the SDKs do not send: methods, places, formats, signatures, replays."""

import re
import socket
from urllib.parse import quote_plus, urlencode, urlsplit

import pytest
import rawclient

REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
GHOST = "0123456789abcdef0123456789abcdef"


# -- Ways to send the same call


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("style, place", [("v1", "query"), ("v3", "query")])
def test_parameters_in_the_query_are_taken_by_get_and_post(raw, style, place, method):
    answer = raw.call("GetURLUploadInfos", {"JobIds": GHOST}, style=style, place=place, method=method)
    assert answer.status == 200
    assert answer.json["NonExists"] == [GHOST]


@pytest.mark.parametrize("style, place", [("v1", "form"), ("v1", "mixed"), ("v3", "form")])
def test_parameters_in_a_form_are_taken(raw, style, place):
    answer = raw.call("GetURLUploadInfos", {"JobIds": GHOST}, style=style, place=place)
    assert answer.status == 200
    assert answer.json["NonExists"] == [GHOST]


def test_a_call_without_parameters_may_be_a_bare_post(raw):
    answer = raw.v3("GetMessageCallback")
    assert answer.status == 200


def test_a_form_with_a_charset_is_a_form(raw):
    answer = raw.v3(
        "GetURLUploadInfos", {"JobIds": GHOST}, place="form",
        content_type="application/x-www-form-urlencoded; charset=utf-8",
    )
    assert answer.status == 200


def test_the_acs_headers_of_the_legacy_sdk_do_not_make_a_v1_request_a_v3_one(raw):
    headers = {"x-acs-action": "SomethingElse", "x-acs-version": "2017-03-21", "x-sdk-invoke-type": "normal"}
    answer = raw.v1("GetURLUploadInfos", {"JobIds": GHOST}, headers=headers)
    assert answer.status == 200


def test_v1_signs_empty_and_legacy_parameters_too(raw):
    common = {"RegionId": "cn-shanghai", "SignatureType": "", "OwnerId": "7", "ResourceOwnerAccount": ""}
    assert raw.v1("GetURLUploadInfos", {"JobIds": GHOST}, common=common).status == 200


def test_v3_honours_whatever_headers_the_client_signed(raw):
    headers = {
        "accept": "application/json", "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2",
        "x-acs-credentials-provider": "static_ak",
    }
    answer = raw.v3("GetURLUploadInfos", {"JobIds": GHOST}, headers=headers, signed_too=("accept", "user-agent"))
    assert answer.status == 200


@pytest.mark.parametrize("value", ["a b*c~d+e/f'(g)!视频", "%41%2B", "&=?#;:,", "é\u0301", "  lead and trail  "])
def test_every_character_survives_both_signatures(raw, style, value):
    answer = raw.call("GetURLUploadInfos", {"JobIds": value.replace(",", "")}, style=style)
    assert answer.status == 200, answer


def test_unknown_parameters_are_accepted(raw, style):
    answer = raw.call("GetURLUploadInfos", {"JobIds": GHOST, "Priority": "9", "S_new": "x"}, style=style)
    assert answer.status == 200


def test_parameter_names_are_case_sensitive(raw, style):
    answer = raw.call("GetURLUploadInfos", {"jobids": GHOST}, style=style)
    assert answer.status == 400


def test_several_requests_may_use_one_connection(raw, shared):
    target = urlsplit(shared.api)
    with socket.create_connection((target.hostname, target.port), timeout=20) as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            common, own = raw.v1_pairs("GetURLUploadInfos", {"JobIds": GHOST})
            signature = rawclient.v1_signature(raw.secret, "GET", common + own)
            query = urlencode([*common, *own, ("Signature", signature)])
            connection.sendall(f"GET /?{query} HTTP/1.1\r\nHost: {target.netloc}\r\n\r\n".encode())
            assert b" 200 " in stream.readline()
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert GHOST.encode() in stream.read(length)


def test_a_client_that_waits_for_permission_to_send_its_body_gets_it(raw, shared):
    target = urlsplit(shared.api)
    common, own = raw.v1_pairs("GetURLUploadInfos", {"JobIds": GHOST})
    signature = rawclient.v1_signature(raw.secret, "POST", common + own)
    body = urlencode([*common, *own, ("Signature", signature)]).encode()
    with socket.create_connection((target.hostname, target.port), timeout=5) as connection:
        connection.sendall((
            f"POST / HTTP/1.1\r\nHost: {target.netloc}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        ).encode())
        stream = connection.makefile("rb")
        assert b" 100 " in stream.readline()
        assert stream.readline() == b"\r\n"
        connection.sendall(body)
        assert b" 200 " in stream.readline()


# -- Formats


def test_json_answers_say_so_and_have_no_code_at_the_top(raw, style):
    answer = raw.call("GetURLUploadInfos", {"JobIds": GHOST}, style=style)
    assert answer.content_type.split(";")[0] == "application/json"
    assert "Code" not in answer.json
    assert REQUEST_ID.fullmatch(answer.json["RequestId"])


@pytest.mark.parametrize("format", ["JSON", "json", "Json"])
def test_the_format_is_read_in_any_case(raw, format):
    assert raw.v1("GetURLUploadInfos", {"JobIds": GHOST}, format=format).json["NonExists"] == [GHOST]


@pytest.mark.parametrize("format", ["XML", "xml", None])
def test_v1_answers_in_xml_when_asked_or_not_told(raw, origin, unique, format):
    answer = raw.v1("UploadMediaByURL", {
        "UploadURLs": ",".join(quote_plus(origin.sample_url(f"{unique}{n}", 10)) for n in "ab")
    }, format=format)
    assert answer.status == 200
    assert answer.content_type == "text/xml;charset=utf-8"
    root = answer.xml
    assert root.tag == "UploadMediaByURLResponse"
    assert REQUEST_ID.fullmatch(root.findtext("RequestId"))
    assert [job.findtext("SourceURL") for job in root.findall("UploadJobs")] == [
        origin.sample_url(f"{unique}{n}", 10) for n in "ab"
    ]
    assert all(len(job.findtext("JobId")) == 32 for job in root.findall("UploadJobs"))


def test_xml_answers_escape_what_they_carry(raw):
    url = "http://media.example.com/a&b<c>\"d'.mp4"
    answer = raw.v1("GetURLUploadInfos", {"UploadURLs": quote_plus(url)}, format="XML")
    assert answer.status == 200
    assert answer.xml.tag == "GetURLUploadInfosResponse"
    # The URL comes back decoded, perhaps in its canonical form.
    assert "a&b" in "".join(answer.xml.itertext())


def test_errors_in_xml_are_what_the_newest_sdk_can_read(raw):
    answer = raw.v1("UploadMediaByURL", {}, format="XML")
    assert answer.status == 400
    assert answer.content_type == "text/xml;charset=utf-8"
    assert answer.xml.tag == "Error"
    assert answer.xml.findtext("Code") == "MissingUploadURLs"
    assert answer.xml.findtext("Message") == "UploadURLs is mandatory for this action."
    assert REQUEST_ID.fullmatch(answer.xml.findtext("RequestId"))
    assert answer.xml.findtext("HostId")


def test_errors_in_json_have_the_keys_that_sdks_read(raw, style):
    answer = raw.call("UploadMediaByURL", {}, style=style)
    assert answer.status == 400
    assert answer.content_type.split(";")[0] == "application/json"
    assert {"RequestId", "HostId", "Code", "Message"} <= set(answer.json)
    assert REQUEST_ID.fullmatch(answer.json["RequestId"])


def test_v3_answers_in_json_whatever_format_is_asked_for(raw):
    answer = raw.v3("GetURLUploadInfos", {"JobIds": GHOST, "Format": "XML"})
    assert answer.status == 200
    assert answer.json["NonExists"] == [GHOST]


def test_every_answer_has_a_request_id_of_its_own(raw):
    ids = {raw.v3("GetURLUploadInfos", {"JobIds": GHOST}).json["RequestId"] for _ in range(5)}
    assert len(ids) == 5


# -- Signatures


@pytest.mark.parametrize("action, params", [
    ("GetURLUploadInfos", {"JobIds": GHOST}),
    ("CancelUrlUploadJobs", {"JobIds": GHOST}),
    ("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": "http://127.0.0.1:9/x", "EventTypeList": "ALL"}),
    ("DeleteMessageCallback", {}),
])
def test_a_nonce_is_good_for_one_request(raw, style, app, action, params):
    if action.endswith("Callback"):
        params = {**params, "AppId": app}
    nonce = f"nonce-{app}"
    assert raw.call(action, params, style=style, nonce=nonce).status == 200
    answer = raw.call(action, params, style=style, nonce=nonce)
    assert (answer.status, answer.code) == (400, "SignatureNonceUsed")
    assert answer.message == "Specified signature nonce was used already."


def test_a_replayed_submission_makes_no_second_job(raw, style, origin, unique):
    url = origin.sample_url(unique, 10)
    params = {"UploadURLs": quote_plus(url)}
    nonce = f"nonce-submit-{unique}"
    assert raw.call("UploadMediaByURL", params, style=style, nonce=nonce).status == 200
    assert raw.call("UploadMediaByURL", params, style=style, nonce=nonce).code == "SignatureNonceUsed"
    found = raw.must("GetURLUploadInfos", {"UploadURLs": quote_plus(url)})
    assert len(found["URLUploadInfoList"]) == 1


def test_nonces_survive_a_crash(started, unique):
    from harness.server import Towline

    server = started()
    nonce = f"nonce-crash-{unique}"
    params = {"CallbackType": "HTTP", "CallbackURL": "http://127.0.0.1:9/x", "EventTypeList": "ALL"}
    assert rawclient.RawClient(server.api).v1("SetMessageCallback", params, nonce=nonce).status == 200
    server.kill()
    with Towline(server.data) as again:
        answer = rawclient.RawClient(again.api).v1("SetMessageCallback", params, nonce=nonce)
        assert answer.code == "SignatureNonceUsed"


@pytest.mark.parametrize("signature", ["AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "x", "é", "A" * 5000])
def test_a_v1_signature_that_does_not_match_is_refused_with_what_was_signed(raw, signature):
    common, own = raw.v1_pairs("GetURLUploadInfos", {"JobIds": GHOST})
    query = [*common, ("Signature", signature), *own]
    answer = raw.send("POST", "/", query, [])
    assert (answer.status, answer.code) == (400, "SignatureDoesNotMatch")
    assert answer.message == (
        "Specified signature is not matched with our calculation. server string to sign is:"
        + rawclient.v1_string_to_sign("POST", common + own)
    )


def test_a_v3_signature_that_does_not_match_is_refused_with_a_colon_and_text(raw):
    answer = raw.v3("GetURLUploadInfos", {"JobIds": GHOST}, signature="0" * 64)
    assert (answer.status, answer.code) == (400, "SignatureDoesNotMatch")
    assert answer.message.startswith("Specified signature is not matched with our calculation.")
    assert answer.message.split(":", 1)[1].strip()


def test_a_v3_body_that_is_not_the_signed_one_is_refused(raw):
    answer = raw.v3(
        "GetURLUploadInfos", {"JobIds": GHOST}, place="form",
        headers={"x-acs-content-sha256": rawclient.EMPTY_HASH},
    )
    assert answer.status == 400
    assert answer.code in ("SignatureDoesNotMatch", "InvalidParameter", "InvalidContentSha256", "IncompleteSignature")


def test_the_secret_never_shows_in_an_answer(raw, style):
    answer = raw.call("GetURLUploadInfos", {"JobIds": GHOST}, style=style, signature="0" * 64)
    assert raw.secret.encode() not in answer.body


@pytest.mark.parametrize("change, status, code, named", [
    ({"AccessKeyId": None}, 400, "MissingAccessKeyId", "AccessKeyId"),
    ({"AccessKeyId": "nobody"}, 404, "InvalidAccessKeyId.NotFound", "access key"),
    ({"SignatureMethod": "HMAC-MD5"}, 400, "InvalidSignatureMethod", "signature method"),
    ({"SignatureNonce": None}, 400, "MissingSignatureNonce", "SignatureNonce"),
    ({"Timestamp": None}, 400, "MissingTimestamp", "Timestamp"),
    ({"Timestamp": "yesterday"}, 400, "InvalidTimeStamp.Format", "time stamp"),
    ({"Timestamp": "2020-01-02T03:04:05Z"}, 400, "InvalidTimeStamp.Expired", "expired"),
    ({"Version": None}, 400, "MissingVersion", "Version"),
    ({"Version": "2016-12-12"}, 400, "InvalidVersion", "Version"),
    ({"Action": None}, 400, "MissingAction", "Action"),
    ({"Action": "PaintMediaByURL"}, 404, "InvalidApi.NotFound", "api is not found"),
    ({"Format": "YAML"}, 400, "InvalidParameter.Format", "format"),
])
def test_each_common_parameter_of_v1_is_checked(raw, change, status, code, named):
    answer = raw.v1("GetURLUploadInfos", {"JobIds": GHOST}, common=change)
    assert (answer.status, answer.code) == (status, code), answer
    assert named in answer.message


def test_v1_without_a_signature_is_told_so(raw):
    common, own = raw.v1_pairs("GetURLUploadInfos", {"JobIds": GHOST})
    answer = raw.send("POST", "/", [*common, *own], [])
    assert (answer.status, answer.code) == (400, "MissingSignature")


@pytest.mark.parametrize("drop, named", [
    ("x-acs-date", "date"), ("x-acs-signature-nonce", "nonce"), ("x-acs-action", "action"), ("x-acs-version", "version"),
])
def test_each_required_header_of_v3_is_checked(raw, drop, named):
    answer = raw.v3("GetURLUploadInfos", {"JobIds": GHOST}, drop=(drop,))
    assert answer.status == 400
    assert named in (answer.code + answer.message).lower()


@pytest.mark.parametrize("authorization", [
    "ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=towline-dev", "ACS3-HMAC-SHA256 nonsense",
    "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
    "ACS3-HMAC-SHA256 Credential=towline-dev,SignedHeaders=host,Signature=" + "0" * 64,
])
def test_a_broken_v3_header_is_a_client_error(raw, authorization):
    headers = {
        "authorization": authorization, "x-acs-action": "GetMessageCallback", "x-acs-version": "2017-03-21",
        "x-acs-date": rawclient.timestamp(), "x-acs-signature-nonce": "n", "x-acs-content-sha256": rawclient.EMPTY_HASH,
    }
    answer = raw.exchange("POST", "/", [], b"", headers)
    assert 400 <= answer.status < 500
    assert answer.code


def test_a_request_that_is_not_signed_at_all_is_refused(raw):
    answer = raw.send("GET", "/", [("Action", "GetMessageCallback"), ("Version", "2017-03-21")], [])
    assert 400 <= answer.status < 500
    answer = raw.send("GET", "/", [], [])
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(raw, method):
    answer = raw.v1("GetMessageCallback", method=method)
    assert 400 <= answer.status < 500


# -- Parameters: code, status and a message that names the parameter, by either signature

URL = quote_plus("http://media.example.com/a.mp4")
ELEVEN_IDS = ",".join(f"{number:032x}" for number in range(11))
ELEVEN_URLS = ",".join(quote_plus(f"http://media.example.com/{number}.mp4") for number in range(11))


def metadata(**fields):
    import json

    entry = {"SourceURL": URL, "Title": "t", **fields}
    return {"UploadURLs": URL, "UploadMetadatas": json.dumps([entry])}


def with_user_data(text):
    return {"UploadURLs": URL, "UserData": text}


BAD_URLS = ("InvalidParameter.UploadURLs", "UploadURLs")
BAD_METADATA = ("InvalidParameter.UploadMetadatas", "UploadMetadatas")
BAD_CALLBACK = ("InvalidParameter.UserData", "CallbackURL")
NESTED = "[" * 100 + "]" * 100
LONG_EXTEND = '{"Extend":"' + "x" * 513 + '"}'
METADATA_SERVICE = '{"MessageCallback":{"CallbackURL":"http://169.254.169.254/y"}}'

WRONG = [
    # action, parameters, code (a tuple: any of them), what the message names
    ("UploadMediaByURL", {}, "MissingUploadURLs", "UploadURLs"),
    ("UploadMediaByURL", {"UploadURLs": ""}, ("MissingUploadURLs", "InvalidParameter.UploadURLs"), "UploadURLs"),
    ("UploadMediaByURL", {"UploadURLs": "nonsense"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "ftp://media.example.com/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "file:///etc/passwd.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "unix:///run/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http:///a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://media.example.com:99999/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://[www.example.com]/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://169.254.169.254/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://[::ffff:169.254.169.254]/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://2852039166/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://100.100.100.200/a.mp4"}, *BAD_URLS),
    ("UploadMediaByURL", {"UploadURLs": "http://media.example.com/a"}, "InvalidFileName.Extension", "xtension"),
    ("UploadMediaByURL", {"UploadURLs": "http://media.example.com/a.exe"}, "InvalidFileName.Extension", "xtension"),
    ("UploadMediaByURL", {"UploadURLs": "http://media.example.com/a.jpg"}, "InvalidFileName.Extension", "xtension"),
    ("UploadMediaByURL", metadata(FileExtension="exe"), "InvalidFileName.Extension", "xtension"),
    ("UploadMediaByURL", {"UploadURLs": URL, "UploadMetadatas": "{"}, *BAD_METADATA),
    ("UploadMediaByURL", {"UploadURLs": URL, "UploadMetadatas": '"text"'}, *BAD_METADATA),
    ("UploadMediaByURL", {"UploadURLs": URL, "UploadMetadatas": "[1]"}, *BAD_METADATA),
    ("UploadMediaByURL", {"UploadURLs": URL, "UploadMetadatas": NESTED}, *BAD_METADATA),
    ("UploadMediaByURL", metadata(Title="x" * 129), "LengthExceededMax", "Title"),
    ("UploadMediaByURL", metadata(Title="视" * 43), "LengthExceededMax", "Title"),
    ("UploadMediaByURL", metadata(Title="lesson 🎬"), "IllegalCharacters", "Title"),
    ("UploadMediaByURL", metadata(Description="x" * 1025), "LengthExceededMax", "Description"),
    ("UploadMediaByURL", metadata(Description="🎬"), "IllegalCharacters", "Description"),
    ("UploadMediaByURL", metadata(Tags=",".join(f"t{n}" for n in range(17))), "TagsExceededMax", "Tags"),
    ("UploadMediaByURL", metadata(Tags="x" * 33), "LengthExceededMax", "Tags"),
    ("UploadMediaByURL", metadata(Tags="🎬"), "IllegalCharacters", "Tags"),
    ("UploadMediaByURL", {"UploadURLs": URL, "SessionId": "x" * 51}, "InvalidParameter.SessionId", "SessionId"),
    ("UploadMediaByURL", {"UploadURLs": URL, "SessionId": "a b"}, "InvalidParameter.SessionId", "SessionId"),
    ("UploadMediaByURL", {"UploadURLs": URL, "SessionId": "é"}, "InvalidParameter.SessionId", "SessionId"),
    ("UploadMediaByURL", with_user_data(LONG_EXTEND), ("InvalidParameter.UserData", "LengthExceededMax"), "Extend"),
    ("UploadMediaByURL", with_user_data('{"MessageCallback":{"CallbackURL":"ftp://x/y"}}'), *BAD_CALLBACK),
    ("UploadMediaByURL", with_user_data(METADATA_SERVICE), *BAD_CALLBACK),
    ("GetURLUploadInfos", {}, "MissingParameter", "JobIds"),
    ("GetURLUploadInfos", {"JobIds": ""}, "MissingParameter", "JobIds"),
    ("GetURLUploadInfos", {"JobIds": ELEVEN_IDS}, "InvalidParameter", "JobIds"),
    ("GetURLUploadInfos", {"UploadURLs": ELEVEN_URLS}, "InvalidParameter", "UploadURLs"),
    ("CancelUrlUploadJobs", {}, "MissingParameter", "JobIds"),
    ("CancelUrlUploadJobs", {"UploadURLs": URL}, "MissingParameter", "JobIds"),  # here it is spelled UploadUrls
    ("CancelUrlUploadJobs", {"JobIds": ELEVEN_IDS}, "InvalidParameter", "JobIds"),
    ("CancelUrlUploadJobs", {"UploadUrls": ELEVEN_URLS}, "InvalidParameter", "UploadUrls"),
    ("SetMessageCallback", {"CallbackType": "SMTP"}, "InvalidParameter", "CallbackType"),
    (
        "SetMessageCallback", {"CallbackType": "HTTP"}, ("MissingParameter", "MissingCallbackURL", "InvalidParameter"),
        "CallbackURL",
    ),
    ("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": "nonsense"}, "InvalidParameter", "CallbackURL"),
    (
        "SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": "http://h.example/" + "x" * 256},
        "InvalidParameter", "CallbackURL",
    ),
]


def label(row):
    return f"{row[0]}-{row[3]}-{str(row[1])[:60]}"


@pytest.mark.parametrize("action, params, code, named", WRONG, ids=[label(row) for row in WRONG])
def test_a_wrong_parameter_is_answered_by_its_name(raw, style, action, params, code, named):
    answer = raw.call(action, params, style=style, place="form")
    assert answer.status == 400, answer
    if isinstance(code, tuple):
        assert answer.code in code
    else:
        # The general code may carry the parameter's name behind a dot.
        assert answer.code == code or (code == "InvalidParameter" and answer.code == f"InvalidParameter.{named}")
    assert named in answer.message


def test_a_forbidden_source_is_refused_with_the_rule(raw, style):
    answer = raw.call("UploadMediaByURL", {"UploadURLs": "http://169.254.169.254/latest/a.mp4"}, style=style)
    assert answer.status == 400
    assert "169.254" in answer.message
    assert re.search(r"link-local|metadata", answer.message), answer.message


def test_one_wrong_url_refuses_the_whole_call(raw, origin, unique):
    good = origin.sample_url(unique, 10)
    answer = raw.v3("UploadMediaByURL", {"UploadURLs": f"{quote_plus(good)},nonsense"})
    assert answer.status == 400
    found = raw.must("GetURLUploadInfos", {"UploadURLs": quote_plus(good)})
    assert found["URLUploadInfoList"] == []


# -- Limits of the request itself


def test_a_target_and_a_body_as_long_as_the_limits_are_taken_and_longer_ones_refused(raw):
    padding = "x" * (400 << 10)
    assert raw.v3("GetURLUploadInfos", {"JobIds": GHOST, "Padding": padding}).status == 200
    assert raw.v3("GetURLUploadInfos", {"JobIds": GHOST, "Padding": "x" * (1900 << 10)}, place="form").status == 200
    for answer in (
        attempt(raw, place="query", padding="x" * (600 << 10)), attempt(raw, place="form", padding="x" * (3 << 20)),
    ):
        assert answer is None or 400 <= answer.status < 500


def attempt(raw, place, padding):
    """The answer, or None when the server closed the connection instead."""
    try:
        return raw.v3("GetURLUploadInfos", {"JobIds": GHOST, "Padding": padding}, place=place)
    except (OSError, rawclient.http.client.HTTPException):
        return None


@pytest.mark.parametrize("head", [
    "GET / HTTP/1.1\r\n\r\n",
    "BLAH\r\n\r\n",
    "GET /?%ZZ=%F HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\n" + "X-Y: z\r\n" * 20_000 + "\r\n",
], ids=[
    "no host", "no request line", "broken escapes", "negative length", "two framings", "unknown path", "20,000 headers",
])
def test_a_broken_request_is_a_client_error_and_the_server_goes_on(raw, shared, head):
    target = urlsplit(shared.api)
    with socket.create_connection((target.hostname, target.port), timeout=20) as connection:
        try:
            connection.sendall(head.encode())
            first = connection.makefile("rb").readline()
        except OSError:
            first = b""
    assert first == b"" or b" 4" in first, first
    assert raw.v3("GetMessageCallback").status == 200


def test_the_health_of_the_server_is_answered_on_the_admin_side(shared):
    import urllib.request

    for path in ("/healthz", "/readyz"):
        with urllib.request.urlopen(shared.admin + path, timeout=20) as response:
            assert response.status == 200
