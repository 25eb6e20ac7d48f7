//! Findings about images that do not fit their platform or configuration.

use super::*;
use crate::layer::{LayerProblem, ProblemKind, Xattr};

#[test]
fn a_program_for_another_machine() {
    let mut world = World::new("linux/amd64");
    world.binary("app", go("arm64")).start(&["/app"]);
    let lines = ["fail config-mismatch", "fail arch-mismatch /app"];
    assert_eq!(world.found().lines(), lines);
    // No finding for a matching program, or for one of a machine that amd64 can run.
    for arch in ["amd64", "386"] {
        world.binary("app", go(arch));
        assert_eq!(world.found().lines(), Vec::<String>::new(), "{arch}");
    }
}

#[test]
fn a_stage_that_took_the_machine_of_the_host() {
    let mut world = World::debian();
    world.layer().binary("usr/local/bin/tool", go("arm64"));
    world.declared.created_by = vec![Some("ADD".into()), Some("COPY tool".into())];
    let found = world.found();
    let lines = [
        "warn mixed-architectures",
        "warn arch-mismatch /usr/local/bin/tool",
    ];
    assert_eq!(found.lines(), lines);
    let detail = found.detail(Id::MixedArchitectures);
    assert!(detail.contains("layer 1 (COPY tool)"), "{detail}");
    assert_eq!(found.findings.list()[0].layer, Some(1));
}

