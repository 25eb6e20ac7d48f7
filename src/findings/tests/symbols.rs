//! Symbols and versions that nothing defines.

use super::loading::{alpine, musl, runpath};
use super::*;

#[test]
fn a_symbol_that_an_older_musl_has_not_stops_a_program() {
    let mut world = alpine();
    world.binary("app", musl(&["libc.so"])).start(&["/app"]);
    world
        .undefined
        .insert("/app".into(), vec!["qsort_r()", "puts()", "?maybe"]);
    world
        .exports
        .insert("/lib/ld-musl-x86_64.so.1".into(), vec!["puts"]);
    assert_eq!(world.found().lines(), ["fail missing-symbol /app"]);
    assert_eq!(
        world.found().detail(Id::MissingSymbol),
        "nothing that is loaded with it defines qsort_r: it fails at start with \"symbol not found\""
    );
    world
        .exports
        .insert("/lib/ld-musl-x86_64.so.1".into(), vec!["puts", "qsort_r"]);
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[test]
fn a_function_fails_at_its_call_and_data_at_start() {
    let mut world = World::debian();
    world
        .binary("usr/lib/liba.so", library("liba.so", &["libc.so.6"]))
        .binary("app", program(&["liba.so", "libc.so.6"]))
        .start(&["/app"]);
    world
        .undefined
        .insert("/usr/lib/liba.so".into(), vec!["absent()", "?weak"]);
    assert_eq!(world.found().lines(), ["warn missing-symbol /app"]);
    assert_eq!(
        world.found().detail(Id::MissingSymbol),
        "nothing that is loaded with it defines absent (needed by /lib/liba.so): it fails with \
         \"undefined symbol\" when that is called first"
    );
    world.env("LD_BIND_NOW=1");
    assert_eq!(world.found().lines(), ["fail missing-symbol /app"]);
    world.declared.start.env.clear();
    world
        .undefined
        .insert("/usr/lib/liba.so".into(), vec!["absent"]);
    assert_eq!(world.found().lines(), ["fail missing-symbol /app"]);
    // The program itself may define what its libraries need.
    world.exports.insert("/app".into(), vec!["absent"]);
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[test]
fn symbols_are_looked_for_in_what_the_image_starts() {
    let mut world = World::debian();
    world.binary("usr/bin/tool", program(&["libc.so.6"]));
    world
        .undefined
        .insert("/usr/bin/tool".into(), vec!["absent"]);
    assert_eq!(world.found().lines(), Vec::<String>::new());
    world.start(&["/usr/bin/tool"]);
    assert_eq!(world.found().lines(), ["fail missing-symbol /usr/bin/tool"]);
}

#[test]
fn a_missing_version_is_told_once() {
    let mut world = World::debian();
    let mut app = program(&["libc.so.6"]);
    app.versions_needed = vec![versions("libc.so.6", &["GLIBC_2.38"], &[])];
    world.binary("app", app).start(&["/app"]);
    world
        .undefined
        .insert("/app".into(), vec!["__isoc23_strtol"]);
    assert_eq!(world.found().lines(), ["fail glibc-too-old /app"]);
}

#[test]
fn a_part_of_glibc_that_was_replaced_is_one_finding() {
    let mut world = World::debian();
    for number in 0..20 {
        let mut tool = program(&["libc.so.6"]);
        let version = if number % 2 == 0 {
            "GLIBC_2.38"
        } else {
            "GLIBC_2.39"
        };
        tool.versions_needed = vec![versions("libc.so.6", &[version], &[])];
        world.binary(&format!("usr/bin/tool{number:02}"), tool);
    }
    world.start(&["/usr/bin/tool07"]);
    let found = world.found();
    let libc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    assert_eq!(found.lines(), [format!("fail glibc-too-old {libc}")]);
    assert_eq!(
        found.detail(Id::GlibcTooOld),
        format!(
            "20 files cannot be started with {libc}, such as /usr/bin/tool07: it does not define \
             GLIBC_2.38, GLIBC_2.39"
        )
    );
    // The finding belongs to each of the programs.
    let node = found.node("usr/bin/tool00");
    assert_eq!(found.findings.worst(node), Some(Level::Fail));
}

#[test]
fn dots_in_a_run_path_lead_where_the_kernel_goes() {
    let mut world = World::debian();
    world
        .binary("data/deep/lib/liba.so", library("liba.so", &[]))
        .text("data/deep/dir/file", "")
        .link("opt/link", "/data/deep/dir")
        .binary("opt/lib/libb.so", library("libb.so", &[]))
        .binary(
            "usr/bin/tool",
            runpath(program(&["liba.so"]), &["/opt/link/../lib"]),
        )
        .binary(
            "usr/bin/lexical",
            runpath(program(&["libb.so"]), &["/opt/link/../lib"]),
        );
    let found = world.found();
    assert_eq!(found.missing("usr/bin/tool"), "");
    assert_eq!(found.missing("usr/bin/lexical"), "libb.so");
}

#[test]
fn a_program_may_do_without_default_directories() {
    let mut world = World::debian();
    let mut tool = program(&["libc.so.6"]);
    tool.no_default_lib = true;
    world.binary("usr/bin/tool", tool.clone());
    assert_eq!(world.found().missing("usr/bin/tool"), "libc.so.6");
    let mut world = World::debian();
    world.binary(
        "usr/bin/tool",
        runpath(tool, &["/usr/lib/x86_64-linux-gnu"]),
    );
    assert_eq!(world.found().missing("usr/bin/tool"), "");
}
