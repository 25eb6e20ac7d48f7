//! Sidecars of this system's own executables and libraries, some two hundred of them, compared with the
//! output of readelf and file for the same files. The files are chosen at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Layer, Mounted, OciImage, mount, oci_dir, run};
use imgfs::internals::inspect;
use imgfs::internals::view::Sidecars;

type Facts = BTreeMap<String, String>;

const DIRS: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu"];
/// The number of files from each directory.
const COUNT: usize = 70;
const SIZE_LIMIT: u64 = 1 << 20;

fn starts_with(path: &Path, magic: &[u8]) -> bool {
    let mut head = vec![0; magic.len()];
    let read = File::open(path).and_then(|mut f| f.read_exact(&mut head));
    read.is_ok() && head == magic
}

/// Returns regular files of a directory that begin with `magic`, evenly spread over the alphabet.
fn chosen(dir: &str, magic: &[u8], count: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{dir}: {e}"));
    let mut paths: Vec<PathBuf> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.to_str().is_some())
        .filter(|p| fs::symlink_metadata(p).is_ok_and(|m| m.is_file() && m.len() <= SIZE_LIMIT))
        .filter(|p| starts_with(p, magic))
        .collect();
    paths.sort();
    let step = paths.len().div_ceil(count).max(1);
    paths.into_iter().step_by(step).collect()
}

/// Mounts an image of these files at their own paths.
fn image(paths: &[PathBuf], mode: u32) -> Mounted {
    let layer = paths.iter().fold(Layer::new(), |layer, path| {
        let name = path.to_str().unwrap().trim_start_matches('/');
        layer.file_mode(name, fs::read(path).unwrap(), mode)
    });
    let dir = oci_dir(&OciImage::plain(&[layer.tar()]));
    mount(dir.path().to_str().unwrap(), Sidecars::Listed)
}

fn sidecar(mounted: &Mounted, path: &Path) -> Facts {
    let name = path.to_str().unwrap().trim_start_matches('/');
    let text = mounted.text(&format!("{name}.arch"));
    let lines = text.lines().map(|l| l.split_once('=').unwrap());
    lines.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn output(program: &str, args: &[&str], path: &Path) -> String {
    let output = run(Command::new(program)
        .args(args)
        .arg(path)
        .env("LC_ALL", "C"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the text between two strings on each line that contains both.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|l| l.split_once(start)?.1.split_once(end))
        .map(|(found, _)| found)
        .collect()
}

/// Returns the rest of a line `Label:   rest` of readelf's header.
fn labelled<'a>(text: &'a str, label: &str) -> &'a str {
    let mut lines = text.lines().map(str::trim_start);
    lines
        .find_map(|l| l.strip_prefix(label))
        .unwrap_or("")
        .trim()
}

/// Returns the highest version of a name: `GLIBC_2.2.5` is lower than `GLIBC_2.14`. GLIBC_PRIVATE does
/// not count.
fn highest_glibc(text: &str) -> Option<String> {
    let needs = text.split_once("Version needs section")?.1;
    let names = between(needs, "Name: GLIBC_", " ");
    let numbers = names.iter().filter_map(|name| {
        let parts: Option<Vec<u32>> = name.split('.').map(|n| n.parse().ok()).collect();
        Some((parts?, name))
    });
    numbers.max().map(|(_, name)| format!("GLIBC_{name}"))
}

