#!/bin/bash
# Shared by build-cases.sh and build-bases.sh: a cache outside the checkout, Debian packages of any suite
# and machine, and images put together layer by layer. Sourced, not run.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${IMGFS_TEST_CACHE:-$HOME/.cache/imgfs-tests}
umask 022
export LC_ALL=C TZ=UTC0

# build_once NAME FILE...: if the cache has a directory built from these files, prints it and exits.
# Otherwise continues, as the only builder, in a new directory $work; finish_build keeps the content of
# $work/out. Standard output is the result, so everything else goes to standard error.
build_once() {
    local name=$1 key
    shift
    mkdir -p "$cache"
    key=$(cd "$here" && cat lib.sh "$@" | sha256sum | cut -c1-16)
    done_dir=$cache/$name-$key
    # One builder at a time; a process that waited finds the work done.
    exec 9>"$cache/$name.lock"
    flock 9
    if [ -d "$done_dir" ]; then
        touch "$done_dir"
        echo "$done_dir"
        exit
    fi
    # Remains of killed builds, and builds of other versions that were not used recently.
    find "$cache" -maxdepth 1 \( -name "building-$name.*" -o -name "$name-*" -mtime +0 \) \
        -exec rm -rf {} +
    [ "$(dpkg --print-architecture)" = amd64 ] || {
        echo "the images are built on amd64" >&2
        exit 1
    }
    work=$(mktemp -d "$cache/building-$name.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work"/{out,tree,bin,blobs}
    exec 3>&1 1>&2
}

finish_build() {
    sync -f "$work/out"
    mv "$work/out" "$done_dir"
    echo "$done_dir" >&3
}

need() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || {
            echo "$tool is missing; tests/run.sh installs what the tests need" >&2
            exit 1
        }
    done
}

# --- packages ------------------------------------------------------------------------------------

# mirror SUITE: prints where that suite is. Old suites move to the archive eventually.
mirror() {
    local url
    url=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list \
        /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' ') || true
    url=${url:-http://deb.debian.org/debian}
    if [ "$1" != bookworm ] && ! fetchable "$url/dists/$1/InRelease"; then
        url=http://archive.debian.org/debian
    fi
    echo "$url"
}

# Returns whether apt can fetch that address.
fetchable() {
    /usr/lib/apt/apt-helper -o Acquire::Retries=2 download-file "$1" "$work/probe" >/dev/null 2>&1
}

# A separate apt for other machines and suites, so that the system's apt is not changed.
private_apt() {
    local key=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$work"/apt/{lists/partial,archives/partial,parts} "$work/debs"
    : >"$work/apt/status"
    cat >"$work/apt/sources.list" <<S
deb [signed-by=$key arch=amd64,arm64] $(mirror bookworm) bookworm main
deb [signed-by=$key arch=amd64] $(mirror bullseye) bullseye main
deb-src [signed-by=$key] $(mirror bookworm) bookworm main
S
    cat >"$work/apt/conf" <<S
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "$work/apt/parts";
Dir::Etc::parts "$work/apt/parts";
APT::Sandbox::User "root";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
APT::Get::AllowUnauthenticated "false";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
S
    export APT_CONFIG=$work/apt/conf
    apt-get -qq update
}

# debs SUITE ARCH PACKAGE...: downloads them to $work/debs/SUITE-ARCH.
debs() {
    local suite=$1 arch=$2 name
    shift 2
    mkdir -p "$work/debs/$suite-$arch"
    cd "$work/debs/$suite-$arch"
    for name; do
        apt-get -qq download "$name:$arch/$suite"
    done
    cd "$work"
}

# usr_merge ROOT: merges /usr, as in Debian since 12.
usr_merge() {
    mkdir -p "$1"/usr/{bin,sbin,lib,lib64}
    for dir in bin sbin lib lib64; do
        ln -s "usr/$dir" "$1/$dir"
    done
}

# unpack SUITE-ARCH ROOT PACKAGE...: unpacks packages without documentation and translations.
unpack() {
    local from=$work/debs/$1 root=$2 name
    shift 2
    mkdir -p "$root"
    for name; do
        dpkg-deb --fsys-tarfile "$from/${name}"_*.deb |
            tar -x --keep-directory-symlink -C "$root" --exclude='./usr/share/doc' \
                --exclude='./usr/share/man' --exclude='./usr/share/locale' \
                --exclude='./usr/share/lintian' --exclude='*/gconv'
    done
}

