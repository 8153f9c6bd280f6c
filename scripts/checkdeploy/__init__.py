"""The checks of deploy/ behind scripts/check-deploy.sh."""

from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
