//! PAX extended headers: key-value records that override fields of the tar header and add values that it
//! has no field for (POSIX.1-2017, pax, "pax Extended Header").

use std::collections::{HashMap, HashSet};

use super::ambiguity::Ambiguity;
use super::entry::{Mtime, Xattr};

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// The records of one extended header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pax {
    records: Records,
    /// Set if a number has a plus sign.
    plus_sign: bool,
}

/// The keys that override a field of the tar header.
const FIELDS: [&[u8]; 6] = [b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"];

/// The keys of the map in GNU sparse 0.0, which has one record for each number.
const SPARSE_OFFSET: &[u8] = b"GNU.sparse.offset";
const SPARSE_LEN: &[u8] = b"GNU.sparse.numbytes";

impl Pax {
    /// Parses records of the form `LENGTH KEY=VALUE\n`. Returns `None` if one is malformed by the rules
    /// of Go's `archive/tar` (`parsePAX`, `parsePAXRecord`, `validPAXRecord`).
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut records = Vec::new();
        let mut pieces = 0_usize;
        let mut plus_sign = false;
        while !bytes.is_empty() {
            let space = memchr::memchr(b' ', bytes)?;
            let len = decimal(bytes.get(..space)?)?;
            let len = usize::try_from(len).ok().filter(|&len| len >= 5)?;
            let record = bytes.get(space + 1..len)?;
            let (&newline, record) = record.split_last()?;
            let equals = memchr::memchr(b'=', record)?;
            if newline != b'\n' || equals == 0 {
                return None;
            }
            let (key, value) = record.split_at(equals);
            let value = value.get(1..)?;
            match key {
                b"path" | b"linkpath" | b"uname" | b"gname" if value.contains(&0) => return None,
                _ if key.contains(&0) => return None,
                SPARSE_OFFSET | SPARSE_LEN => {
                    let expected = [SPARSE_OFFSET, SPARSE_LEN][pieces % 2];
                    if key != expected || value.contains(&b',') {
                        return None;
                    }
                    pieces += 1;
                }
                _ => {}
            }
            plus_sign |= bytes.starts_with(b"+");
            if matches!(key, b"size" | b"uid" | b"gid" | b"mtime") {
                plus_sign |= value.starts_with(b"+");
            }
            records.push((key.to_vec(), value.to_vec()));
            bytes = bytes.get(len..)?;
        }
        Some(Self { records, plus_sign })
    }

    /// Creates a header with one record.
    pub(crate) fn of(key: &[u8], value: &[u8]) -> Self {
        Self {
            records: vec![(key.to_vec(), value.to_vec())],
            plus_sign: false,
        }
    }

    /// Returns the last value of a key. An empty value cancels earlier ones (POSIX, same section).
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, value) = self.records.iter().rfind(|(k, _)| k == key)?;
        Some(value.as_slice()).filter(|value| !value.is_empty())
    }

    /// Returns all records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.records.iter().map(|(k, v)| (&**k, &**v))
    }

    /// Returns the numbers of a GNU sparse 0.0 map: offsets and lengths alternate.
    pub(crate) fn sparse_numbers(&self) -> impl Iterator<Item = &[u8]> {
        let is_number = |key: &[u8]| key == SPARSE_OFFSET || key == SPARSE_LEN;
        self.records()
            .filter(move |(key, _)| is_number(key))
            .map(|(_, value)| value)
    }

    /// Returns the value of a key as a whole number. `Some(None)` means that the value is not a number.
    pub(crate) fn number(&self, key: &[u8]) -> Option<Option<i64>> {
        Some(decimal(self.get(key)?))
    }

    /// Returns the value of a key as a time. `Some(None)` means that the value is not a time.
    pub(crate) fn time(&self, key: &[u8]) -> Option<Option<Mtime>> {
        let text = self.get(key)?;
        Some(std::str::from_utf8(text).ok().and_then(parse_time))
    }

    /// Returns a property of the records' form that other readers interpret differently, if there is
    /// one.
    pub(crate) fn ambiguity(&self) -> Option<Ambiguity> {
        if self.plus_sign {
            return Some(Ambiguity::PlusSign);
        }
        let is_empty = |key: &&&[u8]| {
            let last = self.records.iter().rfind(|(k, _)| k == *key);
            last.is_some_and(|(_, value)| value.is_empty())
        };
        let key = FIELDS.iter().find(is_empty).map(|&key| key.into())?;
        Some(Ambiguity::EmptyRecord { key })
    }

    /// Returns the first extended attribute that exists only in libarchive's form.
    pub(crate) fn libarchive_xattr(&self) -> Option<Ambiguity> {
        let prefix = b"LIBARCHIVE.xattr.";
        if !self.records().any(|(key, _)| key.starts_with(prefix)) {
            return None;
        }
        let names = self
            .records()
            .map(|(key, _)| key.strip_prefix(b"SCHILY.xattr."));
        let others: HashSet<&[u8]> = names.flatten().collect();
        self.records().find_map(|(key, value)| {
            let name = url_decode(key.strip_prefix(prefix)?);
            let is_only = base64(value).is_some() && !others.contains(name.as_slice());
            is_only.then(|| Ambiguity::LibarchiveXattr { name: name.into() })
        })
    }

    /// Returns the extended attributes from both forms that tar programs write: `SCHILY.xattr.NAME` with
    /// the raw value (star, GNU tar, Docker), and `LIBARCHIVE.xattr.NAME` with a URL-encoded name and a
    /// base64 value (bsdtar). bsdtar writes both; the first form then takes precedence.
    pub(crate) fn xattrs(&self) -> Vec<Xattr> {
        let mut xattrs: Vec<Xattr> = Vec::new();
        // Lookup by name stays fast if a header has very many attributes.
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

/// Parses a decimal number with an optional sign, like Go's `strconv.ParseInt`.
pub(crate) fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Parses `SECONDS[.FRACTION]`, possibly negative. Digits below a nanosecond are ignored.
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
        // Go's time.Unix wraps too.
        sec = sec.wrapping_sub(1);
        nsec = 1_000_000_000 - nsec;
    }
    Some(Mtime { sec, nsec })
}

