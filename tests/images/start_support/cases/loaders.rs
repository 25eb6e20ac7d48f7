//! Loaders that are missing or are something else, and libraries that they do not find.

use crate::start_support::case::{Case, busybox, debian, musl, scratch};
use crate::start_support::parts::{program, with_interpreter, with_runpath};

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
const NO_GREET: &str = "libgreet.so.1: cannot open shared object file: No such file or directory";
const MUSL_NO_GREET: &str = "Error loading shared library libgreet.so.1: No such file or directory";

/// A dynamic program whose loader is `/opt/ld.so`, on Debian.
fn loader(name: &str) -> Case {
    debian(name)
        .exe("/app", with_interpreter("glibc-app-room", "/opt/ld.so"))
        .entrypoint(&["/app"])
}

/// A glibc program that needs libgreet.so.1, which is at this path if the path is not empty.
fn greet(name: &str, library: &str) -> Case {
    let case = debian(name)
        .exe("/app", program("glibc-greet1-lazy"))
        .entrypoint(&["/app"]);
    match library {
        "" => case,
        path => case.exe(path, program("glibc-libgreet.so.1")),
    }
}

/// Like [`greet`], for musl.
fn musl_greet(name: &str, library: &str) -> Case {
    let case = musl(name)
        .exe("/app", program("musl-greet1-lazy"))
        .entrypoint(&["/app"]);
    match library {
        "" => case,
        path => case.exe(path, program("musl-libgreet.so.1")),
    }
}

/// A program with this RUNPATH in `/opt/app/bin`, which `/run` links to.
fn runpath(name: &str, path: &str, library: &str) -> Case {
    let app = with_runpath("glibc-greet-enable-room", path);
    let case = debian(name)
        .exe("/opt/app/bin/app", app)
        .link("/run", "opt/app/bin/app");
    case.exe(library, program("glibc-libgreet.so.1"))
        .entrypoint(&["/run"])
}

fn musl_runpath(name: &str, path: &str, library: &str) -> Case {
    let app = with_runpath("musl-greet-enable-room", path);
    let case = musl(name)
        .exe("/opt/app/bin/app", app)
        .link("/run", "opt/app/bin/app");
    case.exe(library, program("musl-libgreet.so.1"))
        .entrypoint(&["/run"])
}

