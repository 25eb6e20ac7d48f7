//! Shell code: the programs that it starts, under which conditions, and how it ends.

use crate::start_support::case::{Case, busybox, debian};
use crate::start_support::parts::program;

/// A script for each of the three shells, with an app in `/app`.
fn each(name: &str, text: &str) -> [Case; 3] {
    let with = |case: Case, shell: &str| {
        case.exe("/app", program("app"))
            .exe("/run", format!("#!/bin/{shell}\n{text}"))
            .entrypoint(&["/run"])
    };
    [
        with(debian(format!("{name}-dash")), "dash"),
        with(debian(format!("{name}-bash")), "bash"),
        with(busybox(format!("{name}-ash")), "ash"),
    ]
}

/// Returns the cases with arguments.
fn with_cmd(cases: [Case; 3], words: &[&str]) -> [Case; 3] {
    cases.map(|case| case.cmd(words))
}

fn run(cases: [Case; 3]) -> [Case; 3] {
    cases.map(Case::runs)
}

fn die(cases: [Case; 3], status: i32, text: &'static str) -> [Case; 3] {
    cases.map(|case| case.dies(status, text))
}

/// Returns the cases with an exit status for each of dash, bash and ash.
fn die_each(cases: [Case; 3], status: [i32; 3], text: &'static str) -> [Case; 3] {
    let mut status = status.into_iter();
    cases.map(|case| case.dies(status.next().unwrap_or_default(), text))
}

