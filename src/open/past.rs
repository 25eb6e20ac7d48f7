//! What the merged tree does not show: each layer alone, and what later layers took away. Both are
//! trees of their own, made when somebody asks first, from the layers' indexes; no layer is read again
//! for them. They are not kept between mounts: they are soon made, and few ask.

use std::cell::Cell;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::OpenImage;
use crate::cache::{Key, Kind};
use crate::tree::{Merger, RemovalIndex, Removals, Tree, TreeError};

/// A tree that is made when it is asked for, or why it could not be.
type Lazy = OnceLock<Result<Tree, String>>;

/// The trees of an image besides the merged one.
pub(super) struct Past {
    layers: Vec<Lazy>,
    hidden: Lazy,
    removals: OnceLock<RemovalIndex>,
    /// How many names questions about removals may still look at.
    budget: Mutex<u64>,
}

impl Past {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            layers: (0..layers).map(|_| OnceLock::new()).collect(),
            hidden: OnceLock::new(),
            removals: OnceLock::new(),
            budget: Mutex::new(RemovalIndex::budget()),
        }
    }

    /// Whether something of them was found damaged.
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
    /// A layer alone, as it is shipped, its whiteouts under their names; `None` if there is none of that
    /// number.
    ///
    /// # Errors
    /// If its index is damaged, or the tree cannot be written.
    pub fn layer_alone(&self, number: u32) -> io::Result<Option<&Tree>> {
        let place = number as usize;
        let (Some(tree), Some(layer)) = (self.past.layers.get(place), self.layers.get(place))
        else {
            return Ok(None);
        };
        let made = get(tree, || {
            let mut merger = Merger::alone(number);
            merger.layer(&layer.index)?;
            // It has no name, so the key is never looked for.
            let key = Key::tree(["alone"].into_iter());
            let file = merger.finish(self.cache.create(Kind::Tree)?, &key)?;
            Ok(Tree::open(&file.file)?)
        });
        made.map(Some)
    }

    /// What layers took away of lower ones: in the root a directory for each layer, named by its number,
    /// with what it brought and a later one hid ([`Tree::hidden`]).
    ///
    /// # Errors
    /// If an index is damaged, or the tree cannot be written.
    pub fn hidden(&self) -> io::Result<&Tree> {
        get(&self.past.hidden, || {
            let mut merger = Merger::recording();
            for layer in &self.layers {
                merger.layer(&layer.index)?;
            }
            let key = Key::tree(["hidden"].into_iter());
            let file = merger.finish_hidden(self.cache.create(Kind::Tree)?, &key)?;
            Ok(Tree::open(&file.file)?)
        })
    }

    /// Answers a question about what layers removed. The index that it needs is made at the first
    /// question.
    ///
    /// # Errors
    /// If an index of a layer is damaged, or the tree of hidden names cannot be written.
    pub(super) fn ask_removals<T>(&self, ask: impl FnOnce(&Removals<'_>) -> T) -> io::Result<T> {
        let hidden = self.hidden()?;
        let index = self.past.removals.get_or_init(|| RemovalIndex::new(hidden));
        let mut left = self
            .past
            .budget
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let budget = Cell::new(*left);
        let answer = ask(&Removals::new(&self.tree, hidden, index, &budget));
        *left = budget.get();
        Ok(answer)
    }
}
