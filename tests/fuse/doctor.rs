//! `imgfs doctor`, the program on this host, and the library on hosts that a test lays out: the relevant
//! files of /proc, /etc and /dev.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support;
use crate::support::program::{Place, assert_says, output, stderr, str};
use imgfs::internals::host::{Check, Host, Status};
use serde_json::Value;

/// A host with everything that is needed, as seen by root on an amd64 machine.
struct FakeHost(Place);

/// The file of a qemu handler for arm64.
const ARM64: &str = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: F\noffset 0\n\
    magic 7f454c460201010000000000000000000200b700\n\
    mask ffffffffffffff00fffffffffffffffffeffffff\n";

const ROOT: &str = "Uid:\t0\t0\t0\t0\nNoNewPrivs:\t0\nCapEff:\t000001ffffffffff\n";
const USER: &str = "Uid:\t1000\t1000\t1000\t1000\nNoNewPrivs:\t0\nCapEff:\t0000000000000000\n";

impl FakeHost {
    fn new() -> Self {
        let host = Self(Place::new());
        host.file("proc/self/status", ROOT);
        host.file("proc/sys/fs/binfmt_misc/status", "enabled\n");
        host.file("proc/sys/fs/binfmt_misc/register", "");
        host.file("proc/sys/fs/binfmt_misc/whatever", ARM64);
        host.file("etc/fuse.conf", "# a comment\n  user_allow_other # so\n");
        host.file("usr/bin/fusermount3", "#!/bin/sh\n");
        host.mode("usr/bin/fusermount3", 0o4755);
        fs::create_dir_all(host.0.join("dev")).unwrap();
        let mut mknod = Command::new("mknod");
        mknod.args(["-m", "666", str(&host.0.join("dev/fuse")), "c", "10", "229"]);
        support::run(&mut mknod);
        host
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.0.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).unwrap();
    }

    fn checks(&self) -> Vec<Check> {
        let host = Host {
            root: self.0.join(""),
            arch: "amd64".to_owned(),
            path: vec!["/usr/local/bin".into(), "/usr/bin".into()],
            arches: ["386", "amd64", "arm64"].map(str::to_owned).to_vec(),
            cache: Some(self.0.join("cache/imgfs")),
            cache_limit: 1,
        };
        let checks = host.checks().into_iter();
        checks.map(|check| check.unwrap()).collect()
    }

    fn check(&self, what: &str) -> Check {
        let found = self.checks().into_iter().find(|c| c.what == what);
        found.unwrap_or_else(|| panic!("nothing is said of {what}"))
    }

    #[track_caller]
    fn assert_lacking(&self, what: &str, words: &[&str], fix: &str) {
        let check = self.check(what);
        assert_eq!(check.status, Status::Lacking, "{check:?}");
        assert_says(&check.found, words);
        let cure = check.fix.unwrap();
        assert!(cure.contains(fix), "{cure}");
    }
}

#[test]
fn a_host_that_lacks_nothing() {
    let host = FakeHost::new();
    for check in host.checks() {
        assert_eq!(check.status, Status::Ok, "{check:?}");
        assert_eq!(check.fix, None);
    }
    let arm64 = host.check("run linux/arm64");
    assert_says(
        &arm64.found,
        &[
            "/usr/bin/qemu-aarch64-static",
            "whatever",
            "flags F",
            "no flag C",
        ],
    );
    assert!(arm64.details.contains(&("flags", "F".to_owned())));
}

#[test]
fn the_device() {
    let host = FakeHost::new();
    host.remove("dev/fuse");
    host.assert_lacking(
        "/dev/fuse",
        &["does not exist", "--device /dev/fuse"],
        "modprobe fuse",
    );
    host.file("dev/fuse", "");
    host.assert_lacking(
        "/dev/fuse",
        &["not a device"],
        "mknod -m 666 /dev/fuse c 10 229",
    );
}

