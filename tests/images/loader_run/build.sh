#!/bin/bash
# build.sh DIR: makes in DIR/root a tree with both C libraries and small programs and libraries, and
# DIR/exec, which executes one of them there. Every libfoo prints the path that it was installed at,
# which shows which one was loaded.
# that one can see which was loaded.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
work=$1
root=$work/root
mkdir -p "$root"/{proc,tmp,etc,lib64,lib/x86_64-linux-gnu,usr/bin,usr/lib,opt,data/app/bin,data/deep/dir}
cd "$work"
gcc -O1 -o exec "$here/exec.c"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
cp -L /lib/x86_64-linux-gnu/libc.so.6 "$root/lib/x86_64-linux-gnu/"
cp -L /usr/lib/x86_64-linux-musl/libc.so "$root/lib/ld-musl-x86_64.so.1"

cat >foo.c <<'C'
const char *foo(void) { return AT; }
const char *foo_data = AT;
C
cat >lean.c <<'C'
int unrelated;
C
cat >outer.c <<'C'
const char *foo(void);
const char *outer(void) { return foo(); }
C
cat >lacking.c <<'C'
const char *absent(void);
const char *foo(void) { return AT; }
const char *unused(void) { return absent(); }
C
cat >two_lacking.c <<'C'
extern int absent_data;
const char *absent(void);
const char *foo(void) { return absent_data ? AT : absent(); }
C
cat >main.c <<'C'
#include <stdio.h>
const char *foo(void);
int main(void) { return puts(foo()) < 0; }
C
cat >data.c <<'C'
#include <stdio.h>
extern const char *foo_data;
int main(void) { return puts(foo_data) < 0; }
C
cat >weak.c <<'C'
#include <stdio.h>
const char *foo(void) __attribute__((weak));
int main(void) { return puts(foo ? foo() : "none") < 0; }
C
cat >outer_main.c <<'C'
#include <stdio.h>
const char *outer(void);
int main(void) { return puts(outer()) < 0; }
C
printf 'V1 { global: *; };\n' >v1.map
printf 'V1 { }; V2 { global: *; } V1;\n' >v2.map

# lib COMPILER SOURCE PATH [OPTION...]: a library whose soname is its file name.
lib() {
    local cc=$1 source=$2 path=$3
    shift 3
    mkdir -p "$root$(dirname "$path")"
    "$cc" -shared -fPIC -O1 -DAT="\"$path\"" "-Wl,-soname,$(basename "$path")" \
        -o "$root$path" "$source.c" "$@"
}
# prog COMPILER SOURCE PATH [OPTION...]
prog() {
    local cc=$1 source=$2 path=$3
    shift 3
    mkdir -p "$root$(dirname "$path")"
    "$cc" -O1 -Wl,--no-as-needed -Wl,--allow-shlib-undefined -o "$root$path" "$source.c" "$@"
}

# --- libraries of glibc ---------------------------------------------------------------------------
for dir in opt/a opt/b data/deep/lib data/app/lib usr/lib/trusted; do
    lib gcc foo "/$dir/libfoo.so"
done
ln -s /data/deep/dir "$root/opt/link"
ln -s /data/app/bin "$root/opt/bin"
lib gcc foo /opt/cached/libcfoo.so
lib gcc foo /usr/lib/libdfoo.so
echo /opt/cached >"$root/etc/ld.so.conf"
lib gcc lean /opt/lean/libfoo.so -lc
lib gcc foo /opt/v1/libfoo.so -Wl,--version-script=v1.map -lc
lib gcc foo /opt/v2/libfoo.so -Wl,--version-script=v2.map
lib gcc lacking /opt/lacking/libfoo.so -Wl,-z,lazy
lib gcc lacking /opt/lacking-now/libfoo.so -Wl,-z,now
lib gcc outer /opt/outer/libouter.so -L"$root/opt/a" -lfoo
lib gcc outer /opt/outer-run/libouter.so -L"$root/opt/a" -lfoo -Wl,--enable-new-dtags,-rpath,/nowhere
lib aarch64-linux-gnu-gcc lean /opt/arm/libfoo.so -nostdlib
lib gcc lean /opt/32/libfoo.so -m32 -nostdlib
mkdir -p "$root"/opt/{empty,text,dir/libfoo.so,pie,exe}
: >"$root/opt/empty/libfoo.so"
seq 100 >"$root/opt/text/libfoo.so"
L=(-L"$root/opt/a" -lfoo)
prog gcc main /opt/pie/libfoo.so "${L[@]}" -pie
prog gcc main /opt/exe/libfoo.so "${L[@]}" -no-pie

