//! Progress bars on a terminal while layers are read. Prints nothing if standard error is not a
//! terminal.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::sync::PoisonError;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::open::Progress;
use crate::transfer::{self, Blob};

/// One bar per blob that is transferred, in stored bytes.
pub(crate) struct Bars {
    all: MultiProgress,
    bars: Mutex<Vec<ProgressBar>>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let target = match stderr().is_terminal() {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            all: MultiProgress::with_draw_target(target),
            bars: Mutex::default(),
        }
    }

    /// Removes the bars.
    pub(crate) fn clear(&self) {
        // If this fails, the terminal is gone, and the bars with it.
        let _ = self.all.clear();
    }

    fn with(&self, number: usize, run: impl FnOnce(&ProgressBar)) {
        let bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bars.get(number) {
            run(bar);
        }
    }
}

impl transfer::TransferProgress for Bars {
    fn start(&self, blobs: &[Blob]) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let template = "{msg} {wide_bar} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4}";
        // The bars of the previous image stay on the screen: an archive may have several images.
        bars.clear();
        for blob in blobs {
            let bar = self.all.add(ProgressBar::new(blob.size));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            let short: String = blob.digest.hex().chars().take(12).collect();
            bar.set_message(short);
            bars.push(bar);
        }
    }

    fn advance(&self, blob: usize, position: u64) {
        self.with(blob, |bar| {
            // The blob may have been queued; do not count that time.
            if bar.position() == 0 {
                bar.reset_elapsed();
                bar.reset_eta();
            }
            bar.set_position(position);
        });
    }

    fn done(&self, blob: usize) {
        self.with(blob, |bar| {
            bar.set_position(bar.length().unwrap_or(0));
            bar.finish();
        });
    }
}

/// One bar for all layers together, in stored bytes.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Position in each layer.
    positions: Mutex<Vec<u64>>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::no_length();
        if stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            positions: Mutex::default(),
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn start(&self, sizes: &[u64]) {
        let layers = match sizes.len() {
            1 => "1 layer".to_owned(),
            n => format!("{n} layers"),
        };
        self.bar.set_message(layers);
        self.bar.set_length(sizes.iter().sum());
        let mut positions = self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *positions = vec![0; sizes.len()];
    }

    fn advance(&self, layer: usize, position: u64) {
        let mut positions = self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = positions.get_mut(layer) {
            let step = position.saturating_sub(*known);
            *known = position;
            drop(positions);
            if step > 0 {
                self.bar.inc(step);
            }
        }
    }
}
