//! What programs expect of an image besides code: users, root certificates, time zones.
//!
//! The config's user is looked up as a container runtime does. For Go programs, names in the file
//! reveal which parts of the standard library are linked. The modules `certificates` and `zones` check
//! what those parts read.

use std::io;

use super::attribution;
use super::certificates;
use super::draft::{Drafts, Text};
use super::finding::{Id, Level};
use super::role::Role;
use super::zones;
use crate::inspect::{BinaryKind, Format, Libc, Linkage};
use crate::launch::image::{File, Image};
use crate::layer::printable;

/// The maximum number of bytes that are read of a table of users or groups.
const LIMIT: u64 = 4 << 20;

/// The maximum number of programs that are searched, because that reads the whole file. Programs that
/// the image starts come first.
const PROGRAMS: usize = 16;

// Names of functions in the tables of a Go program. A name is present only if the function is linked.
const LOADS_ROOTS: &[u8] = b"crypto/x509.loadSystemRoots";
const HAS_ROOTS: &[u8] = b"golang.org/x/crypto/x509roots/fallback";
const LOADS_ZONES: &[u8] = b"\0time.LoadLocation\0";
const HAS_ZONES: &[u8] = b"time/tzdata.loadFromEmbeddedTZData";
const LOOKS_UP: &[u8] = b"os/user.lookupUser";
const CURRENT: &[u8] = b"os/user.Current";

/// The file that a static glibc program names only if glibc's code for users and hosts is linked into
/// it.
const NSSWITCH: &[u8] = b"/etc/nsswitch.conf";
/// The format of the name of an NSS library in glibc before 2.34 (nss/nsswitch.c). Since 2.34, `files`
/// and `dns` are part of glibc itself, even if it is linked statically (glibc's NEWS), and no library
/// is loaded for them.
const MODULE_BEFORE_2_34: &[u8] = b"libnss_%s.so.%d.%d";
/// The file name prefix of the library that reads `/etc/passwd` for glibc before 2.34.
/// `libnss_files.so.2` is a link to a file such as `libnss_files-2.31.so`.
const FILES_MODULE: &[u8] = b"libnss_files";

/// The table of users.
const PASSWD: &[u8] = b"/etc/passwd";
/// The table of groups.
const GROUP: &[u8] = b"/etc/group";

/// Checks the declared user, and the files that Go programs and static glibc programs look up.
pub(super) fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) -> io::Result<()> {
    let users = image.read_file(PASSWD, LIMIT)?;
    declared(image, users.as_deref(), drafts)?;
    let mut programs: Vec<(&File, Role)> = image
        .files
        .iter()
        .zip(roles.iter().copied())
        .filter(|(file, role)| {
            let native = file.binary.format == Format::Elf;
            *role >= Role::Idle && native && file.binary.kind == BinaryKind::Executable
        })
        .collect();
    programs.sort_by_key(|(_, role)| std::cmp::Reverse(*role));
    let is_static = |file: &File| {
        matches!(
            file.binary.linkage,
            Some(Linkage::Static | Linkage::StaticPie)
        )
    };
    let go: Vec<&File> = programs
        .iter()
        .map(|(file, _)| *file)
        .filter(|file| file.binary.go.is_some())
        .take(PROGRAMS)
        .collect();
    let mut told = Reported::default();
    if !go.is_empty() {
        let lacks = Lacks {
            users: users.is_none(),
            roots: certificates::lacking(image)?,
            zones: zones::lacking(image)?,
        };
        if lacks.users || lacks.roots.is_some() || lacks.zones.is_some() {
            for file in go {
                go_program(image, file, &lacks, &mut told, drafts)?;
            }
        }
    }
    absent(image, &told, drafts)?;
    let glibc = programs
        .iter()
        .filter(|(file, _)| is_static(file) && file.binary.libc == Some(Libc::Glibc));
    for (file, _) in glibc.take(PROGRAMS) {
        static_glibc(image, file, users.is_none(), drafts)?;
    }
    Ok(())
}

/// What an image lacks. For root certificates and time zones, a clause says why.
struct Lacks {
    users: bool,
    roots: Option<String>,
    zones: Option<String>,
}

/// Which findings about programs were added.
#[derive(Default)]
struct Reported {
    roots: bool,
    zones: bool,
}

