//! A generator of random documents of images: valid ones, and mutations of them.

use Shape::{Bool, Date, Digest, Integer, List, Map, Object, Text};

/// The type of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Digest,
    Date,
    Base64,
    Integer,
    Bool,
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
}

const TEXTS: Shape = List(&Text);
const LABELS: Shape = Map(&Text);
const SET: Shape = Map(&Object(&[]));
const PLATFORM: Shape = Object(&[
    ("architecture", Text),
    ("os", Text),
    ("os.version", Text),
    ("os.features", TEXTS),
    ("variant", Text),
]);
const DESCRIPTOR: Shape = Object(&[
    ("mediaType", Text),
    ("digest", Digest),
    ("size", Integer),
    ("urls", TEXTS),
    ("annotations", LABELS),
    ("data", Shape::Base64),
    ("platform", PLATFORM),
    ("artifactType", Text),
]);
const HISTORY: Shape = Object(&[
    ("created", Date),
    ("created_by", Text),
    ("author", Text),
    ("comment", Text),
    ("empty_layer", Bool),
]);

/// The kinds of documents, with the names that the Go program uses.
pub(super) const DOCUMENTS: &[(&str, Shape)] = &[
    (
        "index",
        Object(&[
            ("schemaVersion", Integer),
            ("mediaType", Text),
            ("artifactType", Text),
            ("manifests", List(&DESCRIPTOR)),
            ("subject", DESCRIPTOR),
            ("annotations", LABELS),
        ]),
    ),
    (
        "manifest",
        Object(&[
            ("schemaVersion", Integer),
            ("mediaType", Text),
            ("artifactType", Text),
            ("config", DESCRIPTOR),
            ("layers", List(&DESCRIPTOR)),
            ("subject", DESCRIPTOR),
            ("annotations", LABELS),
        ]),
    ),
    (
        "image",
        Object(&[
            ("created", Date),
            ("author", Text),
            ("architecture", Text),
            ("os", Text),
            ("os.version", Text),
            ("os.features", TEXTS),
            ("variant", Text),
            (
                "config",
                Object(&[
                    ("User", Text),
                    ("ExposedPorts", SET),
                    ("Env", TEXTS),
                    ("Entrypoint", TEXTS),
                    ("Cmd", TEXTS),
                    ("Volumes", SET),
                    ("WorkingDir", Text),
                    ("Labels", LABELS),
                    ("StopSignal", Text),
                    ("ArgsEscaped", Bool),
                ]),
            ),
            ("rootfs", Object(&[("type", Text), ("diff_ids", TEXTS)])),
            ("history", List(&HISTORY)),
        ]),
    ),
    (
        "docker",
        Object(&[(
            "config",
            Object(&[
                (
                    "Healthcheck",
                    Object(&[("Test", TEXTS), ("Interval", Integer), ("Retries", Integer)]),
                ),
                ("Shell", TEXTS),
            ]),
        )]),
    ),
    (
        "archive",
        List(&Object(&[
            ("Config", Text),
            ("RepoTags", TEXTS),
            ("Layers", TEXTS),
        ])),
    ),
    ("marker", Object(&[("imageLayoutVersion", Text)])),
    ("any", PLATFORM),
];

