//! The options for access to registries.

use std::path::PathBuf;

use anyhow::Context;

use imgfs::registry::{Client, ClientOptions};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct RegistryArgs {
    /// Allow registries without TLS or with an untrusted certificate.
    ///
    /// Registries on this computer (localhost) do not need this option.
    #[arg(long)]
    pub insecure: bool,

    /// A PEM file with additional certificate authorities to trust; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,

    /// The file with logins, as written by `docker login` or `skopeo login`.
    ///
    /// The default is $REGISTRY_AUTH_FILE, or the default files of these programs if that is not set.
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// A login to use instead of those in the file.
    ///
    /// Other users of this computer can see it in the process list; a file is safer.
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<String>,

    /// A mirror to try first, for every image; may be repeated.
    ///
    /// The mirrors in registries.conf (containers-registries.conf(5)) are used too.
    #[arg(long, value_name = "HOST[/PATH]")]
    pub mirror: Vec<String>,
}

impl RegistryArgs {
    /// Creates the client for registries.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let credentials = self.creds.as_deref().map(|creds| {
            let pair = creds
                .split_once(':')
                .context("--creds: write USER:PASSWORD")?;
            anyhow::Ok((pair.0.to_owned(), pair.1.to_owned()))
        });
        let options = ClientOptions {
            insecure: self.insecure,
            roots: self.ca.clone(),
            auth_file: self.authfile.clone(),
            credentials: credentials.transpose()?,
            mirrors: self.mirror.clone(),
            ..ClientOptions::default()
        };
        Ok(Client::new(&options)?)
    }
}