#[test]
fn what_is_data_is_silent() {
    let mut world = World::debian();
    let mut arm = program(&["libc.so.6"]);
    arm.arch = sourced("arm64");
    arm.interpreter = Some("/lib/ld-linux-aarch64.so.1".into());
    world
        .binary("opt/sysroot/usr/bin/tool", arm.clone())
        .binary(
            "opt/sysroot/lib/libc.so.6",
            library("libc.so.6", &["gone.so"]),
        )
        .binary("srv/dist/app-linux-arm64", go("arm64"))
        .binary("usr/lib/gcc-cross/aarch64-linux-gnu/12/cc1", arm.clone())
        .binary("usr/share/go/src/debug/testdata/prog", arm);
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[test]
fn what_the_index_says() {
    let mut world = World::debian();
    world.declared.index_platform = Some("linux/arm64".parse().unwrap());
    assert_eq!(world.found().lines(), ["fail config-mismatch"]);
    world.declared.index_platform = Some("linux/amd64".parse().unwrap());
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[test]
fn other_systems() {
    let mut world = World::debian();
    let mut darwin = elf("amd64", BinaryKind::Executable);
    (darwin.format, darwin.os) = (Format::MachO, sourced("darwin"));
    world
        .binary("usr/local/bin/tool", darwin.clone())
        .binary("srv/dist/tool_darwin_amd64", darwin);
    assert_eq!(world.found().lines(), ["fail wrong-os /usr/local/bin/tool"]);
}

#[test]
fn variants_are_compared_as_numbers() {
    let mut world = World::new("linux/arm/v6");
    let mut app = go("arm");
    app.variants = vec![("GOARM", "7".into())];
    world.binary("app", app).start(&["/app"]);
    assert_eq!(world.found().lines(), ["fail variant-too-new /app"]);
    world.declared.platform = "linux/arm/v7".parse().unwrap();
    assert_eq!(world.found().lines(), Vec::<String>::new());
    let mut app = go("amd64");
    app.variants = vec![("GOAMD64", "v3".into())];
    world.declared.platform = "linux/amd64".parse().unwrap();
    world.binary("app", app);
    // Without a declared variant, the image's target is not known.
    let found = world.found();
    assert_eq!(found.lines(), ["warn variant-too-new /app"]);
    let detail = found.detail(Id::VariantTooNew);
    let words = "built for amd64/v3, and the image declares no variant, which means amd64/v1";
    assert!(detail.contains(words), "{detail}");
    world.declared.platform = "linux/amd64/v2".parse().unwrap();
    assert_eq!(world.found().lines(), ["fail variant-too-new /app"]);
    world.declared.platform = "linux/amd64/v3".parse().unwrap();
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

/// Returns a .NET assembly with the facts of its header: no system, and any machine.
fn assembly() -> Binary {
    Binary {
        format: Format::Pe,
        os: sourced("unknown"),
        libc: Some(Libc::None),
        ..elf("anycpu", BinaryKind::Executable)
    }
}

#[test]
fn assemblies_run_where_there_is_a_runtime() {
    for runtime in [
        "usr/share/dotnet/dotnet",
        "usr/bin/mono",
        "app/libcoreclr.so",
        "usr/lib/libmonosgen-2.0.so.1",
    ] {
        let mut world = World::debian();
        world.binary(runtime, program(&["libc.so.6"]));
        for n in 0..20 {
            world.binary(&format!("app/Library{n}.dll"), assembly());
        }
        assert_eq!(world.found().lines(), Vec::<String>::new(), "{runtime}");
    }
}

#[test]
fn assemblies_without_a_runtime() {
    let mut world = World::debian();
    world.binary("app/app.dll", assembly());
    let found = world.found();
    assert_eq!(found.lines(), ["info wrong-os /app/app.dll"]);
    let detail = found.detail(Id::WrongOs);
    assert!(detail.contains("neither dotnet nor mono"), "{detail}");
    world.start(&["/app/app.dll"]);
    assert_eq!(world.found().lines(), ["fail wrong-os /app/app.dll"]);
    // An EFI program has the same facts, but runs before any system.
    let mut world = World::debian();
    let mut efi = assembly();
    efi.arch = sourced("amd64");
    world.binary("usr/lib/shim/shimx64.efi", efi);
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[test]
fn documentation_and_package_scripts_are_not_what_an_image_starts() {
    for path in [
        "usr/share/doc/app/run.sh",
        "usr/share/app/examples/run.sh",
        "usr/lib/python3/dist-packages/app/docs/run.sh",
        "var/lib/dpkg/info/app.postinst",
        "lib/apk/exec/app",
        "etc/init.d/app",
        "etc/cron.daily/app",
    ] {
        let mut world = World::new("linux/amd64");
        world.binary(path, script("/bin/bash", None));
        let line = format!("info missing-interpreter /{path}");
        assert_eq!(world.found().lines(), [line]);
    }
    // Scripts elsewhere still count.
    let mut world = World::new("linux/amd64");
    world
        .binary("srv/run.sh", script("/bin/bash", None))
        .binary("etc/init.d/app", script("/bin/bash", None));
    let lines = [
        "fail missing-interpreter /srv/run.sh",
        "info missing-interpreter /etc/init.d/app",
    ];
    assert_eq!(world.found().lines(), lines);
}

#[test]
fn a_loader_that_is_not_there() {
    let mut world = World::new("linux/amd64");
    world
        .binary("app", program(&["libc.so.6"]))
        .start(&["/app"]);
    let found = world.found();
    assert_eq!(found.lines(), ["fail missing-loader /app"]);
    assert_eq!(found.missing("app"), "libc.so.6");
    let status = found.findings.interpreter_status(found.node("app"));
    assert_eq!(status, Some(InterpreterStatus::Missing));
    // The program is static except for its interpreter.
    let mut app = program(&[]);
    app.linkage = Some(Linkage::InterpOnly);
    world.binary("app", app);
    let found = world.found();
    assert_eq!(found.lines(), ["fail missing-loader /app"]);
    assert!(found.findings.list()[0].hint.contains("buildmode"));
    let mut wrong = library("ld-linux-x86-64.so.2", &[]);
    wrong.arch = sourced("arm64");
    world.binary("lib64/ld-linux-x86-64.so.2", wrong);
    let found = world.found();
    let status = found.findings.interpreter_status(found.node("app"));
    assert_eq!(status, Some(InterpreterStatus::WrongArch));
}

#[test]
fn interpreters_of_scripts() {
    let mut world = World::debian();
    world
        .binary("usr/bin/one", script("/usr/bin/python3", None))
        .binary("usr/bin/env", program(&["libc.so.6"]))
        .binary(
            "usr/bin/two",
            script("/usr/bin/env", Some("-S node --no-warnings")),
        )
        .binary("usr/bin/three", script("/bin/sh", Some("-e")))
        .binary("run.sh", script("/bin/sh\r", None))
        .start(&["/run.sh"]);
    let found = world.found();
    let lines = [
        "fail missing-interpreter /run.sh",
        "warn missing-interpreter /usr/bin/one",
        "warn missing-interpreter /usr/bin/two",
    ];
    assert_eq!(found.lines(), lines);
    assert!(found.findings.list()[0].hint.contains("carriage return"));
    assert!(found.findings.list()[2].detail.contains("node"));
    world.binary("usr/bin/node", program(&["libc.so.6"]));
    assert_eq!(world.found().lines().len(), 2);
}

#[test]
fn the_start_is_followed_through_wrappers() {
    let broken = || program(&["gone.so"]);
    for argv in [
        &["/srv/app"][..],
        &["app"],
        &["/bin/sh", "-c", "cd /tmp && exec app --port $PORT"],
        &["/usr/bin/tini", "-g", "--", "env", "A=b", "app"],
        &["/entry.sh", "app"],
    ] {
        let mut world = World::debian();
        world
            .binary("srv/app", broken())
            .binary("usr/bin/tini", program(&["libc.so.6"]))
            .binary("usr/bin/env", program(&["libc.so.6"]))
            .binary("entry.sh", script("/bin/sh", None))
            .bytes("entry.sh", "#!/bin/sh\nset -e\nexec \"$@\"\n")
            .env("PATH=/usr/bin:/srv")
            .start(argv);
        assert_eq!(
            world.found().lines(),
            ["fail missing-library /srv/app"],
            "{argv:?}"
        );
        // What the image does not start, outside of its search path, gets a lower level.
        world.declared.start.env.clear();
        world.start(&["/bin/sh"]);
        assert_eq!(world.found().lines(), ["warn missing-library /srv/app"]);
    }
    let mut world = World::debian();
    world.start(&["/gone"]);
    assert_eq!(world.found().lines(), ["fail missing-entrypoint /gone"]);
}

#[test]
fn claims_that_disagree_with_the_header() {
    let mut world = World::new("linux/arm64");
    let mut app = go("arm64");
    let build = app.go.as_mut().unwrap();
    build.injected = vec![
        ("main.targetArch".into(), "amd64".into()),
        ("main.version".into(), "amd64".into()),
    ];
    world.binary("app", app).start(&["/app"]);
    let found = world.found();
    assert_eq!(found.lines(), ["fail identity-mismatch /app"]);
    assert!(
        found
            .detail(Id::IdentityMismatch)
            .contains("main.targetArch=amd64")
    );
    // The system is compared as the machine is.
    for (name, value, differs) in [
        ("main.targetOS", "macOS", true),
        ("main.os", "win", true),
        ("main.platform", "Windows/ARM64", true),
        ("main.targetOS", "Linux", false),
        ("main.platform", "linux-aarch64", false),
    ] {
        let mut app = go("arm64");
        app.go.as_mut().unwrap().injected = vec![(name.into(), value.into())];
        world.binary("app", app);
        let found = world.found();
        assert_eq!(found.lines().len(), usize::from(differs), "{name}={value}");
    }
    // A program with a patched header.
    let mut app = go("amd64");
    app.arch = sourced("arm64");
    world.binary("app", app);
    assert_eq!(world.found().lines(), ["fail identity-mismatch /app"]);
    world.binary("app", go("arm64"));
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[test]
fn toolchains_and_caches_of_other_platforms() {
    let mut world = World::debian();
    let mut tool = go("arm64");
    tool.go = Some(GoBuild {
        path: Some("cmd/go".into()),
        ..GoBuild::default()
    });
    tool.os = sourced("darwin");
    tool.format = Format::MachO;
    let archive = |arch: &str| Binary {
        format: Format::GoArchive,
        kind: BinaryKind::Archive,
        ..elf(arch, BinaryKind::Archive)
    };
    world
        .binary("opt/go/bin/go", tool)
        .binary("root/.cache/go-build/0a/x-d", archive("amd64"))
        .binary("root/.cache/go-build/0b/y-d", archive("amd64"))
        .binary("go/pkg/linux_arm64/a.a", archive("arm64"))
        .binary("go/pkg/linux_amd64/a.a", archive("amd64"));
    let lines = [
        "warn wrong-os /opt/go/bin/go",
        "warn foreign-toolchain /opt/go/bin/go",
    ];
    assert_eq!(world.found().lines(), lines);
    world.binary("root/.cache/go-build/0b/z-d", archive("arm64"));
    let detail = world.found().detail(Id::MixedBuildCache);
    assert_eq!(
        detail,
        "it holds packages of several platforms: 2 for linux/amd64, 1 for linux/arm64"
    );
}

#[test]
fn what_the_archive_gets_wrong_and_what_it_hides() {
    let mut world = World::debian();
    let problem = |kind| LayerProblem {
        layer: 3,
        path: b"a/b".as_slice().into(),
        kind,
    };
    world.declared.problems = vec![
        problem(ProblemKind::EscapingPath),
        problem(ProblemKind::SymlinkLoop),
        problem(ProblemKind::TruncatedBinary),
    ];
    world
        .text("bin/sh.arch", "GOARCH=arm64")
        .text("bin/other.arch", "")
        .text("with", "");
    world.layers[0].last_mut().unwrap().xattrs.push(Xattr {
        name: b"user.imgfs.goarch".as_slice().into(),
        value: b"arm64".as_slice().into(),
    });
    let lines = [
        "warn escaping-path /a/b",
        "warn truncated-binary /a/b",
        "warn shadowed-sidecar /bin/sh.arch",
        "warn shadowed-xattr /with",
    ];
    let found = world.found();
    assert_eq!(found.lines(), lines);
    assert_eq!(found.findings.list()[0].layer, Some(3));
    assert_eq!(found.findings.of(found.node("with")).count(), 1);
}

#[test]
fn headers_that_deceive_or_describe_more_than_there_is() {
    let mut world = World::debian();
    let mut hidden = program(&["libc.so.6"]);
    hidden.contradictions = vec![
        Contradiction::DynamicOffset(Vec::new()),
        Contradiction::SecondInterp(b"/lib/other.so".to_vec()),
    ];
    let mut short = program(&["libc.so.6"]);
    short.cut_short = Some(70_000);
    let module = Binary {
        kind: BinaryKind::KernelModule,
        ..short.clone()
    };
    world
        .binary("usr/bin/hidden", hidden)
        .binary("usr/bin/short", short.clone())
        .binary("usr/lib/modules/short.ko", module)
        .binary("usr/share/go/testdata/short", short);
    let found = world.found();
    let lines = [
        "warn contradictory-headers /usr/bin/hidden",
        "warn truncated-binary /usr/bin/short",
        "warn truncated-binary /usr/lib/modules/short.ko",
    ];
    assert_eq!(found.lines(), lines);
    assert_eq!(
        found.detail(Id::ContradictoryHeaders),
        "a tool that goes by the offset of PT_DYNAMIC shows no library; the loader goes by its \
         address, where the file needs libc.so.6; there are two PT_INTERP: the kernel uses the first \
         (/lib64/ld-linux-x86-64.so.2), the other names /lib/other.so"
    );
}

#[test]
fn many_of_a_kind_are_one() {
    let mut world = World::debian();
    for i in 0..30 {
        world.binary(&format!("srv/tools/t{i:02}"), program(&["gone.so"]));
    }
    let found = world.found();
    assert_eq!(found.lines(), ["warn missing-library /srv/tools"]);
    let detail = found.detail(Id::MissingLibrary);
    assert!(detail.starts_with("30 files: "), "{detail}");
    let one = found.node("srv/tools/t17");
    assert_eq!(found.findings.worst(one), Some(Level::Warn));
}

/// The cost is bounded, and an image that exceeds the bounds is not reported as healthy.
#[test]
fn an_image_that_says_too_much_is_not_looked_at() {
    let mut world = World::debian();
    world.binary("bin/long", program(&[&"x".repeat(300 << 20)]));
    assert!(world.try_found().is_err(), "facts");
    let mut world = World::debian();
    // Each program lacks all libraries that libbad.so needs.
    let names: Vec<String> = (0..4000).map(|n| format!("{n:0200}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.binary("usr/lib/libbad.so", library("libbad.so", &names));
    for n in 0..100 {
        world.binary(&format!("bin/{n}"), program(&["libbad.so"]));
    }
    assert!(world.try_found().is_err(), "what is missing");
}
