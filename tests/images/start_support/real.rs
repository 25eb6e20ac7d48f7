//! Really starts a case, and records everything that it executes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::case::{Case, Expect};
use super::image::directories;
use super::parts::parts;
use super::trace::{self, Executed};

/// The end of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The runtime did not start it: the stage, and the name of the errno.
    Refused(String, String),
    /// Process 1 exited with this status.
    Exited(i32),
    /// A signal killed process 1.
    Killed(i32),
    /// It was still running at the time limit.
    Running,
}

/// The record of a real container.
#[derive(Clone, Debug)]
pub struct Real {
    pub end: End,
    /// The programs that were executed, or whose execution failed, in the order in which that began.
    pub executed: Vec<Executed>,
    pub stdout: String,
    pub stderr: String,
}

impl Real {
    /// Returns whether the container does what it is for.
    pub fn runs(&self) -> bool {
        matches!(self.end, End::Exited(0) | End::Running)
    }

    /// Returns whether the result is the one that the author of the case expects.
    pub fn is_as(&self, expect: &Expect) -> bool {
        match (expect, &self.end) {
            (Expect::Open, _) => true,
            (Expect::Runs, _) => self.runs(),
            (Expect::Refused(stage, errno), End::Refused(at, error)) => {
                at == stage && error == errno
            }
            (Expect::Dies(status, text), End::Exited(real)) => {
                status == real && (self.stderr.contains(text) || self.stdout.contains(text))
            }
            (Expect::Killed(signal), End::Killed(real)) => signal == real,
            _ => false,
        }
    }
}

/// Appends one line to the input of `container`.
fn line(spec: &mut String, key: &str, value: &str) {
    let value = value.replace('\\', "\\\\").replace('\n', "\\n");
    spec.push_str(&format!("{key} {value}\n"));
}

fn output(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output
        .unwrap_or_else(|e| panic!("{command:?}: {e} (tests/run.sh installs what the tests need)"))
}

/// Parses the result file of `container`.
fn end(case: &Case, result: &Path, stderr: &str) -> End {
    let said = fs::read_to_string(result).unwrap_or_default();
    let words: Vec<&str> = said.split_whitespace().collect();
    let number = |word: &str| word.parse::<i32>().unwrap();
    match words[..] {
        ["error", "harness", _] | [] => panic!("{}: the harness failed: {stderr}", case.name),
        ["error", stage, errno] => End::Refused(stage.to_owned(), trace::errno_name(number(errno))),
        ["exit", status] => End::Exited(number(status)),
        ["signal", signal] => End::Killed(number(signal)),
        _ => End::Running,
    }
}

/// Starts a case in a separate, empty directory. A container that does not end by itself is stopped
/// after this many seconds.
pub fn start(case: &Case, dir: &Path, seconds: u32) -> Real {
    let lower: Vec<_> = directories(case, dir)
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let scratch = dir.join("scratch");
    fs::create_dir(&scratch).unwrap();
    let mut spec = String::new();
    line(&mut spec, "lower", &lower.join(":"));
    line(&mut spec, "scratch", &scratch.display().to_string());
    line(&mut spec, "user", &case.user);
    line(&mut spec, "cwd", &case.workdir);
    line(&mut spec, "seconds", &seconds.to_string());
    for word in case.argv() {
        line(&mut spec, "arg", &word);
    }
    for variable in &case.env {
        line(&mut spec, "env", variable);
    }
    let (spec_path, result, log) = (dir.join("spec"), dir.join("result"), dir.join("log"));
    fs::write(&spec_path, spec).unwrap();
    let container = parts().join("container");
    let mut traced = Command::new("strace");
    traced
        .args([
            "-f",
            "-q",
            "-e",
            "trace=execve,execveat",
            "-e",
            "signal=none",
            "-s",
            "4096",
            "-o",
        ])
        .arg(&log)
        .arg(&container)
        .args([&spec_path, &result]);
    let output = output(&mut traced);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let mut end = end(case, &result, &stderr);
    if end == End::Running {
        // A signal that would kill process 1 does not kill it while it is traced (force_sig_info_to_task
        // of kernel/signal.c), so another run, without strace, determines the end.
        let second = self::output(Command::new(&container).args([&spec_path, &result]));
        end = self::end(case, &result, &text(&second.stderr));
    }
    let log = fs::read(&log).unwrap_or_default();
    Real {
        end,
        executed: trace::executed(&String::from_utf8_lossy(&log)),
        stdout,
        stderr,
    }
}
