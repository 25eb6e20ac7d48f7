//! Files that the kernel maps and a loader refuses, or that crash because a part is missing: each is
//! run, and the result is compared with that of imgfs.

#![cfg(target_arch = "x86_64")]

use crate::elf_patch::*;
use imgfs::internals::inspect::{Binary, inspect};

const SIGBUS: i32 = 7;
const SIGSEGV: i32 = 11;

fn facts(elf: &Elf) -> Binary {
    inspect(&elf.bytes).unwrap()
}

/// Returns the hash of a version's name (gABI, chapter 5).
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0, |hash: u32, &byte| {
        let hash = (hash << 4) + u32::from(byte);
        (hash ^ ((hash & 0xf000_0000) >> 24)) & 0x0fff_ffff
    })
}

/// Replaces a hash in the table of needed versions.
fn replace_hash(elf: &mut Elf, from: &[u8], to: &[u8]) {
    let at = elf.offset(elf.tag(DT_VERNEED)) as usize;
    let from = hash(from).to_le_bytes();
    let mut words = elf.bytes[at..at + 256].chunks(4);
    let word = words.position(|word| word == from).unwrap();
    elf.put((at + 4 * word) as u64, &hash(to).to_le_bytes());
}

#[test]
fn a_needed_version_counts_whatever_the_counts_say() {
    let dir = Dir::new("versions");
    dir.compile("gcc", "program", "int main(void) { return 0; }", &[]);
    let mut elf = Elf::read(&dir.path("program"));
    let (old, new) = (b"GLIBC_2.34", b"GLIBC_9.34");
    replace_hash(&mut elf, old, new);
    replace(&mut elf.bytes, old, new);
    // DT_VERNEEDNUM and vn_cnt.
    let mut entries = elf.dynamic();
    for entry in entries.iter_mut().filter(|entry| entry.0 == DT_VERNEEDNUM) {
        entry.1 = 0;
    }
    elf.set_dynamic(&entries);
    let verneed = elf.offset(elf.tag(DT_VERNEED));
    elf.put(verneed + 2, &[0, 0]);
    let path = dir.path("patched");
    elf.write(&path);
    let (ended, said) = execute(&path, dir.0.path());
    assert_eq!(ended, Ended::Exit(1));
    assert!(said.contains("version `GLIBC_9.34' not found"), "{said}");
    assert_eq!(facts(&elf).libc_required.as_deref(), Some("GLIBC_9.34"));
}

#[test]
fn glibc_refuses_a_library_with_an_empty_pt_dynamic_and_musl_takes_it() {
    for (compiler, taken) in [("gcc", false), ("musl-gcc", true)] {
        let dir = Dir::new(&format!("empty-{compiler}"));
        let options = ["-shared", "-fPIC", "-Wl,-soname,liba.so"];
        dir.compile(compiler, "liba.so", "int a(void) { return 0; }", &options);
        let source = "int a(void); int main(void) { return a(); }";
        dir.compile(compiler, "program", source, &["-L.", "-la"]);
        let mut elf = Elf::read(&dir.path("liba.so"));
        elf.change(PT_DYNAMIC, |p| p.filesz = 0);
        elf.write(&dir.path("liba.so"));
        let (ended, said) = execute(&dir.path("program"), dir.0.path());
        match taken {
            true => assert_eq!(ended, Ended::Exit(0), "{said}"),
            false => {
                assert_eq!(ended, Ended::Exit(127));
                assert!(
                    said.contains("object file has no dynamic section"),
                    "{said}"
                );
            }
        }
        // imgfs does not know which loader will load the file, and reports its content.
        assert_eq!(facts(&elf).soname.as_deref(), Some(&b"liba.so"[..]));
    }
}

#[test]
fn a_program_that_pt_phdr_moves_to_nowhere_dies_and_shows_no_libraries() {
    let dir = Dir::new("nowhere");
    dir.compile("gcc", "program", "int main(void) { return 0; }", &[]);
    let mut elf = Elf::read(&dir.path("program"));
    elf.change(PT_PHDR, |p| p.vaddr += 1 << 30);
    let path = dir.path("patched");
    elf.write(&path);
    assert_eq!(execute(&path, dir.0.path()).0, Ended::Signal(SIGSEGV));
    let binary = facts(&elf);
    assert!(binary.needed.is_empty());
    let found = format!("{:?}", binary.contradictions);
    assert!(found.starts_with("[HeaderAddress"), "{found}");
}

#[test]
fn a_file_is_cut_short_if_it_ends_in_a_segment() {
    let dir = Dir::new("cut");
    let source = "int data[20000] = {1}; int main(void) { return data[19999]; }";
    dir.compile("gcc", "program", source, &["-g"]);
    let mut elf = Elf::read(&dir.path("program"));
    // Without bss. With bss the kernel itself writes to the last page, which gives SIGSEGV.
    let last = *elf.all(PT_LOAD).last().unwrap();
    let load = elf.phdr(last);
    elf.set_phdr(
        last,
        Phdr {
            memsz: load.filesz,
            ..load
        },
    );
    let loads = elf.all(PT_LOAD).into_iter().map(|index| elf.phdr(index));
    let loads: Vec<_> = loads.collect();
    let data = *loads.last().unwrap();
    let text = *loads.iter().find(|load| load.flags & 1 != 0).unwrap();
    let end = data.offset + data.filesz;
    let bus = Ended::Signal(SIGBUS);
    for (what, len, ends, cut) in [
        ("whole", elf.bytes.len() as u64, Ended::Exit(0), None),
        ("without section headers", end, Ended::Exit(0), None),
        // The rest of the last page is zero, like the missing byte.
        ("without its last byte", end - 1, Ended::Exit(0), Some(end)),
        (
            "without most of its data",
            data.offset + 1000,
            bus,
            Some(end),
        ),
        ("without its code", text.offset, bus, Some(end)),
        (
            "without all but its headers",
            64 + 56 * elf.phnum(),
            Ended::Errno(5),
            Some(end),
        ),
        (
            "in its program headers",
            200,
            Ended::Errno(8),
            Some(64 + 56 * elf.phnum()),
        ),
    ] {
        let mut short = elf.clone();
        short.bytes.truncate(len as usize);
        let path = dir.path("short");
        short.write(&path);
        let (ended, said) = execute(&path, dir.0.path());
        let binary = facts(&short);
        eprintln!(
            "{what:30} {len:7} bytes: {ended:?}, cut short: {:?}",
            binary.cut_short
        );
        assert_eq!(ended, ends, "{what}: {said}");
        assert_eq!(binary.cut_short, cut, "{what}");
    }
    // An object without its section headers is useless.
    dir.compile("gcc", "object.o", source, &["-c"]);
    let mut object = Elf::read(&dir.path("object.o"));
    assert_eq!(facts(&object).cut_short, None);
    let len = object.bytes.len();
    object.bytes.truncate(len - 1);
    assert_eq!(facts(&object).cut_short, Some(len as u64));
}
