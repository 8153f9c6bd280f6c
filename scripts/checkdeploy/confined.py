"""Runs a command as a unit's settings confine it, as far as that goes without systemd: `python -m checkdeploy.confined SPEC`.

SPEC is a JSON file: root, mounts (target to source), uid, gid, folder, umask, files, environment, command, and allowed (names
of system calls), families (names of address families) and memory (whether memory may be made executable).
"""

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

_ALLOW, _ERRNO, _EPERM, _EAFNOSUPPORT = 0x7FFF0000, 0x00050000, 1, 97
_MASKED_EQUAL, _EQUAL = 7, 4
_PROT_WRITE, _PROT_EXEC = 2, 4
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operation", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


class Filter:
    """A filter of system calls; several that are loaded are all asked."""

    _library = None

    def __init__(self, default):
        if Filter._library is None:
            Filter._library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
            Filter._library.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(default)))

    def add(self, action, name, *comparisons):
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # not of this architecture
        array = (_Comparison * len(comparisons))(*comparisons)
        code = self._library.seccomp_rule_add_array(
            self.context, ctypes.c_uint32(action), number, len(comparisons), array)
        if code:
            raise OSError(-code, f"the filter does not take {name}")

    def load(self):
        code = self._library.seccomp_load(self.context)
        if code:
            raise OSError(-code, "seccomp_load")


def filters(spec):
    if not spec["memory"]:
        memory = Filter(_ALLOW)
        both = _PROT_WRITE | _PROT_EXEC
        memory.add(_ERRNO | _EPERM, "mmap", _Comparison(2, _MASKED_EQUAL, both, both))
        for name in ("mprotect", "pkey_mprotect"):
            memory.add(_ERRNO | _EPERM, name, _Comparison(2, _MASKED_EQUAL, _PROT_EXEC, _PROT_EXEC))
        yield memory
    families = Filter(_ALLOW)
    kept = {getattr(socket, name) for name in spec["families"]}
    for family in set(range(46)) - kept:
        families.add(_ERRNO | _EAFNOSUPPORT, "socket", _Comparison(0, _EQUAL, family, 0))
    yield families
    calls = Filter(_ERRNO | _EPERM)
    for name in spec["allowed"]:
        calls.add(_ALLOW, name)
    yield calls


def main():
    spec = json.loads(Path(sys.argv[1]).read_text())
    root = spec["root"]

    def mount(*words):
        subprocess.run(["mount", *words], check=True)

    mount("--bind", root, root)
    mount("-t", "proc", "-o", "nosuid,nodev,noexec,hidepid=invisible,subset=pid", "proc", root + "/proc")
    for target, source in spec["mounts"].items():
        mount(*(["-t", "tmpfs", "tmpfs"] if source == "tmpfs" else ["--bind", source]), root + target)
    mount("-o", "remount,bind,ro", root)
    loaded = list(filters(spec))
    libc = ctypes.CDLL(None, use_errno=True)
    os.chroot(root)
    os.chdir(spec["folder"])
    os.umask(spec["umask"])
    files = min(spec["files"], resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    for capability in range(41):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(spec["gid"])
    os.setuid(spec["uid"])
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for each in loaded:
        each.load()
    os.execve(spec["command"][0], spec["command"], spec["environment"])


if __name__ == "__main__":
    main()
