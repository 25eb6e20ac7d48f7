//! Keys of Go's build information.

use super::Derive::FromBinary;
use super::ValueOf::Text;
use super::{Group, Key};
use crate::inspect::{Binary, GoBuild};

pub(super) const GO: Group = Group {
    title: "Go",
    summary: "Go's build information",
    keys: &[
        Key {
            name: "GO_VERSION",
            value: Text(FromBinary(|binary| {
                let version = &binary.go.as_ref()?.version;
                (!version.is_empty()).then(|| version.clone().into())
            })),
            doc: "version of the toolchain: `go1.22.1`",
        },
        Key {
            name: "GO_PATH",
            value: Text(FromBinary(|binary| of_build(binary, |go| &go.path))),
            doc: "import path of the main package",
        },
        Key {
            name: "GO_MODULE",
            value: Text(FromBinary(|binary| of_build(binary, |go| &go.module))),
            doc: "path of the main module",
        },
        Key {
            name: "GO_MODULE_VERSION",
            value: Text(FromBinary(|binary| {
                of_build(binary, |go| &go.module_version)
            })),
            doc: "version of the main module",
        },
        Key {
            name: "CGO_ENABLED",
            value: Text(FromBinary(|binary| setting(binary, "CGO_ENABLED"))),
            doc: "whether it was built with cgo: `0` or `1`",
        },
        Key {
            name: "GO_BUILDMODE",
            value: Text(FromBinary(|binary| setting(binary, "-buildmode"))),
            doc: "the build flag `-buildmode`",
        },
        Key {
            name: "GO_LDFLAGS",
            value: Text(FromBinary(|binary| setting(binary, "-ldflags"))),
            doc: "the build flag `-ldflags`",
        },
        Key {
            name: "GO_TAGS",
            value: Text(FromBinary(|binary| setting(binary, "-tags"))),
            doc: "the build flag `-tags`",
        },
        Key {
            name: "GO_TRIMPATH",
            value: Text(FromBinary(|binary| setting(binary, "-trimpath"))),
            doc: "the build flag `-trimpath`: `true`",
        },
        Key {
            name: "VCS_REVISION",
            value: Text(FromBinary(|binary| setting(binary, "vcs.revision"))),
            doc: "commit that it was built from",
        },
        Key {
            name: "VCS_TIME",
            value: Text(FromBinary(|binary| setting(binary, "vcs.time"))),
            doc: "time of that commit",
        },
        Key {
            name: "VCS_MODIFIED",
            value: Text(FromBinary(|binary| setting(binary, "vcs.modified"))),
            doc: "whether the source differed from that commit: `true` or `false`",
        },
        Key {
            name: "BUILD_GOOS",
            value: Text(FromBinary(|binary| setting(binary, "GOOS"))),
            doc: "GOOS as recorded by the build",
        },
        Key {
            name: "BUILD_GOARCH",
            value: Text(FromBinary(|binary| setting(binary, "GOARCH"))),
            doc: "GOARCH as recorded by the build",
        },
        Key {
            name: "GOHOSTOS",
            value: Text(FromBinary(|binary| {
                let os = binary.os.as_ref().filter(|_| is_go_command(binary));
                os.map(|os| os.value.clone().into())
            })),
            doc: "only for the `go` command: the operating system that it was built for",
        },
        Key {
            name: "GOHOSTARCH",
            value: Text(FromBinary(|binary| {
                let arch = binary.arch.as_ref().filter(|_| is_go_command(binary));
                arch.map(|arch| arch.value.clone().into())
            })),
            doc: "only for the `go` command: the architecture that it was built for",
        },
    ],
};

fn of_build(binary: &Binary, field: fn(&GoBuild) -> &Option<String>) -> Option<Vec<u8>> {
    let value = field(binary.go.as_ref()?).clone();
    value.map(String::into_bytes)
}

/// The value of a `build` line.
fn setting(binary: &Binary, name: &str) -> Option<Vec<u8>> {
    binary.go.as_ref()?.setting(name).map(Vec::from)
}

/// `go env GOHOSTOS` prints what the go command itself was built for (internal/buildcfg, zbootstrap.go).
fn is_go_command(binary: &Binary) -> bool {
    let path = binary.go.as_ref().and_then(|go| go.path.as_deref());
    path == Some("cmd/go")
}
