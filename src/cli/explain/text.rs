//! The chains, drawn as trees.

use std::io::{self, Write};

use super::json::rule;
use crate::cli::colour::Colour;
use crate::cli::shorten::shorten;
use crate::launch::{Chain, ChainStart, End, Outcome, Part, RunMode, Step, StepId, Why, Word};
use crate::layer::printable;
use crate::open::OpenImage;
use crate::tree::NodeId;

/// Number of characters of a history line that are shown.
const LINE: usize = 60;
/// Number of libraries of a program that are listed. The others are only counted.
const LIBRARIES: usize = 12;

pub(super) fn write(
    out: &mut impl Write,
    image: &OpenImage,
    chains: &[Chain],
    colour: Colour,
) -> io::Result<()> {
    writeln!(
        out,
        "{}: {}",
        printable(image.name.as_bytes()),
        image.platform
    )?;
    for chain in chains {
        writeln!(out)?;
        let drawing = Drawing {
            image,
            chain,
            colour,
        };
        drawing.write(out)?;
    }
    Ok(())
}

struct Drawing<'a> {
    image: &'a OpenImage,
    chain: &'a Chain,
    colour: Colour,
}

/// An item below a step: a line, or another step.
enum Below {
    Line(String),
    Step(StepId),
}

impl Drawing<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.heading())?;
        if !self.chain.steps.is_empty() {
            self.step(out, StepId(0), "", "")?;
        }
        self.result(out)
    }

    /// Returns the heading of the chain: its origin, and what the config says about it.
    fn heading(&self) -> String {
        let start = &self.image.config.start;
        let list = |words: &[String]| {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            words.join(" ")
        };
        let mut parts = Vec::new();
        match &self.chain.origin {
            ChainStart::Config | ChainStart::Command(_) => {
                if !start.entrypoint.is_empty() {
                    parts.push(format!("ENTRYPOINT {}", list(&start.entrypoint)));
                }
                match &self.chain.origin {
                    ChainStart::Command(words) => parts.push(format!("command {}", list(words))),
                    _ if !start.cmd.is_empty() => parts.push(format!("CMD {}", list(&start.cmd))),
                    _ => {}
                }
            }
            ChainStart::Healthcheck => {
                parts.push(format!("HEALTHCHECK {}", list(&start.healthcheck)))
            }
            ChainStart::File(path) => parts.push(format!("file {}", printable(path))),
        }
        if let Some(user) = &start.user {
            parts.push(format!("USER {}", printable(user.as_bytes())));
        }
        if let Some(dir) = &start.working_dir {
            parts.push(format!("WORKDIR {}", printable(dir.as_bytes())));
        }
        parts.join("  ")
    }

    /// Writes a step and everything below it. `first` is the prefix of its own line, `rest` the prefix
    /// of the other lines.
    fn step(&self, out: &mut impl Write, id: StepId, first: &str, rest: &str) -> io::Result<()> {
        let Some(step) = self.chain.step(id) else {
            return Ok(());
        };
        writeln!(out, "{first}{}", self.title(step))?;
        let mut below = self.facts(step);
        let children = self
            .chain
            .numbered()
            .filter(|(_, child)| child.parent == Some(id));
        below.extend(children.map(|(child, _)| Below::Step(child)));
        let last = below.len();
        for (number, item) in (1..).zip(below) {
            let (branch, indent) = match number == last {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            match item {
                Below::Line(line) => writeln!(out, "{rest}{branch}{line}")?,
                Below::Step(child) => {
                    let first = format!("{rest}{branch}");
                    self.step(out, child, &first, &format!("{rest}{indent}"))?;
                }
            }
        }
        Ok(())
    }

    /// Returns the command with notes: the user if it changed, and how the command is executed.
    fn title(&self, step: &Step) -> String {
        let words: Vec<String> = step.argv.iter().map(word).collect();
        let mut text = words.join(" ");
        if let Why::ShellCommand(line) = &step.why {
            let exec = match step.place {
                RunMode::Exec => "exec ",
                _ => "",
            };
            text = format!("line {line}: {exec}{text}");
        }
        let mut notes = Vec::new();
        let credentials = &step.credentials;
        let parent = self.chain.parent(step);
        let changed = parent.is_none_or(|parent| parent.credentials != *credentials);
        if changed && !(parent.is_none() && credentials.is_root()) {
            notes.push(format!("uid {} gid {}", credentials.uid, credentials.gid));
        }
        match step.place {
            RunMode::Background => notes.push("in the background".to_owned()),
            RunMode::Pipe => notes.push("in a pipe".to_owned()),
            RunMode::Exec | RunMode::Foreground => {}
        }
        if !step.certain {
            notes.push("possibly".to_owned());
        }
        match notes.is_empty() {
            true => text,
            false => format!("{text}  ({})", notes.join(", ")),
        }
    }

    fn facts(&self, step: &Step) -> Vec<Below> {
        let mut lines = Vec::new();
        let parent = self.chain.parent(step);
        for (name, value) in step.variables() {
            let same = |parent: &Step| parent.variables().any(|other| other == (name, value));
            if name != "PATH" && !parent.is_some_and(same) {
                let value = value.map_or("?".to_owned(), |value| printable(value.as_bytes()));
                lines.push(format!("{name}={value}"));
            }
        }
        for file in &step.files {
            let part = match file.part {
                Part::Program => "file",
                Part::Interpreter => "interpreter",
                Part::Loader => "loader",
            };
            lines.push(format!(
                "{part} {}{}",
                path(&file.path, &file.real),
                self.layer(file.node)
            ));
        }
        let libraries = step.libraries();
        for library in libraries.iter().take(LIBRARIES) {
            lines.push(format!(
                "library {} => {} ({}){}",
                printable(library.name.as_bytes()),
                printable(library.path.as_bytes()),
                printable(rule(library).as_bytes()),
                self.layer(library.node)
            ));
        }
        if libraries.len() > LIBRARIES {
            lines.push(format!(
                "and {} more libraries",
                libraries.len() - LIBRARIES
            ));
        }
        let warnings = step.warnings().iter();
        lines.extend(warnings.map(|warning| self.colour.warn(&printable(warning.as_bytes()))));
        match &step.outcome {
            Outcome::Started => {}
            Outcome::Unknown(why) => lines.push(self.colour.warn(&format!("unknown: {why}"))),
            Outcome::Failed(failure) => {
                let errno = failure.errno.map(|errno| format!("{errno}: "));
                let text = format!("fails: {}{}", errno.unwrap_or_default(), failure.clause);
                lines.push(match step.tested {
                    true => format!("{text} (the script expects that)"),
                    false => self.colour.bad(&text),
                });
                if let Some(removed) = &failure.removed {
                    let path = printable(&removed.path);
                    lines.push(format!("{path} was removed{}", self.named(removed.layer)));
                }
            }
        }
        lines.into_iter().map(Below::Line).collect()
    }

    /// Returns the layer that contains a file, and the history line of the layer.
    fn layer(&self, node: NodeId) -> String {
        let layer = self.image.tree.node(node).map(|node| node.layer);
        layer.map(|layer| self.named(layer)).unwrap_or_default()
    }

    /// Returns a layer and its history line, shortened to [`LINE`] characters.
    fn named(&self, layer: u32) -> String {
        let line = self.image.layers.get(layer as usize);
        match line.and_then(|layer| layer.created_by.as_deref()) {
            Some(line) => {
                let line = shorten(&printable(line.as_bytes()), LINE);
                format!("  [layer {layer}: {line}]")
            }
            None => format!("  [layer {layer}]"),
        }
    }

    fn result(&self, out: &mut impl Write) -> io::Result<()> {
        let colour = self.colour;
        let what = match self.chain.origin {
            ChainStart::Healthcheck => "the health check",
            ChainStart::File(_) => "the program",
            ChainStart::Config | ChainStart::Command(_) => "the container",
        };
        match &self.chain.end {
            End::Starts => writeln!(out, "{}: {what} starts", colour.good("ok")),
            End::Exits(status) => writeln!(
                out,
                "{}: a script of {what} ends with exit status {status}",
                colour.warn("exits")
            ),
            End::Fails(id) => {
                let failure = self.chain.step(*id);
                let Some(failure) = failure.and_then(Step::failure) else {
                    return writeln!(out, "{}", colour.bad("fails"));
                };
                writeln!(out, "{}: {}", colour.bad("fails"), failure.message)?;
                writeln!(out, "fix: {}", failure.hint)
            }
            End::NoUser(message) | End::NoDirectory(message) => writeln!(
                out,
                "{}: {}",
                colour.bad("fails"),
                printable(message.as_bytes())
            ),
            End::NoCommand => writeln!(out, "{}: there is no command", colour.warn("unknown")),
            End::Unknown(why) => writeln!(out, "{}: {why}", colour.warn("unknown")),
        }
    }
}

/// Returns a path, and the real path if they differ.
fn path(named: &[u8], real: &[u8]) -> String {
    match named == real {
        true => printable(named),
        false => format!("{} -> {}", printable(named), printable(real)),
    }
}

fn word(word: &Word) -> String {
    match word {
        Word::Known(word) => quoted(word),
        Word::Unknown => "?".to_owned(),
        Word::UnknownMany => "…".to_owned(),
    }
}

/// Quotes a word for a shell, if necessary.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:@%+$~^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let shown = printable(word.as_bytes());
    match shown.contains('\'') && !shown.contains(['"', '$', '`', '\\']) {
        true => format!("\"{shown}\""),
        false => format!("'{}'", shown.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        assert_eq!(quoted("--port=$PORT"), "--port=$PORT");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("daemon off;"), "'daemon off;'");
        let nginx = "nginx -g 'daemon off;'";
        assert_eq!(quoted(nginx), format!("\"{nginx}\""));
        assert_eq!(quoted("a '$X'"), r"'a '\''$X'\'''");
        assert_eq!(quoted("\u{1b}["), r"'\x1b['");
    }
}
