//! Tokens in forms: proof that a form was served by us to this browser (CSRF, login CSRF).
//!
//! A browser has a random cookie; a form carries a MAC over that cookie, the session it was served
//! in, and the form's purpose. Another site can make the browser send the cookie, but can neither
//! read it nor compute the MAC, and a form from before a sign-in is worthless after it.

use crate::app::App;
use crate::base::digest::equal;
use crate::base::encoding::{base64url, from_base64url};

/// The forms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Sign-in
    SignIn,
    /// Choice of account
    SelectAccount,
    /// Consent
    Consent,
    /// Whether an agent may use an account elsewhere
    Connect,
    /// Sign-out
    SignOut,
    /// Set-up
    Setup,
    /// Signing in with the admin token
    AdminSignIn,
    /// Everything at `/admin`
    Administration,
    /// Everything at `/account`
    Account,
}

impl Form {
    fn purpose(self) -> &'static [u8] {
        match self {
            Self::SignIn => b"sign in",
            Self::SelectAccount => b"select account",
            Self::Consent => b"consent",
            Self::Connect => b"connect",
            Self::SignOut => b"sign out",
            Self::Setup => b"setup",
            Self::AdminSignIn => b"admin sign in",
            Self::Administration => b"administration",
            Self::Account => b"account",
        }
    }
}

/// A browser's random cookie value.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserId(String);

impl BrowserId {
    /// A new one.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self(app.random.secret())
    }

    /// Reads a cookie; `None` when it is not one of ours.
    #[must_use]
    pub fn parse(cookie: &str) -> Option<Self> {
        (from_base64url(cookie)?.len() == 32).then(|| Self(cookie.to_owned()))
    }

    /// The cookie's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The token of a form for this browser in this session.
#[must_use]
pub fn token(app: &App, form: Form, browser: &BrowserId, session_id: Option<&str>) -> String {
    base64url(&app.secrets.form.mac(&parts(form, browser, session_id)))
}

fn parts<'a>(form: Form, browser: &'a BrowserId, session_id: Option<&'a str>) -> [&'a [u8]; 3] {
    [form.purpose(), browser.0.as_bytes(), session_id.unwrap_or_default().as_bytes()]
}

/// Whether `presented` is that token.
#[must_use]
pub fn is_valid(app: &App, form: Form, browser: Option<&BrowserId>, session_id: Option<&str>, presented: &str) -> bool {
    browser.is_some_and(|browser| {
        let mut tokens = app.secrets.form.macs(&parts(form, browser, session_id));
        tokens.any(|token| equal(base64url(&token).as_bytes(), presented.as_bytes()))
    })
}
