//! Names of machines in COFF headers, and the systems that .NET hides in them.

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

/// The name of a machine, in Go's words where it has one.
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
        // ARM64X has both: it is loaded as either.
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

/// The machine, and the system that its code is for. Code that .NET compiled ahead of time for
/// another system than Windows has the number of that system XORed into its machine
/// (`IMAGE_FILE_MACHINE_NATIVE_OS_OVERRIDE`, runtime/src/coreclr/inc/pedecoder.h).
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

/// Windows on ARM is for v7 (Overview of ARM32 ABI Conventions).
pub(super) fn variant(machine: Machine) -> Option<(&'static str, &'static str)> {
    (machine == IMAGE_FILE_MACHINE_ARMNT).then_some(("GOARM", "7"))
}

/// The machine of a COFF object, or of the short form in which import libraries have theirs. There is
/// no magic number: where this is asked, nothing else can be meant, or it is checked to fit.
pub(in crate::inspect) fn of_object(head: &[u8]) -> Option<&'static str> {
    // IMPORT_OBJECT_HEADER: 0, 0xffff, version, machine. Version 1 and up is another kind of object.
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
