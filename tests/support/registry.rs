//! A real registry for a test: Debian's `docker-registry` on a free port of this machine, with its own
//! storage, removed with the test. The service that the package may have started is never used.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::run;

/// The configuration of a registry. `Setup::default()` speaks plain HTTP and requires no login.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Speaks TLS, with a certificate of its own authority ([`Registry::ca`]) for `localhost`,
    /// `127.0.0.1` and `registry.test`.
    pub tls: bool,
    /// The TLS certificate is self-signed, as in Docker's documentation: it is its own authority
    /// ([`Registry::ca`]).
    pub self_signed: bool,
    /// Requires a client certificate of the same authority ([`Registry::client_certificate`]).
    pub client_certificate: bool,
    /// Requires this user and password (Basic).
    pub login: Option<(String, String)>,
    /// Redirects requests for blobs to this URL and the blob's path in its storage.
    pub redirect: Option<String>,
}

impl Setup {
    pub fn tls() -> Self {
        Self {
            tls: true,
            ..Self::default()
        }
    }

    pub fn login(user: &str, password: &str) -> Self {
        Self {
            login: Some((user.to_owned(), password.to_owned())),
            ..Self::default()
        }
    }
}

/// A running registry. On drop its process is ended and its storage removed.
pub struct Registry {
    process: Child,
    port: u16,
    dir: TempDir,
    setup: Setup,
}

impl Registry {
    /// Starts a registry that speaks plain HTTP and requires no login.
    pub fn plain() -> Self {
        Self::start(&Setup::default())
    }

    /// Starts a registry, and waits until it answers.
    pub fn start(setup: &Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if setup.tls {
            certificates(dir.path(), setup.self_signed);
        }
        if let Some((user, password)) = &setup.login {
            let file = run(Command::new("htpasswd").args(["-Bbn", user, password])).stdout;
            fs::write(dir.path().join("htpasswd"), file).unwrap();
        }
        // Between finding a free port and using it, another process may take it.
        for _ in 0..10 {
            let port = free_port();
            fs::write(
                dir.path().join("config.yml"),
                config(dir.path(), port, setup),
            )
            .unwrap();
            let log = fs::File::create(dir.path().join("log")).unwrap();
            let mut process = Command::new("docker-registry")
                .arg("serve")
                .arg(dir.path().join("config.yml"))
                .env("OTEL_TRACES_EXPORTER", "none")
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap_or_else(|e| {
                    panic!("docker-registry: {e} (tests/run.sh installs what the tests need)")
                });
            if answers(&mut process, port) {
                return Self {
                    process,
                    port,
                    dir,
                    setup: setup.clone(),
                };
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        panic!("docker-registry did not start:\n{log}");
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `localhost:PORT`, the prefix of a repository's name.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Returns the certificate of its authority, for a registry with TLS.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// Returns a certificate and a key that it accepts, for a registry with TLS.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        (
            self.dir.path().join("client.cert"),
            self.dir.path().join("client.key"),
        )
    }

    /// Pushes the only image of a layout as `NAME:TAG`, byte for byte.
    pub fn push(&self, layout: &Path, name: &str) {
        let source = format!("oci:{}", layout.display());
        self.copy(&source, name, &["--preserve-digests"]);
    }

    /// Pushes the image that `skopeo` names `source` as `NAME:TAG`, with more arguments for `skopeo
    /// copy`. skopeo compresses layers unless `--preserve-digests` is among them.
    pub fn copy(&self, source: &str, name: &str, arguments: &[&str]) {
        let mut skopeo = Command::new("skopeo");
        skopeo.args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
        ]);
        if let Some((user, password)) = &self.setup.login {
            skopeo.arg(format!("--dest-creds={user}:{password}"));
        }
        if self.setup.client_certificate {
            let directory = self.dir.path().join("for-skopeo");
            fs::create_dir_all(&directory).unwrap();
            let (certificate, key) = self.client_certificate();
            fs::copy(certificate, directory.join("client.cert")).unwrap();
            fs::copy(key, directory.join("client.key")).unwrap();
            skopeo.arg("--dest-cert-dir").arg(directory);
        }
        skopeo.args(arguments).arg(source);
        run(skopeo.arg(format!("docker://{}/{name}", self.host())));
    }

    /// Uploads a blob to a repository without an image; `digest` is its digest.
    pub fn push_blob(&self, repository: &str, digest: &str, bytes: &[u8]) {
        assert!(
            !self.setup.tls && self.setup.login.is_none(),
            "plain registries only"
        );
        let base = format!("http://{}", self.host());
        let begun = run(Command::new("curl")
            .args(["-sS", "-f", "-i", "-X", "POST"])
            .arg(format!("{base}/v2/{repository}/blobs/uploads/")));
        let begun = String::from_utf8(begun.stdout).unwrap();
        let place = begun.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location")
                .then(|| value.trim().to_owned())
        });
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        run(Command::new("curl")
            .args([
                "-sS",
                "-f",
                "-X",
                "PUT",
                "-H",
                "content-type: application/octet-stream",
                "-T",
            ])
            .arg(file.path())
            .arg(format!("{}&digest={digest}", place.unwrap())));
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // This child was not waited for before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a port of this machine on which no process listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn answers(process: &mut Child, port: u16) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            // Another process may have answered if ours could not bind; in that case ours ends at once.
            std::thread::sleep(Duration::from_millis(50));
            return process.try_wait().unwrap().is_none();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn config(dir: &Path, port: u16, setup: &Setup) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut text = format!(
        "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n",
        at("storage")
    );
    if setup.tls {
        text += &format!(
            "  tls:\n    certificate: {}\n    key: {}\n",
            at("server.crt"),
            at("server.key")
        );
        if setup.client_certificate {
            text += &format!("    clientcas:\n      - {}\n", at("ca.crt"));
        }
    }
    if let Some(url) = &setup.redirect {
        text += &format!(
            "middleware:\n  storage:\n    - name: redirect\n      options:\n        baseurl: {url}\n"
        );
    }
    if setup.login.is_some() {
        text += &format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            at("htpasswd")
        );
    }
    text
}

/// Makes an authority, and certificates of it for the server and for a client.
fn certificates(dir: &Path, self_signed: bool) {
    let openssl = |arguments: &str| {
        run(Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(dir));
    };
    let key = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    if self_signed {
        let names = "-addext subjectAltName=DNS:localhost";
        openssl(&format!(
            "{key} -x509 -days 2 -subj /CN=r {names} -keyout server.key -out server.crt"
        ));
        fs::copy(dir.join("server.crt"), dir.join("ca.crt")).unwrap();
        return;
    }
    openssl(&format!(
        "{key} -x509 -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt"
    ));
    fs::write(
        dir.join("names"),
        "subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1\n",
    )
    .unwrap();
    let sign = "x509 -req -days 2 -CA ca.crt -CAkey ca.key -CAcreateserial";
    openssl(&format!(
        "{key} -subj /CN=registry -keyout server.key -out server.csr"
    ));
    openssl(&format!(
        "{sign} -in server.csr -extfile names -out server.crt"
    ));
    fs::write(dir.join("usage"), "extendedKeyUsage=clientAuth\n").unwrap();
    openssl(&format!(
        "{key} -subj /CN=client -keyout client.key -out client.csr"
    ));
    openssl(&format!(
        "{sign} -in client.csr -extfile usage -out client.cert"
    ));
}
