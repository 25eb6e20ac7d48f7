//! Variables that were set at link time with `-ldflags "-X importpath.name=value"`.
//!
//! The flags are recorded, unless `-trimpath` was given. For each variable the linker also writes a
//! symbol `importpath.name.str`, whose address is that of the value, so the values can be read from
//! a file that is not stripped.

use std::collections::{BTreeMap, HashMap};

use memchr::{memmem, memrchr};
use object::pod::{Pod, slice_from_bytes};

use super::Mapped;
use crate::inspect::binary::GoBuild;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum number of variables. Few programs have more than ten.
const COUNT_LIMIT: usize = 256;

/// The maximum length of an import path and a name.
const NAME_LIMIT: u64 = 1024;

/// The maximum length of a value.
const VALUE_LIMIT: u64 = 64 << 10;

/// The maximum number of bytes read from a symbol table: about three million symbols.
const TABLE_LIMIT: u64 = 64 << 20;

/// The suffix of the symbols of values.
const SUFFIX: &[u8] = b".str\0";

impl GoBuild {
    /// Sets `injected` from the recorded flags or, if there are none, from the symbols.
    pub(in crate::inspect) fn inject(&mut self, symbols: impl FnOnce() -> Vec<(String, String)>) {
        self.injected = match self.setting("-ldflags") {
            Some(flags) => of_flags(flags),
            None => symbols(),
        };
    }
}

