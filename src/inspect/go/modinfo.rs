//! The text of modules and settings (Go source: `runtime/debug/mod.go`, `ParseBuildInfo`).
//!
//! One record per line, fields separated by tabs: `path`, `mod` (the main module), `dep`, `=>` (the
//! replacement of the preceding module) and, since Go 1.18, `build` with a setting.

use super::unquote::{quoted_prefix_len, unquote};
use crate::inspect::binary::GoBuild;

/// The maximum number of settings. A build has some dozens.
const SETTINGS_LIMIT: usize = 1024;

/// Parses the lines. Skips invalid ones.
pub(super) fn parse(text: &[u8]) -> GoBuild {
    let mut build = GoBuild::default();
    for line in text.split(|&byte| byte == b'\n') {
        let Some(tab) = memchr::memchr(b'\t', line) else {
            continue;
        };
        let (key, rest) = (line.get(..tab), line.get(tab + 1..).unwrap_or_default());
        match key {
            Some(b"path") => build.path = Some(text_of(rest)),
            Some(b"mod") => {
                let mut fields = rest.split(|&byte| byte == b'\t').map(text_of);
                build.module = fields.next().filter(|path| !path.is_empty());
                build.module_version = fields.next().filter(|version| !version.is_empty());
            }
            Some(b"build") if build.settings.len() < SETTINGS_LIMIT => {
                build.settings.extend(setting(rest));
            }
            _ => {}
        }
    }
    build
}

/// Parses `KEY=value`. Either part is quoted if it contains a character that would be ambiguous.
fn setting(line: &[u8]) -> Option<(String, String)> {
    let (key, value) = match line.first()? {
        b'"' | b'`' => {
            let (key, rest) = line.split_at_checked(quoted_prefix_len(line)?)?;
            (unquote(key)?, rest.strip_prefix(b"=")?)
        }
        _ => {
            let equals = memchr::memchr(b'=', line).filter(|&at| at > 0)?;
            (line.get(..equals)?.to_vec(), line.get(equals + 1..)?)
        }
    };
    let value = match value.first() {
        Some(b'"' | b'`') => unquote(value)?,
        _ => value.to_vec(),
    };
    Some((text_of(&key), text_of(&value)))
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_go_version_m() {
        let text = b"path\texample.com/cmd/app\nmod\texample.com\tv1.2.3\th1:sum=\n\
            dep\tgolang.org/x/sys\tv0.1.0\n=>\t../sys\t(devel)\t\n\
            build\t-compiler=gc\nbuild\t-ldflags=\"-s -w -X main.v=\\\"1 2\\\"\"\nbuild\tCGO_CFLAGS=\n";
        let build = parse(text);
        assert_eq!(build.path.as_deref(), Some("example.com/cmd/app"));
        assert_eq!(build.module.as_deref(), Some("example.com"));
        assert_eq!(build.module_version.as_deref(), Some("v1.2.3"));
        let settings: Vec<_> = build
            .settings
            .iter()
            .map(|(k, v)| (&k[..], &v[..]))
            .collect();
        assert_eq!(
            settings,
            [
                ("-compiler", "gc"),
                ("-ldflags", "-s -w -X main.v=\"1 2\""),
                ("CGO_CFLAGS", "")
            ]
        );
    }

    #[test]
    fn a_version_may_be_missing() {
        let build = parse(b"path\tcommand-line-arguments\nmod\tm\n");
        assert_eq!(
            (build.module.as_deref(), build.module_version),
            (Some("m"), None)
        );
        assert_eq!(parse(b"mod\t\t\t\n").module, None);
    }

    #[test]
    fn keys_may_be_quoted_and_values_raw() {
        assert_eq!(
            setting(b"\"a=b\"=`c d`"),
            Some(("a=b".into(), "c d".into()))
        );
        assert_eq!(setting(b"a=b=c"), Some(("a".into(), "b=c".into())));
        for broken in [
            &b""[..],
            b"=x",
            b"key",
            b"\"a\"b=c",
            b"\"a",
            b"a=\"b",
            b"a=\"b\"c",
        ] {
            assert_eq!(setting(broken), None, "{broken:?}");
        }
    }
}
