//! Builds archives byte by byte, including invalid ones.

/// A tar header that can be changed before its checksum is written.
#[derive(Clone)]
pub struct Header(pub [u8; 512]);

/// The format of a header, which determines its magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    V7,
    Ustar,
    Gnu,
    Star,
}

impl Format {
    pub const ALL: [Self; 4] = [Self::V7, Self::Ustar, Self::Gnu, Self::Star];
}

/// Offset and length of a numeric field.
pub type Field = (usize, usize);

pub const MODE: Field = (100, 8);
pub const UID: Field = (108, 8);
pub const GID: Field = (116, 8);
pub const SIZE: Field = (124, 12);
pub const MTIME: Field = (136, 12);
pub const CHECKSUM: Field = (148, 8);
pub const MAJOR: Field = (329, 8);
pub const MINOR: Field = (337, 8);

impl Header {
    pub fn new(format: Format, flag: u8, name: &str) -> Self {
        let mut header = Self([0; 512]);
        header.put(0, name.as_bytes());
        header.0[156] = flag;
        let mode = if flag == b'5' { 0o755 } else { 0o644 };
        for (field, value) in [(MODE, mode), (UID, 0), (GID, 0), (SIZE, 0)] {
            header.octal(field, value);
        }
        header.octal(MTIME, 1_700_000_000);
        match format {
            Format::V7 => {}
            Format::Gnu => header.put(257, b"ustar  \0"),
            Format::Ustar | Format::Star => header.put(257, b"ustar\x0000"),
        }
        if format != Format::V7 {
            header.octal(MAJOR, 0);
            header.octal(MINOR, 0);
        }
        if format == Format::Star {
            header.octal((476, 12), 1_600_000_000);
            header.octal((488, 12), 1_600_000_001);
            header.put(508, b"tar\0");
        }
        header
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Fills a field with bytes, and the rest of it with NULs.
    pub fn fill(&mut self, (at, len): Field, bytes: &[u8]) {
        self.0[at..at + len].fill(0);
        self.put(at, &bytes[..bytes.len().min(len)]);
    }

    pub fn octal(&mut self, field: Field, value: u64) {
        let digits = format!("{value:0width$o}", width = field.1 - 1);
        self.fill(field, digits.as_bytes());
    }

    /// Returns the value of a numeric field.
    pub fn value(&self, (at, len): Field) -> u64 {
        let text = std::str::from_utf8(&self.0[at..at + len]).unwrap();
        u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).unwrap_or(0)
    }

    pub fn link(mut self, target: &str) -> Self {
        self.put(157, target.as_bytes());
        self
    }

    pub fn checksum(&self) -> u64 {
        let spaces = 8 * u64::from(b' ');
        let sum = |bytes: &[u8]| bytes.iter().map(|&b| u64::from(b)).sum::<u64>();
        sum(&self.0[..148]) + spaces + sum(&self.0[156..])
    }

    /// Writes the checksum.
    pub fn sealed(mut self) -> Self {
        let digits = format!("{:06o}\0 ", self.checksum());
        self.put(148, digits.as_bytes());
        self
    }
}

/// An archive under construction.
#[derive(Clone, Default)]
pub struct Archive {
    pub bytes: Vec<u8>,
    /// The number of headers in it.
    pub headers: usize,
}

impl Archive {
    /// Appends a header without changes.
    pub fn raw(&mut self, header: Header) -> &mut Self {
        self.bytes.extend(header.0);
        self.headers += 1;
        self
    }

    /// Appends data, padded to a full block.
    pub fn data(&mut self, data: &[u8]) -> &mut Self {
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// Appends a header and its data. Sets the size and the checksum.
    pub fn entry(&mut self, mut header: Header, data: &[u8]) -> &mut Self {
        if !data.is_empty() {
            header.octal(SIZE, data.len() as u64);
        }
        self.raw(header.sealed()).data(data)
    }

    pub fn file(&mut self, name: &str, data: &str) -> &mut Self {
        self.entry(Header::new(Format::Ustar, b'0', name), data.as_bytes())
    }

    /// Appends a PAX header of type `x` or `g`.
    pub fn pax(&mut self, flag: u8, records: &[(&str, &str)]) -> &mut Self {
        let records = records
            .iter()
            .map(|(k, v)| crate::support::pax_record(k, v.as_bytes()));
        let records: Vec<u8> = records.flatten().collect();
        self.entry(Header::new(Format::Ustar, flag, "pax/header"), &records)
    }

    /// Appends a GNU long name (`L`) or long link name (`K`).
    pub fn long(&mut self, flag: u8, text: &str) -> &mut Self {
        let header = Header::new(Format::Gnu, flag, "././@LongLink");
        self.entry(header, &[text.as_bytes(), b"\0"].concat())
    }

    pub fn zeros(&mut self, blocks: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + blocks * 512, 0);
        self
    }

    /// Ends the archive like tar(1).
    pub fn end(&mut self) -> Self {
        self.zeros(2);
        self.bytes
            .resize(self.bytes.len().next_multiple_of(10240), 0);
        self.clone()
    }
}
