//! `imgfs find` against GNU find in a mount of the same image: each predicate, pairs of predicates, and
//! random expressions; and `--where` against grep over the sidecars of a mount.

use std::process::Command;

use crate::support;
use crate::support::program::{assert_says, output, stderr, str};
use crate::various::{Various, split};
use imgfs::internals::view::Sidecars;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Each test of find, in several forms. `{P}` is replaced by the root of the image.
const TESTS: &[&[&str]] = &[
    &["-true"],
    &["-false"],
    &["-name", "a"],
    &["-name", "A"],
    &["-name", "*"],
    &["-name", ".*"],
    &["-name", "a*"],
    &["-name", "*.*"],
    &["-name", "[a-c]*"],
    &["-name", "[!a-z]*"],
    &["-name", "[[:upper:]]*"],
    &["-name", "?"],
    &["-name", "\\*"],
    &["-name", "\\?"],
    &["-name", "[[]a]"],
    &["-name", "-dash"],
    &["-name", "*\n*"],
    &["-name", "*\\\\*"],
    &["-name", "*/*"],
    &["-name", "deep/a"],
    &["-name", ""],
    &["-iname", "A*"],
    &["-iname", "*.B"],
    &["-iname", "[A-B]*"],
    &["-path", "{P}/odd/*"],
    &["-path", "*/a/*"],
    &["-path", "*/a/?/*"],
    &["-path", "{P}/deep"],
    &["-path", "{P}*"],
    &["-path", "{P}/d*/a"],
    &["-wholename", "{P}/size/1*"],
    &["-ipath", "*/DEEP/*"],
    &["-iwholename", "*/ODD/a"],
    &["-lname", "*"],
    &["-lname", "*/*"],
    &["-lname", "dir*"],
    &["-ilname", "DIR*"],
    &["-type", "f"],
    &["-type", "d"],
    &["-type", "l"],
    &["-type", "c"],
    &["-type", "b"],
    &["-type", "p"],
    &["-type", "f,l"],
    &["-type", "b,c,p"],
    &["-size", "0"],
    &["-size", "1"],
    &["-size", "2"],
    &["-size", "+1"],
    &["-size", "-2"],
    &["-size", "8b"],
    &["-size", "1c"],
    &["-size", "-513c"],
    &["-size", "+511c"],
    &["-size", "256w"],
    &["-size", "1k"],
    &["-size", "+1k"],
    &["-size", "-2k"],
    &["-size", "1M"],
    &["-size", "-1M"],
    &["-size", "+1M"],
    &["-size", "2M"],
    &["-size", "1G"],
    &["-size", "-1G"],
    &["-perm", "644"],
    &["-perm", "0644"],
    &["-perm", "0"],
    &["-perm", "-0"],
    &["-perm", "/0"],
    &["-perm", "4755"],
    &["-perm", "-4000"],
    &["-perm", "-2000"],
    &["-perm", "-1000"],
    &["-perm", "/6000"],
    &["-perm", "/111"],
    &["-perm", "-111"],
    &["-perm", "u=rwx,go=rx"],
    &["-perm", "-u+s"],
    &["-perm", "-g=s"],
    &["-perm", "/u=s,g=s"],
    &["-perm", "/a+x"],
    &["-perm", "-o+t"],
    &["-perm", "-a+t"],
    &["-perm", "-+t"],
    &["-perm", "/+x"],
    &["-perm", "-u=rw,g=u"],
    &["-perm", "a=rX"],
    &["-perm", "u=rwx,a+X"],
    &["-perm", "a=r,u+w"],
    &["-perm", "a=rwx,o-w"],
    &["-newermt", "@1000000000"],
    &["-newermt", "@999999999.5"],
    &["-newermt", "@0"],
    &["-newermt", "@-1.75"],
    &["-newermt", "@-1.76"],
    &["-newermt", "1960-02-03"],
    &["-newermt", "2009-02-13 23:31:30"],
    &["-newermt", "2009-02-13 23:31:30.12345678"],
    &["-newermt", "2009-02-13T23:31:30Z"],
    &["-newermt", "2009-02-14 01:31 +0200"],
    &["-newermt", "2009-02-13 18:31:30-05:00"],
    &["-newermt", "2200-01-01 UTC"],
    &["-empty"],
    &["-uid", "0"],
    &["-uid", "+0"],
    &["-uid", "5"],
    &["-uid", "-6"],
    &["-uid", "2097152"],
    &["-gid", "6"],
    &["-gid", "+2097150"],
    &["-gid", "4294967294"],
    &["-user", "5"],
    &["-group", "6"],
    &["-links", "1"],
    &["-links", "2"],
    &["-links", "+2"],
    &["-links", "-2"],
    &["-prune"],
    &["-print0"],
    &["-maxdepth", "0"],
    &["-maxdepth", "1"],
    &["-maxdepth", "2"],
    &["-mindepth", "1"],
    &["-mindepth", "3"],
];

