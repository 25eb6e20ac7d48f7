//! Launchers: programs such as `tini`, `env` and `gosu` that execute another program, which is named by
//! their last arguments.
//!
//! A launcher is recognized by its name. Its options are skipped, and its changes (environment, user,
//! working directory) apply to the program that it executes.

mod env;
mod options;
mod process;
mod switch_user;

pub(crate) use process::{Launch, LauncherProcess, Search};

/// Returns the effect of a launcher with its arguments. `None` if no launcher of that name is known.
pub(crate) fn launch(name: &str, process: LauncherProcess<'_>) -> Option<Launch> {
    let args = process.args;
    let skip = |with_value: &[&str]| process.pass(options::skip(args, with_value));
    Some(match name {
        "tini" | "docker-init" => skip(&["-e", "-p"]),
        "dumb-init" => skip(&["-r", "--rewrite"]),
        "catatonit" | "nohup" | "setsid" | "time" | "pidproxy" => skip(&[]),
        "stdbuf" => skip(&["-i", "-o", "-e", "--input", "--output", "--error"]),
        "nice" => skip(&["-n", "--adjustment"]),
        "ionice" => skip(&["-c", "-n", "--class", "--classdata"]),
        "setarch" | "linux32" | "linux64" => skip(&[]),
        "taskset" | "chrt" => options::after_one(&process, &[]),
        "timeout" => options::after_one(&process, &["-k", "-s", "--kill-after", "--signal"]),
        "xargs" => options::xargs(&process),
        "chroot" => options::chroot(&process),
        "env" => env::env(&process),
        "gosu" => switch_user::gosu(&process),
        "su-exec" => switch_user::su_exec(&process),
        "setpriv" => switch_user::setpriv(&process),
        "s6-setuidgid" | "setuidgid" => switch_user::setuidgid(&process),
        "runuser" => switch_user::runuser(&process),
        _ => return None,
    })
}

/// Returns the launcher that a file name stands for. Releases append the machine or `static` to the
/// name.
pub(crate) fn usual_name(name: &str) -> &str {
    for launcher in ["tini", "dumb-init", "gosu", "su-exec", "catatonit"] {
        if let Some(rest) = name.strip_prefix(launcher)
            && (rest.is_empty() || rest.starts_with(['-', '_']))
            && !(launcher == "su-exec" && rest.contains("exec"))
        {
            return launcher;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::environment::Environment;
    use crate::launch::shell::Word;
    use crate::launch::user::{Accounts, Credentials};

    fn words(words: &[&str]) -> Vec<Word> {
        words.iter().map(|&w| Word::Known(w.to_owned())).collect()
    }

    fn launched(name: &str, args: &[&str]) -> Option<Launch> {
        let args = words(args);
        let process = LauncherProcess {
            args: &args,
            environment: &Environment::default(),
            cwd: Some("/"),
            credentials: &Credentials::default(),
            accounts: &Accounts::default(),
            busybox: false,
            argv0: name,
        };
        launch(name, process)
    }

    fn argv(name: &str, args: &[&str]) -> Option<Vec<Word>> {
        match launched(name, args)? {
            Launch::Run(next) => Some(next.argv),
            _ => None,
        }
    }

    #[test]
    fn options_before_the_program_are_skipped() {
        let app = Some(words(&["/app", "-x"]));
        assert_eq!(argv("tini", &["-g", "-e", "143", "--", "/app", "-x"]), app);
        assert_eq!(argv("dumb-init", &["/app", "-x"]), app);
        assert_eq!(argv("nice", &["-n", "5", "/app", "-x"]), app);
        assert_eq!(argv("nice", &["-5", "/app", "-x"]), app);
        assert_eq!(argv("timeout", &["-s", "KILL", "9", "/app", "-x"]), app);
        assert_eq!(argv("stdbuf", &["-oL", "/app", "-x"]), app);
        assert_eq!(argv("tini", &["--"]), None);
        assert_eq!(argv("nginx", &["-g"]), None);
    }

    #[test]
    fn a_user_that_is_not_there_is_refused() {
        let Some(Launch::Refuses(message, status)) = launched("gosu", &["www", "/app"]) else {
            panic!("gosu starts it");
        };
        assert_eq!(status, 1);
        assert!(message.contains("unable to find user www"), "{message}");
        let Some(Launch::Run(next)) = launched("gosu", &["33:33", "/app"]) else {
            panic!("gosu does not start it");
        };
        assert_eq!((next.credentials.uid, next.credentials.gid), (33, 33));
    }

    #[test]
    fn releases_are_known_by_their_program() {
        assert_eq!(usual_name("tini-static-amd64"), "tini");
        assert_eq!(usual_name("gosu-arm64"), "gosu");
        assert_eq!(usual_name("tinier"), "tinier");
    }
}
