//! What a container of the image starts: the entrypoint and the command, resolved in the image, and
//! what those start in turn where that is certain.
//!
//! Looked through are scripts (their interpreter), shells with `-c`, `env`, the small inits (tini,
//! dumb-init, catatonit), the small switches of user (gosu, su-exec, setpriv), and scripts that end in
//! `exec "$@"` as entrypoint scripts do.

use std::io;

use super::draft::Drafts;
use super::finding::{Id, Level};
use super::words::{self, is_assignment, is_plain};
use crate::inspect::{Format, Kind};
use crate::launch::image::{Image, base};
use crate::tree::{self, NodeId};

/// More steps than this go in circles.
const STEPS: usize = 32;

/// An entrypoint script is not read beyond this.
const SCRIPT_LIMIT: u64 = 64 << 10;

/// What is started.
#[derive(Debug, Default)]
pub struct Start {
    /// The files that are started for certain, in order.
    pub nodes: Vec<NodeId>,
    /// What should be started first and is not in the image, as written.
    pub absent: Option<String>,
}

/// Follows entrypoint and command.
pub fn resolve(image: &Image<'_>) -> io::Result<Start> {
    let declared = &image.declared.start;
    let argv: Vec<String> = declared
        .entrypoint
        .iter()
        .chain(&declared.cmd)
        .cloned()
        .collect();
    let mut start = Start::default();
    if argv.is_empty() {
        return Ok(start);
    }
    let mut pending = vec![argv];
    let mut steps = 0;
    while let Some(argv) = pending.pop() {
        steps += 1;
        if steps > STEPS {
            break;
        }
        let Some(program) = argv.first().filter(|word| is_plain(word)) else {
            continue;
        };
        let Some(node) = find(image, program) else {
            if start.nodes.is_empty() {
                start.absent = Some(program.clone());
            }
            continue;
        };
        if !start.nodes.contains(&node) {
            start.nodes.push(node);
        }
        let next = next(image, node, &argv)?;
        // The first of them is followed first.
        pending.extend(next.into_iter().rev());
    }
    Ok(start)
}

/// Tells if what the image starts is not there.
pub fn check(start: &Start, drafts: &mut Drafts) {
    if let Some(absent) = &start.absent {
        let text = (
            format!("the config starts {absent}, which is not in the image, or not in its PATH"),
            "add it to the image, or mend ENTRYPOINT, CMD or PATH; if it comes with a volume, ignore this"
                .to_owned(),
        );
        drafts.image(
            Id::MissingEntrypoint,
            Level::Warn,
            absent.as_bytes(),
            None,
            text,
        );
    }
}

/// The file that a word starts: at its path, or found in PATH as execvp(3) does.
pub fn find(image: &Image<'_>, program: &str) -> Option<NodeId> {
    if program.contains('/') {
        return image.regular(&image.absolute(program.as_bytes()));
    }
    let may_run = |node: &NodeId| {
        let node = image.tree.node(*node);
        node.is_some_and(|node| node.kind == tree::Kind::Regular && node.mode & 0o111 != 0)
    };
    let mut found = image.search_path().filter_map(|dir| {
        let path = [dir.as_bytes(), b"/", program.as_bytes()].concat();
        image.regular(&image.absolute(&path))
    });
    found.find(may_run)
}

/// What a program starts in turn.
fn next(image: &Image<'_>, node: NodeId, argv: &[String]) -> io::Result<Vec<Vec<String>>> {
    let mut next = Vec::new();
    let (program, args) = argv
        .split_first()
        .map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    if let Some(file) = image.file(node)
        && file.binary.format == Format::Script
        && file.binary.kind == Kind::Script
    {
        let interpreter = file.binary.interpreter.as_deref().unwrap_or_default();
        let mut line = vec![String::from_utf8_lossy(interpreter).into_owned()];
        if let Some(argument) = &file.binary.interpreter_argument {
            line.push(String::from_utf8_lossy(argument).into_owned());
        }
        line.push(program.to_owned());
        let is_shell = is_shell(base(interpreter));
        next.push(line);
        if is_shell {
            let text = image.evidence.read(node, SCRIPT_LIMIT)?;
            next.extend(script(&String::from_utf8_lossy(&text), args));
        }
        return Ok(next);
    }
    let name = base(program.as_bytes());
    if is_shell(name) {
        next.extend(shell(args));
    } else if let Some(rest) = wrapped(name, args) {
        next.push(rest);
    }
    Ok(next)
}