/// Root needs neither the helper nor permission to let other users in; ordinary users need both.
#[test]
fn what_ordinary_users_need() {
    let host = FakeHost::new();
    host.mode("usr/bin/fusermount3", 0o755);
    host.file("etc/fuse.conf", "#user_allow_other\n");
    for what in ["fusermount3", "user_allow_other"] {
        let check = host.check(what);
        assert_eq!(check.status, Status::Note, "{check:?}");
        assert_says(&check.found, &["only ordinary users need it"]);
    }
    host.file("proc/self/status", USER);
    let fix = "chmod u+s /usr/bin/fusermount3";
    host.assert_lacking("fusermount3", &["not setuid root"], fix);
    host.assert_lacking(
        "user_allow_other",
        &["/etc/fuse.conf", "--allow-other"],
        "echo user_allow_other >> /etc/fuse.conf",
    );
    host.remove("usr/bin/fusermount3");
    host.assert_lacking("fusermount3", &["not installed"], "apt-get install fuse3");
    host.assert_lacking(
        "right to mount",
        &["fusermount3 is not installed"],
        "apt-get install fuse3",
    );
    host.remove("etc/fuse.conf");
    host.assert_lacking("user_allow_other", &["not set"], "/etc/fuse.conf");
}

#[test]
fn root_without_rights_and_users_without_setuid() {
    let host = FakeHost::new();
    let docker = ROOT.replace("000001ffffffffff", "00000000a80425fb");
    host.file("proc/self/status", &docker);
    host.assert_lacking("right to mount", &["CAP_SYS_ADMIN"], "--cap-add SYS_ADMIN");
    host.file("proc/self/status", &USER.replace("Privs:\t0", "Privs:\t1"));
    host.assert_lacking(
        "right to mount",
        &["no_new_privs"],
        "no-new-privileges=false",
    );
}

#[test]
fn handlers() {
    const WHAT: &str = "run linux/arm64";
    const FILE: &str = "proc/sys/fs/binfmt_misc/whatever";
    let host = FakeHost::new();
    // Without F the interpreter is looked up in each container; here it does not exist on the host
    // either.
    host.file(FILE, &ARM64.replace("flags: F", "flags: OC"));
    host.assert_lacking(
        WHAT,
        &["does not exist", "flag F is not set"],
        "qemu-user-static",
    );
    host.file("usr/bin/qemu-aarch64-static", "");
    host.assert_lacking(
        WHAT,
        &["without flag F", "container"],
        r"echo -1 > /proc/sys/fs/binfmt_misc/whatever; printf %s ':whatever:M:0:\x7f\x45",
    );
    let fix = host.check(WHAT).fix.unwrap();
    let end = ":/usr/bin/qemu-aarch64-static:OCF' > /proc/sys/fs/binfmt_misc/register";
    assert!(fix.ends_with(end), "{fix}");
    // An interpreter that needs a loader does not work in a container either.
    host.file(FILE, ARM64);
    let dynamic = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/inspect/gcc-glibc-pie");
    fs::copy(dynamic, host.0.join("usr/bin/qemu-aarch64-static")).unwrap();
    host.assert_lacking(WHAT, &["dynamically linked"], "qemu-user-static");
    host.remove("usr/bin/qemu-aarch64-static");

    host.file(FILE, &ARM64.replace("enabled", "disabled"));
    host.assert_lacking(
        WHAT,
        &["switched off"],
        "echo 1 > /proc/sys/fs/binfmt_misc/whatever",
    );
    host.remove(FILE);
    host.assert_lacking(
        WHAT,
        &["no handler", "exec format error"],
        "qemu-user-static",
    );
    host.file("proc/sys/fs/binfmt_misc/status", "disabled\n");
    host.assert_lacking(
        "binfmt_misc",
        &["off"],
        "echo 1 > /proc/sys/fs/binfmt_misc/status",
    );
    host.remove("proc/sys/fs/binfmt_misc/status");
    host.assert_lacking("binfmt_misc", &["not mounted"], "mount -t binfmt_misc");
    // The kernel runs these itself, regardless of binfmt_misc.
    assert_eq!(host.check("run linux/386").status, Status::Ok);
}

#[test]
fn the_cache() {
    let host = FakeHost::new();
    let path = host.0.join("cache/imgfs");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
    host.assert_lacking("cache directory", &[str(&path)], "chmod -R go-w");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    let check = host.check("cache directory");
    assert_eq!(check.status, Status::Ok, "{check:?}");
}

