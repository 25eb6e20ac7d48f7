//! What the loaders find, and what they miss.

use super::*;

fn rpath(mut binary: Binary, dirs: &[&str]) -> Binary {
    binary.rpath = needs(dirs);
    binary
}

pub(super) fn runpath(mut binary: Binary, dirs: &[&str]) -> Binary {
    binary.runpath = needs(dirs);
    binary
}

#[test]
fn a_healthy_image_has_no_findings() {
    let found = World::debian().found();
    assert_eq!(found.lines(), Vec::<String>::new());
    assert_eq!(found.missing("bin/sh"), "");
    let status = found.findings.interpreter_status(found.node("bin/sh"));
    assert_eq!(status, Some(InterpreterStatus::Ok));
    let libc = found.node("lib/x86_64-linux-gnu/libc.so.6");
    assert_eq!(found.findings.interpreter_status(libc), None);
}

#[test]
fn what_is_not_there_is_missing_for_all_that_load_it() {
    let mut world = World::debian();
    world
        .binary(
            "usr/lib/liba.so",
            library("liba.so", &["libb.so", "libc.so.6"]),
        )
        .binary("usr/bin/tool", program(&["liba.so", "libc.so.6"]))
        .binary("usr/bin/own", program(&["libc.so.6", "libz.so.1"]));
    let found = world.found();
    assert_eq!(found.missing("usr/lib/liba.so"), "libb.so");
    assert_eq!(found.missing("usr/bin/tool"), "libb.so");
    let lines = [
        "fail missing-library /usr/bin/own",
        "fail missing-library /usr/bin/tool",
        "info missing-library /usr/lib/liba.so",
    ];
    assert_eq!(found.lines(), lines);
    let tool = &found.findings.list()[1];
    assert_eq!(
        tool.detail,
        "the loader does not find libb.so (needed by /usr/lib/liba.so)"
    );
    assert_eq!(tool.layer, Some(0));
}

#[test]
fn a_run_path_is_for_the_needs_of_its_own_file() {
    let mut world = World::debian();
    world
        .binary("opt/lib/liba.so", library("liba.so", &["libb.so"]))
        .binary("opt/lib/libb.so", library("libb.so", &[]))
        .binary("usr/bin/old", rpath(program(&["liba.so"]), &["/opt/lib"]))
        .binary("usr/bin/new", runpath(program(&["liba.so"]), &["/opt/lib"]));
    let found = world.found();
    assert_eq!(found.missing("usr/bin/old"), "");
    assert_eq!(found.missing("usr/bin/new"), "libb.so");
    // A RUNPATH in the library itself disables the RPATH inherited from its loading object.
    let liba = runpath(library("liba.so", &["libb.so"]), &["/nowhere"]);
    world.binary("opt/lib/liba.so", liba);
    assert_eq!(world.found().missing("usr/bin/old"), "libb.so");
    // If one file has both, RPATH is ignored.
    let both = runpath(rpath(program(&["liba.so"]), &["/opt/lib"]), &["/nowhere"]);
    world.binary("usr/bin/both", both);
    assert_eq!(world.found().missing("usr/bin/both"), "liba.so");
}

#[test]
fn tokens_are_those_of_the_file() {
    let mut world = World::debian();
    world
        .binary(
            "opt/x/lib/liba.so",
            rpath(library("liba.so", &["libb.so"]), &["${ORIGIN}/more"]),
        )
        .binary("opt/x/lib/more/libb.so", library("libb.so", &[]))
        .binary(
            "opt/x/bin/tool",
            runpath(program(&["liba.so"]), &["$ORIGIN/../lib"]),
        )
        .binary(
            "opt/y/lib/x86_64-linux-gnu/libl.so",
            library("libl.so", &[]),
        )
        .binary(
            "opt/x/bin/lib",
            runpath(program(&["libl.so"]), &["/opt/y/$LIB"]),
        );
    let found = world.found();
    assert_eq!(found.missing("opt/x/bin/tool"), "");
    assert_eq!(found.missing("opt/x/bin/lib"), "");
}

