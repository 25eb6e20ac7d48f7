//! ELF files whose headers contradict each other, and ELF files that are shorter than their headers
//! say.

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, Level};
use super::role::Role;
use crate::inspect::{Binary, BinaryKind, Contradiction};
use crate::launch::image::{File, Image};
use crate::layer::printable;
use crate::tree::components;

/// The maximum number of libraries that a sentence lists.
const NAMES: usize = 8;

/// Checks the headers of every ELF file.
pub(super) fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) {
    for (file, &role) in image.files.iter().zip(roles) {
        let binary = &file.binary;
        if !binary.contradictions.is_empty()
            && let Some(level) = weigh(role, Level::Warn, Level::Warn)
        {
            drafts.file(Id::ContradictoryHeaders, level, file, contradictory(binary));
        }
        if let Some(needed) = binary.cut_short
            && !is_data(file, role)
        {
            let size = image.tree.node(file.node).map_or(0, |node| node.size);
            drafts.file(
                Id::TruncatedBinary,
                Level::Warn,
                file,
                cut_short(size, needed),
            );
        }
    }
}

/// Returns true if a file is data. Objects and kernel modules never run by themselves, so their role
/// does not count. They are useless if they are truncated.
fn is_data(file: &File, role: Role) -> bool {
    let runs = matches!(
        file.binary.kind,
        BinaryKind::Executable | BinaryKind::SharedLibrary
    );
    components(&file.path).any(|name| name == b"testdata") || (runs && role == Role::Data)
}

fn cut_short(size: u64, needed: u64) -> Text {
    Text {
        detail: format!("its headers describe {needed} bytes, and it has {size}"),
        hint: "the file was cut short before it came into the layer: copy or download it again"
            .to_owned(),
        group: "they are shorter than their headers say".to_owned(),
    }
}

fn contradictory(binary: &Binary) -> Text {
    let sentences = binary.contradictions.iter();
    let sentences: Vec<_> = sentences.map(|one| sentence(one, binary)).collect();
    Text {
        detail: sentences.join("; "),
        hint:
            "no linker writes such a file: find out where it comes from, and build or install it \
            again"
                .to_owned(),
        group: "their headers contradict each other".to_owned(),
    }
}

/// Returns a sentence with both readings: that of the kernel or loader, and that of a tool.
fn sentence(contradiction: &Contradiction, binary: &Binary) -> String {
    let loaded = list(&binary.needed);
    let interpreter = binary.interpreter.as_deref();
    match contradiction {
        Contradiction::SecondInterp(path) => format!(
            "there are two PT_INTERP: the kernel uses the first ({}), the other names {}",
            name(interpreter.unwrap_or_default()),
            name(path)
        ),
        Contradiction::InterpSection(path) => match interpreter {
            Some(used) => format!(
                "the section .interp names {}, and the kernel uses PT_INTERP, which names {}",
                name(path),
                name(used)
            ),
            None => format!(
                "the section .interp names {}, and the kernel uses none: there is no PT_INTERP",
                name(path)
            ),
        },
        Contradiction::SecondDynamic(shown) => format!(
            "there are two PT_DYNAMIC: the loader uses the last, which needs {loaded}; the other \
             shows {}",
            list(shown)
        ),
        Contradiction::DynamicOffset(shown) => format!(
            "a tool that goes by the offset of PT_DYNAMIC shows {}; the loader goes by its address, \
             where the file needs {loaded}",
            list(shown)
        ),
        Contradiction::DynamicSection(shown) => format!(
            "a tool that goes by the section .dynamic shows {}; the loader goes by PT_DYNAMIC, where \
             the file needs {loaded}",
            list(shown)
        ),
        Contradiction::ProgramHeaders(shown) => format!(
            "a tool that reads the program headers from the file shows {}; the loader finds others in \
             memory, by which the file needs {loaded}",
            list(shown)
        ),
        Contradiction::HeaderAddress(shown) => format!(
            "PT_PHDR names an address where the program headers are not: a tool shows {}, the loader \
             reads elsewhere, where the file needs {loaded}",
            list(shown)
        ),
    }
}

fn name(path: &[u8]) -> String {
    match path {
        b"" => "nothing".to_owned(),
        path => printable(path),
    }
}

fn list(names: &[Vec<u8>]) -> String {
    if names.is_empty() {
        return "no library".to_owned();
    }
    let shown: Vec<_> = names
        .iter()
        .take(NAMES)
        .map(|name| printable(name))
        .collect();
    match names.len().checked_sub(NAMES) {
        None | Some(0) => shown.join(" "),
        Some(more) => format!("{} and {more} more", shown.join(" ")),
    }
}
