#!/usr/bin/env bash
# Builds the release image: release.sh DIRECTORY
#
# The image has eight layers like those of builds of real products: Debian, a compiler, Go, programs for
# five machines, packages of npm and PyPI, a clean-up, a large file, the application. The script writes
# to DIRECTORY: release-oci/ and release.tar (gzip), release-zstd-oci/ and release-zstd.tar (one frame a
# layer), release-docker.tar. Needs root and overlayfs. Debian's packages are those of the day, so sizes
# differ slightly from one build to the next.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
build=$out/build
merged=$build/merged

npm_packages="@esbuild/linux-x64@0.28.2 @esbuild/linux-arm64@0.28.2 @esbuild/linux-arm@0.28.2 \
@esbuild/darwin-arm64@0.28.2 @esbuild/win32-x64@0.28.2 @swc/core-linux-x64-musl@1.16.22 \
@swc/core-linux-x64-gnu@1.16.22 typescript@7.0.2 lodash@4.18.1 date-fns@4.4.0 \
@types/node@26.6.6 rxjs@7.8.2"
pypi_packages="numpy==2.2.6 pandas==2.3.2 cryptography==50.0.2 sqlalchemy==2.1.9"

release_mounts() {
  umount -l "$merged/proc" 2>/dev/null || true
  umount -l "$merged" 2>/dev/null || true
}
trap release_mounts EXIT
# Remains of an earlier attempt are not trusted.
release_mounts
rm -rf "$build"
mkdir -p "$build/layers" "$build/tars" "$build/fetched" "$merged"
cd "$build"

base=$build/base
lower=$base

# begin N: mounts an overlay on top of the layers so far, at $merged.
begin() {
  mkdir -p "layers/$1/upper" "layers/$1/work"
  mount -t overlay overlay "$merged" -o \
    "lowerdir=$lower,upperdir=$build/layers/$1/upper,workdir=$build/layers/$1/work,metacopy=off,redirect_dir=off,index=off"
  current=$1
}
end() {
  umount "$merged"
  lower=$build/layers/$current/upper:$lower
}
inside() {
  local status=0
  mount -t proc proc "$merged/proc"
  cp -L /etc/resolv.conf "$merged/etc/resolv.conf"
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
    chroot "$merged" sh -ec "$1" >"layer-$current.log" 2>&1 || status=$?
  umount "$merged/proc"
  [ "$status" = 0 ] || { tail -20 "layer-$current.log" >&2; return "$status"; }
}

echo "release image: layer 0, Debian" >&2
debootstrap --variant=minbase bookworm "$base" >debootstrap.log 2>&1 ||
  { tail -20 debootstrap.log >&2; exit 1; }
