//! Plugins: Node add-ons, Python extension modules, and modules of the system. Names and layouts are
//! those of packages from npm and PyPI (`@next/swc-*`, `sharp`, `bcrypt`, `lmdb`, `bufferutil`,
//! `numpy`, `cryptography`).

use super::*;

/// Returns a plugin for glibc.
fn plugin(arch: &str) -> Binary {
    Binary {
        arch: sourced(arch),
        ..library("", &["libc.so.6"])
    }
}

/// Returns a plugin for musl.
fn musl_plugin(arch: &str) -> Binary {
    Binary {
        libc: Some(Libc::Musl),
        ..plugin(arch)
    }
}

/// Returns a plugin for another system.
fn foreign(os: &str, format: Format) -> Binary {
    Binary {
        os: sourced(os),
        format,
        libc: None,
        needed: Vec::new(),
        ..plugin("arm64")
    }
}

/// Returns an image with musl.
fn alpine() -> World {
    let mut world = World::new("linux/amd64");
    let mut libc = library("libc.musl-x86_64.so.1", &[]);
    libc.libc = Some(Libc::Musl);
    let mut sh = program(&[]);
    (sh.libc, sh.interpreter) = (Some(Libc::Musl), Some(MUSL.into()));
    world
        .binary("lib/ld-musl-x86_64.so.1", libc)
        .binary("bin/sh", sh);
    world
        .exports
        .insert(MUSL.to_owned(), vec!["malloc", "free"]);
    world.declared.start.cmd = vec!["/bin/sh".to_owned()];
    world
}

#[track_caller]
fn lines(world: &World, expected: &[&str]) {
    assert_eq!(world.found().lines(), expected);
}

#[test]
fn a_plugin_for_another_machine() {
    for path in [
        "app/node_modules/bcrypt/build/Release/bcrypt_lib.node",
        "app/node_modules/@next/swc-linux-arm64-gnu/next-swc.linux-arm64-gnu.node",
        "app/node_modules/bcrypt/prebuilds/linux-arm64/bcrypt.glibc.node",
        "usr/lib/python3/dist-packages/numpy/_x.cpython-311-aarch64-linux-gnu.so",
        "venv/lib/python3.11/site-packages/cryptography/_rust.abi3.so",
        "venv/lib/python3.11/site-packages/markupsafe/_speedups.so",
        "usr/lib/security/pam_ldap.so",
        "usr/lib/libnss_ldap.so.2",
        "usr/lib/gconv/UTF-16.so",
        "usr/lib/apache2/modules/mod_php.so",
    ] {
        let mut world = World::debian();
        world.binary(path, plugin("arm64"));
        lines(&world, &[&format!("warn arch-mismatch /{path}")]);
        world.binary(path, plugin("amd64"));
        lines(&world, &[]);
    }
}

/// `node_modules` that were copied from macOS or Windows.
#[test]
fn a_plugin_for_another_system() {
    let path = "app/node_modules/bcrypt/build/Release/bcrypt_lib.node";
    for binary in [
        foreign("darwin", Format::MachO),
        foreign("windows", Format::Pe),
    ] {
        let mut world = World::debian();
        world.binary(path, binary);
        lines(&world, &[&format!("warn wrong-os /{path}")]);
    }
}

#[test]
fn a_plugin_for_another_libc() {
    let path = "app/node_modules/a/build/Release/a.node";
    let line = format!("warn libc-mismatch /{path}");
    let mut world = World::debian();
    let mut musl = musl_plugin("amd64");
    // The missing library is the other C library, which is not a second finding.
    musl.needed = needs(&["libc.musl-x86_64.so.1"]);
    world.binary(path, musl.clone());
    lines(&world, &[&line]);
    let mut world = alpine();
    world.binary(path, musl);
    lines(&world, &[]);
    // An image with both C libraries.
    let mut world = World::debian();
    world
        .binary("lib/ld-musl-x86_64.so.1", library("", &[]))
        .binary(path, musl_plugin("amd64"));
    lines(&world, &[]);
}

