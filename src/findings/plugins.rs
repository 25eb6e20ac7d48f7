//! Plugins that programs load with dlopen(3): add-ons of Node, extension modules of Python, PAM, NSS,
//! gconv, and modules of Apache, nginx, Perl, PHP, Ruby and R.
//!
//! No header says which program loads a plugin, so plugins are recognized by their directories and
//! names. A plugin does not load if it is built for another machine or system, for another C library,
//! or for a newer C library than the image's. A package with one build for each platform is fine if one
//! build fits.

use std::collections::{HashMap, HashSet};
use std::io;

use super::alternatives;
use super::draft::{Drafts, Text};
use super::finding::{Id, Level};
use super::plugin_libraries::Libraries;
use super::role::{self, Roots};
use super::subject::libc_name;
use crate::inspect::{BinaryKind, Libc};
use crate::launch::image::{File, Image, base, parent};
use crate::launch::machine::can_run;
use crate::layer::printable;
use crate::tree::components;

/// The ids that the rule about loading reports for a library by itself.
const LOADING: [Id; 3] = [Id::MissingLibrary, Id::GlibcTooOld, Id::MissingSymbol];

/// The program or language that loads a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// Node's `require` (`*.node`).
    Node,
    /// Python's `import`, for a file whose name has a Python version (PEP 3149) or `abi3`.
    PythonTagged,
    /// Python, for a library below `site-packages`, `dist-packages` or `lib-dynload`.
    Python,
    /// A program or library of the system. The text names its plugins.
    System(&'static str),
}

impl Host {
    /// Returns the host that loads a file of this path. `None` if it does not look like a plugin.
    fn of(path: &[u8]) -> Option<Self> {
        let name = base(path);
        if name.ends_with(b".node") {
            return Some(Self::Node);
        }
        let dir = parent(path);
        if name.starts_with(b"libnss_") && name.ends_with(b".so.2") {
            return Some(Self::System("NSS modules"));
        }
        let stem = name.strip_suffix(b".so")?;
        let has = |word: &[u8]| components(dir).any(|name| name == word);
        let tagged = |tag: &[u8]| memchr::memmem::find(stem, tag).is_some();
        if tagged(b".cpython-") || tagged(b".pypy") || stem.ends_with(b".abi3") {
            return Some(Self::PythonTagged);
        }
        if has(b"site-packages") || has(b"dist-packages") || has(b"lib-dynload") {
            return Some(Self::Python);
        }
        let above = base(parent(dir));
        Some(Self::System(match base(dir) {
            b"security" if name.starts_with(b"pam_") => "PAM modules",
            b"gconv" => "gconv modules",
            b"modules" if matches!(above, b"apache2" | b"httpd") => "Apache modules",
            b"modules" if above == b"nginx" => "nginx modules",
            b"libs" if has(b"R") => "R packages",
            _ if has(b"auto") && has_prefix(dir, b"perl") => "Perl modules",
            _ if above == b"extensions" || has_prefix(above, b"php") => "PHP extensions",
            _ if has(b"gems") || has(b"ruby") => "Ruby extensions",
            _ => return None,
        }))
    }

    /// Returns the name of such plugins, in the plural.
    fn name(self) -> &'static str {
        match self {
            Self::Node => "Node add-ons",
            Self::PythonTagged | Self::Python => "Python extension modules",
            Self::System(name) => name,
        }
    }

    /// Returns true if packages ship plugins of this kind for several platforms side by side, under
    /// names that distinguish them. Other plugins whose names contain another platform are treated as
    /// data.
    fn has_alternatives(self) -> bool {
        matches!(self, Self::Node | Self::PythonTagged)
    }
}

/// Returns true if a component of a path starts with `prefix`.
fn has_prefix(path: &[u8], prefix: &[u8]) -> bool {
    components(path).any(|name| name.starts_with(prefix))
}

/// The reason why a plugin does not load, with the texts of the finding.
struct Misfit {
    id: Id,
    fit: Fit,
    detail: String,
    hint: String,
    group: String,
}

