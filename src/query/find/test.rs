//! The tests and actions of an expression.

use super::condition::Condition;
use super::number::{NumberTest, SizeTest};
use super::perm::PermTest;
use crate::layer::Mtime;
use crate::query::glob::Glob;
use crate::view::FileType;

/// A test or an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Always this value (`-true` and `-false`).
    Constant(bool),
    /// The base name matches (`-name`, `-iname`).
    Name(Glob),
    /// The whole path matches (`-path`, `-ipath`).
    Path(Glob),
    /// The target of a symbolic link matches (`-lname`, `-ilname`).
    Target(Glob),
    /// The file has one of these types (`-type`).
    Type(Vec<FileType>),
    /// The file that a symbolic link leads to has one of these types (`-xtype`).
    TargetType(Vec<FileType>),
    /// The size (`-size`).
    Size(SizeTest),
    /// The permissions (`-perm`).
    Perm(PermTest),
    /// The file was modified after this time (`-newermt`).
    NewerThan(Mtime),
    /// A regular file without bytes, or a directory without names (`-empty`).
    Empty,
    /// The owner (`-uid`, `-user`).
    Uid(NumberTest),
    /// The group (`-gid`, `-group`).
    Gid(NumberTest),
    /// The number of hard links (`-links`).
    Links(NumberTest),
    /// The file is from the layer with this number (`--layer`).
    Layer(u32),
    /// The facts of the file (`--where`).
    Where(Condition),
    /// Skips the contents of the directory, and is true (`-prune`).
    Prune,
    /// Ends the search (`-quit`).
    Quit,
    /// Shows the file, and is true (`-print`).
    Print,
    /// Shows the path followed by a NUL, and is true (`-print0`).
    Print0,
}

impl Test {
    /// Whether it is an action that prints. If there is one, files are not printed by default.
    pub(super) fn is_action(&self) -> bool {
        matches!(self, Self::Print | Self::Print0)
    }
}
