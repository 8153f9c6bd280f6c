#!/bin/sh
# Runs the Swift tests, built before, in groups of targets: all of them at once would wait for one another's processor time,
# and tests of real sockets and servers would meet their time limits on a small machine.
#
# Usage: scripts/swift-tests.sh [FLAG…]      flags of `swift test`, as for the build
set -u

# Tests that run by the hundred on two processors wait for each other: contexts of TLS alone cost half a second each in a
# debug build.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4

failed=""
run() {
    name=$1
    shift
    echo "== $name"
    ${SWIFT:-swift} test --skip-build --filter "^($name)" "$@" || failed="$failed $name"
}

for folder in Tests/*Tests; do
    grep -q "$(basename "$folder")" "$0" || failed="$failed $(basename "$folder")(in-no-group)"
done

run 'VODEventsTests|VODSignaturesTests|TowlineCoreTests|TowlineQueueTests|MNSWireTests|TowlineClientTests|TowlineServerTests' "$@"
run 'TowlineAPITests|TowlineQueueAPITests|TowlineConsoleTests|TowlineCommandsTests' "$@"
run 'TowlineOutboundTests' "$@"
run 'TowlineObjectsTests|TowlineObjectsS3Tests' "$@"
run 'TowlineWorkerTests' "$@"
run 'TowlineDeliveryTests' "$@"
run 'TowlineStoreSQLiteTests' "$@"
# The server of the database has a share of the processors too.
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=2 run 'TowlineStorePostgresTests' "$@"

[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