/// How close a plugin comes to loading in the image. Later variants are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The plugin is for another system.
    OtherSystem,
    /// The plugin is for another machine.
    OtherMachine,
    /// Only the C library does not fit.
    OtherLibc,
    /// The plugin loads.
    Loads,
}

/// Checks every plugin of the image.
///
/// # Errors
/// Returns an error if the symbols of a plugin cannot be read.
pub(super) fn check(image: &Image<'_>, drafts: &mut Drafts) -> io::Result<()> {
    let plugins: Vec<(&File, Host)> = image
        .files
        .iter()
        .filter(|file| file.binary.kind == BinaryKind::SharedLibrary)
        .filter_map(|file| Some((file, Host::of(&file.path)?)))
        .collect();
    if plugins.is_empty() {
        return Ok(());
    }
    let roots = Roots::find(image);
    let mut known = HashMap::new();
    let mut is_apart =
        |file: &File| roots.holds(image, file.node, &mut known) || role::is_test_data(&file.path);
    let libraries = Libraries::new(image, &mut is_apart);
    // For each plugin that comes in several builds, the best fit of all builds.
    let mut best: HashMap<String, Fit> = HashMap::new();
    let mut built: HashSet<&[u8]> = HashSet::new();
    let mut misfits = Vec::new();
    for (file, host) in plugins {
        if is_apart(file) {
            continue;
        }
        let misfit = misfit(image, &libraries, file, host)?;
        let fit = misfit.as_ref().map_or(Fit::Loads, |misfit| misfit.fit);
        if host.has_alternatives() {
            let known = best.entry(alternatives::key(&file.path)).or_insert(fit);
            *known = fit.max(*known);
            if fit == Fit::Loads {
                let at = memchr::memmem::rfind(&file.path, b"/build/");
                built.extend(at.and_then(|at| file.path.get(..at)));
            }
        }
        misfits.extend(misfit.map(|misfit| (file, host, misfit)));
    }
    for (file, host, misfit) in misfits {
        // Missing libraries of a plugin that does not load at all are not worth a finding.
        drafts.cover(file.node, &LOADING, Level::Info);
        let other = match host.has_alternatives() {
            true => {
                let package = alternatives::prebuilt_package(&file.path);
                // If no build loads, report only those with the best fit.
                let best = best.get(&alternatives::key(&file.path));
                best.is_some_and(|best| *best > misfit.fit)
                    || package.is_some_and(|package| built.contains(package))
            }
            false => role::names_its_platform(image, file),
        };
        if other {
            continue;
        }
        let text = Text {
            detail: misfit.detail,
            hint: misfit.hint,
            group: misfit.group,
        };
        drafts.file(misfit.id, Level::Warn, file, text);
    }
    Ok(())
}

/// Returns the name of one such plugin, with its article: `a Node add-on`.
fn singular(kind: &str) -> String {
    let vowel = ["Apache", "NSS", "nginx"]
        .iter()
        .any(|word| kind.starts_with(word));
    let article = if vowel { "an" } else { "a" };
    format!("{article} {}", kind.strip_suffix('s').unwrap_or(kind))
}

