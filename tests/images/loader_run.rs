//! The behaviour of a loader when a program is executed: small programs and libraries
//! (`loader_run/build.sh`) are really executed in a chroot, and their output, their exit status and the
//! libraries they got are compared with the result of [`imgfs::internals::launch::load`].

#![cfg(target_arch = "x86_64")]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::support::{OciImage, oci_dir, open_image, run};
use imgfs::internals::launch::{Execution, Loaded, load};
use imgfs::internals::open::OpenImage;

/// A program and how it is executed.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    path: &'static str,
    /// Empty: only the path.
    argv: &'static [&'static str],
    env: &'static [&'static str],
    cwd: &'static str,
    uid: u32,
}

const fn case(name: &'static str, path: &'static str) -> Case {
    Case {
        name,
        path,
        argv: &[],
        env: &[],
        cwd: "/",
        uid: 0,
    }
}

const fn with(name: &'static str, path: &'static str, env: &'static [&'static str]) -> Case {
    Case {
        env,
        ..case(name, path)
    }
}

/// Runs as another user, for whom setuid has an effect.
const fn user(name: &'static str, path: &'static str, env: &'static [&'static str]) -> Case {
    Case {
        uid: 1000,
        ..with(name, path, env)
    }
}

const fn at(name: &'static str, path: &'static str, cwd: &'static str) -> Case {
    Case {
        cwd,
        ..case(name, path)
    }
}

const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

