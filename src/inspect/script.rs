//! Scripts: text files whose first line names their interpreter.
//!
//! The rules are exactly those of Linux (`fs/binfmt_script.c`, since 5.1), because the kernel starts
//! the interpreter. How a shell would parse the line does not matter. The kernel reads 256 bytes and
//! splits off the first word. The rest of the line, including blanks, is a single argument. A
//! carriage return is an ordinary byte of the name.

use super::binary::{Binary, BinaryKind, Format};

/// BINPRM_BUF_SIZE (`include/uapi/linux/binfmts.h`): the number of bytes that the kernel reads. It
/// was 128 before 5.1.
const BUF_SIZE: usize = 256;

/// Decodes the first line. Returns `None` if the kernel would answer ENOEXEC or if the
/// interpreter's name is empty.
pub(super) fn inspect(head: &[u8]) -> Option<Binary> {
    let (interpreter, argument) = first_line(head)?;
    Some(Binary {
        format: Format::Script,
        kind: BinaryKind::Script,
        interpreter: Some(interpreter),
        interpreter_argument: argument,
        ..Binary::default()
    })
}

fn first_line(head: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let rest = head.strip_prefix(b"#!")?;
    let mut buf: Vec<u8> = rest.iter().copied().take(BUF_SIZE - 2).collect();
    // The kernel's buffer is zero-filled beyond the end of a short file.
    buf.resize(BUF_SIZE - 2, 0);

    let line = match buf.iter().position(|&byte| byte == b'\n') {
        Some(end) => buf.get(..end)?.trim_suffix_blanks(),
        None => {
            // If the end of the line is not in the buffer, the name is complete only if a
            // terminator follows it. The kernel overwrites the last byte of the buffer with a NUL.
            let name = buf.iter().position(|&byte| !is_blank(byte))?;
            buf.get(name..)?.iter().find(|&&byte| is_terminator(byte))?;
            buf.get(..buf.len() - 1)?.trim_suffix_blanks()
        }
    };
    let line = line.trim_prefix_blanks();
    let end = line.iter().position(|&byte| is_terminator(byte));
    let (name, rest) = line.split_at_checked(end.unwrap_or(line.len()))?;
    if name.is_empty() {
        return None;
    }
    // A NUL ends the argument for a program that reads it as a C string.
    let argument = rest.trim_prefix_blanks().split(|&byte| byte == 0).next();
    let argument = argument.filter(|a| !a.is_empty()).map(<[u8]>::to_vec);
    Some((name.to_vec(), argument))
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_terminator(byte: u8) -> bool {
    is_blank(byte) || byte == 0
}

trait TrimBlanks {
    fn trim_prefix_blanks(&self) -> &Self;
    fn trim_suffix_blanks(&self) -> &Self;
}

impl TrimBlanks for [u8] {
    fn trim_prefix_blanks(&self) -> &[u8] {
        let mut line = self;
        while let [b' ' | b'\t', rest @ ..] = line {
            line = rest;
        }
        line
    }

    fn trim_suffix_blanks(&self) -> &[u8] {
        let mut line = self;
        while let [rest @ .., b' ' | b'\t'] = line {
            line = rest;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &[u8]) -> Option<(String, Option<String>)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        first_line(head).map(|(name, argument)| (text(name), argument.map(text)))
    }

    fn name(name: &str) -> Option<(String, Option<String>)> {
        Some((name.into(), None))
    }

    fn with(name: &str, argument: &str) -> Option<(String, Option<String>)> {
        Some((name.into(), Some(argument.into())))
    }

    #[test]
    fn the_first_word_is_the_interpreter() {
        assert_eq!(parse(b"#!/bin/sh\necho"), name("/bin/sh"));
        assert_eq!(parse(b"#! \t/bin/sh\n"), name("/bin/sh"));
        assert_eq!(parse(b"#!/bin/sh"), name("/bin/sh"));
        assert_eq!(parse(b"#!python3\n"), name("python3"));
    }

    #[test]
    fn the_rest_of_the_line_is_one_argument() {
        assert_eq!(
            parse(b"#!/usr/bin/perl -w -T\n"),
            with("/usr/bin/perl", "-w -T")
        );
        assert_eq!(parse(b"#!/bin/sh\t -e \t\n"), with("/bin/sh", "-e"));
        assert_eq!(
            parse(b"#!/usr/bin/env -S node --no-warnings\n"),
            with("/usr/bin/env", "-S node --no-warnings")
        );
        assert_eq!(parse(b"#!/bin/sh  \n"), name("/bin/sh"));
    }

    #[test]
    fn a_carriage_return_belongs_to_the_name() {
        assert_eq!(parse(b"#!/bin/bash\r\n"), name("/bin/bash\r"));
        assert_eq!(parse(b"#!/bin/bash -e\r\n"), with("/bin/bash", "-e\r"));
    }

    #[test]
    fn a_line_may_name_nothing() {
        for head in [
            &b"#!"[..],
            b"#!\n",
            b"#! \t \n",
            b"#!\n/bin/sh\n",
            b"#!   ",
            b"#!\0/bin/sh\n",
        ] {
            assert_eq!(parse(head), None, "{head:?}");
        }
        assert_eq!(parse(&[&b"#!"[..], &[b' '; 300]].concat()), None);
    }

    #[test]
    fn the_kernel_reads_256_bytes() {
        // 253 bytes of name and the end of the line just fit.
        let long = format!("#!/{}\n", "a".repeat(252));
        assert_eq!(long.len(), 256);
        assert_eq!(parse(long.as_bytes()), name(&long[2..255]));
        // With one more byte, the name may be incomplete.
        assert_eq!(parse(format!("#!/{}\n", "a".repeat(253)).as_bytes()), None);
        // An argument is silently truncated one byte before the end of the buffer.
        let argument = "b".repeat(300);
        let cut = parse(format!("#!/bin/sh {argument}\n").as_bytes());
        assert_eq!(cut, with("/bin/sh", &argument[..255 - 10]));
    }

    #[test]
    fn a_nul_ends_the_line() {
        assert_eq!(parse(b"#!/bin/sh\0-e\n"), name("/bin/sh"));
        assert_eq!(parse(b"#!/bin/sh -e\0-x\n"), with("/bin/sh", "-e"));
    }
}
