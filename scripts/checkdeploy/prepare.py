"""Makes the image's file system as a folder: `python -m checkdeploy.prepare FOLDER BINARY`.

A minimal Debian stands for the base image, and the RUN lines of the final stage run in it as they are written.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from . import DEPLOY
from .dockerfile import final_stage


def mirror(release):
    """Where this machine's own apt takes the release from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {release}",
         "Component: main"], capture_output=True, text=True, check=True)
    found = done.stdout.split()
    if not found:
        raise SystemExit(f"check-deploy: the apt sources of this machine do not have Debian {release}")
    return found[0]


def main():
    root, binary = Path(sys.argv[1]), Path(sys.argv[2])
    stage = final_stage(DEPLOY / "Dockerfile")
    print(f"check-deploy: making a minimal Debian {stage.release}", file=sys.stderr, flush=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", stage.release, str(root), mirror(stage.release)], check=True,
        stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    for command in stage.texts("RUN"):
        print(f"check-deploy: RUN {' '.join(command.split())}", file=sys.stderr, flush=True)
        subprocess.run(
            ["chroot", str(root), "/bin/sh", "-c", command], check=True, stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL)
    [copy] = stage.texts("COPY")
    target = root / copy.split()[-1].lstrip("/")
    shutil.copy(binary, target)
    subprocess.run(["strip", str(target)], check=True)


if __name__ == "__main__":
    main()
