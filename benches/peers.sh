#!/usr/bin/env bash
# Compares imgfs with its peers: builds the images, installs the peers, measures, and prints the table.
#
#   benches/peers.sh [--only ROW...] [--output DIR] [--runs N] [--seconds N]
#   benches/peers.sh --list
#
# Needs Debian 12, root and Rust. ROW is the name of a row or a prefix of it. The results are
# DIR/table.md, DIR/results.tsv and DIR/charts/, by default below the cache directory.
#
#   IMGFS_BENCH_DIR     the cache directory for images, peers and work files; 20 GB when complete
#   IMGFS_BENCH_IMAGES  a directory with a ready-made release image: release.tar,
#                       release-oci/, release-zstd.tar, release-zstd-oci/, release-docker.tar
#   IMGFS               the program to measure; by default it is built from this checkout
#   RUNS                the number of rounds over which medians are taken (5)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=peers/install.sh
. "$here/peers/install.sh"
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  --list)
    cd "$here/peers"
    exec python3 -c 'import table
for row in table.ROWS: print("%-20s %s" % (row.name, row.title.replace("\\|", "|")))'
    ;;
esac

[ "$(id -u)" = 0 ] || { echo "peers.sh: needs root, to mount and to drop caches" >&2; exit 1; }
[ -c /dev/fuse ] || { echo "peers.sh: there is no /dev/fuse: modprobe fuse" >&2; exit 1; }
command -v python3 >/dev/null || { echo "peers.sh: needs python3" >&2; exit 1; }

directory=${IMGFS_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/imgfs-bench}
mkdir -p "$directory/images" "$directory/work"
directory=$(cd "$directory" && pwd -P)
exec 9>"$directory/lock"
flock -n 9 || { echo "peers.sh: another run uses $directory" >&2; exit 1; }

# The measuring program unmounts its mounts; this is for when it cannot.
measuring=
# shellcheck disable=SC2317 # called by the trap
clean_up() {
  if [ -n "$measuring" ]; then
    kill -TERM "$measuring" 2>/dev/null || true
    wait "$measuring" 2>/dev/null || true
  fi
  while read -r point; do
    umount -l "$point" 2>/dev/null || true
  done < <(cut -d' ' -f5 /proc/self/mountinfo | grep -F "$directory/" | sort -r)
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

install_peers "$directory/venv"

imgfs=${IMGFS:-}
if [ -z "$imgfs" ]; then
  (cd "$here/.." && cargo build --release --quiet)
  imgfs=${CARGO_TARGET_DIR:-$here/../target}/release/imgfs
fi
imgfs=$(realpath "$imgfs")

images=${IMGFS_BENCH_IMAGES:-$directory/images}
if [ ! -e "$images/release-docker.tar" ]; then
  [ -z "${IMGFS_BENCH_IMAGES:-}" ] || { echo "peers.sh: no release image in $images" >&2; exit 1; }
  install_builders
  # release.sh needs the pip of this environment.
  PATH=$directory/venv/bin:$PATH "$here/peers/release.sh" "$images"
fi

python3 "$here/peers/main.py" --imgfs "$imgfs" --images "$(realpath "$images")" \
  --directory "$directory" "$@" 9>&- &
measuring=$!
status=0
wait "$measuring" || status=$?
measuring=
exit "$status"
