//! `imgfs ls`, `stat` and `cat`, against ls(1), stat(1) and cat(1) in a mount of the same image.

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::support::data;
use crate::support::program::{assert_says, output, stderr, str};
use crate::various::{Various, split};
use serde_json::Value;

/// Decodes the escapes that a line has in place of bytes that would break it.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match tail {
            [b'x', high, low, tail @ ..] if *byte == b'\\' => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = tail;
            }
            _ => {
                assert_ne!(*byte, b'\\');
                bytes.push(*byte);
            }
        }
    }
    bytes
}

fn names(listing: &[u8]) -> Vec<Vec<u8>> {
    split(listing, b'\n')
        .iter()
        .map(|name| unescape(name))
        .collect()
}

fn objects(lines: &str) -> Vec<Value> {
    let objects = lines.lines().map(serde_json::from_str);
    objects.map(Result::unwrap).collect()
}

#[test]
fn names_are_those_of_ls() {
    let various = Various::new();
    let ls = |args: &[&str]| various.host("ls", &[&["-A1"], args].concat());
    for dir in [
        "",
        "odd",
        "dir",
        "deep/a",
        "empty",
        "to-dir",
        "to-dir/",
        "deep/../odd/",
        "bin",
    ] {
        let theirs = match dir {
            "" => ls(&["--zero", "."]),
            dir => ls(&["--zero", dir]),
        };
        let ours = names(&various.bytes("ls", &[&format!("/{dir}")]));
        assert_eq!(ours, split(&theirs, 0), "{dir}");
    }
    // The default is the root; a name needs no leading slash.
    assert_eq!(various.bytes("ls", &[]), various.bytes("ls", &["/"]));
    assert_eq!(
        various.bytes("ls", &["odd"]),
        various.bytes("ls", &["/odd"])
    );
    // A file lists itself, and so does a directory with -d.
    assert_eq!(
        various.text("ls", &["/file", "odd/a", "-d", "deep"]),
        "/deep\n/file\n/odd/a\n"
    );
    assert_eq!(various.text("ls", &["-d"]), "/\n");
    assert_eq!(various.text("ls", &["dangling"]), "/dangling\n");
    assert_eq!(various.text("ls", &["-d", "to-dir"]), "/to-dir\n");
    assert_eq!(various.text("ls", &["-d", "to-dir/"]), "/to-dir\n");
    // Several directories have headings, and files come before them.
    let text = various.text("ls", &["gone", "/deep/a", "file", "size/0"]);
    assert_eq!(text, "/file\n/size/0\n\n/deep/a:\nb\n\n/gone:\n");
}

#[test]
fn lines_are_those_of_ls_and_stat() {
    let various = Various::new();
    let format = "%A %h %u %g %s %.9Y %n\\0";
    let mut found = 0;
    for dir in [".", "odd", "mode", "size", "bin", "dir", "deep"] {
        let find = format!(
            "cd {dir} && find . -mindepth 1 -maxdepth 1 -printf '%P\\0' | sort -z \
            | xargs -0 stat --printf '{format}' --"
        );
        let theirs = various.host("bash", &["-c", &find]);
        let ours = split(&various.bytes("ls", &["-l", dir]), b'\n');
        let theirs = split(&theirs, 0);
        assert_eq!(ours.len(), theirs.len(), "{dir}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            found += 1;
            let line = ours.escape_ascii().to_string();
            let words: Vec<&[u8]> = theirs.splitn(7, |&b| b == b' ').collect();
            let mut fields = ours.split(|&b| b == b' ').filter(|word| !word.is_empty());
            let mut field = || fields.next().unwrap();
            for word in words.iter().take(4) {
                assert_eq!(field(), *word, "{line}");
            }
            match words[0][0] {
                // ls prints two numbers for a device.
                b'c' | b'b' => assert!(field().ends_with(b",") && !field().is_empty()),
                // FUSE and the image agree on the size of a directory.
                _ => assert_eq!(field(), words[4], "{line}"),
            }
            let time = std::str::from_utf8(field()).unwrap();
            let time = imgfs::internals::query::time::parse(time).unwrap();
            let seconds = std::str::from_utf8(words[5]).unwrap();
            assert_eq!(
                Some(time),
                imgfs::internals::query::time::parse(&format!("@{seconds}")),
                "{line}"
            );
            let at = ours.windows(2).position(|two| two == b"Z ").unwrap() + 2;
            let name = match words[0][0] {
                b'l' => {
                    let path = std::ffi::OsString::from_vec(words[6].to_vec());
                    let target = std::fs::read_link(various.mounted.join(dir).join(path)).unwrap();
                    [words[6], b" -> ", target.as_os_str().as_bytes()].concat()
                }
                _ => words[6].to_vec(),
            };
            assert_eq!(unescape(&ours[at..]), name, "{line}");
        }
    }
    assert!(found > 90, "{found}");
    // Major and minor number.
    let devices = various.text("ls", &["-l", "char", "block-large"]);
    assert_says(
        &devices,
        &[" 259, 70000 ", " 1, 3 ", "crw-------", "brw-r--r--"],
    );
}

