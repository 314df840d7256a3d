//! Authenticating clients (RFC 6749 §2.3): the one place where a client becomes a known one.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::app::App;
use crate::audit;
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::base::request;
use crate::identity::limit::{self, Exceeded};
use crate::model::client::Client;
use crate::model::event::EventKind;
use crate::protocol::client_authentication::{AuthMethod, ClientCredentials};
use crate::protocol::error::{ErrorCode, Refusal};

use super::client_assertions;
use super::client_documents::{self, Found, Purpose};

/// A client that has proved to be who it says, as far as its kind can.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl AuthenticatedClient {
    /// The client, whoever looks at it.
    #[must_use]
    pub fn shared(&self) -> Arc<Client> {
        Arc::clone(&self.0)
    }
}

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Checks credentials, and counts the request for its client. Unknown, disabled and wrong say the same; the operator sees which client somebody tried to be.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(app: &App, credentials: &ClientCredentials) -> Result<Result<AuthenticatedClient, Refusal>, Fault> {
    if let Err(exceeded) = limit::may_fail(app, &credentials.client_id) {
        return Ok(Err(exceeded.refusal()));
    }
    let outcome = judge(app, credentials).await?;
    match outcome {
        // Whoever has proved who they are, and nobody else, uses up what the client has.
        Ok(client) => Ok(limit::by_client(app, &client).map(|()| client).map_err(Exceeded::refusal)),
        Err((refusal, known)) => {
            limit::failed(app, &credentials.client_id);
            if let Some(client) = known.filter(|client| !client.is_public()) {
                let event = app.event(EventKind::ClientRefused).refused().client(&client.id);
                Box::pin(audit::record_seldom(app, event.detail("method", credentials.method.as_str()))).await?;
            }
            Ok(Err(refusal))
        }
    }
}

async fn judge(app: &App, credentials: &ClientCredentials) -> Result<Result<AuthenticatedClient, (Refusal, Option<Arc<Client>>)>, Fault> {
    let client = match client_documents::find(app, &credentials.client_id, Purpose::Authenticate).await? {
        Found::Known(client) => Some(client),
        Found::Unknown | Found::Unreadable(_) => None,
    };
    let refused = |detail: &str, known: Option<Arc<Client>>| {
        let refusal = Refusal::new(ErrorCode::InvalidClient, "client authentication failed")
            .with_detail(format!("{}: {detail}", credentials.client_id));
        Ok(Err((refusal, known)))
    };
    let presented = credentials.secret.as_ref().map_or("", ExposeSecret::expose_secret);
    let Some(client) = client else {
        // The same work as for the secret of a known client. What is recorded about that one costs more, but that it is there is
        // no secret.
        let digest = sha256_text(presented);
        std::hint::black_box(equal(digest.as_bytes(), digest.as_bytes()));
        return refused("unknown client", None);
    };
    if client.is_disabled {
        // Before anything is spent or fetched on its behalf.
        return refused("a disabled client", Some(client));
    }
    // Each method for the clients that are registered for it: what is stronger cannot be walked around.
    let is_right = match (credentials.method, &credentials.assertion) {
        (AuthMethod::None, _) => client.is_public(),
        (AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost, _) => {
            // Which of the two ways a secret travels makes no difference to its worth, and libraries disagree
            // about the default; a client that makes assertions never sends its secret.
            let sends_secret = client.needs_secret() && !client.auth_method.is_assertion();
            client.has_secret(presented, app.now()) && sends_secret
        }
        (AuthMethod::ClientSecretJwt | AuthMethod::PrivateKeyJwt, Some(assertion)) => {
            match Box::pin(client_assertions::verify(app, &client, assertion)).await? {
                Ok(()) => true,
                Err(problem) => return refused(&problem, Some(client)),
            }
        }
        (AuthMethod::ClientSecretJwt | AuthMethod::PrivateKeyJwt, None) => false,
    };
    if is_right {
        request::note_client(&client.id);
        Ok(Ok(AuthenticatedClient(client)))
    } else {
        refused("wrong credentials or wrong method", Some(client))
    }
}
