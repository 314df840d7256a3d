//! An authorization request on its way through our pages.
//!
//! While the person signs in, chooses an account and consents, the request travels with the browser,
//! sealed: nothing is stored until there is a grant, so nobody can fill a table by opening pages, and
//! any node can go on where another began.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::clock::{CLOCK_SKEW, Seconds, Timestamp};
use crate::base::digest::equal;
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::identity::form_token::BrowserId;
use crate::identity::session::SignedIn;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;

/// How long a person may take, in seconds.
pub const LIFETIME: Seconds = 3600;

/// How long after signing in a request that asked for it may still be answered, in seconds.
const SIGN_IN_PATIENCE: Seconds = 600;

const CONTEXT: &[u8] = b"interaction";

/// What was shown to the person on the consent page. An answer counts for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// In which session
    pub session_id: String,
    /// Which scopes
    pub scope: String,
    /// Which single claims
    pub claims: Vec<String>,
    /// For which resources
    #[serde(default)]
    pub resource: Vec<String>,
    /// Where the answer would go
    #[serde(default)]
    pub redirect_uri: String,
}

/// The state of an interaction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interaction {
    /// The request, as a query string
    pub query: String,
    /// When it arrived
    pub created_at: Timestamp,
    /// The browser in which it arrived; it goes on in no other
    pub browser: String,
    /// The session in which it arrived: a sign-in since then has another, and answers `prompt=login`
    pub first_session: Option<String>,
    /// The person wants to go on as somebody else
    pub wants_other: bool,
    /// The session that the person chose to go on with (`prompt=select_account`)
    pub chosen_session: Option<String>,
    /// What the consent page showed
    pub shown: Option<Shown>,
}

redacted!(Interaction);

impl Interaction {
    /// An interaction that begins now.
    #[must_use]
    pub fn begin(app: &App, parameters: &Parameters, browser: &BrowserId, visitor: Option<&SignedIn>) -> Self {
        Self {
            query: parameters.to_query(),
            created_at: app.now(),
            browser: browser.as_str().to_owned(),
            first_session: visitor.map(|visitor| visitor.session.id.clone()),
            wants_other: false,
            chosen_session: None,
            shown: None,
        }
    }

    /// Whether the person signed in because of this request: after it, in a new session, just now.
    #[must_use]
    pub fn has_signed_in(&self, app: &App, visitor: &SignedIn) -> bool {
        let session = &visitor.session;
        let is_recent = app.now() - session.auth_time <= SIGN_IN_PATIENCE;
        // The request may have arrived at another node than the password, with another clock.
        let is_since = session.auth_time + CLOCK_SKEW >= self.created_at;
        is_since && self.first_session.as_ref() != Some(&session.id) && is_recent
    }

    /// The form in which it travels.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, app: &App) -> Result<String, Fault> {
        let plain = serde_json::to_vec(self).map_err(Fault::internal)?;
        app.secrets.interaction.seal(&app.random, CONTEXT, &plain)
    }

    /// Opens what [`Self::seal`] made; `None` when it is something else.
    #[must_use]
    pub fn open(app: &App, sealed: &str) -> Option<Self> {
        let plain = app.secrets.interaction.open(CONTEXT, sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// Whether it may go on in this browser, and is not too old.
    #[must_use]
    pub fn may_go_on(&self, app: &App, browser: &BrowserId) -> bool {
        let is_same_browser = equal(self.browser.as_bytes(), browser.as_str().as_bytes());
        is_same_browser && app.now() - self.created_at <= LIFETIME
    }

    /// The request again.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        Parameters::parse(self.query.as_bytes()).unwrap_or_default()
    }
}

impl Shown {
    /// Whether a request asks for nothing beyond what was shown, in the same session.
    #[must_use]
    pub fn covers(&self, session_id: &str, scope: &Scope, claims: &[String], resource: &[String]) -> bool {
        let shown = Scope::stored(&self.scope).unwrap_or_default();
        self.session_id == session_id
            && scope.is_subset(&shown)
            && claims.iter().all(|claim| self.claims.contains(claim))
            && resource.iter().all(|identifier| self.resource.contains(identifier))
    }
}