/// On the real host, each line of the text is an object of the JSON, and the exit code agrees with them.
#[test]
fn this_host() {
    let place = Place::new();
    let run = |args: &[&str]| output(place.imgfs().arg("doctor").args(args));
    let json = run(&["--json"]);
    assert_eq!(stderr(&json), "");
    let text = String::from_utf8(json.stdout).unwrap();
    let checks: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let status = |c: &Value| c["status"].as_str().unwrap().to_owned();
    let lacking = checks.iter().any(|c| status(c) == "lacking");
    assert_eq!(json.status.code(), Some(i32::from(lacking)));
    for check in &checks {
        let has_cure = check["mend"].is_string();
        assert!(has_cure || status(check) != "lacking", "{check}");
    }
    let find = |what: &str| checks.iter().find(|c| c["what"] == what).unwrap().clone();
    // tests/run.sh makes sure of this.
    assert_eq!(find("/dev/fuse")["status"], "ok");
    assert_eq!(find("fusermount3")["status"], "ok");
    let here = format!("run {}", imgfs::internals::image::Platform::host());
    assert_eq!(find(&here)["found"], "this machine");
    assert_eq!(
        find("cache directory")["path"],
        str(&place.join("cache/imgfs"))
    );

    let text = String::from_utf8(run(&[]).stdout).unwrap();
    for check in &checks {
        // The free space may change between the two runs.
        if check["what"] != "cache space" {
            assert_says(&text, &[check["found"].as_str().unwrap()]);
        }
    }
    assert!(!text.contains('\x1b'), "no terminal, no colour");
}

/// As `nobody`: mounting needs the helper, and another user's cache is not used.
#[test]
fn an_ordinary_user() {
    let place = Place::new();
    // Copied by another process: a file that this process has open for writing could not be executed.
    let mut install = Command::new("install");
    install.args(["-m755", env!("CARGO_BIN_EXE_imgfs")]);
    support::run(install.arg(place.join("imgfs")));
    let here = imgfs::internals::image::Platform::host().to_string();
    let run = |options: &[&str]| -> (Option<i32>, Vec<Value>) {
        let mut command = place.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(options).arg(place.join("imgfs"));
        let output = output(command.args(["doctor", "--json", "--platform", &here]));
        assert_eq!(stderr(&output), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let checks = text.lines().map(|l| serde_json::from_str(l).unwrap());
        (output.status.code(), checks.collect())
    };
    let said = |checks: &[Value], what: &str| {
        let check = checks.iter().find(|c| c["what"] == what).unwrap();
        let (status, found) = (check["status"].as_str(), check["found"].as_str());
        format!("{}: {}", status.unwrap(), found.unwrap())
    };
    let (code, checks) = run(&[]);
    assert_eq!(said(&checks, "right to mount"), "ok: through fusermount3");
    assert_eq!(said(&checks, "/dev/fuse"), "ok: can be opened");
    let cache = said(&checks, "cache directory");
    assert!(
        cache.starts_with("lacking: ") && cache.contains("no permission"),
        "{cache}"
    );
    assert_eq!(code, Some(1));
    let (_, checks) = run(&["--no-new-privs"]);
    let right = said(&checks, "right to mount");
    assert!(right.starts_with("lacking: no_new_privs"), "{right}");
}

/// With `--platform` only that platform counts.
#[test]
fn one_platform() {
    let place = Place::new();
    let run = |platform: &str| output(place.imgfs().args(["doctor", "--platform", platform]));
    let here = run(&imgfs::internals::image::Platform::host().to_string());
    assert_eq!(here.status.code(), Some(0), "{}", stderr(&here));
    let text = String::from_utf8(here.stdout).unwrap();
    assert_eq!(text.matches("run linux/").count(), 1, "{text}");
    assert!(
        !text.contains("binfmt_misc"),
        "nothing foreign is asked for: {text}"
    );
    let vax = run("linux/vax");
    assert_eq!(vax.status.code(), Some(2));
    assert_says(&stderr(&vax), &["linux/vax", "choose", "linux/riscv64"]);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let here = imgfs::internals::image::Platform::host().to_string();
    let mut command = place.imgfs();
    command.args(["doctor", "--platform", &here]).stdout(writer);
    let output = command.output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
}
