#!/usr/bin/env bash
# Runs all tests on a fresh Debian 12 (as root, with Rust): installs the packages that they need, then
# runs them.
set -euo pipefail
cd "$(dirname "$0")/.."

# Oracles and tools that the tests compare with. None of them is needed to use imgfs, except fuse3 for
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
# Some tests make images from packages that they download, which requires fresh package lists.
find /var/lib/apt/lists -name '*Packages*' -mtime -1 | grep -q . || apt-get update -qq
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing: ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

# Does what udev does on other systems: every user may use FUSE.
[ -c /dev/fuse ] || { echo "there is no /dev/fuse: modprobe fuse" >&2; exit 1; }
chmod 666 /dev/fuse

# Property tests use the same cases in every run, so that only a change of the code changes the result.
# `cargo test` alone draws others each time; `PROPTEST_RNG_SEED=7 tests/run.sh` uses those of a seed.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}

# No test may be left out because a program is missing.
export IMGFS_TEST_ALL=1

cargo build --locked --examples
cargo test --locked --doc
cargo test --locked --test public_api
exec cargo test --locked --no-fail-fast --lib --bins --test unprivileged --test fuse --test registry \
  --test oracles --test images "$@"
