#!/usr/bin/env bash
# The main use case on a real image: builds an image from this system's own programs, mounts it, and
# queries it.
#
# The scenario is a common one: a base layer of this machine, and an application that a later stage
# copied for another CPU. Only tar and coreutils are used to make the image, in the form that `docker
# save` writes. Run it as root; it needs getfattr, which it installs if necessary.
set -euo pipefail
cd "$(dirname "$0")/.."

install_attr() { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y attr; }
command -v getfattr >/dev/null || install_attr >/dev/null 2>&1 ||
  { echo "getfattr is missing and cannot be installed (package attr)" >&2; exit 1; }
imgfs=${IMGFS:-}
if [ -z "$imgfs" ]; then
  cargo build --release --quiet
  imgfs=$PWD/target/release/imgfs
fi

work=$(mktemp -d)
# The cache of the mount is deleted with the demo.
export XDG_CACHE_HOME=$work/cache
cleanup() {
  "$imgfs" umount "$work/mnt" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

## 1. An image of three layers.
mkdir -p "$work/mnt" "$work/base" "$work/app/usr/local/bin" "$work/cleanup/usr/bin"
libs() { ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true; }
for program in /bin/sh /bin/ls /usr/bin/env /usr/bin/ldd /sbin/ldconfig; do
  cp --parents -L "$program" "$work/base"
  for lib in $(libs "$program"); do cp --parents -L "$lib" "$work/base"; done
done
ln -s ls "$work/base/bin/dir"
# Built on another machine, and copied into this image.
cp tests/data/inspect/app-arm64 "$work/app/usr/local/bin/app"
# A whiteout: the last layer removes /usr/bin/env.
touch "$work/cleanup/usr/bin/.wh.env"

layers=() diff_ids=() history=()
layer() { # layer NAME HISTORY-LINE
  tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work/$1" -cf "$work/$1.tar" .
  layers+=("\"$1.tar\"")
  diff_ids+=("\"sha256:$(sha256sum "$work/$1.tar" | cut -d' ' -f1)\"")
  history+=("{\"created_by\":\"$2\"}")
}
layer base "ADD rootfs.tar /"
layer app "COPY --from=build /src/app /usr/local/bin/app"
layer cleanup "RUN rm /usr/bin/env"
join() { local IFS=,; echo "$*"; }
cat >"$work/config.json" <<JSON
{"os":"linux","architecture":"amd64","config":{"Entrypoint":["/usr/local/bin/app"]},
 "rootfs":{"type":"layers","diff_ids":[$(join "${diff_ids[@]}")]},"history":[$(join "${history[@]}")]}
JSON
cat >"$work/manifest.json" <<JSON
[{"Config":"config.json","RepoTags":["demo:latest"],"Layers":[$(join "${layers[@]}")]}]
JSON
tar -C "$work" -cf "$work/image.tar" manifest.json config.json base.tar app.tar cleanup.tar

## 2. The questions.
cd "$work"
ask() {
  printf '\n$ %s\n' "$*"
  eval "$@" 2>&1 | cat -s | sed '/^$/d'
}
PATH=$(dirname "$imgfs"):$PATH
ask "imgfs mount image.tar mnt"
ask "ls mnt/usr/local/bin"
ask "grep -rh '^GOARCH=' --include='*.arch' mnt | sort | uniq -c"
ask "grep -rl '^GOARCH=arm64' --include='*.arch' mnt"
ask "getfattr -d -m 'user.imgfs.(goarch|linkage|libc|created.by)' mnt/usr/local/bin/app"
ask "find mnt -name '*.arch' | xargs grep -l '^LINKAGE=static'"
ask "find mnt -name '*.arch' | xargs awk -F= '\$1==\"INTERPRETER\" {print \$2}' | sort | uniq -c"
ask "ls mnt/usr/bin/env || echo 'hidden by a later layer'"
ask 'imgfs explain image.tar || echo "exit code $?"'
ask "imgfs umount mnt"