/// Whole expressions.
const EXPRESSIONS: &[&[&str]] = &[
    &[],
    &["-type", "f", "-name", "a*"],
    &["-type", "f", "-a", "-name", "a*"],
    &["-type", "f", "-and", "!", "-empty"],
    &["-type", "d", "-o", "-name", "a*"],
    &["-type", "d", "-or", "-name", "a*", "-size", "0"],
    &["(", "-type", "d", "-o", "-name", "a*", ")", "-links", "2"],
    &["!", "(", "-type", "f", "-o", "-type", "d", ")"],
    &["-not", "-type", "f", "!", "-not", "-type", "d"],
    &["!", "!", "-type", "l"],
    &["-name", "deep", "-prune", "-o", "-print0"],
    &["-name", "deep", "-prune", "-o", "-type", "f"],
    &[
        "-path",
        "{P}/deep/a",
        "-prune",
        "-o",
        "-type",
        "f",
        "-print0",
    ],
    &["-type", "f", "-print0", "-o", "-type", "d", "-print0"],
    &["-type", "f", "-print0", "-name", "a*", "-print0"],
    &["-false", "-print0"],
    &["-type", "d", "-print0", ",", "-name", "a", "-print0"],
    &["-maxdepth", "3", "-mindepth", "2", "-type", "d"],
    &["-type", "f", "-maxdepth", "2"],
    &["-maxdepth", "1", "-maxdepth", "3"],
    &["-mindepth", "2", "-name", "deep", "-prune", "-o", "-print0"],
    &["(", "(", "(", "-type", "l", ")", ")", ")"],
    &[
        "-type", "f", "-perm", "/6000", "-o", "-type", "f", "-perm", "/o+w",
    ],
    &["-quit"],
    &["-type", "f", "-quit", "-print0"],
];

/// Runs GNU find in the mount. The root itself is left out, since its name is not its path there.
fn theirs(various: &Various, starts: &[&str], words: &[String]) -> Vec<Vec<u8>> {
    let mount = str(various.mounted.path());
    // Without -print0, find ends its output lines with a newline.
    let words = match words.iter().any(|word| word == "-print0") {
        true => words.to_vec(),
        false => find_expression(words),
    };
    let mut find = Command::new("find");
    find.args(starts.iter().map(|start| format!("{mount}{start}")));
    find.args(words.iter().map(|word| word.replace("{P}", mount)));
    let output = find.env("LC_ALL", "C").env("TZ", "UTC").output().unwrap();
    let said = stderr(&output);
    let only_warns = said.lines().all(|line| {
        // GNU find warns about patterns with a slash and about -maxdepth after tests, in several lines.
        line.contains("warning:") || !line.starts_with("find:") && !line.is_empty()
    });
    assert!(
        output.status.success() && (said.is_empty() || only_warns),
        "{words:?}: {said}"
    );
    let mut found = split(&output.stdout, 0);
    for path in &mut found {
        path.drain(..mount.len());
    }
    found.retain(|path| !path.is_empty() && path != b"/");
    found.sort();
    found
}

