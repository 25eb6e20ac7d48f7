//! Changes the headers of an ELF file for amd64, and runs the result.

#![allow(dead_code)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::needs::write_executable;

pub const PT_NULL: u32 = 0;
pub const PT_LOAD: u32 = 1;
pub const PT_DYNAMIC: u32 = 2;
pub const PT_INTERP: u32 = 3;
pub const PT_NOTE: u32 = 4;
pub const PT_PHDR: u32 = 6;
pub const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
pub const PT_GNU_PROPERTY: u32 = 0x6474_e553;

pub const DT_NULL: u64 = 0;
pub const DT_NEEDED: u64 = 1;
pub const DT_STRTAB: u64 = 5;
pub const DT_STRSZ: u64 = 10;
pub const DT_AUDIT: u64 = 0x6fff_fefc;
pub const DT_VERNEED: u64 = 0x6fff_fffe;
pub const DT_VERNEEDNUM: u64 = 0x6fff_ffff;
pub const DT_AUXILIARY: u64 = 0x7fff_fffd;
pub const DT_FILTER: u64 = 0x7fff_ffff;

pub const SHT_DYNAMIC: u32 = 6;

pub const PAGE: u64 = 4096;

/// An `Elf64_Phdr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phdr {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub vaddr: u64,
    pub filesz: u64,
    pub memsz: u64,
    pub align: u64,
}

/// A file of class 64 and little-endian, whose program and section headers are at the offsets of the
/// header.
#[derive(Clone)]
pub struct Elf {
    pub bytes: Vec<u8>,
    /// The number of bytes of the array `spare` that are used.
    used: u64,
}

