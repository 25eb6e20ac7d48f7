//! Connections: one ureq agent for each host, with its roots, proxy and timeouts, and the
//! classification of ureq's errors. Agents keep connections open and reuse them.
//!
//! ureq is configured not to follow redirects and not to turn statuses into errors, because both
//! depend on the request.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::http::{Request, Response};
use ureq::{Agent, Body, Timeout};

use super::connector::agent;
use super::error_body::one_line;
use super::location::Location;
use super::proxy::Proxies;
use super::tls::Trust;
use super::{ClientOptions, Patience, RegistryError};

/// The size of ureq's input buffer, which is the size of reads from the socket.
const INPUT: usize = 512 * 1024;
/// The maximum size of response headers in bytes.
const LONGEST_HEADERS: usize = 64 * 1024;
/// The maximum number of hosts whose connections are kept. Without a limit, a server that keeps
/// redirecting to new hosts could fill the memory.
const MOST_HOSTS: usize = 64;
/// The maximum number of idle connections per host.
const IDLE: usize = 16;
/// The time limit for TLS connections to this machine. A plain HTTP server may take the TLS
/// handshake for an incomplete request and wait for the rest.
const LOCAL_CONNECT: Duration = Duration::from_secs(5);

/// Request headers other than the host.
pub(super) type Headers<'a> = &'a [(&'static str, &'a str)];

/// The connections to all hosts.
pub(super) struct Connections {
    trust: Trust,
    proxies: Proxies,
    patience: Patience,
    agents: Mutex<HashMap<Key, Agent>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tls: bool,
    insecure: bool,
    host: String,
}

/// Why a request got no response.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// The host does not speak TLS.
    PlainHttp,
    /// The host's certificate is not trusted.
    Certificate(String),
    /// No connection could be made, or it broke. A retry may succeed.
    Connection(String),
    /// No bytes arrived for too long.
    Silent(String),
    /// A retry will not succeed.
    Hopeless(String),
    /// The response is not valid HTTP.
    Answer(String),
    /// The configuration for this host is invalid.
    Setup(RegistryError),
}

