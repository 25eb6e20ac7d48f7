//! The loader's input: its environment, RUNPATHs through links, libraries that lack symbols. Drawn at
//! random, for both C libraries.

use super::Random;
use crate::start_support::case::{Case, debian, musl};
use crate::start_support::parts::{program, with_runpath};

/// Returns a base and the prefix of its programs.
fn libc(random: &mut Random, name: String) -> (Case, &'static str) {
    match random.percent(60) {
        true => (debian(name), "glibc"),
        false => (musl(name), "musl"),
    }
}

const PLACES: &[&str] = &[
    "/usr/lib",
    "/opt/lib",
    "/opt/other",
    "/usr/local/lib",
    "/srv/x/lib",
    "/lib2",
];

/// Values of LD_LIBRARY_PATH.
const PATHS: &[&str] = &[
    "/opt/lib",
    "/opt/other:/opt/lib",
    "/opt/link/../lib",
    "lib",
    "",
    ":",
    "/none;/opt/lib",
    "/opt/lib/",
    "/srv/x/lib",
    "$ORIGIN/lib",
    "/opt/./lib",
    "/opt/bad:/opt/lib",
    "/opt/old:/opt/lib",
];

pub fn draw(random: &mut Random, name: String) -> Case {
    let (mut case, libc) = libc(random, name);
    let mode = random.pick(&[0o755, 0o755, 0o755, 0o4755, 0o2755, 0o755]);
    case = case.file(
        "/opt/app",
        mode,
        program(&format!("{libc}-greet1-{}", random.of(&["lazy", "now"]))),
    );
    if random.percent(20) {
        case = case.owner(1000, 1000);
    }
    if random.percent(8) {
        case = case.capable();
    }
    let place = random.pick(PLACES);
    let mode = if random.percent(10) { 0o600 } else { 0o644 };
    case = case
        .file(&format!("{place}/libgreet.so.1"), mode, program(&format!("{libc}-libgreet.so.1")))
        .dir("/srv/x/bin", 0o755)
        .link("/opt/link", "/srv/x/bin")
        .file("/opt/bad/libgreet.so.1", 0o644, "this is text, and longer than the header of an ELF file, which the loader reads first\n");
    let other = if libc == "glibc" { "musl" } else { "glibc" };
    case = case.file(
        "/opt/old/libgreet.so.1",
        0o644,
        program(if random.percent(50) {
            "app-386"
        } else {
            "app-arm64"
        }),
    );
    let value = random.pick(PATHS);
    let set = format!("LD_LIBRARY_PATH={value}");
    if random.percent(50) {
        case = case.env(&set);
    }
    if random.percent(12) {
        let library = random.pick(&[
            "/opt/pre.so",
            "/opt/lib/libgreet.so.1",
            "libgreet.so.1",
            "/none.so",
        ]);
        case = case
            .file("/opt/pre.so", 0o644, program(&format!("{libc}-libpre.so")))
            .env(&format!("LD_PRELOAD={library}"));
    }
    if random.percent(4) {
        case = case
            .file("/opt/pre.so", 0o644, program(&format!("{other}-libpre.so")))
            .env("LD_PRELOAD=/opt/pre.so");
    }
    if random.percent(30) {
        case = case.workdir(random.of(&["/opt", "/opt/lib", "/srv/x"]));
    }
    if random.percent(40) {
        case = case.user(random.of(&["app", "web", "0", "1000:33"]));
    }
    let script = match random.below(9) {
        0 => format!("{set} exec /opt/app\n"),
        1 => format!("export {set}\nexec /opt/app\n"),
        2 => "unset LD_LIBRARY_PATH\nexec /opt/app\n".to_owned(),
        3 => format!("{set}\nexec /opt/app\n"),
        4 => format!("exec env '{set}' /opt/app\n"),
        5 => "exec env -u LD_LIBRARY_PATH /opt/app\n".to_owned(),
        6 => "export LD_LIBRARY_PATH=\"/opt/lib:$LD_LIBRARY_PATH\"\nexec /opt/app\n".to_owned(),
        _ => return case.entrypoint(&["/opt/app"]),
    };
    let shell = if libc == "glibc" && random.percent(40) {
        "bash"
    } else {
        "sh"
    };
    case.exe("/run", format!("#!/bin/{shell}\n{script}"))
        .entrypoint(&["/run"])
}