# --- programs of glibc ----------------------------------------------------------------------------
new=-Wl,--enable-new-dtags,-rpath
old=-Wl,--disable-new-dtags,-rpath
lazy=-Wl,-z,lazy
prog gcc main /bin/plain "${L[@]}" $lazy
prog gcc main /bin/now "${L[@]}" -Wl,-z,now
prog gcc data /bin/data "${L[@]}" $lazy
prog gcc weak /bin/weak "${L[@]}" $lazy
prog gcc main /bin/runpath "${L[@]}" $new,/opt/a
prog gcc main /bin/rpath "${L[@]}" $old,/opt/a
prog gcc main /bin/linked "${L[@]}" "$new,/opt/link/../lib"
prog gcc main /bin/lexical "${L[@]}" "$new,/opt/link/../a"
prog gcc main /bin/here "${L[@]}" "$new,:/nowhere"
prog gcc main /bin/relative "${L[@]}" "$new,../a"
prog gcc main /data/app/bin/origin "${L[@]}" "$new,\$ORIGIN/../lib"
ln -s ../../data/app/bin/origin "$root/usr/bin/origin"
prog gcc main /usr/lib/trusted/origin "${L[@]}" "$new,\$ORIGIN"
prog gcc main /bin/cached -L"$root/opt/cached" -lcfoo
prog gcc main /bin/default -L"$root/usr/lib" -ldfoo
prog gcc main /bin/nodeflib -L"$root/usr/lib" -ldfoo -Wl,-z,nodefaultlib
prog gcc main /bin/nodeflib-path -L"$root/usr/lib" -ldfoo -Wl,-z,nodefaultlib \
    $new,/lib/x86_64-linux-gnu:/usr/lib
(cd "$root/opt/a" && gcc -shared -fPIC -DAT='"/opt/a/libnos.so"' -o libnos.so "$work/foo.c")
(cd "$root" && gcc -o bin/slash "$work/main.c" opt/a/libnos.so)
prog gcc main /bin/v2 -L"$root/opt/v2" -lfoo
prog gcc outer_main /bin/outer -L"$root/opt/outer" -louter "$new,/opt/outer"
prog gcc outer_main /bin/outer-old -L"$root/opt/outer" -louter "$old,/opt/outer:/opt/a"
prog gcc outer_main /bin/outer-new -L"$root/opt/outer" -louter "$new,/opt/outer:/opt/a"
prog gcc outer_main /bin/outer-run -L"$root/opt/outer" -louter "$old,/opt/outer-run:/opt/a"
for name in plain rpath runpath; do
    install -m 4755 "$root/bin/$name" "$root/bin/suid-$name"
done
install -m 4755 "$root/data/app/bin/origin" "$root/data/app/bin/suid-origin"
install -m 4755 "$root/usr/lib/trusted/origin" "$root/usr/lib/trusted/suid-origin"
lib gcc foo /usr/lib/libsuid.so
lib gcc foo /usr/lib/libnosuid.so
chmod 4755 "$root/usr/lib/libsuid.so"

# --- musl -----------------------------------------------------------------------------------------
for dir in mus/a mus/b mus/app/lib; do
    lib musl-gcc foo "/$dir/libfoo.so"
done
lib musl-gcc lean /mus/lean/libfoo.so
lib musl-gcc lacking /mus/lacking/libfoo.so
lib musl-gcc two_lacking /mus/two/libfoo.so
lib musl-gcc outer /mus/outer/libouter.so -L"$root/mus/a" -lfoo "$new,/nowhere"
M=(-L"$root/mus/a" -lfoo)
prog musl-gcc main /mus/bin/plain "${M[@]}"
prog musl-gcc data /mus/bin/data "${M[@]}"
prog musl-gcc weak /mus/bin/weak "${M[@]}"
prog musl-gcc main /mus/bin/runpath "${M[@]}" $new,/mus/a
prog musl-gcc main /mus/bin/rpath "${M[@]}" $old,/mus/a
prog musl-gcc main /mus/app/bin/origin "${M[@]}" "$new,\$ORIGIN/../lib"
ln -s ../mus/app/bin/origin "$root/mus/link"
prog musl-gcc outer_main /mus/bin/outer -L"$root/mus/outer" -louter "$new,/mus/outer:/mus/a"
prog musl-gcc outer_main /mus/bin/outer-lacks -L"$root/mus/outer" -louter "$new,/mus/outer"
for name in plain runpath; do
    install -m 4755 "$root/mus/bin/$name" "$root/mus/bin/suid-$name"
done
install -m 4755 "$root/mus/app/bin/origin" "$root/mus/app/bin/suid-origin"

ldconfig -r "$root" 2>/dev/null
