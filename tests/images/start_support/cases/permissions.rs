//! Execute bits, search permission on directories, users and groups.

use crate::start_support::case::{Case, busybox, debian, musl, scratch};
use crate::start_support::parts::{program, with_interpreter};

const SCRIPT: &str = "#!/bin/sh\nexec /app\n";

/// Returns a script at `/entry.sh` that executes `/app`, as `user`.
fn script(name: &str, mode: u32, user: &str) -> Case {
    let case = busybox(name).exe("/app", program("app"));
    case.file("/entry.sh", mode, SCRIPT)
        .entrypoint(&["/entry.sh"])
        .user(user)
}

/// Returns a program at `/app`, as `user`.
fn app(name: &str, mode: u32, user: &str) -> Case {
    let case = busybox(name).file("/app", mode, program("app"));
    case.entrypoint(&["/app"]).user(user)
}

/// Returns a program in `/opt/dir`, which has this mode.
fn below(name: &str, mode: u32, user: &str) -> Case {
    let case = busybox(name)
        .dir("/opt/dir", mode)
        .exe("/opt/dir/app", program("app"));
    case.entrypoint(&["/opt/dir/app"]).user(user)
}

pub fn cases() -> Vec<Case> {
    vec![
        script("script-runs", 0o755, "").runs(),
        script("script-without-x", 0o644, "").refused("program", "EACCES"),
        script("script-with-x-for-others-as-root", 0o001, "").runs(),
        // The kernel executes it, but the shell of another user cannot read it.
        script("script-without-r-as-user", 0o711, "app").dies(2, "Permission denied"),
        script("script-without-r-as-root", 0o111, "").runs(),
        script("script-for-root-only-as-user", 0o700, "app").refused("program", "EACCES"),
        script("script-of-the-user", 0o700, "app")
            .owner(1000, 1000)
            .runs(),
        app("program-without-x", 0o644, "").refused("program", "EACCES"),
        app("program-x-for-owner-only-as-root", 0o100, "").runs(),
        app("program-x-for-others-only-as-owner", 0o011, "app")
            .owner(1000, 1000)
            .refused("program", "EACCES"),
        app("program-x-for-others-only-as-root", 0o001, "").runs(),
        app("program-x-for-others-only-as-user", 0o001, "app").runs(),
        app("program-without-r-as-user", 0o711, "1000").runs(),
        app("program-of-the-group", 0o750, "app")
            .owner(0, 1000)
            .runs(),
        app("program-of-another-group", 0o750, "app")
            .owner(0, 33)
            .refused("program", "EACCES"),
        app("program-of-a-supplementary-group", 0o750, "app")
            .owner(0, 60)
            .runs(),
        app(
            "supplementary-groups-go-by-the-name-of-a-uid",
            0o750,
            "1000",
        )
        .owner(0, 50)
        .runs(),
        app(
            "no-supplementary-groups-with-an-explicit-group",
            0o750,
            "app:web",
        )
        .owner(0, 60)
        .refused("program", "EACCES"),
        app("explicit-group-by-name", 0o750, "app:tools")
            .owner(0, 60)
            .runs(),
        app("explicit-group-by-number", 0o750, "app:60")
            .owner(0, 60)
            .runs(),
        app("uid-and-gid", 0o750, "4321:8765").owner(0, 8765).runs(),
        app("unknown-uid-has-gid-0", 0o750, "4321")
            .owner(0, 0)
            .runs(),
        app("group-bits-apply-before-others", 0o705, "app")
            .owner(0, 1000)
            .refused("program", "EACCES"),
        app("owner-bits-apply-before-group", 0o070, "app")
            .owner(1000, 1000)
            .refused("program", "EACCES"),
        app("unknown-user", 0o755, "ghost").refused("user", "ENOENT"),
        app("unknown-group", 0o755, "app:ghost").refused("group", "ENOENT"),
        app("empty-user-name-with-group", 0o750, ":web")
            .owner(1000, 33)
            .runs(),
        below("directory-without-x-as-user", 0o744, "app").refused("program", "EACCES"),
        below("directory-without-x-as-root", 0o600, "").runs(),
        below("directory-of-the-user", 0o700, "app")
            .owner(0, 0)
            .refused("program", "EACCES"),
        below("directory-with-x-only-as-user", 0o711, "app").runs(),
        busybox("directory-of-root-in-the-base-as-user")
            .exe("/root/app", program("app"))
            .dir("/root", 0o700)
            .entrypoint(&["/root/app"])
            .user("app")
            .refused("program", "EACCES"),
        busybox("link-into-a-closed-directory")
            .dir("/opt/closed", 0o700)
            .exe("/opt/closed/app", program("app"))
            .link("/app", "opt/closed/app")
            .entrypoint(&["/app"])
            .user("app")
            .refused("program", "EACCES"),
        busybox("directory-as-entrypoint")
            .dir("/app", 0o755)
            .entrypoint(&["/app"])
            .refused("program", "EISDIR"),
        busybox("directory-in-path-is-skipped")
            .dir("/usr/local/bin/app", 0o755)
            .exe("/usr/bin/app", program("app"))
            .entrypoint(&["app"])
            .runs(),
        busybox("file-without-x-in-path-is-skipped")
            .file("/usr/local/bin/app", 0o644, program("app"))
            .exe("/usr/bin/app", program("app"))
            .entrypoint(&["app"])
            .runs(),
        busybox("only-a-file-without-x-in-path")
            .file("/usr/bin/app", 0o644, program("app"))
            .entrypoint(&["app"])
            .refused("path", "ENOENT"),
        busybox("interpreter-without-x")
            .file("/interp", 0o644, program("app"))
            .exe("/entry", "#!/interp\n")
            .entrypoint(&["/entry"])
            .refused("exec", "EACCES"),
        busybox("interpreter-for-root-only")
            .file("/interp", 0o700, program("app"))
            .exe("/entry", "#!/interp\n")
            .entrypoint(&["/entry"])
            .user("app")
            .refused("exec", "EACCES"),
        busybox("interpreter-in-a-closed-directory")
            .dir("/opt/closed", 0o700)
            .exe("/opt/closed/interp", program("app"))
            .exe("/entry", "#!/opt/closed/interp\n")
            .entrypoint(&["/entry"])
            .user("app")
            .refused("exec", "EACCES"),
        busybox("interpreter-is-a-directory")
            .exe("/entry", "#!/opt\n")
            .entrypoint(&["/entry"])
            .refused("exec", "EACCES"),
        debian("loader-without-x")
            .file("/opt/ld.so", 0o644, "")
            .exe("/app", with_interpreter("glibc-app-room", "/opt/ld.so"))
            .entrypoint(&["/app"])
            .refused("exec", "EACCES"),
        debian("loader-for-root-only")
            .file("/opt/ld.so", 0o700, "")
            .exe("/app", with_interpreter("glibc-app-room", "/opt/ld.so"))
            .entrypoint(&["/app"])
            .user("web")
            .refused("exec", "EACCES"),
        debian("loader-is-a-directory")
            .dir("/opt/ld.so", 0o755)
            .exe("/app", with_interpreter("glibc-app-room", "/opt/ld.so"))
            .entrypoint(&["/app"])
            .refused("exec", "EACCES"),
        musl("loader-of-musl-without-x")
            .layer("RUN chmod -x /lib/ld-musl-x86_64.so.1")
            .file(
                "/lib/ld-musl-x86_64.so.1",
                0o644,
                program("musl-libgreet.so.1"),
            )
            .exe("/app", program("musl-app"))
            .entrypoint(&["/app"])
            .refused("exec", "EACCES"),
        debian("library-that-the-user-cannot-read")
            .file(
                "/usr/local/lib/libgreet.so.1",
                0o600,
                program("glibc-libgreet.so.1"),
            )
            .exe("/app", program("glibc-greet1-lazy"))
            .env("LD_LIBRARY_PATH=/usr/local/lib")
            .entrypoint(&["/app"])
            .user("app")
            // The loader continues with the next directory, and reports the last one.
            .dies(
                127,
                "libgreet.so.1: cannot open shared object file: No such file or directory",
            ),
        debian("library-without-x")
            .file(
                "/usr/local/lib/libgreet.so.1",
                0o444,
                program("glibc-libgreet.so.1"),
            )
            .exe("/app", program("glibc-greet1-lazy"))
            .env("LD_LIBRARY_PATH=/usr/local/lib")
            .entrypoint(&["/app"])
            .user("app")
            .runs(),
        debian("closed-library-directory")
            .dir("/opt/lib", 0o700)
            .file(
                "/opt/lib/libgreet.so.1",
                0o755,
                program("glibc-libgreet.so.1"),
            )
            .exe("/app", program("glibc-greet1-lazy"))
            .env("LD_LIBRARY_PATH=/opt/lib")
            .entrypoint(&["/app"])
            .user("app")
            .dies(
                127,
                "libgreet.so.1: cannot open shared object file: No such file or directory",
            ),
        // runc changes directory as root, before it becomes the user.
        app("closed-working-directory", 0o755, "app")
            .dir("/srv/data", 0o700)
            .workdir("/srv/data")
            .runs(),
        busybox("program-relative-to-a-closed-working-directory")
            .dir("/srv/data", 0o700)
            .exe("/srv/data/app", program("app"))
            .workdir("/srv/data")
            .entrypoint(&["./app"])
            .user("app")
            .refused("program", "EACCES"),
        app("missing-working-directory", 0o755, "app")
            .workdir("/srv/none/such")
            .runs(),
        app("working-directory-is-a-file", 0o755, "")
            .workdir("/etc/passwd")
            .refused("cwd", "ENOTDIR"),
        app("working-directory-below-a-file", 0o755, "")
            .workdir("/etc/passwd/x")
            .refused("cwd", "ENOTDIR"),
        scratch("no-passwd-and-a-name")
            .exe("/app", program("app"))
            .entrypoint(&["/app"])
            .user("app")
            .refused("user", "ENOENT"),
        scratch("no-passwd-and-a-uid")
            .exe("/app", program("app"))
            .entrypoint(&["/app"])
            .user("65532:65532")
            .runs(),
    ]
}
