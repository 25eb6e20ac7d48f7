//! Programs that start another one: small inits, programs that switch the user, `env`, `nice`.

use crate::start_support::case::{Case, busybox, debian, musl};
use crate::start_support::parts::program;

/// A launcher of Debian before the app, and without a program.
fn both(name: &str, words: &[&str], status: i32, text: &'static str) -> [Case; 2] {
    let argv = |program| [words, &[program]].concat();
    [
        debian(name)
            .exe("/app", program("app"))
            .entrypoint(&argv("/app"))
            .runs(),
        debian(format!("{name}-missing"))
            .entrypoint(&argv("/none"))
            .dies(status, text),
    ]
}

/// Like [`both`], on busybox or musl.
fn both_over(
    base: fn(String) -> Case,
    name: &str,
    words: &[&str],
    status: i32,
    text: &'static str,
) -> [Case; 2] {
    let argv = |program| [words, &[program]].concat();
    [
        base(name.to_owned())
            .exe("/app", program("app"))
            .entrypoint(&argv("/app"))
            .runs(),
        base(format!("{name}-missing"))
            .entrypoint(&argv("/none"))
            .dies(status, text),
    ]
}

const NO_FILE: &str = "No such file or directory";

pub fn cases() -> Vec<Case> {
    let groups = [
        both("tini", &["tini", "--"], 127, NO_FILE),
        both(
            "tini-with-options",
            &["tini", "-g", "-vv", "--"],
            127,
            NO_FILE,
        ),
        both("tini-without-dashes", &["tini"], 127, NO_FILE),
        both("tini-static", &["/usr/bin/tini-static", "--"], 127, NO_FILE),
        both("dumb-init", &["dumb-init", "--"], 2, NO_FILE),
        both(
            "dumb-init-with-options",
            &["dumb-init", "--single-child", "-v"],
            2,
            NO_FILE,
        ),
        both("catatonit", &["catatonit", "--"], 1, NO_FILE),
        both("gosu", &["gosu", "app"], 1, "no such file or directory"),
        both(
            "gosu-with-a-group",
            &["gosu", "app:web"],
            1,
            "no such file or directory",
        ),
        both(
            "gosu-with-a-number",
            &["gosu", "1234:5678"],
            1,
            "no such file or directory",
        ),
        both(
            "setpriv",
            &["setpriv", "--reuid=1000", "--regid=1000", "--init-groups"],
            127,
            NO_FILE,
        ),
        both("env", &["env"], 127, NO_FILE),
        both("env-with-variables", &["env", "A=1", "B=2"], 127, NO_FILE),
        both("env-with-chdir", &["env", "-C", "/opt"], 127, NO_FILE),
        both("nice", &["nice"], 127, NO_FILE),
        both("nice-with-a-level", &["nice", "-n", "5"], 127, NO_FILE),
        both("nohup", &["nohup"], 127, NO_FILE),
        both("timeout", &["timeout", "9"], 127, NO_FILE),
        both(
            "timeout-with-options",
            &["timeout", "-k", "1", "--preserve-status", "9"],
            127,
            NO_FILE,
        ),
        both("chroot", &["chroot", "/"], 127, NO_FILE),
        both("setsid", &["setsid", "-w"], 127, NO_FILE),
        both("stdbuf", &["stdbuf", "-oL"], 127, NO_FILE),
        both("ionice", &["ionice", "-c3"], 127, NO_FILE),
        both(
            "sh-exec",
            &["sh", "-c", "exec \"$0\" \"$@\""],
            127,
            "not found",
        ),
        both(
            "tini-and-gosu",
            &["tini", "--", "gosu", "app"],
            1,
            "no such file or directory",
        ),
        both(
            "dumb-init-and-env",
            &["dumb-init", "env", "A=1"],
            127,
            NO_FILE,
        ),
        both(
            "three-launchers",
            &["tini", "--", "nice", "env", "A=1"],
            127,
            NO_FILE,
        ),
        both_over(busybox, "env-of-busybox", &["env", "A=1"], 127, NO_FILE),
        both_over(
            busybox,
            "setpriv-of-busybox",
            &["setpriv", "--nnp"],
            127,
            NO_FILE,
        ),
        both_over(
            busybox,
            "timeout-of-busybox",
            &["timeout", "9"],
            127,
            NO_FILE,
        ),
        both_over(musl, "su-exec", &["su-exec", "app"], 1, NO_FILE),
        both_over(
            musl,
            "su-exec-with-a-group",
            &["su-exec", "app:web"],
            1,
            NO_FILE,
        ),
    ];
    let mut all: Vec<Case> = groups.into_iter().flatten().collect();
    let app = |name: &str| debian(name).exe("/app", program("app"));
    all.extend([
        app("gosu-unknown-user")
            .entrypoint(&["gosu", "ghost", "/app"])
            .dies(1, "ghost"),
        musl("su-exec-unknown-user")
            .exe("/app", program("app"))
            .entrypoint(&["su-exec", "ghost", "/app"])
            .dies(1, "ghost"),
        app("setpriv-unknown-user")
            .entrypoint(&["setpriv", "--reuid=ghost", "--clear-groups", "/app"])
            .dies(1, "ghost"),
        app("gosu-as-another-user")
            .entrypoint(&["gosu", "web", "/app"])
            .user("app")
            .dies(1, "operation not permitted"),
        app("gosu-takes-the-permission-away")
            .file("/app", 0o700, program("app"))
            .entrypoint(&["gosu", "app", "/app"])
            .dies(1, "permission denied"),
        // setpriv keeps its capabilities until execve, and with them root's permissions.
        app("setpriv-keeps-the-permission-of-root")
            .file("/app", 0o700, program("app"))
            .entrypoint(&[
                "setpriv",
                "--reuid=1000",
                "--clear-groups",
                "--inh-caps=-all",
                "--bounding-set=-all",
                "/app",
            ])
            .runs(),
        app("gosu-for-a-supplementary-group")
            .file("/app", 0o750, program("app"))
            .owner(0, 60)
            .entrypoint(&["gosu", "app", "/app"])
            .runs(),
        app("setpriv-without-the-group-of-the-program")
            .file("/app", 0o750, program("app"))
            .owner(0, 60)
            .entrypoint(&[
                "setpriv",
                "--reuid=1000",
                "--regid=1000",
                "--clear-groups",
                "/app",
            ])
            .runs(),
        app("tini-that-is-not-there")
            .whiteout("/usr/bin/tini")
            .entrypoint(&["/usr/bin/tini", "--", "/app"])
            .refused("program", "ENOENT"),
        app("tini-of-glibc-without-its-loader")
            .layer("RUN rm")
            .whiteout("/usr/lib64/ld-linux-x86-64.so.2")
            .entrypoint(&["tini", "--", "/app"])
            .refused("exec", "ENOENT"),
        app("tini-static-without-a-loader")
            .layer("RUN rm")
            .whiteout("/usr/lib64/ld-linux-x86-64.so.2")
            .entrypoint(&["tini-static", "--", "/app"])
            .runs(),
        app("tini-and-a-script")
            .exe("/run", "#!/bin/sh\nexec \"$@\"\n")
            .entrypoint(&["tini", "--", "/run"])
            .cmd(&["/app"])
            .runs(),
        app("tini-and-a-script-missing")
            .exe("/run", "#!/bin/sh\nexec \"$@\"\n")
            .entrypoint(&["tini", "--", "/run"])
            .cmd(&["/none"])
            .dies(127, "not found"),
        app("tini-and-an-interpreter-that-is-missing")
            .exe("/run", "#!/bin/ksh\n")
            .entrypoint(&["tini", "--", "/run"])
            .dies(127, NO_FILE),
        app("tini-and-a-name")
            .exe("/usr/local/bin/app", program("app"))
            .entrypoint(&["tini", "--", "app"])
            .runs(),
        app("tini-and-a-name-that-is-missing")
            .entrypoint(&["tini", "--", "none"])
            .dies(127, NO_FILE),
        app("tini-and-a-file-without-x")
            .file("/run", 0o644, "#!/bin/sh\n")
            .entrypoint(&["tini", "--", "/run"])
            .dies(126, "Permission denied"),
        app("env-changes-path")
            .exe("/opt/x/tool", program("app"))
            .entrypoint(&["env", "PATH=/opt/x", "tool"])
            .runs(),
        app("env-changes-path-to-nothing")
            .exe("/usr/bin/tool", program("app"))
            .entrypoint(&["env", "PATH=/opt/x", "tool"])
            .dies(127, NO_FILE),
        app("env-empties-path")
            .exe("/usr/bin/tool", program("app"))
            .entrypoint(&["env", "-i", "tool"])
            .runs(),
        app("env-alone").entrypoint(&["env"]).runs(),
        app("env-with-an-option-it-does-not-have")
            .entrypoint(&["env", "--none", "/app"])
            .dies(125, "unrecognized option"),
        app("env-split")
            .entrypoint(&["env", "-S", "A=1 /app --x"])
            .runs(),
        app("env-chdir-to-nothing")
            .entrypoint(&["env", "-C", "/none", "/app"])
            .dies(125, "cannot change directory"),
        app("nice-in-a-script")
            .exe("/run", "#!/bin/sh\nexec nice -n 5 /app\n")
            .entrypoint(&["/run"])
            .runs(),
        app("xargs-in-a-script")
            .exe("/run", "#!/bin/sh\necho x | xargs /app\n")
            .entrypoint(&["/run"])
            .runs(),
        app("exec-of-a-wrapper-of-a-wrapper")
            .exe("/usr/local/bin/one", "#!/bin/sh\nexec two \"$@\"\n")
            .exe(
                "/usr/local/bin/two",
                "#!/bin/bash\nexec env MODE=x /app \"$@\"\n",
            )
            .entrypoint(&["one"])
            .runs(),
        app("library-path-through-tini-and-gosu")
            .exe("/app", program("glibc-greet1-lazy"))
            .exe("/opt/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .entrypoint(&["tini", "--", "gosu", "app", "/app"])
            .runs(),
    ]);
    all
}

/// Returns images with health checks: the check is run, in an image whose entrypoint runs.
pub fn health() -> Vec<Case> {
    let app = |name: &str| {
        debian(name)
            .exe("/app", program("app"))
            .entrypoint(&["/app"])
    };
    let ash = |name: &str| {
        busybox(name)
            .exe("/app", program("app"))
            .entrypoint(&["/app"])
    };
    vec![
        app("health-cmd").health(&["CMD", "/app"]).runs(),
        app("health-cmd-in-path").health(&["CMD", "true"]).runs(),
        app("health-cmd-missing")
            .health(&["CMD", "curl", "-f", "http://localhost/"])
            .refused("path", "ENOENT"),
        app("health-cmd-missing-file")
            .health(&["CMD", "/healthcheck.sh"])
            .refused("program", "ENOENT"),
        app("health-cmd-without-x")
            .file("/healthcheck.sh", 0o644, "#!/bin/sh\n")
            .health(&["CMD", "/healthcheck.sh"])
            .refused("program", "EACCES"),
        app("health-cmd-without-interpreter")
            .exe("/healthcheck.sh", "#!/usr/bin/python3\n")
            .health(&["CMD", "/healthcheck.sh"])
            .refused("exec", "ENOENT"),
        app("health-shell")
            .health(&["CMD-SHELL", "/app || exit 1"])
            .runs(),
        app("health-shell-missing")
            .health(&["CMD-SHELL", "curl -f http://localhost/"])
            .dies(127, "curl: not found"),
        app("health-shell-missing-or-exit-1")
            .health(&["CMD-SHELL", "curl -f http://localhost/ || exit 1"])
            .dies(1, "curl: not found"),
        ash("health-shell-of-busybox")
            .health(&["CMD-SHELL", "/app"])
            .runs(),
        ash("health-shell-of-busybox-missing")
            .health(&["CMD-SHELL", "wget2 -q localhost"])
            .dies(127, "not found"),
        ash("health-for-another-machine")
            .exe("/check", program("app-arm64"))
            .health(&["CMD", "/check"])
            .refused("exec", "ENOEXEC"),
        ash("health-without-a-loader")
            .exe("/check", program("glibc-app"))
            .health(&["CMD", "/check"])
            .refused("exec", "ENOENT"),
        ash("health-as-the-user")
            .file("/check", 0o700, program("app"))
            .user("app")
            .health(&["CMD", "/check"])
            .refused("program", "EACCES"),
        app("health-without-a-library")
            .exe("/check", program("glibc-greet1-lazy"))
            .health(&["CMD", "/check"])
            .dies(127, "libgreet.so.1"),
    ]
}
