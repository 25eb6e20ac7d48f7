//! Launchers that change the user: gosu, su-exec, setpriv(1), s6-setuidgid, runuser(1).

use super::options;
use super::process::{Launch, LauncherProcess, Next, Search};
use crate::launch::environment::Value;
use crate::launch::shell::Word;
use crate::launch::user::Credentials;

/// Executes the other words as the user that the first word names.
fn as_user(process: &LauncherProcess<'_>, name: &str, refused_as: u8, search: Search) -> Launch {
    let [user, argv @ ..] = process.args else {
        return Launch::Refuses(format!("Usage: {name} user-spec command [args]"), 1);
    };
    let Word::Known(spec) = user else {
        return Launch::Other(None);
    };
    if argv.is_empty() {
        return Launch::Refuses(format!("Usage: {name} user-spec command [args]"), 1);
    }
    match process.accounts.resolve(spec) {
        Ok(credentials) => switch(process, (name, spec), credentials, argv, search),
        Err(error) => {
            let message = match name {
                "gosu" => format!("error: failed switching to \"{spec}\": {}", error.message()),
                "su-exec" => format!("su-exec: getpwnam({spec})"),
                name => format!("{name}: {}", error.message()),
            };
            Launch::Refuses(message, refused_as)
        }
    }
}

/// Executes `argv` with other credentials, to which only root may switch.
fn switch(
    process: &LauncherProcess<'_>,
    (name, spec): (&str, &str),
    credentials: Credentials,
    argv: &[Word],
    search: Search,
) -> Launch {
    let same =
        credentials.uid == process.credentials.uid && credentials.gid == process.credentials.gid;
    let may_switch = process.credentials.is_root() || (same && name != "su-exec");
    if !may_switch {
        let message = match name {
            "gosu" => format!("error: failed switching to \"{spec}\": operation not permitted"),
            name => format!("{name}: setgroups: Operation not permitted"),
        };
        return Launch::Refuses(message, 1);
    }
    let mut environment = process.environment.clone();
    if let Some(home) = &credentials.home {
        environment.set("HOME", Value::Known(home.clone()));
    }
    Launch::Run(Box::new(Next {
        argv: argv.to_vec(),
        environment,
        cwd: process.cwd.map(str::to_owned),
        credentials,
        search,
        chdir: false,
        keeps_capabilities: false,
    }))
}

/// `gosu USER[:GROUP] PROGRAM…` (github.com/tianon/gosu), which is written in Go.
pub(super) fn gosu(process: &LauncherProcess<'_>) -> Launch {
    as_user(process, "gosu", 1, Search::Go)
}

/// `su-exec USER[:GROUP] PROGRAM…` (github.com/ncopa/su-exec).
pub(super) fn su_exec(process: &LauncherProcess<'_>) -> Launch {
    as_user(process, "su-exec", 1, Search::Execvp)
}

/// `s6-setuidgid USER PROGRAM…` (skarnet.org/software/s6).
pub(super) fn setuidgid(process: &LauncherProcess<'_>) -> Launch {
    as_user(process, "s6-setuidgid", 111, Search::Execvp)
}

/// `runuser -u USER [--] PROGRAM…`. Without `-u` it starts a login shell.
pub(super) fn runuser(process: &LauncherProcess<'_>) -> Launch {
    let [option, user, rest @ ..] = process.args else {
        return Launch::Other(None);
    };
    match option {
        Word::Known(option) if option == "-u" || option == "--user" => {}
        _ => return Launch::Other(None),
    }
    let rest = options::skip(rest, &[]);
    let args: Vec<Word> = [user.clone()]
        .into_iter()
        .chain(rest.iter().cloned())
        .collect();
    as_user(
        &LauncherProcess {
            args: &args,
            ..*process
        },
        "runuser",
        1,
        Search::Execvp,
    )
}

/// `setpriv [--reuid UID] [--regid GID] [--init-groups|--clear-groups|…] PROGRAM…` (setpriv(1)).
pub(super) fn setpriv(process: &LauncherProcess<'_>) -> Launch {
    let mut credentials = process.credentials.clone();
    let mut rest = process.args;
    let mut changes = false;
    while let [Word::Known(word), after @ ..] = rest {
        if !word.starts_with('-') {
            break;
        }
        rest = after;
        if word == "--" {
            break;
        }
        let (option, inline) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let takes_value = matches!(
            option,
            "--reuid"
                | "--regid"
                | "--ruid"
                | "--euid"
                | "--rgid"
                | "--egid"
                | "--groups"
                | "--inh-caps"
                | "--ambient-caps"
                | "--bounding-set"
                | "--securebits"
                | "--pdeathsig"
                | "--selinux-label"
                | "--apparmor-profile"
        );
        if !takes_value {
            if option == "--clear-groups" {
                credentials.groups.clear();
            }
            continue;
        }
        let value = match inline {
            Some(value) => value,
            None => match rest {
                [Word::Known(value), after @ ..] => {
                    rest = after;
                    value.clone()
                }
                _ => return Launch::Other(None),
            },
        };
        match option {
            "--reuid" | "--euid" => {
                changes = true;
                match process.accounts.resolve(&value) {
                    Ok(found) => {
                        credentials.uid = found.uid;
                        credentials.name = found.name;
                        credentials.groups = found.groups;
                    }
                    Err(_) => return Launch::Refuses(no_such("reuid", &value), 1),
                }
            }
            "--regid" | "--egid" => {
                changes = true;
                match process.accounts.resolve(&format!(":{value}")) {
                    Ok(found) => credentials.gid = found.gid,
                    Err(_) => return Launch::Refuses(no_such("regid", &value), 1),
                }
            }
            _ => {}
        }
    }
    let mut launch = process.pass(rest);
    if changes && let Launch::Run(next) = &mut launch {
        // setpriv sets PR_SET_KEEPCAPS, so execve(2) itself runs with root's capabilities.
        next.keeps_capabilities = process.credentials.is_root();
        next.credentials = credentials;
    }
    launch
}

fn no_such(option: &str, value: &str) -> String {
    format!("setpriv: failed to parse {option}: '{value}'")
}
