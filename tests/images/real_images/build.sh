#!/bin/bash
# Builds the images of tests/images/real_images.rs and prints the directory that contains them.
#
# The images are real: files of Debian packages and typical later changes, put into layers by umoci and
# by buildah, and converted by skopeo into every form of image. They are built once for each version of
# this script and kept outside the checkout, in IMGFS_TEST_CACHE (default ~/.cache/imgfs-tests), under
# 100 MB. Needs root, a package mirror, and the packages that tests/run.sh installs.
#
#   umoci/oci                    an OCI layout as umoci wrote it, gzip layers, tag "test"
#   buildah/oci                  the same by buildah; its archives are also written by buildah
#   */docker.tar, */oci.tar      a docker-archive and an oci-archive of the same
#   */docker.tar.gz, */oci.tar.zst, buildah/docker.tar.zst, buildah/oci.tar.gz
#   */oci-zstd                   an OCI layout with zstd layers
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC0

cache=${IMGFS_TEST_CACHE:-$HOME/.cache/imgfs-tests}
mkdir -p "$cache"
script=$(readlink -f "$0")
key=$(sha256sum <"$script" | cut -c1-16)
done_dir=$cache/real-$key

# One builder at a time; a process that waited finds the work done.
exec 9>"$cache/real.lock"
flock 9
if [ -d "$done_dir" ]; then
    touch "$done_dir"
    echo "$done_dir"
    exit
fi
# Remains of killed builds, and builds of other versions of this script that were not used recently.
find "$cache" -maxdepth 1 \( -name 'building-real.*' -o -name 'real-*' -mtime +0 \) -exec rm -rf {} +

for tool in apt-get dpkg-deb umoci buildah skopeo setcap setfattr zstd; do
    command -v "$tool" >/dev/null || {
        echo "$tool is missing; tests/run.sh installs what the tests need" >&2
        exit 1
    }
done

