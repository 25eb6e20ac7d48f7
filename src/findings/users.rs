//! What programs expect of an image beside code: users, root certificates, time zones.

use std::io;

use super::draft::{Drafts, Text};
use super::finding::{Id, Level};
use super::role::Role;
use crate::inspect::{Format, Kind, Libc, Linkage};
use crate::launch::image::{File, Image};

/// A file of users is not read beyond this.
const LIMIT: u64 = 4 << 20;

/// So many programs are looked through, those that the image starts first: it means to read them.
const PROGRAMS: usize = 16;

/// Where Go looks for root certificates (`crypto/x509/root_linux.go`), files and directories.
const ROOTS: [&[u8]; 6] = [
    b"/etc/ssl/certs/ca-certificates.crt",
    b"/etc/pki/tls/certs/ca-bundle.crt",
    b"/etc/ssl/ca-bundle.pem",
    b"/etc/pki/tls/cacert.pem",
    b"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    b"/etc/ssl/cert.pem",
];
const ROOT_DIRS: [&[u8]; 2] = [b"/etc/ssl/certs", b"/etc/pki/tls/certs"];

/// Where Go looks for time zones (`time/zoneinfo_unix.go`, `time/zoneinfo_goroot.go`).
const ZONES: [&[u8]; 4] = [
    b"/usr/share/zoneinfo",
    b"/usr/share/lib/zoneinfo",
    b"/usr/lib/locale/TZ",
    b"/etc/zoneinfo",
];

// Names of functions, as the tables of a Go program have them: there only if they are linked.
const LOADS_ROOTS: &[u8] = b"crypto/x509.loadSystemRoots";
const HAS_ROOTS: &[u8] = b"golang.org/x/crypto/x509roots/fallback";
const LOADS_ZONES: &[u8] = b"\0time.LoadLocation\0";
const HAS_ZONES: &[u8] = b"time/tzdata.loadFromEmbeddedTZData";
const LOOKS_UP: &[u8] = b"os/user.lookupUser";
const CURRENT: &[u8] = b"os/user.Current";

/// What glibc reads to learn who answers questions after users and hosts (nsswitch.conf(5)).
const NSSWITCH: &[u8] = b"/etc/nsswitch.conf";
/// How glibc before 2.34 names the library of each source (nss/nsswitch.c). Since then `files` and `dns`
/// are in glibc itself, also where it is linked statically (its NEWS), and nothing is loaded for them.
const MODULE_BEFORE_2_34: &[u8] = b"libnss_%s.so.%d.%d";

/// Looks at the declared user, and at what programs without a C library look for.
pub fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) -> io::Result<()> {
    let users = image.read_file(b"/etc/passwd", LIMIT)?;
    declared(image, users.as_deref(), drafts)?;
    let lacks = Lacks {
        users: users.is_none(),
        roots: !ROOTS.iter().any(|path| image.regular(path).is_some())
            && !ROOT_DIRS.iter().any(|path| image.has_entries(path))
            && image.env("SSL_CERT_FILE").is_none()
            && image.env("SSL_CERT_DIR").is_none(),
        zones: !ZONES.iter().any(|path| image.has_entries(path)) && image.env("ZONEINFO").is_none(),
        switch: image.regular(NSSWITCH).is_none(),
    };
    let mut programs: Vec<(&File, Role)> = image
        .files
        .iter()
        .zip(roles.iter().copied())
        .filter(|(file, role)| {
            let native = file.binary.format == Format::Elf;
            *role >= Role::Tool && native && file.binary.kind == Kind::Executable
        })
        .collect();
    programs.sort_by_key(|(_, role)| std::cmp::Reverse(*role));
    let is_static = |file: &File| {
        matches!(
            file.binary.linkage,
            Some(Linkage::Static | Linkage::StaticPie)
        )
    };
    let go = programs.iter().filter(|(file, _)| file.binary.go.is_some());
    if lacks.users || lacks.roots || lacks.zones {
        for (file, _) in go.take(PROGRAMS) {
            go_program(image, file, &lacks, drafts)?;
        }
    }
    let glibc = programs
        .iter()
        .filter(|(file, _)| is_static(file) && file.binary.libc == Some(Libc::Glibc));
    for (file, _) in glibc.take(PROGRAMS) {
        static_glibc(image, file, &lacks, drafts)?;
    }
    Ok(())
}

/// What an image does not have.
struct Lacks {
    users: bool,
    roots: bool,
    zones: bool,
    switch: bool,
}