impl Connections {
    /// # Errors
    /// If roots or proxies are invalid.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            trust: Trust::new(options)?,
            proxies: Proxies::new(&options.environment)?,
            patience: options.patience.clone(),
            agents: Mutex::default(),
        })
    }

    /// Sends a GET request.
    pub(super) fn get(
        &self,
        at: &Location,
        insecure: bool,
        headers: Headers<'_>,
    ) -> Result<Response<Body>, ConnectionError> {
        let mut request = Request::get(at.url());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).map_err(|_| {
            ConnectionError::Answer("it has an address that cannot be requested".to_owned())
        })?;
        let agent = self.agent(at, insecure)?;
        agent.run(request).map_err(|e| self.broken(e))
    }

    /// Sends a POST request with a form.
    pub(super) fn post(
        &self,
        at: &Location,
        insecure: bool,
        form: String,
    ) -> Result<Response<Body>, ConnectionError> {
        let request = Request::post(at.url())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form)
            .map_err(|_| {
                ConnectionError::Answer("it has an address that cannot be requested".to_owned())
            })?;
        let agent = self.agent(at, insecure)?;
        agent.run(request).map_err(|e| self.broken(e))
    }

    /// Closes all connections. Running and further requests fail.
    pub(super) fn end(&self) {
        for agent in self.lock().values() {
            agent.clone().shutdown();
        }
    }

    fn agent(&self, at: &Location, insecure: bool) -> Result<Agent, ConnectionError> {
        let key = Key {
            tls: at.tls,
            insecure,
            host: at.host.clone(),
        };
        if let Some(agent) = self.lock().get(&key) {
            return Ok(agent.clone());
        }
        let agent = self.make(&key)?;
        let mut agents = self.lock();
        if agents.len() >= MOST_HOSTS {
            agents.clear();
        }
        Ok(agents.entry(key).or_insert(agent).clone())
    }

    fn make(&self, key: &Key) -> Result<Agent, ConnectionError> {
        let silence = Some(self.patience.silence);
        let mut connect = self.patience.connect;
        if key.tls && super::host::is_loopback(&key.host) {
            connect = connect.min(LOCAL_CONNECT);
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(self.proxies.of(key.tls, &key.host))
            .user_agent(concat!("imgfs/", env!("CARGO_PKG_VERSION")))
            // A content encoding would make digests and offsets useless.
            .accept_encoding("identity")
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_send_request(silence)
            .timeout_per_read(silence)
            .timeout_per_write(silence)
            // Limits the total time, in case a server sends headers byte by byte.
            .timeout_recv_response(Some(self.patience.silence * 2))
            .max_response_header_size(LONGEST_HEADERS)
            .input_buffer_size(INPUT)
            .output_buffer_size(LONGEST_HEADERS)
            .max_idle_connections(MOST_HOSTS)
            .max_idle_connections_per_host(IDLE);
        let config = config.build();
        // The connection to a proxy may use TLS even if the one to the host does not.
        let tls = if key.tls || config.proxy().is_some() {
            Some(
                self.trust
                    .of(&key.host, key.insecure)
                    .map_err(ConnectionError::Setup)?,
            )
        } else {
            None
        };
        Ok(agent(config, tls))
    }

    /// Classifies an error of ureq.
    fn broken(&self, error: ureq::Error) -> ConnectionError {
        match error {
            ureq::Error::Io(error) => self.broken_io(error),
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => ConnectionError::Silent(
                format!("no connection within {} s", seconds(self.patience.connect)),
            ),
            ureq::Error::Timeout(_) => ConnectionError::Silent(self.silent()),
            ureq::Error::HostNotFound => {
                ConnectionError::Hopeless("there is no such host".to_owned())
            }
            ureq::Error::ConnectProxyFailed(why) => {
                let why = format!("the proxy refuses: {}", one_line(&why));
                let passes = ["502", "503", "504"]
                    .iter()
                    .any(|status| why.contains(status));
                if passes {
                    ConnectionError::Connection(why)
                } else {
                    ConnectionError::Hopeless(why)
                }
            }
            ureq::Error::LargeResponseHeader(..) => {
                ConnectionError::Answer("its headers are too long".to_owned())
            }
            ureq::Error::Protocol(error) => ConnectionError::Answer(format!(
                "the answer is not HTTP: {}",
                one_line(&error.to_string())
            )),
            // The text may contain a URL, which may contain secrets.
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => {
                ConnectionError::Answer("it has an address that cannot be requested".to_owned())
            }
            other => ConnectionError::Connection(one_line(&other.to_string())),
        }
    }

    /// Like [`broken`](Self::broken), but for an error from reading a body.
    pub(super) fn broken_io(&self, error: io::Error) -> ConnectionError {
        if let Some(tls) = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>())
        {
            return of_tls(tls);
        }
        if error.get_ref().is_some_and(|e| e.is::<ureq::Error>()) {
            let inner = error
                .into_inner()
                .and_then(|e| e.downcast::<ureq::Error>().ok());
            return match inner {
                // ureq would have unwrapped an `Io` inside it.
                Some(inner) if !matches!(*inner, ureq::Error::Io(_)) => self.broken(*inner),
                _ => ConnectionError::Connection("the connection was cut".to_owned()),
            };
        }
        let text = one_line(&error.to_string());
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ConnectionError::Connection("the connection was cut".to_owned())
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                ConnectionError::Silent(self.silent())
            }
            // getaddrinfo(3): EAI_NONAME is final, EAI_AGAIN is temporary.
            _ if text.contains("Name or service not known") => {
                ConnectionError::Hopeless("there is no such host".to_owned())
            }
            _ => ConnectionError::Connection(text),
        }
    }

    fn silent(&self) -> String {
        format!(
            "the server sent nothing for {} s",
            seconds(self.patience.silence)
        )
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Agent>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_tls(error: &rustls::Error) -> ConnectionError {
    use rustls::{Error, InvalidMessage};
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => ConnectionError::PlainHttp,
        Error::InvalidCertificate(why) => ConnectionError::Certificate(one_line(&why.to_string())),
        Error::NoCertificatesPresented => {
            ConnectionError::Certificate("it presents no certificate".to_owned())
        }
        // A record was changed in transit.
        Error::DecryptError => {
            ConnectionError::Connection("the connection was damaged (TLS)".to_owned())
        }
        other => ConnectionError::Hopeless(format!("TLS: {}", one_line(&other.to_string()))),
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
