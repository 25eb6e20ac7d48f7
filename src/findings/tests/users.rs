//! Users, root certificates and time zones. What Go finds in each layout of files was observed with a
//! static program of Go 1.19 that calls `x509.SystemCertPool` and `time.LoadLocation` in a chroot.

use super::*;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const ZONE: &str = "TZif2\0\0";

/// Returns an image with a Go program that contains these functions.
fn image(functions: &str) -> World {
    let mut world = World::new("linux/amd64");
    world
        .binary("app", go("amd64"))
        .bytes("app", format!("\0{functions}\0"))
        .text("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .start(&["/app"]);
    world
}

/// Returns an image whose program checks certificates.
fn tls() -> World {
    image("crypto/x509.loadSystemRoots")
}

/// Returns an image whose program loads time zones.
fn zones() -> World {
    image("time.LoadLocation")
}

const NO_ROOTS: &str = "warn no-ca-certificates /app";
const NO_ZONES: &str = "warn no-timezone-data /app";

#[track_caller]
fn silent(world: &World) {
    assert_eq!(world.found().lines(), Vec::<String>::new());
}

#[track_caller]
fn says(world: &World, line: &str, id: Id, words: &str) {
    let found = world.found();
    assert_eq!(found.lines(), [line]);
    let detail = found.detail(id);
    assert!(detail.contains(words), "{detail}");
}

#[test]
fn users_roots_and_zones() {
    let mut world = World::new("linux/amd64");
    let names = "crypto/x509.loadSystemRoots\0time.LoadLocation\0os/user.lookupUserId\0";
    world
        .binary("app", go("amd64"))
        .bytes("app", format!("\0{names}"))
        .start(&["/app"]);
    let lines = [NO_ROOTS, NO_ZONES, "info user-lookup /app"];
    assert_eq!(world.found().lines(), lines);
    world.declared.start.user = Some("app:wheel".into());
    let found = world.found();
    assert_eq!(found.lines()[0], "fail user-lookup /etc/passwd");
    world
        .text("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1:1::/:\n")
        .text("etc/group", "wheel:x:10:\n")
        .text(BUNDLE, PEM)
        .text("usr/share/zoneinfo/UTC", ZONE);
    silent(&world);
    world.declared.start.user = Some("1000:1000".into());
    silent(&world);
}

#[test]
fn a_bundle_without_a_certificate_is_none() {
    let trusted = PEM.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    let contents = [
        "",
        "hello\n",
        "0\x02\x03\x0b",
        &trusted,
        &format!("x {PEM}"),
    ];
    for content in contents {
        let mut world = tls();
        world.text(BUNDLE, content);
        let words = "/etc/ssl/certs/ca-certificates.crt holds no certificate";
        says(&world, NO_ROOTS, Id::NoCaCertificates, words);
    }
    let mut world = tls();
    world.text(BUNDLE, format!("# a comment\n{PEM}"));
    silent(&world);
}

/// Go reads the first readable file, and no other.
#[test]
fn an_empty_bundle_hides_the_files_after_it() {
    let mut world = tls();
    world.text(BUNDLE, "").text("etc/ssl/cert.pem", PEM);
    assert_eq!(world.found().lines(), [NO_ROOTS]);
    // A dangling link and a directory cannot be read, so Go reads the next file.
    let mut world = tls();
    world.link(BUNDLE, "/gone").text("etc/ssl/cert.pem", PEM);
    silent(&world);
    let mut world = tls();
    world
        .text(&format!("{BUNDLE}/x"), "")
        .text("etc/ssl/cert.pem", PEM);
    silent(&world);
}

#[test]
fn a_dangling_bundle_is_none() {
    let mut world = tls();
    world.link(BUNDLE, "/gone");
    let words = "ca-certificates.crt is a link to /gone, which is not in the image";
    says(&world, NO_ROOTS, Id::NoCaCertificates, words);
}

#[test]
fn directories_of_certificates() {
    let with = |path: &str| {
        let mut world = tls();
        world.text(path, PEM);
        world
    };
    silent(&with("etc/ssl/certs/a.pem"));
    silent(&with("etc/pki/tls/certs/a.pem"));
    silent(&with("system/etc/security/cacerts/0"));
    // Subdirectories are not read.
    assert_eq!(with("etc/ssl/certs/sub/a.pem").found().lines(), [NO_ROOTS]);
    assert_eq!(with("etc/ssl/a.pem").found().lines(), [NO_ROOTS]);
    let mut world = tls();
    world.text("etc/ssl/certs/README", "Put certificates here.\n");
    assert_eq!(world.found().lines(), [NO_ROOTS]);
    let mut world = tls();
    world.link("etc/ssl/certs/a.pem", "b.pem");
    assert_eq!(world.found().lines(), [NO_ROOTS]);
    world.link("etc/ssl/certs/c.pem", "/usr/share/c.pem");
    assert_eq!(world.found().lines(), [NO_ROOTS]);
    world.text("usr/share/c.pem", PEM);
    silent(&world);
}

#[test]
fn ssl_cert_file_replaces_the_files_but_not_the_directories() {
    let mut world = tls();
    world
        .text("etc/ssl/cert.pem", PEM)
        .env("SSL_CERT_FILE=/run/ca.pem");
    let words = "SSL_CERT_FILE names /run/ca.pem, which is not in the image";
    says(&world, NO_ROOTS, Id::NoCaCertificates, words);
    world.text("run/ca.pem", "");
    let words = "SSL_CERT_FILE names /run/ca.pem, which holds no certificate";
    says(&world, NO_ROOTS, Id::NoCaCertificates, words);
    world.text("run/ca.pem", PEM);
    silent(&world);
    // Go finds the directory. The variable's path is missing, which is only an info.
    let mut world = tls();
    world
        .text("etc/ssl/certs/a.pem", PEM)
        .env("SSL_CERT_FILE=/run/ca.pem");
    let lines = ["info no-ca-certificates /run/ca.pem"];
    assert_eq!(world.found().lines(), lines);
    // An empty value counts as unset.
    let mut world = tls();
    world.text(BUNDLE, PEM).env("SSL_CERT_FILE=");
    silent(&world);
}

#[test]
fn ssl_cert_dir_replaces_the_directories_but_not_the_files() {
    let mut world = tls();
    world
        .text("etc/ssl/certs/a.pem", PEM)
        .env("SSL_CERT_DIR=/a:/b");
    let words = "SSL_CERT_DIR names /a:/b, which holds no certificate";
    says(&world, NO_ROOTS, Id::NoCaCertificates, words);
    world.text("b/a.pem", PEM);
    silent(&world);
    let mut world = tls();
    world.text("etc/ssl/cert.pem", PEM).env("SSL_CERT_DIR=/a");
    assert_eq!(world.found().lines(), ["info no-ca-certificates /a"]);
}

#[test]
fn a_zoneinfo_directory_without_zones_is_none() {
    for (path, content) in [
        ("usr/share/zoneinfo/tzdata.zi", "# version 2024a\n"),
        ("usr/share/zoneinfo/zone.tab", "# tz zone descriptions\n"),
        ("usr/share/zoneinfo/Europe/Berlin", ""),
    ] {
        let mut world = zones();
        world.text(path, content);
        let words = "/usr/share/zoneinfo has no zones in it";
        says(&world, NO_ZONES, Id::NoTimezoneData, words);
    }
    for path in [
        "usr/share/zoneinfo/Europe/Berlin",
        "usr/share/zoneinfo/posix/America/Indiana/Vevay",
        "etc/zoneinfo/UTC",
    ] {
        let mut world = zones();
        world.text(path, ZONE);
        silent(&world);
    }
    let mut world = zones();
    world
        .text("usr/lib/tz/Berlin", ZONE)
        .link("usr/share/zoneinfo", "/usr/lib/tz");
    silent(&world);
}

#[test]
fn the_zones_that_zoneinfo_names() {
    let mut world = zones();
    world.env("ZONEINFO=/tz");
    let words = "ZONEINFO names /tz, which is not in the image, and the image has no zoneinfo";
    says(&world, NO_ZONES, Id::NoTimezoneData, words);
    world.text("tz/Europe/Berlin", ZONE);
    silent(&world);
    let mut world = zones();
    world.text("tz", "PK\x03\x04...").env("ZONEINFO=/tz");
    silent(&world);
    let mut world = zones();
    world.text("tz", "hello").env("ZONEINFO=/tz");
    let words = "ZONEINFO names /tz, which has no zones";
    says(&world, NO_ZONES, Id::NoTimezoneData, words);
    // If the variable's path is missing, the directories of the system are searched.
    world.text("usr/share/zoneinfo/UTC", ZONE);
    silent(&world);
    let mut world = zones();
    world
        .text("usr/share/zoneinfo/UTC", ZONE)
        .env("ZONEINFO=/tz");
    assert_eq!(world.found().lines(), ["info no-timezone-data /tz"]);
}

#[test]
fn the_zones_of_an_installed_go() {
    let zip = |root: &str| format!("{root}/lib/time/zoneinfo.zip");
    let mut world = zones();
    world
        .text(&zip("opt/go"), "PK\x03\x04")
        .env("GOROOT=/opt/go");
    silent(&world);
    // A program knows the GOROOT of its build, unless it was built with -trimpath.
    let mut world = zones();
    world.text(&zip("usr/local/go"), "PK\x03\x04");
    assert_eq!(world.found().lines(), [NO_ZONES]);
    world.bytes(
        "app",
        "\0time.LoadLocation\0/usr/local/go/src/time/zoneinfo.go",
    );
    silent(&world);
}

fn static_glibc(strings: &str) -> World {
    let mut world = World::new("linux/amd64");
    let mut app = elf("amd64", BinaryKind::Executable);
    app.libc = Some(Libc::Glibc);
    world
        .binary("app", app)
        .bytes("app", strings)
        .start(&["/app"]);
    world
}

#[test]
fn static_glibc_and_its_name_service() {
    silent(&static_glibc(""));
    let world = static_glibc("..\0/etc/nsswitch.conf\0..");
    let info = "info user-lookup /app";
    says(&world, info, Id::UserLookup, "the image has no /etc/passwd");
}

/// Since glibc 2.34, a static program reads /etc/passwd itself, without nsswitch.conf and without
/// modules. Observed with getpwnam(3) of glibc 2.36 in a chroot.
#[test]
fn static_glibc_of_today_needs_no_nsswitch_and_no_modules() {
    let mut world = static_glibc("..\0/etc/nsswitch.conf\0..");
    let detail = world.found().detail(Id::UserLookup);
    assert!(!detail.contains("nsswitch"), "{detail}");
    assert!(!detail.contains("exactly the glibc version"), "{detail}");
    world.text("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    silent(&world);
}

#[test]
fn static_glibc_before_2_34_loads_modules() {
    let mut world = static_glibc("\0/etc/nsswitch.conf\0libnss_%s.so.%d.%d\0");
    world.text("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    let words =
        "exactly the glibc version that it was built with; the image has no libnss_files.so.2";
    says(&world, "info user-lookup /app", Id::UserLookup, words);
    // As on Debian 11.
    world
        .binary(
            "lib/libnss_files-2.31.so",
            library("libnss_files.so.2", &[]),
        )
        .link("lib/libnss_files.so.2", "libnss_files-2.31.so");
    let lines = world.found().lines();
    assert!(
        !lines.iter().any(|line| line.contains("user-lookup")),
        "{lines:?}"
    );
}