fn is_shell(name: &[u8]) -> bool {
    let shells: [&[u8]; 6] = [b"sh", b"bash", b"dash", b"ash", b"ksh", b"zsh"];
    shells.contains(&name)
}

/// What `sh -c STRING` starts.
fn shell(args: &[String]) -> Vec<Vec<String>> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        // `-c`, or several in one, as `-ec`.
        if arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('c') {
            let rest: Vec<String> = args.clone().skip(2).cloned().collect();
            return args.next().map_or_else(Vec::new, |text| run(text, &rest));
        }
        if !arg.starts_with('-') {
            break;
        }
    }
    Vec::new()
}

/// What the commands of a text start that are run for certain.
fn run(text: &str, args: &[String]) -> Vec<Vec<String>> {
    let mut started = Vec::new();
    for command in words::commands(text) {
        let mut words = command.into_iter().skip_while(|word| is_assignment(word));
        let Some(mut first) = words.next() else {
            continue;
        };
        let mut last = false;
        if first == "exec" || first == "command" {
            last = first == "exec";
            match words.next() {
                Some(word) if !word.starts_with('-') => first = word,
                _ => break,
            }
        }
        match first.as_str() {
            // These start nothing.
            "cd" | "set" | "export" | "umask" | "ulimit" | ":" | "true" | "echo" | "unset"
            | "trap" => {
                continue;
            }
            "$@" => started.push(args.to_vec()),
            // A keyword, a condition, something that reads another file.
            "if" | "while" | "for" | "case" | "until" | "[" | "[[" | "." | "source" | "eval"
            | "function" | "exit" | "return" => break,
            word if !is_plain(word) => break,
            _ => started.push(std::iter::once(first).chain(words).collect()),
        }
        if last {
            break;
        }
    }
    started
}

/// What an entrypoint script starts: what it runs at first, and its arguments, if it ends in
/// `exec "$@"`.
fn script(text: &str, args: &[String]) -> Vec<Vec<String>> {
    let mut lines = text.lines().map(str::trim);
    let mut last = lines.rfind(|line| !line.is_empty() && !line.starts_with('#'));
    let mut started = Vec::new();
    if let Some(line) = last.take()
        && let Some(words) = words::words(line)
        && words.first().is_some_and(|word| word == "exec")
        && words.last().is_some_and(|word| word == "$@")
    {
        let mut line: Vec<String> = words.into_iter().skip(1).collect();
        line.pop();
        // Options alone are meant for a program that the script puts before them.
        let is_program = !line.is_empty() || args.first().is_some_and(|arg| !arg.starts_with('-'));
        line.extend_from_slice(args);
        if is_program {
            started.push(line);
        }
    }
    started
}

