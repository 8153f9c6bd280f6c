"""Network namespaces, so that one node can be cut off from one of the services while everybody else reaches everything."""

import itertools
import os
import shutil
import subprocess

# Addresses of the services, on the machine's own loopback interface; nodes reach them over their links alone.
SERVICES = {"database": "10.213.250.1", "objects": "10.213.250.2", "origin": "10.213.250.3"}
NETWORK = "10.213.0.0/16"
_numbers = itertools.count(1)


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def undo(*arguments):
    """The same for what may be undone already."""
    subprocess.run(["ip", *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=20)


class Network:
    """The services' addresses, and the namespaces made for nodes; all of it is gone at the end."""

    def __init__(self):
        self._spaces = []

    def __enter__(self):
        try:
            # What has no link any more must not leave the machine by another way.
            ip("route", "add", "blackhole", NETWORK)
            for address in SERVICES.values():
                ip("address", "add", f"{address}/32", "dev", "lo")
        except OSError:
            self.__exit__()
            raise
        return self

    def space(self):
        self._spaces.append(Space())
        return self._spaces[-1]

    def __exit__(self, *_):
        for space in self._spaces:
            space.remove()
        for address in SERVICES.values():
            undo("address", "del", f"{address}/32", "dev", "lo")
        undo("route", "del", "blackhole", NETWORK)


class Space:
    """A namespace with a link of its own to each service."""

    def __init__(self):
        self.number = next(_numbers)
        self.name = f"towline-{os.getpid()}-{self.number}"
        ip("netns", "add", self.name)
        try:
            ip("-n", self.name, "link", "set", "lo", "up")
            for place, service in enumerate(SERVICES, 1):
                self._link(service, f"10.213.{self.number * 4 + place}")
        except OSError:
            self.remove()
            raise

    @property
    def wrapper(self):
        """What makes a command run in here."""
        return [shutil.which("nsenter"), f"--net=/run/netns/{self.name}", "--"]

    def cut(self, service):
        """Whatever is sent either way is lost, without a word to either side."""
        ip("link", "set", self._interface(service), "down")

    def heal(self, service):
        ip("link", "set", self._interface(service), "up")

    def remove(self):
        # Links go with their ends.
        undo("netns", "del", self.name)

    def _interface(self, service):
        return f"tl{os.getpid() % 100_000}n{self.number}{service[:2]}"

    def _link(self, service, network):
        outside, inside = self._interface(service), service
        ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        ip("address", "add", f"{network}.1/24", "dev", outside)
        ip("link", "set", outside, "up")
        ip("-n", self.name, "address", "add", f"{network}.2/24", "dev", inside)
        ip("-n", self.name, "link", "set", inside, "up")
        ip("-n", self.name, "route", "add", f"{SERVICES[service]}/32", "via", f"{network}.1", "dev", inside)


def why_not():
    """Why namespaces cannot be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip") or not shutil.which("nsenter"):
        return "network namespaces need ip (iproute2) and nsenter (util-linux)"
    try:
        with Network() as network:
            network.space()
    except OSError as error:
        return f"no network namespaces here: {error}"
    return None
