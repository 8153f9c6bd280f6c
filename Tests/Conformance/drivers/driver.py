"""Runs an official SDK, unchanged, for the tests: one JSON request a line on stdin, one JSON answer a line on stdout.

Usage: driver.py tea|tea-v1|legacy API-HOST:PORT is not given here but with each request, so that one process serves a
whole session. A request: {"api": "host:port", "key": …, "secret": …, "clock": seconds, "action": …, "params": {…}}.
An answer: {"ok": body, "type": …} or {"error": {"class": …, "bases": […], "code": …, "message": …, …}}.
"""

import datetime
import json
import re
import sys
import time

_offset = 0


class _ShiftedDatetime(datetime.datetime):
    """A clock that is wrong by `_offset` seconds."""

    @classmethod
    def utcnow(cls):
        return datetime.datetime.fromtimestamp(time.time() + _offset, datetime.timezone.utc).replace(tzinfo=None)


def _snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class TeaDriver:
    """`alibabacloud-vod20170321`, with ACS3 signatures or, as `tea-v1`, with the older RPC ones."""

    def __init__(self, signature_algorithm=None):
        from alibabacloud_tea_openapi import models as openapi_models
        from alibabacloud_vod20170321 import models as vod_models
        from alibabacloud_vod20170321.client import Client

        self.algorithm = signature_algorithm
        self.openapi_models = openapi_models
        self.vod_models = vod_models
        self.client_class = Client
        self.clients = {}
        self._shift_clock()

    @staticmethod
    def _shift_clock():
        """Lets the SDK see the shifted clock wherever it reads the time for a signature."""
        try:
            from alibabacloud_tea_openapi import utils

            if hasattr(utils, "datetime"):
                utils.datetime = _ShiftedDatetime
        except ImportError:
            pass
        try:
            from alibabacloud_openapi_util import client

            client.datetime.datetime = _ShiftedDatetime
        except (ImportError, AttributeError):
            pass

    def _client(self, request):
        place = (request["api"], request["key"], request["secret"])
        if place not in self.clients:
            config = self.openapi_models.Config(access_key_id=request["key"], access_key_secret=request["secret"])
            config.endpoint = request["api"]
            config.protocol = "http"
            if self.algorithm:
                config.signature_algorithm = self.algorithm
            self.clients[place] = self.client_class(config)
        return self.clients[place]

    def call(self, request):
        client = self._client(request)
        action = request["action"]
        model = getattr(self.vod_models, action + "Request", None)
        if model is None:
            return self._call_unknown(client, action, request["params"])
        made = model()
        made.from_map(request["params"])
        response = getattr(client, self._method(client, action))(made)
        return response.body.to_map(), type(response.body).__name__

    @staticmethod
    def _method(client, action):
        """The generator spells `GetURLUploadInfos` as `get_urlupload_infos`: compare without the underscores."""
        wanted = action.lower()
        return next(name for name in dir(client) if name.replace("_", "") == wanted)

    def _call_unknown(self, client, action, params):
        from alibabacloud_tea_util import models as util_models

        call = self.openapi_models.Params(
            action=action, version="2017-03-21", protocol="HTTPS", pathname="/", method="POST", auth_type="AK",
            style="RPC", req_body_type="formData", body_type="json",
        )
        answer = client.call_api(call, self.openapi_models.OpenApiRequest(query=params), util_models.RuntimeOptions())
        return answer["body"], "dict"


class LegacyDriver:
    """`aliyun-python-sdk-vod` with `aliyun-python-sdk-core`."""

    def __init__(self):
        from aliyunsdkcore.client import AcsClient
        from aliyunsdkcore.utils import parameter_helper

        self.client_class = AcsClient
        self.clients = {}

        def shifted():
            return time.strftime(parameter_helper.FORMAT_ISO_8601, time.gmtime(time.time() + _offset))

        parameter_helper.get_iso_8061_date = shifted

    def _client(self, request):
        place = (request["api"], request["key"], request["secret"])
        if place not in self.clients:
            port = int(request["api"].rsplit(":", 1)[1])
            self.clients[place] = self.client_class(request["key"], request["secret"], "cn-shanghai", port=port)
        return self.clients[place]

    def call(self, request):
        import importlib

        action = request["action"]
        try:
            module = importlib.import_module(f"aliyunsdkvod.request.v20170321.{action}Request")
            made = getattr(module, action + "Request")()
        except ImportError:
            from aliyunsdkcore.request import RpcRequest

            made = RpcRequest("vod", "2017-03-21", action, "vod")
            made.set_method("POST")
        for name, value in request["params"].items():
            setter = getattr(made, "set_" + name, None)
            if setter is None:
                made.add_query_param(name, value)
            else:
                setter(value)
        made.set_endpoint(request["api"].rsplit(":", 1)[0])
        made.set_protocol_type("http")
        body = self._client(request).do_action_with_exception(made)
        return json.loads(body), type(body).__name__


def _error(error):
    """What the SDK tells its caller about a failure, in one shape for all generations."""
    inner = getattr(error, "inner_exception", None) or error

    def first(*names):
        for name in names:
            for holder in (error, inner):
                value = getattr(holder, name, None)
                if callable(value):
                    value = value()
                if value is not None:
                    return value
        return None

    data = first("data")
    return {
        "class": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "code": first("code", "error_code", "get_error_code"),
        "message": first("message", "get_error_msg"),
        "status": first("status_code", "statusCode", "http_status", "get_http_status"),
        "retry_after": first("retry_after"),
        "request_id": first("request_id", "get_request_id"),
        "data": data if isinstance(data, dict) else None,
        "text": str(error)[:2000],
    }


def main():
    global _offset
    make = {
        "tea": TeaDriver,
        "tea-v1": lambda: TeaDriver("v2"),
        "legacy": LegacyDriver,
    }[sys.argv[1]]
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever the SDK prints stays out of the answers
    driver = make()
    for line in sys.stdin:
        request = json.loads(line)
        _offset = request.get("clock", 0)
        try:
            body, kind = driver.call(request)
            answer = {"ok": body, "type": kind}
        except Exception as error:  # every failure of the SDK is a result of the test
            answer = {"error": _error(error)}
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
