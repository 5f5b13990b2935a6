#!/usr/bin/env bash
# Installs the real servers that some tests talk to (Debian or Ubuntu, as root). Without them those tests are skipped, with the
# reason; on CI (CI=true) they are never skipped.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
updated=no

# install PACKAGE...: from the distribution, without starting any service.
install() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "tests/setup.sh: run as root to install: $*" >&2
        exit 1
    fi

    # Packages may not start their services here: tests start what they need, on ports of their own.
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi

    export DEBIAN_FRONTEND=noninteractive
    [ "$updated" = yes ] || apt-get update -q
    updated=yes
    apt-get install -y -q --no-install-recommends "$@"
}

postgres() {
    # Its programs are not on the PATH, and only the server's package has initdb.
    local initdb=(/usr/lib/postgresql/*/bin/initdb)
    [ -x "${initdb[0]}" ] || command -v initdb >/dev/null || install postgresql
}

prometheus() {
    command -v promtool >/dev/null || install prometheus
}

# Controller, node daemon and commands; the tests' clusters need no munge.
slurm() {
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v sbatch >/dev/null || install slurm-wlm
}

# Rules that cut a process off from the others.
nftables() {
    command -v nft >/dev/null || install nftables
}

postgres
prometheus
slurm
nftables
