#!/bin/sh
# Installs the system packages that a build needs, where they are missing.
set -eu

missing=""
[ -e /usr/include/sqlite3.h ] || missing="$missing libsqlite3-dev"
[ -e /usr/include/postgresql/libpq-fe.h ] || missing="$missing libpq-dev"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v python3 >/dev/null 2>&1 || missing="$missing python3"
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v ld >/dev/null 2>&1 || missing="$missing binutils"
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
ls /usr/lib/gcc/*/*/libstdc++.so >/dev/null 2>&1 || missing="$missing libstdc++-12-dev"
[ -n "$missing" ] || exit 0

run=""
if [ "$(id -u)" != 0 ]; then run="sudo"; fi
echo "installing:$missing" >&2
$run env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
# shellcheck disable=SC2086
$run env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
