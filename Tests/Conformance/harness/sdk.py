"""The official SDKs, each in a process of its own virtual environment."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from .driven import Driven
from .server import KEY_ID, KEY_SECRET, ROOT
from .waiting import eventually

# name: (virtual environment, driver, request signature)
CLIENTS = {
    "vod-new": ("vod-new", "tea", "v3"),
    "vod-new-rpc": ("vod-new", "tea-v1", "v1"),
    "vod-2.16.16": ("vod-2.16.16", "tea", "v1"),
    "vod-legacy": ("vod-legacy", "legacy", "v1"),
}
_DRIVER = Path(__file__).resolve().parents[1] / "drivers" / "driver.py"


def venv_python(name):
    """The interpreter of a virtual environment that scripts/setup-venvs.sh made."""
    folder = Path(os.environ.get("TOWLINE_VENVS") or ROOT / ".venv")
    return folder / name / "bin" / "python"


class SDKError(Exception):
    """What an SDK raised."""

    def __init__(self, fields):
        super().__init__(f"{fields['class']} {fields['code']}: {fields['message']}")
        self.kind = fields["class"]
        self.bases = fields["bases"]
        self.code = fields["code"]
        self.message = fields["message"] or ""
        self.status = fields["status"]
        self.retry_after = fields["retry_after"]
        self.request_id = fields["request_id"]
        self.data = fields["data"]


class SDK(Driven):
    """One SDK's process, used for many calls."""

    def __init__(self, name):
        venv, driver, self.signature = CLIENTS[name]
        python = venv_python(venv)
        if not python.exists():
            raise RuntimeError(f"{python} is missing: run scripts/setup-venvs.sh")
        super().__init__(name, [python, "-W", "ignore", _DRIVER, driver])

    def call(self, api, action, params, *, key=KEY_ID, secret=KEY_SECRET, clock=0, timeout=60):
        """The body of the SDK's response as its own model gives it; raises SDKError."""
        self.begin({
            "api": urlsplit(api).netloc, "key": key, "secret": secret, "clock": clock, "action": action,
            "params": params,
        })
        answer = self.finish(action, timeout)
        if "error" in answer:
            raise SDKError(answer["error"])
        return answer["ok"]


class Client:
    """An SDK pointed at one server."""

    def __init__(self, sdk, api):
        self.sdk = sdk
        self.api = api
        self.name = sdk.name
        self.signature = sdk.signature

    @property
    def is_legacy(self):
        return self.name == "vod-legacy"

    @property
    def is_newest(self):
        return self.name.startswith("vod-new")

    def call(self, action, params=None, **options):
        return self.sdk.call(self.api, action, params or {}, **options)

    def submit(self, urls, **params):
        """The `UploadJobs` of a submission; `urls` is the value of `UploadURLs`."""
        return self.call("UploadMediaByURL", {"UploadURLs": urls, **params})["UploadJobs"]

    def infos(self, *jobs):
        """The infos of jobs by their ids."""
        found = {}
        for start in range(0, len(jobs), 10):
            answer = self.call("GetURLUploadInfos", {"JobIds": ",".join(jobs[start:start + 10])})
            found.update({info["JobId"]: info for info in answer["URLUploadInfoList"]})
        return found

    def wait(self, *jobs, status="SUCCESS", timeout=30):
        """The infos once every job has the status; at once an error when a job ends with another one."""
        ends = {"SUCCESS", "DOWNLOAD_FAIL", "UPLOAD_FAIL"}

        def settled():
            infos = self.infos(*jobs)
            return infos if all(info["Status"] in ends for info in infos.values()) and len(infos) == len(jobs) else None

        infos = eventually(settled, timeout, f"{len(jobs)} jobs to end")
        wrong = {job: info for job, info in infos.items() if info["Status"] != status}
        assert not wrong, f"not {status}: {wrong}"
        return infos
