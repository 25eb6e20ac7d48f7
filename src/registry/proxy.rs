//! HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, interpreted like curl(1) and Go's `httpproxy`.
//!
//! ureq uses the first of these variables that is set, for requests of either scheme, and also
//! sends requests to loopback hosts through the proxy. This module therefore chooses the proxy
//! itself and passes it to ureq.

use std::net::IpAddr;

use ureq::Proxy;

use super::host::is_loopback;
use super::{Environment, RegistryError};

/// The proxies set in the environment.
pub(super) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    no: Vec<NoProxyEntry>,
}

/// An entry of NO_PROXY.
#[derive(Debug, PartialEq, Eq)]
enum NoProxyEntry {
    All,
    /// A name and its subdomains, or only the subdomains if it begins with a dot; optionally for
    /// one port only.
    Name {
        name: String,
        below_only: bool,
        port: Option<u16>,
    },
    Ip {
        ip: IpAddr,
        port: Option<u16>,
    },
    Net {
        ip: IpAddr,
        bits: u32,
    },
}

impl Proxies {
    /// # Errors
    /// If a variable is not the address of a proxy.
    pub(super) fn new(environment: &Environment) -> Result<Self, RegistryError> {
        let one = |names: [&str; 2]| -> Result<Option<Proxy>, RegistryError> {
            for name in names {
                let Some(value) = environment.get(name) else {
                    continue;
                };
                // The address may contain a password, so it is not shown.
                let wrong = || {
                    RegistryError::Options(format!(
                        "{name} is not the address of a proxy (expected http://HOST:PORT, https://… or socks5h://…)"
                    ))
                };
                let value = value.to_str().ok_or_else(wrong)?;
                return Proxy::new(value).map(Some).map_err(|_| wrong());
            }
            Ok(None)
        };
        // Like Go, prefer the upper-case variables. In a CGI program HTTP_PROXY could be set by a
        // request, but this is not a CGI program.
        let all = one(["ALL_PROXY", "all_proxy"])?;
        let no = environment
            .get("NO_PROXY")
            .or_else(|| environment.get("no_proxy"));
        let no = no.and_then(|n| n.to_str()).unwrap_or_default();
        Ok(Self {
            https: one(["HTTPS_PROXY", "https_proxy"])?.or_else(|| all.clone()),
            http: one(["HTTP_PROXY", "http_proxy"])?.or(all),
            no: no.split([',', ' ']).filter_map(parse).collect(),
        })
    }

    /// Returns the proxy for requests to `host` (with or without a port).
    pub(super) fn of(&self, tls: bool, host: &str) -> Option<Proxy> {
        let proxy = if tls { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let port = if tls { 443 } else { 80 };
        // Like Go, never send requests to this machine through a proxy.
        (!is_loopback(host) && !self.excepts(host, port)).then(|| proxy.clone())
    }

    fn excepts(&self, host: &str, default_port: u16) -> bool {
        let (name, port) = split_port(host);
        let port = port.unwrap_or(default_port);
        let name = name.to_ascii_lowercase();
        let ip: Option<IpAddr> = name.parse().ok();
        let fits = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        self.no.iter().any(|no| match no {
            NoProxyEntry::All => true,
            NoProxyEntry::Ip { ip: wanted, port } => ip == Some(*wanted) && fits(port),
            NoProxyEntry::Net { ip: net, bits } => ip.is_some_and(|ip| within(ip, *net, *bits)),
            NoProxyEntry::Name {
                name: wanted,
                below_only,
                port,
            } => {
                let below = name.strip_suffix(wanted.as_str());
                let below = below.is_some_and(|rest| rest.ends_with('.'));
                fits(port) && (below || (!below_only && name == *wanted))
            }
        })
    }
}

fn parse(entry: &str) -> Option<NoProxyEntry> {
    let entry = entry.trim();
    match entry {
        "" => return None,
        "*" => return Some(NoProxyEntry::All),
        _ => {}
    }
    if let Some((ip, bits)) = entry.split_once('/') {
        let (ip, bits) = (ip.parse().ok()?, bits.parse().ok()?);
        return Some(NoProxyEntry::Net { ip, bits });
    }
    if let Ok(ip) = entry.parse() {
        return Some(NoProxyEntry::Ip { ip, port: None });
    }
    let (name, port) = split_port(entry);
    if let Ok(ip) = name.parse() {
        return Some(NoProxyEntry::Ip { ip, port });
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    let below_only = name.starts_with('.');
    let name = name.trim_start_matches('.').to_ascii_lowercase();
    Some(NoProxyEntry::Name {
        name,
        below_only,
        port,
    })
}

/// Splits `HOST[:PORT]`. Removes the brackets of an IPv6 address.
fn split_port(host: &str) -> (&str, Option<u16>) {
    if let Some((ip, rest)) = host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        return (
            ip,
            rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        );
    }
    match host.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok()),
        None => (host, None),
    }
}

