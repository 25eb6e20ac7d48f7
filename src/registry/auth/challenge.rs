//! WWW-Authenticate (RFC 9110, section 11.6.1): the login that a registry requires. Parsed by
//! `http-auth`, which splits lists of challenges as real servers write them.

/// A kind of login that a registry requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password (RFC 7617).
    Basic,
    /// A token (RFC 6750).
    Bearer(Bearer),
}

/// Where to get a token (token spec, "How to authenticate", step 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    pub realm: String,
    pub service: Option<String>,
    pub scope: Option<String>,
}

impl Challenge {
    /// Returns the best of the challenges in these headers. A token is preferred to sending the
    /// password with every request.
    pub(super) fn choose(headers: &[&str]) -> Option<Self> {
        let all = headers
            .iter()
            .filter_map(|header| http_auth::parse_challenges(header).ok());
        let mut basic = None;
        for challenge in all.flatten() {
            let get = |name: &str| {
                let found = challenge
                    .params
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name));
                found
                    .map(|(_, value)| value.to_unescaped())
                    .filter(|v| !v.is_empty())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = get("realm")
            {
                return Some(Self::Bearer(Bearer {
                    realm,
                    service: get("service"),
                    scope: get("scope"),
                }));
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
        }
        basic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }))
    }

    #[test]
    fn as_registries_send_them() {
        // The example of the token spec.
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:samalba/my-app:pull,push""#;
        assert_eq!(
            Challenge::choose(&[header]),
            bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:samalba/my-app:pull,push")
            )
        );
        assert_eq!(
            Challenge::choose(&[r#"Basic realm="x""#]),
            Some(Challenge::Basic)
        );
        assert_eq!(
            Challenge::choose(&["BASIC realm=x"]),
            Some(Challenge::Basic)
        );
        assert_eq!(
            Challenge::choose(&[r#"bearer REALM="https://a\"b""#]),
            bearer("https://a\"b", None, None)
        );
    }

    #[test]
    fn several_in_one_header_or_in_two() {
        let both = r#"Basic realm="x", Bearer realm="https://t""#;
        assert_eq!(Challenge::choose(&[both]), bearer("https://t", None, None));
        let two = ["Basic realm=\"x\"", "Bearer realm=\"https://t\""];
        assert_eq!(Challenge::choose(&two), bearer("https://t", None, None));
    }

    #[test]
    fn what_is_none() {
        for bad in [
            "",
            ",",
            "Bearer",
            "Bearer realm=",
            "Negotiate",
            "\u{7f}\"",
            "Bearer service=\"x\"",
        ] {
            assert_eq!(Challenge::choose(&[bad]), None, "{bad}");
        }
    }
}
