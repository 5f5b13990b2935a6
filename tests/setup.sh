#!/usr/bin/env bash
# Installs the real servers that some tests talk to (Debian or Ubuntu, as root). Without them those tests are skipped, with the
# reason; on CI (CI=true) they are never skipped.
set -euo pipefail

need=()

need_postgres() {
    # Its programs are not on the PATH, and only the server's package has initdb.
    local initdb=(/usr/lib/postgresql/*/bin/initdb)
    if [ ! -x "${initdb[0]}" ] && ! command -v initdb >/dev/null; then
        need+=(postgresql)
    fi
}

need_postgres
command -v promtool >/dev/null || need+=(prometheus)
[ ${#need[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "tests/setup.sh: run as root to install: ${need[*]}" >&2
    exit 1
fi

# Packages may not start their services here: tests start what they need, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "${need[@]}"