fn within(ip: IpAddr, net: IpAddr, bits: u32) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            same(ip.to_bits().into(), net.to_bits().into(), bits, 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => same(ip.to_bits(), net.to_bits(), bits, 128),
        _ => false,
    }
}

/// Whether the first `bits` of `width` bits are equal.
fn same(a: u128, b: u128, bits: u32, width: u32) -> bool {
    let rest = width.saturating_sub(bits);
    (a ^ b).checked_shr(rest).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::new(&Environment::new(variables.iter().copied(), "/x")).unwrap()
    }

    fn host(proxy: Option<Proxy>) -> String {
        proxy.map(|p| p.host().to_owned()).unwrap_or_default()
    }

    #[test]
    fn by_scheme_and_in_both_cases() {
        let p = proxies(&[("HTTPS_PROXY", "http://s:1"), ("http_proxy", "http://p:1")]);
        assert_eq!(host(p.of(true, "quay.io")), "s");
        assert_eq!(host(p.of(false, "quay.io:5000")), "p");
        let p = proxies(&[("all_proxy", "socks5h://a:1"), ("HTTP_PROXY", "h:3128")]);
        assert_eq!(host(p.of(true, "quay.io")), "a");
        assert_eq!(host(p.of(false, "quay.io")), "h");
        assert!(proxies(&[]).of(true, "quay.io").is_none());
        assert!(
            proxies(&[("HTTPS_PROXY", "")])
                .of(true, "quay.io")
                .is_none()
        );
    }

    #[test]
    fn this_machine_is_never_asked_through_a_proxy() {
        let p = proxies(&[("ALL_PROXY", "http://p:1")]);
        for h in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
            assert!(p.of(true, h).is_none(), "{h}");
        }
    }

    // From the documentation of golang.org/x/net/http/httpproxy, Config.NoProxy.
    #[test]
    fn no_proxy_as_go_has_it() {
        let of = |no: &str, host: &str| {
            proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no)])
                .of(true, host)
                .is_none()
        };
        assert!(of("*", "foo.com"));
        assert!(of("foo.com", "foo.com") && of("foo.com", "bar.foo.com:5000"));
        assert!(!of("foo.com", "barfoo.com"));
        assert!(!of(".y.com", "y.com") && of(".y.com", "x.y.com") && of("*.y.com", "x.y.com"));
        assert!(of("foo.com:5000", "foo.com:5000") && !of("foo.com:5000", "foo.com"));
        assert!(of("a, foo.com:443", "foo.com"));
        assert!(of("1.2.3.4", "1.2.3.4:80") && !of("1.2.3.4:80", "1.2.3.4:81"));
        assert!(of("1.2.3.0/24", "1.2.3.200:9") && !of("1.2.3.0/24", "1.2.4.1"));
        assert!(of("fd00::/8", "[fd12::1]:5000") && !of("fd00::/8", "[fe80::1]"));
        assert!(of("0.0.0.0/0", "9.9.9.9") && !of("", "foo.com") && !of("FOO.org", "foo.com"));
        assert!(of("FOO.com", "foo.COM"));
    }

    #[test]
    fn an_address_that_is_none_is_told_and_its_password_is_not() {
        let environment = Environment::new([("HTTPS_PROXY", "gopher://u:sesame@p")], "/x");
        let error = Proxies::new(&environment).err().unwrap().to_string();
        assert!(
            error.contains("HTTPS_PROXY") && !error.contains("sesame"),
            "{error}"
        );
    }
}
