//! Paths of a script, made absolute.

/// An absolute path without `.`, `..` and double slashes; `None` if it is relative and the working
/// directory is unknown. `..` is removed as text, as `cd` does it.
pub(super) fn absolute(path: &str, cwd: Option<&str>) -> Option<String> {
    let mut components: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { cwd? };
    for component in base.split('/').chain(path.split('/')) {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            name => components.push(name),
        }
    }
    Some(format!("/{}", components.join("/")))
}

/// An absolute path in which `..` is kept, for the resolution by the kernel.
pub(super) fn joined(path: &str, cwd: Option<&str>) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let cwd = cwd?.trim_end_matches('/');
    Some(if path.is_empty() {
        format!("{cwd}/")
    } else {
        format!("{cwd}/{path}")
    })
}

/// The directory that a path is in.
pub(super) fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}
