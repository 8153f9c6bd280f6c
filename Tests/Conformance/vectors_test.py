"""The raw client signs as the reference's vectors say; otherwise the other tests would prove nothing."""

import hashlib

import pytest
import rawclient

KEY = "LTAIvodRefDocKey01"
SECRET = "vodRefDocSecret0123456789abcd"
TIME = "2026-01-02T03:04:05Z"
URL = "https%3A%2F%2Fmedia.example.com%2Flesson-01.mp4"
VIDEO = "0123456789abcdef0123456789abcdef"
TITLE = "a b*c~d+e/f'(g)!视频"
COMMON = {
    "AccessKeyId": KEY, "Format": "JSON", "RegionId": "cn-shanghai", "SignatureMethod": "HMAC-SHA1",
    "SignatureType": "", "SignatureVersion": "1.0", "Timestamp": TIME, "Version": "2017-03-21",
}


@pytest.mark.parametrize(
    "method, action, params, nonce, signature",
    [
        ("GET", "GetVideoInfo", {"VideoId": VIDEO}, "nonce-0001", "SENHVF/FSzUp0HyV38wJwHyL30o="),
        ("POST", "UploadMediaByURL", {"UploadURLs": URL}, "nonce-0002", "UqaWVcQ//PR5Rjswr68v7Abqb/Q="),
        (
            "POST", "UploadMediaByURL", {"UploadURLs": URL, "SessionId": "sess_1"}, "nonce-0003",
            "0a83nHGpIY1OvEIHFJE72KDXXeQ=",
        ),
        ("POST", "UpdateVideoInfo", {"VideoId": VIDEO, "Title": TITLE}, "nonce-0004", "Tn3MT44Ev2vC24DiiKR/9CNAmXk="),
    ],
)
def test_v1_signatures_agree_with_the_reference(method, action, params, nonce, signature):
    pairs = list({**COMMON, "Action": action, "SignatureNonce": nonce, **params}.items())
    assert rawclient.v1_signature(SECRET, method, pairs) == signature


@pytest.mark.parametrize(
    "method, action, params, nonce, digest, signature",
    [
        (
            "POST", "UploadMediaByURL", {"UploadURLs": URL}, "nonce-0011",
            "3055c61cceeedeecc953c348c4518491b98b1ff2e917706e3f751f284d6ff05a",
            "80ab1a9a4cdf12f0c4e03f7ab3b0d7f30bb7d1b9c57c7f1390da9db03ae4f34e",
        ),
        (
            "GET", "GetVideoInfo", {"VideoId": VIDEO}, "nonce-0013",
            "e0de2ea2ce73102cfccc95d2ac57a8cc66a685f9e0ff2a6e49ace28f0cc39e06",
            "338abfcf3d25f78fdafc5b9e6c802a2062bd35f648b0a3edc883cfb3b2c8ce39",
        ),
        (
            "POST", "UpdateVideoInfo", {"VideoId": VIDEO, "Title": TITLE}, "nonce-0015",
            "09afc50d3ed7474317a41d083fdb58c61c1341d0319400119a54fd3c590e8cd4",
            "8baa22ebcf91d8286f98e78e55840ce37ac898dde6637ca9e4792550e0f177d1",
        ),
    ],
)
def test_v3_signatures_agree_with_the_reference(method, action, params, nonce, digest, signature):
    headers = {
        "host": "vod.cn-shanghai.aliyuncs.com", "x-acs-action": action, "x-acs-content-sha256": rawclient.EMPTY_HASH,
        "x-acs-date": TIME, "x-acs-signature-nonce": nonce, "x-acs-version": "2017-03-21",
    }
    request = rawclient.v3_canonical_request(
        method, "/", list(params.items()), headers, sorted(headers), rawclient.EMPTY_HASH
    )
    assert hashlib.sha256(request.encode()).hexdigest() == digest
    assert rawclient.v3_signature(SECRET, request) == signature
