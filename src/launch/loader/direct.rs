//! A loader that is executed as a program: `ld.so [OPTION]... PROGRAM [ARGUMENT]...` (ld.so(8); glibc,
//! `dl_main` in `elf/rtld.c`; musl, `__dls3` in `ldso/dynlink.c`).

use super::kind::LoaderKind;
use super::request::{Direct, Failure, FailureKind};

/// Parses the arguments of a loader. The first is the loader's own name.
///
/// # Errors
/// Returns the loader's message if it starts nothing: an unknown option, or no program.
pub(crate) fn parse(kind: LoaderKind, argv: &[String]) -> Result<Direct, Box<Failure>> {
    match kind {
        LoaderKind::Musl => musl(argv),
        _ => glibc(argv),
    }
}

/// Returns the failure for invalid arguments.
fn usage(line: String, rest: &[&str]) -> Box<Failure> {
    let mut lines = vec![line.clone()];
    lines.extend(rest.iter().map(|&line| line.to_owned()));
    Box::new(Failure {
        kind: FailureKind::Usage,
        message: line,
        lines,
        status: Some(1),
    })
}

fn glibc(argv: &[String]) -> Result<Direct, Box<Failure>> {
    let own = argv.first().map_or("ld.so", String::as_str);
    let help = format!("Try '{own} --help' for more information.");
    let mut direct = Direct::default();
    let mut at = 1;
    while let Some(option) = argv.get(at) {
        if !option.starts_with("--") {
            direct.program = at;
            return Ok(direct);
        }
        at += 1;
        // An option with a value needs one more argument. Without it, the option is not recognized.
        let value = argv.get(at);
        match (option.as_str(), value) {
            ("--list" | "--verify", _) => direct.only_looks = true,
            ("--inhibit-cache", _) => direct.inhibit_cache = true,
            ("--list-tunables" | "--list-diagnostics" | "--help" | "--version", _) => {
                return Err(Box::new(Failure {
                    kind: FailureKind::Usage,
                    status: Some(0),
                    ..Failure::default()
                }));
            }
            ("--library-path", Some(value)) => direct.library_path = Some(value.clone()),
            ("--preload", Some(value)) => direct.preload = Some(value.clone()),
            ("--argv0", Some(value)) => direct.argv0 = Some(value.clone()),
            (
                "--inhibit-rpath" | "--audit" | "--glibc-hwcaps-prepend" | "--glibc-hwcaps-mask",
                Some(_),
            ) => {}
            _ => {
                let line = format!("{own}: unrecognized option '{option}'");
                return Err(usage(line, &[&help]));
            }
        }
        let has_value = !matches!(option.as_str(), "--list" | "--verify" | "--inhibit-cache");
        at += usize::from(has_value);
    }
    Err(usage(format!("{own}: missing program name"), &[&help]))
}

fn musl(argv: &[String]) -> Result<Direct, Box<Failure>> {
    let own = argv.first().map_or("ld.so", String::as_str);
    let mut direct = Direct {
        only_looks: own.ends_with("ldd"),
        ..Direct::default()
    };
    let mut at = 1;
    let known = loop {
        let Some(option) = argv.get(at) else {
            break false;
        };
        let Some(option) = option.strip_prefix("--") else {
            break true;
        };
        at += 1;
        if option.is_empty() {
            break argv.get(at).is_some();
        }
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        let field = match name {
            "list" if value.is_none() => {
                direct.only_looks = true;
                continue;
            }
            "library-path" => &mut direct.library_path,
            "preload" => &mut direct.preload,
            "argv0" => &mut direct.argv0,
            _ => break false,
        };
        *field = match value {
            Some(value) => Some(value),
            None => {
                at += 1;
                argv.get(at - 1).cloned()
            }
        };
    };
    if known {
        direct.program = at;
        return Ok(direct);
    }
    let arguments = format!("Usage: {own} [options] [--] pathname [args]");
    Err(usage(arguments, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: LoaderKind, words: &[&str]) -> Result<Direct, Box<Failure>> {
        let argv: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        parse(kind, &argv)
    }

    #[test]
    fn options_of_glibc_stand_before_the_program() {
        let direct = of(
            LoaderKind::Glibc,
            &[
                "ld.so",
                "--library-path",
                "/a",
                "--argv0",
                "x",
                "/app",
                "--list",
            ],
        );
        let direct = direct.unwrap();
        assert_eq!((direct.program, direct.only_looks), (5, false));
        assert_eq!(direct.library_path.as_deref(), Some("/a"));
        assert_eq!(direct.argv0.as_deref(), Some("x"));
        // The message of glibc 2.36.
        let failure = of(LoaderKind::Glibc, &["ld.so", "--frob", "/app"]).unwrap_err();
        assert_eq!(failure.message, "ld.so: unrecognized option '--frob'");
        assert_eq!(failure.status, Some(1));
        let failure = of(LoaderKind::Glibc, &["ld.so", "--list"]).unwrap_err();
        assert_eq!(failure.message, "ld.so: missing program name");
    }

    #[test]
    fn options_of_musl_take_values_after_a_sign_or_a_space() {
        let direct = of(
            LoaderKind::Musl,
            &["ld", "--library-path=/a", "--preload", "b", "--", "app"],
        );
        let direct = direct.unwrap();
        assert_eq!(direct.program, 5);
        assert_eq!(direct.library_path.as_deref(), Some("/a"));
        assert_eq!(direct.preload.as_deref(), Some("b"));
        assert_eq!(
            of(LoaderKind::Musl, &["ld", "--frob", "x"])
                .unwrap_err()
                .status,
            Some(1)
        );
        assert_eq!(of(LoaderKind::Musl, &["ld"]).unwrap_err().status, Some(1));
    }
}
