//! Writes an mtree(5) manifest: a line for each file with its full path, followed by `keyword=value`s.

use std::io::Write;

use super::error::{ExportError, read};
use super::format_writer::{ExportItem, FormatWriter};
use crate::view::{FileType, ImageFs, View};

pub(super) struct MtreeWriter<'a> {
    view: &'a ImageFs,
    digests: bool,
    out: &'a mut dyn Write,
    begun: bool,
}

impl<'a> MtreeWriter<'a> {
    pub(super) fn new(view: &'a ImageFs, digests: bool, out: &'a mut dyn Write) -> Self {
        Self {
            view,
            digests,
            out,
            begun: false,
        }
    }

    fn begin(&mut self) -> Result<(), ExportError> {
        if !self.begun {
            self.begun = true;
            self.out.write_all(b"#mtree\n")?;
        }
        Ok(())
    }
}

impl FormatWriter for MtreeWriter<'_> {
    fn item(&mut self, item: &ExportItem<'_>) -> Result<(), ExportError> {
        self.begin()?;
        let attr = &item.attr;
        let mut line = Vec::new();
        line.push(b'.');
        if item.path != b"/" {
            vis(item.path, &mut line);
        }
        let kind = match attr.kind {
            FileType::Regular => "file",
            FileType::Directory => "dir",
            FileType::Symlink => "link",
            FileType::CharDevice => "char",
            FileType::BlockDevice => "block",
            FileType::Fifo => "fifo",
        };
        if item.implied {
            line.extend_from_slice(b" type=dir\n");
            return Ok(self.out.write_all(&line)?);
        }
        let mtime = attr.mtime;
        // In this format, the fraction is the number of nanoseconds after the preceding whole second.
        let text = format!(
            " type={kind} mode={:04o} uid={} gid={} nlink={} time={}.{:09}",
            attr.mode, attr.uid, attr.gid, attr.nlink, mtime.sec, mtime.nsec
        );
        line.extend_from_slice(text.as_bytes());
        match attr.kind {
            FileType::Regular => {
                line.extend_from_slice(format!(" size={}", attr.size).as_bytes());
                let digest = match self.digests {
                    true => self.view.digest(attr.ino),
                    false => Ok(None),
                };
                if let Some(digest) = digest.map_err(|error| read(item.path, error))? {
                    line.extend_from_slice(format!(" sha256digest={}", digest.hex()).as_bytes());
                }
            }
            FileType::Symlink => {
                let target = self.view.readlink(attr.ino);
                let target = target.map_err(|error| read(item.path, error))?;
                line.extend_from_slice(b" link=");
                vis(target, &mut line);
            }
            FileType::CharDevice | FileType::BlockDevice => {
                let (major, minor) = attr.device;
                line.extend_from_slice(format!(" device=native,{major},{minor}").as_bytes());
            }
            FileType::Directory | FileType::Fifo => {}
        }
        line.push(b'\n');
        Ok(self.out.write_all(&line)?)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.begin()
    }
}

/// Writes bytes as vis(3) does with octal escapes. Escapes bytes that are not printable, and those that
/// the format or one of its readers would interpret.
fn vis(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'#' | b'\\' | b'=' | b'*' | b'?' | b'[' | b']' => {}
            b'!'..=b'~' => {
                out.push(byte);
                continue;
            }
            _ => {}
        }
        out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_escapes() {
        let mut out = Vec::new();
        vis(b"/a b\\#=\n\xff*~", &mut out);
        assert_eq!(out, br"/a\040b\134\043\075\012\377\052~");
    }
}
