//! The operating system that an ELF file is for.
//!
//! ELF has the field EI_OSABI for it, but few toolchains set it. So the fact comes from the
//! first of these sources that is present: the path of its loader; the notes that a system's start
//! files add; EI_OSABI; the claim in Go's build information. Without any of them it is Linux, marked
//! as assumed.

use object::elf::{
    ELFOSABI_AIX, ELFOSABI_FREEBSD, ELFOSABI_GNU, ELFOSABI_HPUX, ELFOSABI_HURD, ELFOSABI_IRIX,
    ELFOSABI_NETBSD, ELFOSABI_OPENBSD, ELFOSABI_SOLARIS, ELFOSABI_TRU64, EM_386, EM_SPARC,
    EM_SPARC32PLUS, EM_SPARCV9, EM_X86_64, Machine, OsAbi,
};

use super::header::ElfHeader;
use super::note::Notes;
use crate::inspect::binary::{FactSource, GoBuild, Sourced};

/// Returns the operating system as a GOOS name, and the source of the fact.
pub(super) fn detect(
    header: &ElfHeader,
    interpreter: Option<&[u8]>,
    notes: &Notes,
    go: Option<&GoBuild>,
) -> Sourced<String> {
    let claimed = go
        .and_then(|go| go.setting("GOOS"))
        .filter(|os| !os.is_empty());
    let says = |value: &str, source| Sourced {
        value: value.to_owned(),
        source,
    };

    let loader = interpreter.and_then(|path| of_loader(path, header.machine));
    match loader {
        // Solaris and illumos have the same loader and notes. Only the build information
        // distinguishes them.
        Some("solaris") if claimed == Some("illumos") => {
            return says("illumos", FactSource::BuildInfo);
        }
        Some(os) => return says(os, FactSource::Header),
        None => {}
    }
    if let Some(os) = notes.os {
        return says(os, FactSource::Note);
    }
    if let Some(os) = of_os_abi(header.os_abi) {
        return says(os, FactSource::OsAbi);
    }
    match claimed {
        Some(os) => says(os, FactSource::BuildInfo),
        None => says("linux", FactSource::Assumed),
    }
}

/// Returns the operating system whose loader has this path. The directory matters if the name is
/// ambiguous: `ld.so.1` is the loader of Solaris and, on architectures that Solaris never
/// supported, of glibc.
fn of_loader(path: &[u8], machine: Machine) -> Option<&'static str> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    for prefix in [&b"ld-linux"[..], b"ld-musl-", b"ld-uClibc", b"ld64-uClibc"] {
        // In any directory: nix, guix and bundled applications have their own.
        if name.starts_with(prefix) {
            return Some("linux");
        }
    }
    match path {
        b"/libexec/ld-elf.so.1" | b"/libexec/ld-elf32.so.1" | b"/usr/libexec/ld-elf.so.1" => {
            Some("freebsd")
        }
        b"/usr/libexec/ld-elf.so.2" | b"/libexec/ld-elf.so.2" => Some("dragonfly"),
        b"/usr/libexec/ld.elf_so" | b"/libexec/ld.elf_so" => Some("netbsd"),
        b"/usr/libexec/ld.so" => Some("openbsd"),
        _ if path.starts_with(b"/system/bin/") || path.starts_with(b"/apex/") => {
            name.starts_with(b"linker").then_some("android")
        }
        _ if name == b"ld.so.1" => {
            let solaris = matches!(
                machine,
                EM_386 | EM_X86_64 | EM_SPARC | EM_SPARC32PLUS | EM_SPARCV9
            );
            Some(if solaris { "solaris" } else { "linux" })
        }
        _ if name == b"ld64.so.1" || name == b"ld64.so.2" => Some("linux"),
        _ => None,
    }
}

