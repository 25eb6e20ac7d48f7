//! Files that later layers remove or replace.

use crate::start_support::case::{Case, busybox, debian};
use crate::start_support::parts::program;

const NO_GREET: &str = "libgreet.so.1: cannot open shared object file: No such file or directory";

fn app(name: &str) -> Case {
    busybox(name)
        .exe("/opt/bin/app", program("app"))
        .entrypoint(&["/opt/bin/app"])
}

pub fn cases() -> Vec<Case> {
    vec![
        app("program-removed")
            .layer("RUN rm /opt/bin/app")
            .whiteout("/opt/bin/app")
            .refused("program", "ENOENT"),
        app("directory-removed")
            .layer("RUN rm -r /opt/bin")
            .whiteout("/opt/bin")
            .refused("program", "ENOENT"),
        app("program-removed-and-back")
            .layer("RUN rm /opt/bin/app")
            .whiteout("/opt/bin/app")
            .layer("COPY app /opt/bin/")
            .exe("/opt/bin/app", program("app"))
            .runs(),
        app("opaque-directory")
            .layer("COPY bin /opt/bin")
            .opaque("/opt/bin")
            .refused("program", "ENOENT"),
        app("opaque-directory-with-the-program")
            .layer("COPY bin /opt/bin")
            .opaque("/opt/bin")
            .exe("/opt/bin/app", program("app"))
            .runs(),
        app("program-replaced-by-text")
            .layer("COPY app /opt/bin/")
            .exe("/opt/bin/app", "404: not found\n")
            .refused("exec", "ENOEXEC"),
        app("program-replaced-by-a-directory")
            .layer("COPY app /opt/bin/")
            .whiteout("/opt/bin/app")
            .layer("RUN mkdir")
            .dir("/opt/bin/app", 0o755)
            .refused("program", "EISDIR"),
        app("mode-changed")
            .layer("RUN chmod 644")
            .file("/opt/bin/app", 0o644, program("app"))
            .refused("program", "EACCES"),
        app("mode-of-the-directory-changed")
            .layer("RUN chmod 700 /opt/bin")
            .dir("/opt/bin", 0o700)
            .user("app")
            .refused("program", "EACCES"),
        app("mode-of-the-directory-mended")
            .dir("/opt/bin", 0o700)
            .layer("RUN chmod 755")
            .dir("/opt/bin", 0o755)
            .user("app")
            .runs(),
        busybox("shell-removed")
            .exe("/app", program("app"))
            .layer("RUN rm /bin/sh")
            .whiteout("/bin/sh")
            .shell("/app")
            .refused("program", "ENOENT"),
        busybox("busybox-removed")
            .exe("/app", program("app"))
            .layer("RUN rm /bin/busybox")
            .whiteout("/bin/busybox")
            .shell("/app")
            .refused("program", "ENOENT"),
        busybox("interpreter-removed")
            .exe("/run", "#!/bin/ash\n/bin/true\n")
            .layer("RUN rm /bin/ash")
            .whiteout("/bin/ash")
            .entrypoint(&["/run"])
            .refused("exec", "ENOENT"),
        debian("loader-removed")
            .exe("/app", program("glibc-app"))
            .layer("RUN rm ld.so")
            .whiteout("/usr/lib64/ld-linux-x86-64.so.2")
            .entrypoint(&["/app"])
            .refused("exec", "ENOENT"),
        debian("libc-removed")
            .exe("/app", program("glibc-app"))
            .layer("RUN apt-get purge -y libc6")
            .whiteout("/usr/lib/x86_64-linux-gnu/libc.so.6")
            .entrypoint(&["/app"])
            .dies(
                127,
                "libc.so.6: cannot open shared object file: No such file or directory",
            ),
        debian("library-removed")
            .exe("/app", program("glibc-greet1-lazy"))
            .exe("/usr/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .layer("RUN apt-get purge -y libgreet1")
            .whiteout("/usr/lib/libgreet.so.1")
            .entrypoint(&["/app"])
            .dies(127, NO_GREET),
        debian("library-downgraded")
            .exe("/app", program("glibc-greet3-now"))
            .exe("/usr/lib/libgreet.so.1", program("glibc-libgreet.so.1"))
            .layer("RUN apt-get install libgreet1=0.9")
            .exe(
                "/usr/lib/libgreet.so.1",
                program("glibc-libgreet-lacking.so.1"),
            )
            .entrypoint(&["/app"])
            .dies(127, "undefined symbol: greet_twice"),
        debian("library-of-bash-removed")
            .layer("RUN rm")
            .whiteout("/usr/lib/x86_64-linux-gnu/libtinfo.so.6")
            .entrypoint(&["bash", "-c", "true"])
            .dies(127, "libtinfo.so.6: cannot open shared object file"),
        debian("library-of-bash-removed-but-dash-runs")
            .exe("/app", program("app"))
            .layer("RUN rm")
            .whiteout("/usr/lib/x86_64-linux-gnu/libtinfo.so.6")
            .shell("exec /app")
            .runs(),
        busybox("passwd-removed")
            .exe("/app", program("app"))
            .layer("RUN rm /etc/passwd")
            .whiteout("/etc/passwd")
            .entrypoint(&["/app"])
            .user("app")
            .refused("user", "ENOENT"),
        busybox("user-added")
            .exe("/app", program("app"))
            .layer("RUN adduser late")
            .file(
                "/etc/passwd",
                0o644,
                "root:x:0:0::/root:/bin/sh\nlate:x:7:7::/:/bin/sh\n",
            )
            .entrypoint(&["/app"])
            .user("late")
            .runs(),
    ]
}
