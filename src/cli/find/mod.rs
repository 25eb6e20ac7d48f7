//! `imgfs find`: searches an image with the tests of find(1) and with conditions on the facts of
//! executables.

mod args;
mod condition;
mod number;
mod output;
mod perm;
mod words;

use std::ops::ControlFlow;
use std::process::ExitCode;

use super::paths::{Spelling, bytes, complain};
use super::pipe;
use crate::query::find::Event;
pub(crate) use args::FindArgs;
use output::FoundWriter;

pub(crate) fn run(args: &FindArgs) -> anyhow::Result<ExitCode> {
    let mut words = bytes(&args.words);
    for (given, word) in [(args.json, "--json"), (args.digests, "--digests")] {
        if given {
            words.push(word.into());
        }
    }
    let command = words::parse(&words)?;
    let view = args.source.open(&args.image)?;
    pipe::to_stdout(|out| {
        let mut writer = FoundWriter {
            view: &view,
            command: &command,
            spelling: Spelling::of_stdout(),
            out,
        };
        let (mut code, mut written) = (ExitCode::SUCCESS, Ok(()));
        let _ = command.find.search(&view, &mut |event| {
            let result = match event {
                Event::Show(found) => writer.line(found),
                Event::ShowRaw(found) => writer.raw(found),
                Event::Failed(path, error) => Ok(Err((path.to_vec(), error))),
            };
            match result {
                Ok(Ok(())) => ControlFlow::Continue(()),
                Ok(Err((path, error))) => {
                    complain(&view, &path, &error);
                    code = ExitCode::FAILURE;
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    written = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
        written.map(|()| code)
    })
}