/// Returns the expression with `-print0` at its end.
fn find_expression(words: &[String]) -> Vec<String> {
    let words = words.to_vec();
    let is_depth = |word: &String| word == "-maxdepth" || word == "-mindepth";
    // Depths come before the parenthesis.
    let (mut depths, mut rest) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match is_depth(&word) {
            true => depths.extend([word, words.next().unwrap()]),
            false => rest.push(word),
        }
    }
    if rest.is_empty() {
        rest.push("-true".to_owned());
    }
    let around = |word: &str| vec![word.to_owned()];
    [depths, around("("), rest, around(")"), around("-print0")].concat()
}

/// Runs imgfs find, and returns paths in its order.
fn ours(various: &Various, starts: &[&str], words: &[String]) -> Vec<Vec<u8>> {
    let words = match words.iter().any(|word| word == "-print0") {
        true => words.to_vec(),
        false => find_expression(words),
    };
    let words: Vec<String> = words.iter().map(|word| word.replace("{P}", "")).collect();
    let words = starts
        .iter()
        .copied()
        .chain(words.iter().map(String::as_str));
    let mut found = split(&various.bytes("find", &words.collect::<Vec<_>>()), 0);
    found.retain(|path| path != b"/");
    found
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Checks that both find the same paths, ours in the order of paths. Returns how many.
fn agree(various: &Various, starts: &[&str], words: &[String]) -> usize {
    let (theirs, mut ours) = (theirs(various, starts, words), ours(various, starts, words));
    // A path that is printed twice appears twice in succession.
    assert!(ours.is_sorted() || starts.len() > 1, "{words:?}");
    ours.sort();
    let show = |list: &[Vec<u8>]| -> Vec<String> {
        list.iter()
            .map(|path| path.escape_ascii().to_string())
            .collect()
    };
    assert_eq!(
        show(&ours),
        show(&theirs),
        "{starts:?} {words:?}: imgfs | find"
    );
    ours.len()
}

#[test]
fn each_test_by_itself_and_its_opposite() {
    let various = Various::new();
    let mut empty = Vec::new();
    for test in TESTS {
        let found = agree(&various, &["/"], &owned(test));
        let is_test = !["-print0", "-maxdepth", "-mindepth"].contains(&test[0]);
        if is_test {
            agree(&various, &["/"], &owned(&[&["!"], *test].concat()));
        }
        if found == 0 {
            empty.push(test.join(" "));
        }
    }
    // The image has matches for all of them except these.
    let nothing = [
        "-false",
        "-name [[:upper:]]*",
        "-name */*",
        "-name deep/a",
        "-name ",
        "-prune",
        "-maxdepth 0",
    ];
    empty.retain(|test| !nothing.contains(&test.as_str()));
    assert_eq!(empty, ["-size 1G"; 0]);
}

#[test]
fn expressions() {
    let various = Various::new();
    for words in EXPRESSIONS {
        agree(&various, &["/"], &owned(words));
    }
    for starts in [
        &["/deep"][..],
        &["/deep/"],
        &["/deep", "/odd"],
        &["/odd", "/deep", "/odd/a"],
        &["/to-dir"],
        &["/to-dir/"],
        &["/file"],
        &["/dangling"],
        &["/deep/a/.."],
    ] {
        for words in [
            &[][..],
            &["-type", "d"],
            &["-name", "a*"],
            &["-mindepth", "1"],
        ] {
            // find repeats a slash of its argument, imgfs does not.
            let clean = |path: &Vec<u8>| String::from_utf8_lossy(path).replace("//", "/");
            let words = owned(words);
            let mut theirs: Vec<String> =
                theirs(&various, starts, &words).iter().map(clean).collect();
            let mut ours: Vec<String> = ours(&various, starts, &words).iter().map(clean).collect();
            for list in [&mut theirs, &mut ours] {
                list.iter_mut()
                    .for_each(|path| *path = path.trim_end_matches('/').to_owned());
                list.sort();
            }
            assert_eq!(ours, theirs, "{starts:?} {words:?}");
        }
    }
}

/// Random expressions of all of these tests. The position of `-prune` matters.
#[test]
fn random_expressions() {
    let various = Various::new();
    let leaf = prop::sample::select(TESTS.to_vec());
    let leaf = leaf.prop_filter("a depth is for all of it", |test| {
        !test[0].ends_with("depth")
    });
    let leaf = leaf.prop_map(owned);
    let word = |word: &str| vec![word.to_owned()];
    let expression = leaf.prop_recursive(5, 24, 4, move |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(move |a| [word("!"), a].concat()),
            inner.prop_map(move |a| [word("("), a, word(")")].concat()),
            two.clone().prop_map(|(a, b)| [a, b].concat()),
            two.clone()
                .prop_map(move |(a, b)| [a, word("-a"), b].concat()),
            two.prop_map(move |(a, b)| [a, word("-o"), b].concat()),
        ]
    });
    let depths = (prop::option::of(0..4_u32), prop::option::of(0..3_u32));
    let cases = ProptestConfig::with_cases(400);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..cases
    });
    runner
        .run(&(expression, depths), |(mut words, (max, min))| {
            for (word, depth) in [("-maxdepth", max), ("-mindepth", min)] {
                if let Some(depth) = depth {
                    words.splice(0..0, [word.to_owned(), depth.to_string()]);
                }
            }
            agree(&various, &["/"], &words);
            Ok(())
        })
        .unwrap();
}

