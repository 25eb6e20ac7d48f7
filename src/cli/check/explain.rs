//! The explanation of each finding, from the copy of docs/findings.md in the program.

use crate::findings::Id;

const DOCUMENT: &str = include_str!("../../../docs/findings.md");

/// Returns where the finding is explained.
pub(super) fn place(id: Id) -> String {
    format!("docs/findings.md#{id}")
}

/// Returns the section of an id, without its heading.
pub(super) fn section(id: Id) -> &'static str {
    let heading = format!("\n## {id}\n");
    let Some((_, section)) = DOCUMENT.split_once(&heading) else {
        return "";
    };
    let section = section
        .split_once("\n## ")
        .map_or(section, |(this, _)| this);
    section.trim()
}

/// Returns the first sentence of the section of an id, on one line.
pub(super) fn summary(id: Id) -> String {
    let paragraph = section(id).split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.replace('\n', " ");
    let sentence = paragraph.split_once(". ");
    sentence.map_or(paragraph.clone(), |(first, _)| format!("{first}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each id has a section. Each section has an id, a level, an example that causes the finding, a
    /// fix, and a way to silence it that the command accepts.
    #[test]
    fn all_are_explained() {
        let headings = DOCUMENT.lines().filter_map(|l| l.strip_prefix("## "));
        let ids: Vec<_> = Id::ALL.iter().map(|id| id.name()).collect();
        assert_eq!(headings.collect::<Vec<_>>(), ids);
        for &id in Id::ALL {
            assert!(
                DOCUMENT.contains(&format!("[{id}](#{id})")),
                "{id} is in no group"
            );
            let text = section(id);
            for part in ["\n```dockerfile\n", "\nFROM ", "\n```\n", "\nSilence it: "] {
                assert!(text.contains(part), "{id} has no {part:?}");
            }
            let fix = text.contains("mend it") || text.contains("fix it");
            assert!(fix || id == Id::EscapingPath, "{id}");
            let level = ["**fail**", "**warn**", "**info**"];
            assert!(level.iter().any(|l| text.contains(l)), "{id} has no level");
            let (_, silence) = text.rsplit_once("--ignore ").unwrap();
            let option: String = silence
                .trim_start_matches('\'')
                .chars()
                .take_while(|c| !"'`".contains(*c))
                .collect();
            assert!(option.starts_with(id.name()), "{id}: {option}");
            assert!(
                option.parse::<super::super::ignore::Ignore>().is_ok(),
                "{option}"
            );
            let summary = summary(id);
            assert!(summary.len() > 20 && summary.ends_with('.'), "{summary}");
            assert!(!summary.contains("**"), "{summary}");
        }
    }
}
