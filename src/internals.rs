//! What this project's own tests, benchmarks and examples use of the internal modules. Not part of the
//! API: it changes without notice.

pub mod blob {
    pub use crate::blob::{
        BlobError, Bytes, Codec, Digest, Hasher, Pass, ReadAt, SpanCache, SpanReader, SpanTable,
        examine,
    };
}
pub mod cache {
    pub use crate::cache::{
        CacheDir, CacheFile, CacheKey, CacheKind, FileState, Unpublished, Writer,
    };
}
pub mod findings {
    pub use crate::findings::{Finding, Id, InterpreterStatus, Level};
}
#[cfg(feature = "fuse")]
pub mod fuse {
    pub use crate::fuse::{Mount, MountOptions, mount};
}
pub mod host {
    pub use crate::host::{Binfmt, Check, Handler, Host, Rule, Status};
}
pub mod image {
    pub use crate::image::Platform;
}
pub mod inspect {
    pub use crate::inspect::{
        Binary, BinaryKind, Endian, ExecError, FactSource, Format, Libc, Linkage, Relro, Source,
        Sourced, inspect, symbols,
    };
}
pub mod launch {
    pub use crate::launch::{
        Cause, ChainStart, End, Evidence, Execution, Loaded, Outcome, RunMode, StepFailure, Word,
        load,
    };
}
pub mod layer {
    pub use crate::layer::{
        Ambiguity, Data, EntryKind, LayerEntry, LayerIndex, LayerInput, Mtime, ProblemKind,
        printable, scan,
    };
}
pub mod open {
    pub use crate::open::{OpenError, OpenImage, OpenOptions, Progress, open, open_each};
}
pub mod query {
    pub mod diff {
        pub use crate::query::diff::{Diff, Options};
    }
    pub mod export {
        pub use crate::query::export::{ExportError, Format, Selection, export};
    }
    pub mod find {
        pub use crate::query::find::{Event, Find};
    }
    pub mod time {
        pub use crate::query::time::parse;
    }
}
#[cfg(feature = "registry")]
pub mod registry {
    pub use crate::registry::{
        Client, ClientOptions, Environment, Patience, RegistryError, RegistryReference,
    };
}
pub mod store {
    pub use crate::store::{BlobRole, BlobState, Lease, Store};
}
pub mod transfer {
    #[cfg(feature = "registry")]
    pub use crate::transfer::{PullOptions, pull};
}
pub mod tree {
    pub use crate::tree::{Merger, NodeKind, RemovalKind, Tree};
}
pub mod view {
    pub use crate::view::{
        Counter, FileType, HiddenName, ImageFs, KEYS, Platforms, RemovalKind, Sidecars, Subject,
        View, ViewError, platform_names,
    };
    pub mod facts {
        pub use crate::view::facts::of_binary;
    }
    pub mod sidecar {
        pub use crate::view::sidecar::text;
    }
}
