//! All findings of an image, and other facts that were learned about each file.

use std::collections::HashMap;

use super::finding::{Finding, InterpreterStatus, Level};
use crate::tree::NodeId;

/// A list of names, as bytes.
pub(super) type Names = Box<[Box<[u8]>]>;

/// All findings of an image, sorted by descending level, then by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    /// For each node, the indexes of its findings in `list`, in ascending order.
    by_node: HashMap<NodeId, Vec<u32>>,
    files: HashMap<NodeId, File>,
}

/// The facts learned about one executable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The status of its interpreter, if it names one.
    pub interpreter: Option<InterpreterStatus>,
    /// The libraries of its closure that the loader does not find.
    pub missing: Names,
}

impl Findings {
    /// Sorts the findings. Each comes with the files that it covers besides the one that it names.
    pub fn new(mut list: Vec<(Finding, Vec<NodeId>)>, files: HashMap<NodeId, File>) -> Self {
        list.sort_by(|(a, _), (b, _)| {
            b.level
                .cmp(&a.level)
                .then_with(|| (&a.path, a.id, &a.detail).cmp(&(&b.path, b.id, &b.detail)))
        });
        list.dedup();
        let mut by_node: HashMap<NodeId, Vec<u32>> = HashMap::new();
        for ((finding, nodes), number) in list.iter().zip(0..) {
            for &node in finding.node.iter().chain(nodes) {
                by_node.entry(node).or_default().push(number);
            }
        }
        Self {
            list: list.into_iter().map(|(finding, _)| finding).collect(),
            by_node,
            files,
        }
    }

    /// Returns all findings, sorted by descending level, then by path.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Returns the findings about one file.
    pub fn of(&self, node: NodeId) -> impl Iterator<Item = &Finding> {
        let numbers = self.by_node.get(&node).into_iter().flatten();
        numbers.filter_map(|&number| self.list.get(number as usize))
    }

    /// Returns the highest level of the findings about a file. `None` if there are none.
    pub fn worst(&self, node: NodeId) -> Option<Level> {
        self.of(node).map(|finding| finding.level).max()
    }

    /// Returns the libraries that a file needs, directly or through others, and that its loader would
    /// not find.
    pub fn missing(&self, node: NodeId) -> &[Box<[u8]>] {
        self.files.get(&node).map_or(&[], |file| &file.missing)
    }

    /// Returns the status of the interpreter that a file names. `None` if it names none.
    pub fn interpreter_status(&self, node: NodeId) -> Option<InterpreterStatus> {
        self.files.get(&node)?.interpreter
    }
}
