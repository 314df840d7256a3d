//! What one run of the playground has to remember. It is sealed for one administrator in one browser.

use serde::{Deserialize, Serialize};

use super::super::view::page::Ui;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::web::call::Call;

/// How long a run may take, in seconds.
pub const LIFETIME: Seconds = 1800;

/// A run.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Run {
    /// Whose part is played
    pub client_id: String,
    /// When it began
    pub begun_at: Timestamp,
    /// `state` of the authorization request
    pub state: String,
    /// `nonce` of the authorization request
    pub nonce: Option<String>,
    /// `code_verifier`
    pub verifier: String,
    /// The client's secret as it was typed
    pub secret: Option<String>,
    /// The tokens that it got so far
    pub access_token: Option<String>,
    /// See above
    pub refresh_token: Option<String>,
    /// See above
    pub id_token: Option<String>,
}

/// A run belongs to who began it, and to their browser: not to their session, because signing in on the way
/// may replace that.
fn context(ui: &Ui, call: &Call) -> Vec<u8> {
    let (browser, _) = call.browser();
    format!("{}\0{}", ui.actor, browser.as_str()).into_bytes()
}

impl Run {
    /// A run that begins now.
    pub fn begin(ui: &Ui, client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            begun_at: ui.now(),
            ..Self::default()
        }
    }

    /// The form in which it travels.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, ui: &Ui, call: &Call) -> Result<String, Fault> {
        let plain = serde_json::to_vec(self).map_err(Fault::internal)?;
        ui.app.secrets.playground.seal(&ui.app.random, &context(ui, call), &plain)
    }

    /// Opens what [`Self::seal`] made for the same person and browser, not too long ago.
    pub fn open(ui: &Ui, call: &Call, sealed: &str) -> Option<Self> {
        let plain = ui.app.secrets.playground.open(&context(ui, call), sealed)?;
        let run: Self = serde_json::from_slice(&plain).ok()?;
        (ui.now() - run.begun_at <= LIFETIME).then_some(run)
    }
}