#[test]
fn each_file_is_one_line() {
    let various = Various::new();
    // One line each, for any bytes in a name.
    assert_eq!(various.text("find", &["-name", "*line"]), "/new\\x0aline\n");
    assert_eq!(
        various.text("find", &["-name", "back*"]),
        "/back\\x5cslash\n"
    );
    assert_eq!(
        various.text("find", &["/deep", "-type", "d", "-maxdepth", "2"]),
        "/deep\n/deep/a\n/deep/a/b\n"
    );
    assert_eq!(
        various.text("find", &["/", "-maxdepth", "0", "-name", "/"]),
        "/\n"
    );
    // GNU find 4.9 moves -name before -type here, and then prints directories.
    let comma = various.text("find", &["-type", "d", ",", "-name", "a"]);
    assert_eq!(comma, various.text("find", &["-name", "a"]));
    // Links are followed inside the image, whereas find in a mount would leave it.
    assert_eq!(
        various.text("find", &["-xtype", "d", "-type", "l"]),
        "/deep/link\n/outside\n/to-dir\n"
    );
    let nowhere = various.text("find", &["-xtype", "l", "!", "-name", "l*"]);
    assert_eq!(nowhere, "/absolute\n/dangling\n");
    // Sidecars and /.imgfs are not listed, but searched if they are named.
    assert_eq!(various.text("find", &["-name", "*.arch"]), "");
    let texts = various.text("find", &["/.imgfs/arch", "-name", "*64.arch"]);
    assert_eq!(texts, "/.imgfs/arch/bin/arm64.arch\n");
}

