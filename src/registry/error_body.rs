//! The error text that a server sends in a response body, for messages to users. It reads the
//! `errors` of distribution-spec ("Error Codes") and the OAuth2 form of token servers. The text is
//! a single line of limited length without control characters.

use std::io::Read;

use serde::Deserialize;

/// The maximum number of bytes of an error body to read.
const LONGEST_BODY: u64 = 64 * 1024;
/// The maximum number of characters of the text to show.
const LONGEST: usize = 300;

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
    /// RFC 6749, section 5.2.
    error: Option<String>,
    error_description: Option<String>,
    /// Sent by Docker Hub's token server and by some proxies.
    details: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorEntry {
    code: String,
    message: String,
}

/// Reads the body of an error response. Returns its text as `: TEXT`, or an empty string if there
/// is none.
pub(super) fn error_text(body: impl Read) -> String {
    let mut bytes = Vec::new();
    // If the body is cut short, use the part that arrived.
    let _ = body.take(LONGEST_BODY).read_to_end(&mut bytes);
    text(&bytes).map_or_else(String::new, |text| format!(": {text}"))
}

fn text(bytes: &[u8]) -> Option<String> {
    let body: ErrorBody = serde_json::from_slice(bytes).ok()?;
    let mut parts: Vec<String> = Vec::new();
    for entry in &body.errors {
        match (entry.code.is_empty(), entry.message.is_empty()) {
            (_, true) => parts.push(entry.code.clone()),
            (true, false) => parts.push(entry.message.clone()),
            (false, false) => parts.push(format!("{} ({})", entry.message, entry.code)),
        }
    }
    let plain = [
        body.error_description,
        body.details,
        body.message,
        body.error,
    ];
    if parts.is_empty() {
        parts.extend(plain.into_iter().flatten().take(1));
    }
    let text = one_line(&parts.join(", "));
    (!text.is_empty()).then_some(text)
}

/// Makes untrusted text safe to show: replaces control characters and limits the length.
pub(super) fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().take(LONGEST).map(clean).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errors_of_a_registry_and_of_a_token_server() {
        // The example of distribution-spec, "Error Codes", filled in.
        let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known","detail":{"a":1}}]}"#;
        assert_eq!(
            error_text(body.as_bytes()),
            ": repository name not known (NAME_UNKNOWN)"
        );
        assert_eq!(
            error_text(&br#"{"details":"incorrect username"}"#[..]),
            ": incorrect username"
        );
        assert_eq!(
            error_text(&br#"{"errors":[{"code":"DENIED"}]}"#[..]),
            ": DENIED"
        );
    }

    #[test]
    fn what_says_nothing_or_is_hostile_is_left_out_or_made_harmless() {
        assert_eq!(error_text(&b"<html>502</html>"[..]), "");
        assert_eq!(error_text(&b"{}"[..]), "");
        assert_eq!(
            error_text(&br#"{"errors":[{"message":"a\u001b[31m\nb"}]}"#[..]),
            ": a [31m b"
        );
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(5000));
        assert_eq!(error_text(long.as_bytes()).chars().count(), 2 + LONGEST + 1);
        assert_eq!(error_text(std::io::repeat(b' ')), "");
    }
}
