//! The line after `#!`: interpreters that are scripts, arguments, its length, `env`.

use crate::start_support::case::{Case, busybox, debian};
use crate::start_support::parts::program;

/// A script `/run` with this first line, on busybox.
fn line(name: &str, first: &str) -> Case {
    let text = format!("{first}\nexec /app\n");
    busybox(name)
        .exe("/app", program("app"))
        .exe("/run", text)
        .entrypoint(&["/run"])
}

/// Like [`line`], on Debian.
fn debian_line(name: &str, first: &str) -> Case {
    let text = format!("{first}\nexec /app\n");
    debian(name)
        .exe("/app", program("app"))
        .exe("/run", text)
        .entrypoint(&["/run"])
}

/// Returns a chain of `length` scripts that interpret each other, the last one interpreted by the app.
fn chain(length: usize) -> Case {
    let mut case = busybox(format!("chain-of-{length}-scripts")).exe("/app", program("app"));
    for number in 1..=length {
        let next = match number {
            1 => "#!/app\n".to_owned(),
            _ => format!("#!/s{}\n", number - 1),
        };
        case = case.exe(&format!("/s{number}"), next);
    }
    case.entrypoint(&[&format!("/s{length}")])
}

/// Returns a first line of `length` bytes, without the newline, with a long argument.
fn long(name: &str, length: usize) -> Case {
    let mut first = "#!/app ".to_owned();
    first.push_str(&"x".repeat(length - first.len()));
    busybox(name)
        .exe("/app", program("app"))
        .exe("/run", format!("{first}\n"))
        .entrypoint(&["/run"])
}

/// Returns a first line whose interpreter has a path of `length` bytes.
fn deep(name: &str, length: usize) -> Case {
    let mut dir = "/opt".to_owned();
    while dir.len() + 40 < length {
        dir.push_str("/0123456789");
    }
    let path = format!("{dir}/{}", "i".repeat(length - dir.len() - 1));
    let case = busybox(name).exe(&path, program("app"));
    case.exe("/run", format!("#!{path}\n"))
        .entrypoint(&["/run"])
}

pub fn cases() -> Vec<Case> {
    vec![
        line("blanks-before-the-interpreter", "#! \t /bin/sh").runs(),
        line("blanks-after-the-interpreter", "#!/bin/sh  \t ").runs(),
        line("blanks-before-an-option", "#!/bin/sh \t -e").runs(),
        line("two-options-are-one-argument", "#!/bin/sh -e -u").dies(2, "illegal option - "),
        busybox("no-newline-after-the-interpreter")
            .exe("/run", "#!/app")
            .exe("/app", program("app"))
            .entrypoint(&["/run"])
            .runs(),
        busybox("only-blanks-after-shebang")
            .exe("/run", "#!  \n")
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        busybox("nothing-after-shebang")
            .exe("/run", "#!\n")
            .entrypoint(&["/run"])
            .refused("exec", "ENOEXEC"),
        // The kernel reads the zeros after the end of the file as an empty path: the working directory.
        busybox("two-bytes")
            .exe("/run", "#!")
            .entrypoint(&["/run"])
            .refused("exec", "EACCES"),
        chain(1).runs(),
        chain(2).runs(),
        chain(3).runs(),
        chain(4).runs(),
        chain(5).runs(),
        chain(6).refused("exec", "ELOOP"),
        chain(7).refused("exec", "ELOOP"),
        busybox("scripts-in-a-circle")
            .exe("/a", "#!/b\n")
            .exe("/b", "#!/a\n")
            .entrypoint(&["/a"])
            .refused("exec", "ELOOP"),
        busybox("script-that-interprets-itself")
            .exe("/a", "#!/a\n")
            .entrypoint(&["/a"])
            .refused("exec", "ELOOP"),
        busybox("script-as-interpreter-without-x")
            .file("/b", 0o644, "#!/bin/sh\n")
            .exe("/a", "#!/b\n")
            .entrypoint(&["/a"])
            .refused("exec", "EACCES"),
        busybox("interpreter-without-shebang")
            .exe("/b", "exec /app\n")
            .exe("/a", "#!/b\n")
            .entrypoint(&["/a"])
            .refused("exec", "ENOEXEC"),
        line("relative-interpreter-from-the-root", "#!bin/sh").runs(),
        line("relative-interpreter-from-elsewhere", "#!bin/sh")
            .workdir("/opt")
            .refused("exec", "ENOENT"),
        line("interpreter-without-a-directory", "#!sh").refused("exec", "ENOENT"),
        line("interpreter-without-a-directory-in-bin", "#!sh")
            .workdir("/bin")
            .runs(),
        line("interpreter-through-dots", "#!/usr/../bin/./sh").runs(),
        line("env-sh", "#!/usr/bin/env sh").runs(),
        line("env-of-a-program-that-is-not-there", "#!/usr/bin/env bash").dies(127, "bash"),
        debian_line("env-bash", "#!/usr/bin/env bash").runs(),
        debian_line("env-of-several-words", "#!/usr/bin/env bash -e")
            .dies(127, "No such file or directory"),
        debian_line("env-s", "#!/usr/bin/env -S bash -e").runs(),
        debian_line("env-s-with-variable", "#!/usr/bin/env -S MODE=x bash -e").runs(),
        debian_line(
            "env-s-of-a-program-that-is-not-there",
            "#!/usr/bin/env -S python3 -u",
        )
        .dies(127, "No such file or directory"),
        debian_line("env-i", "#!/usr/bin/env -i bash").dies(125, "invalid option"),
        debian_line("env-is", "#!/usr/bin/env -iS /bin/bash").runs(),
        debian_line("env-that-is-elsewhere", "#!/opt/bin/env bash").refused("exec", "ENOENT"),
        line("env-s-of-busybox", "#!/usr/bin/env -S sh -e").dies(1, "invalid option"),
        long("line-of-127-bytes", 127).runs(),
        long("line-of-128-bytes", 128).runs(),
        long("line-of-255-bytes", 255).runs(),
        long("line-of-256-bytes", 256).runs(),
        long("line-of-400-bytes", 400).runs(),
        deep("interpreter-of-120-bytes", 120).runs(),
        deep("interpreter-of-252-bytes", 252).runs(),
        deep("interpreter-of-253-bytes", 253).runs(),
        deep("interpreter-of-254-bytes", 254).refused("exec", "ENOEXEC"),
        deep("interpreter-of-300-bytes", 300).refused("exec", "ENOEXEC"),
        busybox("nul-in-the-line")
            .exe("/run", b"#!/bin/sh\0x\nexec /app\n")
            .exe("/app", program("app"))
            .entrypoint(&["/run"])
            .runs(),
        debian("script-of-dash-with-dash-dash")
            .exe("/app", program("app"))
            .exe("/run", "#!/bin/sh --\nexec /app\n")
            .entrypoint(&["/run"])
            .runs(),
    ]
}
