//! Runs random scripts in real shells and in the evaluator. Commands that the evaluator reports as
//! certain must have run, and every command that ran must be reported as certain or possible.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::generator::Generator;
use crate::launch::chain::StepId;
use crate::launch::environment::{Environment, Value};
use crate::launch::shell::{
    self, Dialect, Ended, FileTest, Options, Script, Word, World, evaluate,
};

/// The programs of the test directory. Each logs its arguments and exits with a status.
const PROGRAMS: &[(&str, u8)] = &[("ls", 0), ("setup", 0), ("grep", 1), ("expr", 3)];

/// A world with the same programs and files as the directory in which the real shells run.
struct Stubs<'a> {
    root: &'a Path,
    log: Vec<(bool, String)>,
    steps: u32,
}

impl World for Stubs<'_> {
    fn run(&mut self, command: shell::Command) -> Ended {
        let mut line = String::new();
        for word in &command.argv {
            match word {
                Word::Known(text) => {
                    let _ = write!(line, "[{text}]");
                }
                Word::Unknown => line.push_str("[?]"),
                Word::UnknownMany => line.push('?'),
            }
        }
        let exported = match command.environment.get("V") {
            Some(Value::Known(text)) => format!("V={text}"),
            Some(Value::Unknown) => "V?".to_owned(),
            None => "V".to_owned(),
        };
        line.push_str(&exported);
        let status = match command.argv.first() {
            Some(Word::Known(name)) => {
                let name = name.rsplit('/').next().unwrap_or(name);
                let known = PROGRAMS.iter().find(|(program, _)| *program == name);
                let utility = matches!(name, "basename" | "dirname").then_some(0);
                known.map(|(_, status)| *status).or(utility)
            }
            _ => None,
        };
        let logged = |word: &Word| matches!(word, Word::Known(name) if !name.ends_with("name"));
        if status.is_some() && command.argv.first().is_some_and(logged)
            || !matches!(command.argv.first(), Some(Word::Known(_)))
        {
            self.log.push((command.certain, line));
        }
        let known = matches!(command.argv.first(), Some(Word::Known(_)));
        Ended {
            status: if known {
                Some(status.unwrap_or(127))
            } else {
                None
            },
            cause: (known && status.is_none()).then_some(StepId(1)),
            may_stay: false,
        }
    }

    fn find(&self, name: &str, _: &Environment, _: Option<&str>) -> Option<Option<String>> {
        let known = PROGRAMS.iter().any(|(program, _)| *program == name);
        Some(known.then(|| format!("{}/bin/{name}", self.root.display())))
    }

    fn test(&self, test: FileTest, path: &str) -> Option<bool> {
        let metadata = fs::metadata(path).ok();
        Some(match test {
            FileTest::Regular => metadata.is_some_and(|m| m.is_file()),
            FileTest::Directory => metadata.is_some_and(|m| m.is_dir()),
            FileTest::Link => fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()),
            FileTest::NotEmpty => metadata.is_some_and(|m| m.len() > 0),
            FileTest::Executable => metadata.is_some_and(|m| m.permissions().mode() & 0o111 != 0),
            FileTest::Special => return None,
            _ => metadata.is_some(),
        })
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    fn list(&self, path: &str) -> Option<Vec<String>> {
        let entries = fs::read_dir(path).ok()?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        Some(names)
    }

    fn real_path(&self, path: &str) -> Option<String> {
        Some(fs::canonicalize(path).ok()?.to_str()?.to_owned())
    }

    fn ids(&self) -> Option<(u32, u32)> {
        None
    }

    fn user_name(&self) -> Option<String> {
        None
    }

    fn machine(&self) -> Option<&'static str> {
        None
    }

    fn not_understood(&mut self) {}

    fn spend(&mut self, steps: u32) -> bool {
        self.steps = self.steps.saturating_sub(steps);
        self.steps > 0
    }
}

/// Creates the directory: programs in `bin`, a few files in `work`.
fn prepare(root: &Path) {
    for name in ["bin", "work/dir", "work/empty"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    for (name, status) in PROGRAMS {
        let path = root.join("bin").join(name);
        let text = format!(
            "#!/bin/dash\nl=\"[${{0##*/}}]\"\nfor a; do l=\"$l[$a]\"; done\n\
             printf '%s\\n' \"$l${{V+V=$V}}${{V-V}}\" >> \"$LOG\"\nexit {status}\n"
        );
        // `${V+V=$V}${V-V}` prints the value twice if V is set. Keep only the first part in that case.
        let text = text.replace("${V+V=$V}${V-V}", "$v").replace(
            "printf",
            "if [ \"${V+x}\" ]; then v=\"V=$V\"; else v=V; fi\nprintf",
        );
        crate::needs::write_executable(&path, text.as_bytes());
    }
    fs::write(root.join("work/file.txt"), "text\n").unwrap();
    fs::write(root.join("work/a.sh"), "ls sourced \"$1\"; S=a\n").unwrap();
    fs::write(root.join("work/b.sh"), "grep sourced; return 4\n").unwrap();
    fs::write(root.join("work/dir/x y"), "").unwrap();
}

struct Shell {
    dialect: Dialect,
    argv: &'static [&'static str],
}

const SHELLS: &[Shell] = &[
    Shell {
        dialect: Dialect::Dash,
        argv: &["dash"],
    },
    Shell {
        dialect: Dialect::Bash,
        argv: &["bash"],
    },
    Shell {
        dialect: Dialect::BashPosix,
        argv: &["bash", "--posix"],
    },
    Shell {
        dialect: Dialect::Busybox,
        argv: &["busybox", "sh"],
    },
];

