//! Utilities of scripts: decides whether one can do its work, given the files of the image and earlier
//! changes of the chain.

use super::access::{self, Blocked};
use super::errno::Errno;
use super::follow::Follower;
use super::request::Request;
use super::shell::Word;
use super::user::Credentials;
use crate::tree::NodeKind;

impl<'f, 'a: 'f> Follower<'f, 'a> {
    /// Records the paths that a utility changes.
    pub(super) fn touch(&mut self, args: &[Word]) {
        const LIMIT: usize = 1024;
        let paths = args.iter().filter_map(|word| match word {
            Word::Known(word) if word.starts_with('/') => Some(word.clone()),
            _ => None,
        });
        for path in paths {
            if self.touched.len() < LIMIT {
                self.touched.insert(path);
            }
        }
    }

    /// Returns true if all paths that a utility changes were created or changed earlier by another utility,
    /// or are existing directories that `mkdir -p` accepts.
    pub(super) fn made_before(&self, name: &str, args: &[Word], request: &Request) -> bool {
        let parents = args.contains(&Word::Known("-p".to_owned()));
        let mut any = false;
        let all = args.iter().all(|word| match word {
            Word::Known(word) if word.starts_with('/') => {
                any = true;
                let there = || self.enter(&request.credentials, None, word).is_ok();
                self.touched.contains(word) || (name == "mkdir" && parents && there())
            }
            Word::Known(_) => true,
            Word::Unknown | Word::UnknownMany => false,
        });
        any && all
    }

    /// Checks whether a process can change to a directory.
    ///
    /// # Errors
    /// Returns the error of chdir(2).
    pub(super) fn enter(
        &self,
        credentials: &Credentials,
        cwd: Option<&str>,
        dir: &str,
    ) -> Result<(), Errno> {
        let cwd = cwd.unwrap_or("/").as_bytes();
        match access::follow(self.image, credentials, cwd, dir.as_bytes()) {
            Ok(reached) => match self.image.tree.node(reached.node) {
                Some(node) if node.kind != NodeKind::Directory => Err(Errno::NotDirectory),
                Some(node) if !access::may_execute(&node, credentials) => Err(Errno::Access),
                _ => Ok(()),
            },
            Err(Blocked::Mounted) => Ok(()),
            Err(Blocked::Error(errno, _)) => Err(errno),
        }
    }

    /// Returns true if a utility reads a file that is not in the image. It may fail then, unless
    /// something created the file before.
    pub(super) fn lacks_operand(&self, name: &str, args: &[Word], request: &Request) -> bool {
        let operands = match name {
            "cat" | "chmod" | "chown" | "chgrp" | "sed" | "head" | "sort" | "stat" => args,
            // The last operand is created.
            "cp" | "mv" | "install" => args.split_last().map_or(&[][..], |(_, rest)| rest),
            _ => return false,
        };
        operands.iter().any(|word| match word {
            Word::Known(word) if word.starts_with('/') => {
                let found = access::follow(self.image, &request.credentials, b"/", word.as_bytes());
                matches!(found, Err(Blocked::Error(..)))
            }
            _ => false,
        })
    }
}