/// What a program that starts another starts.
fn wrapped(name: &[u8], args: &[String]) -> Option<Vec<String>> {
    // Their options that take a value in the next word.
    let with_value: &[&str] = match name {
        b"env" => return env(args),
        b"tini" | b"tini-static" | b"docker-init" => &["-e", "-p"],
        b"dumb-init" => &["-r", "--rewrite"],
        b"catatonit" | b"nohup" | b"setsid" | b"stdbuf" => &[],
        b"nice" => &["-n"],
        b"gosu" | b"su-exec" => return args.get(1..).map(<[String]>::to_vec),
        _ => return None,
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.as_slice().first() {
        if arg == "--" {
            rest.next();
            break;
        }
        if !arg.starts_with('-') {
            break;
        }
        rest.next();
        if with_value.contains(&arg.as_str()) {
            rest.next();
        }
    }
    Some(rest.cloned().collect()).filter(|rest: &Vec<String>| !rest.is_empty())
}

/// What `env` starts (env(1)): after its options and the variables that it sets. From a script's first
/// line all of it is one argument, which `-S` splits.
pub fn env(args: &[String]) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut args = args.iter().cloned();
    while let Some(arg) = args.next() {
        let split = arg
            .strip_prefix("-S")
            .or_else(|| arg.strip_prefix("--split-string="))
            .or_else(|| arg.strip_prefix("-vS"))
            .or_else(|| arg.strip_prefix("-iS"));
        if let Some(text) = split {
            let text = if text.is_empty() {
                args.next()?
            } else {
                text.to_owned()
            };
            words.extend(words::words(&text)?);
            words.extend(args);
            // What is split may begin with options and variables, too.
            return match words.first()?.starts_with('-') || is_assignment(words.first()?) {
                true => env(&words),
                false => Some(words),
            };
        }
        match arg.as_str() {
            "-u" | "--unset" | "-C" | "--chdir" | "-a" | "--argv0" => drop(args.next()),
            "-" | "-i" | "-0" | "-v" | "--" | "--ignore-environment" => {}
            option if option.starts_with("--") => {}
            option if option.starts_with('-') => return None,
            word if is_assignment(word) => {}
            _ => {
                words.push(arg);
                words.extend(args);
                return Some(words);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn env_starts_what_follows_its_options() {
        let of = |words: &[&str]| env(&list(words)).map(|words| words.join(" "));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(&["node"]), some("node"));
        assert_eq!(
            of(&["-i", "A=b", "-u", "C", "python3", "-u"]),
            some("python3 -u")
        );
        assert_eq!(
            of(&["-S", "node --no-warnings", "x"]),
            some("node --no-warnings x")
        );
        assert_eq!(of(&["-S node --no-warnings"]), some("node --no-warnings"));
        assert_eq!(of(&["-S", "A=b -i"]), None);
        assert_eq!(of(&["-S", "-i A=b deno run"]), some("deno run"));
        assert_eq!(of(&["-Z"]), None);
    }

    #[test]
    fn wrappers_are_looked_through() {
        let of = |name: &str, words: &[&str]| {
            wrapped(name.as_bytes(), &list(words)).map(|words| words.join(" "))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            of("tini", &["-g", "-e", "143", "--", "/app", "-x"]),
            some("/app -x")
        );
        assert_eq!(of("dumb-init", &["/app"]), some("/app"));
        assert_eq!(of("gosu", &["www", "nginx", "-g"]), some("nginx -g"));
        assert_eq!(of("nginx", &["-g"]), None);
        assert_eq!(of("tini", &["--"]), None);
    }

    #[test]
    fn shells_start_what_is_certain() {
        let of = |text: &str| -> Vec<String> {
            let started = shell(&list(&["-c", text]));
            started.into_iter().map(|words| words.join(" ")).collect()
        };
        assert_eq!(of("/app --port $PORT"), ["/app --port $PORT"]);
        assert_eq!(of("cd /srv && exec ./run; never"), ["./run"]);
        assert_eq!(of("A=b /one && /two"), ["/one", "/two"]);
        assert!(of("if true; then /app; fi").is_empty());
        assert!(of("$APP").is_empty());
        let args = list(&["nginx", "-g"]);
        let text = "#!/bin/sh\nset -e\nif [ x ]; then\n  y\nfi\nexec \"$@\"\n";
        assert_eq!(script(text, &args), std::slice::from_ref(&args));
        assert_eq!(
            script("exec tini -- \"$@\"", &args),
            [list(&["tini", "--", "nginx", "-g"])]
        );
        assert!(script("exec \"$@\"", &list(&["-g"])).is_empty());
        assert!(script("echo hi", &args).is_empty());
    }
}