/// RUNPATHs and RPATHs.
const RUNPATHS: &[&str] = &[
    "$ORIGIN/../lib",
    "${ORIGIN}/../lib",
    "/opt/link/../lib",
    "/opt/link/lib",
    "$ORIGIN/../../lib",
    "lib",
    "",
    "/none:$ORIGIN/../lib",
    "/opt/app/lib",
    "/opt/app/./lib/../lib",
    "$ORIGIN",
    "/opt/none/../app/lib",
    "$ORIGIN/../link/../lib",
    "/opt/dangling/../app/lib",
    "/opt/link/../../lib",
    "/opt/app/bin/../lib/",
    ":/opt/app/lib",
    "/opt/app/$LIB",
    "$ORIGINx/../lib",
    "/opt/file/../app/lib",
];

const TARGETS: &[&str] = &[
    "/srv/real/bin",
    "../srv/real/bin",
    "/opt/app/bin",
    "app/lib",
    "/",
    ".",
    "/srv/real",
];

pub fn draw_runpath(random: &mut Random, name: String) -> Case {
    let (mut case, libc) = libc(random, name);
    let tags = random.of(&["enable", "disable"]);
    let path = random.pick(RUNPATHS);
    let place = random.of(&[
        "/opt/app/lib",
        "/opt/app/lib",
        "/opt/lib",
        "/srv/real/lib",
        "/srv/lib",
        "/opt/app/bin",
        "/lib2",
    ]);
    let app = "/opt/app/bin/app";
    case = case
        .file("/opt/file", 0o644, "x")
        .dir("/srv/real/bin", 0o755)
        .dir("/opt/app/lib", 0o755)
        .link("/opt/link", random.of(TARGETS))
        .link("/opt/app/link", random.of(TARGETS))
        .link("/opt/dangling", "/none")
        .exe(
            &format!("{place}/libgreet.so.1"),
            program(&format!("{libc}-libgreet.so.1")),
        );
    if random.percent(60) {
        case = case.exe(
            "/opt/app/lib/libgreet.so.1",
            program(&format!("{libc}-libgreet.so.1")),
        );
    }
    if random.percent(40) {
        let inner = random.pick(RUNPATHS);
        let outer = random.of(&["/opt/app/lib", "/opt/lib", "/srv/real/lib", "/usr/lib"]);
        let library = with_runpath(
            &format!(
                "{libc}-libouter-{}-room.so.1",
                random.of(&["enable", "disable"])
            ),
            inner,
        );
        case = case.exe(&format!("{outer}/libouter.so.1"), library).exe(
            app,
            with_runpath(&format!("{libc}-outer-{tags}-room"), path),
        );
    } else {
        case = case.exe(
            app,
            with_runpath(&format!("{libc}-greet-{tags}-room"), path),
        );
    }
    if random.percent(20) {
        case = case.workdir(random.of(&["/opt/app", "/opt/app/lib", "/srv/real"]));
    }
    if random.percent(15) {
        case = case.env(&format!("LD_LIBRARY_PATH={}", random.pick(PATHS)));
    }
    match random.below(4) {
        0 => case.link("/run", app).entrypoint(&["/run"]),
        1 => case
            .link("/srv/run", "../opt/app/bin/app")
            .entrypoint(&["/srv/run"]),
        2 => case.workdir("/opt/app").entrypoint(&["bin/app"]),
        _ => case.entrypoint(&[app]),
    }
}

pub fn draw_symbol(random: &mut Random, name: String) -> Case {
    let (mut case, libc) = libc(random, name);
    let mode = 1 + random.below(7);
    let bind = random.of(&["lazy", "now"]);
    let library = random.of(&["libgreet", "libgreet-lacking", "libgreet-lacking"]);
    case = case
        .exe("/opt/app", program(&format!("{libc}-greet{mode}-{bind}")))
        .exe(
            "/usr/lib/libgreet.so.1",
            program(&format!("{libc}-{library}.so.1")),
        );
    if random.percent(15) {
        case = case.env("LD_BIND_NOW=1");
    }
    if random.percent(15) {
        let full = program(&format!("{libc}-libgreet.so.1"));
        case = case
            .exe("/opt/full.so", full)
            .env(random.of(&["LD_PRELOAD=/opt/full.so", "LD_PRELOAD=/opt/full.so:/none"]));
    }
    if random.percent(15) {
        case = case.layer("RUN upgrade").exe(
            "/usr/lib/libgreet.so.1",
            program(&format!(
                "{libc}-{}.so.1",
                random.of(&["libgreet", "libgreet-lacking"])
            )),
        );
    }
    match random.below(4) {
        0 => case.entrypoint(&["/opt/app", "x"]),
        1 => case.shell("exec /opt/app"),
        _ => case.entrypoint(&["/opt/app"]),
    }
}
