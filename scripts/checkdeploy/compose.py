"""The compose file: read as the engine's client reads it, as far as this file needs, and judged without an engine."""

import re

import yaml

ROLES = {"api", "pull", "deliver", "queue", "console"}
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::?([?-])([^}]*))?\})")


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping."""

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value if key.value != "<<"]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"line {node.start_mark.line + 1}: {', '.join(sorted(twice))} stands twice"
        return super().construct_mapping(node, deep)


class Missing(AssertionError):
    """A variable that must be set and is not."""


def substituted(value, variables):
    """A value of the file with `${NAME}`, `${NAME:?message}` and `${NAME:-default}` replaced."""
    if isinstance(value, dict):
        return {key: substituted(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [substituted(each, variables) for each in value]
    if not isinstance(value, str):
        return value

    def replace(found):
        name, kind, text = found.groups()
        if name is None:
            return "$"
        if variables.get(name):
            return variables[name]
        if kind == "-":
            return text
        raise Missing(f"{name} is not set" + (f": {text}" if text else ""))

    assert "$" not in _VARIABLE.sub("", value), f"a $ that is no variable in {value!r}"
    return _VARIABLE.sub(replace, value)


class Compose:
    """The file with its anchors and merges resolved."""

    def __init__(self, path):
        self.text = path.read_text()
        self.file = yaml.load(self.text, _Loader)
        self.services = self.file["services"]

    @property
    def variables(self):
        """The names that must be set."""
        return sorted({name for name, kind, _ in _VARIABLE.findall(self.text) if kind == "?"})

    @property
    def nodes(self):
        """The services that run Towline."""
        return {name: service for name, service in self.services.items() if service.get("image") == "towline"}

    def environment(self, name, variables):
        return substituted(self.services[name].get("environment", {}), variables)

    def replicas(self, name):
        return self.services[name].get("deploy", {}).get("replicas", 1)

    def roles(self, name):
        return self.services[name]["environment"]["TOWLINE_ROLES"].split(",")

    def ports(self, name):
        """The ports within the container that are published."""
        return [int(str(port).rsplit(":", 1)[-1]) for port in self.services[name].get("ports", [])]

    def judge(self, stage):
        """Fails on what contradicts itself, or the image."""
        services, nodes = self.services, self.nodes
        try:
            substituted(services, {})
        except Missing:
            pass
        else:
            raise AssertionError("it starts without any variable set: secrets would be empty")
        taken = [role for name in nodes for role in self.roles(name)]
        assert sorted(taken) == sorted(ROLES), f"the roles of all services are {taken}, not each of {sorted(ROLES)} once"
        for name, service in services.items():
            for other, how in service.get("depends_on", {}).items():
                assert other in services, f"{name} depends on {other}, which is no service"
                if how.get("condition") == "service_healthy":
                    assert other in nodes or "healthcheck" in services[other], f"{other} has no healthcheck"
            for secret in service.get("secrets", []):
                assert secret in self.file.get("secrets", {}), f"the secret {secret} of {name} is not defined"
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                assert source.startswith((".", "/")) or source in self.file.get("volumes", {}), f"no volume {source}"
        for name, service in nodes.items():
            assert set(self.ports(name)) <= stage.ports, f"{name} publishes {self.ports(name)}, the image {stage.ports}"
            if service.get("read_only"):
                data = stage.environment["TOWLINE_DATA_DIR"]
                assert data in stage.texts("VOLUME"), f"{name} is read-only, and {data} is no volume"