pub fn shell() -> Vec<Case> {
    let groups = [
        run(each("command", "/app\n")),
        run(each("exec", "exec /app\n")),
        die(each("command-missing", "/none\n"), 127, "none"),
        die(each("exec-missing", "exec /none\n"), 127, "none"),
        die(each("name-missing", "none --flag\n"), 127, "none"),
        run(each("missing-before-the-last", "/none\n/app\n")),
        die(
            each("missing-before-the-last-under-e", "set -e\n/none\n/app\n"),
            127,
            "none",
        ),
        run(each(
            "missing-in-a-condition-under-e",
            "set -e\nif /none; then /bin/false; fi\nexec /app\n",
        )),
        run(each("missing-before-or", "/none || exec /app\n")),
        run(each(
            "missing-before-or-true-under-e",
            "set -e\n/none || true\nexec /app\n",
        )),
        die(
            each("missing-before-and", "/none && exec /app\n"),
            127,
            "none",
        ),
        run(each(
            "missing-after-not-under-e",
            "set -e\n! /none\nexec /app\n",
        )),
        run(each(
            "missing-in-a-pipe-under-e",
            "set -e\n/none | cat\nexec /app\n",
        )),
        die(
            each(
                "missing-at-the-end-of-a-pipe-under-e",
                "set -e\necho x | /none\nexec /app\n",
            ),
            127,
            "none",
        ),
        run(each("missing-in-the-background", "/none &\nexec /app\n")),
        die(
            each(
                "missing-in-a-subshell-under-e",
                "set -e\n( /none )\nexec /app\n",
            ),
            127,
            "none",
        ),
        run(each(
            "missing-in-a-substitution",
            "X=$(/none 2>/dev/null) || X=default\nexec /app $X\n",
        )),
        die(
            each(
                "missing-in-a-substitution-under-e",
                "set -e\nX=$(/none)\nexec /app\n",
            ),
            127,
            "none",
        ),
        run(each(
            "missing-in-a-substituted-argument-under-e",
            "set -e\nexec /app $(/none)\n",
        )),
        run(with_cmd(
            each("exec-arguments", "exec \"$@\"\n"),
            &["/app", "serve"],
        )),
        die(
            with_cmd(
                each("exec-arguments-missing", "exec \"$@\"\n"),
                &["/none", "serve"],
            ),
            127,
            "none",
        ),
        run(with_cmd(
            each("arguments-without-exec", "\"$@\"\n"),
            &["/app"],
        )),
        run(each("exec-no-arguments", "exec \"$@\"\n")),
        run(with_cmd(
            each("shift", "shift\nexec \"$@\"\n"),
            &["x", "/app"],
        )),
        run(with_cmd(
            each("set", "set -- /app \"$@\"\nexec \"$@\"\n"),
            &["serve"],
        )),
        run(with_cmd(
            each(
                "option-first",
                "if [ \"${1#-}\" != \"$1\" ]; then set -- /app \"$@\"; fi\nexec \"$@\"\n",
            ),
            &["-p", "1"],
        )),
        die(
            with_cmd(
                each(
                    "option-first-missing",
                    "if [ \"${1#-}\" != \"$1\" ]; then set -- /none \"$@\"; fi\nexec \"$@\"\n",
                ),
                &["-p"],
            ),
            127,
            "none",
        ),
        run(with_cmd(
            each(
                "case-chooses",
                "case \"$1\" in start) exec /app ;; *) exec /none ;; esac\n",
            ),
            &["start"],
        )),
        die(
            with_cmd(
                each(
                    "case-chooses-missing",
                    "case \"$1\" in start) exec /app ;; *) exec /none ;; esac\n",
                ),
                &["stop"],
            ),
            127,
            "none",
        ),
        run(each("variable", "APP=/app\nexec $APP --x\n")),
        run(each("default-value", "exec \"${APP:-/app}\"\n")),
        run(each(
            "function",
            "start() { exec \"$1\" --x; }\nstart /app\n",
        )),
        run(each(
            "function-named-like-a-missing-program",
            "none() { /app; }\nnone\n",
        )),
        die(
            each("function-calls-missing", "start() { /none; }\nstart\n"),
            127,
            "none",
        ),
        run(each("cd", "cd /opt\nexec ../app\n")),
        die(each("cd-and-relative", "cd /opt\nexec ./app\n"), 127, "app"),
        die_each(
            each("cd-to-nothing-under-e", "set -e\ncd /none\nexec /app\n"),
            [2, 1, 2],
            "/none",
        ),
        run(each(
            "file-test",
            "if [ -x /app ]; then exec /app; fi\nexec /none\n",
        )),
        run(each(
            "file-test-of-nothing",
            "[ -f /none ] && exec /none\nexec /app\n",
        )),
        run(each(
            "directory-test",
            "if [ ! -d /opt/none ]; then exec /app; else exec /none; fi\n",
        )),
        run(each(
            "id-test",
            "if [ \"$(id -u)\" = 0 ]; then exec /app; fi\nexec /none\n",
        )),
        run(each(
            "command-v",
            "if command -v none >/dev/null; then exec none; fi\nexec /app\n",
        )),
        run(each(
            "environment-test",
            "if [ -n \"$UNSET\" ]; then exec /none; fi\nexec /app\n",
        )),
        run(each(
            "for-loop",
            "for each in /none1 /app; do [ -x $each ] && exec $each; done\n",
        )),
        run(each(
            "while-shift",
            "while [ $# -gt 0 ]; do shift; done\nexec /app\n",
        )),
        run(each("eval", "eval 'exec /app'\n")),
        run(each("quotes", "exec '/app' \"a 'b' c\" d\\ e\n")),
        run(each(
            "here-document",
            "cat <<X >/tmp/config\n/none $PATH\nX\nexec /app\n",
        )),
        run(each("comment", "# /none\n/app # /none\n")),
        run(each("line-goes-on", "exec \\\n  /app \\\n  --x\n")),
        die(each("exit", "exit 3\nexec /app\n"), 3, ""),
        die(
            each(
                "exit-after-a-test",
                "if [ -z \"$TOKEN\" ]; then echo 'TOKEN is not set' >&2; exit 1; fi\nexec /app\n",
            ),
            1,
            "TOKEN is not set",
        ),
        die_each(
            each(
                "required-variable",
                ": \"${TOKEN:?must be set}\"\nexec /app\n",
            ),
            [2, 1, 2],
            "must be set",
        ),
        die_each(
            each("unset-variable-under-u", "set -u\nexec /app $TOKEN\n"),
            [2, 1, 2],
            "TOKEN",
        ),
        run(each("sleep-and-go-on", "sleep 0\n/app\n")),
        run(each("redirect-from-dev-null", "exec /app </dev/null\n")),
        die_each(
            each("redirect-from-nothing", "exec /app </none\n"),
            [2, 1, 1],
            "/none",
        ),
        run(each("redirect-to-stdout", "exec /app >/dev/stdout 2>&1\n")),
        run(each("dev-tcp-is-not-a-program", "true </dev/null\n/app\n")),
        die(
            each("not-executable", "exec /etc/passwd\n"),
            126,
            "ermission denied",
        ),
        die(each("directory", "exec /opt\n"), 126, "/opt"),
        run(each("trap", "trap 'echo done' EXIT\n/app\n")),
        run(each("umask", "umask 077\nexec /app\n")),
        run(each("background-and-wait", "/app &\nwait\n")),
        run(each(
            "sh-c-in-a-script",
            "exec sh -c 'exec /app \"$@\"' sh --x\n",
        )),
        die(
            each("sh-c-in-a-script-missing", "exec sh -c 'exec /none'\n"),
            127,
            "none",
        ),
        die(each("syntax-error", "if true; then\n"), 2, ""),
        run(each("syntax-error-behind-exec", "exec /app\nfi ( \n")),
        run(each(
            "syntax-error-behind-exec-on-one-line",
            "exec /app; :\n",
        )),
        run(each("source", ". /opt/lib.sh\nstart\n")
            .map(|c| c.file("/opt/lib.sh", 0o644, "start() { exec /app; }\n"))),
        // bash continues, unless it is called sh.
        {
            let [dash, bash, ash] = each("source-of-nothing", ". /opt/lib.sh\nexec /app\n");
            [
                dash.dies(2, "/opt/lib.sh"),
                bash.runs(),
                ash.dies(2, "/opt/lib.sh"),
            ]
        },
        die(
            each("source-calls-missing", ". /opt/lib.sh\n")
                .map(|c| c.file("/opt/lib.sh", 0o644, "exec /none\n")),
            127,
            "none",
        ),
        run(each(
            "parameter-cut",
            "P=/opt/app.tar; exec \"${P%/opt/app.tar}/app\"\n",
        )),
        run(each(
            "arithmetic",
            "N=$((1 + 2)); [ \"$N\" -eq 3 ] && exec /app\nexec /none\n",
        )),
        run(each("braces", "{ /none || exec /app; }\n")),
        run(each("until", "until true; do /none; done\nexec /app\n")),
        run(each(
            "glob",
            "for f in /opt/*.sh; do [ -e \"$f\" ] && /none; done\nexec /app\n",
        )),
        run(each("path-set", "PATH=/opt/x:$PATH\nexport PATH\ntool\n")
            .map(|c| c.exe("/opt/x/tool", program("app")))),
    ];
    let mut all: Vec<Case> = groups.into_iter().flatten().collect();
    all.extend(differing());
    all
}

