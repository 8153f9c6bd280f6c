"""`SetMessageCallback`, `GetMessageCallback` and `DeleteMessageCallback` through the vendor's clients (vod-api.md 4)."""

import pytest
from harness.sdk import SDKError

URL = "https://127.0.0.1:8443/vod/events/?env=dev&v=1"


def configuration(sdk, app=None):
    answer = sdk.call("GetMessageCallback", {"AppId": app} if app else {})
    return answer.get("MessageCallback") or {}


def filled(values):
    """A configuration without its empty fields."""
    return {name: value for name, value in values.items() if value not in ("", None)}


def test_a_configuration_is_echoed_byte_for_byte(sdk, app):
    wanted = {
        "CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL", "AuthSwitch": "on",
        "AuthKey": "Abc123xyz", "AppId": app,
    }
    sdk.call("SetMessageCallback", wanted)
    assert filled(configuration(sdk, app)) == wanted


def test_a_name_that_has_no_address_now_may_be_configured(sdk_at, shared, app):
    sdk = sdk_at("vod-new", shared)
    url = "https://hook.invalid/vod"
    sdk.call("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": url, "EventTypeList": "ALL", "AppId": app})
    assert configuration(sdk, app)["CallbackURL"] == url


def test_what_meedu_compares_comes_back_as_set(sdk, app):
    wanted = {"CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL", "AuthSwitch": "off", "AppId": app}
    sdk.call("SetMessageCallback", wanted)
    found = configuration(sdk, app)
    assert {name: found.get(name) for name in wanted} == wanted
    assert found.get("AuthKey", "") == ""


@pytest.mark.parametrize("types", [
    "UploadByURLComplete,FileUploadComplete", "FileUploadComplete", "AIComplete,UploadByURLComplete",
])
def test_lists_of_event_types_are_echoed_as_they_are(sdk, app, types):
    sdk.call("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": types, "AppId": app})
    assert configuration(sdk, app)["EventTypeList"] == types


def test_nothing_configured_is_an_empty_object_and_no_error(sdk, app):
    answer = sdk.call("GetMessageCallback", {"AppId": app})
    found = filled(answer.get("MessageCallback") or {})
    found.pop("AppId", None)
    assert found == {}


def test_a_configuration_is_replaced_as_a_whole(sdk, app):
    sdk.call("SetMessageCallback", {
        "CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL", "AuthSwitch": "on", "AuthKey": "Abc123xyz",
        "AppId": app,
    })
    sdk.call("SetMessageCallback", {
        "CallbackType": "HTTP", "CallbackURL": URL + "2", "EventTypeList": "FileUploadComplete", "AppId": app,
    })
    found = configuration(sdk, app)
    assert found["CallbackURL"] == URL + "2"
    assert found["EventTypeList"] == "FileUploadComplete"
    assert found.get("AuthKey", "") == ""
    assert found.get("AuthSwitch", "off").lower() in ("", "off")


def test_a_deleted_configuration_is_gone_and_may_be_deleted_again(sdk, app):
    sdk.call("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL", "AppId": app})
    for _ in range(2):
        assert set(sdk.call("DeleteMessageCallback", {"AppId": app})) == {"RequestId"}
        assert configuration(sdk, app).get("CallbackURL", "") == ""


def test_applications_have_configurations_of_their_own(sdk, app):
    sdk.call("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL", "AppId": app})
    assert configuration(sdk, app + "9").get("CallbackURL", "") == ""


def test_the_application_defaults_to_app_1000000(sdk):
    sdk.call("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL"})
    try:
        assert configuration(sdk, "app-1000000")["CallbackURL"] == URL
        assert configuration(sdk)["AppId"] == "app-1000000"
    finally:
        sdk.call("DeleteMessageCallback", {})


@pytest.mark.parametrize(
    "change, named",
    [
        ({"CallbackType": "SMTP"}, "CallbackType"),
        ({"CallbackURL": ""}, "CallbackURL"),
        ({"CallbackURL": "ftp://hook.example.com/x"}, "CallbackURL"),
        ({"CallbackURL": "http://169.254.169.254/x"}, "CallbackURL"),
        ({"CallbackURL": "http://127.0.0.1:8080/" + "x" * 240}, "CallbackURL"),
        ({"AuthSwitch": "maybe"}, "AuthSwitch"),
        ({"AuthSwitch": "on", "AuthKey": "Aa1" + "x" * 30}, "AuthKey"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(sdk, app, change, named):
    good = {"CallbackType": "HTTP", "CallbackURL": URL, "EventTypeList": "ALL", "AppId": app}
    sdk.call("SetMessageCallback", good)
    with pytest.raises(SDKError) as caught:
        sdk.call("SetMessageCallback", {**good, **change})
    assert caught.value.status == 400
    assert caught.value.code.startswith(("InvalidParameter", "Invalid", "MissingParameter", "Missing"))
    assert named in caught.value.message
    assert configuration(sdk, app)["CallbackURL"] == URL
