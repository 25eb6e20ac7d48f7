#!/bin/bash
# Builds the parts of the images for the start tests, and prints the directory that contains them:
#
#   bases/NAME, bases/NAME.tar   root file systems: busybox, musl, debian
#   bin/NAME                     programs and libraries that the cases put into their images
#   container                    the program that starts a container (c/container.c)
#
# The parts are built once for each version of this script and kept in IMGFS_TEST_CACHE (default
# ~/.cache/imgfs-tests), about 60 MB. Needs root, a package mirror, and the packages that tests/run.sh
# installs.
# shellcheck source=tests/images/failures/lib.sh
support=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$support/../failures/lib.sh"
build_once start "$support/build.sh" "$support"/c/*
need apt-get dpkg-deb gcc ldconfig ldd musl-gcc aarch64-linux-gnu-gcc
cd "$work"
c=$support/c
mkdir -p out/bin out/bases
bin=$work/out/bin

gcc -O1 -Wall -static -o out/container "$c/container.c" "$c/user.c"

# --- programs ------------------------------------------------------------------------------------

# Placeholder that the cases replace with a path in a program.
room=/$(printf 'r%.0s' {1..199})
interpreter=/$(printf 'i%.0s' {1..119})

musl-gcc -O1 -s -static -o "$bin/app" "$c/app.c"
musl-gcc -O1 -s -static -o "$bin/show" "$c/show.c"
musl-gcc -O1 -s -static -o "$bin/su-exec" "$c/suexec.c" "$c/user.c"
aarch64-linux-gnu-gcc -O1 -s -static -nostdlib -ffreestanding -o "$bin/app-arm64" -x c - <<<'void _start(void) { for (;;) ; }'
# exit(0) of a 32-bit program; nothing else for that machine is needed.
gcc -m32 -O1 -s -static -nostdlib -ffreestanding -o "$bin/app-386" -x c - \
    <<<'void _start(void) { __asm__ volatile ("int $0x80" :: "a"(1), "b"(0)); }'

for libc in glibc musl; do
    cc=gcc
    [ $libc = glibc ] || cc=musl-gcc
    $cc -O1 -s -o "$bin/$libc-app" "$c/app.c"
    $cc -O1 -s -o "$bin/$libc-show" "$c/show.c"
    $cc -O1 -s -Wl,--dynamic-linker="$interpreter" -o "$bin/$libc-app-room" "$c/app.c"
    $cc -O1 -s -shared -fPIC -Wl,-soname,libgreet.so.1 -o "$bin/$libc-libgreet.so.1" "$c/greet.c"
    $cc -O1 -s -shared -fPIC -DLACKING -Wl,-soname,libgreet.so.1 \
        -o "$bin/$libc-libgreet-lacking.so.1" "$c/greet.c"
    for mode in 1 2 3 4 5 6 7; do
        for bind in lazy now; do
            $cc -O1 -s -DMODE=$mode -Wl,--no-as-needed,-z,$bind -o "$bin/$libc-greet$mode-$bind" \
                "$c/uses-greet.c" "$bin/$libc-libgreet.so.1"
        done
    done
    for tags in enable disable; do
        $cc -O1 -s -DMODE=1 -Wl,-rpath,"$room",--$tags-new-dtags,-z,lazy \
            -o "$bin/$libc-greet-$tags-room" "$c/uses-greet.c" "$bin/$libc-libgreet.so.1"
    done
    # An intermediate library: the program needs libouter.so.1, which needs libgreet.so.1.
    for tags in enable disable; do
        $cc -O1 -s -shared -fPIC -Wl,-soname,libouter.so.1,-rpath,"$room",--$tags-new-dtags -x c \
            -o "$bin/$libc-libouter-$tags-room.so.1" - -x none "$bin/$libc-libgreet.so.1" \
            <<<'void greet(void); void outer(void) { greet(); }'
        $cc -O1 -s -Wl,-rpath,"$room",--$tags-new-dtags,--allow-shlib-undefined -x c \
            -o "$bin/$libc-outer-$tags-room" - -x none "$bin/$libc-libouter-$tags-room.so.1" \
            <<<'void outer(void); int main(void) { outer(); return 0; }'
    done
    # Preloaded; it defines no symbols that others need.
    $cc -O1 -s -shared -fPIC -Wl,-soname,libpre.so -o "$bin/$libc-libpre.so" -x c - \
        <<<'int preloaded = 1;'
done
# A symbol version that no glibc has.
sed 's/GLIBC_2\.2\.5/GLIBC_9.9.9/' "$bin/glibc-app" >"$bin/glibc-app-damaged-version"
gcc -O1 -s -shared -fPIC -Wl,-soname,libver.so.1,--version-script=<(echo 'V1 { *; };') \
    -o "$bin/libver-old.so.1" -x c - <<<'void one(void) {} void two(void) {}'
gcc -O1 -s -shared -fPIC -Wl,-soname,libver.so.1,--version-script=<(echo 'V1 { one; }; V2 { two; } V1;') \
    -o "$bin/libver.so.1" -x c - <<<'void one(void) {} void two(void) {}'
gcc -O1 -s -o "$bin/uses-ver" -x c - -x none "$bin/libver.so.1" \
    <<<'#include <stdio.h>
void one(void); void two(void); int main(void) { one(); two(); puts("app runs"); return 0; }'

# --- busybox -------------------------------------------------------------------------------------

users() {
    local root=$1
    cat >"$root/etc/passwd" <<'S'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
app:x:1000:1000:App:/home/app:/bin/sh
web:x:33:33:web:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
S
    cat >"$root/etc/group" <<'S'
root:x:0:
daemon:x:1:
staff:x:50:web,app
tools:x:60:app
web:x:33:
app:x:1000:
nogroup:x:65534:
S
    mkdir -p "$root"/{root,home/app,tmp,var/www,opt,srv,proc,sys,dev}
    chmod 700 "$root/root"
    chmod 1777 "$root/tmp"
    chown 1000:1000 "$root/home/app"
}

apt-get -qq download busybox-static
mkdir busybox
dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x -C busybox
busybox=$(find busybox -name busybox -type f -perm /1 | head -n 1)
applets="sh ash cat cp chmod chown cut date dirname basename echo env expr false true find grep head hostname id ln ls \
mkdir mktemp mv nice nohup printf pwd readlink realpath rm rmdir sed setpriv sleep sort stat su tail test [ timeout \
touch tr uname wc which whoami xargs chroot printenv seq tee awk"
"$busybox" --list >has
for name in busybox musl; do
    root=$work/out/bases/$name
    mkdir -p "$root"/{bin,sbin,etc,lib,usr/bin,usr/sbin,usr/lib,usr/local/bin,var}
    cp "$busybox" "$root/bin/busybox"
    chmod 755 "$root/bin/busybox"
    for applet in $applets; do
        # Applets that this build does not have are left out.
        if grep -qxF -- "$applet" has; then
            ln -s /bin/busybox "$root/bin/$applet"
        fi
    done
    ln -s /bin/env "$root/usr/bin/env"
    users "$root"
done
install -m 755 "$bin/su-exec" "$work/out/bases/musl/usr/bin/su-exec"
cp /usr/lib/x86_64-linux-musl/libc.so "$work/out/bases/musl/lib/ld-musl-x86_64.so.1"
chmod 755 "$work/out/bases/musl/lib/ld-musl-x86_64.so.1"
ln -s ld-musl-x86_64.so.1 "$work/out/bases/musl/lib/libc.musl-x86_64.so.1"

# --- debian --------------------------------------------------------------------------------------

root=$work/out/bases/debian
usr_merge "$root"
mkdir -p "$root"/{etc/ld.so.conf.d,usr/lib/x86_64-linux-gnu,usr/local/{bin,lib,sbin},var,docker-entrypoint.d}
users "$root"
programs="dash bash env id ls cat cp mv rm ln mkdir rmdir chmod chown sleep true false nice nohup timeout basename \
dirname readlink realpath mktemp touch tr cut head tail sort wc date uname hostname expr printf echo test [ pwd \
whoami stat tee find xargs grep sed setpriv tini tini-static dumb-init catatonit seq printenv getent which chroot \
gosu stdbuf setsid ionice taskset unshare runuser su install"
for name in $programs; do
    path=$(PATH=/usr/bin:/bin:/usr/sbin:/sbin command -v -- "$name" | grep / || true)
    case $name in # Builtins of this shell.
    true | false | printf | echo | test | \[ | pwd) path=/usr/bin/$name ;;
    esac
    [ -n "$path" ] || continue
    case $path in
    /sbin/* | /usr/sbin/*) to=usr/sbin/$name ;;
    *) to=usr/bin/$name ;;
    esac
    cp -L "$path" "$root/$to"
    chmod 755 "$root/$to"
    # The output of ldd for a script is useless.
    ldd "$path" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*' >>libraries || true
done
ln -s dash "$root/usr/bin/sh"
install -D -m 644 /usr/libexec/coreutils/libstdbuf.so "$root/usr/libexec/coreutils/libstdbuf.so"
chmod 4755 "$root/usr/bin/su"
sort -u libraries | while read -r path; do
    case $path in
    */ld-linux*) cp -L "$path" "$root/usr/lib64/" ;;
    *) cp -L "$path" "$root/usr/lib/x86_64-linux-gnu/" ;;
    esac
done
chmod 755 "$root"/usr/lib64/ld-linux*
printf '/usr/local/lib\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n' >"$root/etc/ld.so.conf"
ldconfig -r "$root"
printf 'ID=debian\nVERSION_ID="12"\n' >"$root/etc/os-release"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"

for root in out/bases/*; do
    tar --sort=name --mtime=@1700000000 --numeric-owner --format=gnu -cf "$root.tar" -C "$root" .
done
finish_build