const TEXT_PIECES: &[&[u8]] = &[
    b"a",
    b"Kas",
    b"/bin/sh",
    b" ",
    b"\\u0041",
    b"\\n",
    b"\\/",
    b"\\\"",
    b"\\\\",
    b"\\u0000",
    b"\x7f",
    b"\xc3\xa9",
    b"\\ud83d\\ude00",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xa8",
    b"<&>",
    b"{",
    b"],",
];
/// Pieces of text that readers replace or reject.
const ODD_PIECES: &[&[u8]] = &[
    b"\\ud800",
    b"\\udc00x",
    b"\\ud800\\u0041",
    b"\\ud800\\ud800\\udc00",
    b"\xff",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xc3",
    b"\xef\xbf\xbd",
    b"\t",
    b"\n",
    b"\0",
    b"\\'",
    b"\\x41",
    b"\\u12",
    b"\\U0041",
    b"\"",
    b"\\",
];
const ODD_NUMBERS: &[&str] = &[
    "1e3",
    "1.0",
    "-0",
    "-1",
    "-0.0",
    "00",
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "0x10",
    "1_000",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "4294967295",
    "4294967296",
    "1e400",
    "1E-400",
    "1e99999999999999999999",
    "NaN",
    "Infinity",
    "--1",
    "0e0",
    "123456789012345678901234567890",
];
const OTHER_VALUES: &[&str] = &[
    "0",
    "\"0\"",
    "\"\"",
    "true",
    "false",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "{\"\":null}",
    "[0]",
    "[\"a\"]",
    "{\"a\":\"b\"}",
    "[{}]",
    "TRUE",
    "nul",
    "undefined",
    "'a'",
    "{a:1}",
    "[1,]",
    "{\"a\":1,}",
    "{,}",
    "[,]",
];
const DATES: &[&str] = &[
    "\"2020-01-02T03:04:05Z\"",
    "\"1970-01-01T00:00:00.123456789+01:00\"",
];
const ODD_DATES: &[&str] = &[
    "\"\"",
    "\"2020-01-02\"",
    "\"2020-13-01T00:00:00Z\"",
    "\"now\"",
];
const DIGESTS: &[&str] = &[
    "\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
    "\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"",
    "\"x:y\"",
];
const ODD_DIGESTS: &[&str] = &[
    "\"\"",
    "\"sha256:\"",
    "\"sha256:00\"",
    "\"../../etc\"",
    "\"a\"",
];