pub fn loaders() -> Vec<Case> {
    let arm = program("app-arm64");
    vec![
        scratch("loader-of-glibc-missing").exe("/app", program("glibc-app")).entrypoint(&["/app"]).refused("exec", "ENOENT"),
        busybox("program-of-glibc-over-busybox").exe("/app", program("glibc-app")).entrypoint(&["/app"]).refused("exec", "ENOENT"),
        busybox("program-of-glibc-over-busybox-behind-sh").exe("/app", program("glibc-app")).shell("exec /app").dies(127, "/app: not found"),
        debian("program-of-musl-over-debian").exe("/app", program("musl-app")).entrypoint(&["/app"]).refused("exec", "ENOENT"),
        debian("program-of-musl-over-debian-behind-bash")
            .exe("/app", program("musl-app"))
            .entrypoint(&["/bin/bash", "-c", "exec /app"])
            .dies(127, "cannot execute: required file not found"),
        debian("program-of-musl-over-debian-behind-dash").exe("/app", program("musl-app")).shell("exec /app").dies(127, "/app: not found"),
        musl("program-of-musl").exe("/app", program("musl-app")).entrypoint(&["/app"]).runs(),
        debian("program-of-glibc").exe("/app", program("glibc-app")).entrypoint(&["/app"]).runs(),
        loader("loader-is-a-short-script").exe("/opt/ld.so", "#!/bin/sh\nexec /bin/true\n").refused("exec", "EIO"),
        loader("loader-is-a-script").exe("/opt/ld.so", "#!/bin/sh\nexec /bin/true\n".repeat(9)).refused("exec", "ELIBBAD"),
        loader("loader-is-empty").exe("/opt/ld.so", "").refused("exec", "EIO"),
        loader("loader-for-another-machine").exe("/opt/ld.so", arm).refused("exec", "ELIBBAD"),
        loader("loader-is-a-dangling-link").link("/opt/ld.so", "/opt/none").refused("exec", "ENOENT"),
        loader("loader-is-a-link-in-a-circle").link("/opt/ld.so", "ld.so").refused("exec", "ELOOP"),
        loader("loader-through-a-link").link("/opt/ld.so", LOADER).runs(),
        loader("loader-is-a-static-program").exe("/opt/ld.so", program("app")).runs(),
        debian("relative-loader")
            .exe("/app", with_interpreter("glibc-app-room", "lib64/ld-linux-x86-64.so.2"))
            .entrypoint(&["/app"])
            .runs(),
        debian("relative-loader-from-elsewhere")
            .exe("/app", with_interpreter("glibc-app-room", "lib64/ld-linux-x86-64.so.2"))
            .workdir("/opt")
            .entrypoint(&["/app"])
            .refused("exec", "ENOENT"),
        debian("loader-started-directly").exe("/app", program("glibc-app")).entrypoint(&[LOADER, "/app"]).runs(),
        debian("loader-started-directly-program-without-x").file("/app", 0o644, program("glibc-app")).entrypoint(&[LOADER, "/app"]).runs(),
        debian("loader-started-directly-without-the-program").entrypoint(&[LOADER, "/app"]).dies(127, "/app: cannot open shared object file"),
        debian("loader-with-library-path")
            .exe("/app", program("glibc-greet1-lazy"))
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .entrypoint(&[LOADER, "--library-path", "/opt/lib", "/app"])
            .runs(),
        debian("loader-with-another-library-path")
            .exe("/app", program("glibc-greet1-lazy"))
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .entrypoint(&[LOADER, "--library-path", "/opt/none", "/app"])
            .dies(127, NO_GREET),
        debian("loader-with-a-static-program").exe("/app", program("app")).entrypoint(&[LOADER, "/app"]),
        musl("loader-of-musl-started-directly").file("/app", 0o644, program("musl-app")).entrypoint(&["/lib/ld-musl-x86_64.so.1", "/app"]).runs(),
        musl("loader-of-musl-with-library-path")
            .exe("/app", program("musl-greet1-lazy"))
            .exe("/opt/lib/libgreet.so.1", program("musl-libgreet.so.1"))
            .entrypoint(&["/lib/ld-musl-x86_64.so.1", "--library-path", "/opt/lib", "/app"])
            .runs(),
        debian("wrapper-starts-the-loader")
            .exe("/opt/app/app", program("glibc-greet1-lazy"))
            .exe("/opt/app/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .exe("/usr/local/bin/app", "#!/bin/sh\nexec /lib64/ld-linux-x86-64.so.2 --library-path /opt/app/lib /opt/app/app \"$@\"\n")
            .entrypoint(&["app"])
            .runs(),
    ]
}

pub fn libraries() -> Vec<Case> {
    let mut short = program("glibc-libgreet.so.1");
    short.truncate(10);
    let text = "/* GNU ld script */\nGROUP ( /lib/libgreet.so.1 )\n";
    vec![
        greet("library-missing", "").dies(127, NO_GREET),
        greet("library-missing-behind-sh", "").shell("exec /app").dies(127, NO_GREET),
        greet("library-in-a-default-directory", "/usr/lib/libgreet.so.1").runs(),
        // /usr/local/lib is only searched through ld.so.cache, which does not contain the library.
        greet("library-not-in-the-cache", "/usr/local/lib/libgreet.so.1").dies(127, NO_GREET),
        greet("library-in-the-environment", "/opt/lib/libgreet.so.1").env("LD_LIBRARY_PATH=/opt/lib").runs(),
        greet("library-in-the-environment-after-semicolon", "/opt/lib/libgreet.so.1").env("LD_LIBRARY_PATH=/none;/opt/lib").runs(),
        greet("library-in-the-working-directory", "/opt/lib/libgreet.so.1").env("LD_LIBRARY_PATH=:/none").workdir("/opt/lib").runs(),
        greet("empty-library-path", "/opt/lib/libgreet.so.1").env("LD_LIBRARY_PATH=").workdir("/opt/lib").dies(127, NO_GREET),
        greet("relative-library-path", "/opt/lib/libgreet.so.1").env("LD_LIBRARY_PATH=lib").workdir("/opt").runs(),
        greet("library-path-with-origin", "/lib2/libgreet.so.1").env("LD_LIBRARY_PATH=$ORIGIN/lib2").runs(),
        greet("library-path-through-a-link", "/srv/x/lib/libgreet.so.1")
            .link("/opt/here", "/srv/x/bin")
            .dir("/srv/x/bin", 0o755)
            .env("LD_LIBRARY_PATH=/opt/here/../lib")
            .runs(),
        greet("library-path-set-by-a-wrapper", "/opt/lib/libgreet.so.1")
            .exe("/run", "#!/bin/sh\nLD_LIBRARY_PATH=/opt/lib exec /app\n")
            .entrypoint(&["/run"])
            .runs(),
        greet("library-path-exported-by-a-wrapper", "/opt/lib/libgreet.so.1")
            .exe("/run", "#!/bin/sh\nLD_LIBRARY_PATH=/opt/lib\nexport LD_LIBRARY_PATH\nexec /app\n")
            .entrypoint(&["/run"])
            .runs(),
        greet("library-path-not-exported-by-a-wrapper", "/opt/lib/libgreet.so.1")
            .exe("/run", "#!/bin/sh\nLD_LIBRARY_PATH=/opt/lib\nexec /app\n")
            .entrypoint(&["/run"])
            .dies(127, NO_GREET),
        greet("library-path-taken-away-by-a-wrapper", "/opt/lib/libgreet.so.1")
            .env("LD_LIBRARY_PATH=/opt/lib")
            .exe("/run", "#!/bin/sh\nunset LD_LIBRARY_PATH\nexec /app\n")
            .entrypoint(&["/run"])
            .dies(127, NO_GREET),
        greet("library-path-extended-by-a-wrapper", "/opt/lib/libgreet.so.1")
            .exe("/opt/run", "#!/bin/sh\nHERE=\"$(dirname \"$(readlink -f \"$0\")\")\"\nexport LD_LIBRARY_PATH=\"${HERE}/lib:${LD_LIBRARY_PATH}\"\nexec /app \"$@\"\n")
            .entrypoint(&["/opt/run"])
            .runs(),
        greet("library-path-set-by-env", "/opt/lib/libgreet.so.1").entrypoint(&["env", "LD_LIBRARY_PATH=/opt/lib", "/app"]).runs(),
        greet("library-path-taken-away-by-env", "/opt/lib/libgreet.so.1")
            .env("LD_LIBRARY_PATH=/opt/lib")
            .entrypoint(&["env", "-u", "LD_LIBRARY_PATH", "/app"])
            .dies(127, NO_GREET),
        greet("environment-emptied-by-env", "/opt/lib/libgreet.so.1")
            .env("LD_LIBRARY_PATH=/opt/lib")
            .entrypoint(&["env", "-i", "/app"])
            .dies(127, NO_GREET),
        greet("library-is-empty", "").exe("/usr/lib/libgreet.so.1", "").dies(127, "file too short"),
        greet("library-is-cut-short", "").exe("/usr/lib/libgreet.so.1", &short).dies(127, "file too short"),
        greet("library-is-text", "").exe("/usr/lib/libgreet.so.1", text.repeat(4)).dies(127, "invalid ELF header"),
        greet("library-for-another-machine", "").exe("/usr/lib/libgreet.so.1", program("app-arm64")).dies(127, NO_GREET),
        greet("library-of-32-bits-before-the-right-one", "/usr/lib/libgreet.so.1")
            .exe("/opt/lib/libgreet.so.1", program("app-386"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .runs(),
        greet("library-is-a-directory", "").dir("/usr/lib/libgreet.so.1", 0o755).dies(127, "cannot read file data: Error 21"),
        greet("library-is-a-dangling-link", "").link("/usr/lib/libgreet.so.1", "libgreet.so.1.0").dies(127, NO_GREET),
        greet("library-that-nothing-calls-is-missing-too", "").exe("/app", program("glibc-greet7-lazy")).dies(127, NO_GREET),
        runpath("runpath-with-origin", "$ORIGIN/../lib", "/opt/app/lib/libgreet.so.1").runs(),
        runpath("runpath-with-origin-in-braces", "${ORIGIN}/../lib", "/opt/app/lib/libgreet.so.1").runs(),
        runpath("runpath-elsewhere", "$ORIGIN/lib", "/opt/app/lib/libgreet.so.1").dies(127, NO_GREET),
        runpath("runpath-absolute", "/opt/app/lib", "/opt/app/lib/libgreet.so.1").runs(),
        runpath("runpath-second-element", "/none:/opt/app/lib", "/opt/app/lib/libgreet.so.1").runs(),
        runpath("runpath-through-a-link-to-a-directory", "/opt/link/../lib", "/srv/real/lib/libgreet.so.1")
            .dir("/srv/real/bin", 0o755)
            .link("/opt/link", "/srv/real/bin")
            .runs(),
        runpath("runpath-through-a-link-taken-lexically", "/opt/link/../lib", "/opt/lib/libgreet.so.1")
            .dir("/srv/real/bin", 0o755)
            .link("/opt/link", "/srv/real/bin")
            .dies(127, NO_GREET),
        runpath("runpath-relative", "lib", "/opt/app/lib/libgreet.so.1").workdir("/opt/app").runs(),
        runpath("runpath-relative-from-elsewhere", "lib", "/opt/app/lib/libgreet.so.1").dies(127, NO_GREET),
        runpath("runpath-with-platform-lib", "/opt/app/$LIB", "/opt/app/lib/x86_64-linux-gnu/libgreet.so.1").runs(),
        runpath("environment-before-runpath", "/opt/bad", "/opt/app/lib/libgreet.so.1")
            .exe("/opt/bad/libgreet.so.1", "text, not a library: longer than an ELF header, so that it is read and refused")
            .env("LD_LIBRARY_PATH=/opt/app/lib")
            .runs(),
        debian("rpath-before-the-environment")
            .exe("/app", with_runpath("glibc-greet-disable-room", "/opt/bad"))
            .exe("/opt/bad/libgreet.so.1", "text, not a library: longer than an ELF header, so that it is read and refused")
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .entrypoint(&["/app"])
            .dies(127, "invalid ELF header"),
        debian("runpath-is-not-inherited")
            .exe("/app", with_runpath("glibc-outer-enable-room", "/opt/lib"))
            .exe("/opt/lib/libouter.so.1", with_runpath("glibc-libouter-enable-room.so.1", "/none"))
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .entrypoint(&["/app"])
            .dies(127, NO_GREET),
        debian("rpath-is-inherited")
            .exe("/app", with_runpath("glibc-outer-disable-room", "/opt/lib"))
            .exe("/opt/lib/libouter.so.1", with_runpath("glibc-libouter-disable-room.so.1", "/none"))
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .entrypoint(&["/app"])
            .runs(),
        debian("library-with-runpath-ignores-rpath-of-the-program")
            .exe("/app", with_runpath("glibc-outer-disable-room", "/opt/lib"))
            .exe("/opt/lib/libouter.so.1", with_runpath("glibc-libouter-enable-room.so.1", "/none"))
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .entrypoint(&["/app"])
            .dies(127, NO_GREET),
        debian("library-finds-its-own-by-origin")
            .exe("/app", with_runpath("glibc-outer-enable-room", "/opt/lib"))
            .exe("/opt/lib/libouter.so.1", with_runpath("glibc-libouter-enable-room.so.1", "$ORIGIN/private"))
            .exe("/opt/lib/private/libgreet.so.1", program("glibc-libgreet.so.1"))
            .entrypoint(&["/app"])
            .runs(),
        musl_greet("musl-library-missing", "").dies(127, MUSL_NO_GREET),
        musl_greet("musl-library-in-a-default-directory", "/usr/local/lib/libgreet.so.1").runs(),
        musl_greet("musl-library-in-the-environment", "/opt/lib/libgreet.so.1").env("LD_LIBRARY_PATH=/opt/lib").runs(),
        musl_greet("musl-path-file", "/opt/lib/libgreet.so.1").file("/etc/ld-musl-x86_64.path", 0o644, "/lib\n/opt/lib\n").runs(),
        musl_greet("musl-path-file-replaces-the-defaults", "/usr/lib/libgreet.so.1").file("/etc/ld-musl-x86_64.path", 0o644, "/opt/lib\n").dies(127, MUSL_NO_GREET),
        musl_greet("musl-library-is-empty", "").exe("/usr/lib/libgreet.so.1", "").dies(127, "Exec format error"),
        musl_greet("musl-library-is-text-and-another-follows", "/usr/lib/libgreet.so.1").exe("/lib/libgreet.so.1", text.repeat(4)).dies(127, "Exec format error"),
        musl_runpath("musl-runpath-with-origin", "$ORIGIN/../lib", "/opt/app/lib/libgreet.so.1").runs(),
        musl_runpath("musl-runpath-through-a-link-to-a-directory", "/opt/link/../lib", "/srv/real/lib/libgreet.so.1")
            .dir("/srv/real/bin", 0o755)
            .link("/opt/link", "/srv/real/bin")
            .runs(),
        musl_runpath("musl-runpath-elsewhere", "/none", "/opt/app/lib/libgreet.so.1").dies(127, MUSL_NO_GREET),
        musl("musl-runpath-is-inherited")
            .exe("/app", with_runpath("musl-outer-enable-room", "/opt/lib"))
            .exe("/opt/lib/libouter.so.1", with_runpath("musl-libouter-enable-room.so.1", "/none"))
            .exe("/opt/lib/libgreet.so.1", program("musl-libgreet.so.1"))
            .entrypoint(&["/app"])
            .runs(),
        greet("preload-missing", "/usr/lib/libgreet.so.1").env("LD_PRELOAD=/opt/libpre.so").runs(),
        greet("preload-there", "/usr/lib/libgreet.so.1").exe("/opt/libpre.so", program("glibc-libpre.so")).env("LD_PRELOAD=/opt/libpre.so").runs(),
        musl_greet("musl-preload-missing", "/usr/lib/libgreet.so.1").env("LD_PRELOAD=/opt/libpre.so"),
        musl_greet("musl-preload-there", "/usr/lib/libgreet.so.1").exe("/opt/libpre.so", program("musl-libpre.so")).env("LD_PRELOAD=/opt/libpre.so").runs(),
        greet("preload-brings-the-library", "/opt/libgreet.so.1").env("LD_PRELOAD=/opt/libgreet.so.1").runs(),
        greet("setuid-program-ignores-the-environment", "/opt/lib/libgreet.so.1")
            .file("/app", 0o4755, program("glibc-greet1-lazy"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .user("app")
            .dies(127, NO_GREET),
        greet("setuid-program-of-the-same-user", "/opt/lib/libgreet.so.1")
            .file("/app", 0o4755, program("glibc-greet1-lazy"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .runs(),
        greet("setgid-program-ignores-the-environment", "/opt/lib/libgreet.so.1")
            .file("/app", 0o2755, program("glibc-greet1-lazy"))
            .owner(0, 33)
            .env("LD_LIBRARY_PATH=/opt/lib")
            .user("app")
            .dies(127, NO_GREET),
        greet("capable-program-ignores-the-environment", "/opt/lib/libgreet.so.1")
            .file("/app", 0o755, program("glibc-greet1-lazy"))
            .capable()
            .env("LD_LIBRARY_PATH=/opt/lib")
            .user("app")
            .dies(127, NO_GREET),
        greet("capable-program-as-root", "/opt/lib/libgreet.so.1")
            .file("/app", 0o755, program("glibc-greet1-lazy"))
            .capable()
            .env("LD_LIBRARY_PATH=/opt/lib")
            .runs(),
        musl_greet("musl-setuid-program-ignores-the-environment", "/opt/lib/libgreet.so.1")
            .file("/app", 0o4755, program("musl-greet1-lazy"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .user("app")
            .dies(127, MUSL_NO_GREET),
    ]
}

pub fn symbols() -> Vec<Case> {
    // A program that needs a symbol that the image's libgreet.so.1 lacks.
    let lacks = |libc: &str, mode: u32, bind: &str| {
        let name = format!("{libc}-symbol-mode-{mode}-{bind}");
        let case = if libc == "musl" {
            musl(name)
        } else {
            debian(name)
        };
        case.exe("/app", program(&format!("{libc}-greet{mode}-{bind}")))
            .exe(
                "/usr/lib/libgreet.so.1",
                program(&format!("{libc}-libgreet-lacking.so.1")),
            )
            .entrypoint(&["/app"])
    };
    let mut bound_at_start = lacks("glibc", 2, "lazy");
    bound_at_start.name.push_str("-bound-at-start");
    vec![
        lacks("glibc", 1, "lazy").runs(),
        lacks("glibc", 1, "now").runs(),
        lacks("glibc", 2, "lazy").runs(),
        lacks("glibc", 2, "now").dies(
            127,
            "symbol lookup error: /app: undefined symbol: greet_twice",
        ),
        lacks("glibc", 3, "lazy").dies(
            127,
            "symbol lookup error: /app: undefined symbol: greet_twice",
        ),
        lacks("glibc", 3, "now").dies(127, "undefined symbol: greet_twice"),
        lacks("glibc", 4, "lazy").dies(127, "undefined symbol: greet_twice_count"),
        lacks("glibc", 4, "now").dies(127, "undefined symbol: greet_twice_count"),
        lacks("glibc", 5, "lazy").runs(),
        lacks("glibc", 5, "now").runs(),
        lacks("glibc", 6, "lazy").dies(127, "undefined symbol: greet_twice"),
        lacks("glibc", 7, "now").runs(),
        lacks("musl", 1, "lazy").runs(),
        lacks("musl", 2, "lazy").dies(127, "Error relocating /app: greet_twice: symbol not found"),
        lacks("musl", 2, "now").dies(127, "greet_twice: symbol not found"),
        lacks("musl", 3, "lazy").dies(127, "greet_twice: symbol not found"),
        lacks("musl", 4, "lazy").dies(127, "greet_twice_count: symbol not found"),
        lacks("musl", 5, "lazy").runs(),
        lacks("musl", 6, "lazy").dies(127, "greet_twice: symbol not found"),
        lacks("musl", 7, "now").runs(),
        bound_at_start
            .env("LD_BIND_NOW=1")
            .dies(127, "undefined symbol: greet_twice"),
        debian("version-that-the-library-lacks")
            .exe("/app", program("uses-ver"))
            .exe("/usr/lib/libver.so.1", program("libver-old.so.1"))
            .entrypoint(&["/app"])
            .dies(1, "version `V2' not found (required by /app)"),
        debian("version-that-the-library-has")
            .exe("/app", program("uses-ver"))
            .exe("/usr/lib/libver.so.1", program("libver.so.1"))
            .entrypoint(&["/app"])
            .runs(),
        debian("library-without-the-symbol-behind-sh")
            .exe("/app", program("glibc-greet3-now"))
            .exe(
                "/usr/lib/libgreet.so.1",
                program("glibc-libgreet-lacking.so.1"),
            )
            .shell("exec /app")
            .dies(127, "undefined symbol: greet_twice"),
        debian("symbol-from-a-preload")
            .exe("/app", program("glibc-greet3-now"))
            .exe(
                "/usr/lib/libgreet.so.1",
                program("glibc-libgreet-lacking.so.1"),
            )
            .exe("/opt/full.so", program("glibc-libgreet.so.1"))
            .env("LD_PRELOAD=/opt/full.so")
            .entrypoint(&["/app"])
            .runs(),
        debian("version-of-glibc-that-nobody-has")
            .exe("/app", program("glibc-app-damaged-version"))
            .entrypoint(&["/app"]),
    ]
}
