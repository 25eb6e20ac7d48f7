//! A bar on a terminal while layers are read; silence in a pipe.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::sync::PoisonError;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use imgfs::open::Progress;

/// One bar over all layers, in stored bytes.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// How far each layer is.
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

    /// Takes the bar away.
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