/// A generator of documents. The same seed gives the same document.
pub(super) struct Generator {
    state: u64,
    /// One value in this many is mutated.
    rarity: usize,
    text: Vec<u8>,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let mut generator = Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            rarity: 0,
            text: Vec::new(),
        };
        // Seeds that are close have similar first numbers, so skip some.
        for _ in 0..8 {
            generator.next(2);
        }
        generator.rarity = generator.pick(&[usize::MAX, 400, 80, 40, 15]);
        generator
    }

    /// xorshift64*
    fn next(&mut self, below: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % below
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next(choices.len())]
    }

    fn rarely(&mut self) -> bool {
        self.next(self.rarity) == 0
    }

    /// Returns the name of a kind of document, and a document of this kind.
    pub(super) fn document(&mut self) -> (&'static str, Vec<u8>) {
        let (name, shape) = self.pick(DOCUMENTS);
        self.space();
        self.value(shape);
        self.space();
        if self.rarely() {
            self.mutate_bytes();
        }
        (name, std::mem::take(&mut self.text))
    }

    fn mutate_bytes(&mut self) {
        let at = self.next(self.text.len() + 1);
        match self.next(7) {
            0 => self.text.truncate(at),
            1 => drop(self.text.splice(0..0, *b"\xef\xbb\xbf")),
            2 => {
                let trailing = self.pick(&["x", "{}", ",", "}", "]", "null", "\0", "// end"]);
                self.push(trailing);
            }
            3 => drop(self.text.splice(at..at, *b"/* comment */")),
            4 => {
                let byte = self.pick(b"\"\\{}[]:,0n \x00\xff\t");
                self.text.insert(at, byte);
            }
            5 if at < self.text.len() => drop(self.text.remove(at)),
            _ => {
                let from = self.next(self.text.len() + 1);
                let (from, to) = (at.min(from), at.max(from));
                let again = self.text[from..to].to_vec();
                self.text.splice(to..to, again);
            }
        }
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn space(&mut self) {
        let space = self.pick(&["", "", "", " ", "\n\t", "\r\n"]);
        self.push(space);
        if self.rarely() {
            let odd = self.pick(&["\u{a0}", "\u{b}", "\u{c}", "\u{feff}"]);
            if self.next(8) == 0 {
                self.push(odd);
            }
        }
    }

    fn value(&mut self, shape: Shape) {
        if self.rarely() {
            return match self.next(4) {
                0 => {
                    let number = self.pick(ODD_NUMBERS);
                    self.push(number);
                }
                1 => {
                    let other = self.pick(OTHER_VALUES);
                    self.push(other);
                }
                _ => self.push("null"),
            };
        }
        let odd = self.rarely();
        match shape {
            Text => self.string(),
            Digest => {
                let text = self.pick(if odd { ODD_DIGESTS } else { DIGESTS });
                self.push(text);
            }
            Date => {
                let text = self.pick(if odd { ODD_DATES } else { DATES });
                self.push(text);
            }
            Shape::Base64 => self.push(if odd { "\"a\"" } else { "\"e30=\"" }),
            Integer => {
                let odd = if odd {
                    ODD_NUMBERS
                } else {
                    &["0", "2", "1234"]
                };
                let number = self.pick(odd);
                self.push(number);
            }
            Bool => {
                let word = self.pick(&["true", "false"]);
                self.push(word);
            }
            List(element) => {
                self.push("[");
                for index in 0..self.next(4) {
                    self.push(if index > 0 { "," } else { "" });
                    self.space();
                    self.value(*element);
                    self.space();
                }
                self.push("]");
            }
            Map(element) => {
                self.push("{");
                for index in 0..self.next(4) {
                    self.push(if index > 0 { "," } else { "" });
                    let key = self.pick(&["\"a\"", "\"A\"", "\"a.b\"", "\"digest\""]);
                    if self.next(4) == 0 {
                        self.string()
                    } else {
                        self.push(key)
                    }
                    self.push(":");
                    self.value(*element);
                }
                self.push("}");
            }
            Object(fields) => self.object(fields),
        }
    }

    fn object(&mut self, fields: &[(&str, Shape)]) {
        self.push("{");
        let start = self.text.len();
        for (name, shape) in fields {
            if self.next(8) == 0 {
                continue;
            }
            let from = self.member(start, name, *shape);
            if self.rarely() {
                let again = self.text[from..].to_vec();
                match self.next(3) {
                    0 if !again.is_empty() => {
                        self.push(",");
                        self.text.extend(again);
                    }
                    _ => drop(self.member(start, name, *shape)),
                }
            }
            if self.rarely() {
                let again = self.pick(fields);
                self.member(start, again.0, again.1);
            }
            if self.rarely() {
                self.member(start, "unknown", PLATFORM);
            }
        }
        self.push("}");
    }

    /// Writes a member of the object whose members begin at `start`. Returns the offset of the member.
    fn member(&mut self, start: usize, name: &str, shape: Shape) -> usize {
        self.push(if self.text.len() > start { "," } else { "" });
        self.space();
        let from = self.text.len();
        self.name(name);
        self.space();
        self.push(":");
        self.space();
        self.value(shape);
        self.space();
        from
    }

    fn name(&mut self, name: &str) {
        let mut name = name.to_owned();
        if self.rarely() {
            name = match self.next(6) {
                0 => name.to_uppercase(),
                1 => name.to_lowercase(),
                2 => name
                    .replace(['s', 'S'], "\u{17f}")
                    .replace(['k', 'K'], "\u{212a}"),
                3 => name.replace('e', "\\u0065"),
                4 => name.replace(['.', '_'], "-"),
                _ => format!("{name} "),
            };
        }
        self.push("\"");
        self.push(&name);
        self.push("\"");
    }

    fn string(&mut self) {
        self.push("\"");
        for _ in 0..self.next(4) {
            let piece = self.pick(TEXT_PIECES);
            self.text.extend_from_slice(piece);
        }
        if self.rarely() {
            let piece = self.pick(ODD_PIECES);
            self.text.extend_from_slice(piece);
        }
        self.push("\"");
    }
}
