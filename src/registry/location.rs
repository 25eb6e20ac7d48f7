//! The target of a request: scheme, host and path. The server supplies the targets of redirects and
//! token requests, so everything that could lead elsewhere than to a host over HTTP is rejected.

use ureq::http::Uri;

/// The maximum length of a URL in bytes. Signed links have a few thousand.
const LONGEST: usize = 16 * 1024;

/// The target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub tls: bool,
    /// The host and port as in the URL, in lower case.
    pub host: String,
    /// The path and query. It may contain the secrets of a signed link, so it appears in no
    /// message.
    pub path: String,
}

impl Location {
    pub(super) fn new(tls: bool, host: &str, path: String) -> Self {
        Self {
            tls,
            host: host.to_ascii_lowercase(),
            path,
        }
    }

    /// Parses an absolute URL.
    ///
    /// # Errors
    /// The reason why the URL is rejected, as text that continues a message.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.len() > LONGEST {
            return Err("to an address that is too long".to_owned());
        }
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let nowhere = || "to something that is not an address".to_owned();
        let (scheme, _) = url.split_once(':').ok_or_else(nowhere)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            other => return Err(format!("to {}:", super::error_body::one_line(other))),
        };
        let uri: Uri = url.parse().map_err(|_| nowhere())?;
        let authority = uri.authority().map(|a| a.as_str()).unwrap_or_default();
        if authority.is_empty() || authority.contains('@') {
            return Err("to an address without a host or with a password".to_owned());
        }
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        Ok(Self::new(tls, authority, path.to_owned()))
    }

    /// Resolves a `Location` header against this location (RFC 3986, section 5.2, without dot
    /// segments, which servers resolve).
    pub(super) fn join(&self, target: &str) -> Result<Self, String> {
        let scheme = if self.tls { "https" } else { "http" };
        let target = target.trim();
        let has_scheme = target
            .split(['/', '?', '#'])
            .next()
            .is_some_and(|first| first.contains(':'));
        if has_scheme {
            return Self::parse(target);
        }
        let host = &self.host;
        if target.starts_with("//") {
            return Self::parse(&format!("{scheme}:{target}"));
        }
        if target.starts_with('/') {
            return Self::parse(&format!("{scheme}://{host}{target}"));
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        match target.strip_prefix('?') {
            Some(query) => Self::parse(&format!("{scheme}://{host}{path}?{query}")),
            None => Self::parse(&format!("{scheme}://{host}{directory}/{target}")),
        }
    }

    /// Whether a login for `self` may be sent to `other`: both have the same host, port and scheme.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        let whole = |l: &Self| {
            let default = if l.tls { ":443" } else { ":80" };
            l.host.strip_suffix(default).unwrap_or(&l.host).to_owned()
        };
        self.tls == other.tls && whole(self) == whole(other)
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Location {
        Location::parse(url).unwrap()
    }

    // The cases of RFC 3986, section 5.4.1, that servers send.
    #[test]
    fn relative_ones() {
        let base = at("https://a:1/b/c/d?q");
        let join = |target: &str| base.join(target).unwrap().url();
        assert_eq!(join("/g"), "https://a:1/g");
        assert_eq!(join("//g/x"), "https://g/x");
        assert_eq!(join("?y=1"), "https://a:1/b/c/d?y=1");
        assert_eq!(join("g?y/x"), "https://a:1/b/c/g?y/x");
        assert_eq!(join("http://h/i#s"), "http://h/i");
        assert_eq!(join("/v2/x:y"), "https://a:1/v2/x:y");
    }

    #[test]
    fn those_that_are_not_followed() {
        let base = at("https://a/b");
        for bad in [
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "ftp://h/x",
            "javascript:1",
            "https://",
            "https://u:p@h/x",
            "http:///x",
            "https://h h/x",
        ] {
            assert!(base.join(bad).is_err(), "{bad}");
        }
        assert!(Location::parse("/relative").is_err());
        assert!(base.join(&format!("/{}", "x".repeat(LONGEST))).is_err());
    }

    #[test]
    fn who_may_see_a_login() {
        let a = at("https://a/x");
        assert!(a.same_origin(&at("https://A:443/y")));
        assert!(!a.same_origin(&at("http://a/x")));
        assert!(!a.same_origin(&at("https://a:444/x")));
        assert!(!a.same_origin(&at("https://a.b/x")));
        assert!(!at("http://a/x").same_origin(&at("http://a:443/x")));
    }
}
