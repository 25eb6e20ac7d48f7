//! Build attributes: the target processor that the compiler was configured for (Addenda to the ABI
//! for the Arm architecture, section 3; RISC-V ELF psABI, "Attributes").
//!
//! Attributes are a list of tags and values. A tag does not encode the type of its value: most odd
//! tags have strings and most even tags numbers, and the exceptions must be known.

use object::elf::{FileHeader32, Tag_File};
use object::endian::Endianness;
use object::read::elf::AttributesSection;

/// Tag_CPU_arch (section 3.3.5.2 of the Addenda).
const TAG_CPU_ARCH: u64 = 6;

/// Tag_RISCV_arch.
const TAG_RISCV_ARCH: u64 = 5;

enum Value {
    Number(u64),
    Text(Vec<u8>),
}

/// Returns Tag_CPU_arch of the whole file.
pub(super) fn cpu_arch(bytes: &[u8], endian: Endianness) -> Option<u64> {
    // CPU_raw_name and CPU_name are strings, and so are odd tags above 32.
    let is_text = |tag| matches!(tag, 4 | 5) || (tag > 32 && tag % 2 == 1);
    match find(bytes, endian, b"aeabi", TAG_CPU_ARCH, is_text)? {
        Value::Number(number) => Some(number),
        Value::Text(_) => None,
    }
}

/// Returns Tag_RISCV_arch of the whole file: `rv64i2p1_m2p0_…`.
pub(super) fn riscv_arch(bytes: &[u8], endian: Endianness) -> Option<Vec<u8>> {
    match find(bytes, endian, b"riscv", TAG_RISCV_ARCH, |tag| tag % 2 == 1)? {
        Value::Text(text) => Some(text),
        Value::Number(_) => None,
    }
}

fn find(
    bytes: &[u8],
    endian: Endianness,
    vendor: &[u8],
    wanted: u64,
    is_text: impl Fn(u64) -> bool,
) -> Option<Value> {
    let section = AttributesSection::<FileHeader32<Endianness>>::new(endian, bytes).ok()?;
    for subsection in section.subsections().ok()?.map_while(Result::ok) {
        if subsection.vendor() != vendor {
            continue;
        }
        for part in subsection.subsubsections().map_while(Result::ok) {
            if part.tag() != Tag_File {
                continue;
            }
            let mut attributes = part.attributes();
            while let Ok(Some(tag)) = attributes.read_tag() {
                let value = if is_text(tag) {
                    Value::Text(attributes.read_string().ok()?.to_vec())
                } else {
                    Value::Number(attributes.read_integer().ok()?)
                };
                if tag == wanted {
                    return Some(value);
                }
                // Tag_compatibility has a number and a string.
                if tag == 32 {
                    attributes.read_string().ok()?;
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in Debian armhf, where `readelf -A` prints CPU_name "7-A", CPU_arch v7, …
    fn attributes(file_attributes: &[u8]) -> Vec<u8> {
        let file = [
            &[1][..],
            &(file_attributes.len() as u32 + 5).to_le_bytes(),
            file_attributes,
        ];
        let file = file.concat();
        let vendor = [
            &(file.len() as u32 + 10).to_le_bytes()[..],
            b"aeabi\0",
            &file,
        ]
        .concat();
        [b"A", &vendor[..]].concat()
    }

    #[test]
    fn the_architecture_is_an_attribute() {
        let arch = |bytes: &[u8]| cpu_arch(&attributes(bytes), Endianness::Little);
        assert_eq!(arch(b"\x05\x37-A\0\x06\x0a\x07\x41"), Some(10));
        assert_eq!(arch(b"\x43\x32.09\0\x06\x04"), Some(4));
        assert_eq!(arch(b"\x20\x01gnu\0\x06\x06"), Some(6));
        assert_eq!(arch(b"\x07\x41"), None);
        assert_eq!(arch(b"\x05abc"), None);
        assert_eq!(cpu_arch(b"", Endianness::Little), None);
        assert_eq!(
            cpu_arch(b"A\xff\xff\xff\xffaeabi\0", Endianness::Little),
            None
        );
    }

    #[test]
    fn the_extensions_are_a_string() {
        let of_vendor = |vendor: &[u8]| {
            let file = b"\x01\x11\0\0\0\x04\x10\x05rv64i2p1\0";
            let len = (file.len() + vendor.len() + 4) as u32;
            [b"A", &len.to_le_bytes()[..], vendor, file].concat()
        };
        let arch = |vendor| riscv_arch(&of_vendor(vendor), Endianness::Little);
        assert_eq!(arch(b"riscv\0").as_deref(), Some(&b"rv64i2p1"[..]));
        assert_eq!(arch(b"aeabi\0"), None);
    }
}
