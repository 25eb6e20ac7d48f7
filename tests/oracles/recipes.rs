//! Runs every command of docs/recipes.md on an image made here, and compares its output with the page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::program::{Place, str};
use crate::support::{Layer, OciImage, data, run, sha256, write_index};

const PAGE: &str = include_str!("../../docs/recipes.md");

/// Builds a Go program from its own module, not stripped.
fn server(dir: &Path) -> Vec<u8> {
    fs::write(dir.join("go.mod"), "module example.org/server\n\ngo 1.18\n").unwrap();
    fs::write(
        dir.join("main.go"),
        "package main\n\nfunc main() { println(\"server\") }\n",
    )
    .unwrap();
    let mut go = Command::new("go");
    go.args(["build", "-o", "server", "."]).current_dir(dir);
    go.envs([
        ("CGO_ENABLED", "0"),
        ("GOOS", "linux"),
        ("GOARCH", "amd64"),
        ("GOFLAGS", "-mod=mod"),
    ]);
    go.env("GOCACHE", dir.join("cache"))
        .env("GOTOOLCHAIN", "local");
    run(&mut go);
    fs::read(dir.join("server")).unwrap()
}

/// `cap_net_raw=ep` as the kernel stores it (linux/capability.h, `vfs_cap_data` of revision 2).
const CAP_NET_RAW: [u8; 20] = {
    let mut value = [0; 20];
    value[0] = 1;
    value[3] = 2;
    value[5] = 0x20;
    value
};

const NEWER: (&str, &[u8]) = ("mtime", b"1700000000");

/// Returns a release: a base, an application, a clean-up.
fn release(server: &[u8], tool: &[u8], motd: &str) -> OciImage {
    let base = Layer::new()
        .dir("etc")
        .file("etc/key.pem", "-----BEGIN PRIVATE KEY-----\n")
        .file("etc/motd", "of the base\n")
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file_mode("srv/open", "everybody\n", 0o666)
        .file_mode("usr/bin/static", data("gcc-musl-static"), 0o700)
        .file_mode("usr/bin/su", data("gcc-glibc-pie"), 0o4755)
        .file_mode("usr/bin/tool", tool, 0o755);
    let app = Layer::new()
        .file("etc/motd", motd)
        .pax(&[("SCHILY.xattr.security.capability", &CAP_NET_RAW)])
        .file_mode("usr/bin/ping", data("gcc-glibc-needs-libanswer"), 0o755)
        .pax(&[NEWER])
        .file_mode("usr/local/bin/app", data("app-arm64"), 0o755)
        .pax(&[NEWER])
        .file_mode("usr/local/bin/server", server, 0o755);
    let cleanup = Layer::new().whiteout("etc/key.pem").file_mode(
        "usr/bin/static",
        data("gcc-musl-static"),
        0o755,
    );
    OciImage::gzip(&[base.tar(), app.tar(), cleanup.tar()])
}

/// Writes an image with the history of the page.
fn write(image: &OciImage, dir: &Path) {
    let mut config = image.config();
    config["history"] = serde_json::json!([
        {"created_by": "ADD rootfs.tar /"},
        {"created_by": "ENV MODE=release", "empty_layer": true},
        {"created_by": "COPY --from=build /app /usr/local/bin/app"},
        {"created_by": "RUN rm /etc/key.pem && chmod 755 /usr/bin/static"},
    ]);
    let descriptor = image.write_with(dir, &config);
    write_index(dir, &[descriptor]);
}

/// Returns the commands of the page and their outputs: each block of `sh` with the text block after it.
fn recipes() -> Vec<(String, String, String)> {
    let mut recipes = Vec::new();
    for part in PAGE.split("\n## ").skip(1) {
        let (title, rest) = part.split_once('\n').unwrap();
        let mut blocks = rest
            .split("```")
            .collect::<Vec<_>>()
            .into_iter()
            .skip(1)
            .step_by(2);
        while let Some(script) = blocks.next() {
            let script = script
                .strip_prefix("sh\n")
                .unwrap_or_else(|| panic!("{title}"));
            let text = blocks.next().unwrap().strip_prefix("text\n");
            let text = text.unwrap_or_else(|| panic!("{title}"));
            recipes.push((title.to_owned(), script.to_owned(), text.to_owned()));
        }
    }
    recipes
}

#[test]
fn every_line_prints_what_the_page_says() {
    let place = Place::new();
    let go = tempfile::tempdir().unwrap();
    let server = server(go.path());
    // The same program with another build id: the last byte of the note differs.
    let id = [0x5f, 0x73, 0x2d, 0xa6, 0xba, 0x83, 0x7c, 0xb2];
    let mut tool = data("gcc-glibc-pie");
    let at = tool
        .windows(id.len())
        .position(|window| window == id)
        .unwrap();
    tool[at] = 0x60;
    let (new, old) = (place.join("new"), place.join("old"));
    write(&release(&server, &data("gcc-glibc-pie"), "welcome\n"), &new);
    write(&release(&server, &tool, "hello\n"), &old);
    let (mnt, mnt_old) = (place.join("mnt-new"), place.join("mnt-old"));
    for (image, mnt) in [(&new, &mnt), (&old, &mnt_old)] {
        fs::create_dir_all(mnt).unwrap();
        run(place.imgfs().args(["mount", str(image), str(mnt)]));
    }
    let known = format!("{}\n", &sha256(b"everybody\n")["sha256:".len()..]);
    place.file("known", known);

    let bin = Path::new(env!("CARGO_BIN_EXE_imgfs")).parent().unwrap();
    let path = format!(
        "{}:/usr/sbin:/sbin:{}",
        bin.display(),
        std::env::var("PATH").unwrap()
    );
    let recipes = recipes();
    let mut wrong = String::new();
    for (title, script, expected) in &recipes {
        let mut shell = place.command("sh");
        shell.args(["-euc", script]).current_dir(place.join(""));
        shell.env("PATH", &path).env("LC_ALL", "C.UTF-8");
        shell.envs([
            ("IMAGE", &new),
            ("OLD", &old),
            ("MNT", &mnt),
            ("MNT_OLD", &mnt_old),
        ]);
        let output = shell.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        if printed != *expected || !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            let _ = writeln!(
                wrong,
                "{title}\n{script}{}\n{printed}{error}---",
                output.status
            );
        }
    }
    for mnt in [&mnt, &mnt_old] {
        run(place.imgfs().args(["umount", str(mnt)]));
    }
    assert!(wrong.is_empty(), "{wrong}");
    let mut titles: Vec<&str> = recipes.iter().map(|recipe| recipe.0.as_str()).collect();
    titles.dedup();
    assert!(titles.len() >= 20, "{titles:?}");
}
