//! Reads and evaluates shell scripts.

use super::chain::StepId;
use super::container::{self, Container};
use super::environment::Value;
use super::follow::{Follower, unknown};
use super::messages::{self, Caller};
use super::request::Request;
use super::shell::{self, Dialect, Ended, Word};
use crate::inspect::Format;
use crate::tree::NodeId;

/// The maximum size of a script in bytes.
const SCRIPT_LIMIT: u64 = 1 << 20;

impl<'f, 'a: 'f> Follower<'f, 'a> {
    /// Returns the text of a script; `None` if it is too long or cannot be read.
    pub(super) fn text(&mut self, node: NodeId) -> Option<String> {
        let size = self.image.tree.node(node)?.size;
        if size > SCRIPT_LIMIT {
            return None;
        }
        let bytes = self.image.evidence.read(node, SCRIPT_LIMIT);
        let bytes = self.note(bytes)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) fn evaluate(
        &mut self,
        id: StepId,
        request: &Request,
        script: &shell::Script<'_>,
    ) -> Ended {
        let dialect = script.dialect;
        let name = match &script.name {
            Value::Known(name) => name.clone(),
            Value::Unknown => "sh".to_owned(),
        };
        let mut container = Container {
            follower: self,
            step: id,
            credentials: request.credentials.clone(),
            shell: Caller::Shell {
                dialect,
                name,
                from_text: script.from_text,
                line: 0,
                exec: false,
            },
            depth: request.depth + 1,
        };
        shell::evaluate(script, &mut container)
    }

    /// Runs a shell with its arguments.
    pub(super) fn shell(
        &mut self,
        id: StepId,
        request: &Request,
        argv: &[Word],
        dialect: Dialect,
    ) -> Ended {
        let Some(invocation) = shell::invocation::parse(argv, dialect) else {
            // The shell reports an error in its arguments.
            return Ended {
                status: Some(2),
                cause: None,
                may_stay: false,
            };
        };
        if invocation.only_prints {
            return Ended {
                status: Some(0),
                cause: None,
                may_stay: false,
            };
        }
        let dialect = invocation.dialect;
        let own_name = || match argv.first() {
            Some(Word::Known(name)) => Value::Known(name.clone()),
            _ => Value::Unknown,
        };
        let from_text = matches!(invocation.source, shell::invocation::Source::Text(_));
        let (text, name) = match invocation.source {
            shell::invocation::Source::Text(text) => (text, invocation.name),
            // Without a script a shell reads standard input, which a container does not have.
            shell::invocation::Source::Input => {
                self.interactive = true;
                return Ended {
                    status: Some(0),
                    cause: None,
                    may_stay: true,
                };
            }
            shell::invocation::Source::File(path) => {
                match self.script_file(id, request, &path, dialect) {
                    Ok(text) => (text, Some(Value::Known(path))),
                    Err(ended) => return ended,
                }
            }
            shell::invocation::Source::Unknown => return unknown(),
        };
        self.evaluate(
            id,
            request,
            &shell::Script {
                text: &text,
                from_text,
                name: name.unwrap_or_else(own_name),
                arguments: invocation.arguments,
                dialect,
                options: invocation.options,
                environment: &request.environment,
                cwd: request.cwd.clone(),
                certain: request.certain,
            },
        )
    }

    /// Returns the text of a script that a shell was given as an argument.
    pub(super) fn script_file(
        &mut self,
        id: StepId,
        request: &Request,
        path: &str,
        dialect: Dialect,
    ) -> Result<String, Ended> {
        let cwd = request.cwd.clone().unwrap_or_else(|| "/".to_owned());
        let opened = container::open_to_read(
            self.image,
            &request.credentials,
            cwd.as_bytes(),
            path.as_bytes(),
        );
        match opened {
            // A binary file is not a script, no matter what the shell does with its first line.
            Ok(Some(node))
                if self
                    .image
                    .file(node)
                    .is_some_and(|f| f.binary.format != Format::Script) =>
            {
                Err(Ended {
                    status: Some(2),
                    cause: None,
                    may_stay: false,
                })
            }
            Ok(Some(node)) => self.text(node).ok_or_else(unknown),
            Ok(None) => Err(unknown()),
            Err((errno, at)) => {
                let failure = messages::no_script(dialect, path, errno, &at);
                Err(self.fail(id, failure))
            }
        }
    }
}
