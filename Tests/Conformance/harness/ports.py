"""Ports for what must come back at the same address, such as a server that is killed and started again."""

import random
import socket
from pathlib import Path

_LOWEST = 10_000
_handed_out = set()


def _first_ephemeral():
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def free_port(host="127.0.0.1"):
    """A port that nobody listens on and no outgoing connection will take while nobody does.

    It lies below the range of ports that the kernel gives to outgoing connections, so that it stays free between a
    server's end and its next start.
    """
    above = _first_ephemeral()
    if above < _LOWEST + 1000:
        raise RuntimeError(f"outgoing connections take ports from {above}: too few are left below")
    for _ in range(1000):
        port = random.randrange(_LOWEST, above)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise RuntimeError(f"no free port between {_LOWEST} and {above}")
