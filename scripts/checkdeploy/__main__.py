"""Runs the checks in the namespaces that scripts/check-deploy.sh made: `python -m checkdeploy ROOT`."""

import sys
import tempfile
from pathlib import Path

from . import DEPLOY, image, network, nodes, unit
from .compose import Compose
from .dockerfile import final_stage
from .report import Report


def main():
    root = sys.argv[1]
    network.prepare()
    report = Report()
    stage = final_stage(DEPLOY / "Dockerfile")
    with tempfile.TemporaryDirectory(prefix="towline-deploy-") as folder:
        # Users of the checks' processes pass through it.
        Path(folder).chmod(0o755)
        image.check(report, root, stage, Path(folder))
        nodes.check(report, root, stage, Compose(DEPLOY / "compose.yaml"), Path(folder))
        unit.check(report, root, Path(folder))
    print(f"{report.failed} failed" if report.failed else "nothing failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