const fn direct(name: &'static str, argv: &'static [&'static str]) -> Case {
    Case {
        argv,
        ..case(name, argv[0])
    }
}

const CASES: &[Case] = &[
    // Search for libraries.
    case("missing", "/bin/plain"),
    case("runpath", "/bin/runpath"),
    case("rpath", "/bin/rpath"),
    case("runpath through a link and ..", "/bin/linked"),
    case(
        "runpath that only leads somewhere by the letter",
        "/bin/lexical",
    ),
    at("empty runpath element", "/bin/here", "/opt/a"),
    at("empty runpath element elsewhere", "/bin/here", "/opt"),
    at("relative runpath", "/bin/relative", "/opt/b"),
    at(
        "relative runpath through a link",
        "/bin/relative",
        "/opt/link",
    ),
    case("origin", "/data/app/bin/origin"),
    case("origin of a program behind a link", "/usr/bin/origin"),
    case("origin of a program below a link", "/opt/bin/origin"),
    at("origin of a relative path", "../usr/bin/origin", "/opt"),
    case("cache", "/bin/cached"),
    case("default directory", "/bin/default"),
    case("no default directories", "/bin/nodeflib"),
    case("no default directories but a runpath", "/bin/nodeflib-path"),
    case("needed path", "/bin/slash"),
    at("needed path elsewhere", "/bin/slash", "/opt"),
    case("need of a library", "/bin/outer"),
    case("rpath is inherited", "/bin/outer-old"),
    case("runpath is not inherited", "/bin/outer-new"),
    case("runpath shuts rpath out", "/bin/outer-run"),
    // LD_LIBRARY_PATH.
    with(
        "environment",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/nowhere:/opt/a/"],
    ),
    with(
        "environment after a semicolon",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/x;/opt/b"],
    ),
    with(
        "environment through a link",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/link/../lib"],
    ),
    with(
        "environment before runpath",
        "/bin/runpath",
        &["LD_LIBRARY_PATH=/opt/b"],
    ),
    with(
        "environment after rpath",
        "/bin/rpath",
        &["LD_LIBRARY_PATH=/opt/b"],
    ),
    with(
        "environment that is empty",
        "/bin/plain",
        &["LD_LIBRARY_PATH="],
    ),
    with(
        "environment with origin",
        "/data/app/bin/origin",
        &["LD_LIBRARY_PATH=$ORIGIN/../lib"],
    ),
    Case {
        cwd: "/opt",
        ..with(
            "environment that is relative",
            "/bin/plain",
            &["LD_LIBRARY_PATH=b"],
        )
    },
    Case {
        cwd: "/opt/a",
        ..with(
            "environment with an empty element",
            "/bin/plain",
            &["LD_LIBRARY_PATH=/nowhere:"],
        )
    },
    // LD_PRELOAD.
    with("preload", "/bin/runpath", &["LD_PRELOAD=/opt/b/libfoo.so"]),
    with(
        "preload by name",
        "/bin/plain",
        &["LD_PRELOAD=libcfoo.so", "LD_LIBRARY_PATH=/opt/lean"],
    ),
    with(
        "preload that is missing",
        "/bin/runpath",
        &["LD_PRELOAD=libno.so:/opt/no.so"],
    ),
    with(
        "preload that is empty",
        "/bin/runpath",
        &["LD_PRELOAD=/opt/empty/libfoo.so"],
    ),
    with(
        "preload that is text",
        "/bin/runpath",
        &["LD_PRELOAD=/opt/text/libfoo.so"],
    ),
    with(
        "preload of 32 bits",
        "/bin/runpath",
        &["LD_PRELOAD=/opt/32/libfoo.so"],
    ),
    // AT_SECURE.
    user(
        "setuid ignores the environment",
        "/bin/suid-plain",
        &["LD_LIBRARY_PATH=/opt/a"],
    ),
    user(
        "setuid uses run paths",
        "/bin/suid-runpath",
        &["LD_LIBRARY_PATH=/opt/b"],
    ),
    user(
        "setuid ignores preloaded paths",
        "/bin/suid-rpath",
        &["LD_PRELOAD=/opt/b/libfoo.so"],
    ),
    user(
        "setuid preloads setuid libraries",
        "/bin/suid-rpath",
        &["LD_PRELOAD=libsuid.so"],
    ),
    user(
        "setuid preloads no others",
        "/bin/suid-rpath",
        &["LD_PRELOAD=libnosuid.so"],
    ),
    user(
        "setuid does not preload from the cache",
        "/bin/suid-rpath",
        &["LD_PRELOAD=libcfoo.so"],
    ),
    user(
        "setuid does not trust origin",
        "/data/app/bin/suid-origin",
        &[],
    ),
    user(
        "setuid trusts origin in a system directory",
        "/usr/lib/trusted/suid-origin",
        &[],
    ),
    with(
        "setuid for root is nothing",
        "/bin/suid-plain",
        &["LD_LIBRARY_PATH=/opt/a"],
    ),
    user("not setuid", "/bin/plain", &["LD_LIBRARY_PATH=/opt/a"]),
    // Existing files that cannot be loaded.
    with(
        "empty",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/empty:/opt/a"],
    ),
    with("text", "/bin/plain", &["LD_LIBRARY_PATH=/opt/text:/opt/a"]),
    with(
        "directory",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/dir:/opt/a"],
    ),
    with(
        "program",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/pie:/opt/a"],
    ),
    with(
        "program at a fixed address",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/exe:/opt/a"],
    ),
    with(
        "32 bits before",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/32:/opt/a"],
    ),
    with("32 bits alone", "/bin/plain", &["LD_LIBRARY_PATH=/opt/32"]),
    with(
        "another machine before",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/arm:/opt/a"],
    ),
    with(
        "another machine alone",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/arm"],
    ),
    // Versions and symbols.
    with(
        "version that is missing",
        "/bin/v2",
        &["LD_LIBRARY_PATH=/opt/v1"],
    ),
    with(
        "version that is there",
        "/bin/v2",
        &["LD_LIBRARY_PATH=/opt/v2"],
    ),
    with(
        "no version asked",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/v1"],
    ),
    with(
        "symbol at a call",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/lean"],
    ),
    with(
        "symbol with LD_BIND_NOW",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/lean", "LD_BIND_NOW=1"],
    ),
    with(
        "symbol with an empty LD_BIND_NOW",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/lean", "LD_BIND_NOW="],
    ),
    with(
        "symbol at start",
        "/bin/now",
        &["LD_LIBRARY_PATH=/opt/lean"],
    ),
    with(
        "symbol of data",
        "/bin/data",
        &["LD_LIBRARY_PATH=/opt/lean"],
    ),
    with(
        "symbol that is weak",
        "/bin/weak",
        &["LD_LIBRARY_PATH=/opt/lean"],
    ),
    with(
        "symbol of a library that is never called",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/lacking"],
    ),
    with(
        "symbol of a library at start",
        "/bin/plain",
        &["LD_LIBRARY_PATH=/opt/lacking-now"],
    ),
    with(
        "symbol that is preloaded",
        "/bin/now",
        &[
            "LD_LIBRARY_PATH=/opt/lean",
            "LD_PRELOAD=/opt/cached/libcfoo.so",
        ],
    ),
    Case {
        argv: &["zero"],
        ..with("first argument", "/bin/v2", &["LD_LIBRARY_PATH=/opt/v1"])
    },
    Case {
        argv: &["zero"],
        ..case("first argument of a failure", "/bin/plain")
    },
    // ld.so itself.
    direct("ld.so", &[GLIBC, "/bin/runpath"]),
    direct(
        "ld.so --library-path",
        &[GLIBC, "--library-path", "/opt/b", "/bin/plain"],
    ),
    direct(
        "ld.so without a library",
        &[GLIBC, "--argv0", "zero", "/bin/plain"],
    ),
    direct("ld.so without the program", &[GLIBC, "/bin/absent"]),
    direct("ld.so with a name", &[GLIBC, "plain"]),
    direct("ld.so with a text", &[GLIBC, "/opt/text/libfoo.so"]),
    direct("ld.so with an empty file", &[GLIBC, "/opt/empty/libfoo.so"]),
    direct("ld.so with a directory", &[GLIBC, "/opt"]),
    direct(
        "ld.so with an option that is not one",
        &[GLIBC, "--frob", "/bin/plain"],
    ),
    direct("ld.so without arguments", &[GLIBC]),
    direct(
        "ld.so --preload",
        &[GLIBC, "--preload", "libno.so", "/bin/runpath"],
    ),
    direct(
        "ld.so --inhibit-cache",
        &[GLIBC, "--inhibit-cache", "/bin/cached"],
    ),
    direct(
        "ld.so takes origin by the letter",
        &[GLIBC, "/usr/bin/origin"],
    ),
    direct("ld.so and origin", &[GLIBC, "/data/app/bin/origin"]),
    Case {
        env: &["LD_LIBRARY_PATH=/opt/a"],
        ..direct(
            "ld.so with both paths",
            &[GLIBC, "--library-path", "/opt/b", "/bin/plain"],
        )
    },
    // musl.
    case("musl: missing", "/mus/bin/plain"),
    case("musl: runpath", "/mus/bin/runpath"),
    case("musl: rpath", "/mus/bin/rpath"),
    case("musl: origin behind a link", "/mus/link"),
    case("musl: runpath is inherited", "/mus/bin/outer"),
    case("musl: need of a library", "/mus/bin/outer-lacks"),
    with(
        "musl: environment",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/mus/a"],
    ),
    with(
        "musl: environment before rpath",
        "/mus/bin/rpath",
        &["LD_LIBRARY_PATH=/mus/b"],
    ),
    with(
        "musl: environment knows no origin",
        "/mus/app/bin/origin",
        &["LD_LIBRARY_PATH=$ORIGIN/../../a"],
    ),
    with(
        "musl: preload",
        "/mus/bin/runpath",
        &["LD_PRELOAD=/mus/b/libfoo.so"],
    ),
    with(
        "musl: preload that is missing",
        "/mus/bin/runpath",
        &["LD_PRELOAD=/opt/no.so"],
    ),
    with(
        "musl: empty",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/opt/empty:/mus/a"],
    ),
    with(
        "musl: text",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/opt/text:/mus/a"],
    ),
    with(
        "musl: directory",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/opt/dir:/mus/a"],
    ),
    with(
        "musl: symbol",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/mus/lean"],
    ),
    with(
        "musl: symbol of data",
        "/mus/bin/data",
        &["LD_LIBRARY_PATH=/mus/lean"],
    ),
    with(
        "musl: symbol that is weak",
        "/mus/bin/weak",
        &["LD_LIBRARY_PATH=/mus/lean"],
    ),
    with(
        "musl: symbol of a library",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/mus/lacking"],
    ),
    with(
        "musl: two symbols of a library",
        "/mus/bin/plain",
        &["LD_LIBRARY_PATH=/mus/two"],
    ),
    user(
        "musl: setuid ignores the environment",
        "/mus/bin/suid-plain",
        &["LD_LIBRARY_PATH=/mus/a"],
    ),
    user(
        "musl: setuid ignores preloads",
        "/mus/bin/suid-runpath",
        &["LD_PRELOAD=/mus/b/libfoo.so"],
    ),
    user(
        "musl: setuid does not use origin",
        "/mus/app/bin/suid-origin",
        &[],
    ),
    direct("musl: ld.so", &[MUSL, "/mus/bin/runpath"]),
    direct(
        "musl: ld.so --library-path",
        &[MUSL, "--library-path", "/mus/b", "/mus/bin/plain"],
    ),
    direct(
        "musl: ld.so without a library",
        &[MUSL, "--argv0", "zero", "/mus/bin/plain"],
    ),
    direct(
        "musl: ld.so without the program",
        &[MUSL, "/mus/bin/absent"],
    ),
    direct("musl: ld.so with a text", &[MUSL, "/opt/text/libfoo.so"]),
];

/// The result of a run.
struct Real {
    stdout: String,
    errors: Vec<String>,
    status: Option<i32>,
    signal: Option<i32>,
}

fn execute(dir: &Path, case: &Case, argv: &[&str]) -> Real {
    let output = Command::new(dir.join("exec"))
        .arg(dir.join("root"))
        .args([case.cwd, &case.uid.to_string(), "10", case.path])
        .arg(argv.len().to_string())
        .args(argv)
        .args(case.env)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Real {
        stdout: text(&output.stdout),
        errors: text(&output.stderr).lines().map(str::to_owned).collect(),
        status: output.status.code(),
        signal: output.status.signal(),
    }
}

/// Returns the path of the library whose `foo` is called: the first that defines it.
fn provider(image: &OpenImage, loaded: &Loaded) -> Option<String> {
    loaded.libraries.iter().find_map(|library| {
        let source = image.bytes(&image.tree, library.node, 0, 4 << 20).unwrap();
        let symbols = imgfs::internals::inspect::symbols(&source.to_vec())?;
        let node = image.tree.node(library.node)?;
        let path = String::from_utf8(image.tree.path(node.name?)).unwrap();
        (symbols.defines_by_name(b"foo") || symbols.defines_by_name(b"foo_data")).then_some(path)
    })
}

/// Compares a prediction with the real result; returns the difference.
fn compare(image: &OpenImage, loaded: &Loaded, real: &Real) -> Option<String> {
    let mut lines = loaded.warnings.clone();
    if loaded.unknown {
        return Some("it is unknown".to_owned());
    }
    if real.signal.is_some() {
        return Some(format!("signal {:?}", real.signal));
    }
    let mut status = 0;
    if let Some(failure) = &loaded.failure {
        lines.extend(failure.lines.iter().cloned());
        status = failure.status.map_or(-1, i32::from);
        if failure.message != failure.lines[0] && !failure.lines[0].ends_with(&failure.message) {
            return Some(format!(
                "{:?} begins no {:?}",
                failure.message, failure.lines
            ));
        }
    }
    // A missing function that is called is detected only then.
    let at_call = loaded.lacking.iter().find(|lacking| lacking.at_call);
    let called = real.errors.last().is_some_and(|line| {
        let missing = |symbol: &str| line.contains("symbol lookup error") && line.ends_with(symbol);
        loaded.failure.is_none() && at_call.is_some_and(|lacking| missing(&lacking.symbol))
    });
    let mut errors = real.errors.clone();
    if called {
        errors.pop();
        status = 127;
    }
    if errors != lines || real.status != Some(status) {
        return Some(format!(
            "it says {:?} {:?}, not {lines:?} {status}",
            real.status, real.errors
        ));
    }
    if status == 0 {
        let path = provider(image, loaded).unwrap_or_else(|| "none".to_owned());
        let printed = real.stdout.trim_end();
        if printed != path {
            return Some(format!("it got {printed}, not {path}"));
        }
    }
    None
}

#[test]
fn loaders_do_as_predicted() {
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/loader_run/build.sh");
    run(Command::new("bash").arg(script).arg(dir.path()));
    run(Command::new("chmod").args(["755"]).arg(dir.path()));
    let root = dir.path().join("root");
    let layer = run(Command::new("tar").arg("-C").arg(root).args(["-c", "."])).stdout;
    let oci = oci_dir(&OciImage::plain(&[layer]));
    let image = open_image(&format!("oci:{}", oci.path().display()));
    let (declared, mut wrong) = (image.declared(), Vec::new());
    for case in CASES {
        let argv = if case.argv.is_empty() {
            &[case.path][..]
        } else {
            case.argv
        };
        let real = execute(dir.path(), case, argv);
        let name = case.path.rsplit('/').next().unwrap();
        let execution = Execution {
            path: case.path,
            argv,
            environment: case.env,
            cwd: case.cwd,
            secure: case.uid != 0 && name.starts_with("suid-"),
        };
        let loaded = load(&image.tree, &declared, &image, &execution).unwrap();
        if let Some(difference) = compare(&image, &loaded, &real) {
            wrong.push(format!("{}: {difference}\n    {loaded:?}", case.name));
        }
    }
    eprintln!("{} of {} agree", CASES.len() - wrong.len(), CASES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(CASES.len() >= 100);
}
