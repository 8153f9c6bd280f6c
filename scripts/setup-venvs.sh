#!/bin/sh
# Makes one virtual environment per client under .venv/ (they clash with one another), and installs the system packages
# that the tests call. Runs again in no time: each environment carries a stamp of what it was made from.
#
# Usage: scripts/setup-venvs.sh [NAME…]      (default: all; see the list at the end)
#        scripts/setup-venvs.sh --bench      also the tools that only the benchmarks need
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
venvs=${TOWLINE_VENVS:-$root/.venv}
python=${PYTHON:-python3}
bench=no
if [ "${1:-}" = "--bench" ]; then
    bench=yes
    shift
fi

say() { printf '%s\n' "setup-venvs: $*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        say "needs root or sudo for: $*"
        exit 1
    fi
}

# Each line: a command that must exist, and the Debian package that brings it.
missing=""
need() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need "$python" python3
need openssl openssl
need sqlite3 sqlite3
need mkfs.ext4 e2fsprogs
need losetup mount
need setpriv util-linux
if [ "$bench" = yes ]; then
    need curl curl
    need aria2c aria2
    need hey hey
    need nginx nginx-light
    need ffmpeg ffmpeg
    need redis-server redis-server
    need redis-benchmark redis-tools
    need rclone rclone
fi
# python3 without python3-venv has the venv module but cannot put pip into an environment.
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    missing="$missing python3-venv"
fi
if [ -n "$missing" ]; then
    say "installing$missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
fi

# environment NAME PACKAGE…
environment() {
    name=$1
    shift
    wanted="$("$python" --version 2>&1) $*"
    stamp=$venvs/$name/.stamp
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    say "making $venvs/$name: $*"
    rm -rf "${venvs:?}/$name"
    "$python" -m venv "$venvs/$name"
    "$venvs/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
    printf '%s' "$wanted" >"$stamp"
}

setup() {
    case $1 in
    vod-new)
        environment vod-new alibabacloud-vod20170321==3.12.1 alibabacloud-tea-openapi==0.4.6 \
            alibabacloud-tea-util==0.3.15
        ;;
    vod-2.16.16)
        # The last generation of the client's core before 0.4, as this version met it when it was new.
        environment vod-2.16.16 alibabacloud-vod20170321==2.16.16 alibabacloud-tea-openapi==0.3.16 \
            alibabacloud-openapi-util==0.2.4 alibabacloud-tea-util==0.3.15
        ;;
    vod-legacy)
        environment vod-legacy aliyun-python-sdk-vod==2.16.32 aliyun-python-sdk-core==2.16.1
        ;;
    mns-1.3.0)
        environment mns-1.3.0 aliyun-mns-sdk==1.3.0 deprecated==1.3.1 pycryptodome==4.4.0
        ;;
    mns-1.1.5)
        environment mns-1.1.5 aliyun-mns==1.1.5
        ;;
    test)
        # moto is the S3-compatible store of the tests.
        environment test pytest==8.4.2 'moto[server]==5.2.5' boto3==1.44.8
        ;;
    *)
        say "unknown environment $1; there are vod-new, vod-2.16.16, vod-legacy, mns-1.3.0, mns-1.1.5 and test"
        exit 2
        ;;
    esac
}

mkdir -p "$venvs"
if [ $# = 0 ]; then
    set -- vod-new vod-2.16.16 vod-legacy mns-1.3.0 mns-1.1.5 test
fi
for name in "$@"; do
    setup "$name"
done
