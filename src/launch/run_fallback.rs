//! Runs a file as a script that the kernel does not execute.

use super::chain::StepId;
use super::environment::Value;
use super::exec::ExecOutcome;
use super::fallback::Fallback;
use super::follow::{Follower, unknown};
use super::request::Request;
use super::shell::{self, Ended, Word};

impl<'f, 'a: 'f> Follower<'f, 'a> {
    /// Runs a file as a script that the kernel does not execute.
    pub(super) fn as_script(
        &mut self,
        id: StepId,
        request: &Request,
        execution: &ExecOutcome,
        path: &str,
        fallback: Fallback,
    ) -> Ended {
        let Some(node) = execution.files.first().map(|file| file.node) else {
            return unknown();
        };
        let args = request.argv.get(1..).unwrap_or_default().to_vec();
        match fallback {
            Fallback::Shell(argv0, own) => {
                let mut argv = vec![Word::Known(argv0.to_owned()), Word::Known(path.to_owned())];
                argv.extend(args);
                self.start(Request {
                    argv,
                    path: own,
                    depth: request.depth + 1,
                    ..request.clone()
                })
            }
            Fallback::InProcess(dialect) => {
                let Some(text) = self.text(node) else {
                    return self.give_up(id, "it cannot be read as a script".to_owned());
                };
                let name = path.to_owned();
                self.evaluate(
                    id,
                    request,
                    &shell::Script {
                        text: &text,
                        from_text: false,
                        name: Value::Known(name),
                        arguments: args,
                        dialect,
                        options: shell::Options::default(),
                        environment: &request.environment,
                        cwd: request.cwd.clone(),
                        certain: request.certain,
                    },
                )
            }
        }
    }
}