/// Returns the facts as readelf and file report them, under the keys of imgfs.
fn expected(path: &Path) -> Facts {
    let readelf = output("readelf", &["-hldnVSW"], path);
    let file = output("file", &["-b"], path);
    let mut facts = Facts::new();
    let mut set = |key: &str, value: &str| facts.insert(key.to_owned(), value.to_owned());
    set("FORMAT", "elf");
    let class = labelled(&readelf, "Class:");
    set("BITS", class.trim_start_matches("ELF"));
    let data = labelled(&readelf, "Data:");
    let endian = if data.ends_with("little endian") {
        "little"
    } else {
        "big"
    };
    set("ENDIAN", endian);
    let arch = match (labelled(&readelf, "Machine:"), class) {
        ("Advanced Micro Devices X86-64", "ELF64") => "amd64",
        ("Advanced Micro Devices X86-64", "ELF32") => "x32",
        ("Intel 80386", "ELF32") => "386",
        ("AArch64", "ELF64") => "arm64",
        other => panic!("{}: {other:?}", path.display()),
    };
    set("GOARCH", arch);
    set("GOOS", "linux");

    // readelf distinguishes PIE from library by DF_1_PIE, as the linker set it.
    let kind = labelled(&readelf, "Type:");
    let kind = match kind.split_once(' ').unwrap_or((kind, "")) {
        ("EXEC", _) | ("DYN", "(Position-Independent Executable file)") => "executable",
        ("DYN", "(Shared object file)") => "shared-library",
        ("REL", _) => "object",
        other => panic!("{}: {other:?}", path.display()),
    };
    set("TYPE", kind);
    let interpreter = between(&readelf, "[Requesting program interpreter: ", "]");
    let needed = between(&readelf, "(NEEDED)", "]");
    let needed: Vec<_> = needed
        .iter()
        .map(|l| l.split_once('[').unwrap().1)
        .collect();
    if kind == "executable" {
        let pie = labelled(&readelf, "Type:").starts_with("DYN");
        let linkage = match (interpreter.is_empty(), needed.is_empty(), pie) {
            (_, false, _) => "dynamic",
            (false, true, _) => "interp-only",
            (true, true, true) => "static-pie",
            (true, true, false) => "static",
        };
        set("LINKAGE", linkage);
        set("PIE", if pie { "yes" } else { "no" });
    }
    if let [path] = interpreter[..] {
        set("INTERPRETER", path);
    }
    if !needed.is_empty() {
        set("NEEDED", &needed.join(" "));
    }
    for (key, tag) in [
        ("SONAME", "(SONAME)"),
        ("RPATH", "(RPATH)"),
        ("RUNPATH", "(RUNPATH)"),
    ] {
        if let [line] = between(&readelf, tag, "]")[..] {
            set(key, &line.split_once('[').unwrap().1.replace(':', " "));
        }
    }
    if let Some((_, id)) = readelf.split_once("Build ID: ") {
        set("BUILD_ID", id.split_whitespace().next().unwrap());
    }
    if let Some(version) = highest_glibc(&readelf) {
        set("LIBC_REQUIRED", &version);
    }
    let stripped = !file.contains("not stripped");
    // file looks for .symtab as well; if the two disagree, the test should fail.
    assert_eq!(
        stripped,
        !readelf.contains(" SYMTAB "),
        "{}",
        path.display()
    );
    set("STRIPPED", if stripped { "yes" } else { "no" });
    facts
}

/// The keys that are compared, present or absent.
const KEYS: [&str; 17] = [
    "FORMAT",
    "TYPE",
    "GOOS",
    "GOARCH",
    "BITS",
    "ENDIAN",
    "LINKAGE",
    "PIE",
    "INTERPRETER",
    "NEEDED",
    "SONAME",
    "RPATH",
    "RUNPATH",
    "BUILD_ID",
    "LIBC_REQUIRED",
    "STRIPPED",
    "SIZE",
];

/// Compares every fact that readelf or file also reports, for some two hundred files.
#[test]
fn as_readelf_and_file_say() {
    let elf = |dir: &&str| chosen(dir, b"\x7fELF", COUNT);
    let paths: Vec<_> = DIRS.iter().flat_map(elf).collect();
    assert!(paths.len() > 100, "{} files only", paths.len());
    let mounted = image(&paths, 0o755);
    let mut differences = Vec::new();
    let mut compared = BTreeMap::new();
    for path in &paths {
        let ours = sidecar(&mounted, path);
        let mut theirs = expected(path);
        theirs.insert("SIZE".into(), fs::metadata(path).unwrap().len().to_string());
        for key in KEYS {
            let (ours, theirs) = (ours.get(key), theirs.get(key));
            // There is no oracle for these two keys of libraries and objects.
            if theirs.is_none() && matches!(key, "LINKAGE" | "PIE") {
                continue;
            }
            if ours != theirs {
                differences.push(format!("{}: {key} {theirs:?} | {ours:?}", path.display()));
            }
            *compared.entry(key).or_insert(0) += usize::from(theirs.is_some());
        }
    }
    println!("{} files, values compared: {compared:?}", paths.len());
    assert_eq!(
        differences,
        Vec::<String>::new(),
        "readelf and file | imgfs"
    );
    // Each key occurs often enough for the comparison to be meaningful.
    for key in KEYS.iter().filter(|k| !k.ends_with("PATH")) {
        assert!(compared[key] > 50, "{key}: {compared:?}");
    }
}

