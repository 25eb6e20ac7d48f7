//! Trees other than the merged one: each layer alone, and everything that later layers hide. Each
//! tree is made on first use from the layers' indexes; no layer is read again. These trees are not
//! kept in the cache: they are quick to make and rarely needed.

use std::cell::Cell;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::OpenImage;
use crate::cache::{CacheKey, CacheKind};
use crate::tree::{Merger, RemovalIndex, Removals, Tree, TreeError};

/// A tree made on first use, or the error message if that failed.
type Lazy = OnceLock<Result<Tree, String>>;

/// The trees of an image other than the merged one.
pub(super) struct LayerTrees {
    layers: Vec<Lazy>,
    hidden: Lazy,
    removals: OnceLock<RemovalIndex>,
    /// How many more names may be examined to answer questions about removals.
    budget: Mutex<u64>,
}

impl LayerTrees {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            layers: (0..layers).map(|_| OnceLock::new()).collect(),
            hidden: OnceLock::new(),
            removals: OnceLock::new(),
            budget: Mutex::new(RemovalIndex::budget()),
        }
    }

    /// Whether any of the trees was found damaged.
    pub(super) fn is_damaged(&self) -> bool {
        let all = self.layers.iter().chain([&self.hidden]);
        let made = all.filter_map(|tree| tree.get()?.as_ref().ok());
        made.into_iter().any(Tree::is_damaged)
    }
}

fn get(tree: &Lazy, make: impl FnOnce() -> Result<Tree, TreeError>) -> io::Result<&Tree> {
    let made = tree.get_or_init(|| make().map_err(|error| error.to_string()));
    made.as_ref()
        .map_err(|error| io::Error::other(error.clone()))
}

impl OpenImage {
    /// Returns the tree of one layer as shipped, with whiteouts under their own names. Returns
    /// `None` if there is no layer of that number.
    ///
    /// # Errors
    /// If the layer's index is damaged, or the tree cannot be written.
    pub fn layer_alone(&self, number: u32) -> io::Result<Option<&Tree>> {
        let place = number as usize;
        let (Some(tree), Some(layer)) =
            (self.layer_trees.layers.get(place), self.layers.get(place))
        else {
            return Ok(None);
        };
        let made = get(tree, || {
            let mut merger = Merger::alone(number);
            merger.layer(&layer.index)?;
            // The file is never published, so this key is never looked up.
            let key = CacheKey::tree(["alone"].into_iter());
            let file = merger.finish(self.cache.create(CacheKind::Tree)?, &key)?;
            Ok(Tree::open(&file.file)?)
        });
        made.map(Some)
    }

    /// Returns the tree of everything that layers removed from lower layers. Its root has one
    /// directory for each layer, named by the layer's number, with the entries of that layer that a
    /// later layer hid ([`Tree::hidden`]).
    ///
    /// # Errors
    /// If an index is damaged, or the tree cannot be written.
    pub fn hidden(&self) -> io::Result<&Tree> {
        get(&self.layer_trees.hidden, || {
            let mut merger = Merger::recording();
            for layer in &self.layers {
                merger.layer(&layer.index)?;
            }
            let key = CacheKey::tree(["hidden"].into_iter());
            let file = merger.finish_hidden(self.cache.create(CacheKind::Tree)?, &key)?;
            Ok(Tree::open(&file.file)?)
        })
    }

    /// Answers a question about removals. The index of removals is made on the first question.
    ///
    /// # Errors
    /// If the index of a layer is damaged, or the tree of hidden entries cannot be written.
    pub(super) fn ask_removals<T>(&self, ask: impl FnOnce(&Removals<'_>) -> T) -> io::Result<T> {
        let hidden = self.hidden()?;
        let index = self
            .layer_trees
            .removals
            .get_or_init(|| RemovalIndex::new(hidden));
        let mut left = self
            .layer_trees
            .budget
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let budget = Cell::new(*left);
        let answer = ask(&Removals::new(&self.tree, hidden, index, &budget));
        *left = budget.get();
        Ok(answer)
    }
}
