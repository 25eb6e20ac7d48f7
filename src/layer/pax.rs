//! PAX extended headers: records of a key and a value that override a header's fields and carry
//! what it has no field for (POSIX.1-2017, pax, "pax Extended Header").

use std::collections::HashMap;
use std::sync::Arc;

use super::entry::{Mtime, Xattr};

/// Global headers hold at most so many bytes of keys and values together. `git archive` writes one
/// comment; each entry looks its keys up among them.
const MAX_GLOBAL: usize = 64 << 10;

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// The records that hold for one entry: those of its own header before those of global ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pax {
    records: Records,
    global: Arc<Records>,
}

/// The records of all global headers so far, the later ones last.
#[derive(Debug, Default)]
pub(crate) struct Global {
    records: Arc<Records>,
    bytes: usize,
}

impl Global {
    /// Takes in a later header. `None` if there is more than any writer writes.
    pub(crate) fn add(&mut self, later: Pax) -> Option<()> {
        let bytes = |(k, v): &(Vec<u8>, Vec<u8>)| k.len() + v.len();
        self.bytes += later.records.iter().map(bytes).sum::<usize>();
        if self.bytes > MAX_GLOBAL {
            return None;
        }
        Arc::make_mut(&mut self.records).extend(later.records);
        Some(())
    }
}

impl Pax {
    /// Parses records `LENGTH KEY=VALUE\n`. `None` if they are malformed.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut records = Vec::new();
        // Some writers pad with NULs.
        while bytes.first().is_some_and(|&b| b != 0) {
            let space = memchr::memchr(b' ', bytes)?;
            let digits = std::str::from_utf8(bytes.get(..space)?).ok()?;
            let len: usize = digits.parse().ok()?;
            let record = bytes.get(space + 1..len)?;
            let (&newline, record) = record.split_last()?;
            let equals = memchr::memchr(b'=', record)?;
            if newline != b'\n' || equals == 0 {
                return None;
            }
            let (key, value) = record.split_at(equals);
            records.push((key.to_vec(), value.get(1..)?.to_vec()));
            bytes = bytes.get(len..)?;
        }
        Some(Self {
            records,
            global: Arc::default(),
        })
    }

    /// This header's records over those of the global ones.
    pub(crate) fn over(mut self, global: &Global) -> Self {
        self.global = global.records.clone();
        self
    }

    /// The last value of a key. An empty value means that there is none, also no global one (POSIX,
    /// same section).
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let own = self.records.iter().rev();
        let mut all = own.chain(self.global.iter().rev());
        let (_, value) = all.find(|(k, _)| k == key)?;
        Some(value.as_slice()).filter(|value| !value.is_empty())
    }

    /// All records, in order, the global ones first.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let all = self.global.iter().chain(&self.records);
        all.map(|(k, v)| (&**k, &**v))
    }

    /// A whole number. `Some(None)` if it is there and is none.
    pub(crate) fn number(&self, key: &[u8]) -> Option<Option<u64>> {
        let text = self.get(key)?;
        Some(std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()))
    }

    /// A time. `Some(None)` if it is there and is none.
    pub(crate) fn time(&self, key: &[u8]) -> Option<Option<Mtime>> {
        let text = self.get(key)?;
        Some(std::str::from_utf8(text).ok().and_then(parse_time))
    }

    /// Extended attributes in the two forms that tars write: `SCHILY.xattr.NAME` with the bytes
    /// as they are (star, GNU tar, Docker), and `LIBARCHIVE.xattr.NAME` with an URL-encoded name
    /// and a base64 value (bsdtar, which writes both; the first form then counts).
    pub(crate) fn xattrs(&self) -> Vec<Xattr> {
        let mut xattrs: Vec<Xattr> = Vec::new();
        // A header may hold very many.
        let mut known: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut set = |name: Vec<u8>, value: Vec<u8>, replace: bool| {
            let (name, value) = (name.into_boxed_slice(), value.into_boxed_slice());
            match known.get(&name).and_then(|&at| xattrs.get_mut(at)) {
                Some(xattr) if replace => xattr.value = value,
                Some(_) => {}
                None => {
                    known.insert(name.clone(), xattrs.len());
                    xattrs.push(Xattr { name, value });
                }
            }
        };
        for (key, value) in self.records() {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                set(name.to_vec(), value.to_vec(), true);
            }
        }
        for (key, value) in self.records() {
            if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.")
                && let Some(value) = base64(value)
            {
                set(url_decode(name), value, false);
            }
        }
        xattrs.retain(|x| !x.name.is_empty() && !x.name.contains(&0));
        xattrs
    }
}

