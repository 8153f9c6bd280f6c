"""Hosts on one machine: network namespaces on a bridge. The namespace of the checks itself is the world outside."""

import ctypes
import http.client
import os
import subprocess
from contextlib import contextmanager

GATEWAY = "172.30.0.1"
DATABASE = "172.30.0.2"
BUCKET = "172.30.0.3"
# Judged as any address of the internet is; in here it leads to the checks' own origin.
OUTSIDE = "11.22.33.44"
_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def prepare():
    """The bridge, and the addresses of what runs in the checks' own namespace."""
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{OUTSIDE}/32", "dev", "lo")
    ip("link", "add", "br0", "type", "bridge")
    for address in (GATEWAY, DATABASE, BUCKET):
        ip("address", "add", f"{address}/24", "dev", "br0")
    ip("link", "set", "br0", "up")


class Host:
    """A namespace with one address on the bridge, and the names of others that it knows."""

    def __init__(self, name, number, known=None):
        self.known = known or {}
        self.name, self.address = name, f"172.30.0.{number}"
        ip("netns", "add", name)
        ip("link", "add", f"veth{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", f"veth{number}", "master", "br0", "up")
        ip("-n", name, "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", name, "link", "set", device, "up")
        ip("-n", name, "route", "add", "default", "via", GATEWAY)

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    @contextmanager
    def inside(self):
        """This thread is in the namespace meanwhile."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            if _libc.setns(there, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            _libc.setns(own, _CLONE_NEWNET)
            os.close(own)
            os.close(there)

    def status(self, port, path):
        """The status of a GET from within; None while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            with self.inside():
                connection.request("GET", path)
                return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()
