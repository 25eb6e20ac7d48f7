//! Shell words, as far as they are certain: what a command line starts first, if neither variables nor
//! conditions decide it.

/// A simple command: its words, quotes removed.
pub type Command = Vec<String>;

/// The commands at the start of a script or `-c` string that are run for certain, in order: simple
/// commands of plain words, one after the other or joined by `&&`. Ends at the first thing that is not
/// certain, such as a variable, a condition or a pipe.
pub fn commands(text: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        for part in line.replace("&&", ";").split(';') {
            match words(part) {
                Some(words) if words.is_empty() => {}
                Some(words) => commands.push(words),
                None => return commands,
            }
        }
    }
    commands
}

/// Splits a command into words. `None` if it holds anything but plain words, quotes and `"$@"`.
pub fn words(text: &str) -> Option<Command> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => loop {
                let word = word.get_or_insert_default();
                match chars.next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => loop {
                let word = word.get_or_insert_default();
                match chars.next()? {
                    '"' => break,
                    '\\' => word.push(chars.next()?),
                    '`' => return None,
                    c => word.push(c),
                }
            },
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '|' | '&' | '<' | '>' | '(' | ')' | '`' | '{' | '}' | '*' | '?' => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// Whether a word is the same whatever the environment.
pub fn is_plain(word: &str) -> bool {
    !word.contains(['$', '`', '*', '?', '[', '~'])
}

/// Whether a word sets a variable.
pub fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
            && !name.starts_with(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_of_a_command_line() {
        let of = |text: &str| -> Vec<String> {
            commands(text).into_iter().map(|c| c.join("|")).collect()
        };
        assert_eq!(of("exec /app --port 80"), ["exec|/app|--port|80"]);
        assert_eq!(
            of("cd /srv && A=b ./run 'a b'"),
            ["cd|/srv", "A=b|./run|a b"]
        );
        assert_eq!(of("# hi\n\nset -e\nexec \"$@\""), ["set|-e", "exec|$@"]);
        assert_eq!(of("one; two | three; four"), ["one"]);
        assert_eq!(of("a $(b)"), Vec::<String>::new());
        assert_eq!(of("echo 'unfinished"), Vec::<String>::new());
        assert!(is_assignment("A_1=x") && !is_assignment("=x") && !is_assignment("--a=b"));
        assert!(is_plain("/app") && !is_plain("$APP"));
    }
}
