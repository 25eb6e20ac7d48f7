//! Cases that imgfs leaves open or gets wrong, and why that is right or accepted.

/// Cases whose start cannot be told, and why.
const OPEN: &[(&str, &str)] = &[];

/// Cases in which something differs, and why that is accepted.
const EXPLAINED: &[(&str, &str)] = &[];

fn reason(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter().find(|each| each.0 == name).map(|each| each.1)
}

/// Why the start of a case cannot be told.
pub fn open(name: &str) -> Option<&'static str> {
    reason(OPEN, name)
}

/// Why a difference is accepted.
pub fn explained(name: &str) -> Option<&'static str> {
    reason(EXPLAINED, name)
}
