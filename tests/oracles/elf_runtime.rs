//! Files whose headers contradict each other. Each is run, the libraries write their names when they are
//! loaded, and imgfs must name the same libraries.
//!
//! A program needs `libtrue.so`. Each case changes the file so that some reader is led to `libfake.so`,
//! or to nothing. The loader's behaviour is the expectation.

#![cfg(target_arch = "x86_64")]

use std::collections::BTreeSet;

use crate::elf_patch::*;
use imgfs::internals::inspect::{Binary, inspect};

const TRUE: &[u8] = b"libtrue.so";
const FAKE: &[u8] = b"libfake.so";

/// The program, with 256 KiB of writable data for other tables.
const PROGRAM: &str = r#"
__attribute__((aligned(4096))) char spare[1 << 18] = "SPARE SPARE SPARE";
int main(void) { return 0; }
"#;

/// Returns a library that reports that it is loaded. An audit library must have la_version.
fn library(name: &str) -> String {
    format!(
        r#"
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {{ write(1, "{name}\n", {}); }}
unsigned la_version(unsigned version) {{ return version; }}
"#,
        name.len() + 1
    )
}

/// The file that is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Program,
    /// A library that the program needs, and that needs `libtrue.so`.
    Library,
}

struct Case {
    name: &'static str,
    subject: Subject,
    patch: fn(&mut Elf),
    /// The libraries that glibc and musl load, of true and fake.
    glibc: &'static [&'static str],
    musl: &'static [&'static str],
    /// The contradiction that imgfs must report.
    contradiction: Option<&'static str>,
}

const fn same(
    name: &'static str,
    subject: Subject,
    loaded: &'static [&'static str],
    contradiction: Option<&'static str>,
    patch: fn(&mut Elf),
) -> Case {
    Case {
        name,
        subject,
        patch,
        glibc: loaded,
        musl: loaded,
        contradiction,
    }
}

/// Writes the dynamic section with the other name into `spare`. Returns its offset and its address.
fn fake_dynamic(elf: &mut Elf) -> (u64, u64) {
    let strings = elf.other_strings(TRUE, FAKE).1;
    let mut entries = elf.dynamic();
    for entry in entries.iter_mut().filter(|entry| entry.0 == DT_STRTAB) {
        entry.1 = strings;
    }
    elf.spare(&dynamic_bytes(&entries))
}

/// Moves the dynamic section, with these entries, into `spare`, which has enough space.
fn move_dynamic(elf: &mut Elf, entries: &[(u64, u64)]) {
    let (offset, vaddr) = elf.spare(&dynamic_bytes(entries));
    let len = 16 * entries.len() as u64;
    elf.change(PT_DYNAMIC, |p| {
        (p.offset, p.vaddr, p.filesz, p.memsz) = (offset, vaddr, len, len);
    });
}

/// Returns the index of libtrue.so in the string table.
fn index_of_true(elf: &Elf) -> u64 {
    let strings = elf.offset(elf.tag(DT_STRTAB)) as usize;
    let table = &elf.bytes[strings..];
    table
        .windows(TRUE.len())
        .position(|name| name == TRUE)
        .unwrap() as u64
}

/// Replaces DT_NEEDED of libtrue.so by other entries, in place if there is one entry.
fn replace_needed(elf: &mut Elf, by: &[(u64, u64)]) {
    let index = index_of_true(elf);
    let mut entries = elf.dynamic();
    let at = entries
        .iter()
        .position(|entry| *entry == (DT_NEEDED, index))
        .unwrap();
    entries.splice(at..=at, by.iter().copied());
    match by.len() {
        1 => elf.set_dynamic(&entries),
        _ => move_dynamic(elf, &entries),
    }
}

/// Returns the pages of the file that contain `len` bytes at `vaddr`: their offset, address and length.
fn pages(elf: &Elf, vaddr: u64, len: u64) -> (u64, u64, u64) {
    let start = vaddr / PAGE * PAGE;
    let before = vaddr - start;
    let len = (before + len).next_multiple_of(PAGE);
    (elf.offset(vaddr) - before, start, len)
}

