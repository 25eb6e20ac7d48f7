//! All findings of an image, and what else was learned of each file on the way.

use std::collections::HashMap;

use super::finding::{Finding, InterpreterStatus, Level};
use crate::tree::NodeId;

/// A list of nodes' names, as bytes.
pub type Names = Box<[Box<[u8]>]>;

/// What was found in an image: the worst first, then by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    /// For each node, where its findings are in the list, in its order.
    by_node: HashMap<NodeId, Vec<u32>>,
    files: HashMap<NodeId, File>,
}

/// What was learned of one executable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// What became of its interpreter, if it names one.
    pub interpreter: Option<InterpreterStatus>,
    /// The libraries of its closure that are not found.
    pub missing: Names,
}

impl Findings {
    /// Sorts what was found. A finding that is about more files than the one it names comes with those.
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

    /// All of them: the worst first, then by path.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Those about one file.
    pub fn of(&self, node: NodeId) -> impl Iterator<Item = &Finding> {
        let numbers = self.by_node.get(&node).into_iter().flatten();
        numbers.filter_map(|&number| self.list.get(number as usize))
    }

    /// The worst of those about a file; `None` if there is none.
    pub fn worst(&self, node: NodeId) -> Option<Level> {
        self.of(node).map(|finding| finding.level).max()
    }

    /// The libraries that a file needs, itself or through others, and that its loader would not find.
    pub fn missing(&self, node: NodeId) -> &[Box<[u8]>] {
        self.files.get(&node).map_or(&[], |file| &file.missing)
    }

    /// What became of the interpreter that a file names. `None` if it names none.
    pub fn interpreter_status(&self, node: NodeId) -> Option<InterpreterStatus> {
        self.files.get(&node)?.interpreter
    }
}
