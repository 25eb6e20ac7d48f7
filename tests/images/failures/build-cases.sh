#!/bin/bash
# Builds the images of tests/images/failures/table.rs, broken ones and their healthy twins, and prints the
# directory that contains them: oci-archives NAME.tar, and the program exec-in.
#
# The images are real: programs built by gcc, musl-gcc and Go in trees of Debian's own libraries, in
# layers with the history that a Dockerfile would leave. They are built once for each version of these
# scripts and sources and kept outside the checkout, in IMGFS_TEST_CACHE (default ~/.cache/imgfs-tests),
# about 100 MB. Needs root, a package mirror that still has Debian 11, and the packages that tests/run.sh
# installs.
set -euo pipefail
# shellcheck source=tests/images/failures/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
mapfile -t sources < <(cd "$here" && find c go -type f | sort)
build_once failures build-cases.sh "${sources[@]}"
need apt-get dpkg-deb gcc musl-gcc aarch64-linux-gnu-gcc go ldconfig

# --- programs ------------------------------------------------------------------------------------

for name in $(compgen -e GO); do
    unset "$name"
done
export GOCACHE=$cache/go-build GOPATH=$work/go-path GO111MODULE=on GOPROXY=off GOENV=off
export GOFLAGS='-mod=mod -buildvcs=false' CGO_ENABLED=0 GOOS=linux GOARM=6

# go_program NAME MACHINE SOURCE [OPTION...]: builds bin/NAME.
go_program() {
    local name=$1 arch=$2 source=$3
    shift 3
    (cd "$here/go" && GOARCH=$arch go build -trimpath -ldflags='-s -w -buildid=' \
        -o "$work/bin/$name" "$@" "./$source")
}

for arch in amd64 arm64; do
    go_program "hello-$arch" "$arch" hello
    claim=$([ "$arch" = amd64 ] && echo arm64 || echo amd64)
    # Without -trimpath, because with it Go does not record -ldflags.
    go_program "target-$arch-honest" "$arch" target -trimpath=false \
        -ldflags="-X main.targetArch=$arch"
    go_program "target-$arch-claims-$claim" "$arch" target -trimpath=false \
        -ldflags="-X main.targetArch=$claim"
done
go_program hello-pie amd64 hello -buildmode=pie
GOARM=6 go_program hello-armv6 arm hello
GOARM=7 go_program hello-armv7 arm hello
go_program hello-386 386 hello
GOOS=darwin go_program hello-darwin amd64 hello
GOOS=windows go_program hello.exe amd64 hello
for name in user tls zone; do
    go_program "$name" amd64 "$name"
done
go_program zone-embedded amd64 zone -tags=timetzdata
# The go command itself, as in a release for each host.
for host in linux/amd64 darwin/amd64 linux/arm64; do
    (cd / && GOFLAGS='' GO111MODULE=off GOOS=${host%/*} GOARCH=${host#*/} \
        go build -trimpath -ldflags='-s -w -X runtime.defaultGOROOT=/usr/local/go' \
        -o "$work/bin/go-${host/\//-}" cmd/go)
done

# header_says MACHINE FROM TO: copies a program and changes the copy's e_machine.
header_says() {
    cp "$work/bin/$2" "$work/bin/$3"
    # 62 is EM_X86_64, 183 EM_AARCH64 (elf.h); the field is at 18.
    printf '%b' "$1" | dd of="$work/bin/$3" bs=1 seek=18 conv=notrunc status=none
}
header_says '\xb7\0' hello-amd64 hello-amd64-patched
header_says '\x3e\0' hello-arm64 hello-arm64-patched

# The content of a build cache and a package directory after builds for two machines. A directory for
# each machine, as Go makes them, is not an error; a file for one machine in the directory of the other
# is.
for arch in amd64 arm64; do
    dir=$work/tree/pkg/linux_$arch/example.com/failures
    mkdir -p "$work/tree/cache-$arch" "$dir"
    (cd "$here/go" && GOCACHE=$work/tree/cache-$arch GOARCH=$arch \
        go build -trimpath -o "$dir/part.a" ./part)
    cp "$dir/part.a" "$dir/other.a"
done
mkdir "$work/tree/mixed-pkg"
cp -a "$work/tree/pkg/linux_amd64" "$work/tree/mixed-pkg"
cp "$dir/other.a" "$work/tree/mixed-pkg/linux_amd64/example.com/failures"

# --- trees of Debian's packages ------------------------------------------------------------------

private_apt
debs bookworm amd64 libc6 dash busybox-static musl tzdata ca-certificates
debs bookworm arm64 libc6 dash
debs bullseye amd64 libc6 libc6-dev libgcc-10-dev dash

