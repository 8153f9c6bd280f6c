"""A listener where nobody may connect."""

import socket


class Trap:
    """Listens at one port of one or several hosts, and counts who connects."""

    def __init__(self, port, *hosts):
        self._count = 0
        self._sockets = [
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
            for host in hosts
        ]
        for each in self._sockets:
            each.setblocking(False)

    @property
    def connections(self):
        for each in self._sockets:
            while True:
                try:
                    each.accept()[0].close()
                    self._count += 1
                except BlockingIOError:
                    break
        return self._count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self._sockets:
            each.close()