/// Returns what a real shell ran, and its exit status.
fn really(root: &Path, shell: &Shell, script: &Path) -> Option<(Vec<String>, u8)> {
    let log = root.join("log");
    fs::write(&log, "").unwrap();
    let (program, options) = shell.argv.split_first().unwrap();
    let mut child = Command::new("timeout");
    child
        .args(["5", program])
        .args(options)
        .arg(script)
        .args(["one", "two words", "-x"]);
    child
        .env_clear()
        .env("LOG", &log)
        .env("EMPTY", "")
        .env("E", "env value");
    child.env(
        "PATH",
        format!("{}:/usr/bin:/bin", root.join("bin").display()),
    );
    let child = child.current_dir(root.join("work")).stdin(Stdio::null());
    let status = child
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let lines = fs::read_to_string(&log).unwrap();
    let code = u8::try_from(status.code()?).ok()?;
    (code != 124).then(|| (lines.lines().map(str::to_owned).collect(), code))
}

fn predicted(
    root: &Path,
    dialect: Dialect,
    text: &str,
    name: &Path,
) -> (Vec<(bool, String)>, Ended) {
    let path = format!("PATH={}:/usr/bin:/bin", root.join("bin").display());
    let log = format!("LOG={}", root.join("log").display());
    let environment =
        Environment::from_lines([path.as_str(), log.as_str(), "EMPTY=", "E=env value"]);
    let mut world = Stubs {
        root,
        log: Vec::new(),
        steps: 1_000_000,
    };
    let script = Script {
        text,
        from_text: false,
        name: Value::Known(name.to_str().unwrap().to_owned()),
        arguments: ["one", "two words", "-x"]
            .map(|word| Word::Known(word.to_owned()))
            .to_vec(),
        dialect,
        options: Options::default(),
        environment: &environment,
        cwd: Some(root.join("work").to_str().unwrap().to_owned()),
        certain: true,
    };
    let ended = evaluate(&script, &mut world);
    (world.log, ended)
}

/// Returns true if a prediction with `?` for unknown words matches the real line.
fn fits(prediction: &str, real: &str) -> bool {
    if !prediction.contains('?') {
        return prediction == real;
    }
    let mut rest = real;
    for (place, part) in prediction.split('?').enumerate() {
        let Some(found) = rest.find(part) else {
            return false;
        };
        if place == 0 && found != 0 {
            return false;
        }
        rest = &rest[found + part.len()..];
    }
    true
}

/// Checks that the certain commands are among the real ones, in this order unless there are pipes, and
/// that all real ones were predicted. Returns a description of the contradiction.
fn contradiction(
    text: &str,
    predicted: &(Vec<(bool, String)>, Ended),
    real: &(Vec<String>, u8),
) -> Option<String> {
    let ordered = !text.contains(" | ");
    let mut left: Vec<&String> = real.0.iter().collect();
    for (_, line) in predicted.0.iter().filter(|(certain, _)| *certain) {
        match left.iter().position(|real| fits(line, real)) {
            Some(found) if ordered => drop(left.drain(..=found)),
            Some(found) => drop(left.remove(found)),
            None => return Some(format!("certain, yet not run: {line}")),
        }
    }
    let unforeseen = |real: &&String| !predicted.0.iter().any(|(_, line)| fits(line, real));
    if let Some(line) = real.0.iter().find(unforeseen) {
        return Some(format!("run, yet not predicted: {line}"));
    }
    match predicted.1.status {
        Some(status) if status != real.1 => Some(format!("status {} instead of {status}", real.1)),
        _ => None,
    }
}

/// Returns the number of scripts. `SHELL_SCRIPTS` sets it for a longer run.
fn count() -> u64 {
    std::env::var("SHELL_SCRIPTS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(150)
}

#[test]
fn random_scripts_do_in_real_shells_what_is_predicted() {
    let programs: Vec<_> = SHELLS.iter().map(|shell| shell.argv[0]).collect();
    if !crate::needs::programs(&programs) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    prepare(root);
    let first: u64 = std::env::var("SHELL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let (mut runs, mut commands, mut certain, mut statuses) = (0, 0, 0, 0);
    let mut contradictions = Vec::new();
    for seed in first..first + count() {
        for shell in SHELLS {
            let text = Generator::new(seed, shell.dialect).script();
            let script = root.join("script.sh");
            fs::write(&script, &text).unwrap();
            let Some(real) = really(root, shell, &script) else {
                continue;
            };
            let predicted = predicted(root, shell.dialect, &text, &script);
            runs += 1;
            commands += real.0.len();
            certain += predicted.0.iter().filter(|(certain, _)| *certain).count();
            statuses += usize::from(predicted.1.status.is_some());
            if let Some(why) = contradiction(&text, &predicted, &real) {
                contradictions.push(format!(
                    "seed {seed}, {:?}: {why}\n{text}--- real {real:?}\n--- predicted {predicted:?}\n",
                    shell.dialect
                ));
            }
        }
    }
    println!(
        "{runs} runs: {commands} commands, {certain} certain, {statuses} statuses known, {} contradictions",
        contradictions.len()
    );
    assert!(runs > 0);
    contradictions.sort_by_key(String::len);
    contradictions.truncate(12);
    assert!(contradictions.is_empty(), "{}", contradictions.join("\n"));
}
