//! The ELF header, for any class and byte order.

use object::elf::{
    ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, FileHeader32, FileHeader64, FileType,
    Machine, OsAbi, ProgramHeader32, ProgramHeader64,
};
use object::endian::Endianness;
use object::pod::from_bytes;
use object::read::elf::FileHeader;

/// Word size and byte order, which are required to read any record of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether the class is 64-bit.
    pub wide: bool,
    /// Byte order.
    pub endian: Endianness,
}

/// The fields of `Elf32_Ehdr` and `Elf64_Ehdr` (gABI, chapter 4).
#[derive(Clone, Copy, Debug)]
pub(super) struct ElfHeader {
    pub layout: Layout,
    pub os_abi: OsAbi,
    pub file_type: FileType,
    pub machine: Machine,
    pub flags: u32,
    pub entry: u64,
    pub phoff: u64,
    pub phentsize: u16,
    pub phnum: u16,
    pub shoff: u64,
    pub shentsize: u16,
    pub shnum: u16,
    pub shstrndx: u16,
    ehsize: u16,
}

impl ElfHeader {
    /// Reads the header from the first bytes of the file.
    ///
    /// EI_CLASS and EI_DATA specify the layout. But on x86 Linux ignores both and uses the layout
    /// of its own architecture, so a file with a wrong value in either byte still runs. Therefore a
    /// layout for which the sizes in the header are correct takes precedence over one for which
    /// they are not.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let [class, data] = *head.get(4..6)? else {
            return None;
        };
        let claimed_wide = match class {
            c if c == ELFCLASS32.0 => Some(false),
            c if c == ELFCLASS64.0 => Some(true),
            _ => None,
        };
        let claimed_endian = match data {
            d if d == ELFDATA2LSB.0 => Some(Endianness::Little),
            d if d == ELFDATA2MSB.0 => Some(Endianness::Big),
            _ => None,
        };
        let claimed = claimed_wide
            .zip(claimed_endian)
            .map(|(wide, endian)| Layout { wide, endian });

        let layouts = [true, false].into_iter().flat_map(|wide| {
            [Endianness::Little, Endianness::Big].map(|endian| Layout { wide, endian })
        });
        let consistent = claimed
            .into_iter()
            .chain(layouts)
            .filter_map(|layout| Self::read_as(head, layout))
            .find(Self::is_consistent);
        consistent.or_else(|| Self::read_as(head, claimed?))
    }

    fn read_as(head: &[u8], layout: Layout) -> Option<Self> {
        if layout.wide {
            Self::decode::<FileHeader64<Endianness>>(head, layout)
        } else {
            Self::decode::<FileHeader32<Endianness>>(head, layout)
        }
    }

    fn decode<E: FileHeader<Endian = Endianness>>(head: &[u8], layout: Layout) -> Option<Self> {
        let (raw, _) = from_bytes::<E>(head).ok()?;
        let e = layout.endian;
        Some(Self {
            layout,
            os_abi: raw.e_ident().os_abi,
            file_type: raw.e_type(e),
            machine: raw.e_machine(e),
            flags: raw.e_flags(e).0,
            entry: raw.e_entry(e).into(),
            phoff: raw.e_phoff(e).into(),
            phentsize: raw.e_phentsize(e),
            phnum: raw.e_phnum(e),
            shoff: raw.e_shoff(e).into(),
            shentsize: raw.e_shentsize(e),
            shnum: raw.e_shnum(e),
            shstrndx: raw.e_shstrndx(e).0,
            ehsize: raw.e_ehsize(e),
        })
    }

    fn is_consistent(&self) -> bool {
        let (ehsize, phentsize) = if self.layout.wide {
            (
                size_of::<FileHeader64<Endianness>>(),
                size_of::<ProgramHeader64<Endianness>>(),
            )
        } else {
            (
                size_of::<FileHeader32<Endianness>>(),
                size_of::<ProgramHeader32<Endianness>>(),
            )
        };
        usize::from(self.ehsize) == ehsize
            && (self.phnum == 0 || usize::from(self.phentsize) == phentsize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::{EM_X86_64, ET_DYN};

    /// A header in the field order of `Elf64_Ehdr`, as `readelf -h` shows it.
    fn header64(class: u8, data: u8) -> Vec<u8> {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.extend([class, data, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(3u16.to_le_bytes()); // e_type
        bytes.extend(62u16.to_le_bytes()); // e_machine
        bytes.extend(1u32.to_le_bytes()); // e_version
        bytes.extend(0x1050u64.to_le_bytes()); // e_entry
        bytes.extend(64u64.to_le_bytes()); // e_phoff
        bytes.extend(13000u64.to_le_bytes()); // e_shoff
        bytes.extend(0u32.to_le_bytes()); // e_flags
        for field in [64u16, 56, 13, 64, 29, 28] {
            bytes.extend(field.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn fields_are_read_in_the_layout_of_the_file() {
        let header = ElfHeader::read(&header64(2, 1)).unwrap();
        assert_eq!(
            header.layout,
            Layout {
                wide: true,
                endian: Endianness::Little
            }
        );
        assert_eq!((header.file_type, header.machine), (ET_DYN, EM_X86_64));
        assert_eq!(
            (header.entry, header.phoff, header.shoff),
            (0x1050, 64, 13000)
        );
        assert_eq!((header.phentsize, header.phnum), (56, 13));
        assert_eq!(
            (header.shentsize, header.shnum, header.shstrndx),
            (64, 29, 28)
        );
        assert_eq!(header.os_abi.0, 3);
    }

    #[test]
    fn a_wrong_class_or_byte_order_is_seen_through() {
        for (class, data) in [(1, 1), (2, 2), (1, 2), (0, 0), (9, 9)] {
            let header = ElfHeader::read(&header64(class, data)).unwrap();
            assert_eq!(header.machine, EM_X86_64, "{class} {data}");
            assert!(header.layout.wide);
        }
    }

    #[test]
    fn an_inconsistent_header_is_read_as_it_claims() {
        let mut bytes = header64(2, 2);
        bytes[52..54].fill(0); // e_ehsize
        assert_eq!(ElfHeader::read(&bytes).unwrap().machine.0, 62 << 8);
        bytes[5] = 7;
        assert!(ElfHeader::read(&bytes).is_none());
        assert!(ElfHeader::read(&bytes[..40]).is_none());
        assert!(ElfHeader::read(b"").is_none());
    }
}