#[test]
fn layers_digests_and_objects() {
    let various = Various::new();
    let top = various.text("find", &["--layer", "2", "-type", "f"]);
    let expected = "/bin/arm64\n/bin/arm64-too\n/bin/musl\n/bin/needs\n/bin/pie\n/bin/script\n\
        /lib/app.exe\n/lib/lib.a\n/lib/lib.so\n/odd/a\n";
    assert_eq!(top, expected);
    assert_eq!(
        various.text("find", &["--layer=2", "-type", "l"]),
        "/bin/sh\n"
    );
    assert_eq!(various.text("find", &["--layer=3"]), "");

    // In the format of sha256sum, including its escapes in names.
    let ours = various.bytes("find", &["--digests", "-print"]);
    let script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
    let theirs = various.host("bash", &["-c", script]);
    let theirs: Vec<Vec<u8>> = split(&theirs, b'\n')
        .into_iter()
        .map(|line| {
            let at = line.windows(4).position(|four| four == b"  ./").unwrap();
            [&line[..at + 2], &line[at + 3..]].concat()
        })
        .collect();
    assert_eq!(split(&ours, b'\n').len(), theirs.len());
    for (ours, theirs) in split(&ours, b'\n').iter().zip(&theirs) {
        assert_eq!(
            ours.escape_ascii().to_string(),
            theirs.escape_ascii().to_string()
        );
    }
    let raw = various.bytes("find", &["--digests", "-name", "new*", "-print0"]);
    assert!(
        raw.ends_with(b"  /new\nline\0") && raw.len() == 64 + 12,
        "{raw:?}"
    );

    // The objects of `imgfs ls --json`.
    for form in [
        &["--json", "/bin", "-mindepth", "1"][..],
        &["/bin", "-mindepth", "1", "--json"],
    ] {
        let found = various.bytes("find", form);
        assert_eq!(found, various.bytes("ls", &["--json", "bin"]));
    }
    let digests = various.text("find", &["--json", "--digests", "/file"]);
    let object: serde_json::Value = serde_json::from_str(&digests).unwrap();
    assert_eq!(object["sha256"].as_str().unwrap().len(), 64);
}

