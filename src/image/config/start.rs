//! The process of a container.

/// The default process of a container (config.md, "config").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The program, and its first arguments.
    pub entrypoint: Vec<String>,
    /// The remaining arguments, or the program if there is no entrypoint.
    pub cmd: Vec<String>,
    /// The environment, as `NAME=value` strings.
    pub env: Vec<String>,
    /// `USER[:GROUP]`, by name or number. `None` means root.
    pub user: Option<String>,
    /// The working directory. `None` means `/`.
    pub working_dir: Option<String>,
    /// The command that checks whether the container is healthy, as an argument list; empty if there is
    /// none. This is Docker's key `Healthcheck`, which OCI's config.md reserves. A `CMD-SHELL` check is
    /// prefixed with the config's shell.
    pub healthcheck: Vec<String>,
    /// Mount points of volumes.
    pub volumes: Vec<String>,
}