/// Whether the user and the group of the config can be found.
fn declared(image: &Image<'_>, users: Option<&[u8]>, drafts: &mut Drafts) -> io::Result<()> {
    let Some(text) = &image.declared.start.user else {
        return Ok(());
    };
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text.as_str(), None),
    };
    let is_number = |name: &str| name.bytes().all(|b| b.is_ascii_digit());
    let known = |table: Option<&[u8]>, name: &str| {
        let mut lines = table.unwrap_or_default().split(|&b| b == b'\n');
        lines.any(|line| line.split(|&b| b == b':').next() == Some(name.as_bytes()))
    };
    let mut wrong = Vec::new();
    if !user.is_empty() && !is_number(user) && !known(users, user) {
        wrong.push(format!(
            "the config starts it as user {user}, which is not in /etc/passwd"
        ));
    }
    if let Some(group) = group.filter(|group| !group.is_empty() && !is_number(group)) {
        let groups = image.read_file(b"/etc/group", LIMIT)?;
        if !known(groups.as_deref(), group) {
            wrong.push(format!(
                "the config starts it with group {group}, which is not in /etc/group"
            ));
        }
    }
    if !wrong.is_empty() {
        let hint = "add the user (RUN adduser, or copy an /etc/passwd), or give USER as a number";
        let text = (wrong.join("; "), hint.to_owned());
        drafts.image(Id::UserLookup, Level::Fail, b"/etc/passwd", None, text);
    }
    Ok(())
}

fn go_program(
    image: &Image<'_>,
    file: &File,
    lacks: &Lacks,
    drafts: &mut Drafts,
) -> io::Result<()> {
    let names = [
        LOADS_ROOTS,
        HAS_ROOTS,
        LOADS_ZONES,
        HAS_ZONES,
        LOOKS_UP,
        CURRENT,
    ];
    let found = image.evidence.contains(file.node, &names)?;
    let &[
        loads_roots,
        has_roots,
        loads_zones,
        has_zones,
        looks_up,
        current,
    ] = found.as_slice()
    else {
        return Ok(());
    };
    if lacks.roots && loads_roots && !has_roots {
        let text = Text {
            detail: "it checks certificates (crypto/x509), and the image has no root certificates: \
                     \"certificate signed by unknown authority\""
                .to_owned(),
            hint: "install ca-certificates, or copy /etc/ssl/certs/ca-certificates.crt from a build stage"
                .to_owned(),
            group: "programs that check certificates, without roots".to_owned(),
        };
        drafts.file(Id::NoCaCertificates, Level::Warn, file, text);
    }
    if lacks.zones && loads_zones && !has_zones {
        let text = Text {
            detail: "it loads time zones (time.LoadLocation), and the image has no zoneinfo: \
                     \"unknown time zone\""
                .to_owned(),
            hint: "install tzdata, or import time/tzdata".to_owned(),
            group: "programs that load time zones, without zoneinfo".to_owned(),
        };
        drafts.file(Id::NoTimezoneData, Level::Warn, file, text);
    }
    if lacks.users && (looks_up || current) {
        let text = Text {
            detail: "it looks up users by name (os/user), and the image has no /etc/passwd"
                .to_owned(),
            hint: "copy an /etc/passwd into the image, or do not look up names".to_owned(),
            group: "programs that look up users, without /etc/passwd".to_owned(),
        };
        drafts.file(Id::UserLookup, Level::Info, file, text);
    }
    Ok(())
}

/// A static glibc program that asks for users or hosts loads libraries for it while it runs.
fn static_glibc(
    image: &Image<'_>,
    file: &File,
    lacks: &Lacks,
    drafts: &mut Drafts,
) -> io::Result<()> {
    let mut lacking = Vec::new();
    if lacks.users {
        lacking.push("/etc/passwd");
    }
    if lacks.switch {
        lacking.push("/etc/nsswitch.conf");
    }
    let is_module = |file: &File| file.name().starts_with(b"libnss_");
    let modules = image.files.iter().any(is_module);
    if lacking.is_empty() && modules {
        return Ok(());
    }
    let found = image
        .evidence
        .contains(file.node, &[NSSWITCH, MODULE_BEFORE_2_34])?;
    let &[switch, all_in_modules] = found.as_slice() else {
        return Ok(());
    };
    if all_in_modules && !modules {
        lacking.push("libnss_*.so.2");
    }
    if !switch || lacking.is_empty() {
        return Ok(());
    }
    let text = Text {
        detail: format!(
            "it is static and looks up users or hosts through glibc's NSS, which loads libraries of the \
             very glibc it was built with; the image has no {}",
            lacking.join(", ")
        ),
        hint: "link it dynamically, use musl, or (Go) build with -tags netgo,osusergo".to_owned(),
        group: "static programs that look up names through NSS".to_owned(),
    };
    drafts.file(Id::UserLookup, Level::Info, file, text);
    Ok(())
}
