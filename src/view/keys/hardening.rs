//! Keys of how an executable is hardened, and of its identity.

use super::Derive::FromBinary;
use super::ValueOf::{Flag, Text};
use super::{Group, Key};
use crate::inspect::Relro;

pub(super) const HARDENING: Group = Group {
    title: "Hardening and identity",
    summary: "hardening and identity",
    keys: &[
        Key {
            name: "STRIPPED",
            value: Flag(FromBinary(|binary| binary.stripped)),
            doc: "whether the symbol table has been removed",
        },
        Key {
            name: "PIE",
            value: Flag(FromBinary(|binary| binary.pie)),
            doc: "whether it is position-independent",
        },
        Key {
            name: "RELRO",
            value: Text(FromBinary(|binary| {
                binary.relro.map(|relro| relro_name(relro).into())
            })),
            doc: "how much of the relocation data is read-only after the start: `full`, `partial` or `no`",
        },
        Key {
            name: "NX",
            value: Flag(FromBinary(|binary| binary.nx)),
            doc: "whether the stack is not executable",
        },
        Key {
            name: "CANARY",
            value: Flag(FromBinary(|binary| binary.canary)),
            doc: "whether functions check a stack canary",
        },
        Key {
            name: "FORTIFY",
            value: Flag(FromBinary(|binary| binary.fortify)),
            doc: "whether it calls the checked variants of functions (`-D_FORTIFY_SOURCE`)",
        },
        Key {
            name: "BUILD_ID",
            value: Text(FromBinary(|binary| {
                binary.build_id.clone().map(String::into_bytes)
            })),
            doc: "id that debuggers use, in hex: the GNU build id, LC_UUID, or the GUID of the PDB",
        },
    ],
};

fn relro_name(relro: Relro) -> &'static str {
    match relro {
        Relro::Full => "full",
        Relro::Partial => "partial",
        Relro::No => "no",
    }
}