/// Reports paths that the config names for certificates and time zones and that are not in the image,
/// unless the same cause was already reported for a program. A volume may provide them, so the level is
/// only info.
fn absent(image: &Image<'_>, told: &Reported, drafts: &mut Drafts) -> io::Result<()> {
    let mut absent: Vec<(Id, &str, &str)> = Vec::new();
    if !told.roots {
        let names = certificates::absent_names(image).into_iter();
        absent.extend(names.map(|(name, path)| (Id::NoCaCertificates, name, path)));
    }
    if !told.zones
        && let Some(path) = certificates::set(image, "ZONEINFO")
        && image.resolve(&image.absolute(path.as_bytes())).is_none()
    {
        absent.push((Id::NoTimezoneData, "ZONEINFO", path));
    }
    for (id, name, path) in absent {
        let text = (
            format!(
                "the config sets {name} to {}, which is not in the image",
                printable(path.as_bytes())
            ),
            format!("copy it into the image, mount it, or do not set {name}"),
        );
        drafts.image(id, Level::Info, path.as_bytes(), None, text);
    }
    Ok(())
}

/// Reports the config's user or group if it cannot be found.
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
            "the config starts it as user {user}, which is not in /etc/passwd{}",
            gone(image, users.is_none(), PASSWD)?
        ));
    }
    if let Some(group) = group.filter(|group| !group.is_empty() && !is_number(group)) {
        let groups = image.read_file(GROUP, LIMIT)?;
        if !known(groups.as_deref(), group) {
            wrong.push(format!(
                "the config starts it with group {group}, which is not in /etc/group{}",
                gone(image, groups.is_none(), GROUP)?
            ));
        }
    }
    if !wrong.is_empty() {
        let hint = "add the user (RUN adduser, or copy an /etc/passwd), or give USER as a number";
        let text = (wrong.join("; "), hint.to_owned());
        drafts.image(Id::UserLookup, Level::Fail, PASSWD, None, text);
    }
    Ok(())
}

/// Returns the clause naming the layer that removed a table of users or groups, or an empty string if
/// the table is not missing or no layer removed it.
fn gone(image: &Image<'_>, missing: bool, path: &[u8]) -> io::Result<String> {
    match missing {
        true => attribution::of_path(image, Level::Fail, path),
        false => Ok(String::new()),
    }
}

fn go_program(
    image: &Image<'_>,
    file: &File,
    lacks: &Lacks,
    told: &mut Reported,
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
    if let Some(reason) = &lacks.roots
        && loads_roots
        && !has_roots
    {
        told.roots = true;
        let text = Text {
            detail: format!(
                "it checks certificates (crypto/x509), and {reason}: \"certificate signed by unknown \
                 authority\""
            ),
            hint: "install ca-certificates, or copy /etc/ssl/certs/ca-certificates.crt from a build stage"
                .to_owned(),
            group: "programs that check certificates, without roots".to_owned(),
        };
        drafts.file(Id::NoCaCertificates, Level::Warn, file, text);
    }
    if let Some(reason) = &lacks.zones
        && loads_zones
        && !has_zones
        && !zones::in_goroot(image, file)?
    {
        told.zones = true;
        let text = Text {
            detail: format!(
                "it loads time zones (time.LoadLocation), and {reason}: \"unknown time zone\""
            ),
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

/// Reports files that are missing for a static glibc program's code for users and hosts. Since glibc
/// 2.34 it reads `/etc/passwd` itself. Before 2.34, it loads `libnss_files.so.2` of exactly the glibc
/// that it was built with. Neither needs `/etc/nsswitch.conf`: without it, the sources are `files` and
/// `dns` (nss/nsswitch.c, nss/nss_database.c).
fn static_glibc(
    image: &Image<'_>,
    file: &File,
    no_users: bool,
    drafts: &mut Drafts,
) -> io::Result<()> {
    let is_module = |file: &File| file.name().starts_with(FILES_MODULE);
    let modules = image.files.iter().any(is_module);
    if !no_users && modules {
        return Ok(());
    }
    let names = [NSSWITCH, MODULE_BEFORE_2_34];
    let found = image.evidence.contains(file.node, &names)?;
    let &[switch, loads_modules] = found.as_slice() else {
        return Ok(());
    };
    if !switch {
        return Ok(());
    }
    let passwd = no_users.then_some("/etc/passwd");
    let detail = if loads_modules {
        let module = (!modules).then_some("libnss_files.so.2");
        let lacking: Vec<&str> = passwd.into_iter().chain(module).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        format!(
            "it is static and looks up users or hosts through glibc's NSS, which loads libraries of \
             exactly the glibc version that it was built with; the image has no {}",
            lacking.join(", and no ")
        )
    } else {
        let Some(passwd) = passwd else {
            return Ok(());
        };
        format!("it is static and looks up users or hosts through glibc; the image has no {passwd}")
    };
    let hint = match loads_modules {
        true => "link it dynamically, use musl, or (Go) build with -tags netgo,osusergo",
        false => "copy an /etc/passwd into the image, or do not look up names",
    };
    let text = Text {
        detail,
        hint: hint.to_owned(),
        group: "static programs that look up names through NSS".to_owned(),
    };
    drafts.file(Id::UserLookup, Level::Info, file, text);
    Ok(())
}
