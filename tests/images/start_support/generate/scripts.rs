//! Random shell scripts, for dash, bash and busybox.

use super::Random;
use crate::start_support::case::{Case, busybox, debian};
use crate::start_support::parts::program;

/// Returns a command, which may start an existing program, or a missing one.
fn command(random: &mut Random) -> &'static str {
    random.of(&[
        "/opt/app",
        "/opt/app --flag 'a b'",
        "app",
        "true",
        "/bin/true",
        "/bin/false",
        "false",
        "/none",
        "none -x",
        "/opt/text",
        "/opt/noshebang",
        "/opt/nointerp",
        "echo done",
        ":",
        "MODE=x /opt/app",
        "env MODE=x /opt/app",
        "env /none",
        "sh -c /opt/app",
        "sh -c 'exec /none'",
        "cat /etc/passwd >/dev/null",
        "/opt/ok.sh",
        "/opt/fails.sh",
    ])
}

/// Returns a condition.
fn condition(random: &mut Random) -> &'static str {
    random.of(&[
        "[ -x /opt/app ]",
        "[ -f /none ]",
        "[ \"$1\" = serve ]",
        "[ -z \"$UNSET\" ]",
        "[ \"$(id -u)\" = 0 ]",
        "true",
        "false",
        "! false",
        "command -v app >/dev/null",
        "command -v none >/dev/null",
        "[ \"$MODE\" = prod ]",
        "[ -d /opt ]",
        "[ $# -gt 0 ]",
        "/bin/true",
        "/none",
        "test -n \"$MODE\"",
        "[ -r /opt/text ] && [ ! -x /opt/text ]",
    ])
}

/// Returns a statement with its newline.
fn statement(random: &mut Random, depth: usize) -> String {
    let simple = command(random);
    if depth == 0 {
        return format!("{simple}\n");
    }
    match random.below(16) {
        0 => {
            let (then, otherwise) = (statement(random, depth - 1), statement(random, depth - 1));
            format!(
                "if {}; then\n{then}else\n{otherwise}fi\n",
                condition(random)
            )
        }
        1 => {
            let then = statement(random, depth - 1);
            format!("if {}; then\n{then}fi\n", condition(random))
        }
        2 => format!("{} && {simple}\n", condition(random)),
        3 => format!("{} || {simple}\n", condition(random)),
        4 => format!("{simple} || true\n"),
        5 => {
            let (one, other) = (command(random), command(random));
            format!("case \"$1\" in\nserve) {one} ;;\n-*) {simple} ;;\n*) {other} ;;\nesac\n")
        }
        6 => {
            let body = statement(random, depth - 1);
            format!("f() {{\n{body}}}\nf\n")
        }
        7 => format!("( {simple} )\n"),
        8 => format!("{simple} | cat\n"),
        9 => format!("X=$({simple})\n"),
        10 => format!("for each in one two; do {simple}; done\n"),
        11 => "PATH=/opt:$PATH\n".to_owned(),
        12 => format!("! {simple}\n"),
        _ => format!("{simple}\n"),
    }
}

pub fn draw(random: &mut Random, name: String) -> Case {
    let (base, shell) = random.pick::<(fn(String) -> Case, &str)>(&[
        (debian, "dash"),
        (debian, "bash"),
        (busybox, "ash"),
        (debian, "sh"),
    ]);
    let mut text = format!("#!/bin/{shell}\n");
    if random.percent(60) {
        text.push_str("set -e\n");
    }
    for _ in 0..1 + random.below(4) {
        text.push_str(&statement(random, 2));
    }
    text.push_str(random.of(&[
        "exec \"$@\"\n",
        "exec \"$@\"\n",
        "exec /opt/app\n",
        "/opt/app\n",
        "exec app\n",
        "exec none\n",
        "exec /none\n",
        "",
        "exec \"${MODE:-/opt/app}\"\n",
        "\"$@\"\n",
        "set -- /opt/app \"$@\"\nexec \"$@\"\n",
        "/opt/app &\nwait\n",
        "exec /opt/text\n",
        "exec env LANG=C /opt/app\n",
    ]));
    let mut case = base(name)
        .exe("/opt/app", program("app"))
        .file("/opt/text", 0o644, "text\n")
        .exe("/opt/noshebang", "exec /opt/app\n")
        .exe("/opt/nointerp", "#!/bin/ksh\n")
        .exe("/opt/ok.sh", "#!/bin/sh\nexit 0\n")
        .exe("/opt/fails.sh", "#!/bin/sh\nexit 3\n")
        .exe("/run.sh", text)
        .entrypoint(&["/run.sh"]);
    if random.percent(50) {
        case = case.env("PATH=/opt:/usr/bin:/bin");
    }
    if random.percent(20) {
        case = case.env(random.of(&["MODE=prod", "MODE=/none", "MODE="]));
    }
    if random.percent(15) {
        case = case.user("app");
    }
    match random.below(5) {
        0 => case.cmd(&["serve"]),
        1 => case.cmd(&["/opt/app", "serve"]),
        2 => case.cmd(&["app"]),
        3 => case.cmd(&["--flag"]),
        _ => case,
    }
}
