//! Names of hosts: Docker Hub's, and those of this machine.

use std::net::IpAddr;

/// Docker Hub's name.
pub(super) const DOCKER: &str = "docker.io";
/// The host that serves Docker Hub's API: `docker.io` has no `/v2/`.
pub(super) const DOCKER_HOST: &str = "registry-1.docker.io";

/// Returns the name under which logins for a host are stored. Docker Hub has several host names.
pub(super) fn login_name(host: &str) -> &str {
    match host {
        "index.docker.io" | DOCKER_HOST => DOCKER,
        host => host,
    }
}

/// Whether a host, with or without a port, is this machine, where plain HTTP is as safe as TLS.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(bare, _)| bare),
        None => host.split_once(':').map_or(host, |(bare, _)| bare),
    };
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:1",
            "127.3.2.1",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "10.0.0.1",
            "127.0.0.1.nip.io:5000",
            "[::2]:80",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
