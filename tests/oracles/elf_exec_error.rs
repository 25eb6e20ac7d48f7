//! The results of execve(2) for damaged ELF files: those of the kernel, compared with those of imgfs.

#![cfg(target_arch = "x86_64")]

use crate::elf_patch::*;
use imgfs::internals::inspect::{ExecError, inspect};

const EIO: i32 = 5;
const ENOEXEC: i32 = 8;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const SIGSEGV: i32 = 11;

struct Case {
    name: &'static str,
    patch: fn(&mut Elf),
    ends: Ended,
}

const fn case(name: &'static str, ends: Ended, patch: fn(&mut Elf)) -> Case {
    Case { name, patch, ends }
}

const NOEXEC: Ended = Ended::Errno(ENOEXEC);
const KILLED: Ended = Ended::Signal(SIGSEGV);
const RUNS: Ended = Ended::Exit(0);

fn set(elf: &mut Elf, at: u64, value: u16) {
    elf.put(at, &value.to_le_bytes());
}

const CASES: &[Case] = &[
    case("nothing changed", RUNS, |_| {}),
    case("e_type ET_NONE", NOEXEC, |elf| set(elf, 16, 0)),
    case("e_type ET_REL", NOEXEC, |elf| set(elf, 16, 1)),
    case("e_type ET_CORE", NOEXEC, |elf| set(elf, 16, 4)),
    case("e_type of an operating system", NOEXEC, |elf| {
        set(elf, 16, 0xfe00)
    }),
    case("e_phentsize 55", NOEXEC, |elf| set(elf, 54, 55)),
    case("e_phentsize 57", NOEXEC, |elf| set(elf, 54, 57)),
    case("e_phentsize 0", NOEXEC, |elf| set(elf, 54, 0)),
    case("e_phnum 0", NOEXEC, |elf| set(elf, 56, 0)),
    case("e_phnum 1170: just under 64 KiB", RUNS, |elf| {
        let old = elf.phnum();
        let table: Vec<_> = (0..old).map(|index| elf.phdr(index)).collect();
        let at = elf.append(&[0; 1171 * 56]);
        elf.put(32, &at.to_le_bytes());
        set(elf, 56, 1170);
        for (index, phdr) in (0..).zip(table) {
            elf.set_phdr(index, phdr);
        }
        // The loader reads the table from memory.
        let load = Phdr {
            kind: PT_LOAD,
            flags: 4,
            offset: at,
            vaddr: 0x4000_0000,
            filesz: 65520,
            memsz: 65520,
            align: PAGE,
        };
        elf.set_phdr(old, load);
        elf.change(PT_PHDR, |p| p.vaddr = 0x4000_0000);
    }),
    case("e_phnum 1171: over 64 KiB", NOEXEC, |elf| {
        let at = elf.append(&[0; 1171 * 56]);
        elf.put(32, &at.to_le_bytes());
        set(elf, 56, 1171);
    }),
    case("e_phnum 65535", NOEXEC, |elf| set(elf, 56, 65535)),
    case("e_phoff beyond the file", NOEXEC, |elf| {
        elf.put(32, &0x100_0000u64.to_le_bytes())
    }),
    case("e_phoff negative", NOEXEC, |elf| {
        elf.put(32, &(-64i64).to_le_bytes())
    }),
    case("the file ends in its program headers", NOEXEC, |elf| {
        elf.bytes.truncate(200)
    }),
    case("the file ends in its header", NOEXEC, |elf| {
        elf.bytes.truncate(56)
    }),
    case("PT_INTERP of 1 byte", NOEXEC, |elf| {
        elf.change(PT_INTERP, |p| p.filesz = 1)
    }),
    case("PT_INTERP of 0 bytes", NOEXEC, |elf| {
        elf.change(PT_INTERP, |p| p.filesz = 0)
    }),
    case("PT_INTERP of 4097 bytes", NOEXEC, |elf| {
        elf.change(PT_INTERP, |p| p.filesz = 4097)
    }),
    case(
        "PT_INTERP of 4096 bytes with a NUL at the end",
        RUNS,
        |elf| {
            let mut path = b"/lib64/ld-linux-x86-64.so.2".to_vec();
            path.resize(4096, 0);
            let offset = elf.append(&path);
            elf.change(PT_INTERP, |p| (p.offset, p.filesz) = (offset, 4096));
        },
    ),
    case("PT_INTERP without its NUL", NOEXEC, |elf| {
        elf.change(PT_INTERP, |p| p.filesz -= 1)
    }),
    case("PT_INTERP beyond the file", Ended::Errno(EIO), |elf| {
        elf.change(PT_INTERP, |p| p.offset = 0x100_0000);
    }),
    case(
        "PT_INTERP that the file ends in",
        Ended::Errno(EIO),
        |elf| {
            let offset = elf.append(b"/lib64/ld-");
            elf.change(PT_INTERP, |p| p.offset = offset);
        },
    ),
    case(
        "PT_INTERP at a negative offset",
        Ended::Errno(EINVAL),
        |elf| {
            elf.change(PT_INTERP, |p| p.offset = 1 << 63);
        },
    ),
    case(
        "PT_INTERP with an empty path",
        Ended::Errno(EACCES),
        |elf| {
            let offset = elf.append(&[0; 64]);
            elf.change(PT_INTERP, |p| p.offset = offset);
        },
    ),
    case("a wrong second PT_INTERP", RUNS, |elf| {
        let wrong = Phdr {
            filesz: 1,
            ..elf.phdr(elf.first(PT_INTERP))
        };
        elf.set_phdr(elf.free_phdr(), wrong);
    }),
    case("no PT_LOAD", KILLED, |elf| {
        for index in elf.all(PT_LOAD) {
            let phdr = Phdr {
                kind: PT_NULL,
                ..elf.phdr(index)
            };
            elf.set_phdr(index, phdr);
        }
    }),
    case("p_filesz over p_memsz", KILLED, |elf| {
        elf.change(PT_LOAD, |p| p.memsz = p.filesz - 1)
    }),
    case(
        "an offset that is not aligned as the address",
        KILLED,
        |elf| {
            elf.change(PT_LOAD, |p| p.vaddr += 8);
        },
    ),
    case("p_memsz over the address space", KILLED, |elf| {
        elf.change(PT_LOAD, |p| p.memsz = 1 << 60)
    }),
    case("an address of the kernel", KILLED, |elf| {
        let last = *elf.all(PT_LOAD).last().unwrap();
        let phdr = Phdr {
            vaddr: 0xffff_8000_0000_0000,
            offset: 0,
            ..elf.phdr(last)
        };
        elf.set_phdr(last, phdr);
    }),
    case("EI_CLASS 32", RUNS, |elf| elf.put(4, &[1])),
    case("EI_DATA big-endian", RUNS, |elf| elf.put(5, &[2])),
    case("EI_VERSION 0", RUNS, |elf| elf.put(6, &[0])),
    case("e_version 7", RUNS, |elf| elf.put(20, &[7])),
    case("e_ehsize 0", RUNS, |elf| set(elf, 52, 0)),
];