# --- images --------------------------------------------------------------------------------------

json() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# blob FILE: moves the file to a path with its digest; sets $digest and $size.
blob() {
    digest=$(sha256sum <"$1" | cut -d' ' -f1)
    size=$(stat -c %s "$1")
    mv "$1" "$work/blobs/$digest"
    used[$digest]=1
}

declare -A used=() made=()

# begin OS/ARCH[/VARIANT]: begins an image for that platform.
begin() {
    IFS=/ read -r os arch variant <<<"$1"
    layers=() diff_ids=() history=()
}

# add LINE WHAT:WHERE...: adds a layer with the history line LINE and the files at WHAT under $work, at
# WHERE in the image. The content of a directory goes to WHERE.
add() {
    local line=$1 memo="$*" pair from to tree diff
    shift
    if [ -z "${made[$memo]-}" ]; then
        tree=$(mktemp -d "$work/layer.XXXXXX")
        chmod 755 "$tree"
        for pair; do
            from=$work/${pair%%:*} to=$tree${pair#*:}
            if [ -d "$from" ]; then
                mkdir -p "$to"
                cp -a "$from/." "$to"
            else
                mkdir -p "${to%/*}"
                cp -a "$from" "$to"
            fi
        done
        tar --sort=name --mtime=@1700000000 --numeric-owner --format=gnu \
            -cf "$work/layer.tar" -C "$tree" .
        rm -rf "$tree"
        diff=$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)
        gzip -n -6 -f "$work/layer.tar"
        blob "$work/layer.tar.gz"
        made[$memo]="$digest $size $diff"
    fi
    read -r digest size diff <<<"${made[$memo]}"
    used[$digest]=1
    layers+=("{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$digest\",\"size\":$size}")
    diff_ids+=("\"sha256:$diff\"")
    history+=("{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":$(json "$line")}")
}

joined() {
    local IFS=,
    echo "$*"
}

# config JSON: sets the object "config" of the image's configuration and ends the image. An empty history
# line represents this step. Sets $manifest, the descriptor.
config() {
    local platform="\"os\":\"$os\",\"architecture\":\"$arch\"${variant:+,\"variant\":\"$variant\"}"
    local conf
    history+=("{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":\"ENTRYPOINT\",\"empty_layer\":true}")
    printf '{"created":"2023-11-14T22:13:20Z",%s,"config":%s,"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
        "$platform" "$1" "$(joined "${diff_ids[@]}")" "$(joined "${history[@]}")" >"$work/json"
    blob "$work/json"
    conf="{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:$digest\",\"size\":$size}"
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
        "$conf" "$(joined "${layers[@]}")" >"$work/json"
    blob "$work/json"
    manifest="{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$digest\",\"size\":$size"
    as_platform "$os/$arch${variant:+/$variant}"
}

# as_platform OS/ARCH[/VARIANT]: sets $described, the descriptor of that manifest in an index of
# platforms.
as_platform() {
    local o a v
    IFS=/ read -r o a v <<<"$1"
    # shellcheck disable=SC2034 # used by scripts that make an index
    described="$manifest,\"platform\":{\"os\":\"$o\",\"architecture\":\"$a\"${v:+,\"variant\":\"$v\"}}}"
}

# archive NAME [DESCRIPTOR...]: writes $work/out/NAME.tar, an oci-archive of the image that config ended,
# or of several images, with all blobs that were used since the last call.
archive() {
    local name=$1 layout=$work/layout each
    shift
    [ $# -gt 0 ] || set -- "$manifest,\"annotations\":{\"org.opencontainers.image.ref.name\":\"test\"}}"
    mkdir -p "$layout/blobs/sha256"
    for each in "${!used[@]}"; do
        ln "$work/blobs/$each" "$layout/blobs/sha256/$each"
    done
    printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    printf '{"schemaVersion":2,"manifests":[%s]}' "$(joined "$@")" >"$layout/index.json"
    tar --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner --format=gnu \
        --hard-dereference -cf "$work/out/$name.tar" -C "$layout" oci-layout index.json blobs
    rm -r "$layout"
    used=()
}