/// Covers the pages at `vaddr` with others, with another PT_LOAD.
fn cover(elf: &mut Elf, vaddr: u64, flags: u32, bytes: &[u8]) {
    let offset = elf.append(bytes);
    let len = bytes.len() as u64;
    let load = Phdr {
        kind: PT_LOAD,
        flags,
        offset,
        vaddr,
        filesz: len,
        memsz: len,
        align: PAGE,
    };
    elf.set_phdr(elf.free_phdr(), load);
}

/// Covers all data with a copy of itself, and changes the covered bytes: they have the other name.
fn cover_data(elf: &mut Elf) {
    let data = elf.phdr(*elf.all(PT_LOAD).last().unwrap());
    let before = data.vaddr % PAGE;
    let (start, end) = (data.offset - before, data.offset + data.filesz);
    let mut real = elf.bytes[start as usize..end as usize].to_vec();
    real.resize((before + data.memsz).next_multiple_of(PAGE) as usize, 0);
    let fake = elf.other_strings(TRUE, FAKE).1;
    let mut entries = elf.dynamic();
    for entry in entries.iter_mut().filter(|entry| entry.0 == DT_STRTAB) {
        entry.1 = fake;
    }
    elf.set_dynamic(&entries);
    cover(elf, data.vaddr - before, 6, &real);
}

