//! RELRO and NX, as defined by `checksec`, so that the terms have their usual meaning.

use object::elf::{PF_X, PT_GNU_RELRO, PT_GNU_STACK};

use super::segment::Segments;
use crate::inspect::binary::Relro;

/// Returns how much of the relocation data is read-only after start. Static executables have some
/// too.
pub(super) fn relro(segments: &Segments, bind_now: bool) -> Relro {
    match segments.first(PT_GNU_RELRO) {
        Some(_) if bind_now => Relro::Full,
        Some(_) => Relro::Partial,
        None => Relro::No,
    }
}

/// Whether the stack is not executable.
///
/// Without PT_GNU_STACK, it depends on the architecture and the kernel version: executable on x86
/// before 5.8, and with glibc still (`DEFAULT_STACK_PERMS`). `checksec` then reports no NX on every
/// architecture, and so does this function: nothing in the file requests it.
pub(super) fn nx(segments: &Segments) -> bool {
    segments
        .first(PT_GNU_STACK)
        .is_some_and(|stack| stack.flags.0 & PF_X.0 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::{PF_R, PF_W};

    #[test]
    fn relro_is_full_if_all_is_bound_at_start() {
        let with = Segments::of(&[(PT_GNU_RELRO, PF_R.0)]);
        let without = Segments::default();
        assert_eq!(relro(&with, true), Relro::Full);
        assert_eq!(relro(&with, false), Relro::Partial);
        assert_eq!(relro(&without, true), Relro::No);
    }

    #[test]
    fn nx_must_be_asked_for() {
        let stack = |flags| nx(&Segments::of(&[(PT_GNU_STACK, flags)]));
        assert!(stack(PF_R.0 | PF_W.0));
        assert!(!stack(PF_R.0 | PF_W.0 | PF_X.0));
        assert!(!nx(&Segments::default()));
    }
}
