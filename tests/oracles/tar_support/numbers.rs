//! Features: headers with unusual numbers, checksums and magic numbers, and with changed bytes.

use super::generate::{Feature, Rng};
use super::make::{
    Archive, CHECKSUM, Field, Format, GID, Header, MAJOR, MINOR, MODE, MTIME, SIZE, UID,
};

pub const FEATURES: &[Feature] = &[
    ("NULs before digits", |r, a| {
        number(r, a, &|v, n| {
            vec![0; n].into_iter().chain(octal(v)).collect()
        })
    }),
    ("spaces before digits", |r, a| {
        number(r, a, &|v, n| format!("{}{v:o}", " ".repeat(n)).into())
    }),
    ("space after digits", |r, a| {
        number(r, a, &|v, _| format!("{v:06o} ").into())
    }),
    ("spaces and NULs after digits", |r, a| {
        number(r, a, &|v, _| format!("{v:o} \0 ").into())
    }),
    ("number fills its field", |r, a| {
        number(r, a, &|v, _| format!("{v:08o}").into())
    }),
    ("NULs for a number", |r, a| number(r, a, &|_, _| Vec::new())),
    ("spaces for a number", |r, a| {
        number(r, a, &|_, _| b"        ".to_vec())
    }),
    ("digits after a NUL", |r, a| {
        number(r, a, &|v, _| format!("{v:o}\x0077").into())
    }),
    ("digits after a space", |r, a| {
        number(r, a, &|v, _| format!("{v:o} 7").into())
    }),
    ("letters in a number", |r, a| {
        number(r, a, &|v, _| format!("{v:o}x").into())
    }),
    ("8 in a number", |r, a| {
        number(r, a, &|v, _| format!("{v:o}8").into())
    }),
    ("sign before a number", |r, a| {
        number(r, a, &|v, n| format!("{}{v:o}", ["+", "-"][n % 2]).into())
    }),
    ("base 256", base_256),
    ("negative base 256", |r, a| wide(r, a, |_| vec![0xff; 12])),
    ("base 256 over 63 bits", |r, a| {
        wide(r, a, |r| [vec![0x80], r.bytes(11, 255)].concat())
    }),
    ("checksum in other octal forms", checksum),
    ("checksum in base 256", |_, a| {
        let mut header = Header::new(Format::Ustar, b'0', "file");
        let sum = header.checksum() as u32;
        header.put(CHECKSUM.0, &[0x80, 0, 0, 0]);
        header.put(CHECKSUM.0 + 4, &sum.to_be_bytes());
        a.raw(header);
    }),
    ("checksum of signed bytes", |_, a| {
        let mut header = Header::new(Format::Ustar, b'0', "fil");
        header.put(3, "é".as_bytes());
        let sum = header.checksum() - 2 * 256;
        header.put(CHECKSUM.0, format!("{sum:06o}\0 ").as_bytes());
        a.raw(header);
    }),
    ("wrong checksum", |_, a| {
        let mut header = Header::new(Format::Ustar, b'0', "file").sealed();
        header.put(0, b"g");
        a.raw(header);
    }),
    ("odd magic", |r, a| {
        let mut header = Header::new(Format::Ustar, b'0', "file");
        let magics: [&[u8; 8]; 6] = [
            b"ustar\0  ",
            b"ustar  0",
            b"USTAR\x0000",
            b"ustar000",
            b"ustar\x0001",
            b"ustar \0\0",
        ];
        header.put(257, r.choose(&magics).as_slice());
        header.put(345, b"prefix");
        a.entry(header, b"data");
    }),
    ("changed byte of a name", |r, a| changed(r, a, 0, 100)),
    ("changed byte of a number", |r, a| changed(r, a, 100, 148)),
    ("changed type", |r, a| changed(r, a, 156, 157)),
    ("changed byte of a link name", |r, a| {
        changed(r, a, 157, 257)
    }),
    ("changed magic", |r, a| changed(r, a, 257, 265)),
    ("changed byte of the rest", |r, a| changed(r, a, 265, 512)),
];

fn octal(value: u64) -> Vec<u8> {
    format!("{value:o}").into()
}

/// Returns a header of a random format, and data of the length in its size field.
fn header(r: &mut Rng) -> (Header, Vec<u8>) {
    let flag = *r.choose(b"0000235");
    let format = *r.choose(&Format::ALL);
    let mut header = Header::new(format, flag, &r.name()).link("target");
    let fields = [
        (MODE, 0o7777),
        (UID, 0o7777),
        (GID, 0o7777),
        (MTIME, 0o77777),
    ];
    for (field, limit) in fields {
        header.octal(field, r.below(limit));
    }
    if flag == b'3' && format != Format::V7 {
        header.octal(MAJOR, r.below(0o77));
        header.octal(MINOR, r.below(0o77));
    }
    let data = if flag == b'0' {
        r.data(1500)
    } else {
        Vec::new()
    };
    header.octal(SIZE, data.len() as u64);
    (header, data)
}

fn field(r: &mut Rng, header: &Header) -> Field {
    let fields = [MODE, UID, GID, SIZE, MTIME, MAJOR, MINOR];
    let known = if header.0[257] == 0 { 5 } else { 7 };
    *r.choose(&fields[..known])
}

/// Appends an entry with a number in another form. `form` gets the number and a small random number (1
/// or 2).
fn number(r: &mut Rng, a: &mut Archive, form: &dyn Fn(u64, usize) -> Vec<u8>) {
    let (mut header, data) = header(r);
    let field = field(r, &header);
    let mut value = header.value(field);
    if field.1 == 8 {
        value &= 0o777;
    }
    let bytes = form(value, 1 + r.below(2) as usize);
    header.fill(field, &bytes);
    a.raw(header.sealed()).data(&data);
}

fn base_256(r: &mut Rng, a: &mut Archive) {
    let (mut header, data) = header(r);
    let (at, len) = field(r, &header);
    let mut value = header.value((at, len));
    if at == MTIME.0 && r.below(2) == 0 {
        value = 1 << 35;
    }
    header.fill((at, len), &[0x80]);
    header.put(at + len - 7, &value.to_be_bytes()[1..]);
    a.raw(header.sealed()).data(&data);
}

fn wide(r: &mut Rng, a: &mut Archive, bytes: fn(&mut Rng) -> Vec<u8>) {
    let (mut header, data) = header(r);
    let field = field(r, &header);
    let bytes = bytes(r);
    header.fill(field, &bytes);
    a.raw(header.sealed()).data(&data);
}

fn checksum(r: &mut Rng, a: &mut Archive) {
    let (mut header, data) = header(r);
    let sum = header.checksum();
    let forms = [
        format!("{sum:07o}\0"),
        format!("{sum:07o} "),
        format!(" {sum:o}\0 "),
        format!("{sum:08o}"),
        format!("\0{sum:o}\0"),
        format!("  {sum:o}"),
    ];
    let form = r.choose(&forms).clone();
    header.fill(CHECKSUM, form.as_bytes());
    a.raw(header).data(&data);
}

/// Appends an entry with one byte of its header changed and the checksum corrected.
fn changed(r: &mut Rng, a: &mut Archive, from: u64, to: u64) {
    let (mut header, data) = header(r);
    let at = (from + r.below(to - from)) as usize;
    header.0[at] = *r.choose(b"\0 0178/ax-+=\n\x80\xff");
    a.raw(header.sealed()).data(&data);
}