impl Elf {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        Self { bytes, used: 0 }
    }

    /// Writes it as an executable.
    pub fn write(&self, path: &Path) {
        let _ = fs::remove_file(path);
        write_executable(path, &self.bytes);
    }

    fn number(&self, at: u64, len: usize) -> u64 {
        let mut number = [0; 8];
        number[..len].copy_from_slice(&self.bytes[at as usize..][..len]);
        u64::from_le_bytes(number)
    }

    pub fn u16(&self, at: u64) -> u16 {
        self.number(at, 2) as u16
    }

    pub fn u64(&self, at: u64) -> u64 {
        self.number(at, 8)
    }

    pub fn put(&mut self, at: u64, bytes: &[u8]) {
        self.bytes[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Returns e_phoff.
    pub fn phoff(&self) -> u64 {
        self.u64(32)
    }

    /// Returns e_phnum.
    pub fn phnum(&self) -> u64 {
        self.u16(56).into()
    }

    pub fn phdr(&self, index: u64) -> Phdr {
        self.phdr_at(self.phoff() + 56 * index)
    }

    fn phdr_at(&self, at: u64) -> Phdr {
        Phdr {
            kind: self.number(at, 4) as u32,
            flags: self.number(at + 4, 4) as u32,
            offset: self.u64(at + 8),
            vaddr: self.u64(at + 16),
            filesz: self.u64(at + 32),
            memsz: self.u64(at + 40),
            align: self.u64(at + 48),
        }
    }

    pub fn set_phdr(&mut self, index: u64, p: Phdr) {
        self.set_phdr_at(self.phoff() + 56 * index, p);
    }

    /// Writes a program header to an offset in the file, such as in a copy of the table.
    pub fn set_phdr_at(&mut self, at: u64, p: Phdr) {
        self.put(at, &p.kind.to_le_bytes());
        self.put(at + 4, &p.flags.to_le_bytes());
        for (field, value) in [
            (8, p.offset),
            (16, p.vaddr),
            (24, p.vaddr),
            (32, p.filesz),
            (40, p.memsz),
            (48, p.align),
        ] {
            self.put(at + field, &value.to_le_bytes());
        }
    }

    /// Returns the indices of all program headers of a type.
    pub fn all(&self, kind: u32) -> Vec<u64> {
        let all = 0..self.phnum();
        all.filter(|&index| self.phdr(index).kind == kind).collect()
    }

    /// Returns the index of the first program header of a type.
    pub fn first(&self, kind: u32) -> u64 {
        self.all(kind)[0]
    }

    /// Changes the first program header of a type.
    pub fn change(&mut self, kind: u32, change: impl FnOnce(&mut Phdr)) {
        let index = self.first(kind);
        let mut phdr = self.phdr(index);
        change(&mut phdr);
        self.set_phdr(index, phdr);
    }

    /// Returns the index of a program header that is not needed, from the end of the table.
    pub fn free_phdr(&self) -> u64 {
        let free = |index: &u64| {
            let kind = self.phdr(*index).kind;
            [PT_NOTE, PT_GNU_PROPERTY, PT_GNU_EH_FRAME].contains(&kind)
        };
        (0..self.phnum()).rfind(free).unwrap()
    }

    /// Returns the offset in the file of the byte at an address.
    pub fn offset(&self, vaddr: u64) -> u64 {
        let loads = self.all(PT_LOAD).into_iter().map(|index| self.phdr(index));
        let mut holds = loads.filter(|p| (p.vaddr..p.vaddr + p.filesz).contains(&vaddr));
        let load = holds.next().unwrap();
        vaddr - load.vaddr + load.offset
    }

    /// Returns the entries of the dynamic section, including DT_NULL.
    pub fn dynamic(&self) -> Vec<(u64, u64)> {
        let at = self.offset(self.phdr(self.first(PT_DYNAMIC)).vaddr);
        let mut entries = Vec::new();
        loop {
            let at = at + 16 * entries.len() as u64;
            entries.push((self.u64(at), self.u64(at + 8)));
            if entries.last().unwrap().0 == DT_NULL {
                return entries;
            }
        }
    }

    pub fn set_dynamic(&mut self, entries: &[(u64, u64)]) {
        let at = self.offset(self.phdr(self.first(PT_DYNAMIC)).vaddr);
        self.put(at, &dynamic_bytes(entries));
    }

    /// Returns the value of a tag of the dynamic section.
    pub fn tag(&self, tag: u64) -> u64 {
        let found = self.dynamic().into_iter().find(|entry| entry.0 == tag);
        found.unwrap().1
    }

    /// Writes bytes into the array `spare` of the program, which is writable data. Returns their offset
    /// and their address.
    pub fn spare(&mut self, bytes: &[u8]) -> (u64, u64) {
        let marker = b"SPARE SPARE SPARE";
        let mut windows = self.bytes.windows(marker.len());
        let start = windows.position(|window| window == marker).unwrap() as u64;
        let offset = start + 32 + self.used;
        self.used += (bytes.len() as u64).next_multiple_of(16);
        self.put(offset, bytes);
        let loads = self.all(PT_LOAD).into_iter().map(|index| self.phdr(index));
        let mut holds = loads.filter(|p| (p.offset..p.offset + p.filesz).contains(&offset));
        let load = holds.next().unwrap();
        (offset, offset - load.offset + load.vaddr)
    }

    /// Adds bytes at the end of the file, at the next page. Returns their offset.
    pub fn append(&mut self, bytes: &[u8]) -> u64 {
        let at = (self.bytes.len() as u64).next_multiple_of(PAGE);
        self.bytes.resize(at as usize, 0);
        self.bytes.extend(bytes);
        at
    }

    /// Writes a copy of the string table, with one name replaced by another of the same length, into
    /// `spare`. Returns its offset and its address.
    pub fn other_strings(&mut self, from: &[u8], to: &[u8]) -> (u64, u64) {
        let at = self.offset(self.tag(DT_STRTAB)) as usize;
        let len = self.tag(DT_STRSZ) as usize;
        let mut strings = self.bytes[at..at + len].to_vec();
        replace(&mut strings, from, to);
        self.spare(&strings)
    }

    /// Returns the offset of the section header of a type.
    pub fn section(&self, kind: u32) -> u64 {
        let all = (0..u64::from(self.u16(60))).map(|index| self.u64(40) + 64 * index);
        let mut found = all.filter(|at| self.number(at + 4, 4) as u32 == kind);
        found.next().unwrap()
    }

    /// Returns the offset of the section header that another one links to.
    pub fn linked_section(&self, header: u64) -> u64 {
        self.u64(40) + 64 * self.number(header + 40, 4)
    }
}

/// Replaces all occurrences of a name by another of the same length.
pub fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let at: Vec<_> = (0..bytes.len().saturating_sub(from.len()))
        .filter(|&at| bytes[at..].starts_with(from))
        .collect();
    for at in at {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

/// Returns the entries as they are in the file.
pub fn dynamic_bytes(entries: &[(u64, u64)]) -> Vec<u8> {
    let words = entries.iter().flat_map(|entry| [entry.0, entry.1]);
    words.flat_map(u64::to_le_bytes).collect()
}

/// A directory that is removed on drop.
pub struct Dir(pub TempDir);

impl Dir {
    pub fn new(name: &str) -> Self {
        let prefix = format!("imgfs-{name}-");
        Self(TempDir::with_prefix(prefix).unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Compiles C into a file of the directory.
    pub fn compile(&self, compiler: &str, name: &str, source: &str, options: &[&str]) {
        let file = self.path(&format!("{name}.c"));
        fs::write(&file, source).unwrap();
        let mut command = Command::new(compiler);
        command.current_dir(&self.0).arg("-o").arg(name).arg(&file);
        let output = command.args(options).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{compiler} {name}: {said}");
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// execve(2) returned this errno.
    Errno(i32),
    Exit(i32),
    Signal(i32),
}

/// Executes a file, which finds its libraries in `libraries`. Returns how it ended and what it wrote.
pub fn execute(path: &Path, libraries: &Path) -> (Ended, String) {
    let mut command = Command::new(path);
    command.env_clear().env("LD_LIBRARY_PATH", libraries);
    let output = match command.stdin(Stdio::null()).output() {
        Err(error) => return (Ended::Errno(error.raw_os_error().unwrap()), String::new()),
        Ok(output) => output,
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, signal) => Ended::Signal(signal.unwrap()),
    };
    let said = [stdout, stderr].concat();
    (ended, String::from_utf8_lossy(&said).into_owned())
}