/// musl provides libc.so.6 itself, so a plugin for glibc loads if musl has all symbols that it needs.
#[test]
fn a_glibc_plugin_on_musl_is_judged_by_its_symbols() {
    let path = "app/node_modules/a/build/Release/a.node";
    let with = |symbols: &[&'static str]| {
        let mut world = alpine();
        world.binary(path, plugin("amd64"));
        world.undefined.insert(format!("/{path}"), symbols.to_vec());
        world
    };
    let world = with(&[
        "malloc@GLIBC_2.2.5",
        "napi_create_int32",
        "?gone@GLIBC_2.2.5",
    ]);
    lines(&world, &[]);
    let world = with(&["malloc@GLIBC_2.2.5", "gnu_get_libc_version@GLIBC_2.2.5"]);
    lines(&world, &[&format!("warn libc-mismatch /{path}")]);
    let detail = world.found().detail(Id::LibcMismatch);
    assert!(
        detail.ends_with("musl, which lacks gnu_get_libc_version"),
        "{detail}"
    );
    // musl does not provide glibc's loader.
    let mut world = with(&[]);
    let mut needs_loader = plugin("amd64");
    needs_loader.needed = needs(&["libc.so.6", "ld-linux-x86-64.so.2"]);
    world.binary(path, needs_loader);
    let detail = world.found().detail(Id::LibcMismatch);
    assert!(
        detail.ends_with("ld-linux-x86-64.so.2 is not in the image"),
        "{detail}"
    );
}

#[test]
fn a_plugin_that_wants_a_newer_glibc() {
    let path = "app/node_modules/better-sqlite3/build/Release/better_sqlite3.node";
    let mut world = World::debian();
    let mut new = plugin("amd64");
    new.versions_needed = vec![versions("libc.so.6", &["GLIBC_2.17", "GLIBC_2.38"], &[])];
    world.binary(path, new.clone());
    // Reported once: the rule about loading adds no second finding for the library.
    lines(&world, &[&format!("warn glibc-too-old /{path}")]);
    let detail = world.found().detail(Id::GlibcTooOld);
    let words = "/usr/lib/x86_64-linux-gnu/libc.so.6 does not define GLIBC_2.38, which it needs";
    assert_eq!(detail, words);
    new.versions_needed = vec![versions("libc.so.6", &["GLIBC_2.17"], &["GLIBC_2.38"])];
    world.binary(path, new);
    lines(&world, &[]);
    // All libraries of the name are compared, and one that has the version is enough.
    let mut new = plugin("amd64");
    new.needed = needs(&["libstdc++.so.6"]);
    new.versions_needed = vec![versions("libstdc++.so.6", &["GLIBCXX_3.4.31"], &[])];
    let cxx = |version: &str| Binary {
        versions_defined: needs(&["GLIBCXX_3.4", version]),
        ..library("libstdc++.so.6", &[])
    };
    world
        .binary(path, new)
        .binary(
            "usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
            cxx("GLIBCXX_3.4.30"),
        )
        .link(
            "usr/lib/x86_64-linux-gnu/libstdc++.so.6",
            "libstdc++.so.6.0.30",
        );
    lines(&world, &[&format!("warn glibc-too-old /{path}")]);
    world.binary("opt/conda/lib/libstdc++.so.6.0.33", cxx("GLIBCXX_3.4.31"));
    // Whether the plugin finds that library depends on its host.
    lines(&world, &[&format!("info glibc-too-old /{path}")]);
}

