//! Shared by the tests of `imgfs::internals::inspect`: the files in `tests/data/inspect`, and others that are built
//! here byte by byte, because no available tool makes them small.

#![allow(dead_code)]

use std::path::PathBuf;

use imgfs::internals::inspect::{Binary, inspect};

pub fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/inspect")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn facts(name: &str) -> Binary {
    inspect(&data(name)).unwrap_or_else(|| panic!("{name} is not recognised"))
}

pub fn os_arch(binary: &Binary) -> (String, String) {
    let name = |fact: &Option<imgfs::internals::inspect::Sourced<String>>| {
        fact.as_ref().map_or("-".into(), |fact| fact.value.clone())
    };
    (name(&binary.os), name(&binary.arch))
}

/// Returns the text of modules between its sentinels, as Go's linker writes it.
pub fn modinfo(settings: &[(&str, &str)]) -> Vec<u8> {
    const START: &[u8] = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
    const END: &[u8] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
    let mut text = START.to_vec();
    text.extend(b"path\texample.com/hello\nmod\texample.com/hello\t(devel)\t\n");
    for (key, value) in settings {
        text.extend(format!("build\t{key}={value}\n").bytes());
    }
    text.extend(END);
    text
}

/// Returns the build information of Go 1.18 and later.
pub fn build_info(settings: &[(&str, &str)]) -> Vec<u8> {
    let modinfo = modinfo(settings);
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.extend(b"\x08go1.22.1");
    let len = modinfo.len();
    info.extend([(len & 0x7f) as u8 | 0x80, (len >> 7) as u8]);
    info.extend(modinfo);
    info
}

/// Returns a minimal static Go executable: an ELF header, one data segment, and in it the build
/// information.
pub fn go_elf(settings: &[(&str, &str)]) -> Vec<u8> {
    elf(6, &build_info(settings))
}

/// Returns an ELF executable for amd64 with one segment and no sections.
pub fn elf(flags: u8, content: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]); // e_type EXEC, e_machine, e_version
    for word in [0x40_1000u64, 64, 0] {
        file.extend(word.to_le_bytes()); // e_entry, e_phoff, e_shoff
    }
    file.extend(0u32.to_le_bytes()); // e_flags
    for half in [64u16, 56, 1, 64, 0, 0] {
        file.extend(half.to_le_bytes()); // e_ehsize, e_phentsize, e_phnum, …
    }
    file.extend([1, 0, 0, 0, flags, 0, 0, 0]); // PT_LOAD
    let (offset, size) = (128, content.len() as u64);
    for word in [offset, 0x50_0080, 0x50_0080, size, size, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.resize(128, 0);
    file.extend(content);
    file
}

/// The parts of a PE file that differ between tests.
pub struct Pe {
    pub machine: u16,
    pub wide: bool,
    pub subsystem: u16,
    /// Characteristics of the one section.
    pub section: u32,
    /// Its content, at 0x1000 in memory.
    pub content: Vec<u8>,
    /// Data directories: index, address, size.
    pub directories: Vec<(usize, u32, u32)>,
}

/// Characteristics of initialised data that is readable, and writable.
pub const READ: u32 = 0x4000_0040;
pub const READ_WRITE: u32 = 0xc000_0040;

impl Pe {
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = b"MZ".to_vec();
        file.resize(0x3c, 0);
        file.extend(0x40u32.to_le_bytes());
        file.extend(b"PE\0\0");
        let optional = if self.wide { 112 } else { 96 } + 128;
        for half in [self.machine, 1, 0, 0, 0, 0, 0, 0, optional, 0x22] {
            file.extend(half.to_le_bytes());
        }
        let start = file.len();
        let at = |field: usize| start + field;
        file.resize(start + usize::from(optional), 0);
        let mut put = |field: usize, bytes: &[u8]| {
            file[at(field)..at(field) + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &if self.wide { 0x20bu16 } else { 0x10b }.to_le_bytes());
        put(if self.wide { 24 } else { 28 }, &0x40_0000u32.to_le_bytes());
        put(60, &0x200u32.to_le_bytes()); // SizeOfHeaders
        put(68, &self.subsystem.to_le_bytes());
        put(70, &0x140u16.to_le_bytes()); // DYNAMIC_BASE, NX_COMPAT
        let directories = if self.wide { 112 } else { 96 };
        put(directories - 4, &16u32.to_le_bytes());
        for &(index, address, size) in &self.directories {
            put(directories + 8 * index, &address.to_le_bytes());
            put(directories + 8 * index + 4, &size.to_le_bytes());
        }
        file.extend(b".data\0\0\0");
        let size = self.content.len() as u32;
        for word in [size, 0x1000, size, 0x400, 0, 0, 0, self.section] {
            file.extend(word.to_le_bytes());
        }
        file.resize(0x400, 0);
        file.extend(&self.content);
        file
    }
}

