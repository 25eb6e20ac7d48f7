//! What ends a mount: a signal, or an unmount from outside.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Why the command should come to an end.
pub(crate) enum Ending {
    /// This signal came.
    Signal(i32),
    /// The mount is gone.
    Unmounted,
}

/// A channel on which endings arrive; SIGINT, SIGTERM and SIGHUP do from now on.
pub(crate) fn endings() -> io::Result<(Sender<Ending>, Receiver<Ending>)> {
    let (sender, receiver) = channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let on_signal = sender.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if on_signal.send(Ending::Signal(signal)).is_err() {
                    return;
                }
            }
        })?;
    Ok((sender, receiver))
}