work=$(mktemp -d "$cache/building-real.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/debs" "$work/out" "$work/out/umoci" "$work/out/buildah"

# The commands below print to standard error; standard output is the result.
exec 3>&1 1>&2

cd "$work/debs"
apt-get -o APT::Sandbox::User=root -q download \
    base-files bash busybox-static ca-certificates iputils-ping libc6 libtinfo6 tzdata
cd "$work"

# Unpacks packages into a usr-merged root.
install_debs() {
    local root=$1 name
    shift
    for name in "$@"; do
        dpkg-deb --fsys-tarfile "$work"/debs/"$name"_*.deb |
            tar -x --keep-directory-symlink -C "$root"
    done
}

usr_merge() {
    mkdir -p "$1"/usr/{bin,sbin,lib,lib64}
    for dir in bin sbin lib lib64; do
        ln -s "usr/$dir" "$1/$dir"
    done
}

# Files of all kinds, with every attribute that a file can have.
oddities() {
    local dir=$1
    mkdir -p "$dir"/{empty,tree/a/b/c,mixed,"with space"}
    echo data >"$dir/with space/a file"
    echo newline >"$dir/"$'new\nline'
    echo bytes >"$dir/"$'bytes-\xff\xfe\x80'
    echo unicode >"$dir/ünïcode-☃"
    echo long >"$dir/$(printf 'n%.0s' $(seq 255))"
    mkdir -p "$dir/$(printf 'd%.0s' $(seq 200))/$(printf 'e%.0s' $(seq 200))"
    echo deep >"$dir/$(printf 'd%.0s' $(seq 200))/$(printf 'e%.0s' $(seq 200))/file"
    ln -s "$(printf 't%.0s' $(seq 180))" "$dir/long-link"
    ln -s "with space/a file" "$dir/link"
    ln -s /etc/passwd "$dir/absolute-link"
    ln -s nowhere "$dir/dangling"
    ln -s $'\xff\n' "$dir/bytes-link"
    echo shared >"$dir/hard-1"
    ln "$dir/hard-1" "$dir/hard-2"
    ln "$dir/hard-1" "$dir/tree/a/hard-3"
    mkfifo -m 0620 "$dir/fifo"
    mknod -m 0600 "$dir/char" c 1 3
    mknod -m 0640 "$dir/block" b 259 1048575
    mknod -m 0666 "$dir/char-large" c 4095 70000
    echo suid >"$dir/suid" && chmod 4755 "$dir/suid"
    echo sgid >"$dir/sgid" && chmod 2710 "$dir/sgid"
    chmod 3777 "$dir/mixed"
    chmod 0000 "$dir/empty"
    echo owned >"$dir/owned" && chown 12345:54321 "$dir/owned"
    echo large >"$dir/large-ids" && chown 4000000:4000001 "$dir/large-ids"
    chown -h 7:8 "$dir/link"
    chown 7:8 "$dir/tree/a" "$dir/fifo"
    : >"$dir/nothing"
    echo nano >"$dir/nano" && touch -d @1234567890.123456789 "$dir/nano"
    echo old >"$dir/old" && touch -d '1969-12-31 23:59:58.25' "$dir/old"
    echo far >"$dir/far" && touch -d '2200-01-01' "$dir/far"
    touch -hd @1111111111.5 "$dir/link"
    truncate -s 3M "$dir/sparse"
    printf middle | dd of="$dir/sparse" bs=1 seek=1500000 conv=notrunc status=none
    echo xattr >"$dir/xattr"
    setfattr -n user.plain -v value "$dir/xattr"
    setfattr -n user.binary -v 0x00ff0a3d00 "$dir/xattr"
    setfattr -n user.empty "$dir/xattr"
    setfattr -n user.of.dir -v d "$dir/tree"
    setfattr -n trusted.secret -v t "$dir/xattr"
    echo capable >"$dir/capable" && chmod 755 "$dir/capable"
    setcap cap_net_raw,cap_net_admin+ep "$dir/capable"
    # A file for each later change.
    for name in delete modify chmod retime to-dir to-link; do
        echo "$name" >"$dir/$name"
    done
    mkdir -p "$dir"/{to-file/in/here,delete-dir/in,replace-dir,chmod-dir,opaque/sub}
    touch "$dir"/{to-file/in/file,delete-dir/in/file,replace-dir/old,chmod-dir/stays}
    touch "$dir"/opaque/{a,b,sub/c}
    touch -d @1000000000.000000001 "$dir/tree/a/b" "$dir/tree" "$dir"
}

# The changes that a second layer makes.
changes() {
    local dir=$1
    rm "$dir/delete" "$dir/dangling" "$dir/hard-1" "$dir/"$'new\nline'
    rm -r "$dir/delete-dir"
    echo modified >>"$dir/modify"
    chmod 4711 "$dir/chmod" && chmod 1700 "$dir/chmod-dir"
    touch -d @1500000000.987654321 "$dir/retime"
    rm "$dir/to-dir" && mkdir "$dir/to-dir" && echo in >"$dir/to-dir/in"
    rm -r "$dir/to-file" && echo now a file >"$dir/to-file"
    rm "$dir/to-link" && ln -s modify "$dir/to-link"
    rm -r "$dir/replace-dir" && mkdir "$dir/replace-dir" && echo new >"$dir/replace-dir/new"
    setfattr -x user.plain "$dir/xattr"
    setfattr -n user.added -v added "$dir/xattr"
    ln "$dir/nano" "$dir/tree/nano-link"
    echo more >"$dir/tree/a/b/c/more"
    touch -d @1400000000.5 "$dir/tree/a/b/c"
}

# --- umoci ---------------------------------------------------------------------------------------

layout=$work/out/umoci/oci
image=$layout:test
bundle=$work/bundle
root=$bundle/rootfs
repack() {
    umoci repack --refresh-bundle --history.author tests --history.created_by "$1" \
        --image "$image" "$bundle"
}
umoci init --layout "$layout"
umoci new --image "$image"
umoci unpack --image "$image" "$bundle"
usr_merge "$root"
install_debs "$root" base-files libc6 libtinfo6 bash busybox-static ca-certificates tzdata iputils-ping
setcap cap_net_raw+ep "$root/usr/bin/ping"
chmod 0751 "$root"
repack 'install packages'
oddities "$root/odd"
repack 'RUN add all kinds of files'
changes "$root/odd"
rm -r "$root/usr/share/doc/bash" && ln -sf busybox "$root/usr/bin/sh"
touch -d @1600000000.25 "$root"
repack 'RUN change them'
rm -r "$root/odd/opaque/sub" "$root/odd/large-ids"
echo again >"$root/odd/delete"
repack 'RUN delete, and bring back'
mkdir "$work/insert" && echo inserted >"$work/insert/only"
umoci insert --opaque --image "$image" "$work/insert" /odd/opaque
umoci insert --whiteout --image "$image" /odd/mixed
umoci config --image "$image" --config.entrypoint /usr/bin/busybox --config.cmd sh \
    --config.env PATH=/usr/bin --author tests --history.comment 'an empty layer'
umoci gc --layout "$layout"
rm -rf "$bundle"

# --- buildah -------------------------------------------------------------------------------------

b() {
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}
commit() {
    b commit --quiet --timestamp 1700000000 "$ctr" "$1" >/dev/null
}
mkdir "$work/copy"
ctr=$(b from scratch)
root=$(b mount "$ctr")
usr_merge "$root"
install_debs "$root" base-files busybox-static tzdata iputils-ping
chmod 0711 "$root"
b config --cmd sh --env A=1 --created-by 'COPY packages /' "$ctr"
b commit --quiet "$ctr" one >/dev/null
b rm "$ctr" >/dev/null
ctr=$(b from one)
root=$(b mount "$ctr")
oddities "$root/odd"
# Not included in buildah's layers: containers/storage keeps security.capability and user.* only.
setfattr -x trusted.secret "$root/odd/xattr"
b commit --quiet "$ctr" two >/dev/null
b rm "$ctr" >/dev/null
ctr=$(b from two)
root=$(b mount "$ctr")
changes "$root/odd"
rm -r "$root/odd/opaque" && mkdir -m 750 "$root/odd/opaque" && echo n >"$root/odd/opaque/new"
b commit --quiet "$ctr" three >/dev/null
b rm "$ctr" >/dev/null
ctr=$(b from three)
echo copied >"$work/copy/f" && chmod 640 "$work/copy/f"
b copy --quiet --chown 33:44 "$ctr" "$work/copy" /odd/copied >/dev/null
b commit --quiet "$ctr" four >/dev/null
b rm "$ctr" >/dev/null
b push --quiet four "oci:$work/out/buildah/oci:test"
b push --quiet four "docker-archive:$work/out/buildah/docker.tar:example.com/buildah:test"
b push --quiet four "oci-archive:$work/out/buildah/oci.tar:test"
b rmi --all --force >/dev/null

# --- conversions ---------------------------------------------------------------------------------

cd "$work/out/umoci"
skopeo copy --quiet oci:oci:test docker-archive:docker.tar:example.com/umoci:test
skopeo copy --quiet oci:oci:test oci-archive:oci.tar:test
for dir in umoci buildah; do
    cd "$work/out/$dir"
    skopeo copy --quiet --dest-compress --dest-compress-format zstd oci:oci:test oci:oci-zstd:test
    grep -qrl 'tar+zstd' oci-zstd/blobs
    gzip -k -1 docker.tar
    zstd -q oci.tar
done
gzip -k -1 oci.tar
zstd -q docker.tar

sync -f "$work/out"
mv "$work/out" "$done_dir"
echo "$done_dir" >&3