/// Returns a file's dynamic symbols, by readelf: the symbols that it needs from others (name, version,
/// whether it may be missing), and the names that it exports.
fn dynamic_symbols(path: &Path) -> (BTreeSet<Undefined>, BTreeSet<String>) {
    let mut wanted = BTreeSet::new();
    let mut exported = BTreeSet::new();
    for line in output("readelf", &["-W", "--dyn-syms"], path).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, _, _, _, bind, _, index, name, ..] = words.as_slice() else {
            continue;
        };
        let (name, version) = match name.split_once('@') {
            Some((name, version)) => (name, Some(version.trim_start_matches('@').to_owned())),
            None => (name, None),
        };
        if !["GLOBAL", "WEAK", "UNIQUE"].contains(&bind) {
            continue;
        }
        if index == "UND" {
            wanted.insert((name.to_owned(), version, bind == "WEAK"));
        } else {
            exported.insert(name.to_owned());
        }
    }
    (wanted, exported)
}

type Undefined = (String, Option<String>, bool);

#[test]
fn symbols_as_readelf_lists_them() {
    let (mut asked, mut found) = (0, 0);
    for path in DIRS.iter().flat_map(|dir| chosen(dir, b"\x7fELF", COUNT)) {
        let (wanted, exported) = dynamic_symbols(&path);
        let bytes = fs::read(&path).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let symbols = inspect::symbols(&bytes).unwrap_or_default();
        let ours: BTreeSet<Undefined> = symbols
            .undefined
            .iter()
            .map(|u| (text(&u.name), u.version.as_deref().map(text), u.weak))
            .collect();
        assert_eq!(ours, wanted, "{}", path.display());
        // The needed names that it does not export, and names that no file has.
        let others = wanted.iter().map(|(name, ..)| name.as_str());
        let names: Vec<&str> = exported
            .iter()
            .map(String::as_str)
            .chain(others)
            .chain(["no_such_symbol", ""])
            .collect();
        let answers = names
            .iter()
            .map(|name| symbols.defined.contains_key(name.as_bytes()));
        for (name, answer) in names.iter().zip(answers) {
            assert_eq!(
                answer,
                exported.contains(*name),
                "{} {name}",
                path.display()
            );
            found += usize::from(answer);
        }
        asked += names.len();
    }
    assert!(found > 1000 && asked > found + 1000, "{found} of {asked}");
}

/// `file` identifies executables in the mount as it does outside, and reads the same bytes.
#[test]
fn file_reads_the_mount() {
    let paths = chosen("/usr/bin", b"\x7fELF", 20);
    let mounted = image(&paths, 0o755);
    for path in &paths {
        let inside = mounted.join(path.to_str().unwrap().trim_start_matches('/'));
        // The image's modes are set by the test; `file` names the special bits of the system's files.
        let outside = output("file", &["-b"], path);
        let outside = ["setuid ", "setgid "]
            .iter()
            .fold(outside.as_str(), |text, bit| text.trim_start_matches(bit));
        assert_eq!(output("file", &["-b"], &inside), outside);
    }
}

/// Scripts of this system: the interpreter is the first word after `#!`, as the kernel reads it.
#[test]
fn scripts() {
    let paths = chosen("/usr/bin", b"#!", 50);
    assert!(paths.len() > 10, "{} scripts only", paths.len());
    let mounted = image(&paths, 0o755);
    for path in &paths {
        let bytes = fs::read(path).unwrap();
        let line = bytes[2..].split(|&b| b == b'\n').next().unwrap();
        let line = String::from_utf8_lossy(line);
        let facts = sidecar(&mounted, path);
        assert_eq!(facts.get("FORMAT").map(String::as_str), Some("script"));
        let first = line.split_whitespace().next();
        assert_eq!(
            facts.get("INTERPRETER").map(String::as_str),
            first,
            "{}",
            path.display()
        );
    }
}

/// Exactly the files in executable formats have a sidecar.
#[test]
fn nothing_else_has_one() {
    let paths = chosen("/usr/bin", b"\x7fELF", 5);
    let mut layer = Layer::new()
        .file_mode("text", "ELF\n", 0o755)
        .file("empty", "");
    let mut listed = BTreeSet::from(["text".to_owned(), "empty".to_owned()]);
    for path in &paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        layer = layer.file_mode(name, fs::read(path).unwrap(), 0o644);
        listed.extend([name.to_owned(), format!("{name}.arch")]);
    }
    let dir = oci_dir(&OciImage::plain(&[layer.tar()]));
    let mounted = mount(dir.path().to_str().unwrap(), Sidecars::Listed);
    assert_eq!(
        mounted.names("").into_iter().collect::<BTreeSet<_>>(),
        listed
    );
}
