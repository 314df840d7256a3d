//! Scope: a set of space-separated tokens (RFC 6749 §3.3).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ErrorCode, Refusal};

/// The most tokens in one scope.
pub const MAX_TOKENS: usize = 100;
/// The longest scope token, in characters: what the store can hold.
pub const MAX_TOKEN_LENGTH: usize = 128;

/// A set of scope tokens in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Parses a `scope` parameter. Repeated tokens and additional spaces are dropped.
    ///
    /// # Errors
    /// `invalid_scope` for characters outside `scope-token`, too long tokens or too many of them.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::of_at_most(MAX_TOKENS, text)
    }

    /// Reads a scope that was written down before, of any number of tokens: what is there may be the union of what came
    /// in several requests.
    ///
    /// # Errors
    /// `invalid_scope` for characters outside `scope-token` and too long tokens.
    pub fn stored(text: &str) -> Result<Self, Refusal> {
        Self::of_at_most(usize::MAX, text)
    }

    fn of_at_most(limit: usize, text: &str) -> Result<Self, Refusal> {
        let mut tokens: Vec<String> = Vec::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !is_scope_token(token) {
                return Err(Refusal::new(
                    ErrorCode::InvalidScope,
                    "a scope contains a character that is not allowed or is too long",
                ));
            }
            if !tokens.iter().any(|known| known == token) {
                tokens.push(token.to_owned());
            }
            if tokens.len() > limit {
                return Err(Refusal::new(ErrorCode::InvalidScope, "too many scopes"));
            }
        }
        Ok(Self(tokens))
    }

    /// Whether no token is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `token` is in it.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| known == token)
    }

    /// The tokens, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The tokens that `keep` accepts.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }

    /// The tokens that are also in `other`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filter(|token| other.contains(token))
    }

    /// The tokens of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut tokens = self.0.clone();
        tokens.extend(other.0.iter().filter(|token| !self.contains(token)).cloned());
        Self(tokens)
    }

    /// Whether every token is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
    }

    /// Whether both hold the same tokens, in whatever order.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.is_subset(other) && other.is_subset(self)
    }
}

/// As a text with spaces between the tokens, the way the protocol writes it.
impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|refusal| serde::de::Error::custom(refusal.description))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`, at most [`MAX_TOKEN_LENGTH`] characters.
#[must_use]
pub fn is_scope_token(token: &str) -> bool {
    (1..=MAX_TOKEN_LENGTH).contains(&token.len()) && token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
