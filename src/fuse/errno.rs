//! Maps errors of the view to errno values.

use fuser::Errno;

use crate::view::ViewError;

pub(super) fn errno(error: &ViewError) -> Errno {
    match error {
        ViewError::NotFound => Errno::ENOENT,
        ViewError::NotDirectory => Errno::ENOTDIR,
        ViewError::IsDirectory => Errno::EISDIR,
        ViewError::WrongType => Errno::EINVAL,
        ViewError::NameTooLong => Errno::ENAMETOOLONG,
        ViewError::NoAttribute => Errno::ENODATA,
        ViewError::NoNamespace => Errno::EOPNOTSUPP,
        ViewError::OnlyNamespace => Errno::EINVAL,
        ViewError::Io { .. } => Errno::EIO,
    }
}
