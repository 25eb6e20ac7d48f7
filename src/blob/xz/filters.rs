//! LZMA2, and the filters that are applied after it when decoding: delta, and the filters that
//! convert addresses in machine code ("BCJ").

use lzma_rust2::filter::StreamFilter;
use lzma_rust2::{Action, Lzma2Stream, Status};

use super::error::XzError;
use super::header::BlockHeader;

/// The number of bytes that go through the filters at a time.
const PIECE_LEN: usize = 16 << 10;

/// Decodes the data of a block.
pub(super) struct Chain {
    lzma2: Lzma2Stream,
    /// The filters in the order of decoding. Most blocks have none.
    stages: Vec<Stage>,
    /// The output of LZMA2, if there are filters.
    piece: Vec<u8>,
    /// The output of the last filter, and how much of it was taken.
    ready: Vec<u8>,
    taken: usize,
    /// Whether LZMA2 has ended.
    ended: bool,
}

/// A filter, and the bytes that it cannot convert before it has seen the bytes after them.
struct Stage {
    filter: StreamFilter,
    bytes: Vec<u8>,
}

/// The progress of one step.
pub(super) struct Progress {
    pub consumed: usize,
    pub produced: usize,
    pub ended: bool,
}

impl Chain {
    pub(super) fn new(header: &BlockHeader) -> Result<Self, XzError> {
        let stage = |config| {
            let filter = StreamFilter::new(config).map_err(|e| XzError::Damaged(e.to_string()))?;
            let bytes = Vec::new();
            Ok(Stage { filter, bytes })
        };
        let stages: Result<Vec<_>, _> = header.filters.iter().rev().map(stage).collect();
        let stages = stages?;
        let piece = match stages.is_empty() {
            true => Vec::new(),
            false => vec![0; PIECE_LEN],
        };
        Ok(Self {
            lzma2: Lzma2Stream::new(header.dictionary),
            stages,
            piece,
            ready: Vec::new(),
            taken: 0,
            ended: false,
        })
    }

    /// Decodes until the input or the room for output runs out, or the data ends.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Progress, XzError> {
        if self.stages.is_empty() {
            return decode(&mut self.lzma2, input, out);
        }
        let mut consumed = 0;
        if self.taken == self.ready.len() && !self.ended {
            let progress = decode(&mut self.lzma2, input, &mut self.piece)?;
            consumed = progress.consumed;
            self.ended = progress.ended;
            self.filter(progress.produced);
        }
        let ready = self.ready.get(self.taken..).unwrap_or_default();
        let produced = ready.len().min(out.len());
        for (to, from) in out.iter_mut().zip(ready) {
            *to = *from;
        }
        self.taken += produced;
        Ok(Progress {
            consumed,
            produced,
            ended: self.ended && self.taken == self.ready.len(),
        })
    }

    /// Sends the first `len` bytes of `piece` through the filters.
    fn filter(&mut self, len: usize) {
        self.taken = 0;
        self.ready.clear();
        self.ready
            .extend_from_slice(self.piece.get(..len).unwrap_or_default());
        for Stage { filter, bytes } in &mut self.stages {
            bytes.append(&mut self.ready);
            let settled = filter.decode(bytes).min(bytes.len());
            // At the end of the data, the bytes that are left are not converted.
            let settled = if self.ended { bytes.len() } else { settled };
            self.ready.extend(bytes.drain(..settled));
        }
    }

    /// Returns the maximum memory that it takes, in bytes.
    pub(super) fn footprint(&self) -> usize {
        let kib = self.lzma2.memory_usage().unwrap_or(u32::MAX);
        kib as usize * 1024 + (2 + self.stages.len()) * self.piece.len()
    }
}

fn decode(lzma2: &mut Lzma2Stream, input: &[u8], out: &mut [u8]) -> Result<Progress, XzError> {
    let result = lzma2.process(input, out, Action::Run);
    let result = result.map_err(|e| XzError::Damaged(e.to_string()))?;
    let progress = Progress {
        consumed: result.bytes_consumed,
        produced: result.bytes_produced,
        ended: result.status == Status::StreamEnd,
    };
    let stuck = progress.consumed == 0 && progress.produced == 0 && !progress.ended;
    if stuck && !input.is_empty() && !out.is_empty() {
        return Err(XzError::damaged("the decoder makes no progress"));
    }
    Ok(progress)
}
