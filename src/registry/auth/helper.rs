//! Credential helpers: programs `docker-credential-NAME` that store logins. Their protocol
//! (docker/docker-credential-helpers, README, "Development"): the argument `get`, the server on
//! standard input, a JSON answer on standard output.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::credential::Credential;
use crate::registry::error_body::one_line;
use crate::registry::{Environment, RegistryError};

/// The maximum length of an answer in bytes.
const LONGEST: u64 = 1 << 20;
/// The user name that marks an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperOutput {
    username: String,
    secret: String,
}

/// Asks a helper for a login, under each of the server names until one has a login.
///
/// # Errors
/// If the helper is not installed, fails, or takes longer than `patience`.
pub(super) fn ask(
    name: &str,
    servers: &[String],
    host: &str,
    environment: &Environment,
    patience: Duration,
) -> Result<Option<Credential>, RegistryError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(fine) {
        return Err(login_error(
            host,
            format!("{name:?} is not a valid name of a credential helper"),
        ));
    }
    for server in servers {
        if let Some(found) = one(name, server, host, environment, patience)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn one(
    name: &str,
    server: &str,
    host: &str,
    environment: &Environment,
    patience: Duration,
) -> Result<Option<Credential>, RegistryError> {
    let program = format!("docker-credential-{name}");
    let wrong = |detail: String| login_error(host, format!("{program} {detail}"));
    let started = Command::new(&program)
        .arg("get")
        .env_clear()
        .envs(environment.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => {
            wrong("is not installed; install it, or remove it from the login file".to_owned())
        }
        _ => wrong(format!("cannot be started: {e}")),
    })?;
    let finished = finish(&mut child, server, patience);
    if finished.is_err() {
        // The child has not been waited for yet, so its process id is still valid.
        let _ = child.kill();
        let _ = child.wait();
    }
    let finished = finished.map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let Some((output, status)) = finished else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(wrong(format!(
            "did not answer within {} s; try it: echo {server} | {program} get",
            patience.as_secs_f64()
        )));
    };
    if !status.success() {
        let text = String::from_utf8_lossy(&output);
        // The text by which the protocol reports that there is no login (credentials/error.go).
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(wrong(format!("failed ({status}): {}", one_line(&text))));
    }
    let answer: HelperOutput = serde_json::from_slice(&output)
        .map_err(|_| wrong("answered with something that is not a login".to_owned()))?;
    Ok(match answer.username.as_str() {
        _ if answer.secret.is_empty() => None,
        TOKEN_USER => Some(Credential::IdentityToken(answer.secret)),
        _ => Some(Credential::Password {
            user: answer.username,
            password: answer.secret,
        }),
    })
}

/// Returns the output and exit status of a helper, or `None` if it took too long.
fn finish(
    child: &mut Child,
    server: &str,
    patience: Duration,
) -> io::Result<Option<(Vec<u8>, ExitStatus)>> {
    let until = Instant::now() + patience;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input may still answer.
        let _ = input.write_all(server.as_bytes());
    }
    let Some(output) = child.stdout.take() else {
        return Err(io::Error::other("no output"));
    };
    let (sender, receiver) = channel();
    // The thread ends when the output is closed. A child process of the helper may keep it open.
    thread::Builder::new()
        .name("credentials".to_owned())
        .spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(LONGEST).read_to_end(&mut bytes);
            let _ = sender.send(read.map(|_| bytes));
        })?;
    let output = match receiver.recv_timeout(patience) {
        Ok(output) => output?,
        Err(RecvTimeoutError::Timeout) => return Ok(None),
        Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("no output")),
    };
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some((output, status)));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn login_error(host: &str, detail: impl Into<String>) -> RegistryError {
    RegistryError::Login {
        host: host.to_owned(),
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for a short script on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Runs a helper with this script and returns its answer for the server `h`.
    fn says(script: &str) -> Result<Option<Credential>, String> {
        says_within(script, PATIENCE)
    }

    fn says_within(script: &str, patience: Duration) -> Result<Option<Credential>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker-credential-test");
        let script = format!("#!/bin/sh\n{script}\n");
        crate::needs::write_executable(&path, script.as_bytes());
        let search = format!(
            "{}:{}",
            dir.path().display(),
            std::env::var("PATH").unwrap()
        );
        let environment = Environment::new([("PATH", search)], "/");
        let servers = ["h".to_owned()];
        ask("test", &servers, "h", &environment, patience).map_err(|e| e.to_string())
    }

    #[test]
    fn logins_tokens_and_none() {
        let password = r#"read s; [ "$1 $s" = "get h" ] && echo '{"ServerURL":"h","Username":"u","Secret":"p"}'"#;
        let (user, secret) = ("u".to_owned(), "p".to_owned());
        assert_eq!(
            says(password),
            Ok(Some(Credential::Password {
                user,
                password: secret
            }))
        );
        let token = r#"echo '{"ServerURL":"h","Username":"<token>","Secret":"t"}'"#;
        assert_eq!(
            says(token),
            Ok(Some(Credential::IdentityToken("t".to_owned())))
        );
        let none = "echo credentials not found in native keychain; exit 1";
        assert_eq!(says(none), Ok(None));
    }

    #[test]
    fn one_that_fails_hangs_or_is_missing_is_told() {
        assert!(says("echo locked; exit 2").unwrap_err().contains("locked"));
        assert!(
            says("echo nonsense sesame")
                .unwrap_err()
                .contains("not a login")
        );
        let hangs = says_within("exec sleep 100", Duration::from_secs(1));
        assert!(hangs.unwrap_err().contains("within 1 s"));
        let missing = ask(
            "absent",
            &["h".to_owned()],
            "h",
            &Environment::of_process(),
            Duration::ZERO,
        );
        assert!(missing.unwrap_err().to_string().contains("not installed"));
        let path = ask("../x", &[], "h", &Environment::of_process(), Duration::ZERO);
        assert!(path.unwrap_err().to_string().contains("not a valid name"));
    }
}
