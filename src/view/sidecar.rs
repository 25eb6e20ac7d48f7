//! Sidecars: the virtual file `NAME.arch` next to an executable NAME, with its facts as `KEY=value`
//! lines. It is meant for grep, not for the shell's `source`.

use super::facts::Fact;

/// The suffix that is added to the name of the executable.
pub const SUFFIX: &[u8] = b".arch";

/// How sidecars appear next to their executables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sidecars {
    /// Listed, like any file.
    #[default]
    Listed,
    /// Not listed, but found by name.
    Hidden,
    /// Not available. `/.imgfs/arch` still has them.
    Off,
}

/// Returns the text of a sidecar.
pub fn text(facts: &[Fact]) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    for fact in facts {
        text.extend_from_slice(fact.key.as_bytes());
        text.push(b'=');
        text.extend_from_slice(&fact.value.escaped());
        text.push(b'\n');
    }
    text
}

/// Returns the name of an executable's sidecar, or `None` if it would be too long for a file name.
pub fn name(executable: &[u8]) -> Option<Vec<u8>> {
    let name = [executable, SUFFIX].concat();
    (name.len() <= 255).then_some(name)
}