/// Each condition, and a pattern for grep -E that matches the same lines of a sidecar.
#[test]
fn conditions_are_lines_of_sidecars() {
    let various = Various::new();
    let listed = support::mount(str(&various.image), Sidecars::Listed);
    let grep = |pattern: &str, opposite: bool| -> Vec<String> {
        let mut grep = Command::new("grep");
        grep.args(["-r", "-x", "-E", "--include=*.arch"]);
        grep.arg(if opposite { "-L" } else { "-l" });
        let output = grep
            .args([pattern, "."])
            .current_dir(listed.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut paths: Vec<String> = text
            .lines()
            .map(|line| {
                line.strip_prefix('.')
                    .unwrap()
                    .strip_suffix(".arch")
                    .unwrap()
                    .to_owned()
            })
            // A link's sidecar is that of its target.
            .filter(|path| path != "/bin/sh")
            .collect();
        paths.sort();
        paths
    };
    let executables = grep("IMGFS_ARCH=1", false);
    assert_eq!(executables.len(), 9, "{executables:?}");
    let mut total = 0;
    for (condition, pattern) in [
        ("GOARCH=arm64", "GOARCH=arm64"),
        ("GOARCH = amd64", "GOARCH=amd64"),
        ("LINKAGE=dynamic", "LINKAGE=dynamic"),
        ("FORMAT", "FORMAT=.*"),
        ("GO_VERSION", "GO_VERSION=.*"),
        ("FORMAT~*e*", "FORMAT=.*e.*"),
        ("FORMAT ~ [aes]*", "FORMAT=[aes].*"),
        ("NEEDED=libc.so.6", "NEEDED=(.* )?libc\\.so\\.6( .*)?"),
        ("NEEDED~lib*", "NEEDED=(.* )?lib.*"),
        ("BITS<64", "BITS=32"),
        ("BITS>=64", "BITS=64"),
        (
            "LIBC_REQUIRED>=GLIBC_2.2.5",
            "LIBC_REQUIRED=GLIBC_2\\.([3-9]|[1-9][0-9]|2\\.[5-9]).*",
        ),
        ("VERDICT=ok", "VERDICT=ok"),
        ("VERDICT!=ok", "VERDICT=(warn|fail)"),
        (
            "MISSING=libanswer.so.1",
            "MISSING=(.* )?libanswer\\.so\\.1( .*)?",
        ),
        ("INTERPRETER_STATUS=missing", "INTERPRETER_STATUS=missing"),
        ("FINDINGS~missing-*", "FINDINGS=(.* )?missing-.*"),
        ("MODE=4755", "MODE=4755"),
        ("STRIPPED=no", "STRIPPED=no"),
        ("LAYER_DIGEST~sha256:* and FORMAT", "LAYER_DIGEST=sha256:.*"),
    ] {
        let find = |condition: &str| {
            let text = various.text("find", &["--where", condition]);
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let found = find(condition);
        assert_eq!(found, grep(pattern, false), "{condition}");
        let opposite = find(&format!("FORMAT and not ({condition})"));
        assert_eq!(opposite, grep(pattern, true), "not {condition}");
        total += found.len();
    }
    assert!(total > 50, "{total}");
    // Together with other tests.
    let found = various.text("find", &["-perm", "/4000", "--where", "LINKAGE=dynamic"]);
    assert_eq!(found, "/bin/needs\n");
    // Every line of every sidecar is a key that `--where` accepts, in the order of the list.
    for path in executables {
        let keys: Vec<String> = listed
            .text(&format!("{}.arch", path.trim_start_matches('/')))
            .lines()
            .map(|line| line.split_once('=').unwrap().0.to_owned())
            .collect();
        let known = imgfs::internals::view::KEYS;
        let places: Vec<_> = keys
            .iter()
            .map(|key| {
                known
                    .iter()
                    .position(|known| known == key)
                    .unwrap_or_else(|| panic!("{key}"))
            })
            .collect();
        assert!(places.is_sorted(), "{keys:?}");
    }
}

#[test]
fn what_it_cannot_read() {
    let various = Various::new();
    for (words, said) in [
        (
            &["-nmae", "x"][..],
            &["unknown option or test -nmae", " -name ", "--where"][..],
        ),
        (&["-exec", "rm", "{}", ";"], &["-exec", "-print0", "xargs"]),
        (&["-delete"], &["-delete", "-print0"]),
        (&["-name"], &["-name", "a pattern"]),
        (&["-name", "a", "b"], &["b comes after", "quoted"]),
        (&["-type", "x"], &["-type x", "f d l c b p"]),
        (&["-size", "1T"], &["-size 1T", "c, w, b, k, M or G"]),
        (&["-perm", "9"], &["-perm 9", "octal"]),
        (
            &["-newermt", "yesterday"],
            &["-newermt yesterday", "@SECONDS"],
        ),
        (&["-user", "root"], &["-user root", "/etc/passwd"]),
        (&["-maxdepth", "-1"], &["-maxdepth -1", "whole number"]),
        (&["--layer", "top"], &["--layer top", "counted from 0"]),
        (&["--where", "GOARHC=arm64"], &["no key GOARHC", " GOARCH "]),
        (&["--where", "GOARCH="], &["GOARCH=VALUE"]),
        (
            &["-type", "f", "-o"],
            &["end of the expression", "a test is missing"],
        ),
        (&["(", "-type", "f"], &["without a )"]),
        (&["-type", "f", ")"], &["without a ("]),
        (
            &["/etc", "--platform", "linux/arm64"],
            &["--platform", "before the image"],
        ),
        (&["-print0", "--json", "-print"], &["-print0 and --json"]),
        (&["-\u{1b}[31m"], &["-\\x1b[31m"]),
    ] {
        let output = various.output("find", words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(output.stdout.is_empty());
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_says(&text, said);
    }
    let output = various.output("find", &["/nowhere", "/file", "/file/x"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"/file\n");
    assert_says(
        &stderr(&output),
        &["/nowhere: no such file", "/file/x: not a directory"],
    );
}

#[test]
fn help_lists_its_words() {
    let various = Various::new();
    let help = output(various.place.imgfs().args(["find", "--help"]));
    let help = String::from_utf8(help.stdout).unwrap();
    for test in TESTS {
        let word = test[0];
        if !word.contains("wholename") {
            assert!(help.contains(word), "{word}");
        }
    }
    assert_says(
        &help,
        &["--where", "--layer", "--json", "--digests", "-quit", "-not"],
    );
}