#[test]
fn the_cache_is_believed_and_the_configuration_is_not() {
    let mut world = World::debian();
    world
        .text("etc/ld.so.conf", "/opt/lib\n")
        .binary("opt/lib/liba.so.1", library("liba.so.1", &[]))
        .binary("usr/bin/tool", program(&["liba.so.1"]));
    let found = world.found();
    assert_eq!(found.missing("usr/bin/tool"), "liba.so.1");
    assert!(found.findings.list()[0].hint.contains("ldconfig"));
    world.text("etc/ld.so.cache", cache("liba.so.1", "/opt/lib/liba.so.1"));
    assert_eq!(world.found().missing("usr/bin/tool"), "");
    // A dangling entry counts as none.
    world.text("etc/ld.so.cache", cache("liba.so.1", "/opt/gone/liba.so.1"));
    assert_eq!(world.found().missing("usr/bin/tool"), "liba.so.1");
}

/// Returns a cache with one library.
fn cache(name: &str, path: &str) -> Vec<u8> {
    let mut bytes = b"glibc-ld.so.cache1.1".to_vec();
    bytes.extend(1u32.to_le_bytes());
    bytes.resize(48, 0);
    for word in [0x0303, 72, 72 + name.len() as u32 + 1, 0, 0, 0] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(format!("{name}\0{path}\0").bytes());
    bytes
}

#[test]
fn the_environment_of_the_image_counts() {
    let mut world = World::debian();
    world
        .binary("opt/lib/liba.so", library("liba.so", &[]))
        .binary("usr/bin/tool", program(&["liba.so"]));
    assert_eq!(world.found().missing("usr/bin/tool"), "liba.so");
    world.env("LD_LIBRARY_PATH=/nowhere:/opt/lib");
    assert_eq!(world.found().missing("usr/bin/tool"), "");
}

#[test]
fn another_machine_is_passed_over_and_what_is_no_library_is_not() {
    let mut world = World::debian();
    let mut other = library("liba.so", &[]);
    (other.arch, other.bits) = (sourced("386"), Some(32));
    world
        .binary("opt/32/liba.so", other)
        .binary("opt/64/liba.so", library("liba.so", &[]))
        .text("opt/text/liba.so", "INPUT(liba.so.1)")
        .binary(
            "usr/bin/good",
            runpath(program(&["liba.so"]), &["/opt/32", "/opt/64"]),
        )
        .binary(
            "usr/bin/bad",
            runpath(program(&["liba.so"]), &["/opt/text", "/opt/64"]),
        );
    let found = world.found();
    assert_eq!(found.missing("usr/bin/good"), "");
    assert_eq!(found.missing("usr/bin/bad"), "liba.so");
    assert!(found.detail(Id::MissingLibrary).contains("not a library"));
}

#[test]
fn what_is_loaded_under_its_soname_is_not_looked_for_again() {
    let mut world = World::debian();
    world
        .binary("opt/lib/plugin.so", library("libplugin.so.1", &[]))
        .binary(
            "usr/bin/tool",
            program(&["/opt/lib/plugin.so", "libplugin.so.1"]),
        );
    assert_eq!(world.found().missing("usr/bin/tool"), "");
    world.binary(
        "usr/bin/tool",
        program(&["libplugin.so.1", "/opt/lib/plugin.so"]),
    );
    assert_eq!(world.found().missing("usr/bin/tool"), "libplugin.so.1");
}

#[test]
fn directories_for_better_processors_are_looked_into() {
    let mut world = World::debian();
    world
        .binary(
            "usr/lib/glibc-hwcaps/x86-64-v3/liba.so",
            library("liba.so", &[]),
        )
        .binary("usr/bin/tool", program(&["liba.so"]));
    assert_eq!(world.found().missing("usr/bin/tool"), "");
}

