"""What a Dockerfile says, as far as the checks need it."""

import json
import re
import shlex


class Stage:
    """One stage: its base and its instructions, in order, as (name, text) pairs."""

    def __init__(self, base):
        self.base = base
        self.instructions = []

    def texts(self, name):
        return [text for each, text in self.instructions if each == name]

    def last(self, name):
        found = self.texts(name)
        if not found:
            raise SystemExit(f"deploy/Dockerfile: the final stage has no {name}")
        return found[-1]

    @property
    def release(self):
        """The Debian release of a base such as debian:bookworm-slim."""
        found = re.fullmatch(r"debian:([a-z]+)(-slim)?", self.base)
        if not found:
            raise SystemExit(f"deploy/Dockerfile: the final stage is from {self.base}, not from a release of Debian")
        return found.group(1)

    @property
    def environment(self):
        return dict(pair.split("=", 1) for text in self.texts("ENV") for pair in shlex.split(text))

    @property
    def command(self):
        """What the container runs: ENTRYPOINT and CMD, both in their JSON forms."""
        return json.loads(self.last("ENTRYPOINT")) + json.loads(self.last("CMD"))

    @property
    def health(self):
        """The command of the HEALTHCHECK, in its JSON form, and how many seconds it may take."""
        options, command = self.last("HEALTHCHECK").split("CMD", 1)
        seconds = re.search(r"--timeout=(\d+)s", options)
        return json.loads(command), int(seconds.group(1)) if seconds else 30

    @property
    def ports(self):
        return {int(word.split("/")[0]) for text in self.texts("EXPOSE") for word in text.split()}


def final_stage(path):
    """The last stage of a Dockerfile."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    stage = None
    for instruction in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not instruction.strip():
            continue
        name, text = instruction.split(None, 1)
        if name == "FROM":
            stage = Stage(text.split()[0])
        else:
            stage.instructions.append((name, text.strip()))
    return stage
