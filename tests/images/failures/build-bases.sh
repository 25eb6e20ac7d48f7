#!/bin/bash
# Builds images without errors, of the kinds that most images start from, and prints the directory that
# contains them: oci-archives NAME.tar.
#
#   bookworm, trixie   Debian, debootstrap's smallest
#   musl               like Alpine: busybox and libraries, all for musl
#   distroless         libraries, root certificates, time zones and one program of Debian; no shell
#
# The images are built once for each version of this script and kept in IMGFS_TEST_CACHE (default
# ~/.cache/imgfs-tests), about 120 MB. Needs root, a package mirror, and the packages that tests/run.sh
# installs.
# shellcheck source=tests/images/failures/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
build_once bases build-bases.sh c/hello.c c/library.c c/uses-library.c
need apt-get debootstrap dpkg-deb make musl-gcc unshare
cd "$work"
path='"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'

# --- Debian --------------------------------------------------------------------------------------

for suite in bookworm trixie; do
    root=$work/tree/$suite
    # Mounts made inside disappear with this namespace.
    unshare --mount --propagation private \
        debootstrap --variant=minbase "$suite" "$root" "$(mirror "$suite")"
    find "$root"/dev "$root"/var/lib/apt/lists "$root"/var/cache/apt -mindepth 1 -delete
    begin linux/amd64
    add "# debian.sh --arch 'amd64' out/ '$suite'" "tree/$suite:/"
    config "{\"Cmd\":[\"bash\"],$path}"
    archive "$suite"
    rm -rf "$root"
done

# --- musl ----------------------------------------------------------------------------------------

private_apt
debs bookworm amd64 musl libc6 libssl3 openssl ca-certificates tzdata base-files netbase
apt-get -qq source --download-only busybox/bookworm
mkdir source
tar -xf busybox_*.orig.tar.bz2 -C source --strip-components=1
cd source
make -s allnoconfig >/dev/null
for option in ASH ASH_TEST ASH_ECHO ASH_PRINTF SH_IS_ASH BASENAME CAT CHMOD CP CUT DATE DIRNAME ECHO \
    ENV EXPR FIND FIND_TYPE GREP HEAD HOSTNAME ID LN LS MKDIR MV NSLOOKUP PING PRINTF PS PWD RM \
    RMDIR SED SLEEP SORT TAIL TEST TOUCH TR TRUE FALSE UNAME WC WGET WHOAMI XARGS LFS PIE; do
    sed -i "s/^# CONFIG_$option is not set/CONFIG_$option=y/" .config
done
sed -i 's|^CONFIG_EXTRA_CFLAGS=.*|CONFIG_EXTRA_CFLAGS="-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu"|' \
    .config
# `yes` gets SIGPIPE when make no longer reads.
(yes '' || true) | make -s oldconfig >/dev/null
make -s -j"$(nproc)" CC=musl-gcc busybox busybox.links
cd "$work"

unpack bookworm-amd64 packages musl ca-certificates tzdata
root=tree/musl
mkdir -p "$root"/{bin,sbin,etc,lib,tmp,usr/bin,usr/sbin,usr/lib,var}
cp packages/lib/x86_64-linux-musl/libc.so "$root/lib/ld-musl-x86_64.so.1"
ln -s ld-musl-x86_64.so.1 "$root/lib/libc.musl-x86_64.so.1"
cp source/busybox "$root/bin/busybox"
while read -r link; do
    ln -s /bin/busybox "$root$link"
done <source/busybox.links
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' \
    >"$root/etc/passwd"
printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
printf '127.0.0.1\tlocalhost\n' >"$root/etc/hosts"
mkdir -p "$root/etc/ssl/certs"
cat packages/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"

cc=(-O1 -s -Wall)
musl-gcc "${cc[@]}" -shared -fPIC -Wl,-soname,libanswer.so.1 -o bin/libanswer.so.1 \
    "$here/c/library.c"
musl-gcc "${cc[@]}" -o bin/uses-library "$here/c/uses-library.c" bin/libanswer.so.1

begin linux/amd64
add 'ADD rootfs.tar.gz / # buildkit' tree/musl:/
add 'RUN apk add --no-cache libanswer' bin/libanswer.so.1:/usr/lib/libanswer.so.1 \
    bin/uses-library:/usr/bin/uses-library
config "{\"Cmd\":[\"/bin/sh\"],$path}"
archive musl

# --- distroless ----------------------------------------------------------------------------------

# Not merged into /usr, as in such images until recently.
root=tree/distroless
unpack bookworm-amd64 "$root" base-files netbase tzdata libc6 libssl3
rm -rf "$root"/etc/{update-motd.d,profile.d}
mkdir -p "$root"/etc/ssl/certs "$root"/home/nonroot
cp "$root"/usr/share/base-files/nsswitch.conf "$root"/etc/nsswitch.conf 2>/dev/null ||
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' \
    >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
cp tree/musl/etc/ssl/certs/ca-certificates.crt "$root"/etc/ssl/certs/
unpack bookworm-amd64 program openssl
cp program/usr/bin/openssl bin/openssl

begin linux/amd64
add 'bazel build ...' tree/distroless:/
add 'COPY --from=build /usr/bin/openssl /usr/bin/openssl # buildkit' bin/openssl:/usr/bin/openssl
config "{\"Entrypoint\":[\"/usr/bin/openssl\"],\"Cmd\":[\"version\"],\"User\":\"nonroot\",$path}"
archive distroless

finish_build
