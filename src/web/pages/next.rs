//! Where a person goes on after signing in: a page of ours, and never anybody else's.

use crate::base::redacted::redacted;

/// A path below the issuer that may be gone to.
#[derive(Clone, PartialEq, Eq)]
pub struct Next(String);

redacted!(Next);

/// The pages that send people to the sign-in and want them back.
const ROOMS: [&str; 5] = ["/account", "/admin", "/callback/continue", "/connect", "/oauth2/callback"];

/// The longest path, in bytes: a redirect of a provider travels in it, sealed.
const MAX_LENGTH: usize = 7000;

impl Next {
    /// Reads what a query or a form says. Whatever is not surely a path of ours is the front page.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        let is_ours = |text: &&str| {
            ROOMS.iter().any(|room| {
                text.strip_prefix(room)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            }) && is_plain(text)
        };
        Self(text.filter(is_ours).unwrap_or("/").to_owned())
    }

    /// The path, with its query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }
}

/// Nothing in it that a browser or a proxy could take for something else than a path and a query.
fn is_plain(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    let leads_up = path
        .split('/')
        .any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."));
    text.len() <= MAX_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>'))
        && !text.contains("//")
        && !leads_up
}

#[cfg(test)]
mod tests {
    use super::Next;

    #[test]
    fn pages_of_ours_are_gone_to() {
        for path in [
            "/account",
            "/account/sessions",
            "/account/activity?before=0123",
            "/account?x=1",
            "/admin",
            "/admin/users?search=a%40b",
        ] {
            assert_eq!(Next::parse(Some(path)).path(), path);
        }
    }

    #[test]
    fn everything_else_is_the_front_page() {
        for path in [
            "",
            "/",
            "account",
            "/accounts",
            "/account.evil.example",
            "/administration",
            "/logout",
            "//evil.example",
            "//evil.example/account",
            "https://evil.example/account",
            "https:/account",
            "javascript:alert(1)",
            "/\\evil.example",
            "\\/evil.example",
            "/account\\..\\..\\evil",
            "/account//evil.example",
            "/account?next=https://evil.example",
            "/account/../logout",
            "/account/%2e%2E/logout",
            "/account/./x",
            "/account\r\nSet-Cookie: a=b",
            "/account\t",
            "/account /x",
            "/account\u{0}",
            "/account#x",
            "/accoünt",
            "/account/ü",
            "/ACCOUNT",
            "@evil.example/account",
            " /account",
        ] {
            assert_eq!(Next::parse(Some(path)).path(), "/", "{path}");
        }
        assert_eq!(Next::parse(None).path(), "/");
        assert_eq!(Next::parse(Some(&format!("/account/{}", "x".repeat(7000)))).path(), "/");
    }
}