/// `SECONDS[.FRACTION]`, possibly negative; digits below a nanosecond are cut off.
fn parse_time(text: &str) -> Option<Mtime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut sec: i64 = whole.parse().ok()?;
    let mut nsec = 0_u32;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    for i in 0..9 {
        let digit = fraction.as_bytes().get(i).map_or(0, |b| b - b'0');
        nsec = nsec * 10 + u32::from(digit);
    }
    if whole.starts_with('-') && nsec > 0 {
        sec = sec.checked_sub(1)?;
        nsec = 1_000_000_000 - nsec;
    }
    Some(Mtime { sec, nsec })
}

/// base64 (RFC 4648, section 4); libarchive leaves the padding out.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for &c in text {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' | b'\n' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

fn url_decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&c, tail)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16);
        if c == b'%'
            && let [a, b, after @ ..] = tail
            && let (Some(a), Some(b)) = (hex(*a), hex(*b))
        {
            bytes.push((a * 16 + b) as u8);
            rest = after;
        } else {
            bytes.push(c);
            rest = tail;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_any_byte() {
        let pax = Pax::parse(b"18 path=new\nline\xff\n30 mtime=1350244992.023960108\n").unwrap();
        assert_eq!(pax.get(b"path"), Some(&b"new\nline\xff"[..]));
        let time = Mtime {
            sec: 1_350_244_992,
            nsec: 23_960_108,
        };
        assert_eq!(pax.time(b"mtime"), Some(Some(time)));
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"5 a=b"[..],
            b"99 a=b\n",
            b"6 =ab\n",
            b"x a=b\n",
            b"0 a=b\n",
            b"7 a=bcd\n",
            b"18446744073709551615 a=b\n",
        ] {
            assert!(Pax::parse(bad).is_none(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn times_before_the_epoch() {
        let time = |text| parse_time(text).map(|t| (t.sec, t.nsec));
        assert_eq!(time("-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time("-1"), Some((-1, 0)));
        assert_eq!(time("-0.5"), Some((-1, 500_000_000)));
        assert_eq!(time("1.0000000019"), Some((1, 1)));
        assert_eq!(time("1.x"), None);
        assert_eq!(time(""), None);
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        // Short enough that the length has two digits.
        let len = key.len() + value.len() + 5;
        [format!("{len} {key}=").as_bytes(), value, b"\n"].concat()
    }

    #[test]
    fn xattrs_in_both_forms() {
        let records = [
            record("LIBARCHIVE.xattr.user.a%3db", b"AQI"),
            record("SCHILY.xattr.user.e", b"\0=\n\xff\n"),
            record("SCHILY.xattr.user.n", b""),
            record("LIBARCHIVE.xattr.user.e", b"AQID"),
        ];
        let xattrs = Pax::parse(&records.concat()).unwrap().xattrs();
        let find = |name: &[u8]| xattrs.iter().find(|x| &*x.name == name).map(|x| &*x.value);
        assert_eq!(find(b"user.a=b"), Some(&b"\x01\x02"[..]));
        assert_eq!(find(b"user.e"), Some(&b"\0=\n\xff\n"[..]));
        assert_eq!(find(b"user.n"), Some(&b""[..]), "an empty value is a value");
        assert_eq!(xattrs.len(), 3);
    }

    #[test]
    fn a_local_record_counts_before_a_global_one_and_may_take_it_away() {
        let mut global = Global::default();
        global.add(Pax::parse(b"9 path=a\n9 size=7\n").unwrap());
        global.add(Pax::parse(b"9 path=b\n").unwrap());
        let local = Pax::parse(b"8 size=\n").unwrap().over(&global);
        assert_eq!(local.get(b"path"), Some(&b"b"[..]));
        assert_eq!(local.get(b"size"), None);
    }

    #[test]
    fn hostile_headers_cost_what_they_weigh() {
        let many: Vec<u8> = (0..40_000)
            .flat_map(|i| record(&format!("SCHILY.xattr.user.{i:05}"), b"v"))
            .collect();
        let pax = Pax::parse(&many).unwrap();
        let started = std::time::Instant::now();
        assert_eq!(pax.xattrs().len(), 40_000);
        // Quadratic time would be minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
        assert_eq!(
            Global::default().add(pax),
            None,
            "no global header is so long"
        );
    }
}