# debian SUITE ARCH: a minimal system with a shell.
debian() {
    local root=$work/tree/$1-$2 name
    mkdir -p "$root"
    usr_merge "$root"
    unpack "$1-$2" "$root" libc6 dash
    rm -rf "${root:?}/usr/share"
    mkdir -p "$root/var/lib/dpkg" "$root/etc"
    for name in libc6 dash; do
        dpkg-deb --info "$work/debs/$1-$2/${name}"_*.deb control |
            sed '1a Status: install ok installed'
        echo
    done >"$root/var/lib/dpkg/status"
    echo 'include /etc/ld.so.conf.d/*.conf' >"$root/etc/ld.so.conf"
    # ldconfig reads libraries for any machine.
    ldconfig -r "$root"
    rm -rf "$root/var/cache"
}
debian bookworm amd64
debian bookworm arm64
debian bullseye amd64
bullseye=$work/tree/bullseye-dev
unpack bullseye-amd64 "$bullseye" libc6-dev libgcc-10-dev

# User databases, time zones and certificates; no programs.
mkdir -p "$work"/tree/{etc/etc,no-passwd/etc,zones/usr/share/zoneinfo/Europe,certs/etc/ssl/certs}
cd "$work/tree"
echo 'NAME=test' | tee etc/etc/os-release >no-passwd/etc/os-release
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/:/bin/false\n' >etc/etc/passwd
printf 'root:x:0:\napp:x:1000:\n' >etc/etc/group
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >etc/etc/nsswitch.conf
printf '127.0.0.1\tlocalhost\n' >etc/etc/hosts
unpack bookworm-amd64 packages tzdata ca-certificates busybox-static musl
cp packages/usr/share/zoneinfo/Etc/UTC zones/usr/share/zoneinfo/UTC
cp packages/usr/share/zoneinfo/Europe/Berlin zones/usr/share/zoneinfo/Europe
cat packages/usr/share/ca-certificates/mozilla/*.crt >certs/etc/ssl/certs/ca-certificates.crt
"$work/bin/tls" ca >>certs/etc/ssl/certs/ca-certificates.crt

# A shell without dependencies.
mkdir -p busybox/bin
cp packages/bin/busybox busybox/bin
for name in sh env cat; do
    ln -s busybox "busybox/bin/$name"
done

# musl at Alpine's path, and additionally under the name of glibc's loader, as is found in practice.
mkdir -p musl/lib musl-as-glibc/lib64
cp packages/lib/x86_64-linux-musl/libc.so musl/lib/ld-musl-x86_64.so.1
ln -s ld-musl-x86_64.so.1 musl/lib/libc.musl-x86_64.so.1
ln -s ../lib/ld-musl-x86_64.so.1 musl-as-glibc/lib64/ld-linux-x86-64.so.2

# A directory for a library that only the loader's configuration names, and the cache that ldconfig makes
# of it.
mkdir -p conf/etc/ld.so.conf.d
echo /opt/answer/lib >conf/etc/ld.so.conf.d/answer.conf

# The layer that `RUN rm -rf /lib64` produces (the directory is a link to usr/lib64).
mkdir -p removed/usr && : >removed/usr/.wh.lib64

# --- programs of C -------------------------------------------------------------------------------

cd "$work/bin"
cc=(-O1 -s -Wall '-Wl,--build-id=none')
gcc "${cc[@]}" -o exec-in "$here/c/exec-in.c"
gcc "${cc[@]}" -o c-glibc "$here/c/hello.c"
aarch64-linux-gnu-gcc "${cc[@]}" -o c-arm64 "$here/c/hello.c"
gcc "${cc[@]}" -o lookup-glibc "$here/c/lookup.c"
musl-gcc "${cc[@]}" -o lookup-musl "$here/c/lookup.c"
gcc "${cc[@]}" -shared -fPIC -Wl,-soname,libanswer.so.1 -o libanswer.so.1 "$here/c/library.c"
gcc "${cc[@]}" -o uses-library "$here/c/uses-library.c" libanswer.so.1
# shellcheck disable=SC2016 # for the loader
gcc "${cc[@]}" -Wl,--enable-new-dtags,-rpath,'$ORIGIN/../lib/answer' -o uses-library-runpath \
    "$here/c/uses-library.c" libanswer.so.1
aarch64-linux-gnu-gcc "${cc[@]}" -shared -fPIC -Wl,-soname,libanswer.so.1 -o libanswer-arm64.so.1 \
    "$here/c/library.c"
# The linker itself warns that this needs the libraries of this glibc at run time.
gcc "${cc[@]}" -static -o nss-static "$here/c/nss.c"
# Until 2.33, files was also a separate library. libgcc is Debian 11's too: a newer one needs functions
# that this libc does not have.
lib=$bullseye/usr/lib/x86_64-linux-gnu
gcc=$bullseye/usr/lib/gcc/x86_64-linux-gnu/10
gcc "${cc[@]}" -static -nostdlib -isystem "$bullseye/usr/include" \
    -isystem "$bullseye/usr/include/x86_64-linux-gnu" -o nss-static-2.31 \
    "$lib/crt1.o" "$lib/crti.o" "$gcc/crtbeginT.o" "$here/c/nss.c" -L"$gcc" -L"$lib" \
    -Wl,--start-group -lgcc -lgcc_eh -lc -Wl,--end-group "$gcc/crtend.o" "$lib/crtn.o"

# A program for the old glibc with a library for a current one: since 2.34 dlsym is in libc itself.
gcc "${cc[@]}" -shared -fPIC -DTODAY -Wl,-soname,libanswer.so.1 -o libanswer-today.so.1 \
    "$here/c/library.c"
gcc "${cc[@]}" -nostdlib -no-pie -o uses-library-2.31 "$lib/crt1.o" "$lib/crti.o" \
    "$here/c/uses-library.c" libanswer.so.1 "$work/tree/bullseye-amd64/lib/x86_64-linux-gnu/libc.so.6" \
    "$lib/libc_nonshared.a" "$lib/crtn.o"

# --- scripts -------------------------------------------------------------------------------------

printf '#!/usr/bin/python3\nprint("hello")\n' >script-python
printf '#!/bin/sh\necho hello\n' >script-sh
printf '#!/bin/sh\r\necho hello\r\n' >script-crlf
printf '#!/bin/env bash\necho hello\n' >script-env-bash
printf '#!/bin/env sh\necho hello\n' >script-env-sh
printf 'listen = 8080\n' >app.conf
chmod +x script-*

cd "$work"
mkdir -p with-conf cache/etc
cp -a tree/bookworm-amd64/. tree/conf/. with-conf
mkdir -p with-conf/opt/answer/lib
cp bin/libanswer.so.1 with-conf/opt/answer/lib
ldconfig -r with-conf
cp with-conf/etc/ld.so.cache cache/etc

# --- images --------------------------------------------------------------------------------------

cd "$work"
app=/usr/local/bin/app
entrypoint='{"Entrypoint":["/usr/local/bin/app"],"Env":["PATH=/usr/local/bin:/usr/bin:/bin"]}'
as_app='{"Entrypoint":["/usr/local/bin/app"],"User":"app"}'
from_build='COPY --from=build /out/app /usr/local/bin/app # buildkit'

# image NAME PLATFORM CONFIG PROGRAM BASE...: the layers of the base, each LINE|WHAT:WHERE; then the
# program; then a file that nothing depends on.
image() {
    local name=$1 platform=$2 config=$3 program=$4 base
    shift 4
    begin "$platform"
    for base; do
        add "${base%%|*}" "${base#*|}"
    done
    add "$from_build" "bin/$program:$app"
    add 'COPY app.conf /etc/app.conf # buildkit' "bin/app.conf:/etc/app.conf"
    config "$config"
    [ "$name" = - ] || archive "$name"
}
etc='COPY etc /etc # buildkit|tree/etc:/'
no_passwd='COPY os-release /etc # buildkit|tree/no-passwd:/'
zones='COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo # buildkit|tree/zones:/'
certs='COPY --from=build /etc/ssl/certs /etc/ssl/certs # buildkit|tree/certs:/'
busybox='COPY busybox /bin # buildkit|tree/busybox:/'
bookworm='ADD rootfs.tar.xz / # buildkit|tree/bookworm-amd64:/'
bookworm_arm64='ADD rootfs.tar.xz / # buildkit|tree/bookworm-arm64:/'
bullseye='ADD rootfs.tar.xz / # buildkit|tree/bullseye-amd64:/'
musl='ADD musl.tar.gz / # buildkit|tree/musl:/'
musl_as_glibc='RUN ln -s ../lib/ld-musl-x86_64.so.1 /lib64/ld-linux-x86-64.so.2|tree/musl-as-glibc:/'
library='COPY --from=build /out/libanswer.so.1 /usr/lib/ # buildkit|bin/libanswer.so.1:/usr/lib/libanswer.so.1'

a=linux/amd64
# 1
image go-amd64 $a "$entrypoint" hello-amd64 "$etc"
image go-arm64 linux/arm64 "$entrypoint" hello-arm64 "$etc"
image arm64-in-amd64 $a "$entrypoint" hello-arm64 "$etc"
image amd64-in-arm64 linux/arm64 "$entrypoint" hello-amd64 "$etc"
# 2
image arm64-on-amd64-base $a "$entrypoint" c-arm64 "$bookworm" "$etc"
image arm64-on-builders-base linux/arm64 "$entrypoint" c-arm64 "$bookworm" "$etc"
image amd64-on-amd64-base $a "$entrypoint" c-glibc "$bookworm" "$etc"
image arm64-on-arm64-base linux/arm64 "$entrypoint" c-arm64 "$bookworm_arm64" "$etc"
# 3
image no-loader $a "$entrypoint" c-glibc "$busybox" "$etc"
begin $a
add "${bookworm%%|*}" "${bookworm#*|}"
add "${etc%%|*}" "${etc#*|}"
add "$from_build" "bin/c-glibc:$app"
add 'RUN rm -rf /lib64' tree/removed:/
config "$entrypoint"
archive loader-removed
image no-library $a "$entrypoint" uses-library "$bookworm" "$etc"
image with-library $a "$entrypoint" uses-library "$bookworm" "$etc" "$library"
image library-for-arm64 $a "$entrypoint" uses-library "$bookworm" "$etc" \
    'COPY lib /usr/lib/ # buildkit|bin/libanswer-arm64.so.1:/usr/lib/libanswer.so.1'
image library-by-runpath $a "$entrypoint" uses-library-runpath "$bookworm" "$etc" \
    'COPY lib /usr/local/lib/answer # buildkit|bin/libanswer.so.1:/usr/local/lib/answer/libanswer.so.1'
opt='COPY lib /opt/answer/lib # buildkit|bin/libanswer.so.1:/opt/answer/lib/libanswer.so.1'
conf='RUN echo /opt/answer/lib >/etc/ld.so.conf.d/answer.conf|tree/conf:/'
image library-by-environment $a \
    '{"Entrypoint":["/usr/local/bin/app"],"Env":["LD_LIBRARY_PATH=/opt/answer/lib"]}' uses-library \
    "$bookworm" "$etc" "$opt"
image library-not-in-cache $a "$entrypoint" uses-library "$bookworm" "$etc" "$opt" "$conf"
image library-in-cache $a "$entrypoint" uses-library "$bookworm" "$etc" "$opt" "$conf" \
    'RUN ldconfig|cache:/'
# 4
image glibc-on-musl $a "$entrypoint" lookup-glibc "$musl" "$musl_as_glibc" "$etc"
image glibc-on-musl-without-loader $a "$entrypoint" lookup-glibc "$musl" "$etc"
image musl-on-glibc $a "$entrypoint" lookup-musl "$bookworm" "$etc"
image musl-on-musl $a "$entrypoint" lookup-musl "$musl" "$etc"
image glibc-on-glibc $a "$entrypoint" lookup-glibc "$bookworm" "$etc"
# 5; its twin is amd64-on-amd64-base
image glibc-too-old $a "$entrypoint" c-glibc "$bullseye" "$etc"
image glibc-too-old-for-library $a "$entrypoint" uses-library-2.31 "$bullseye" "$etc" \
    'COPY lib /usr/lib/ # buildkit|bin/libanswer-today.so.1:/usr/lib/libanswer.so.1'
image glibc-old-enough $a "$entrypoint" uses-library-2.31 "$bullseye" "$etc" "$library"
# 6; its twin is go-amd64
image go-pie $a "$entrypoint" hello-pie "$etc"
# 7
image static-nss-no-passwd $a "$entrypoint" nss-static "$no_passwd"
image static-nss $a "$entrypoint" nss-static "$etc"
image static-nss-no-libraries $a "$entrypoint" nss-static-2.31 "$etc"
image static-nss-libraries $a "$entrypoint" nss-static-2.31 "$bullseye" "$etc"
# 8
image go-user-no-passwd $a "$as_app" user "$no_passwd"
image go-user $a "$as_app" user "$etc"
image go-tls-no-roots $a "$entrypoint" tls "$etc" "$zones"
image go-tls $a "$entrypoint" tls "$etc" "$zones" "$certs"
image go-no-zones $a "$entrypoint" zone "$etc" "$certs"
image go-zones $a "$entrypoint" zone "$etc" "$certs" "$zones"
image go-zones-embedded $a "$entrypoint" zone-embedded "$etc" "$certs"
# 9; their twin is go-amd64
image darwin-in-linux $a "$entrypoint" hello-darwin "$etc"
image windows-in-linux $a "$entrypoint" hello.exe "$etc"
# 10
toolchain() {
    begin $a
    add "${bookworm%%|*}" "${bookworm#*|}"
    add "${etc%%|*}" "${etc#*|}"
    add "${certs%%|*}" "${certs#*|}"
    add 'COPY --from=build /usr/local/go /usr/local/go # buildkit' "bin/$2:/usr/local/go/bin/go"
    config '{"Cmd":["/bin/sh"],"Env":["PATH=/usr/local/go/bin:/usr/bin:/bin"]}'
    archive "$1"
}
toolchain toolchain-darwin go-darwin-amd64
toolchain toolchain-arm64 go-linux-arm64
toolchain toolchain go-linux-amd64
# 11
packages() {
    local name=$1
    shift
    begin $a
    add "${bookworm%%|*}" "${bookworm#*|}"
    add "${etc%%|*}" "${etc#*|}"
    add 'RUN go build ./...' "$@"
    config '{"Cmd":["/bin/sh"]}'
    archive "$name"
}
packages build-cache tree/cache-amd64:/root/.cache/go-build
packages build-cache-mixed tree/cache-amd64:/root/.cache/go-build \
    tree/cache-arm64:/root/.cache/go-build
packages pkg tree/pkg:/go/pkg
packages pkg-mixed tree/mixed-pkg:/go/pkg
# 12
image claims-amd64 linux/arm64 "$entrypoint" target-arm64-claims-amd64 "$etc"
image claims-arm64 $a "$entrypoint" target-amd64-claims-arm64 "$etc"
image claims-right-arm64 linux/arm64 "$entrypoint" target-arm64-honest "$etc"
image claims-right-amd64 $a "$entrypoint" target-amd64-honest "$etc"
image patched-to-arm64 $a "$entrypoint" hello-amd64-patched "$etc"
image patched-to-amd64 $a "$entrypoint" hello-arm64-patched "$etc"
# 13
image - $a "$entrypoint" hello-amd64 "$etc"
amd64=$described
image - linux/arm64 "$entrypoint" hello-arm64 "$etc"
arm64=$described
archive index "$amd64" "$arm64"
image - $a "$entrypoint" hello-amd64 "$etc"
amd64=$described
image - linux/arm64 "$entrypoint" hello-amd64 "$etc"
arm64=$described
archive index-with-others-binaries "$amd64" "$arm64"
image - $a "$entrypoint" hello-amd64 "$etc"
amd64=$described
as_platform linux/arm64
archive index-with-others-image "$amd64" "$described"
# 14 is go-arm64
# 15
image script-no-interpreter $a "$entrypoint" script-python "$busybox" "$etc"
image script-crlf $a "$entrypoint" script-crlf "$busybox" "$etc"
image script-env-no-interpreter $a "$entrypoint" script-env-bash "$busybox" "$etc"
image script $a "$entrypoint" script-sh "$busybox" "$etc"
image script-env $a "$entrypoint" script-env-sh "$busybox" "$etc"
# 16
image armv7-in-armv6 linux/arm/v6 "$entrypoint" hello-armv7 "$etc"
image armv6 linux/arm/v6 "$entrypoint" hello-armv6 "$etc"

# Images that look wrong but are not: code for a machine that this one runs too, files that are kept for
# other platforms, a complete second C library, a user that needs no name.
image other-386 $a "$entrypoint" hello-386 "$etc"
image other-releases $a "$entrypoint" hello-amd64 "$etc" \
    'COPY dist/darwin /srv/releases/ # buildkit|bin/hello-darwin:/srv/releases/app_darwin_amd64/app' \
    'COPY dist/windows /srv/releases/ # buildkit|bin/hello.exe:/srv/releases/app_windows_amd64/app.exe' \
    'COPY dist/arm64 /srv/releases/ # buildkit|bin/hello-arm64:/srv/releases/app_linux_arm64/app'
image other-sysroot $a "$entrypoint" c-glibc "$bookworm" "$etc" \
    'RUN apt-get install libc6-arm64-cross|tree/bookworm-arm64/usr/lib/aarch64-linux-gnu:/usr/aarch64-linux-gnu/lib'
image other-libc $a "$entrypoint" lookup-musl "$bookworm" "$etc" \
    'RUN apt-get install musl|tree/musl/lib:/usr/lib'
image other-user $a '{"Entrypoint":["/usr/local/bin/app"],"User":"1000:1000"}' hello-amd64 "$no_passwd"

cp bin/exec-in out
finish_build
