//! How to talk to a registry, on the command line.

use std::path::PathBuf;

use anyhow::Context;

use imgfs::registry::{Client, ClientOptions};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct RegistryArgs {
    /// Talk to registries without TLS, or without checking their certificates. This computer needs no
    /// such leave.
    #[arg(long)]
    pub insecure: bool,

    /// A PEM file of authorities to trust besides the system's; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,

    /// Where logins are, as `docker login` and `skopeo login` write them. The default is
    /// $REGISTRY_AUTH_FILE, else what those two write.
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// A login to be used instead. Others on this computer can see it; a file is safer.
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<String>,

    /// A registry to be asked first, for every image; may be repeated. Those of registries.conf
    /// (containers-registries.conf(5)) are asked as well.
    #[arg(long, value_name = "HOST[/PATH]")]
    pub mirror: Vec<String>,
}

impl RegistryArgs {
    /// What asks registries.
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
