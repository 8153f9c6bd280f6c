"""The image: its final stage as a chroot, with the environment and the commands of the Dockerfile."""

import re
import socket
import subprocess

from .container import Container
from .dockerfile import Stage
from .network import Host

GRACE = 20


def check(report, root, stage, folder):
    binary = "/" + stage.texts("COPY")[0].split()[-1].lstrip("/")
    with report.check("image: the packages of the final stage are all that the binary is linked with") as said:
        done = subprocess.run(["chroot", root, "ldd", binary], capture_output=True, text=True)
        missing = [line.split()[0] for line in done.stdout.splitlines() if "not found" in line]
        assert done.returncode == 0 and not missing, f"ldd: missing {missing} {done.stderr.strip()}"
        said.append(f"{len(done.stdout.splitlines())} libraries")
    host = Host("image", 9)
    container = None
    try:
        with report.check("image: serve with the environment of the image is ready") as said:
            container = Container(root, stage, host, folder)
            container.wait_ready(8788)
            said.append(f"/readyz 200 as user {container.user.uid}, first process of its namespace")
        if container is None:
            return
        with report.check("image: towline --version") as said:
            version = container.run("towline", "--version").strip()
            assert re.fullmatch(r"towline \d+\.\d+\.\d+\S*", version), version
            said.append(version)
        with report.check("image: the health check as it stands passes"):
            assert container.is_healthy(), container.execute(container.stage.health[0])
        with report.check("image: without admin.token only loopback reaches the admin listener"):
            assert not opens(host.address, 8788), "port 8788 answers from outside"
            assert opens(host.address, 8787), "port 8787 does not answer from outside"
        with report.check(f"image: {stage.last('STOPSIGNAL')} ends it with exit code 0") as said:
            code, seconds = container.stop(GRACE)
            assert code == 0, f"exit code {code}\n{container.text()}"
            said.append(f"after {seconds:.1f} s")
        with report.check("image: the health check as it stands fails when nobody listens"):
            idle = Container(root, _idle(stage), Host("idle", 8), folder)
            try:
                assert not idle.is_healthy()
            finally:
                idle.kill()
    finally:
        if container is not None:
            container.kill()


def opens(address, port):
    """Whether a connection from outside is taken."""
    try:
        socket.create_connection((address, port), 2).close()
        return True
    except OSError:
        return False


def _idle(stage):
    """The same image with something that only waits."""
    other = Stage(stage.base)
    kept = [(name, text) for name, text in stage.instructions if name not in ("ENTRYPOINT", "CMD")]
    other.instructions = [*kept, ("ENTRYPOINT", '["sleep"]'), ("CMD", '["600"]')]
    return other