#[test]
fn a_package_with_a_build_that_fits_is_fine() {
    let m = "app/node_modules";
    let glibc = || plugin("amd64");
    let musl = || musl_plugin("amd64");
    let arm = || plugin("arm64");
    let mac = || foreign("darwin", Format::MachO);
    let cases: [&[(String, Binary)]; 6] = [
        &[
            (
                format!("{m}/@next/swc-linux-x64-gnu/next-swc.linux-x64-gnu.node"),
                glibc(),
            ),
            (
                format!("{m}/@next/swc-linux-x64-musl/next-swc.linux-x64-musl.node"),
                musl(),
            ),
            (
                format!("{m}/@next/swc-darwin-arm64/next-swc.darwin-arm64.node"),
                mac(),
            ),
        ],
        &[
            (
                format!("{m}/@img/sharp-linux-x64/lib/sharp-linux-x64.node"),
                glibc(),
            ),
            (
                format!("{m}/@img/sharp-linuxmusl-x64/lib/sharp-linuxmusl-x64.node"),
                musl(),
            ),
        ],
        &[
            (
                format!("{m}/bcrypt/prebuilds/linux-x64/bcrypt.glibc.node"),
                glibc(),
            ),
            (
                format!("{m}/bcrypt/prebuilds/linux-x64/bcrypt.musl.node"),
                musl(),
            ),
            (
                format!("{m}/bcrypt/prebuilds/linux-arm64/bcrypt.glibc.node"),
                arm(),
            ),
            (
                format!("{m}/bcrypt/prebuilds/darwin-arm64/bcrypt.node"),
                mac(),
            ),
        ],
        &[
            (format!("{m}/lmdb/node.abi115.musl.node"), musl()),
            (format!("{m}/lmdb/node.napi.glibc.node"), glibc()),
        ],
        &[
            (format!("{m}/a/prebuilds/linux-arm64/a.node"), arm()),
            (format!("{m}/a/build/Release/binding.node"), glibc()),
        ],
        &[
            ("p/_x.cpython-310-aarch64-linux-gnu.so".to_owned(), arm()),
            ("p/_x.cpython-311-x86_64-linux-gnu.so".to_owned(), glibc()),
            ("p/_x.cpython-311-x86_64-linux-musl.so".to_owned(), musl()),
        ],
    ];
    for case in cases {
        let mut world = World::debian();
        for (path, binary) in case {
            world.binary(path, binary.clone());
        }
        lines(&world, &[]);
    }
}

/// If no build loads, the one with the best fit is reported.
#[test]
fn a_package_without_a_build_that_fits_is_one_finding() {
    let p = "app/node_modules/bufferutil/prebuilds";
    let mut world = World::debian();
    world
        .binary(
            &format!("{p}/darwin-arm64/bufferutil.node"),
            foreign("darwin", Format::MachO),
        )
        .binary(
            &format!("{p}/win32-x64/bufferutil.node"),
            foreign("windows", Format::Pe),
        )
        .binary(&format!("{p}/linux-arm64/bufferutil.node"), plugin("arm64"));
    lines(
        &world,
        &[&format!(
            "warn arch-mismatch /{p}/linux-arm64/bufferutil.node"
        )],
    );
    world.binary(
        &format!("{p}/linux-x64/bufferutil.node"),
        musl_plugin("amd64"),
    );
    lines(
        &world,
        &[&format!(
            "warn libc-mismatch /{p}/linux-x64/bufferutil.node"
        )],
    );
}

/// Libraries of other machines that are meant for those machines.
#[test]
fn libraries_of_other_machines_are_data_where_their_paths_say_so() {
    let mut world = World::debian();
    world
        .binary("usr/lib/aarch64-linux-gnu/gconv/UTF-16.so", plugin("arm64"))
        .binary(
            "usr/lib/aarch64-linux-gnu/security/pam_unix.so",
            plugin("arm64"),
        )
        .binary("opt/root/usr/lib/gconv/UTF-16.so", plugin("arm64"))
        .binary("opt/root/etc/x", script("/bin/sh", None))
        .binary(
            "p/site-packages/debugpy/attach_linux_arm64.so",
            plugin("arm64"),
        )
        .binary("srv/testdata/a.node", plugin("arm64"));
    lines(&world, &[]);
}

#[test]
fn many_plugins_of_a_package_are_one_finding() {
    let mut world = World::debian();
    for n in 0..20 {
        let path = format!("p/site-packages/numpy/_x{n:02}.cpython-311-aarch64-linux-gnu.so");
        world.binary(&path, plugin("arm64"));
    }
    lines(&world, &["warn arch-mismatch /p/site-packages/numpy"]);
}