/// Returns a .NET assembly with these flags of its CLR header, optionally with native code.
pub fn assembly(machine: u16, wide: bool, flags: u32, native: bool) -> Vec<u8> {
    let mut header = vec![0; 72];
    header[..4].copy_from_slice(&72u32.to_le_bytes());
    header[16..20].copy_from_slice(&flags.to_le_bytes());
    header[64] = u8::from(native);
    let (section, directories) = (READ, vec![(14, 0x1000, 72)]);
    Pe {
        machine,
        wide,
        subsystem: 3,
        section,
        content: header,
        directories,
    }
    .bytes()
}

/// Returns a Mach-O executable for arm64 with one segment and one section, which does not name a system.
pub fn macho(section: &[u8], content: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xfeed_facfu32, 0x0100_000c, 0, 2, 1, 152, 0x20_0085, 0] {
        file.extend(word.to_le_bytes());
    }
    let name = |text: &[u8]| {
        let mut name = text.to_vec();
        name.resize(16, 0);
        name
    };
    let len = content.len() as u64;
    file.extend([0x19, 0, 0, 0, 152, 0, 0, 0]); // LC_SEGMENT_64
    file.extend(name(b"__DATA"));
    for word in [0x1_0000_0000, len, 192, len] {
        file.extend(word.to_le_bytes());
    }
    for word in [3u32, 3, 1, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(name(section));
    file.extend(name(b"__DATA"));
    for word in [0x1_0000_0000, len] {
        file.extend(word.to_le_bytes());
    }
    for word in [192u32, 4, 0, 0, 0, 0, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.resize(192, 0);
    file.extend(content);
    file
}

/// Returns a universal binary.
pub fn universal(wide: bool, slices: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = vec![0xca, 0xfe, 0xba, if wide { 0xbf } else { 0xbe }];
    file.extend((slices.len() as u32).to_be_bytes());
    let mut offset = 4096u32;
    for (cpu_type, subtype, slice) in slices {
        let word = |file: &mut Vec<u8>, value: u32| {
            file.extend(&[0; 4][..if wide { 4 } else { 0 }]);
            file.extend(value.to_be_bytes());
        };
        file.extend(cpu_type.to_be_bytes());
        file.extend(subtype.to_be_bytes());
        word(&mut file, offset);
        word(&mut file, slice.len() as u32);
        file.extend(12u32.to_be_bytes());
        file.extend(&[0; 4][..if wide { 4 } else { 0 }]);
        offset += (slice.len() as u32).next_multiple_of(4096);
    }
    for (_, _, slice) in slices {
        file.resize(file.len().next_multiple_of(4096), 0);
        file.extend(*slice);
    }
    file
}

/// Returns an XCOFF executable of 64 bits with a data section and a loader section.
pub fn xcoff(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x01, 0xf7, 0, 2, 0, 0, 0, 0];
    file.extend(0u64.to_be_bytes()); // f_symptr
    file.extend([0, 0, 0x10, 0x02, 0, 0, 0, 0]); // f_opthdr, F_EXEC | F_DYNLOAD, f_nsyms
    let strings = b"/usr/lib:/lib\0\0\0\0libc.a\0shr_64.o\0";
    let (loader_at, loader_len) = (256u64, 56 + strings.len() as u64);
    let data_at = 512u64;
    for (name, address, len, at, kind) in [
        (b".loader\0", 0, loader_len, loader_at, 0x1000u32),
        (
            b".data\0\0\0",
            0x1_1000_0000,
            content.len() as u64,
            data_at,
            0x40,
        ),
    ] {
        file.extend(name);
        for word in [address, address, len, at, 0, 0] {
            file.extend(word.to_be_bytes());
        }
        for word in [0, 0, kind, 0] {
            file.extend(word.to_be_bytes());
        }
    }
    file.resize(256, 0);
    // l_version, l_nsyms, l_nreloc, l_istlen, l_nimpid, l_stlen; l_impoff, l_stoff, …
    for word in [2, 0, 0, strings.len() as u32, 2, 0] {
        file.extend(word.to_be_bytes());
    }
    file.extend(56u64.to_be_bytes());
    file.resize(256 + 56, 0);
    file.extend(strings);
    file.resize(512, 0);
    file.extend(content);
    file
}

/// Returns an executable for Plan 9 on amd64, with data.
pub fn plan9(content: &[u8]) -> Vec<u8> {
    let text = 24u32;
    let mut file = Vec::new();
    for word in [0x8a97, text, content.len() as u32, 0, 0, 0x20_0028, 0, 0] {
        file.extend(word.to_be_bytes());
    }
    file.extend(0x20_0028u64.to_be_bytes());
    file.resize(file.len() + text as usize, 0);
    file.extend(content);
    file
}

/// Returns a module for WebAssembly: sections of an id and a content.
pub fn wasm(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        file.push(*id);
        file.extend([
            (content.len() & 0x7f) as u8 | 0x80,
            (content.len() >> 7) as u8,
        ]);
        file.extend(*content);
    }
    file
}

/// Returns an archive.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let len = content.len();
        file.extend(format!("{name:<16}0           0     0     644     {len:<10}`\n").bytes());
        file.extend(*content);
        file.resize(file.len().next_multiple_of(2), b'\n');
    }
    file
}