/// Maps a copy of the whole program 2 MiB higher, and sets PT_PHDR so that the loader finds the program
/// there. The kernel uses the file as it is, which has the other name.
fn move_program(elf: &mut Elf) {
    const BY: u64 = 2 << 20;
    let mut image = Vec::new();
    for load in elf.all(PT_LOAD).into_iter().map(|index| elf.phdr(index)) {
        image.resize((load.vaddr + load.memsz) as usize, 0);
        let bytes = &elf.bytes[load.offset as usize..][..load.filesz as usize];
        image[load.vaddr as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    cover(elf, BY, 7, &image);
    elf.change(PT_PHDR, |p| p.vaddr = p.vaddr.wrapping_sub(BY));
    let entry = elf.u64(24) + BY;
    elf.put(24, &entry.to_le_bytes());
    let (strings, len) = (elf.tag(DT_STRTAB), elf.tag(DT_STRSZ));
    let at = elf.offset(strings) as usize;
    replace(&mut elf.bytes[at..at + len as usize], TRUE, FAKE);
}

use Subject::{Library, Program};

const CASES: &[Case] = &[
    same("nothing changed", Program, &["true"], None, |_| {}),
    same(
        "PT_DYNAMIC: p_offset beyond the file",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            elf.change(PT_DYNAMIC, |p| p.offset = 0x100_0000);
        },
    ),
    same(
        "PT_DYNAMIC: p_offset of another table",
        Program,
        &["true"],
        Some("DynamicOffset([fake])"),
        |elf| {
            let (offset, _) = fake_dynamic(elf);
            elf.change(PT_DYNAMIC, |p| p.offset = offset);
        },
    ),
    same(
        "PT_DYNAMIC: sizes 0",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            elf.change(PT_DYNAMIC, |p| (p.filesz, p.memsz) = (0, 0));
        },
    ),
    same(
        "5,000 other entries, and a size of 16",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            let padding = vec![(0x6000_0123, 7); 5000];
            let entries = [padding, elf.dynamic()].concat();
            move_dynamic(elf, &entries);
            elf.change(PT_DYNAMIC, |p| (p.filesz, p.memsz) = (16, 16));
        },
    ),
    same(
        "two PT_DYNAMIC, the last is real",
        Program,
        &["true"],
        Some("SecondDynamic([fake])"),
        |elf| {
            let (offset, vaddr) = fake_dynamic(elf);
            let index = elf.first(PT_DYNAMIC);
            let real = elf.phdr(index);
            elf.set_phdr(
                index,
                Phdr {
                    offset,
                    vaddr,
                    ..real
                },
            );
            elf.set_phdr(elf.free_phdr(), real);
        },
    ),
    same(
        "two PT_DYNAMIC, the first is real",
        Program,
        &["fake"],
        Some("SecondDynamic([true])"),
        |elf| {
            let (offset, vaddr) = fake_dynamic(elf);
            let real = elf.phdr(elf.first(PT_DYNAMIC));
            elf.set_phdr(
                elf.free_phdr(),
                Phdr {
                    offset,
                    vaddr,
                    ..real
                },
            );
        },
    ),
    same(
        "two DT_STRTAB, the last is real",
        Program,
        &["true"],
        None,
        |elf| {
            let fake = elf.other_strings(TRUE, FAKE).1;
            let entries = [vec![(DT_STRTAB, fake)], elf.dynamic()].concat();
            move_dynamic(elf, &entries);
        },
    ),
    same(
        "two DT_STRTAB, the first is real",
        Program,
        &["fake"],
        None,
        |elf| {
            let fake = elf.other_strings(TRUE, FAKE).1;
            let mut entries = elf.dynamic();
            entries.insert(entries.len() - 1, (DT_STRTAB, fake));
            move_dynamic(elf, &entries);
        },
    ),
    same("DT_NEEDED after DT_NULL", Program, &[], None, |elf| {
        let index = index_of_true(elf);
        let mut entries = elf.dynamic();
        entries.retain(|entry| *entry != (DT_NEEDED, index));
        entries.extend([(DT_NEEDED, index), (DT_NULL, 0)]);
        move_dynamic(elf, &entries);
    }),
    same(
        "DT_STRSZ 1",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            let mut entries = elf.dynamic();
            for entry in entries.iter_mut().filter(|entry| entry.0 == DT_STRSZ) {
                entry.1 = 1;
            }
            elf.set_dynamic(&entries);
        },
    ),
    same(
        "DT_NEEDED: an index beyond the table",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            let (_, vaddr) = elf.spare(b"libtrue.so\0");
            let index = vaddr - elf.tag(DT_STRTAB);
            replace_needed(elf, &[(DT_NEEDED, index)]);
        },
    ),
    same(
        "DT_NEEDED: a negative index",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            // The build id is before the string table.
            let note = elf.phdr(*elf.all(PT_NOTE).last().unwrap());
            elf.put(note.offset + 16, b"libtrue.so\0");
            let index = (note.vaddr + 16).wrapping_sub(elf.tag(DT_STRTAB));
            replace_needed(elf, &[(DT_NEEDED, index)]);
        },
    ),
    same(
        "a later PT_LOAD covers the dynamic section",
        Program,
        &["true"],
        Some("DynamicOffset([fake])"),
        cover_data,
    ),
    same(
        "a later PT_LOAD covers the string table",
        Program,
        &["fake"],
        Some("DynamicOffset([true])"),
        |elf| {
            let (offset, vaddr, len) = pages(elf, elf.tag(DT_STRTAB), elf.tag(DT_STRSZ));
            let mut other = elf.bytes[offset as usize..][..len as usize].to_vec();
            replace(&mut other, TRUE, FAKE);
            cover(elf, vaddr, 4, &other);
            // The page contains the program headers too: they stay the same.
            let headers = elf.bytes[..0x1000].to_vec();
            let copy = elf.phdr(*elf.all(PT_LOAD).last().unwrap()).offset;
            elf.put(copy + 64, &headers[64..64 + 56 * elf.phnum() as usize]);
        },
    ),
    same(
        "the string table is after p_filesz, in the same page",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            elf.change(PT_LOAD, |p| (p.filesz, p.memsz) = (0x340, 0x340));
        },
    ),
    same(
        "the same, and p_memsz is larger",
        Program,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            elf.change(PT_LOAD, |p| p.filesz = 0x340);
        },
    ),
    same(
        "other program headers in memory",
        Program,
        &["true"],
        Some("ProgramHeaders([fake])"),
        |elf| {
            // The table in the file leads to the other dynamic section, the one in memory to the real one.
            let real = elf.phdr(elf.first(PT_DYNAMIC));
            let (offset, vaddr) = fake_dynamic(elf);
            let index = elf.first(PT_DYNAMIC);
            elf.set_phdr(
                index,
                Phdr {
                    offset,
                    vaddr,
                    ..real
                },
            );
            let page = elf.bytes[..PAGE as usize].to_vec();
            cover(elf, 0, 4, &page);
            let copy = elf.phdr(*elf.all(PT_LOAD).last().unwrap()).offset;
            let table = elf.bytes[64..64 + 56 * elf.phnum() as usize].to_vec();
            elf.put(copy + 64, &table);
            elf.set_phdr_at(copy + 64 + 56 * index, real);
        },
    ),
    same(
        "PT_PHDR names another address",
        Program,
        &["true"],
        Some("HeaderAddress([fake])"),
        move_program,
    ),
    same(
        "two PT_INTERP",
        Program,
        &["true"],
        Some("SecondInterp([fake])"),
        |elf| {
            let (offset, _) = elf.spare(b"libfake.so\0");
            let interp = elf.phdr(elf.first(PT_INTERP));
            elf.set_phdr(
                elf.free_phdr(),
                Phdr {
                    offset,
                    filesz: 11,
                    ..interp
                },
            );
        },
    ),
    same(
        "the section .interp has another offset",
        Program,
        &["true"],
        Some("InterpSection([fake])"),
        |elf| {
            let (offset, _) = elf.spare(b"libfake.so\0");
            // It is the first section.
            let header = elf.u64(40) + 64;
            assert_eq!(elf.u64(header + 16), elf.phdr(elf.first(PT_INTERP)).vaddr);
            elf.put(header + 24, &offset.to_le_bytes());
        },
    ),
    same(
        "the section .dynamic has another offset",
        Program,
        &["true"],
        Some("DynamicSection([fake])"),
        |elf| {
            let strings = elf.other_strings(TRUE, FAKE).0;
            let header = elf.section(SHT_DYNAMIC);
            let strings_header = elf.linked_section(header);
            elf.put(strings_header + 24, &strings.to_le_bytes());
        },
    ),
    Case {
        musl: &[],
        ..same("library: DT_AUXILIARY", Library, &["true"], None, |elf| {
            let index = index_of_true(elf);
            replace_needed(elf, &[(DT_AUXILIARY, index)]);
        })
    },
    Case {
        musl: &[],
        ..same("library: DT_FILTER", Library, &["true"], None, |elf| {
            let index = index_of_true(elf);
            replace_needed(elf, &[(DT_FILTER, index)]);
        })
    },
    Case {
        musl: &[],
        ..same("DT_AUDIT", Program, &["true"], None, |elf| {
            let index = index_of_true(elf);
            replace_needed(elf, &[(DT_AUDIT, index)]);
        })
    },
    same(
        "library: PT_DYNAMIC: p_offset beyond the file",
        Library,
        &["true"],
        Some("DynamicOffset([])"),
        |elf| {
            elf.change(PT_DYNAMIC, |p| p.offset = 0x100_0000);
        },
    ),
    same(
        "library: two PT_DYNAMIC, the last is real",
        Library,
        &["true"],
        Some("SecondDynamic([fake])"),
        |elf| {
            let (offset, vaddr) = fake_dynamic(elf);
            let index = elf.first(PT_DYNAMIC);
            let real = elf.phdr(index);
            elf.set_phdr(
                index,
                Phdr {
                    offset,
                    vaddr,
                    ..real
                },
            );
            elf.set_phdr(elf.free_phdr(), real);
        },
    ),
    same(
        "library: a later PT_LOAD covers the dynamic section",
        Library,
        &["true"],
        Some("DynamicOffset([fake])"),
        cover_data,
    ),
];