/// Decodes base64 (RFC 4648, section 4), with or without padding: libarchive omits it.
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
            b"9 path=a\n\0\0\0",
            b"9 pa\0h=a\n",
            b"10 path=a\0\n",
            b"24 GNU.sparse.offset=0\n24 GNU.sparse.offset=1\n",
            b"26 GNU.sparse.numbytes=5\n",
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
        // The record must be long enough for its length to have two digits, and short enough for no
        // more.
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
    fn the_last_record_of_a_key_counts_and_an_empty_one_takes_it_away() {
        let pax = Pax::parse(b"9 path=a\n9 path=b\n9 size=7\n8 size=\n").unwrap();
        assert_eq!(pax.get(b"path"), Some(&b"b"[..]));
        assert_eq!(pax.get(b"size"), None);
    }

    #[test]
    fn an_attribute_in_the_form_of_libarchive_alone_is_named() {
        let parse = |records: &[Vec<u8>]| Pax::parse(&records.concat()).unwrap();
        let schily = record("SCHILY.xattr.user.e", b"1");
        let libarchive = record("LIBARCHIVE.xattr.user.e", b"AQID");
        let both = parse(&[libarchive.clone(), schily]);
        assert_eq!(both.libarchive_xattr(), None);
        let name = Box::from(&b"user.e"[..]);
        assert_eq!(
            parse(&[libarchive]).libarchive_xattr(),
            Some(Ambiguity::LibarchiveXattr { name })
        );
    }

    #[test]
    fn hostile_headers_cost_what_they_weigh() {
        let many: Vec<u8> = (0..40_000)
            .flat_map(|i| record(&format!("SCHILY.xattr.user.{i:05}"), b"v"))
            .collect();
        let pax = Pax::parse(&many).unwrap();
        let started = std::time::Instant::now();
        assert_eq!(pax.xattrs().len(), 40_000);
        // An algorithm of quadratic time would take minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
    }
}
