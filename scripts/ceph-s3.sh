#!/bin/sh
# Runs the suite of the S3 object store, or a command, against Ceph with radosgw on loopback.
#
# Installs Ceph from Debian when it is missing (needs root), starts one monitor, one manager, one OSD that keeps its
# objects in memory, and a radosgw, all in a temporary folder, and ends them at the end. Needs a build of the tests:
# `make test-build`.
#
# Usage: scripts/ceph-s3.sh [COMMAND…]     (default: the suite; COMMAND gets TOWLINE_S3_TEST_URL and AWS_* variables)
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
port=${CEPH_S3_PORT:-7480}
say() { printf '%s\n' "ceph-s3: $*" >&2; }

for program in ceph-mon ceph-osd ceph-mgr radosgw ceph radosgw-admin; do
    command -v "$program" >/dev/null 2>&1 && continue
    say "installing Ceph"
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        ceph-mon ceph-osd ceph-mgr radosgw ceph-base ceph-common >&2
    break
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/towline-ceph-XXXXXX")
pids=""
finish() {
    code=$?
    trap - EXIT INT TERM
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    [ $code = 0 ] || { say "failed ($code); the logs end with:"; tail -n 15 "$folder"/*.log >&2 || true; }
    rm -rf "$folder"
    exit $code
}
trap finish EXIT INT TERM

fsid=$(cat /proc/sys/kernel/random/uuid)
export CEPH_CONF=$folder/ceph.conf
cat >"$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = [v2:127.0.0.1:33300,v1:127.0.0.1:36789]
public network = 127.0.0.0/8
keyring = $folder/keyring
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
run dir = $folder
admin socket = $folder/\$name.asok
log file = $folder/\$name.log
pid file =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
osd objectstore = memstore
memstore device bytes = ${CEPH_S3_BYTES:-8589934592}
osd data = $folder/osd
mon data = $folder/mon
mgr data = $folder/mgr
# The clock of the gateway is the machine's; it refuses what is 15 minutes off, as S3 does.
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw data = $folder/rgw
rgw enable usage log = false
# What is removed goes at once: objects are in memory.
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 60
CONF
mkdir -p "$folder/osd" "$folder/mon" "$folder/mgr" "$folder/rgw"

say "$(ceph --version)"
entry() { ceph-authtool "$folder/keyring" --gen-key -n "$@" >/dev/null; }
: >"$folder/keyring"
entry mon. --cap mon 'allow *'
entry client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
entry client.rgw --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
entry mgr.x --cap mon 'allow profile mgr' --cap osd 'allow *'
entry osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd'
monmaptool --create --fsid "$fsid" --addv a '[v2:127.0.0.1:33300,v1:127.0.0.1:36789]' "$folder/monmap" >/dev/null
ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring"
ceph-mon -f -i a >"$folder/mon.out" 2>&1 &
pids="$pids $!"
timeout 60 ceph -s >/dev/null
ceph-mgr -f -i x >"$folder/mgr.out" 2>&1 &
pids="$pids $!"
osd=$(cat /proc/sys/kernel/random/uuid)
ceph osd new "$osd" >/dev/null 2>"$folder/osd-new.log" || true
ceph-osd -i 0 --mkfs --osd-uuid "$osd" >"$folder/osd.out" 2>&1
ceph osd crush add osd.0 1.0 root=default host=localhost >/dev/null 2>&1
ceph-osd -f -i 0 >>"$folder/osd.out" 2>&1 &
pids="$pids $!"
deadline=$(($(date +%s) + 60))
until ceph osd stat 2>/dev/null | grep -q '1 up'; do
    [ "$(date +%s)" -lt $deadline ] || { say "the OSD did not come up"; exit 1; }
    sleep 1
done
radosgw -f -n client.rgw >"$folder/rgw.out" 2>&1 &
pids="$pids $!"
deadline=$(($(date +%s) + 60))
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do
    [ "$(date +%s)" -lt $deadline ] || { say "radosgw did not come up"; exit 1; }
    sleep 1
done
export AWS_ACCESS_KEY_ID=TOWLINETESTKEY AWS_SECRET_ACCESS_KEY=towline-test-secret
radosgw-admin user create --uid=towline --display-name=Towline --access-key="$AWS_ACCESS_KEY_ID" \
    --secret-key="$AWS_SECRET_ACCESS_KEY" >/dev/null 2>&1
say "radosgw answers at http://127.0.0.1:$port"
ceph -s >&2

"$root/.venv/test/bin/python" - "$port" <<'PYTHON'
import sys

import boto3

boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1").create_bucket(Bucket="media")
PYTHON
export TOWLINE_S3_TEST_URL="s3://media/in?endpoint=http://127.0.0.1:$port&path-style=true"
if [ $# = 0 ]; then
    cd "$root"
    set -- swift test --skip-build --explicit-target-dependency-import-check error --filter S3LiveTests
fi
"$@"