/// Returns the one of true and fake that a list of libraries contains, according to imgfs.
fn told(binary: &Binary) -> BTreeSet<String> {
    let lists = [
        &binary.needed,
        &binary.filter,
        &binary.auxiliary,
        &binary.audit,
    ];
    let names = lists.into_iter().flatten();
    let known = names.filter(|name| *name == TRUE || *name == FAKE);
    known
        .map(|name| String::from_utf8_lossy(&name[3..7]).into_owned())
        .collect()
}

/// Returns the contradictions in short form: libc is left out, and other names are `other`.
fn contradictions(binary: &Binary) -> Vec<String> {
    let all = binary.contradictions.iter();
    all.map(|contradiction| {
        let names = contradiction.names().iter();
        let names: Vec<_> = names
            .filter(|name| !name.starts_with(b"libc.so"))
            .map(|name| match &name[..] {
                TRUE => "true".into(),
                FAKE => "fake".into(),
                other => format!("other {}", String::from_utf8_lossy(other)),
            })
            .collect();
        let what = format!("{contradiction:?}");
        let what = what.split('(').next().unwrap();
        format!("{what}({names:?})").replace('"', "")
    })
    .collect()
}

/// Runs all cases with the files that a compiler makes.
fn check(
    compiler: &str,
    expected: fn(&Case) -> &'static [&'static str],
    cases: &mut dyn Iterator<Item = &Case>,
) {
    let dir = Dir::new(&format!("runtime-{compiler}"));
    for name in ["true", "fake"] {
        let file = format!("lib{name}.so");
        let soname = format!("-Wl,-soname,{file}");
        dir.compile(
            compiler,
            &file,
            &library(name),
            &["-shared", "-fPIC", &soname],
        );
    }
    let link = [
        "-L.",
        "-Wl,--no-as-needed",
        "-Wl,-z,relro",
        "-Wl,--build-id",
    ];
    let spare = PROGRAM.replace("int main", "int unused");
    let options = [
        &link[..],
        &["-shared", "-fPIC", "-ltrue", "-Wl,-soname,libsubject.so"],
    ]
    .concat();
    dir.compile(compiler, "libsubject.so", &spare, &options);
    let options = [&link[..], &["-pie", "-fPIE", "-ltrue"]].concat();
    dir.compile(compiler, "program", PROGRAM, &options);
    let options = [
        &link[..],
        &["-pie", "-fPIE", "-lsubject", "-Wl,-rpath-link,."],
    ]
    .concat();
    dir.compile(compiler, "host", "int main(void) { return 0; }", &options);

    let mut wrong = Vec::new();
    eprintln!(
        "{:55} {:10} {:10} contradictions",
        compiler, "loaded", "imgfs"
    );
    for case in cases {
        let (file, run) = match case.subject {
            Program => ("program", "patched"),
            Library => ("libsubject.so", "host"),
        };
        let original = Elf::read(&dir.path(file));
        let mut elf = original.clone();
        (case.patch)(&mut elf);
        let written = if case.subject == Program {
            "patched"
        } else {
            file
        };
        elf.write(&dir.path(written));
        let (ended, said) = execute(&dir.path(run), dir.0.path());
        original.write(&dir.path(file));
        let loaded: BTreeSet<String> = said.lines().map(str::to_owned).collect();
        let binary = inspect(&elf.bytes).unwrap();
        let (told, found) = (told(&binary), contradictions(&binary));
        let show = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        eprintln!(
            "{:55} {:10} {:10} {}",
            case.name,
            show(&loaded),
            show(&told),
            found.join(" ")
        );
        let expected: BTreeSet<String> = expected(case).iter().map(|&name| name.into()).collect();
        if ended != Ended::Exit(0) || loaded != expected {
            wrong.push(format!("{}: {ended:?} {said}", case.name));
        }
        let glibc: BTreeSet<String> = case.glibc.iter().map(|&name| name.into()).collect();
        if told != glibc {
            wrong.push(format!("{}: imgfs says {told:?}", case.name));
        }
        if !case
            .contradiction
            .is_none_or(|one| found.iter().any(|found| found == one))
        {
            wrong.push(format!("{}: {found:?}", case.name));
        }
        if case.contradiction.is_none() && case.name == "nothing changed" && !found.is_empty() {
            wrong.push(format!("{}: {found:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn imgfs_names_what_glibc_loads() {
    check("gcc", |case| case.glibc, &mut CASES.iter());
}

#[test]
fn imgfs_names_what_musl_loads_but_for_what_only_glibc_has() {
    // musl gives the ends of writable pages to malloc, and those at the moved addresses do not exist:
    // such a program dies.
    let runs = |case: &&Case| case.name != "PT_PHDR names another address";
    check("musl-gcc", |case| case.musl, &mut CASES.iter().filter(runs));
}