/// Returns cases in which the shells differ.
fn differing() -> Vec<Case> {
    let script = |case: Case, shell: &str, text: &str| {
        let text = format!("#!/bin/{shell}\n{text}");
        case.exe("/app", program("app"))
            .exe("/run", text)
            .entrypoint(&["/run"])
    };
    let test = "if [[ -x /app ]]; then exec /app; fi\nexec /none\n";
    let array = "CMD=(/app --x)\nexec \"${CMD[@]}\"\n";
    let source = "source /opt/lib.sh\nstart\n";
    let lib = "start() { exec /app; }\n";
    let substring = "P=x/app\nexec \"${P:1}\"\n";
    let keyword = "function start { exec /app; }\nstart\n";
    vec![
        script(debian("double-brackets-bash"), "bash", test).runs(),
        script(debian("double-brackets-dash"), "sh", test).dies(127, "/none: not found"),
        script(busybox("double-brackets-ash"), "sh", test).runs(),
        script(
            debian("double-brackets-dash-under-e"),
            "sh",
            "set -e\n[[ -x /app ]]\nexec /app\n",
        )
        .dies(127, "[[: not found"),
        script(debian("array-bash"), "bash", array).runs(),
        script(debian("array-dash"), "sh", array).dies(2, "Syntax error"),
        script(busybox("array-ash"), "sh", array).dies(2, "syntax error"),
        script(debian("source-word-bash"), "bash", source)
            .file("/opt/lib.sh", 0o644, lib)
            .runs(),
        script(debian("source-word-dash"), "sh", source)
            .file("/opt/lib.sh", 0o644, lib)
            .dies(127, "source: not found"),
        script(busybox("source-word-ash"), "sh", source)
            .file("/opt/lib.sh", 0o644, lib)
            .runs(),
        script(debian("substring-bash"), "bash", substring).runs(),
        script(debian("substring-dash"), "sh", substring).dies(2, "Bad substitution"),
        script(busybox("substring-ash"), "sh", substring).runs(),
        script(debian("function-keyword-bash"), "bash", keyword).runs(),
        script(debian("function-keyword-dash"), "sh", keyword).dies(2, "Syntax error"),
        script(
            debian("pipefail-bash"),
            "bash",
            "set -eo pipefail\n/none | cat\nexec /app\n",
        )
        .dies(127, "No such file or directory"),
        script(
            debian("pipefail-dash"),
            "sh",
            "set -eo pipefail\nexec /app\n",
        )
        .dies(2, "pipefail"),
        script(
            debian("bash-that-is-a-script-of-sh"),
            "sh",
            "exec bash -c 'exec /app'\n",
        )
        .runs(),
        script(busybox("bash-over-busybox"), "bash", "exec /app\n").refused("exec", "ENOENT"),
        busybox("bash-over-busybox-behind-sh")
            .exe("/app", program("app"))
            .shell("exec bash -c /app")
            .dies(127, "bash: not found"),
        // A config that docker writes for the shell form.
        busybox("shell-form")
            .exe("/app", program("app"))
            .shell("/app --flag 'a b'")
            .runs(),
        busybox("shell-form-without-a-shell")
            .exe("/app", program("app"))
            .cmd(&["/bin/bash", "-c", "/app"])
            .refused("program", "ENOENT"),
        busybox("shell-form-entrypoint-drops-cmd")
            .exe("/app", program("app"))
            .entrypoint(&["/bin/sh", "-c", "exec /app"])
            .cmd(&["/none"])
            .runs(),
        busybox("shell-form-entrypoint-arguments")
            .exe("/app", program("app"))
            .entrypoint(&["/bin/sh", "-c", "exec \"$@\"", "sh"])
            .cmd(&["/app"])
            .runs(),
        busybox("shell-form-entrypoint-loses-the-first-argument")
            .exe("/app", program("app"))
            .entrypoint(&["/bin/sh", "-c", "exec \"$@\""])
            .cmd(&["/none", "/app"])
            .runs(),
        busybox("exec-form-does-not-expand")
            .exe("/app", program("app"))
            .env("APP=/app")
            .entrypoint(&["$APP"])
            .refused("path", "ENOENT"),
        busybox("shell-form-expands")
            .exe("/app", program("app"))
            .env("APP=/app")
            .shell("$APP")
            .runs(),
        busybox("exec-form-of-a-builtin")
            .entrypoint(&["exec", "/app"])
            .refused("path", "ENOENT"),
        busybox("exec-form-with-and")
            .exe("/app", program("app"))
            .entrypoint(&["/app", "&&", "/none"])
            .runs(),
        debian("nginx-with-quotes")
            .exe("/usr/sbin/nginx", program("app"))
            .shell("nginx -g 'daemon off;'")
            .runs(),
        debian("nginx-with-quotes-missing")
            .shell("nginx -g 'daemon off;'")
            .dies(127, "nginx: not found"),
        debian("sh-reads-a-script")
            .exe("/app", program("app"))
            .file("/run.sh", 0o644, "exec /app\n")
            .entrypoint(&["sh", "/run.sh"])
            .runs(),
        debian("sh-reads-nothing")
            .entrypoint(&["sh", "/run.sh"])
            .dies(2, "cannot open /run.sh"),
        debian("bash-reads-nothing")
            .entrypoint(&["bash", "/run.sh"])
            .dies(127, "No such file or directory"),
        busybox("ash-reads-nothing")
            .entrypoint(&["sh", "/run.sh"])
            .dies(2, "can't open"),
        debian("bash-reads-what-the-user-may-not")
            .file("/run.sh", 0o600, "true\n")
            .entrypoint(&["bash", "/run.sh"])
            .user("app")
            .dies(126, "Permission denied"),
        debian("sh-with-options")
            .exe("/app", program("app"))
            .entrypoint(&["sh", "-ec", "/none; exec /app"])
            .dies(127, "not found"),
        debian("bash-login")
            .exe("/app", program("app"))
            .entrypoint(&["bash", "-lc", "exec /app"])
            .runs(),
        debian("sh-c-without-text")
            .entrypoint(&["sh", "-c"])
            .dies(2, "-c requires an argument"),
        debian("sh-alone").entrypoint(&["sh"]).runs(),
        debian("bash-alone").entrypoint(&["bash"]).runs(),
    ]
}
