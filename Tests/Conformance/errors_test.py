"""What the vendor's clients make of each class of error (vod-api.md 9.6 and 9.7)."""

import pytest
from harness.sdk import SDKError


def failing(sdk, action="GetURLUploadInfos", params=None, **options):
    with pytest.raises(SDKError) as caught:
        sdk.call(action, params if params is not None else {"JobIds": "0" * 32}, **options)
    error = caught.value
    # A crash of the SDK while it reads the answer would show as another class.
    assert error.kind in {
        "vod-new": ("ClientException", "ThrottlingException"),
        "vod-new-rpc": ("ClientException", "ThrottlingException"),
        "vod-2.16.16": ("TeaException",),
        "vod-legacy": ("ServerException",),
    }[sdk.name], f"{error.kind}: {error}"
    return error


def plain(sdk, error):
    """The server's message; the newer SDKs wrap it."""
    if sdk.is_legacy:
        return error.message
    prefix = f"code: {error.status}, "
    assert error.message.startswith(prefix)
    return error.message[len(prefix):].rsplit(" request id: ", 1)[0]


def test_an_unknown_key_is_told(sdk):
    error = failing(sdk, key="LTAInobody")
    assert (error.code, error.status) == ("InvalidAccessKeyId.NotFound", 404)
    assert plain(sdk, error) == "Specified access key is not found."


def test_a_wrong_secret_is_told_and_crashes_no_sdk(sdk):
    error = failing(sdk, secret="not-the-secret")
    assert error.status == 400
    if sdk.is_legacy:
        # It finds its own string to sign behind the colon and concludes that the secret must be wrong.
        assert error.code == "InvalidAccessKeySecret"
        return
    assert error.code == "SignatureDoesNotMatch"
    message = plain(sdk, error)
    assert message.startswith("Specified signature is not matched with our calculation.")
    assert ":" in message


@pytest.mark.parametrize("clock", [-1000, 1000])
def test_a_clock_that_is_off_by_more_than_a_quarter_of_an_hour_is_told(sdk, clock):
    error = failing(sdk, clock=clock)
    assert (error.code, error.status) == ("InvalidTimeStamp.Expired", 400)
    assert plain(sdk, error) == "Specified time stamp or date value is expired."


@pytest.mark.parametrize("clock", [-800, 800])
def test_a_clock_that_is_off_by_less_is_fine(sdk, clock):
    assert sdk.call("GetURLUploadInfos", {"JobIds": "0" * 32}, clock=clock)["NonExists"] == ["0" * 32]


def test_an_unknown_action_is_told(sdk):
    error = failing(sdk, action="PaintMediaByURL", params={"Colour": "red"})
    assert (error.code, error.status) == ("InvalidApi.NotFound", 404)
    assert plain(sdk, error) == "Specified api is not found, please check your url and method."


def test_a_wrong_parameter_is_told_with_its_name(sdk):
    error = failing(sdk, action="UploadMediaByURL", params={"UploadURLs": "nonsense"})
    assert (error.code, error.status) == ("InvalidParameter.UploadURLs", 400)
    assert "UploadURLs" in plain(sdk, error)


def test_a_missing_parameter_is_told_with_its_name(sdk):
    error = failing(sdk, action="UploadMediaByURL", params={})
    assert (error.code, error.status) == ("MissingUploadURLs", 400)
    assert plain(sdk, error) == "UploadURLs is mandatory for this action."


def test_errors_carry_the_request_id(sdk):
    error = failing(sdk, action="UploadMediaByURL", params={})
    request_id = error.request_id or (error.data or {}).get("RequestId")
    assert request_id and len(request_id) == 36 and request_id == request_id.upper()


@pytest.mark.parametrize("sdk_name", ["vod-new", "vod-new-rpc", "vod-2.16.16", "vod-legacy"])
def test_throttling_is_told_with_the_wait(sdk_name, sdk_at, started):
    sdk = sdk_at(sdk_name, started("--limits-get-url-upload-infos-per-second", "1"))
    errors = []
    for _ in range(20):
        try:
            sdk.call("GetURLUploadInfos", {"JobIds": "0" * 32})
        except SDKError as error:
            errors.append(error)
    assert errors, "20 calls in a row passed a limit of one a second"
    for error in errors:
        assert (error.code, error.status) == ("Throttling.User", 400)
        assert plain(sdk, error) == "Request was denied due to user flow control."
        if sdk.is_newest:
            # Only the header x-acs-retry-after makes it this class.
            assert error.kind == "ThrottlingException"
            assert 0 < error.retry_after <= 2000
    # Other actions have limits of their own.
    assert "RequestId" in sdk.call("GetMessageCallback", {})