/// Evaluates EI_OSABI. Zero means unspecified, and values from 64 on are specific to an
/// architecture.
fn of_os_abi(os_abi: OsAbi) -> Option<&'static str> {
    Some(match os_abi {
        ELFOSABI_FREEBSD => "freebsd",
        ELFOSABI_NETBSD => "netbsd",
        ELFOSABI_OPENBSD => "openbsd",
        ELFOSABI_SOLARIS => "solaris",
        // "GNU" means that the file has symbols of a GNU type. Such files run on Linux.
        ELFOSABI_GNU => "linux",
        ELFOSABI_HURD => "hurd",
        ELFOSABI_HPUX => "hpux",
        ELFOSABI_AIX => "aix",
        ELFOSABI_IRIX => "irix",
        ELFOSABI_TRU64 => "tru64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::{ELFOSABI_NONE, EM_AARCH64, EM_MIPS, EM_PPC};

    fn header(os_abi: OsAbi) -> ElfHeader {
        let mut bytes = [0; 64];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        bytes[7] = os_abi.0;
        bytes[18] = 62;
        ElfHeader::read(&bytes).unwrap()
    }

    fn go(os: &str) -> GoBuild {
        GoBuild {
            settings: vec![("GOOS".into(), os.into())],
            ..GoBuild::default()
        }
    }

    fn found(
        os_abi: OsAbi,
        interpreter: Option<&str>,
        note: Option<&'static str>,
        claimed: Option<&str>,
    ) -> (String, FactSource) {
        let notes = Notes {
            os: note,
            ..Notes::default()
        };
        let claimed = claimed.map(go);
        let os = detect(
            &header(os_abi),
            interpreter.map(str::as_bytes),
            &notes,
            claimed.as_ref(),
        );
        (os.value, os.source)
    }

    #[test]
    fn the_loader_comes_first() {
        let glibc = Some("/lib64/ld-linux-x86-64.so.2");
        let expected = ("linux".into(), FactSource::Header);
        assert_eq!(found(ELFOSABI_FREEBSD, glibc, None, None), expected);
        assert_eq!(found(ELFOSABI_NONE, glibc, None, Some("android")), expected);
        assert_eq!(
            found(ELFOSABI_NONE, glibc, Some("linux"), Some("linux")),
            expected
        );
    }

    #[test]
    fn notes_then_osabi_then_claims_then_linux() {
        let says = |os: &str, source| (os.to_owned(), source);
        assert_eq!(
            found(ELFOSABI_GNU, None, Some("netbsd"), Some("linux")),
            says("netbsd", FactSource::Note)
        );
        assert_eq!(
            found(ELFOSABI_FREEBSD, None, None, Some("linux")),
            says("freebsd", FactSource::OsAbi)
        );
        let static_dragonfly = found(ELFOSABI_NONE, None, None, Some("dragonfly"));
        assert_eq!(static_dragonfly, says("dragonfly", FactSource::BuildInfo));
        assert_eq!(
            found(ELFOSABI_NONE, None, None, None),
            says("linux", FactSource::Assumed)
        );
        let other_loader = found(ELFOSABI_NONE, Some("/opt/ld.so"), None, None);
        assert_eq!(other_loader, says("linux", FactSource::Assumed));
    }

    #[test]
    fn illumos_is_a_solaris_that_says_so() {
        let loader = Some("/lib/amd64/ld.so.1");
        assert_eq!(
            found(ELFOSABI_NONE, loader, None, Some("illumos")),
            ("illumos".into(), FactSource::BuildInfo)
        );
        assert_eq!(
            found(ELFOSABI_NONE, loader, None, None),
            ("solaris".into(), FactSource::Header)
        );
    }

    #[test]
    fn loaders() {
        for (path, machine, expected) in [
            ("/lib/ld-linux-aarch64.so.1", EM_AARCH64, Some("linux")),
            (
                "/nix/store/x-glibc/lib/ld-linux-x86-64.so.2",
                EM_X86_64,
                Some("linux"),
            ),
            ("/lib/ld-musl-mips-sf.so.1", EM_MIPS, Some("linux")),
            ("/lib32/ld.so.1", EM_MIPS, Some("linux")),
            ("/lib/ld.so.1", EM_PPC, Some("linux")),
            ("/usr/lib/ld.so.1", EM_386, Some("solaris")),
            ("/lib64/ld64.so.2", object::elf::EM_PPC64, Some("linux")),
            ("/system/bin/linker64", EM_AARCH64, Some("android")),
            (
                "/apex/com.android.runtime/bin/linker64",
                EM_AARCH64,
                Some("android"),
            ),
            ("/libexec/ld-elf.so.1", EM_X86_64, Some("freebsd")),
            ("/usr/libexec/ld-elf.so.2", EM_X86_64, Some("dragonfly")),
            ("/libexec/ld.elf_so", EM_X86_64, Some("netbsd")),
            ("/usr/libexec/ld.so", EM_X86_64, Some("openbsd")),
            ("/lib/ld.so", EM_X86_64, None),
        ] {
            assert_eq!(of_loader(path.as_bytes(), machine), expected, "{path}");
        }
    }
}
