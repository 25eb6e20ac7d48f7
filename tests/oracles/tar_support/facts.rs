//! The facts that a reader finds in an archive, in a form that can be compared.

use std::collections::BTreeSet;

/// The result of reading an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The error that the reader reports. A container engine then rejects the whole layer.
    Refused(String),
    /// The entries, and the SHA-256 of the concatenated contents of all regular files.
    Read(Vec<Entry>, String),
}

/// An entry. Fields that its type does not use are cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The type flag. Regular files have `0`, regardless of how they are stored.
    pub flag: u8,
    /// The path, without trailing slashes.
    pub name: Vec<u8>,
    /// The target of a link.
    pub link: Vec<u8>,
    /// Length of a regular file.
    pub size: i64,
    pub mode: u32,
    /// Owner and group as lchown(2) sets them: 32 bits, where -1 keeps root.
    pub owner: (u32, u32),
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Extended attributes in hex, `x,NAME=VALUE,…`; `None` if the reader does not report them.
    pub xattrs: Option<String>,
}

impl Entry {
    /// Clears the fields that the type does not use.
    pub fn clean(mut self) -> Self {
        while self.name.ends_with(b"/") {
            self.name.pop();
        }
        self.flag = match self.flag {
            0 | b'7' | b'S' => b'0',
            flag => flag,
        };
        if !matches!(self.flag, b'1' | b'2') {
            self.link.clear();
        }
        if self.flag != b'0' {
            self.size = 0;
        }
        if !matches!(self.flag, b'3' | b'4') {
            self.device = (0, 0);
        }
        self
    }
}

/// Converts a 64-bit id to what lchown(2) sets.
pub fn id(value: i64) -> u32 {
    match value as u32 {
        u32::MAX => 0,
        id => id,
    }
}

/// Parses the output of oracle.go and libarchive.py.
pub fn parse(output: &str) -> Vec<(String, Reading)> {
    let mut readings = Vec::new();
    let mut entries = Vec::new();
    let mut name = String::new();
    for line in output.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let entries_so_far = |entries: &mut Vec<Entry>| std::mem::take(entries);
        match word {
            "archive" => name = rest.to_owned(),
            "entry" => entries.push(entry(rest)),
            "error" => {
                entries.clear();
                readings.push((name.clone(), Reading::Refused(rest.to_owned())));
            }
            "end" => {
                let reading = Reading::Read(entries_so_far(&mut entries), rest.to_owned());
                readings.push((name.clone(), reading));
            }
            _ => panic!("{line}"),
        }
    }
    readings
}

fn entry(line: &str) -> Entry {
    let fields: Vec<&str> = line.split(' ').collect();
    let [
        flag,
        name,
        link,
        size,
        mode,
        uid,
        gid,
        sec,
        nsec,
        major,
        minor,
        xattrs,
    ] = fields[..]
    else {
        panic!("{line}");
    };
    // libarchive.py prints numbers as unsigned if they are unsigned in the library.
    let number = |text: &str| text.parse::<i128>().unwrap() as i64;
    Entry {
        flag: number(flag) as u8,
        name: unhex(&name[1..]),
        link: unhex(&link[1..]),
        size: number(size),
        mode: u32::from_str_radix(mode, 8).unwrap_or_else(|_| panic!("{line}")),
        owner: (id(number(uid)), id(number(gid))),
        mtime: (number(sec), number(nsec) as u32),
        device: (number(major) as u32, number(minor) as u32),
        xattrs: Some(xattrs.to_owned()),
    }
    .clean()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the fields in which two readers disagree. Empty if they agree.
pub fn differences(a: &Reading, b: &Reading) -> BTreeSet<&'static str> {
    let ((a, content_a), (b, content_b)) = match (a, b) {
        (Reading::Refused(_), Reading::Refused(_)) => return BTreeSet::new(),
        (Reading::Read(a, content_a), Reading::Read(b, content_b)) => {
            ((a, content_a), (b, content_b))
        }
        _ => return BTreeSet::from(["refused"]),
    };
    if a.len() != b.len() {
        return BTreeSet::from(["entries"]);
    }
    let mut found = BTreeSet::new();
    for (a, b) in a.iter().zip(b) {
        let xattrs = a.xattrs.is_some() && b.xattrs.is_some() && a.xattrs != b.xattrs;
        let fields = [
            ("type", a.flag != b.flag),
            ("name", a.name != b.name),
            ("link", a.link != b.link),
            ("size", a.size != b.size),
            ("mode", a.mode != b.mode),
            ("owner", a.owner != b.owner),
            ("mtime", a.mtime != b.mtime),
            ("device", a.device != b.device),
            ("xattrs", xattrs),
        ];
        found.extend(fields.iter().filter(|(_, differ)| *differ).map(|f| f.0));
    }
    // Contents that are too large were not read.
    let small = |entries: &[Entry]| entries.iter().all(|e| e.size <= 1 << 20);
    if found.is_empty() && small(a) && content_a != content_b {
        found.insert("content");
    }
    found
}
