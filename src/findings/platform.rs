//! Checks whether executables are for the machine and the system that the image declares.

use std::collections::BTreeMap;

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, Level};
use super::role::Role;
use crate::image::Platform;
use crate::inspect::{BinaryKind, Format};
use crate::launch::image::{File, Image};
use crate::launch::machine::can_run;
use crate::layer::printable;

/// Returns true if a PE file is for no particular system: a .NET assembly with only IL, or an EFI
/// program.
fn is_for_any_system(file: &File) -> bool {
    file.binary.format == Format::Pe && file.os() == "unknown"
}

/// Returns true if a file is a .NET assembly with only IL. EFI programs have the same facts, so the
/// file name tells them apart.
fn is_assembly(file: &File) -> bool {
    let name = file.name().to_ascii_lowercase();
    is_for_any_system(file) && !name.ends_with(b".efi")
}

/// Returns true if the image has a runtime for .NET assemblies: `dotnet`, Mono, or the runtime of a
/// self-contained program.
fn has_dotnet(image: &Image<'_>) -> bool {
    let is_runtime = |name: &[u8]| {
        let whole: [&[u8]; 5] = [
            b"dotnet",
            b"mono",
            b"mono-sgen",
            b"libcoreclr.so",
            b"libmonosgen-2.0.so",
        ];
        whole.contains(&name) || name.starts_with(b"libmonosgen-2.0.so.")
    };
    let mut native = image
        .files
        .iter()
        .filter(|f| f.binary.format == Format::Elf);
    native.any(|file| is_runtime(file.name()))
}

/// Returns true if a file is a program for a particular machine and system, and not a script or an
/// archive.
fn is_program(file: &File) -> bool {
    let native = !matches!(
        file.binary.format,
        Format::Script | Format::Ar | Format::GoArchive | Format::Wasm
    );
    let machine = native && !is_for_any_system(file) && file.arch() != "bpf";
    machine && file.binary.kind == BinaryKind::Executable
}

/// Returns true if one of the platforms in a file fits.
fn fits(platform: &Platform, file: &File) -> bool {
    let slices = &file.binary.slices;
    if slices.is_empty() {
        return can_run(platform, file.os(), file.arch());
    }
    slices.iter().any(|slice| {
        let of = |name: &Option<String>| name.clone().unwrap_or_default();
        can_run(platform, &of(&slice.os), &of(&slice.arch))
    })
}

/// Compares executables with the declared platform.
pub(super) fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) {
    let declared = &image.declared.platform;
    let files = image.files.iter().zip(roles);
    for (file, &role) in files.filter(|(file, _)| is_program(file) && file.may_run) {
        let (os, arch) = (file.os(), file.arch());
        let named = format!("{os}/{arch}");
        if !can_run(declared, os, "") && !fits(declared, file) {
            if let Some(level) = weigh(role, Level::Fail, Level::Fail) {
                let text = Text {
                    detail: format!("it is a program for {named}, in an image for {declared}"),
                    hint: format!("build it with GOOS={} or for that system", declared.os),
                    group: format!("programs for {named}"),
                };
                drafts.file(Id::WrongOs, level, file, text);
            }
        } else if !fits(declared, file) {
            if let Some(level) = weigh(role, Level::Fail, Level::Warn) {
                let text = Text {
                    detail: format!(
                        "it is made for {named}, in an image for {declared}: \"exec format error\""
                    ),
                    hint: build_hint(declared),
                    group: format!("made for {named}"),
                };
                drafts.file(Id::ArchMismatch, level, file, text);
            }
        } else if let Some((wants, has)) = too_new(declared, file)
            && let Some(level) = weigh(role, Level::Fail, Level::Warn)
        {
            // Without a declared variant, the image may be meant for newer processors only.
            let (level, declares) = match declared.variant {
                Some(_) => (level, format!("the image declares {has}")),
                None => (
                    level.min(Level::Warn),
                    format!("the image declares no variant, which means {has}"),
                ),
            };
            let text = Text {
                detail: format!("it is built for {wants}, and {declares}"),
                hint: format!("build it for {has}, or declare the variant that it needs"),
                group: format!("built for {wants}"),
            };
            drafts.file(Id::VariantTooNew, level, file, text);
        }
    }
    assemblies(image, roles, drafts);
    claims(image, roles, drafts);
}

/// Reports .NET assemblies in an image without a runtime for them.
fn assemblies(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) {
    let is_run = |file: &File| {
        is_assembly(file) && file.binary.kind == BinaryKind::Executable && file.may_run
    };
    let files = image.files.iter().zip(roles);
    let mut files = files.filter(|(file, _)| is_run(file)).peekable();
    if files.peek().is_none() || has_dotnet(image) {
        return;
    }
    for (file, &role) in files {
        let level = match role {
            Role::Start => Level::Fail,
            Role::Possible | Role::Tool | Role::Idle => Level::Warn,
            Role::Other => Level::Info,
            Role::Data => continue,
        };
        let text = Text {
            detail:
                "it is a .NET assembly without native code, and the image has neither dotnet nor mono \
                 to run it"
                    .to_owned(),
            hint: "use a base image with the runtime, or publish it self-contained".to_owned(),
            group: ".NET assemblies, without a runtime".to_owned(),
        };
        drafts.file(Id::WrongOs, level, file, text);
    }
}

