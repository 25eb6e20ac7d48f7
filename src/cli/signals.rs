//! The events that end a mount: a signal, or an unmount by another process.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Why the command should end.
pub(crate) enum Ending {
    /// This signal was received.
    Signal(i32),
    /// The mount was unmounted.
    Unmounted,
}

/// Returns a channel for [`Ending`]s. From now on SIGINT, SIGTERM and SIGHUP are sent to it.
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
