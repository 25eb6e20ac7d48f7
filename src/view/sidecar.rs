//! Sidecars: the virtual file `NAME.arch` beside an executable NAME, with its facts as lines
//! `KEY=value`. It is for grep, not for `source`.

use super::facts::Fact;

/// What a sidecar's name adds to that of its executable.
pub const SUFFIX: &[u8] = b".arch";

/// How sidecars appear beside their executables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sidecars {
    /// Listed, like any file.
    #[default]
    Listed,
    /// Not listed, but there for who asks by name.
    Hidden,
    /// Not there. `/.imgfs/arch` still has them.
    Off,
}

/// The text of a sidecar.
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

/// The name of an executable's sidecar; `None` if it would be longer than a name can be.
pub fn name(executable: &[u8]) -> Option<Vec<u8>> {
    let name = [executable, SUFFIX].concat();
    (name.len() <= 255).then_some(name)
}
