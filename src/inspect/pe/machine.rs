//! The names of architectures in COFF headers, and the operating systems that .NET encodes in them.

use object::endian::LittleEndian as LE;
use object::pe::{
    self, IMAGE_FILE_MACHINE_ALPHA, IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM,
    IMAGE_FILE_MACHINE_ARM64, IMAGE_FILE_MACHINE_ARM64EC, IMAGE_FILE_MACHINE_ARM64X,
    IMAGE_FILE_MACHINE_ARMNT, IMAGE_FILE_MACHINE_EBC, IMAGE_FILE_MACHINE_I386,
    IMAGE_FILE_MACHINE_IA64, IMAGE_FILE_MACHINE_RISCV32, IMAGE_FILE_MACHINE_RISCV64,
    IMAGE_FILE_MACHINE_THUMB, ImageFileHeader, ImageSectionHeader, Machine,
};
use object::pod::from_bytes;

/// Not in `object` yet (PE Format, "Machine types").
const IMAGE_FILE_MACHINE_LOONGARCH32: Machine = Machine(0x6232);
const IMAGE_FILE_MACHINE_LOONGARCH64: Machine = Machine(0x6264);

/// Returns the name of a machine: the GOARCH name where Go has one.
pub(super) fn name(machine: Machine) -> String {
    match known(machine) {
        Some(name) => name.into(),
        None => format!("pe-machine-0x{machine:x}"),
    }
}

fn known(machine: Machine) -> Option<&'static str> {
    Some(match machine {
        IMAGE_FILE_MACHINE_I386 | pe::IMAGE_FILE_MACHINE_CHPE_X86 => "386",
        IMAGE_FILE_MACHINE_AMD64 => "amd64",
        IMAGE_FILE_MACHINE_ARM | IMAGE_FILE_MACHINE_THUMB | IMAGE_FILE_MACHINE_ARMNT => "arm",
        // ARM64X contains code for both and is loaded as either.
        IMAGE_FILE_MACHINE_ARM64 | IMAGE_FILE_MACHINE_ARM64X => "arm64",
        IMAGE_FILE_MACHINE_ARM64EC => "arm64ec",
        IMAGE_FILE_MACHINE_RISCV32 => "riscv32",
        IMAGE_FILE_MACHINE_RISCV64 => "riscv64",
        IMAGE_FILE_MACHINE_LOONGARCH32 => "loong32",
        IMAGE_FILE_MACHINE_LOONGARCH64 => "loong64",
        IMAGE_FILE_MACHINE_IA64 => "ia64",
        IMAGE_FILE_MACHINE_ALPHA => "alpha",
        IMAGE_FILE_MACHINE_EBC => "ebc",
        _ => return None,
    })
}

/// Returns the machine, and the operating system that its code is for. In code that .NET compiled
/// ahead of time for an operating system other than Windows, the number of that system is XORed
/// into the machine (`IMAGE_FILE_MACHINE_NATIVE_OS_OVERRIDE`, runtime/src/coreclr/inc/pedecoder.h).
pub(super) fn split(machine: Machine) -> (Machine, &'static str) {
    if known(machine).is_some() {
        return (machine, "windows");
    }
    let overrides = [
        (0x4644, "darwin"),
        (0x7b79, "linux"),
        (0xadc4, "freebsd"),
        (0x1993, "netbsd"),
        (0x1992, "solaris"),
    ];
    let found = overrides.into_iter().find_map(|(number, os)| {
        let machine = Machine(machine.0 ^ number);
        known(machine).map(|_| (machine, os))
    });
    found.unwrap_or((machine, "windows"))
}

/// Windows on ARM requires v7 (Overview of ARM32 ABI Conventions).
pub(super) fn variant(machine: Machine) -> Option<(&'static str, &'static str)> {
    (machine == IMAGE_FILE_MACHINE_ARMNT).then_some(("GOARM", "7"))
}

/// Returns the architecture of a COFF object, or of the short form of objects in import libraries.
/// There is no magic number, so this is only used for members of archives that are not of another
/// format, and the header's fields are checked.
pub(in crate::inspect) fn of_object(head: &[u8]) -> Option<&'static str> {
    // IMPORT_OBJECT_HEADER: 0, 0xffff, version, machine. From version 1 on it is another kind of
    // object.
    if let Some(rest) = head.strip_prefix(&[0, 0, 0xff, 0xff]) {
        let machine = rest.get(2..)?.first_chunk()?;
        return known(Machine(u16::from_le_bytes(*machine)));
    }
    let (header, rest) = from_bytes::<ImageFileHeader>(head).ok()?;
    if header.size_of_optional_header.get(LE) != 0 || header.number_of_sections.get(LE) == 0 {
        return None;
    }
    let (section, _) = from_bytes::<ImageSectionHeader>(rest).ok()?;
    let named = section
        .name
        .first()
        .is_some_and(|&c| c == b'.' || c == b'/');
    known(header.machine.get(LE)).filter(|_| named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_hide_in_machines() {
        assert_eq!(
            split(Machine(0x8664)),
            (IMAGE_FILE_MACHINE_AMD64, "windows")
        );
        assert_eq!(split(Machine(0xfd1d)), (IMAGE_FILE_MACHINE_AMD64, "linux"));
        assert_eq!(split(Machine(0xec20)), (IMAGE_FILE_MACHINE_ARM64, "darwin"));
        assert_eq!(split(Machine(0xd11d)), (IMAGE_FILE_MACHINE_ARM64, "linux"));
        assert_eq!(split(Machine(0x1234)), (Machine(0x1234), "windows"));
        assert_eq!(name(Machine(0x1234)), "pe-machine-0x1234");
    }

    #[test]
    fn objects_have_no_magic() {
        let mut object = [0; 60];
        object[..3].copy_from_slice(&[0x64, 0x86, 9]);
        assert_eq!(of_object(&object), None);
        object[20..25].copy_from_slice(b".text");
        assert_eq!(of_object(&object), Some("amd64"));
        assert_eq!(
            of_object(&[0, 0, 0xff, 0xff, 0, 0, 0x64, 0xaa]),
            Some("arm64")
        );
        assert_eq!(of_object(b"text"), None);
    }
}
