//! Files that the kernel does not execute, started directly, by shells and by launchers.

use crate::start_support::case::{Case, busybox, debian, musl};
use crate::start_support::parts::program;

const BODY: &str = "exec /app\n";

/// Returns a file `/run` with these bytes, started by `start`.
fn direct(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    busybox(name)
        .exe("/app", program("app"))
        .exe("/run", bytes)
        .entrypoint(&["/run"])
}

/// Returns a file `/run` without a shebang, in the image of `case`, started by this command.
fn plain(case: Case, argv: &[&str]) -> Case {
    case.exe("/app", program("app"))
        .exe("/run", BODY)
        .entrypoint(argv)
}

pub fn cases() -> Vec<Case> {
    let elf = program("app");
    let cut = &elf[..40];
    let mut foreign = elf.clone();
    foreign[18] = 0xf3; // EM_RISCV
    let mut object = elf.clone();
    object[16] = 1; // ET_REL
    let mut bits = elf.clone();
    bits[4] = 1; // ELFCLASS32, which the kernel does not look at
    let garbage = [b"\x7fELF".as_slice(), &[0xa5; 200]].concat();
    let go = program("app-386");
    vec![
        direct("no-shebang", BODY).refused("exec", "ENOEXEC"),
        direct("empty-file", "").refused("exec", "ENOEXEC"),
        direct("one-byte", "#").refused("exec", "ENOEXEC"),
        direct("bom-before-shebang", "\u{feff}#!/bin/sh\nexec /app\n").refused("exec", "ENOEXEC"),
        direct(
            "html-page",
            "<!DOCTYPE html>\n<html><body>404</body></html>\n",
        )
        .refused("exec", "ENOEXEC"),
        direct("blank-line-before-shebang", "\n#!/bin/sh\nexec /app\n").refused("exec", "ENOEXEC"),
        direct("space-before-shebang", " #!/bin/sh\nexec /app\n").refused("exec", "ENOEXEC"),
        direct("crlf-after-the-interpreter", "#!/bin/sh\r\nexec /app\r\n")
            .refused("exec", "ENOENT"),
        direct("crlf-after-an-option", "#!/bin/sh -e\r\nexec /app\r\n").dies(2, "illegal option -"),
        direct("crlf-in-the-body", "#!/bin/sh\nexec /app\r\n").dies(127, "/app\r: not found"),
        direct("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03").refused("exec", "ENOEXEC"),
        direct(
            "shebang-of-an-interpreter-that-is-not-there",
            "#!/usr/bin/perl\n",
        )
        .refused("exec", "ENOENT"),
        plain(busybox("no-shebang-behind-ash"), &["/bin/sh", "-c", "/run"]).runs(),
        plain(debian("no-shebang-behind-dash"), &["/bin/sh", "-c", "/run"]).runs(),
        plain(
            debian("no-shebang-behind-bash"),
            &["/bin/bash", "-c", "/run"],
        )
        .runs(),
        plain(
            debian("no-shebang-behind-bash-exec"),
            &["/bin/bash", "-c", "exec /run"],
        )
        .runs(),
        plain(debian("no-shebang-given-to-dash"), &["/bin/sh", "/run"]).runs(),
        plain(debian("no-shebang-behind-env"), &["env", "/run"]).runs(),
        plain(
            busybox("no-shebang-behind-env-of-busybox"),
            &["env", "/run"],
        )
        .runs(),
        plain(debian("no-shebang-behind-tini"), &["tini", "--", "/run"]).runs(),
        plain(
            debian("no-shebang-behind-dumb-init"),
            &["dumb-init", "/run"],
        )
        .runs(),
        plain(debian("no-shebang-behind-gosu"), &["gosu", "app", "/run"])
            .dies(1, "exec format error"),
        plain(
            musl("no-shebang-behind-su-exec"),
            &["su-exec", "app", "/run"],
        )
        .dies(1, "Exec format error"),
        plain(
            debian("no-shebang-behind-catatonit"),
            &["catatonit", "--", "/run"],
        )
        .runs(),
        plain(
            debian("no-shebang-behind-setpriv"),
            &["setpriv", "--reuid=1000", "--clear-groups", "/run"],
        )
        .runs(),
        plain(debian("no-shebang-behind-nice"), &["nice", "/run"]).runs(),
        plain(
            debian("no-shebang-behind-timeout"),
            &["timeout", "5", "/run"],
        )
        .runs(),
        busybox("empty-file-behind-ash")
            .exe("/run", "")
            .shell("/run")
            .runs(),
        debian("empty-file-behind-dash")
            .exe("/run", "")
            .shell("/run")
            .runs(),
        debian("empty-file-behind-bash")
            .exe("/run", "")
            .entrypoint(&["/bin/bash", "-c", "/run"])
            .runs(),
        debian("html-page-behind-dash")
            .exe("/run", "<!DOCTYPE html>\n<html>\n")
            .shell("exec /run")
            .dies(2, "Syntax error"),
        debian("html-page-behind-bash")
            .exe("/run", "<!DOCTYPE html>\n<html>\n")
            .entrypoint(&["/bin/bash", "-c", "exec /run"])
            .dies(2, "syntax error"),
        debian("machine-of-another-behind-bash")
            .exe("/run", program("app-arm64"))
            .entrypoint(&["/bin/bash", "-c", "exec /run"])
            .dies(126, "cannot execute binary file: Exec format error"),
        debian("machine-of-another-behind-dash")
            .exe("/run", program("app-arm64"))
            .shell("exec /run")
            .dies(126, "/run: Exec format error"),
        busybox("machine-of-another-behind-ash")
            .exe("/run", program("app-arm64"))
            .shell("exec /run")
            .dies(2, "syntax error"),
        debian("machine-of-another-behind-tini")
            .exe("/run", program("app-arm64"))
            .entrypoint(&["tini", "--", "/run"])
            .dies(2, "Syntax error"),
        busybox("machine-of-another")
            .exe("/run", program("app-arm64"))
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("program-for-386")
            .exe("/run", go)
            .entrypoint(&["/run"])
            .runs(),
        busybox("elf-cut-in-its-header")
            .exe("/run", cut)
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("elf-of-64-bytes")
            .exe("/run", &elf[..64])
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("elf-for-riscv")
            .exe("/run", &foreign)
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("elf-object")
            .exe("/run", &object)
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("elf-with-class-of-32-bits")
            .exe("/run", &bits)
            .entrypoint(&["/run"])
            .runs(),
        busybox("garbage-after-the-elf-magic")
            .exe("/run", garbage)
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("elf-cut-in-the-middle")
            .exe("/run", &elf[..elf.len() / 2])
            .entrypoint(&["/run"])
            .killed(11),
    ]
}
