//! Keys of what an executable needs for a start, and whether the image has it.

use super::Derive::{FromBinary, FromFindings};
use super::ValueOf::{Flag, List, Text};
use super::{Group, Key};
use crate::inspect::{Libc, Linkage};

pub(super) const LINKING: Group = Group {
    title: "Linking",
    summary: "what a start requires, and whether the image has it: `INTERPRETER_STATUS` is `ok`, `missing` \
        or `wrong-arch`, `MISSING` lists the libraries that the loader would not find",
    keys: &[
        Key {
            name: "LINKAGE",
            value: Text(FromBinary(|binary| {
                binary.linkage.map(|linkage| linkage_name(linkage).into())
            })),
            doc: "`static`, `static-pie`, `dynamic`, or `interp-only` for a file that names a loader but no \
                library",
        },
        Key {
            name: "STATIC",
            value: Flag(FromBinary(|binary| {
                let linkage = binary.linkage?;
                Some(matches!(linkage, Linkage::Static | Linkage::StaticPie))
            })),
            doc: "whether it needs no other file",
        },
        Key {
            name: "LIBC",
            value: Text(FromBinary(|binary| {
                binary.libc.map(|libc| libc_name(libc).into())
            })),
            doc: "C library that it was built against: `glibc`, `musl`, `bionic`, `uclibc`, `freebsd`, \
                `netbsd`, `openbsd`, `solaris`, `ucrt`, `msvcrt`, `libsystem`, `none` or `unknown`",
        },
        Key {
            name: "LIBC_REQUIRED",
            value: Text(FromBinary(|binary| {
                binary.libc_required.clone().map(String::into_bytes)
            })),
            doc: "highest symbol version of the C library that it requires: `GLIBC_2.34`",
        },
        Key {
            name: "INTERPRETER",
            value: Text(FromBinary(|binary| binary.interpreter.clone())),
            doc: "dynamic loader, or the interpreter of a script, as written",
        },
        Key {
            name: "INTERPRETER_STATUS",
            value: Text(FromFindings(|findings, node| {
                let status = findings?.interpreter_status(node)?;
                Some(status.name().into())
            })),
            doc: "whether the image has the interpreter: `ok`, `missing` or `wrong-arch`",
        },
        Key {
            name: "NEEDED",
            value: List(FromBinary(|binary| binary.needed.clone())),
            doc: "libraries that it names, in order",
        },
        Key {
            name: "MISSING",
            value: List(FromFindings(|findings, node| {
                let missing = findings.map_or(&[][..], |findings| findings.missing(node));
                missing.iter().map(|name| name.to_vec()).collect()
            })),
            doc: "libraries that it needs, also indirectly, and that the loader would not find",
        },
        Key {
            name: "RPATH",
            value: List(FromBinary(|binary| binary.rpath.clone())),
            doc: "DT_RPATH or LC_RPATH: directories that are searched for libraries",
        },
        Key {
            name: "RUNPATH",
            value: List(FromBinary(|binary| binary.runpath.clone())),
            doc: "DT_RUNPATH, or LIBPATH of XCOFF: directories that are searched for libraries",
        },
        Key {
            name: "SONAME",
            value: Text(FromBinary(|binary| binary.soname.clone())),
            doc: "name of the library itself: DT_SONAME or LC_ID_DYLIB",
        },
    ],
};

fn linkage_name(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::Static => "static",
        Linkage::StaticPie => "static-pie",
        Linkage::Dynamic => "dynamic",
        Linkage::InterpOnly => "interp-only",
    }
}

fn libc_name(libc: Libc) -> &'static str {
    match libc {
        Libc::Glibc => "glibc",
        Libc::Musl => "musl",
        Libc::Bionic => "bionic",
        Libc::Uclibc => "uclibc",
        Libc::FreeBsd => "freebsd",
        Libc::NetBsd => "netbsd",
        Libc::OpenBsd => "openbsd",
        Libc::Solaris => "solaris",
        Libc::Ucrt => "ucrt",
        Libc::Msvcrt => "msvcrt",
        Libc::LibSystem => "libsystem",
        Libc::None => "none",
        Libc::Unknown => "unknown",
    }
}
