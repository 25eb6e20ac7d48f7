//! Features: names in all possible places, and PAX records.

use super::generate::Feature;
use super::make::{Archive, Format, Header, SIZE};

pub const FEATURES: &[Feature] = &[
    ("prefix in a ustar header", |r, a| {
        prefix(a, Format::Ustar, &r.name())
    }),
    ("prefix in a star header", |r, a| {
        prefix(a, Format::Star, &r.name())
    }),
    ("prefix in a V7 header", |r, a| {
        prefix(a, Format::V7, &r.name())
    }),
    ("prefix in a GNU header", |r, a| {
        prefix(a, Format::Gnu, &r.name())
    }),
    ("prefix in a GNU header that reads as a time", |_, a| {
        prefix(a, Format::Gnu, "1234567")
    }),
    ("prefix in a GNU header that is not ASCII", |_, a| {
        prefix(a, Format::Gnu, "dür")
    }),
    ("long name", |r, a| {
        a.long(b'L', &r.name().repeat(20));
        file(a);
    }),
    ("long link name", |r, a| {
        a.long(b'K', &r.name().repeat(20));
        a.entry(
            Header::new(Format::Gnu, *r.choose(b"12"), "link").link("short"),
            b"",
        );
    }),
    ("long name and long link name", |r, a| {
        a.long(b'K', &r.name().repeat(20))
            .long(b'L', &r.name().repeat(20));
        a.entry(
            Header::new(Format::Gnu, *r.choose(b"12"), "link").link("short"),
            b"",
        );
    }),
    ("long name without NUL", |_, a| {
        a.entry(Header::new(Format::Gnu, b'L', "././@LongLink"), b"other");
        file(a);
    }),
    ("long name in a ustar header", |_, a| {
        a.entry(
            Header::new(Format::Ustar, b'L', "././@LongLink"),
            b"other\0",
        );
        file(a);
    }),
    ("empty long name", |_, a| {
        a.long(b'L', "");
        file(a);
    }),
    ("long name of length 0", |_, a| {
        a.entry(Header::new(Format::Gnu, b'L', "././@LongLink"), b"");
        file(a);
    }),
    ("empty long link name", |r, a| {
        a.long(b'K', "");
        a.entry(
            Header::new(Format::Gnu, *r.choose(b"12"), "link").link("short"),
            b"",
        );
    }),
    ("two long names", |_, a| {
        a.long(b'L', "one").long(b'L', "two");
        file(a);
    }),
    ("long name, then an empty one", |_, a| {
        a.long(b'L', "one").long(b'L', "");
        file(a);
    }),
    ("long name and PAX path", |r, a| {
        if r.below(2) == 0 {
            a.long(b'L', "long").pax(b'x', &[("path", "pax")]);
        } else {
            a.pax(b'x', &[("path", "pax")]).long(b'L', "long");
        }
        file(a);
    }),
    ("empty long name and PAX path", |_, a| {
        a.pax(b'x', &[("path", "pax")]).long(b'L', "");
        file(a);
    }),
    ("long link name and PAX linkpath", |r, a| {
        a.long(b'K', "long").pax(b'x', &[("linkpath", "pax")]);
        a.entry(
            Header::new(Format::Ustar, *r.choose(b"12"), "link").link("short"),
            b"",
        );
    }),
    ("PAX path", |r, a| {
        a.pax(b'x', &[("path", &r.name().repeat(30))]);
        file(a);
    }),
    ("PAX path with a slash at its end", |_, a| {
        a.pax(b'x', &[("path", "dir/sub/")]);
        a.entry(Header::new(Format::Ustar, b'5', "d"), b"");
    }),
    ("PAX path that is not UTF-8", |_, a| {
        let record = b"10 path=\xff\n";
        a.entry(Header::new(Format::Ustar, b'x', "pax/header"), record);
        file(a);
    }),
    ("PAX linkpath", |r, a| {
        a.pax(b'x', &[("linkpath", &r.name().repeat(30))]);
        a.entry(
            Header::new(Format::Ustar, *r.choose(b"12"), "link").link("short"),
            b"",
        );
    }),
    ("PAX linkpath on a file", |_, a| {
        pax(a, &[("linkpath", "target")])
    }),
    ("PAX uid, gid and mtime", |r, a| {
        let (uid, mtime) = (
            r.below(1 << 31).to_string(),
            format!("{}.25", r.below(1 << 32)),
        );
        pax(
            a,
            &[
                ("uid", &uid),
                ("gid", "70000"),
                ("mtime", &mtime),
                ("atime", "1.5"),
                ("ctime", "2"),
            ],
        );
    }),
    ("PAX uid over 32 bits", |_, a| {
        pax(a, &[("uid", "4294967297")])
    }),
    ("PAX uid 4294967295", |_, a| {
        pax(a, &[("uid", "4294967295")])
    }),
    ("negative PAX uid", |_, a| pax(a, &[("uid", "-2")])),
    ("sign before a PAX number", |_, a| pax(a, &[("uid", "+7")])),
    ("spaces in a PAX number", |r, a| {
        pax(a, &[("uid", r.word(&[" 7", "7 "]))])
    }),
    ("letters in a PAX number", |r, a| {
        pax(a, &[(r.word(&["uid", "gid", "size"]), "7x")])
    }),
    ("PAX number over 63 bits", |_, a| {
        pax(a, &[("uid", "9223372036854775808")])
    }),
    ("mtime before 1970", |r, a| {
        pax(a, &[("mtime", r.word(&["-1", "-5.25", "-0.5"]))])
    }),
    ("mtime with many digits", |_, a| {
        pax(a, &[("mtime", "1.1234567899999")])
    }),
    ("mtime with a dot at its end", |_, a| {
        pax(a, &[("mtime", "7.")])
    }),
    ("malformed mtime", |r, a| {
        pax(a, &[("mtime", r.word(&["x", ".5", "1.x", "1.2.3", "1e3"]))])
    }),
    ("malformed atime", |r, a| {
        pax(a, &[(r.word(&["atime", "ctime"]), "x")])
    }),
    ("empty PAX values", |r, a| {
        pax(
            a,
            &[(r.word(&["path", "uid", "size", "mtime", "comment"]), "")],
        );
    }),
    ("PAX key twice", |r, a| {
        pax(a, &[("path", "one"), ("path", r.word(&["two", "three"]))]);
    }),
    ("PAX key, then an empty value", |_, a| {
        pax(a, &[("path", "one"), ("path", "")])
    }),
    ("two PAX headers", |_, a| {
        a.pax(b'x', &[("path", "one"), ("uid", "7")])
            .pax(b'x', &[("gid", "8")]);
        file(a);
    }),
    ("PAX header and long link name before it", |_, a| {
        a.long(b'K', "long").pax(b'x', &[("path", "pax")]);
        a.entry(Header::new(Format::Ustar, b'2', "link").link("short"), b"");
    }),
    ("PAX header of no records", |_, a| pax(a, &[])),
    ("unknown PAX keys", |_, a| {
        pax(a, &[("comment", "c"), ("VENDOR.key", "a=b\nc")])
    }),
    ("NULs after PAX records", |_, a| {
        let records = [crate::support::pax_record("uid", b"7"), vec![0; 5]].concat();
        a.entry(Header::new(Format::Ustar, b'x', "pax/header"), &records);
        file(a);
    }),
    ("NUL in a PAX path", |r, a| {
        pax(a, &[(r.word(&["path", "linkpath", "uname"]), "a\0b")])
    }),
    ("NUL in a PAX key", |_, a| pax(a, &[("a\0b", "c")])),
    ("malformed PAX records", |r, a| {
        let records: [&[u8]; 10] = [
            b"99 uid=7\n",
            b"8 uid=7\n",
            b"9 uid=7x",
            b"x uid=7\n",
            b"uid=7\n",
            b"6 =a\n",
            b"5 a\n",
            b"-9 uid=7\n",
            b" 9 uid=7\n",
            b"0 uid=7\n",
        ];
        a.entry(
            Header::new(Format::Ustar, b'x', "pax/header"),
            r.choose::<&[u8]>(&records),
        );
        file(a);
    }),
    ("odd lengths of PAX records", |r, a| {
        let records: [&[u8]; 2] = [b"+9 uid=7\n", b"010 uid=7\n"];
        a.entry(
            Header::new(Format::Ustar, b'x', "pax/header"),
            r.choose::<&[u8]>(&records),
        );
        file(a);
    }),
    ("PAX size", |r, a| {
        let data = r.data(2000);
        a.pax(b'x', &[("size", &data.len().to_string())]);
        let mut header = Header::new(Format::Ustar, b'0', "file");
        header.octal(SIZE, [0, 5, 3000][r.below(3) as usize]);
        a.raw(header.sealed()).data(&data);
    }),
    ("negative PAX size", |_, a| pax(a, &[("size", "-1")])),
    ("xattr", |_, a| {
        pax(
            a,
            &[
                ("SCHILY.xattr.user.a", "v\0\n="),
                ("SCHILY.xattr.user.b", "w"),
            ],
        )
    }),
    ("empty xattr", |_, a| pax(a, &[("SCHILY.xattr.user.a", "")])),
    ("xattr twice", |_, a| {
        pax(
            a,
            &[("SCHILY.xattr.user.a", "1"), ("SCHILY.xattr.user.a", "2")],
        )
    }),
    ("xattr with = in its name", |_, a| {
        pax(a, &[("SCHILY.xattr.user.a=b", "1")])
    }),
    ("xattr in both forms", |_, a| {
        pax(
            a,
            &[
                ("LIBARCHIVE.xattr.user.a", "dg"),
                ("SCHILY.xattr.user.a", "v"),
            ],
        );
    }),
    ("xattr in the form of libarchive", |_, a| {
        pax(a, &[("LIBARCHIVE.xattr.user.a", "dg")])
    }),
    ("PAX header of Solaris", |_, a| {
        a.pax(b'X', &[("path", "pax"), ("uid", "7")]);
        file(a);
    }),
    ("PAX device numbers", |_, a| {
        a.pax(b'x', &[("SCHILY.devmajor", "7"), ("SCHILY.devminor", "8")]);
        a.entry(Header::new(Format::Ustar, b'3', "device"), b"");
    }),
    ("global comment", |_, a| {
        global(a, &[("comment", "0123456789abcdef")])
    }),
    ("global path", |_, a| global(a, &[("path", "global")])),
    ("global uid", |r, a| {
        global(a, &[(r.word(&["uid", "gid"]), "7")])
    }),
    ("global mtime", |_, a| global(a, &[("mtime", "7.5")])),
    ("global xattr", |_, a| {
        global(a, &[("SCHILY.xattr.user.a", "7")])
    }),
    ("global record that a local one overrides", |_, a| {
        a.pax(b'g', &[("gid", "7")]).pax(b'x', &[("gid", "8")]);
        file(a);
        a.pax(b'x', &[("gid", "9")]);
    }),
    ("global record of what is so already", |_, a| {
        a.pax(b'g', &[("uid", "0"), ("mtime", "1700000000")]);
        file(a);
    }),
    ("malformed global number", |_, a| global(a, &[("uid", "x")])),
    ("malformed global records", |_, a| {
        a.entry(
            Header::new(Format::Ustar, b'g', "pax/global"),
            b"99 uid=7\n",
        );
        file(a);
    }),
    ("PAX header, then a global one", |_, a| {
        a.pax(b'x', &[("path", "local")])
            .pax(b'g', &[("comment", "c")]);
        file(a);
    }),
    ("long name, then a global header", |_, a| {
        a.long(b'L', "long").pax(b'g', &[("comment", "c")]);
        file(a);
    }),
];

fn file(a: &mut Archive) {
    a.file("file", "content");
}

fn pax(a: &mut Archive, records: &[(&str, &str)]) {
    a.pax(b'x', records);
    file(a);
}

fn global(a: &mut Archive, records: &[(&str, &str)]) {
    a.pax(b'g', records);
    file(a);
}

fn prefix(a: &mut Archive, format: Format, prefix: &str) {
    let mut header = Header::new(format, b'0', "file");
    header.put(345, prefix.as_bytes());
    a.entry(header, b"content");
}
