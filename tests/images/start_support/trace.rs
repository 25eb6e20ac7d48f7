//! The log of strace(1), reduced to the programs that were executed.

use std::collections::HashMap;

/// One program that a process executed or tried to execute, possibly at several paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    pub pid: u32,
    pub argv: Vec<String>,
    /// Each path that was tried, and the name of the errno, empty for success. Only the last one can
    /// have succeeded.
    pub tried: Vec<(String, String)>,
    /// The exit status of the process, if this was the last program that it executed.
    pub status: Option<i32>,
}

impl Executed {
    pub fn path(&self) -> &str {
        self.tried.last().map_or("", |tried| &tried.0)
    }

    /// Returns the name of the final errno, empty if the program was executed. For a search in PATH it
    /// is EACCES if any attempt gave that, as in execvp(3) and shells.
    pub fn errno(&self) -> &str {
        let last = self.tried.last().map_or("", |tried| &tried.1);
        let denied = self.tried.iter().any(|tried| tried.1 == "EACCES");
        if last == "ENOENT" && denied {
            "EACCES"
        } else {
            last
        }
    }
}

/// Returns the name of an errno of execve(2) or stat(2).
pub fn errno_name(number: i32) -> String {
    let known = [
        (1, "EPERM"),
        (2, "ENOENT"),
        (5, "EIO"),
        (7, "E2BIG"),
        (8, "ENOEXEC"),
        (12, "ENOMEM"),
        (13, "EACCES"),
        (14, "EFAULT"),
        (18, "EXDEV"),
        (20, "ENOTDIR"),
        (21, "EISDIR"),
        (22, "EINVAL"),
        (26, "ETXTBSY"),
        (36, "ENAMETOOLONG"),
        (40, "ELOOP"),
        (80, "ELIBBAD"),
    ];
    let name = known.iter().find(|each| each.0 == number);
    name.map_or_else(|| number.to_string(), |each| each.1.to_owned())
}

/// Parses a string that strace quoted; returns it and the rest of the text.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?.chars();
    let mut bytes = Vec::new();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return Some((text, rest.as_str()));
            }
            '\\' => match rest.next()? {
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'r' => bytes.push(b'\r'),
                'v' => bytes.push(0x0b),
                'f' => bytes.push(0x0c),
                'x' => {
                    let hex: String = rest.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&hex, 16).ok()?);
                }
                first @ '0'..='7' => {
                    let digits = rest.as_str().bytes().take(2);
                    let more = digits
                        .take_while(|byte| (b'0'..=b'7').contains(byte))
                        .count();
                    let octal: String = [first]
                        .into_iter()
                        .chain(rest.by_ref().take(more))
                        .collect();
                    bytes.push(u8::try_from(u32::from_str_radix(&octal, 8).ok()?).ok()?);
                }
                other => bytes.extend(other.to_string().bytes()),
            },
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    None
}

/// Parses the arguments of a logged execve: its path and argv.
fn arguments(text: &str) -> Option<(String, Vec<String>)> {
    let (path, rest) = unquote(text)?;
    let mut rest = rest.strip_prefix(", [")?;
    let mut argv = Vec::new();
    while rest.starts_with('"') {
        let (word, after) = unquote(rest)?;
        argv.push(word);
        rest = after.trim_start_matches("...").trim_start_matches(", ");
    }
    Some((path, argv))
}

/// Returns the errno at the end of a line, empty for success.
fn answer(line: &str) -> String {
    let Some((_, after)) = line.rsplit_once(" = ") else {
        return "unfinished".to_owned();
    };
    let mut words = after.split_whitespace();
    match words.next() {
        Some("-1") => words.next().unwrap_or("?").to_owned(),
        Some("0") => String::new(),
        // `= ?`: the process was killed while it executed a program.
        _ => "killed".to_owned(),
    }
}

/// Returns all programs that were executed, except `container` itself.
pub fn executed(log: &str) -> Vec<Executed> {
    let mut all: Vec<Executed> = Vec::new();
    // The last program of each process, and whether its line is unfinished.
    let mut last: HashMap<u32, usize> = HashMap::new();
    let mut first = true;
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let Ok(pid) = pid.parse::<u32>() else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(args) = rest.strip_prefix("execve(") {
            if std::mem::take(&mut first) {
                continue;
            }
            let Some((path, argv)) = arguments(args) else {
                continue;
            };
            let errno = if args.ends_with("<unfinished ...>") {
                "unfinished".to_owned()
            } else {
                answer(args)
            };
            let again = last.get(&pid).copied().filter(|&at| {
                let before: &Executed = &all[at];
                let (old, errno) = before.tried.last().expect("at least one");
                let same = |path: &str| path.rsplit('/').next() == old.rsplit('/').next();
                !errno.is_empty() && before.argv == argv && *old != path && same(&path)
            });
            match again {
                Some(at) => all[at].tried.push((path, errno)),
                None => {
                    last.insert(pid, all.len());
                    let tried = vec![(path, errno)];
                    all.push(Executed {
                        pid,
                        argv,
                        tried,
                        status: None,
                    });
                }
            }
        } else if rest.starts_with("<... execve resumed>") {
            if let Some(&at) = last.get(&pid)
                && let Some(tried) = all[at].tried.last_mut()
            {
                tried.1 = answer(rest);
            }
        } else if let Some(status) = rest.strip_prefix("+++ exited with ") {
            let status = status
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok());
            if let Some(&at) = last.get(&pid) {
                all[at].status = status;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_along_path_is_one_program() {
        let log = concat!(
            "7 execve(\"/x/container\", [\"/x/container\", \"a\"], 0x7 /* 3 vars */) = 0\n",
            "8 execve(\"/bin/sh\", [\"sh\", \"-c\", \"a \\\"b\\\"\"], 0x7 /* 3 vars */) = 0\n",
            "9 execve(\"/bin/app\", [\"app\"], 0x7 /* 3 vars */) = -1 ENOENT (No such file or directory)\n",
            "9 execve(\"/usr/bin/app\", [\"app\"], 0x7 /* 3 vars */ <unfinished ...>\n",
            "9 <... execve resumed>)             = 0\n",
            "9 +++ exited with 3 +++\n",
        );
        let all = executed(log);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].argv, ["sh", "-c", "a \"b\""]);
        assert_eq!(
            (all[1].path(), all[1].errno(), all[1].status),
            ("/usr/bin/app", "", Some(3))
        );
    }
}
