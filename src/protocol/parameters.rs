//! Query strings and form bodies (RFC 6749 appendix B), parsed strictly.
//!
//! Every parameter occurs at most once (RFC 6749 §3.1, §3.2), save `resource` (RFC 8707 §2).
//! A parameter without a value is treated as if it was not sent (RFC 6749 §3.1).

use std::fmt;

use percent_encoding::percent_decode;

use super::error::{ErrorCode, Refusal, invalid_request};

/// The most parameters that one request may carry.
pub const MAX_PARAMETERS: usize = 100;

/// Parameters that may be sent several times.
const REPEATABLE: [&str; 1] = ["resource"];

/// The decoded parameters of one request. `Debug` shows names only: values are often secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Parses `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// `invalid_request` for text that is not UTF-8 after decoding, for NUL characters and for
    /// more than [`MAX_PARAMETERS`] parameters. Duplicates are found by [`Self::get`].
    pub fn parse(raw: &[u8]) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        for piece in raw.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(invalid_request("too many parameters"));
            }
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Adds the parameters of `other`, as when a POST also carries a query.
    ///
    /// # Errors
    /// `invalid_request` when both together are more than [`MAX_PARAMETERS`].
    pub fn and(mut self, other: Self) -> Result<Self, Refusal> {
        self.pairs.extend(other.pairs);
        if self.pairs.len() > MAX_PARAMETERS {
            return Err(invalid_request("too many parameters"));
        }
        Ok(self)
    }

    /// The value of `name`; `None` when it was not sent or is empty.
    ///
    /// # Errors
    /// `invalid_request` when it was sent more than once.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.pairs.iter().filter(|(key, _)| key == name);
        let first = values.next();
        if values.next().is_some() {
            return Err(duplicate(name));
        }
        Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`, naming the parameter, when it is missing, empty or repeated.
    pub fn require(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name)?
            .ok_or_else(|| Refusal::quoting(ErrorCode::InvalidRequest, &format!("missing parameter: {name}")))
    }

    /// All values of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The names that were sent, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// Refuses every repeated parameter, known or not (OAuth 2.1 §3.1, §3.2).
    ///
    /// # Errors
    /// `invalid_request` naming the first one.
    pub fn refuse_duplicates(&self) -> Result<(), Refusal> {
        let mut names: Vec<&str> = self
            .pairs
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !REPEATABLE.contains(name))
            .collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(duplicate(pair[0])),
            None => Ok(()),
        }
    }

    /// The parameters as a query string again.
    #[must_use]
    pub fn to_query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.pairs)
            .finish()
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

fn duplicate(name: &str) -> Refusal {
    Refusal::quoting(ErrorCode::InvalidRequest, &format!("parameter sent more than once: {name}"))
}

/// Undoes `application/x-www-form-urlencoded`: `+` is a space, `%xx` a byte, the result is UTF-8.
fn decode(raw: &[u8]) -> Result<String, Refusal> {
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    let text = String::from_utf8(bytes).map_err(|_| invalid_request("a parameter is not valid UTF-8"))?;
    if text.contains('\0') {
        return Err(invalid_request("a parameter contains a NUL character"));
    }
    Ok(text)
}

/// Decodes one form-encoded value, as in HTTP Basic credentials (RFC 6749 §2.3.1).
///
/// # Errors
/// `invalid_request` for anything that is not UTF-8.
pub fn decode_value(raw: &str) -> Result<String, Refusal> {
    decode(raw.as_bytes())
}
