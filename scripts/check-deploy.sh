#!/bin/sh
# Checks what deploy/ holds as far as that goes without a container engine: the image's final stage as a chroot, the compose
# file as processes in network namespaces of their own, the unit by systemd's own tools.
#
# Needs root and installs what is missing (debootstrap, iproute2, PostgreSQL). Each check prints one line: ok, failed or
# skipped, and why. What runs is in scripts/checkdeploy.
#
# Usage: scripts/check-deploy.sh [BINARY]     (default: .build/release/towline; linked with --static-swift-stdlib)
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
binary=${1:-$root/.build/release/towline}
PATH="$PATH:/usr/sbin:/sbin"
say() { printf '%s\n' "check-deploy: $*" >&2; }

[ "$(id -u)" = 0 ] || { say "this needs root: it makes a chroot and network namespaces"; exit 2; }
[ -x "$binary" ] || { say "$binary is missing: build it with make build, or name it"; exit 2; }

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need debootstrap debootstrap
need ip iproute2
need unshare util-linux
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
if [ -n "$missing" ]; then
    say "installing$missing"
    DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
fi
"$root/scripts/setup-venvs.sh" test

folder=$(mktemp -d "${TMPDIR:-/tmp}/towline-deploy-XXXXXX")
# What is mounted below the folder is mounted in namespaces that have ended by then.
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$folder"

# The checks run in namespaces of their own: whatever they start ends with them, and nothing reaches other machines.
python=${TOWLINE_VENVS:-$root/.venv}/test/bin/python
export PYTHONPATH="$root/scripts:$root/Tests/Conformance" PYTHONDONTWRITEBYTECODE=1
"$python" -m checkdeploy.prepare "$folder/root" "$binary"
unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
    "$python" -m checkdeploy "$folder/root"
