//! [`Error`]: why an operation failed.

use std::fmt;
use std::io;

use crate::image::{ImageError, ReferenceError};
use crate::open::OpenError;
use crate::store::StoreError;
use crate::view::ViewError;

/// A result of this crate.
///
/// ```
/// fn entrypoint(image: &imgfs::Image) -> imgfs::Result<Option<imgfs::Entry>> {
///     let config = image.config();
///     match config.entrypoint().first() {
///         Some(program) => Ok(Some(image.entry(program)?)),
///         None => Ok(None),
///     }
/// }
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// The message names the image and the cause, and often says what to do. It is one line, except that a
/// list of choices follows on lines of its own. [`Error::kind`] is for decisions.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use imgfs::{ErrorKind, OpenOptions};
///
/// let error = imgfs::open(&"missing.tar".parse()?, &OpenOptions::new()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// # Ok(())
/// # }
/// ```
pub struct Error {
    kind: ErrorKind,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

/// The kinds of [`Error`].
///
/// ```
/// use imgfs::{ErrorKind, ImageName};
///
/// let error = "docker-daemon:app".parse::<ImageName>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidName);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not the name of an image or of a platform.
    InvalidName,
    /// There is no such image, or no such path in an image.
    NotFound,
    /// The name stands for several images, and must say which one.
    Ambiguous,
    /// The image is not available for the platform.
    NoSuchPlatform,
    /// The file is not a container image, or the image is incomplete, damaged or invalid.
    InvalidImage,
    /// The image uses something that this crate, or this build of it, does not support.
    Unsupported,
    /// The path leads to a file of the wrong type, for example to a directory instead of a file.
    WrongFileType,
    /// The operating system reported an error.
    Io,
    /// The registry, or the way to it, failed.
    Registry,
    /// The store of images is damaged or cannot be used.
    Store,
    /// The image cannot be mounted or unmounted.
    Mount,
}

impl Error {
    /// Returns the kind of the error.
    ///
    /// ```
    /// # fn retry_later() {}
    /// fn handle(error: &imgfs::Error) {
    ///     match error.kind() {
    ///         imgfs::ErrorKind::Registry => retry_later(),
    ///         _ => eprintln!("{error}"),
    ///     }
    /// }
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(super) fn new(
        kind: ErrorKind,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            cause: cause.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.to_string())
            .finish()
    }
}

impl std::error::Error for Error {
    /// The message already contains that of the internal error, so its cause is the first that is new.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

/// The error that [`Read`](io::Read) needs. The kind is [`io::ErrorKind::Other`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::new(of_io(&error), error)
    }
}

/// The kind of an error of the operating system.
fn of_io(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Self {
        Self::new(ErrorKind::InvalidName, error)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Image(error) => error.into(),
            OpenError::Layer { .. } | OpenError::Tree { .. } => {
                Self::new(ErrorKind::InvalidImage, error)
            }
        }
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        let kind = match &error {
            ImageError::Io { error, .. } => of_io(error),
            ImageError::NoSuchName { .. }
            | ImageError::NotStored { .. }
            | ImageError::NoSuchImage { .. } => ErrorKind::NotFound,
            ImageError::BadName { .. } => ErrorKind::InvalidName,
            ImageError::Ambiguous { .. } => ErrorKind::Ambiguous,
            ImageError::NoSuchPlatform { .. } => ErrorKind::NoSuchPlatform,
            ImageError::LayerFormat { .. } | ImageError::Unsupported { .. } => {
                ErrorKind::Unsupported
            }
            ImageError::Store(error) => of_store(error),
            ImageError::NotAnImage { .. }
            | ImageError::Incomplete { .. }
            | ImageError::Archive { .. }
            | ImageError::Layer { .. }
            | ImageError::Document { .. }
            | ImageError::MissingBlob { .. }
            | ImageError::NoConfig { .. } => ErrorKind::InvalidImage,
        };
        Self::new(kind, error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(of_store(&error), error)
    }
}

fn of_store(error: &StoreError) -> ErrorKind {
    match error {
        StoreError::Io { .. } => ErrorKind::Io,
        StoreError::NoSuchName { .. } => ErrorKind::NotFound,
        StoreError::Ambiguous { .. } => ErrorKind::Ambiguous,
        StoreError::BadName { .. } => ErrorKind::InvalidName,
        StoreError::Incomplete { .. } => ErrorKind::InvalidImage,
        StoreError::Names { .. } | StoreError::Document { .. } => ErrorKind::Store,
    }
}

/// An error of the view, which says nothing about the path, and the path that it is about.
pub(super) fn at(path: &[u8], error: ViewError) -> Error {
    let kind = match &error {
        // The message already contains the path.
        ViewError::Io { error: cause, .. } => return Error::new(of_io(cause), error),
        ViewError::NotFound | ViewError::NameTooLong => ErrorKind::NotFound,
        ViewError::NotDirectory | ViewError::IsDirectory | ViewError::WrongType => {
            ErrorKind::WrongFileType
        }
        ViewError::NoAttribute | ViewError::NoNamespace | ViewError::OnlyNamespace => {
            ErrorKind::NotFound
        }
    };
    Error::new(kind, format!("{}: {error}", crate::layer::printable(path)))
}
