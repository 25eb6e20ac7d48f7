//! Makes the paths of a script absolute.

/// Returns the absolute path without `.`, `..` and double slashes. `None` if it is relative and the
/// working directory is unknown. `..` is removed lexically, as `cd` does.
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

/// Returns the absolute path with `..` kept, so that it can be resolved as the kernel does.
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

/// Returns the directory of a path.
pub(super) fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}