rm -rf "$base"/var/cache/apt/archives/*.deb

echo "release image: layers 1 and 2, gcc, musl and Go" >&2
begin 1
inside 'apt-get update -q
  apt-get install -q -y --no-install-recommends gcc libc6-dev make python3 git ca-certificates \
    musl musl-tools libcap2-bin iputils-ping
  rm -f /var/cache/apt/*.bin'
end
begin 2
inside 'apt-get install -q -y --no-install-recommends golang-go
  rm -f /var/cache/apt/*.bin /var/cache/apt/archives/*.deb'
end

echo "release image: layer 3, programs of several machines, capabilities, hard links" >&2
begin 3
# docker.io contains two large programs written in Go.
# shellcheck disable=SC2016 # for the shell inside
inside 'cd /tmp
  apt-get download -q docker.io
  dpkg -x docker.io_*.deb docker && cp docker/usr/bin/docker docker/usr/sbin/dockerd /usr/local/bin/
  rm -rf docker docker.io_*.deb
  apt-get install -q -y --no-install-recommends busybox-static
  for a in arm64 armhf i386; do dpkg --add-architecture $a; done
  apt-get update -q
  mkdir -p /opt/cross
  for a in arm64 armhf i386; do
    apt-get download -q busybox-static:$a coreutils:$a libc6:$a
    for d in *_$a.deb; do dpkg -x $d /opt/cross/$a; done
    rm -f *.deb
  done
  cd /usr/local/bin
  ln /usr/bin/busybox bb
  for a in $(/usr/bin/busybox --list | grep -v -x -e "\[\[" -e "\["); do ln bb bb-$a; done
  rm -f /var/cache/apt/*.bin
  for a in arm64 armhf i386; do rm -f /var/lib/apt/lists/*_binary-${a}_*; done'
cp "$merged/usr/bin/ping" "$merged/usr/local/bin/myping"
setcap cap_net_raw,cap_net_admin+ep "$merged/usr/local/bin/myping"
setfattr -n user.origin -v "imgfs benchmark" "$merged/usr/local/bin/docker"
end

echo "release image: layer 4, packages of npm and PyPI" >&2
(
  cd fetched
  for package in $npm_packages; do
    name=${package%@*}
    archive=$(npm pack --silent "$package")
    mkdir -p "npm/$name"
    tar xzf "$archive" -C "npm/$name" --strip-components=1 --no-same-owner
    rm "$archive"
  done
  wheels() { # wheels DIRECTORY PLATFORM... -- PACKAGE...
    local directory=$1 platforms=() wheel
    shift
    while [ "$1" != -- ]; do platforms+=(--platform "$1") && shift; done
    shift
    python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 \
      "${platforms[@]}" -d "$directory-wheels" "$@"
    mkdir -p "$directory"
    for wheel in "$directory-wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$directory"; done
  }
  # shellcheck disable=SC2086 # a list of packages
  wheels pypi manylinux2014_x86_64 manylinux_2_28_x86_64 -- $pypi_packages
  wheels pypi-musl musllinux_1_2_x86_64 musllinux_1_1_x86_64 -- numpy
)
begin 4
mkdir -p "$merged/usr/lib/node_modules" "$merged/usr/lib/python3/dist-packages" "$merged/opt/musl-site"
cp -r fetched/npm/. "$merged/usr/lib/node_modules/"
cp -r fetched/pypi/. "$merged/usr/lib/python3/dist-packages/"
cp -r fetched/pypi-musl/. "$merged/opt/musl-site/"
chown -R root:root "$merged/usr/lib/node_modules"
end

echo "release image: layers 5 to 7, a clean-up, a large file, the application" >&2
begin 5
rm -rf "$merged"/usr/share/doc/git* "$merged/usr/share/man" "$merged"/var/lib/apt/lists/* \
  "$merged/usr/share/locale" "$merged/opt/cross/i386/usr/share" "$merged/usr/lib/node_modules/lodash"
mkdir -p "$merged/usr/share/locale/C" "$merged/usr/lib/node_modules/lodash"
echo x >"$merged/usr/share/locale/C/keep"
echo '{}' >"$merged/usr/lib/node_modules/lodash/package.json"
rm -f "$merged/usr/local/bin/bb-vi"
end
begin 6
mkdir -p "$merged/opt/data"
python3 "$here/content.py" half-random 256 "$merged/opt/data/big.bin"
end
begin 7
app=$merged/srv/app
mkdir -p "$app/conf.d" "$app/empty"
chown -R 1000:1000 "$app"
for i in $(seq 1 200); do echo "k=$i" >"$app/conf.d/$i.conf"; done
ln -s ../../usr/local/bin/docker "$app/docker"
ln -s loop "$app/loop"
ln -s /nonexistent "$app/dangling"
printf x >"$app/näme with space"
printf y >"$app/$(printf 'bad\xff')"
chmod 4755 "$merged/usr/local/bin/docker"
mkfifo "$app/fifo"
deep=$app/$(printf 'd%.0s' $(seq 1 120))/$(printf 'e%.0s' $(seq 1 120))
mkdir -p "$deep"
echo deep >"$deep/f"
rm -rf "$merged/opt/musl-site/numpy/tests"
echo file-now >"$merged/opt/musl-site/numpy/tests"
rm "$merged/etc/issue"
mkdir "$merged/etc/issue"
echo d >"$merged/etc/issue/inner"
touch -d '1999-12-31 23:59:59 UTC' "$app/conf.d/1.conf"
end

echo "release image: writing it in its three forms" >&2
python3 "$here/layer_tar.py" "$base" tars/0.tar
for i in 1 2 3 4 5 6 7; do python3 "$here/layer_tar.py" "layers/$i/upper" "tars/$i.tar"; done
python3 "$here/oci.py" oci release tars/[0-7].tar
skopeo copy -q oci:oci:release oci-archive:release.tar:release
skopeo copy -q --dest-compress --dest-compress-format zstd oci:oci:release oci:zstd:release
skopeo copy -q oci:zstd:release oci-archive:release-zstd.tar:release
skopeo copy -q oci:oci:release docker-archive:release-docker.tar:imgfs/release:latest
rm -rf "$out/release-oci" "$out/release-zstd-oci"
mv oci "$out/release-oci"
mv zstd "$out/release-zstd-oci"
# The last file to appear indicates that all are complete.
mv release.tar release-zstd.tar release-docker.tar "$out"
cd "$out"
rm -rf "$build"
