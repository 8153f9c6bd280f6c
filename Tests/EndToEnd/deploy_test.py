"""The files of deploy/ and the pages name settings and flags that the binary knows.

`scripts/check-deploy.sh` runs what they describe; this costs little and keeps names from going stale.
"""

import functools
import re
import shlex
import sys
from pathlib import Path

import pytest
from harness.server import towline

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from checkdeploy import DEPLOY, unit  # noqa: E402
from checkdeploy.compose import Compose  # noqa: E402
from checkdeploy.dockerfile import final_stage  # noqa: E402

VARIABLES = {
    "ADMIN_TOKEN": "token", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "POSTGRES_PASSWORD": "password",
    "OBJECTS_URL": "s3://media/towline?endpoint=https://s3.example.com&region=eu-1", "PUBLIC_URL": "https://towline.example.com",
}
PAGES = [ROOT / "README.md", ROOT / "deploy" / "towline.service", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?<![\w/.-])towline ((?:[a-z][a-z-]* ?)+)([^`\n#|]*)")


def environments():
    stage = final_stage(DEPLOY / "Dockerfile")
    compose = Compose(DEPLOY / "compose.yaml")
    service = dict(pair.split("=", 1) for value in unit.settings(unit.UNIT)["Environment"] for pair in value.split())
    nodes = {name: {**stage.environment, **compose.environment(name, VARIABLES)} for name in compose.nodes}
    return {"the image": stage.environment, "the service": service, **nodes}


@pytest.mark.parametrize("name", environments())
def test_the_binary_takes_the_settings_of_each_deployment(name, tmp_path):
    # Judges a URL by the settings in force: all of them are read, nothing is started.
    done = towline("explain-url", "http://8.8.8.8/", env=environments()[name])
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_a_name_that_is_no_setting_would_be_found():
    done = towline("explain-url", "http://8.8.8.8/", env={"TOWLINE_PULL_PER_ORIGINS": "4"})
    assert done.returncode == 2 and "TOWLINE_PULL_PER_ORIGIN" in done.stderr, done


def test_the_compose_file_agrees_with_itself_and_with_the_image():
    Compose(DEPLOY / "compose.yaml").judge(final_stage(DEPLOY / "Dockerfile"))


@functools.cache
def help_of(*words):
    """The help of a command; that of the longest part of the words that is one."""
    done = towline(*words, "--help")
    return done.stdout if done.returncode == 0 else help_of(*words[:-1])


def test_the_flags_of_commands_in_the_pages_exist():
    seen, unknown = 0, []
    for page in PAGES:
        for words, rest in COMMAND.findall(page.read_text()):
            for flag in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", rest):
                seen += 1
                if not re.search(rf"(?<![\w-]){flag}(?![\w-])", help_of(*shlex.split(words))):
                    unknown.append(f"{page.name}: towline {words.strip()} {flag}")
    assert not unknown, unknown
    assert seen > 15, f"only {seen} flags were found"