fn ends(error: Option<ExecError>) -> Ended {
    match error {
        None => RUNS,
        Some(error) => error.errno().map_or(KILLED, Ended::Errno),
    }
}

/// Checks all cases on a program that is built with this option.
fn check(option: &str) {
    let dir = Dir::new(&format!("exec{option}"));
    dir.compile("gcc", "program", "int main(void) { return 0; }", &[option]);
    let program = Elf::read(&dir.path("program"));
    for case in CASES {
        let mut elf = program.clone();
        (case.patch)(&mut elf);
        let path = dir.path("patched");
        elf.write(&path);
        let (real, said) = execute(&path, dir.0.path());
        let binary = inspect(&elf.bytes);
        let told = binary.as_ref().map(|binary| ends(binary.exec_error));
        eprintln!(
            "{option:8} {:48} kernel {real:?}, imgfs {told:?}",
            case.name
        );
        assert_eq!(real, case.ends, "{option}: {}: {said}", case.name);
        // A file that ends in its header is not an ELF file to imgfs.
        assert!(
            told.is_none_or(|told| told == real),
            "{option}: {}: {told:?}",
            case.name
        );
        assert_eq!(told.is_none(), case.name == "the file ends in its header");
    }
}

#[test]
fn a_position_independent_program_gets_the_errno_of_the_kernel() {
    check("-pie");
}

#[test]
fn a_program_at_a_fixed_address_gets_the_errno_of_the_kernel() {
    check("-no-pie");
}
