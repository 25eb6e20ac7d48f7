//! The search for the program: PATH, relative paths, symbolic links.

use crate::start_support::case::{Case, busybox, debian};
use crate::start_support::parts::program;

const APP: &str = "/opt/bin/app";

/// The app in `/opt/bin`.
fn app(name: &str) -> Case {
    busybox(name).exe(APP, program("app"))
}

/// Returns a link at `/app`.
fn link(name: &str, target: &str) -> Case {
    app(name).link("/app", target).entrypoint(&["/app"])
}

pub fn cases() -> Vec<Case> {
    vec![
        app("in-path")
            .env("PATH=/opt/bin:/bin")
            .entrypoint(&["app"])
            .runs(),
        app("not-in-path")
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
        app("in-path-of-a-shell")
            .env("PATH=/opt/bin:/bin")
            .shell("app")
            .runs(),
        app("not-in-path-of-a-shell")
            .shell("app")
            .dies(127, "app: not found"),
        app("path-unset-has-a-default")
            .exe("/usr/local/sbin/app", program("app"))
            .entrypoint(&["app"])
            .runs(),
        app("path-empty")
            .env("PATH=")
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
        app("path-with-an-empty-element")
            .env("PATH=:/bin")
            .workdir("/opt/bin")
            .entrypoint(&["app"])
            .refused("path", "EXDEV"),
        app("path-with-a-relative-element")
            .env("PATH=bin:/bin")
            .workdir("/opt")
            .entrypoint(&["app"])
            .refused("path", "EXDEV"),
        app("path-with-an-empty-element-in-a-shell")
            .env("PATH=:/bin")
            .workdir("/opt/bin")
            .shell("app")
            .runs(),
        app("path-ends-with-a-colon-in-a-shell")
            .env("PATH=/bin:")
            .workdir("/opt/bin")
            .shell("app")
            .runs(),
        app("path-with-a-tilde")
            .exe("/root/app", program("app"))
            .env("PATH=~:/bin")
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
        app("path-with-a-variable")
            .env("DIR=/opt/bin")
            .env("PATH=$DIR:/bin")
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
        app("path-changed-by-a-shell")
            .shell("PATH=/opt/bin:$PATH; app")
            .runs(),
        app("path-changed-for-one-command")
            .shell("PATH=/opt/bin app")
            .runs(),
        app("path-through-a-link")
            .link("/usr/local/apps", "/opt/bin")
            .env("PATH=/usr/local/apps")
            .entrypoint(&["app"])
            .runs(),
        app("dot-slash")
            .workdir("/opt/bin")
            .entrypoint(&["./app"])
            .runs(),
        app("dot-slash-from-elsewhere")
            .entrypoint(&["./app"])
            .refused("program", "ENOENT"),
        app("relative-with-a-slash")
            .workdir("/opt")
            .entrypoint(&["bin/app"])
            .runs(),
        app("no-slash-is-not-relative")
            .workdir("/opt/bin")
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
        app("parent")
            .workdir("/opt/bin")
            .entrypoint(&["../bin/app"])
            .runs(),
        app("parent-of-the-root")
            .entrypoint(&["/../../opt/bin/app"])
            .runs(),
        app("trailing-slash")
            .entrypoint(&["/opt/bin/app/"])
            .refused("program", "ENOTDIR"),
        app("below-a-file")
            .entrypoint(&["/opt/bin/app/x"])
            .refused("program", "ENOTDIR"),
        app("missing")
            .entrypoint(&["/opt/bin/none"])
            .refused("program", "ENOENT"),
        app("missing-directory")
            .entrypoint(&["/none/app"])
            .refused("program", "ENOENT"),
        app("program-with-its-arguments-in-one-word")
            .entrypoint(&["/opt/bin/app --serve"])
            .refused("program", "ENOENT"),
        app("program-with-a-quote")
            .entrypoint(&["'/opt/bin/app'"])
            .refused("program", "ENOENT"),
        app("empty-word")
            .entrypoint(&[""])
            .refused("path", "ENOENT"),
        app("name-of-300-bytes")
            .entrypoint(&[&format!("/{}", "n".repeat(300))])
            .refused("program", "ENAMETOOLONG"),
        app("entrypoint-and-cmd")
            .entrypoint(&["/bin/env"])
            .cmd(&[APP])
            .runs(),
        app("only-cmd").cmd(&[APP]).runs(),
        app("entrypoint-takes-cmd-as-arguments")
            .entrypoint(&[APP])
            .cmd(&["/none"])
            .runs(),
        link("link", "/opt/bin/app").runs(),
        link("relative-link", "opt/bin/app").runs(),
        link("link-out-of-the-root", "../../../opt/bin/app").runs(),
        link("dangling-link", "/opt/bin/none").refused("program", "ENOENT"),
        link("link-to-itself", "/app").refused("program", "ELOOP"),
        link("link-to-a-directory", "/opt/bin").refused("program", "EISDIR"),
        link("link-through-a-file", "/opt/bin/app/x").refused("program", "ENOTDIR"),
        app("links-in-a-circle")
            .link("/a", "b")
            .link("/b", "a")
            .entrypoint(&["/a"])
            .refused("program", "ELOOP"),
        app("link-to-a-link")
            .link("/a", "/b")
            .link("/b", "/opt/bin/app")
            .entrypoint(&["/a"])
            .runs(),
        chain_of_links(40).runs(),
        chain_of_links(41).refused("program", "ELOOP"),
        debian("shell-from-the-usr-merge")
            .exe("/app", program("app"))
            .shell("/app")
            .runs(),
        debian("link-in-alternatives")
            .exe("/usr/bin/app-1", program("app"))
            .link("/etc/alternatives/app", "/usr/bin/app-1")
            .link("/usr/bin/app", "/etc/alternatives/app")
            .entrypoint(&["app"])
            .runs(),
        debian("dangling-link-in-alternatives")
            .link("/etc/alternatives/app", "/usr/bin/app-1")
            .link("/usr/bin/app", "/etc/alternatives/app")
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
    ]
}

/// Returns a chain of `count` links, the last one to the app.
fn chain_of_links(count: usize) -> Case {
    let mut case = app(&format!("{count}-links"));
    for number in 1..=count {
        let target = match number {
            1 => APP.to_owned(),
            _ => format!("/l{}", number - 1),
        };
        case = case.link(&format!("/l{number}"), &target);
    }
    case.entrypoint(&[&format!("/l{count}")])
}
