//! How the server goes together with what is around it: load balancers, and browsers that are to come by https only.

use std::time::Duration;

use super::values::{seconds, show_seconds};

/// A year, in seconds: what browsers ask for before they take a host into the lists that they are shipped with.
const YEAR: i64 = 365 * 86_400;
const INCLUDE_SUBDOMAINS: &str = "includeSubDomains";
const PRELOAD: &str = "preload";

/// How the server goes together with what is around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// How long it goes on as before when it is told to stop, although it says that it is not ready
    pub shutdown_delay: Duration,
    /// What browsers are told about https
    pub hsts: Hsts,
}

/// The value of `Strict-Transport-Security` (RFC 6797 §6.1), which is sent when the issuer is https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsts {
    header: Option<String>,
    shown: String,
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            header: Some(format!("max-age={YEAR}")),
            shown: show_seconds(YEAR),
        }
    }
}

impl Hsts {
    /// Reads `off`, or a time and the words that may follow it.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let time = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        if time == "off" && words.is_empty() {
            return Ok(Self {
                header: None,
                shown: time.to_owned(),
            });
        }
        let max_age = seconds(time, 0, 10 * YEAR).map_err(|problem| format!("{problem}, or off"))?;
        let words = match words[..] {
            [] => "",
            [INCLUDE_SUBDOMAINS] => "; includeSubDomains",
            [INCLUDE_SUBDOMAINS, PRELOAD] if max_age >= YEAR => "; includeSubDomains; preload",
            [INCLUDE_SUBDOMAINS, PRELOAD] => return Err("needs a time of 365d or more for preload".to_owned()),
            _ => return Err("must be a time, and after it nothing, includeSubDomains, or includeSubDomains preload; or off".to_owned()),
        };
        Ok(Self {
            header: Some(format!("max-age={max_age}{words}")),
            shown: format!("{} {}", show_seconds(max_age), words.replace(';', "").trim())
                .trim()
                .to_owned(),
        })
    }

    /// The value of the header; none when it is not sent.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }
}

impl std::fmt::Display for Hsts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::Hsts;

    #[test]
    fn what_browsers_are_told() {
        for (text, header) in [
            ("365d", Some("max-age=31536000")),
            ("0", Some("max-age=0")),
            ("1h includeSubDomains", Some("max-age=3600; includeSubDomains")),
            (
                "730d includeSubDomains preload",
                Some("max-age=63072000; includeSubDomains; preload"),
            ),
            ("off", None),
        ] {
            let hsts = Hsts::parse(text).unwrap();
            assert_eq!(hsts.header(), header, "{text}");
            assert_eq!(Hsts::parse(&hsts.to_string()), Ok(hsts), "{text}");
        }
        assert_eq!(Hsts::parse("365d"), Ok(Hsts::default()));
        for wrong in [
            "",
            "on",
            "365d preload",
            "1d includeSubDomains preload",
            "off includeSubDomains",
            "365d; includeSubDomains",
        ] {
            assert!(Hsts::parse(wrong).is_err(), "{wrong}");
        }
    }
}
