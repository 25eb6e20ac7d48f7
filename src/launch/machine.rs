//! Decides which programs a kernel can run.

use crate::image::Platform;

/// Returns true if a kernel of a platform runs programs of an operating system and a machine, in Go's
/// names: its own programs, and those of the smaller machine that its processors also run. An empty
/// name fits everything, and so does a platform without names, because Docker and Podman treat an image
/// without a declared platform as one for the host.
pub(crate) fn can_run(platform: &Platform, os: &str, arch: &str) -> bool {
    let system = os.is_empty()
        || platform.os.is_empty()
        || os == platform.os
        || (platform.os == "linux" && os == "android");
    let machine = arch.is_empty()
        || platform.arch.is_empty()
        || arch == platform.arch
        || matches!(
            (platform.arch.as_str(), arch),
            ("amd64", "386" | "x32")
                | ("arm64", "arm")
                | ("s390x", "s390")
                | ("sparc64", "sparc")
                | ("ppc64", "ppc")
                | ("mips64", "mips")
                | ("mips64le", "mipsle")
        );
    system && machine
}
