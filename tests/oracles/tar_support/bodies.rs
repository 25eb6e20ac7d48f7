//! Features: sparse files, types and sizes, and the ends of archives.

use super::generate::Feature;
use super::make::{Archive, Format, Header, SIZE};

pub const FEATURES: &[Feature] = &[
    ("sparse file of old GNU tar", |_, a| {
        old(
            a,
            Format::Gnu,
            &[(0, 512), (4096, 300), (8192, 0)],
            8192,
            812,
            0,
        );
    }),
    ("sparse file of old GNU tar with more blocks", |_, a| {
        let map: Vec<_> = (0..30)
            .map(|n| (n * 1024, 512))
            .chain([(40_000, 0)])
            .collect();
        old(a, Format::Gnu, &map, 40_000, 30 * 512, 0);
    }),
    ("sparse file of old GNU tar that is empty", |_, a| {
        old(a, Format::Gnu, &[], 0, 0, 0)
    }),
    ("sparse file of old GNU tar that is a hole", |_, a| {
        old(a, Format::Gnu, &[(9000, 0)], 9000, 0, 0);
    }),
    ("old GNU map in a ustar header", |r, a| {
        let format = *r.choose(&[Format::Ustar, Format::V7, Format::Star]);
        old(a, format, &[(0, 512)], 4096, 512, 0);
    }),
    ("old GNU map with overlaps", |_, a| {
        old(a, Format::Gnu, &[(0, 512), (256, 512)], 4096, 1024, 0)
    }),
    ("old GNU map out of order", |_, a| {
        old(a, Format::Gnu, &[(1024, 512), (0, 512)], 4096, 1024, 0)
    }),
    ("old GNU map beyond the end", |_, a| {
        old(a, Format::Gnu, &[(4000, 512)], 4096, 512, 0)
    }),
    ("old GNU map with less data", |_, a| {
        old(a, Format::Gnu, &[(0, 1024)], 4096, 512, 0)
    }),
    ("old GNU map with more data", |_, a| {
        old(a, Format::Gnu, &[(0, 512)], 4096, 1024, 0)
    }),
    ("old GNU map with zeros between", |_, a| {
        old(a, Format::Gnu, &[(0, 512), (1024, 512)], 4096, 1024, 24)
    }),
    ("sparse file of PAX 0.0", |_, a| {
        let (size, blocks) = (("GNU.sparse.size", "8192"), ("GNU.sparse.numblocks", "2"));
        sparse(
            a,
            &[
                size,
                blocks,
                ("GNU.sparse.offset", "0"),
                ("GNU.sparse.numbytes", "512"),
                ("GNU.sparse.offset", "7892"),
                ("GNU.sparse.numbytes", "300"),
            ],
            b"",
            812,
        );
    }),
    ("sparse map of PAX 0.0 in the wrong order", |_, a| {
        let (size, blocks) = (("GNU.sparse.size", "8192"), ("GNU.sparse.numblocks", "1"));
        sparse(
            a,
            &[
                size,
                blocks,
                ("GNU.sparse.numbytes", "512"),
                ("GNU.sparse.offset", "0"),
            ],
            b"",
            512,
        );
    }),
    ("sparse file of PAX 0.1", |_, a| {
        sparse(
            a,
            &[
                ("GNU.sparse.size", "8192"),
                ("GNU.sparse.numblocks", "2"),
                ("GNU.sparse.map", "0,512,7892,300"),
                ("GNU.sparse.name", "real"),
            ],
            b"",
            812,
        );
    }),
    ("sparse map without a last piece", |r, a| match r.below(3) {
        0 => old(a, Format::Gnu, &[(0, 512), (4096, 300)], 8192, 812, 0),
        1 => one(a, "8192", "2\n0\n512\n4096\n300\n", 812),
        _ => sparse(
            a,
            &[
                ("GNU.sparse.size", "8192"),
                ("GNU.sparse.numblocks", "1"),
                ("GNU.sparse.map", "0,512"),
                ("GNU.sparse.name", "real"),
            ],
            b"",
            512,
        ),
    }),
    ("sparse pieces that end inside a block", |r, a| {
        match r.below(2) {
            0 => old(
                a,
                Format::Gnu,
                &[(0, 100), (4096, 1000), (8192, 0)],
                8192,
                1100,
                0,
            ),
            _ => one(a, "8192", "3\n0\n100\n4096\n1000\n8192\n0\n", 1100),
        }
    }),
    ("PAX 0.1 without a number of blocks", |_, a| {
        sparse(
            a,
            &[
                ("GNU.sparse.size", "8192"),
                ("GNU.sparse.map", "0,512,4096,300"),
            ],
            b"",
            812,
        );
    }),
    ("PAX 0.1 with a wrong number of blocks", |_, a| {
        sparse(
            a,
            &[
                ("GNU.sparse.size", "8192"),
                ("GNU.sparse.numblocks", "3"),
                ("GNU.sparse.map", "0,512,4096,300"),
            ],
            b"",
            812,
        );
    }),
    ("PAX 0.1 without a size", |_, a| {
        sparse(
            a,
            &[("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "0,512")],
            b"",
            512,
        );
    }),
    ("PAX 0.1 with an odd map", |_, a| {
        sparse(
            a,
            &[
                ("GNU.sparse.size", "8192"),
                ("GNU.sparse.numblocks", "1"),
                ("GNU.sparse.map", "0,512,4096"),
            ],
            b"",
            812,
        );
    }),
    ("GNU.sparse.size alone", |_, a| {
        sparse(a, &[("GNU.sparse.size", "8192")], b"", 512)
    }),
    ("GNU.sparse.name alone", |_, a| {
        sparse(a, &[("GNU.sparse.name", "real")], b"", 512)
    }),
    ("sparse file of PAX 1.0", |_, a| {
        one(a, "8192", "3\n0\n512\n4096\n300\n8192\n0\n", 812)
    }),
    ("sparse file of PAX 1.0 of many pieces", |_, a| {
        let map: String = (0..200).map(|n| format!("{}\n512\n", n * 1024)).collect();
        one(a, "300000", &format!("201\n{map}300000\n0\n"), 200 * 512);
    }),
    ("sparse file of PAX 1.0 that is empty", |_, a| {
        one(a, "0", "0\n", 0)
    }),
    ("PAX 1.0 with zeros before its numbers", |_, a| {
        one(a, "8192", "2\n00000000000000000000000\n512\n8192\n0\n", 512)
    }),
    ("PAX 1.0 with signs", |_, a| {
        one(a, "8192", "+2\n+0\n512\n8192\n0\n", 512)
    }),
    ("PAX 1.0 with spaces", |_, a| {
        one(a, "8192", "1\n 0\n512\n", 512)
    }),
    ("PAX 1.0 with overlaps", |_, a| {
        one(a, "8192", "2\n0\n512\n256\n512\n", 1024)
    }),
    ("PAX 1.0 beyond the end", |_, a| {
        one(a, "8192", "1\n8000\n512\n", 512)
    }),
    ("PAX 1.0 with less data", |_, a| {
        one(a, "8192", "1\n0\n1024\n", 512)
    }),
    ("PAX 1.0 with more data", |_, a| {
        one(a, "8192", "1\n0\n512\n", 1024)
    }),
    ("PAX 1.0 without a map", |_, a| one(a, "8192", "", 512)),
    ("PAX 1.0 without a size", |_, a| {
        sparse(
            a,
            &[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")],
            b"1\n0\n512\n",
            512,
        );
    }),
    ("sparse file of an unknown version", |_, a| {
        sparse(
            a,
            &[
                ("GNU.sparse.major", "2"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.realsize", "8192"),
                ("GNU.sparse.name", "real"),
            ],
            b"1\n0\n512\n",
            512,
        );
    }),
    ("sparse records on a directory", |_, a| {
        a.pax(
            b'x',
            &[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.realsize", "5"),
            ],
        );
        a.entry(Header::new(Format::Ustar, b'5', "dir"), b"");
    }),
    ("real size of star", |_, a| {
        sparse(a, &[("SCHILY.realsize", "9")], b"", 512)
    }),
    ("contiguous file", |_, a| {
        a.entry(Header::new(Format::Ustar, b'7', "file"), b"data");
    }),
    ("unknown type", |r, a| {
        let flag = *r.choose(b"8:aEZ");
        a.entry(Header::new(Format::Ustar, flag, "file"), b"data");
    }),
    ("volume label", |_, a| {
        a.entry(Header::new(Format::Gnu, b'V', "label"), b"");
    }),
    ("dumpdir", |_, a| {
        a.entry(Header::new(Format::Gnu, b'D', "dir/"), b"Yfile\0\0");
    }),
    ("old long name", |_, a| {
        a.entry(Header::new(Format::Gnu, b'N', "names"), b"Rename a to b\n");
    }),
    ("directory of V7", |_, a| {
        a.entry(Header::new(Format::V7, 0, "dir/"), b"");
    }),
    ("directory of V7 with a ustar header", |_, a| {
        a.entry(Header::new(Format::Ustar, 0, "dir/"), b"");
    }),
    ("file of V7", |_, a| {
        a.entry(Header::new(Format::V7, 0, "file"), b"data");
    }),
    ("file with a slash at its end", |r, a| {
        let format = *r.choose(&Format::ALL);
        a.entry(
            Header::new(format, b'0', "file/"),
            [&b""[..], b"data"][r.below(2) as usize],
        );
    }),
    ("size of a directory", |_, a| size(a, b'5', false)),
    ("size of a symlink", |_, a| size(a, b'2', false)),
    ("size of a hard link", |_, a| size(a, b'1', false)),
    ("size of a device", |r, a| size(a, *r.choose(b"34"), false)),
    ("size of a pipe", |_, a| size(a, b'6', false)),
    ("data of a directory", |_, a| size(a, b'5', true)),
    ("data of a symlink", |_, a| size(a, b'2', true)),
    ("data of a hard link", |_, a| size(a, b'1', true)),
    ("data of a hard link with a PAX header", |_, a| {
        a.pax(b'x', &[("mtime", "7.5")]);
        size(a, b'1', true);
    }),
    ("data of a device", |r, a| size(a, *r.choose(b"34"), true)),
    ("data of a pipe", |_, a| size(a, b'6', true)),
    ("lone zero block", |_, a| {
        a.file("one", "1").zeros(1).file("two", "2");
    }),
    ("empty name", |_, a| {
        a.entry(Header::new(Format::Ustar, b'0', ""), b"data");
    }),
];

/// Features at the end of an archive.
pub const ENDS: &[Feature] = &[
    ("no end", |_, a| {
        a.file("one", "1");
    }),
    ("one block of zeros at the end", |_, a| {
        a.file("one", "1").zeros(1);
    }),
    ("two blocks of zeros at the end", |_, a| {
        a.file("one", "1").zeros(2);
    }),
    ("lone zero block, then other bytes", |_, a| {
        a.file("one", "1").zeros(1).data(&[b'x'; 512]);
    }),
    ("other bytes after the end", |_, a| {
        a.file("one", "1").zeros(2).data(&[b'x'; 700]);
    }),
    ("an archive after the end", |_, a| {
        a.file("one", "1").zeros(2).file("two", "2").zeros(2);
    }),
    ("an archive long after the end", |_, a| {
        a.file("one", "1")
            .zeros(30)
            .data(&[b'x'; 512])
            .file("two", "2")
            .zeros(2);
    }),
    ("other bytes after an entry", |_, a| {
        a.file("one", "1").data(&[b'x'; 512]);
    }),
    ("missing padding", |_, a| {
        a.file("one", "1");
        let len = a.bytes.len() - 200;
        a.bytes.truncate(len);
    }),
    ("truncated data", |r, a| {
        let mut header = Header::new(Format::Ustar, b'0', "file");
        header.octal(SIZE, 5000 + r.below(100));
        a.raw(header.sealed()).data(&[b'x'; 1024]);
    }),
    ("truncated header", |_, a| {
        a.file("one", "1")
            .data(&Header::new(Format::Ustar, b'0', "file").sealed().0);
        let len = a.bytes.len() - 200;
        a.bytes.truncate(len);
    }),
    ("PAX header at the end", |_, a| {
        a.file("one", "1").pax(b'x', &[("path", "a")]).zeros(2);
    }),
    ("PAX header and no end", |_, a| {
        a.file("one", "1").pax(b'x', &[("path", "a")]);
    }),
    ("long name at the end", |_, a| {
        a.file("one", "1").long(b'L', "long").zeros(2);
    }),
    ("global header at the end", |_, a| {
        a.file("one", "1").pax(b'g', &[("comment", "a")]).zeros(2);
    }),
    ("truncated PAX header", |_, a| {
        a.file("one", "1").pax(b'x', &[("path", "a")]);
        let len = a.bytes.len() - 508;
        a.bytes.truncate(len);
    }),
    ("zeros alone", |_, a| {
        a.zeros(4);
    }),
];

fn old(
    a: &mut Archive,
    format: Format,
    map: &[(u64, u64)],
    size: u64,
    data: usize,
    garbage: usize,
) {
    let mut header = Header::new(format, b'S', "sparse");
    header.octal(SIZE, data as u64);
    header.octal((483, 12), size);
    let (first, rest) = map.split_at(map.len().min(4));
    let piece = |at: usize, &(offset, len): &(u64, u64)| {
        let text = format!("{offset:011o}\0{len:011o}\0");
        (at, text)
    };
    for (n, p) in first.iter().enumerate() {
        let (at, text) = piece(386 + n * 24, p);
        header.put(at, text.as_bytes());
    }
    if garbage > 0 {
        // An empty slot ends the map. Later slots are ignored.
        header.0[386 + 24] = 0;
    }
    header.0[482] = u8::from(!rest.is_empty());
    a.raw(header.sealed());
    let blocks = rest.chunks(21);
    let last = blocks.len();
    for (number, pieces) in blocks.enumerate() {
        let mut block = [0; 512];
        for (n, p) in pieces.iter().enumerate() {
            let (at, text) = piece(n * 24, p);
            block[at..at + 24].copy_from_slice(text.as_bytes());
        }
        block[504] = u8::from(number + 1 < last);
        a.data(&block);
    }
    a.data(&pattern(data));
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8 + 1).collect()
}

/// Appends a sparse file with these records, `map` at the start of its data, and `data` bytes after it.
fn sparse(a: &mut Archive, records: &[(&str, &str)], map: &[u8], data: usize) {
    let mut body = map.to_vec();
    body.resize(map.len().next_multiple_of(512), 0);
    body.extend(pattern(data));
    a.pax(b'x', records);
    let mut header = Header::new(Format::Ustar, b'0', "GNUSparseFile.0/file");
    header.octal(SIZE, body.len() as u64);
    a.raw(header.sealed()).data(&body);
}

fn one(a: &mut Archive, size: &str, map: &str, data: usize) {
    let version = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
    let records = [
        version[0],
        version[1],
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.realsize", size),
    ];
    sparse(a, &records, map.as_bytes(), data);
}

/// Appends an entry of a type without data, with a nonzero size, and with data if `data` is set.
fn size(a: &mut Archive, flag: u8, data: bool) {
    a.file("target", "content of the target");
    let mut header = Header::new(Format::Ustar, flag, "entry").link("target");
    header.octal(SIZE, 700);
    a.raw(header.sealed());
    if data {
        a.data(&pattern(700));
    }
}
