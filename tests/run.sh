#!/usr/bin/env bash
# Passes all tests on a fresh Debian 12 (root, Rust): installs what they need, then runs them.
set -euo pipefail
cd "$(dirname "$0")/.."

# Oracles and tools that the tests compare with. None is needed to use imgfs, except fuse3 by
# ordinary users.
packages="apache2-utils attr bash binutils bsdutils buildah busybox bzip2 ca-certificates catatonit dash \
debian-archive-keyring debootstrap docker-registry dpkg-dev dumb-init e2fsprogs file findutils fuse3 gcc \
gcc-aarch64-linux-gnu golang-go gosu grep libarchive-tools libc6-dev libc6-dev-arm64-cross libcap2-bin \
libxml2-utils make mount musl-tools openssl podman procps python3 rsync sed skopeo strace tini \
umoci util-linux xz-utils zstd"

missing=()
for package in $packages; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing+=("$package")
done
# Some tests make images of packages that they download, for which the lists must be fresh.
find /var/lib/apt/lists -name '*Packages*' -mtime -1 | grep -q . || apt-get update -qq
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing: ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

# What udev does where it runs: every user may use FUSE.
[ -c /dev/fuse ] || { echo "there is no /dev/fuse: modprobe fuse" >&2; exit 1; }
chmod 666 /dev/fuse

# Property tests draw the same cases in every run, so that a change is judged by what it changes.
# `cargo test` by itself draws others each time; `PROPTEST_RNG_SEED=7 tests/run.sh` those of a seed.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}

cargo build --locked --examples
cargo test --locked --doc
exec cargo test --locked --no-fail-fast --lib --bins --tests "$@"