/// Returns the reason why a plugin does not load in this image. `None` if it loads, or if that is
/// unknown.
fn misfit(
    image: &Image<'_>,
    libraries: &Libraries<'_>,
    file: &File,
    host: Host,
) -> io::Result<Option<Misfit>> {
    let declared = &image.declared.platform;
    let kind = host.name();
    let one = singular(kind);
    let named = format!("{}/{}", file.os(), file.arch());
    let install = match host {
        Host::Node => "install the packages of Node in a stage of the image's platform",
        Host::Python | Host::PythonTagged => {
            "install the packages of Python in a stage of the image's platform"
        }
        Host::System(_) => "take it from a package for the image's platform",
    };
    if !can_run(declared, file.os(), "") {
        return Ok(Some(Misfit {
            id: Id::WrongOs,
            fit: Fit::OtherSystem,
            detail: format!("it is {one} built for {named}, in an image for {declared}"),
            hint: install.to_owned(),
            group: format!("{kind} built for {named}"),
        }));
    }
    if !can_run(declared, file.os(), file.arch()) {
        return Ok(Some(Misfit {
            id: Id::ArchMismatch,
            fit: Fit::OtherMachine,
            detail: format!(
                "it is {one} made for {named}, in an image for {declared}: it does not load"
            ),
            hint: install.to_owned(),
            group: format!("{kind} made for {named}"),
        }));
    }
    let Some(machine) = file.machine() else {
        return Ok(None);
    };
    let Some((wants, has)) = libraries.libcs(&machine, file.binary.libc) else {
        return Ok(None);
    };
    if wants != has {
        let lacking = match has {
            Libc::Musl => libraries.lacking_in_musl(&machine, file)?,
            _ => Some(String::new()),
        };
        let Some(lacking) = lacking else {
            return Ok(None);
        };
        let (wants, has) = (libc_name(Some(wants)), libc_name(Some(has)));
        return Ok(Some(Misfit {
            id: Id::LibcMismatch,
            fit: Fit::OtherLibc,
            detail: format!("it is {one} built for {wants}, and the image has {has}{lacking}"),
            hint: format!("install the build for {has}, or use a base image with {wants}"),
            group: format!("{kind} built for {wants}, in an image with {has}"),
        }));
    }
    // musl has no symbol versions.
    if wants != Libc::Glibc {
        return Ok(None);
    }
    Ok(libraries.lacking(&machine, file).map(|(library, version)| {
        let (library, version) = (printable(&library), printable(&version));
        Misfit {
            id: Id::GlibcTooOld,
            fit: Fit::OtherLibc,
            detail: format!("{library} does not define {version}, which it needs"),
            hint: format!(
                "use a base image whose library defines {version}, or an older build of the plugin"
            ),
            group: format!("{kind} that need {version} of {library}"),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_told_by_their_paths() {
        let host = |path: &str| Host::of(path.as_bytes()).map(Host::name);
        for (path, name) in [
            ("/app/node_modules/a/build/Release/a.node", "Node add-ons"),
            (
                "/usr/lib/python3/dist-packages/_cffi.cpython-311-x86_64-linux-gnu.so",
                "Python extension modules",
            ),
            (
                "/venv/cryptography/_rust.abi3.so",
                "Python extension modules",
            ),
            (
                "/usr/lib/python3.11/lib-dynload/_bz2.so",
                "Python extension modules",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
                "PAM modules",
            ),
            ("/lib/x86_64-linux-gnu/libnss_ldap.so.2", "NSS modules"),
            ("/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", "gconv modules"),
            ("/usr/lib/apache2/modules/mod_ssl.so", "Apache modules"),
            (
                "/usr/lib/nginx/modules/ngx_http_js_module.so",
                "nginx modules",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/perl-base/auto/Fcntl/Fcntl.so",
                "Perl modules",
            ),
            (
                "/usr/local/lib/php/extensions/no-debug-non-zts-20220829/intl.so",
                "PHP extensions",
            ),
            ("/usr/lib/php/20220829/opcache.so", "PHP extensions"),
            (
                "/usr/lib/ruby/3.1.0/x86_64-linux/date_core.so",
                "Ruby extensions",
            ),
            ("/usr/lib/R/library/stats/libs/stats.so", "R packages"),
        ] {
            assert_eq!(host(path), Some(name), "{path}");
        }
        for path in [
            "/usr/lib/x86_64-linux-gnu/libssl.so.3",
            "/usr/lib/x86_64-linux-gnu/libfoo.so",
            "/usr/lib/x86_64-linux-gnu/security/other.so",
            "/usr/lib/ruby/script",
        ] {
            assert_eq!(host(path), None, "{path}");
        }
    }
}
