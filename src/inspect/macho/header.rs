//! The Mach-O header, for any word size and byte order.

use object::endian::Endianness;
use object::macho::{
    CpuSubtype, CpuType, FileFlags, FileType, MH_CIGAM, MH_CIGAM_64, MH_MAGIC, MH_MAGIC_64,
    MachHeader32, MachHeader64,
};
use object::pod::from_bytes;

/// The fields that both forms of the header have.
#[derive(Clone, Copy, Debug)]
pub(super) struct MachHeader {
    pub wide: bool,
    pub endian: Endianness,
    pub cpu_type: CpuType,
    pub cpu_subtype: CpuSubtype,
    pub file_type: FileType,
    pub commands: u32,
    pub commands_len: u32,
    pub flags: FileFlags,
}

impl MachHeader {
    /// Reads the header from the first bytes of the file.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let magic = u32::from_be_bytes(*head.first_chunk()?);
        let (wide, endian) = match magic {
            MH_MAGIC => (false, Endianness::Big),
            MH_CIGAM => (false, Endianness::Little),
            MH_MAGIC_64 => (true, Endianness::Big),
            MH_CIGAM_64 => (true, Endianness::Little),
            _ => return None,
        };
        macro_rules! read_as {
            ($header:ty) => {{
                let (raw, _) = from_bytes::<$header>(head).ok()?;
                Self {
                    wide,
                    endian,
                    cpu_type: raw.cputype.get(endian),
                    cpu_subtype: raw.cpusubtype.get(endian),
                    file_type: raw.filetype.get(endian),
                    commands: raw.ncmds.get(endian),
                    commands_len: raw.sizeofcmds.get(endian),
                    flags: raw.flags.get(endian),
                }
            }};
        }
        Some(if wide {
            read_as!(MachHeader64<Endianness>)
        } else {
            read_as!(MachHeader32<Endianness>)
        })
    }

    /// The length of the header.
    pub(super) fn len(&self) -> u64 {
        let len = if self.wide {
            size_of::<MachHeader64<Endianness>>()
        } else {
            size_of::<MachHeader32<Endianness>>()
        };
        len as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::macho::{CPU_TYPE_ARM64, CPU_TYPE_POWERPC, MH_EXECUTE};

    #[test]
    fn magic_tells_layout() {
        let mut little = vec![0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1, 0, 0, 0, 0, 2];
        little.resize(32, 0);
        let header = MachHeader::read(&little).unwrap();
        assert_eq!((header.wide, header.endian), (true, Endianness::Little));
        assert_eq!(
            (header.cpu_type, header.file_type),
            (CPU_TYPE_ARM64, MH_EXECUTE)
        );
        let mut big = vec![0xfe, 0xed, 0xfa, 0xce, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 2];
        big.resize(28, 0);
        let header = MachHeader::read(&big).unwrap();
        assert_eq!((header.wide, header.endian), (false, Endianness::Big));
        assert_eq!(header.cpu_type, CPU_TYPE_POWERPC);
        assert!(MachHeader::read(&big[..27]).is_none());
        assert!(MachHeader::read(b"\xca\xfe\xba\xbe").is_none());
    }
}