#[test]
fn circles_end() {
    let mut world = World::debian();
    world
        .binary("usr/lib/liba.so", library("liba.so", &["libb.so"]))
        .binary(
            "usr/lib/libb.so",
            library("libb.so", &["liba.so", "libb.so"]),
        )
        .binary("usr/bin/tool", rpath(program(&["liba.so"]), &["$ORIGIN"]));
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

/// Returns an image with musl.
pub(super) fn alpine() -> World {
    let mut world = World::new("linux/amd64");
    let mut loader = library("", &[]);
    loader.libc = Some(Libc::Musl);
    world
        .binary("lib/ld-musl-x86_64.so.1", loader)
        .bytes(
            "lib/ld-musl-x86_64.so.1",
            "/etc/ld-musl-x86_64.path\0/lib:/usr/local/lib:/usr/lib\0",
        )
        .binary("bin/busybox", musl(&["libc.musl-x86_64.so.1"]))
        .link("bin/sh", "/bin/busybox");
    world.declared.start.cmd = vec!["/bin/sh".to_owned()];
    world
}

pub(super) fn musl(needed: &[&str]) -> Binary {
    Binary {
        libc: Some(Libc::Musl),
        interpreter: Some(MUSL.into()),
        ..program(needed)
    }
}

#[test]
fn musl_has_its_own_ways() {
    let mut world = alpine();
    assert_eq!(world.found().lines(), Vec::<String>::new());
    let liba = runpath(library("liba.so", &["libb.so"]), &["/nowhere"]);
    world
        .binary("opt/lib/liba.so", liba)
        .binary("opt/lib/libb.so", library("libb.so", &[]))
        .binary("opt/path/libp.so", library("libp.so", &[]))
        // A run path is inherited, even through another one.
        .binary(
            "usr/bin/tool",
            runpath(musl(&["liba.so", "libc.so.6"]), &["/opt/lib"]),
        )
        .binary("usr/bin/last", musl(&["libp.so"]));
    let found = world.found();
    assert_eq!(found.missing("usr/bin/tool"), "");
    assert_eq!(found.missing("usr/bin/last"), "libp.so");
    world.text("etc/ld-musl-x86_64.path", "/lib\n/opt/path\n");
    assert_eq!(world.found().missing("usr/bin/last"), "");
}

#[test]
fn glibc_programs_on_musl_lack_symbols() {
    let mut world = alpine();
    let app = program(&["libc.so.6"]);
    world.binary("app", app).start(&["/app"]);
    world.undefined.insert(
        "/app".into(),
        vec!["getaddrinfo_a", "puts", "?__gmon_start__"],
    );
    let libc = world.exports.entry("/lib/ld-musl-x86_64.so.1".into());
    libc.or_default().push("puts");
    let lines = ["fail missing-loader /app", "fail libc-mismatch /app"];
    assert_eq!(world.found().lines(), lines);
    assert_eq!(
        world.found().detail(Id::LibcMismatch),
        "it is built for glibc, and the image has musl; symbols that musl lacks: getaddrinfo_a"
    );
    // With a link in place of its loader it starts, but it still fails.
    world.link("lib64/ld-linux-x86-64.so.2", MUSL);
    assert_eq!(world.found().lines(), ["fail libc-mismatch /app"]);
    let libc = world.exports.entry("/lib/ld-musl-x86_64.so.1".into());
    libc.or_default().push("getaddrinfo_a");
    assert_eq!(world.found().lines(), ["warn libc-mismatch /app"]);
}

#[test]
fn versions_are_those_of_who_provides_them() {
    let mut world = World::debian();
    let mut app = program(&["libc.so.6"]);
    app.versions_needed = vec![versions(
        "libc.so.6",
        &["GLIBC_2.17", "GLIBC_2.38"],
        &["GLIBC_9"],
    )];
    world.binary("app", app).start(&["/app"]);
    let found = world.found();
    assert_eq!(found.lines(), ["fail glibc-too-old /app"]);
    let detail = found.detail(Id::GlibcTooOld);
    assert_eq!(
        detail,
        "/usr/lib/x86_64-linux-gnu/libc.so.6 does not define GLIBC_2.38"
    );
    assert!(found.findings.list()[0].hint.contains("glibc 2.38"));
    let mut app = program(&["libc.so.6"]);
    app.versions_needed = vec![versions("libc.so.6", &["GLIBC_2.36"], &["GLIBC_9"])];
    world.binary("app", app);
    assert_eq!(world.found().lines(), Vec::<String>::new());
}
