//! What people may say about themselves: some of the standard claims (OpenID Connect Core §5.1).
//!
//! User name and e-mail address are not among them: applications link their accounts by these.

use serde_json::{Map, Value};
use url::Url;

use crate::app::App;
use crate::base::invalid::Invalid;
use crate::model::user::User;

use super::account::{self, AccountError};
use super::session::SignedIn;

/// The claims that a person may change.
pub const FIELDS: [&str; 8] = [
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
    "website",
    "locale",
    "zoneinfo",
];

/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The longest address of a picture or website, in bytes.
const MAX_URL: usize = 2000;

/// Changes a person's own profile, if the account is still of this version and the session has not ended.
/// `value` is asked for each of [`FIELDS`]; an empty text removes the claim. Nothing else about the account
/// is touched: what an operator changed since the page was opened stays.
///
/// # Errors
/// See [`AccountError`].
pub async fn change(app: &App, visitor: &SignedIn, version: i64, value: impl Fn(&str) -> String) -> Result<User, AccountError> {
    let mut tx = app.store.begin().await?;
    if !tx.hold_session(&visitor.session.id).await? {
        return Err(AccountError::Changed);
    }
    // As it is now, not as it was when the request began.
    let user = tx.user(&visitor.user.id).await?;
    let Some(user) = user.filter(|user| user.version == version && !user.is_disabled) else {
        return Err(AccountError::Changed);
    };
    let mut settings = user.settings.clone();
    for field in FIELDS {
        apply(&mut settings.profile, field, &value(field)).map_err(AccountError::Invalid)?;
    }
    let changed = account::change_in(app, &mut tx, user, settings).await?;
    tx.commit().await?;
    Ok(changed)
}

fn apply(profile: &mut Map<String, Value>, field: &'static str, text: &str) -> Result<(), Invalid> {
    let text = text.trim();
    if text.is_empty() {
        profile.remove(field);
        return Ok(());
    }
    // What the operator has written stays, whatever it is.
    if profile.get(field).and_then(Value::as_str) == Some(text) {
        return Ok(());
    }
    let problem = match field {
        "picture" | "website" => check_link(text),
        "locale" => check_locale(text),
        "zoneinfo" => check_time_zone(text),
        _ => check_name(text),
    };
    if let Some(problem) = problem {
        return Err(Invalid::new(field, problem));
    }
    profile.insert(field.to_owned(), text.into());
    Ok(())
}

fn check_name(text: &str) -> Option<String> {
    if text.chars().count() > MAX_NAME {
        return Some(format!("a name has at most {MAX_NAME} characters"));
    }
    // Marks that turn the direction of writing make a name look like another one.
    let is_hidden = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .any(is_hidden)
        .then(|| "a name has no line breaks and no invisible control characters".to_owned())
}

fn check_link(text: &str) -> Option<String> {
    let is_good = text.len() <= MAX_URL
        // The parser drops control characters and mends slashes; what is stored is the text.
        && text.starts_with("https://")
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
    (!is_good).then(|| format!("an address begins with https:// and has at most {MAX_URL} characters"))
}

/// The shape of BCP 47: a language, then subtags.
fn check_locale(text: &str) -> Option<String> {
    let mut tags = text.split('-');
    let is_language = |tag: &str| (2..=8).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphabetic());
    let is_subtag = |tag: &str| (1..=8).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric());
    let is_good = text.len() <= 35 && tags.next().is_some_and(is_language) && tags.all(is_subtag);
    (!is_good).then(|| "a language looks like en, de-AT or zh-Hant-TW".to_owned())
}

/// The shape of a name in the time zone database.
fn check_time_zone(text: &str) -> Option<String> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
    };
    let is_good = text.len() <= 64 && text.split('/').all(is_part);
    (!is_good).then(|| "a time zone looks like Europe/Vienna or America/New_York".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(field: &'static str, text: &str) -> bool {
        apply(&mut Map::new(), field, text).is_err()
    }

    #[test]
    fn values_are_checked_by_field() {
        for (field, good) in [
            ("name", "Zoë O’Neill <3"),
            ("nickname", "  日本  "),
            ("picture", "https://img.example/a.png?s=1"),
            ("website", "https://example.com"),
            ("locale", "en"),
            ("locale", "zh-Hant-TW"),
            ("zoneinfo", "Europe/Vienna"),
            ("zoneinfo", "Etc/GMT+1"),
            ("zoneinfo", "America/Argentina/Buenos_Aires"),
            ("name", ""),
        ] {
            assert!(!refused(field, good), "{field} {good}");
        }
        for (field, bad) in [
            ("name", "two\nlines"),
            ("name", "bell\u{7}"),
            ("family_name", "\u{202e}ecila"),
            ("picture", "http://img.example/a.png"),
            ("picture", "javascript:alert(1)"),
            ("picture", "data:image/png;base64,AAAA"),
            ("picture", "https://user:pass@img.example/"),
            ("website", "https://exa mple.com"),
            ("website", "https:\\\\example.com"),
            ("website", "HTTPS://example.com"),
            ("locale", "e"),
            ("locale", "en_US"),
            ("locale", "english-"),
            ("zoneinfo", "Europe//Vienna"),
            ("zoneinfo", "../etc/passwd"),
        ] {
            assert!(refused(field, bad), "{field} {bad}");
        }
        assert!(refused("name", &"x".repeat(MAX_NAME + 1)));
        assert!(refused("website", &format!("https://example.com/{}", "x".repeat(MAX_URL))));
    }

    #[test]
    fn an_empty_value_removes_the_claim_and_an_old_one_may_stay() {
        let mut profile = Map::new();
        profile.insert("website".to_owned(), "http://old.example".into());
        profile.insert("name".to_owned(), "Alice".into());
        assert!(apply(&mut profile, "website", "http://old.example").is_ok());
        assert!(apply(&mut profile, "name", "  ").is_ok());
        assert_eq!(profile.len(), 1);
    }
}
