//! The images and their errors.
//!
//! Layers are counted from 0. The program of most images is /usr/local/bin/app, which the layer after
//! those of its base brings; one more layer follows, without any findings.

use super::{Base, Case, Expected, Outcome, Place};
use Outcome::{Crashes, Dies, NotExecutable, NotFound, Nothing, Says};
use Place::{Anywhere, At, Under};

const APP: &str = "/usr/local/bin/app";

const fn found(id: &'static str, level: &'static str, place: Place, layer: u32) -> Expected {
    Expected {
        id,
        level,
        place,
        layer: Some(layer),
        platform: None,
        on_host: false,
    }
}

const NO_LIBRARY: &str =
    "error while loading shared libraries: libanswer.so.1: cannot open shared object file";

/// Returns a finding about the program.
const fn app(id: &'static str, level: &'static str, layer: u32) -> Expected {
    found(id, level, At(APP), layer)
}

/// Returns a finding about the image, or one whose layer is not compared.
const fn somewhere(id: &'static str, level: &'static str) -> Expected {
    Expected {
        layer: None,
        ..found(id, level, Anywhere, 0)
    }
}

const fn of(platform: &'static str, expected: Expected) -> Expected {
    Expected {
        platform: Some(platform),
        ..expected
    }
}

/// Returns a case whose program fails in that way and prints `hello` in the twin.
const fn case(
    number: u8,
    [broken, healthy]: [&'static str; 2],
    findings: &'static [Expected],
    fails: Outcome,
) -> Case {
    Case {
        number,
        broken,
        healthy,
        platform: None,
        findings,
        also: &[],
        command: &[APP],
        fails,
        works: Says("hello"),
    }
}

/// All failures, in the order of their numbers.
pub const CASES: &[Case] = &[
    // An image declares one machine, and its program is for another.
    Case {
        also: &["config-mismatch"],
        ..case(
            1,
            ["arm64-in-amd64", "go-amd64"],
            &[app("arch-mismatch", "fail", 1)],
            NotExecutable,
        )
    },
    // The reverse: the declared machine is not this one.
    Case {
        also: &["config-mismatch"],
        works: NotExecutable,
        ..case(
            1,
            ["amd64-in-arm64", "go-arm64"],
            &[app("arch-mismatch", "fail", 1)],
            Says("hello"),
        )
    },
    // The stage that the program was copied from was built for another machine than the base.
    case(
        2,
        ["arm64-on-amd64-base", "amd64-on-amd64-base"],
        &[
            app("arch-mismatch", "fail", 2),
            somewhere("mixed-architectures", "warn"),
        ],
        NotExecutable,
    ),
    // The base is for the build host, and the program is right.
    Case {
        also: &["config-mismatch", "missing-library"],
        works: NotExecutable,
        ..case(
            2,
            ["arm64-on-builders-base", "arm64-on-arm64-base"],
            &[
                app("missing-loader", "fail", 2),
                found("arch-mismatch", "warn", At("/usr/bin/dash"), 0),
                somewhere("mixed-architectures", "warn"),
            ],
            NotExecutable,
        )
    },
    // A dynamic program without its loader: it never existed, or was removed.
    Case {
        also: &["missing-library"],
        ..case(
            3,
            ["no-loader", "amd64-on-amd64-base"],
            &[app("missing-loader", "fail", 2)],
            NotFound,
        )
    },
    case(
        3,
        ["loader-removed", "amd64-on-amd64-base"],
        &[
            app("missing-loader", "fail", 2),
            // A tool that the image does not start.
            found("missing-loader", "warn", At("/usr/bin/dash"), 0),
        ],
        NotFound,
    ),
    case(
        3,
        ["no-library", "with-library"],
        &[app("missing-library", "fail", 2)],
        Dies(NO_LIBRARY),
    ),
    Case {
        also: &["arch-mismatch", "mixed-architectures"],
        ..case(
            3,
            ["library-for-arm64", "with-library"],
            &[app("missing-library", "fail", 3)],
            Dies(NO_LIBRARY),
        )
    },
    // ld.so reads its cache, not its configuration.
    case(
        3,
        ["library-not-in-cache", "library-in-cache"],
        &[app("missing-library", "fail", 4)],
        Dies(NO_LIBRARY),
    ),
    case(
        3,
        ["no-library", "library-by-runpath"],
        &[app("missing-library", "fail", 2)],
        Dies(NO_LIBRARY),
    ),
    Case {
        command: &[
            "/bin/sh",
            "-c",
            "LD_LIBRARY_PATH=/opt/answer/lib exec /usr/local/bin/app",
        ],
        ..case(
            3,
            ["no-library", "library-by-environment"],
            &[app("missing-library", "fail", 2)],
            Dies(NO_LIBRARY),
        )
    },
    // A program for glibc on musl, which does not have getaddrinfo_a.
    Case {
        also: &["missing-library"],
        ..case(
            4,
            ["glibc-on-musl", "musl-on-musl"],
            &[app("libc-mismatch", "fail", 3)],
            Dies("Error relocating /usr/local/bin/app: getaddrinfo_a: symbol not found"),
        )
    },
    Case {
        also: &["missing-library", "libc-mismatch", "missing-symbol"],
        ..case(
            4,
            ["glibc-on-musl-without-loader", "glibc-on-glibc"],
            &[app("missing-loader", "fail", 2)],
            NotFound,
        )
    },
    Case {
        also: &["missing-library", "libc-mismatch", "missing-symbol"],
        ..case(
            4,
            ["musl-on-glibc", "musl-on-musl"],
            &[app("missing-loader", "fail", 2)],
            NotFound,
        )
    },
    // Built with glibc 2.36, run with 2.31.
    Case {
        also: &["missing-symbol"],
        ..case(
            5,
            ["glibc-too-old", "amd64-on-amd64-base"],
            &[app("glibc-too-old", "fail", 2)],
            Dies("version `GLIBC_2.34' not found (required by /usr/local/bin/app)"),
        )
    },
    case(
        5,
        ["glibc-too-old-for-library", "glibc-old-enough"],
        &[somewhere("glibc-too-old", "fail")],
        Dies("version `GLIBC_2.34' not found (required by "),
    ),
    // CGO_ENABLED=0 -buildmode=pie: needs no library, but names a loader.
    case(
        6,
        ["go-pie", "go-amd64"],
        &[app("missing-loader", "fail", 1)],
        NotFound,
    ),
    // A static glibc program that looks up users: without user databases, and without the libraries that
    // it loads for this.
    case(
        7,
        ["static-nss-no-passwd", "static-nss"],
        &[app("user-lookup", "info", 1)],
        Dies("there is no user app"),
    ),
    case(
        7,
        ["static-nss-no-libraries", "static-nss-libraries"],
        &[app("user-lookup", "info", 1)],
        Dies("there is no user app"),
    ),
    // CGO_ENABLED=0, and the files that it looks for are missing: users (including the image's own),
    // roots, time zones.
    case(
        8,
        ["go-user-no-passwd", "go-user"],
        &[
            app("user-lookup", "info", 1),
            // The user that the image runs as.
            Expected {
                layer: None,
                ..found("user-lookup", "fail", At("/etc/passwd"), 0)
            },
        ],
        Dies("open /etc/passwd: no such file or directory"),
    ),
    case(
        8,
        ["go-tls-no-roots", "go-tls"],
        &[app("no-ca-certificates", "warn", 2)],
        Dies("x509: certificate signed by unknown authority"),
    ),
    case(
        8,
        ["go-no-zones", "go-zones"],
        &[app("no-timezone-data", "warn", 2)],
        Dies("unknown time zone Europe/Berlin"),
    ),
    case(
        8,
        ["go-no-zones", "go-zones-embedded"],
        &[app("no-timezone-data", "warn", 2)],
        Dies("unknown time zone Europe/Berlin"),
    ),
    // For another system.
    Case {
        also: &["config-mismatch"],
        ..case(
            9,
            ["darwin-in-linux", "go-amd64"],
            &[app("wrong-os", "fail", 1)],
            NotExecutable,
        )
    },
    Case {
        also: &["config-mismatch"],
        ..case(
            9,
            ["windows-in-linux", "go-amd64"],
            &[app("wrong-os", "fail", 1)],
            NotExecutable,
        )
    },
    // A Go toolchain for another host.
    Case {
        also: &["wrong-os"],
        ..toolchain("toolchain-darwin")
    },
    Case {
        also: &["arch-mismatch", "mixed-architectures"],
        ..toolchain("toolchain-arm64")
    },
    // Go packages compiled for two machines, in one directory.
    Case {
        command: &[],
        works: Nothing,
        ..case(
            11,
            ["build-cache-mixed", "build-cache"],
            &[found(
                "mixed-build-cache",
                "warn",
                Under("/root/.cache/go-build"),
                2,
            )],
            Nothing,
        )
    },
    Case {
        command: &[],
        works: Nothing,
        ..case(
            11,
            ["pkg-mixed", "pkg"],
            &[found(
                "mixed-build-cache",
                "warn",
                Under("/go/pkg/linux_amd64"),
                2,
            )],
            Nothing,
        )
    },
    // A linker flag claims another machine than the header.
    Case {
        works: NotExecutable,
        ..case(
            12,
            ["claims-amd64", "claims-right-arm64"],
            &[app("identity-mismatch", "fail", 1)],
            NotExecutable,
        )
    },
    Case {
        works: Says("hello amd64"),
        ..case(
            12,
            ["claims-arm64", "claims-right-amd64"],
            &[app("identity-mismatch", "fail", 1)],
            Says("hello arm64"),
        )
    },
    // The header was changed after the build.
    Case {
        also: &["config-mismatch"],
        ..case(
            12,
            ["patched-to-arm64", "go-amd64"],
            &[
                app("identity-mismatch", "fail", 1),
                app("arch-mismatch", "fail", 1),
            ],
            NotExecutable,
        )
    },
    case(
        12,
        ["patched-to-amd64", "go-amd64"],
        &[app("identity-mismatch", "fail", 1)],
        Crashes,
    ),
    // An index in which the manifest of one platform contains the program of the other, and an index in
    // which the whole image is the other's.
    Case {
        platform: Some("linux/arm64"),
        also: &["config-mismatch"],
        works: NotExecutable,
        ..case(
            13,
            ["index-with-others-binaries", "index"],
            &[of("linux/arm64", app("arch-mismatch", "fail", 1))],
            Says("hello"),
        )
    },
    Case {
        platform: Some("linux/arm64"),
        also: &["arch-mismatch"],
        works: NotExecutable,
        ..case(
            13,
            ["index-with-others-image", "index"],
            &[of("linux/arm64", somewhere("config-mismatch", "fail"))],
            Says("hello"),
        )
    },
    // The image has no errors, but this host needs an emulator.
    case(
        14,
        ["go-arm64", "go-amd64"],
        &[Expected {
            on_host: true,
            ..somewhere("needs-emulation", "info")
        }],
        NotExecutable,
    ),
    // A script whose interpreter is missing, one whose line endings make it another name, and one that
    // finds it with env(1).
    case(
        15,
        ["script-no-interpreter", "script"],
        &[app("missing-interpreter", "fail", 2)],
        NotFound,
    ),
    case(
        15,
        ["script-crlf", "script"],
        &[app("missing-interpreter", "fail", 2)],
        NotFound,
    ),
    case(
        15,
        ["script-env-no-interpreter", "script-env"],
        &[app("missing-interpreter", "fail", 2)],
        Dies("env: can't execute 'bash': No such file or directory"),
    ),
    // Code for ARMv7 in an image for ARMv6.
    Case {
        works: NotExecutable,
        ..case(
            16,
            ["armv7-in-armv6", "armv6"],
            &[app("variant-too-new", "fail", 1)],
            NotExecutable,
        )
    },
];

const fn toolchain(broken: &'static str) -> Case {
    Case {
        command: &["/usr/local/go/bin/go", "version"],
        works: Says("go version go1.19"),
        ..case(10, [broken, "toolchain"], TOOLCHAIN, NotExecutable)
    }
}

const TOOLCHAIN: &[Expected] = &[found(
    "foreign-toolchain",
    "warn",
    At("/usr/local/go/bin/go"),
    3,
)];

/// The images without errors.
pub const BASES: &[Base] = &[
    Base {
        name: "bookworm",
        command: &["/bin/bash", "-c", "echo hello | sed s/e/a/"],
        says: "hallo\n",
    },
    Base {
        name: "trixie",
        command: &["/bin/bash", "-c", "echo hello | sed s/e/a/"],
        says: "hallo\n",
    },
    Base {
        name: "musl",
        command: &["/bin/sh", "-c", "uses-library | sed s/hello/hallo/"],
        says: "hallo 42\n",
    },
    Base {
        name: "distroless",
        command: &["/usr/bin/openssl", "version"],
        says: "OpenSSL 3.0",
    },
];

const fn trap(name: &'static str) -> Base {
    Base {
        name,
        command: &[APP],
        says: "hello",
    }
}

/// Images that look wrong in some way, but run.
pub const TRAPS: &[Base] = &[
    trap("other-386"),
    trap("other-releases"),
    trap("other-sysroot"),
    trap("other-libc"),
    trap("other-user"),
];