fn build_hint(declared: &Platform) -> String {
    format!(
        "build it for {declared}: in a Dockerfile, FROM --platform=$BUILDPLATFORM for the build stage \
         and GOARCH=$TARGETARCH, or docker build --platform {declared}"
    )
}

/// Returns the variant that a file needs and the declared one, if the file needs a newer one.
fn too_new(declared: &Platform, file: &File) -> Option<(String, String)> {
    if file.arch() != declared.arch {
        return None;
    }
    let of = |key| {
        let found = file.binary.variants.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| value.as_str())
    };
    let (key, usual) = match declared.arch.as_str() {
        "arm" => ("GOARM", "v7"),
        "amd64" => ("GOAMD64", "v1"),
        "arm64" => ("GOARM64", "v8"),
        _ => return None,
    };
    let value = of(key)?;
    let level = |text: &str| -> Option<(u32, u32)> {
        let text = text.split(',').next()?.trim_start_matches('v');
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let has = declared.variant.as_deref().unwrap_or(usual);
    let (wants, allowed) = (level(value)?, level(has)?);
    // OCI's variants of arm64 do not distinguish the minor versions of Armv8.
    let newer = match declared.arch.as_str() {
        "arm64" => wants.0 > allowed.0,
        _ => wants > allowed,
    };
    let arch = &declared.arch;
    let version = value.split(',').next().unwrap_or(value);
    let version = version.trim_start_matches('v');
    newer.then(|| (format!("{arch}/v{version}"), format!("{arch}/{has}")))
}

/// Reports disagreements between the config, the index and the majority of the programs, and among the
/// programs themselves.
fn claims(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) {
    let declared = &image.declared.platform;
    if let Some(index) = &image.declared.index_platform {
        let variants = [index, declared].map(|p| p.variant.as_deref().unwrap_or_default());
        let usual = |variant: &str| variant.is_empty();
        let same_variant = variants[0] == variants[1] || usual(variants[0]) || usual(variants[1]);
        if index.os != declared.os || index.arch != declared.arch || !same_variant {
            let text = (
                format!("the index says {index}, the config says {declared}"),
                "build the image again for the platform it is listed under".to_owned(),
            );
            drafts.image(Id::ConfigMismatch, Level::Fail, b"", None, text);
        }
    }
    // The files for each platform.
    let mut machines: BTreeMap<String, Vec<&File>> = BTreeMap::new();
    for (file, &role) in image.files.iter().zip(roles) {
        let counts = role != Role::Data && is_program(file) && file.may_run;
        if counts && file.binary.slices.is_empty() {
            let platform = format!("{}/{}", file.os(), file.arch());
            machines.entry(platform).or_default().push(file);
        }
    }
    let all: usize = machines.values().map(Vec::len).sum();
    let bulk = machines.iter().max_by_key(|(_, files)| files.len());
    if let Some((platform, files)) = bulk
        && files.len() * 2 > all
        && let Some(first) = files.first()
        && !can_run(declared, first.os(), first.arch())
    {
        let text = (
            format!(
                "the config declares {declared}, and {} of {all} programs are for {platform}",
                files.len()
            ),
            format!("build the image with --platform {platform}, or its programs for {declared}"),
        );
        drafts.image(Id::ConfigMismatch, Level::Fail, b"", None, text);
    }
    mixed(image, &machines, drafts);
}

/// Reports programs for machines that cannot run each other's programs.
fn mixed(image: &Image<'_>, machines: &BTreeMap<String, Vec<&File>>, drafts: &mut Drafts) {
    // Prefer programs that fit the declared platform as the reference for the others.
    let declared = &image.declared.platform;
    let fits = |files: &[&File]| {
        let first = files.first();
        first.is_some_and(|file| can_run(declared, file.os(), file.arch()))
    };
    let bulk = machines
        .iter()
        .max_by_key(|(_, files)| (fits(files), files.len()));
    let Some((bulk, most)) = bulk else {
        return;
    };
    let Some(main) = most.first() else {
        return;
    };
    let main = Platform {
        os: main.os().to_owned(),
        arch: main.arch().to_owned(),
        variant: None,
    };
    for (platform, files) in machines {
        let Some(first) = files.first() else {
            continue;
        };
        let same_os = first.os() == main.os;
        if platform == bulk || !same_os || can_run(&main, first.os(), first.arch()) {
            continue;
        }
        let mut layers: Vec<u32> = files.iter().map(|file| file.layer).collect();
        layers.sort_unstable();
        layers.dedup();
        let one = layers.first().copied();
        let line = one.and_then(|layer| image.declared.created_by.get(layer as usize)?.as_deref());
        let line = line.map(|line| format!(" ({line})")).unwrap_or_default();
        let numbers: Vec<String> = layers.iter().map(u32::to_string).collect();
        let text = (
            format!(
                "{} of the programs are for {platform}, such as {}, from layer {}{line}; {} are for {bulk}",
                files.len(),
                printable(&first.path),
                numbers.join(", "),
                most.len(),
            ),
            "a build stage used the platform of the host: give every FROM of the Dockerfile the same \
             --platform"
                .to_owned(),
        );
        drafts.image(Id::MixedArchitectures, Level::Warn, b"", one, text);
    }
}