/// Returns the values of `-X` in a list of flags. It is split as in `cmd/internal/quoted`: at
/// blanks, and a field that begins with a quote ends at the next such quote.
fn of_flags(flags: &str) -> Vec<(String, String)> {
    // `-ldflags=PATTERN=FLAGS`
    let flags = match flags.split_once('=') {
        Some((pattern, flags)) if !pattern.contains(['-', ' ', '\'', '"']) => flags,
        _ => flags,
    };
    let mut variables = Vec::new();
    let mut rest = flags;
    let mut value_follows = false;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let end = match rest.chars().next() {
            None => break,
            Some(quote @ ('"' | '\'')) => {
                rest = rest.get(1..).unwrap_or_default();
                rest.find(quote)
            }
            Some(_) => rest.find([' ', '\t', '\n', '\r']),
        };
        let (field, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.strip_prefix(['"', '\'']).unwrap_or(after);
        let flag = field.strip_prefix("--").or(field.strip_prefix('-'));
        let definition = if value_follows {
            Some(field)
        } else {
            flag.and_then(|flag| flag.strip_prefix("X="))
        };
        value_follows = !value_follows && flag == Some("X");
        if let Some((name, value)) = definition.and_then(|d| d.split_once('='))
            && variables.len() < COUNT_LIMIT
        {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    variables
}

/// The names of the symbols of values, by their index in the string table.
pub(in crate::inspect) struct Names(HashMap<u64, String>);

impl Names {
    /// Searches a string table for the names.
    pub(crate) fn find(source: &dyn Source, offset: u64, len: u64) -> Self {
        let finder = memmem::Finder::new(SUFFIX);
        let mut names = HashMap::new();
        read::scan(source, offset, len, NAME_LIMIT, |base, window| {
            for end in finder.find_iter(window) {
                let before = window.get(..end).unwrap_or_default();
                let start = match memrchr(0, before) {
                    Some(nul) => nul + 1,
                    // The window begins within the name. It was complete in the previous window.
                    None if base != offset => continue,
                    None => 0,
                };
                let name = before.get(start..).and_then(variable);
                let index = base.saturating_sub(offset).saturating_add(start as u64);
                if let Some(name) = name
                    && names.len() < COUNT_LIMIT
                {
                    names.insert(index, name);
                }
            }
            None::<()>
        });
        Self(names)
    }

    /// Reads the values. `field` returns the name index and the address of a symbol.
    pub(crate) fn values<T: Pod>(
        &self,
        source: &dyn Source,
        (offset, len): (u64, u64),
        mapped: &[Mapped],
        field: impl Fn(&T) -> (u64, u64),
    ) -> Vec<(String, String)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let size = size_of::<T>() as u64;
        let len = len.min(TABLE_LIMIT);
        // A multiple of the size, so that no symbol is split.
        let step = (1 << 16) * size;
        let mut addresses = BTreeMap::new();
        let mut at = 0;
        while at < len && addresses.len() < self.0.len() {
            let piece = offset
                .checked_add(at)
                .and_then(|offset| read::prefix(source, offset, len - at, step));
            let Some(bytes) = piece.filter(|bytes| bytes.len() >= size_of::<T>()) else {
                break;
            };
            let table = slice_from_bytes::<T>(&bytes, bytes.len() / size_of::<T>());
            for symbol in table.map_or(&[][..], |(table, _)| table) {
                let (index, address) = field(symbol);
                if let Some(name) = self.0.get(&index) {
                    addresses.entry(name).or_insert(address);
                }
            }
            at += step;
        }
        let read = |address: u64| {
            let place = mapped.iter().find(|m| {
                address
                    .checked_sub(m.address)
                    .is_some_and(|into| into < m.len)
            })?;
            let offset = place.offset.checked_add(address - place.address)?;
            let end = place.offset.checked_add(place.len)?;
            read::c_string(source, offset, end, VALUE_LIMIT)
        };
        addresses
            .into_iter()
            .filter_map(|(name, address)| {
                let value = String::from_utf8_lossy(&read(address)?).into_owned();
                Some((name.clone(), value))
            })
            .collect()
    }
}

/// Returns the variable for a symbol name without the suffix. Returns `None` for variables that the
/// toolchain itself sets: the version, the defaults of GODEBUG and GOROOT, the text of modules.
fn variable(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    // On Mach-O, all names have an additional leading underscore.
    let name = name.strip_prefix('_').unwrap_or(name);
    let (path, variable) = name.rsplit_once('.')?;
    let own = path == "runtime" || path.starts_with("runtime/") || path.starts_with("internal/");
    let identifier = !variable.is_empty()
        && variable.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !path.is_empty()
        && !path.contains([':', ' ', '"']);
    if own || !identifier {
        return None;
    }
    // `objabi.PathToPrefix` escapes the dots of the last path element.
    Some(format!("{}.{variable}", path.replace("%2e", ".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::endian::{LittleEndian as LE, U32};

    fn flags(flags: &str) -> String {
        let pairs = of_flags(flags);
        pairs.iter().map(|(k, v)| format!("{k}={v};")).collect()
    }

    #[test]
    fn flags_of_the_linker() {
        assert_eq!(
            flags("-s -w -X main.a=1 -X=m/p.b=x=y"),
            "main.a=1;m/p.b=x=y;"
        );
        assert_eq!(
            flags("-X 'main.a=1 2' --X \"main.b=it's\" '-X=main.c=-X'"),
            "main.a=1 2;main.b=it's;main.c=-X;"
        );
        assert_eq!(flags("all=-X main.a=1"), "main.a=1;");
        assert_eq!(flags("-X main.a= -buildid= -X"), "main.a=;");
        assert_eq!(flags("-X main.a -X 'main.b=1"), "main.b=1;");
        assert_eq!(flags(""), "");
    }

    #[test]
    fn names_of_variables() {
        let of = |name: &str| variable(name.as_bytes());
        assert_eq!(of("main.version").as_deref(), Some("main.version"));
        assert_eq!(of("_main.version").as_deref(), Some("main.version"));
        assert_eq!(
            of("gopkg.in/x%2ev1.tag").as_deref(),
            Some("gopkg.in/x.v1.tag")
        );
        for other in [
            "runtime.modinfo",
            "internal/buildcfg.x",
            "str",
            "go:string.\"a",
            ".",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn symbols_lead_to_values() {
        // Names, then two symbols of name and address, then the values.
        let names = b"\0main.a.str\0other\0runtime.modinfo.str\0m/p.b.str\0";
        let mut file = names.to_vec();
        let table = file.len() as u64;
        for word in [1u32, 0x1000, 12, 0x1002, 38, 0x1003] {
            file.extend(word.to_le_bytes());
        }
        let values = file.len() as u64;
        file.extend(b"1\0?x y\0");
        let mapped = [Mapped {
            address: 0x1000,
            offset: values,
            len: 7,
        }];
        let found =
            Names::find(&file, 0, table).values(&file, (table, 24), &mapped, |s: &[U32<LE>; 2]| {
                (s[0].get(LE).into(), s[1].get(LE).into())
            });
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(found, [pair("m/p.b", "x y"), pair("main.a", "1")]);
    }
}
