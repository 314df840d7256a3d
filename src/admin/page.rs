//! Lists, a page at a time: a cursor is the key of the last row that was seen, so that every page costs the
//! same and rows that come or go meanwhile are neither repeated nor skipped.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::encoding::{base64url, from_base64url};

use super::AdminError;

/// The most items of one page.
pub const MAX_LIMIT: u16 = 200;
/// The longest cursor that is looked at, in bytes.
const MAX_CURSOR: usize = 4096;
/// The longest text to search for, in bytes.
pub const MAX_SEARCH: usize = 256;
/// The items of a page of which nobody said how long it should be.
pub const DEFAULT_LIMIT: u16 = 50;

/// Where a list of ids begins that has the greatest first: ids are hexadecimal.
pub(super) const BEFORE_ALL: &str = "zzzzzzzz";

/// Which page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// How many items
    pub limit: u16,
    /// The name of the list, and the keys of the last row of the page before
    after: Option<Vec<String>>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            after: None,
        }
    }
}

impl Page {
    /// Reads `limit` and `cursor` as they were sent.
    ///
    /// # Errors
    /// Names the parameter at fault.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, AdminError> {
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| AdminError::parameter("limit", format!("limit is a number from 1 to {MAX_LIMIT}")))?,
        };
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let bytes = from_base64url(cursor).filter(|bytes| bytes.len() <= MAX_CURSOR);
                let keys: Option<Vec<String>> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                // Databases do not agree about the character zero.
                let keys = keys.filter(|keys| keys.iter().all(|key| !key.contains('\0')));
                Some(keys.ok_or_else(wrong_cursor)?)
            }
        };
        Ok(Self { limit, after })
    }

    /// The keys after which it begins, of which the list called `list` has so many; the first page has none.
    ///
    /// # Errors
    /// When the cursor is from another list.
    pub fn after<const N: usize>(&self, list: &str) -> Result<Option<[&str; N]>, AdminError> {
        let Some(keys) = &self.after else { return Ok(None) };
        match keys.split_first() {
            Some((name, keys)) if name == list => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                keys.try_into().map(Some).map_err(|_| wrong_cursor())
            }
            _ => Err(wrong_cursor()),
        }
    }

    /// How many rows to read: one more than the page holds shows whether another follows.
    #[must_use]
    pub fn rows(&self) -> u16 {
        self.limit + 1
    }

    /// Makes the page of the rows that were read of the list called `list`; `key` gives what they are ordered by.
    pub fn of<R, T>(&self, list: &str, mut rows: Vec<R>, key: impl Fn(&R) -> Vec<String>, view: impl Fn(R) -> T) -> Listed<T> {
        let is_more = rows.len() > usize::from(self.limit);
        rows.truncate(usize::from(self.limit));
        let next = rows.last().filter(|_| is_more).map(|last| cursor(list, key(last)));
        Listed {
            items: rows.into_iter().map(view).collect(),
            next,
        }
    }
}

/// The cursor that goes on after the row with these keys in the list called `list`.
pub(super) fn cursor(list: &str, keys: Vec<String>) -> String {
    let named: Vec<String> = std::iter::once(list.to_owned()).chain(keys).collect();
    base64url(serde_json::to_string(&named).unwrap_or_default().as_bytes())
}

/// What to search for, of a length that makes sense.
///
/// # Errors
/// When it is longer than [`MAX_SEARCH`].
pub fn search(text: Option<&str>) -> Result<&str, AdminError> {
    let text = text.unwrap_or_default();
    if text.len() > MAX_SEARCH {
        return Err(AdminError::parameter("q", format!("a search has at most {MAX_SEARCH} bytes")));
    }
    Ok(text)
}

fn wrong_cursor() -> AdminError {
    AdminError::parameter("cursor", "this is not a cursor of this list")
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Listed<T> {
    /// The items
    pub items: Vec<T>,
    /// The `cursor` of the page after this one; `null` on the last
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// The page, going on at `cursor` when nothing else says where: it is shorter than it could be.
    pub(super) fn or_from(mut self, cursor: Option<String>) -> Self {
        self.next = self.next.or(cursor);
        self
    }
}
