//! Modes, owners and users, drawn at random.

use super::Random;
use crate::start_support::case::{Case, busybox, debian};
use crate::start_support::parts::program;

const MODES: &[u32] = &[
    0o755, 0o755, 0o755, 0o644, 0o700, 0o750, 0o711, 0o111, 0o001, 0o010, 0o100, 0o070, 0o007,
    0o654, 0o555, 0o600, 0o000, 0o751, 0o705, 0o771,
];

const DIRECTORY_MODES: &[u32] = &[
    0o755, 0o755, 0o755, 0o755, 0o700, 0o711, 0o750, 0o744, 0o705, 0o001, 0o100, 0o644, 0o000,
    0o1777,
];

const OWNERS: &[(u32, u32)] = &[
    (0, 0),
    (0, 0),
    (1000, 1000),
    (0, 1000),
    (33, 33),
    (0, 60),
    (0, 50),
    (1000, 0),
    (65534, 65534),
];

const USERS: &[&str] = &[
    "",
    "",
    "root",
    "app",
    "app",
    "1000",
    "1000:1000",
    "web",
    "33:60",
    "app:tools",
    "app:web",
    "nobody",
    "4321",
    "4321:60",
    "0:0",
    "1000:0",
    ":app",
    "ghost",
    "app:ghost",
];

/// Adds a command that starts `/opt/dir/run`.
pub fn start(random: &mut Random, case: Case, path: &str) -> Case {
    let on_debian = matches!(case.base, crate::start_support::case::Base::Debian);
    let exec = format!("exec {path}");
    match random.below(if on_debian { 9 } else { 6 }) {
        0..=2 => case.entrypoint(&[path]),
        3 => case.entrypoint(&["/bin/sh", "-c", path]),
        4 => case.entrypoint(&["/bin/sh", "-c", &exec]),
        5 => case.entrypoint(&["env", path]),
        6 => case.entrypoint(&["bash", "-c", path]),
        7 => case.entrypoint(&["bash", "-c", &exec]),
        _ => case.entrypoint(&["tini", "--", path]),
    }
}

fn owned(random: &mut Random, case: Case) -> Case {
    let (uid, gid) = random.pick(OWNERS);
    case.owner(uid, gid)
}

pub fn draw(random: &mut Random, name: String) -> Case {
    let base = random.pick(&[busybox, debian]);
    let mut case = base(name);
    for dir in ["/opt", "/opt/dir"] {
        let mode = random.pick(DIRECTORY_MODES);
        case = owned(random, case.dir(dir, mode));
    }
    let mode = random.pick(MODES);
    let mut path = "/opt/dir/run";
    case = match random.below(3) {
        0 => case.file(path, mode, program("app")),
        1 => case.file(path, mode, "#!/bin/sh\nexec /bin/true\n"),
        _ => case.file(path, mode, "#!/opt/interp\n"),
    };
    case = owned(random, case);
    let mode = random.pick(MODES);
    case = owned(random, case.file("/opt/interp", mode, program("app")));
    if random.percent(25) {
        case = case.link("/usr/local/bin/tool", "/opt/dir/run");
        path = random.pick(&["/usr/local/bin/tool", "tool"]);
    }
    let user = random.pick(USERS);
    start(random, case, path).user(user)
}