#[test]
fn all_below_in_the_order_of_paths() {
    let various = Various::new();
    let theirs = various.host("find", &[".", "-mindepth", "1", "-printf", "/%P\\0"]);
    let mut theirs = split(&theirs, 0);
    theirs.sort();
    assert_eq!(names(&various.bytes("ls", &["-R"])), theirs);
    let deep = various.text("ls", &["-R", "deep", "file"]);
    let all = "/file\n/deep/a\n/deep/a-b\n/deep/a.b\n/deep/a/b\n/deep/a/b/c\n/deep/a/b/c/d\n\
        /deep/a/b/c/d/e\n/deep/a/b/c/d/e/f\n/deep/link\n";
    assert_eq!(deep, all);
    // With -l each line ends in its path.
    let long = various.text("ls", &["-lR", "deep/a"]);
    assert_eq!(long.lines().count(), 5);
    assert!(long.ends_with(" /deep/a/b/c/d/e/f\n"), "{long}");
}

#[test]
fn objects_have_all_that_is_known() {
    let various = Various::new();
    let of = |path: &str| {
        let mut objects = objects(&various.text("ls", &["--json", "-d", path]));
        assert_eq!(objects.len(), 1);
        objects.remove(0)
    };
    let file = of("suid");
    let keys: Vec<&str> = file
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = "path type mode uid gid size nlink mtime layer layer_digest created_by";
    assert_eq!(keys.join(" "), expected);
    assert_eq!(file["path"], "/suid");
    assert_eq!(file["type"], "file");
    assert_eq!(file["mode"], "4755");
    assert_eq!(file["size"], 2);
    assert_eq!(file["mtime"], "2009-02-13T23:31:30.000000000Z");
    assert_eq!(file["layer"], 0);
    assert_eq!(file["created_by"], "step 0");
    let digest = various.mounted.image.layers[0]
        .digest
        .as_ref()
        .unwrap()
        .to_string();
    assert_eq!(file["layer_digest"], digest);
    assert_eq!(of("nano")["mtime"], "2009-02-13T23:31:30.123456789Z");
    assert_eq!(of("old")["mtime"], "1960-02-03T04:05:06.000000000Z");
    assert_eq!(of("ids")["gid"], 4_294_967_294_u32);
    let device = of("char-large");
    assert_eq!(device["type"], "char");
    assert_eq!(
        device["device"],
        serde_json::json!({"major": 4095, "minor": 1_048_575})
    );
    assert_eq!(of("link")["target"], "dir/sub/some");
    assert_eq!(of("fifo")["type"], "fifo");
    assert_eq!(of("empty")["type"], "dir");
    let xattrs = &of("xattrs")["xattrs"];
    assert_eq!(xattrs["user.binary"], "\\x00\\xff\\x0a=\\x00 ");
    assert_eq!(xattrs["user.empty"], "");
    assert!(
        !of("capable")["xattrs"]["security.capability"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    // Executables have their facts, including their verdict.
    let binary = of("bin/arm64");
    assert_eq!(binary["layer"], 2);
    assert_eq!(binary["nlink"], 2);
    assert_eq!(binary["facts"]["GOARCH"], "arm64");
    assert!(binary["facts"]["VERDICT"].is_string());
    // Bytes that are not UTF-8 are escaped, so that each line is JSON.
    let all = objects(&various.text("ls", &["--json", "-R"]));
    let lines = various.bytes("ls", &["-R"]);
    assert_eq!(all.len(), split(&lines, b'\n').len());
    for (object, line) in all.iter().zip(names(&lines)) {
        assert_eq!(unescape(object["path"].as_str().unwrap().as_bytes()), line);
    }
}

#[test]
fn digests_are_those_of_sha256sum() {
    let various = Various::new();
    for object in objects(&various.text("ls", &["--json", "--digests", "size", "bin"])) {
        let path = object["path"].as_str().unwrap();
        if object["type"] != "file" {
            assert!(object["sha256"].is_null(), "{path}");
            continue;
        }
        let theirs = various.host("sha256sum", &[path.trim_start_matches('/')]);
        assert_eq!(
            object["sha256"].as_str().unwrap().as_bytes(),
            &theirs[..64],
            "{path}"
        );
    }
    let text = various.text("ls", &["--digests", "bin", "--long"]);
    let link = text
        .lines()
        .find(|line| line.ends_with("sh -> script"))
        .unwrap();
    assert!(
        link.starts_with(&format!("{:64}  lrwxrwxrwx", "-")),
        "{link}"
    );
}

#[test]
fn what_is_not_there() {
    let various = Various::new();
    let image = str(&various.image);
    for command in ["ls", "stat", "cat"] {
        let output = various.output(command, &["gone/file", "file", "file/x", "loop/x"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = stderr(&output);
        // The other files are shown.
        assert!(!output.stdout.is_empty(), "{command}");
        assert_eq!(said.lines().count(), 3, "{said}");
        assert_says(
            &said,
            &[
                &format!("imgfs: {image}: gone/file: no such file"),
                &format!("imgfs: {image}: file/x: not a directory"),
                &format!("imgfs: {image}: loop/x: no such file"),
            ],
        );
    }
    let output = various.output("cat", &["dir", "fifo", "loop"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &stderr(&output),
        &["dir: is a directory", "fifo: wrong type of file"],
    );
}

#[test]
fn cat_gives_bytes() {
    let various = Various::new();
    for path in [
        "file", "dir/big", "bin/pie", "size/1M1", "nothing", "b\\xff",
    ] {
        let path = path.replace("b\\xff", "deep/a/b/../../a/b/c/d/e/f");
        let theirs = various.host("cat", &[&path]);
        assert!(
            various.bytes("cat", &[&format!("/{path}")]) == theirs,
            "{path}"
        );
    }
    // Names are bytes.
    let name = std::ffi::OsStr::from_bytes(b"/b\xff\xfe");
    let output = output(various.command("cat", &[]).arg(name));
    assert_eq!(output.stdout, b"bytes\n");
    // Links are followed, but never out of the image.
    assert_eq!(
        various.text("cat", &["/outside/c/d/e/f", "to-dir/b/c/d/e/f"]),
        "deepdeep"
    );
    assert!(various.bytes("cat", &["bin/sh"]) == b"#!/bin/sh\n");
    // Sidecars can be read, for links too, and so can the files that a mount has in /.imgfs.
    let sidecar = various.text("cat", &["bin/arm64.arch"]);
    assert_says(&sidecar, &["\nGOARCH=arm64\n", "\nVERDICT="]);
    assert_eq!(
        various.text("cat", &["/.imgfs/arch/bin/arm64.arch"]),
        sidecar
    );
    assert_says(
        &various.text("cat", &["bin/sh.arch"]),
        &["PATH=/bin/script\n"],
    );
    let table = various.host("cat", &[".imgfs/findings.tsv"]);
    assert_eq!(various.bytes("cat", &["/.imgfs/findings.tsv"]), table);
    assert_eq!(various.text("ls", &["/.imgfs/arch/bin"]).lines().count(), 7);
}

#[test]
fn stat_says_it_all() {
    let various = Various::new();
    let text = various.text("stat", &["/odd/a", "bin/needs", "to-dir/"]);
    let files: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(files.len(), 3, "{text}");
    let digest = various.mounted.image.layers[2].digest.as_ref().unwrap();
    let expected = format!(
        "path: /odd/a\ntype: file\nmode: 0644\npermissions: -rw-r--r--\nuid: 0\ngid: 0\nsize: 5\n\
        nlink: 1\nmtime: 2001-09-09T01:46:40.000000000Z\nlayer: 2\nlayer_digest: {digest}\n\
        created_by: step 2"
    );
    assert!(files[0].starts_with(&expected), "{}", files[0]);
    assert_says(
        files[1],
        &[
            "\npermissions: -rwsr-xr-x\n",
            "\nNEEDED: libanswer.so",
            "\nVERDICT: ",
        ],
    );
    // The facts are those of the sidecar, in its order.
    let sidecar = various.text("cat", &["bin/needs.arch"]);
    let facts: Vec<String> = sidecar
        .lines()
        .map(|line| line.replacen('=', ": ", 1))
        .collect();
    assert!(files[1].ends_with(&facts.join("\n")), "{}", files[1]);
    assert_says(files[2], &["path: /to-dir\ntype: dir\n"]);
    let link = various.text("stat", &["link", "--digests"]);
    assert_says(
        &link,
        &[
            "type: symlink\n",
            "\ntarget: dir/sub/some\n",
            "\nuid: 5\ngid: 6\n",
        ],
    );
    assert!(!link.contains("\nsha256: "));
    let followed = various.text("stat", &["-L", "bin/sh", "--digests"]);
    assert_says(&followed, &["type: file\n", "\nsha256: "]);
    let xattrs = various.bytes("stat", &["xattrs"]);
    let xattrs = String::from_utf8_lossy(&xattrs);
    assert_says(
        &xattrs,
        &[
            "\nxattr user.newline: a\\x0ab\n",
            "\nxattr user.text: some text\n",
        ],
    );
    let json = objects(&various.text("stat", &["--json", "odd/a", "bin/needs"]));
    assert_eq!(json[0]["layer"], 2);
    assert_eq!(json[1]["facts"]["NEEDED"][0], "libanswer.so.1");
}

/// A terminal gets columns and colour, and no control characters from names; NO_COLOR turns colour off.
#[test]
fn on_a_terminal() {
    let various = Various::new();
    let run = |args: &str, no_color: &str| -> String {
        let mut script = various.place.command("script");
        let image = str(&various.image);
        let imgfs = env!("CARGO_BIN_EXE_imgfs");
        // The progress bar must not mix with the output.
        let line = format!("{imgfs} {args} 2>/dev/null").replace("IMAGE", image);
        script.args(["-qec", &line, "/dev/null"]);
        script.env("TERM", "xterm").env("NO_COLOR", no_color);
        let output = output(&mut script);
        assert_eq!(output.status.code(), Some(0), "{args}");
        String::from_utf8(output.stdout)
            .unwrap()
            .replace("\r\n", "\n")
    };
    assert_eq!(run("ls IMAGE size/1 size/0", "1"), "/size/0  /size/1\n");
    let names = run("ls IMAGE", "1");
    assert_says(&names, &["new\\x0aline", "b\\xff\\xfe"]);
    assert!(!names.contains('\x1b'), "{names}");
    assert!(
        names
            .lines()
            .any(|line| line.split_whitespace().count() > 1)
    );
    // Colour codes do not count for the width: the columns are as wide as without.
    let coloured = run("ls IMAGE -d bin deep link bin/pie file", "");
    let expected = "\x1b[1m\x1b[34m/bin\x1b[0m  \x1b[1m\x1b[32m/bin/pie\x1b[0m  \x1b[1m\x1b[34m/deep\x1b[0m  /file  \
        \x1b[1m\x1b[36m/link\x1b[0m\n";
    assert_eq!(coloured, expected);
    assert_says(
        &run("ls IMAGE -l bin", ""),
        &[" \x1b[1m\x1b[36msh\x1b[0m -> script\n"],
    );
    // Lines for people, too: control characters do not reach the terminal.
    assert_eq!(run("find IMAGE -name b[!a-z]*", ""), "/b\\xff\\xfe\n");
}

/// Nothing is mounted, so no device is needed.
#[test]
fn it_needs_no_fuse() {
    let various = Various::new();
    let script = "mount -t tmpfs none /dev && exec \"$@\"";
    for (command, arg) in [
        ("ls", "bin"),
        ("stat", "bin/pie"),
        ("cat", "bin/pie"),
        ("find", "--where=GOARCH"),
    ] {
        let mut unshare = various.place.command("unshare");
        unshare.args(["-m", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_imgfs")]);
        let hidden = output(unshare.arg(command).arg(&various.image).arg(arg));
        assert_eq!(stderr(&hidden), "", "{command}");
        assert_eq!(hidden.stdout, various.bytes(command, &[arg]), "{command}");
    }
    assert!(various.bytes("cat", &["bin/pie"]) == data("gcc-glibc-pie"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let various = Various::new();
    for (command, args) in [
        ("ls", ["-lR", "--json"]),
        ("stat", ["bin/pie", "--json"]),
        ("cat", ["size/1M", "size/1M1"]),
        ("find", ["-print0", "--where=SIZE"]),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = various
            .command(command, &args)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(stderr(&output), "", "{command}");
        assert_eq!(output.status.code(), Some(0), "{command}");
    }
}
