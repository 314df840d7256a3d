//! Authenticating clients (RFC 6749 §2.3): the one place where a client becomes a known one.

use secrecy::ExposeSecret;

use crate::app::App;
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::model::event::EventKind;
use crate::protocol::client_authentication::{AuthMethod, ClientCredentials};
use crate::protocol::error::{ErrorCode, Refusal};
use crate::store::Connection;

/// A client that has proved to be who it says, as far as its kind can.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Client);

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Checks credentials. Unknown, disabled and wrong cost the same and say the same; the operator sees which
/// client somebody tried to be.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(app: &App, credentials: &ClientCredentials) -> Result<Result<AuthenticatedClient, Refusal>, Fault> {
    let outcome = judge(&mut app.store.read().await?, credentials, app.now()).await?;
    match outcome {
        Ok(client) => Ok(Ok(client)),
        Err((refusal, known)) => {
            if let Some(client) = known.filter(|client| !client.is_public()) {
                let event = app.event(EventKind::ClientRefused).refused().client(&client.id);
                audit::record_seldom(app, event.detail("method", credentials.method.as_str())).await?;
            }
            Ok(Err(refusal))
        }
    }
}

async fn judge(
    connection: &mut Connection,
    credentials: &ClientCredentials,
    now: Timestamp,
) -> Result<Result<AuthenticatedClient, (Refusal, Option<Client>)>, Fault> {
    let client = connection.client(&credentials.client_id).await?;
    let presented = credentials.secret.as_ref().map_or("", ExposeSecret::expose_secret);
    let is_right = match &client {
        Some(client) => match credentials.method {
            AuthMethod::None => client.is_public(),
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => {
                // Which of the two ways a secret travels makes no difference to its worth, and
                // libraries disagree about the default; a public client has none that could be right.
                client.has_secret(presented, now) && !client.is_public()
            }
        },
        None => {
            // The same work as for a known client.
            let digest = sha256_text(presented);
            std::hint::black_box(equal(digest.as_bytes(), digest.as_bytes()));
            false
        }
    };
    Ok(match client {
        Some(client) if is_right && !client.is_disabled => Ok(AuthenticatedClient(client)),
        known => {
            let detail = if known.is_some() {
                "wrong credentials, wrong method or a disabled client"
            } else {
                "unknown client"
            };
            let refusal = Refusal::new(ErrorCode::InvalidClient, "client authentication failed")
                .with_detail(format!("{}: {detail}", credentials.client_id));
            Err((refusal, known))
        }
    })
}
