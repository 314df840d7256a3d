//! Clients that a document describes (draft-ietf-oauth-client-id-metadata-document).
//!
//! The row of such a client is the cache of its document, which all nodes share. What a document says holds until
//! `document_expires_at`; then it is read again when somebody asks for the client, and what has changed is written
//! together with its event. An error is never kept: at `/authorize` it ends the request, and a client that had
//! tokens already may go on refreshing them for a day.

use std::sync::Arc;

use serde_json::json;
use tracing::Instrument;

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::network::network_of;
use crate::base::request;
use crate::identity::quota::Quota;
use crate::model::client::{Client, ClientKind, ClientOrigin, ClientSettings, ConsentPolicy};
use crate::model::event::{Actor, EventKind};
use crate::model::scope::ScopeCatalog;
use crate::protocol::claims::is_server_scope;
use crate::protocol::client_document::{ClientDocument, DocumentUrl, MAX_BYTES};
use crate::protocol::scope::Scope;

use super::clients::{self, ClientError};

/// The shortest and the longest time for which a document holds, whatever its headers say, in seconds.
const LIFETIME: (Seconds, Seconds) = (300, 86_400);
/// How long it holds when its headers say nothing, in seconds.
const USUAL_LIFETIME: Seconds = 3600;
/// For how long a client that cannot be read any more may go on authenticating, in seconds.
const STALE: Seconds = 86_400;

/// How often one document may fail in a minute before nobody is sent there for the next minute.
const FAILURES_OF_DOCUMENT: i64 = 10;
/// How often documents of unknown clients may fail that one network asks for, before it is sent nowhere for the next
/// minute: whoever sends us somewhere must not be able to do so without end.
const FAILURES_OF_NETWORK: i64 = 20;
/// The same of one host, whoever asks. Much more, or one network could keep everybody from its documents.
const FAILURES_OF_HOST: i64 = 300;
/// The time in which failures are counted, and for which the target is left alone, in seconds.
const MINUTE: Seconds = 60;

/// How long the row of a client is kept that nobody uses, after its document has expired, in seconds.
const IDLE: Seconds = 7 * 86_400;
/// The most rows that are removed at once.
const BATCH: u16 = 100;

/// What a client is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A person is sent to us: what is known must be up to date
    Authorize,
    /// The client itself is there, with something that it was given before
    Authenticate,
}

/// What was found under a `client_id`.
#[derive(Debug)]
pub enum Found {
    /// A client, disabled or not
    Known(Arc<Client>),
    /// Nothing
    Unknown,
    /// A document that should be there and cannot be used; why, for the log
    Unreadable(String),
}

/// Finds a client. Everything that is told a `client_id` by a peer asks here: whether that is a row that an operator
/// made, one that registered itself or a document is nobody else's business.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, id: &str, purpose: Purpose) -> Result<Found, Fault> {
    let known = app.store.known_client(id).await?;
    match known {
        Some(client) if client.origin != ClientOrigin::Document => Ok(Found::Known(client)),
        // Whoever was never sent to a person has nothing to show, and sends us nowhere.
        None if purpose == Purpose::Authenticate || !id.contains(':') => Ok(Found::Unknown),
        _ if !app.live().client_documents => Ok(Found::Unknown),
        // Its operator has decided; nobody needs to be asked.
        Some(client) if client.is_disabled => Ok(Found::Known(client)),
        // In a box, for it is large and most clients are rows.
        known => Box::pin(find_document(app, id, purpose, known)).await,
    }
}

/// Finds a client that is described by the document at its id; `known` is what is remembered of it.
async fn find_document(app: &App, id: &str, purpose: Purpose, known: Option<Arc<Client>>) -> Result<Found, Fault> {
    let url = match DocumentUrl::parse(id, app.issuer.is_loopback()) {
        Ok(url) => url,
        Err(problem) => return Ok(Found::Unreadable(problem.to_owned())),
    };
    let now = app.now();
    let expires_at = known.as_ref().and_then(|client| client.document_expires_at).unwrap_or_default();
    if let Some(client) = known.clone().filter(|_| now < expires_at) {
        return Ok(Found::Known(client));
    }
    let problem = match read(app, &url, known.is_some()).await? {
        Ok((document, lifetime)) => match keep(app, &url, document, now + lifetime).await? {
            Ok(client) => return Ok(Found::Known(Arc::new(client))),
            Err(problem) => {
                // What cannot be kept was fetched for nothing, and would be again.
                count_failure(app, &counters(app, &url, known.is_some()), now).await?;
                problem
            }
        },
        Err(problem) => problem,
    };
    tracing::warn!(
        event = "client_document_unreadable",
        client = id,
        problem,
        "the document of a client cannot be used"
    );
    Ok(match known {
        Some(client) if purpose == Purpose::Authenticate && now < expires_at + STALE => Found::Known(client),
        _ => Found::Unreadable(problem),
    })
}

/// Fetches and reads a document; for how many seconds it holds.
async fn read(app: &App, url: &DocumentUrl, is_known: bool) -> Result<Result<(ClientDocument, Seconds), String>, Fault> {
    let counters = counters(app, url, is_known);
    let now = app.now();
    {
        let mut connection = app.store.read().await?;
        for (id, _) in &counters {
            if connection.blocked_until(id).await? > now {
                return Ok(Err("it has failed too often: nobody is sent there for the next minute".to_owned()));
            }
        }
    }
    if !is_known && new_ones(app, url).exceeded_for(&mut app.store.read().await?, now).await?.is_some() {
        return Ok(Err("too many new documents became known in the last minutes".to_owned()));
    }
    // One network does not take all the turns that strangers have.
    let share = if is_known { None } else { app.fetch_shares.take(&network(app)) };
    if !is_known && share.is_none() {
        return Ok(Err("too much is being fetched for this network".to_owned()));
    }
    // Whoever hangs up gives neither the share back before its time nor escapes the counters.
    let (app, url) = (app.clone(), url.clone());
    let fetching = async move {
        let outcome = fetch(&app, &url, is_known, &counters).await;
        drop(share);
        outcome
    };
    let fetching = request::carried(fetching).in_current_span();
    tokio::spawn(fetching).await.map_err(Fault::internal)?
}

async fn fetch(
    app: &App,
    url: &DocumentUrl,
    is_known: bool,
    counters: &[(String, i64)],
) -> Result<Result<(ClientDocument, Seconds), String>, Fault> {
    let way_out = if is_known { &app.known_fetch } else { &app.fetch };
    let (outcome, counts) = match way_out.json(url.as_str(), MAX_BYTES).await {
        Ok(fetched) => {
            let document = ClientDocument::parse(url, &fetched.body);
            let lifetime = fetched.freshness.unwrap_or(USUAL_LIFETIME).clamp(LIFETIME.0, LIFETIME.1);
            (document.map(|document| (document, lifetime)), true)
        }
        Err(error) => (Err(error.to_string()), error.reached_out()),
    };
    if outcome.is_err() && counts {
        count_failure(app, counters, app.now()).await?;
    }
    Ok(outcome)
}

/// The network that asks.
fn network(app: &App) -> String {
    network_of(app.context().address.as_deref().unwrap_or_default())
}

/// Counts a failure by all of its counters.
async fn count_failure(app: &App, counters: &[(String, i64)], now: Timestamp) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    for (id, limit) in counters {
        let counter = tx.count_attempt(id, now, now + MINUTE).await?;
        if counter.failures >= *limit {
            tx.block_attempts(id, now + MINUTE, now + MINUTE).await?;
        }
    }
    tx.commit().await
}

/// The quota of clients that become known.
fn new_ones(app: &App, url: &DocumentUrl) -> Quota {
    Quota::of_document(app, url.host_name(), app.context().address.as_deref())
}

/// The counters of failures of a document and, as long as its client is not known, of who asks for it and of its host,
/// in an order that is the same for everybody. Strangers can make any number of documents of a host fail; those that are
/// known do not suffer.
fn counters(app: &App, url: &DocumentUrl, is_known: bool) -> Vec<(String, i64)> {
    let mut counters = vec![(counter("document", url.as_str()), FAILURES_OF_DOCUMENT)];
    if !is_known {
        counters.push((counter("documents asked for by", &network(app)), FAILURES_OF_NETWORK));
        counters.push((counter("documents of", url.host_name()), FAILURES_OF_HOST));
    }
    counters.sort();
    counters
}

fn counter(name: &str, subject: &str) -> String {
    format!("document.{}", sha256_text(&format!("{name} {subject}")))
}

/// Writes down what a document says, if it is new or says something new.
async fn keep(app: &App, url: &DocumentUrl, document: ClientDocument, expires_at: Timestamp) -> Result<Result<Client, String>, Fault> {
    let mut tx = app.store.begin().await?;
    let catalog = tx.scopes().await?;
    let before = tx.client(url.as_str()).await?;
    let settings = match clients::checked(described(app, &catalog, before.as_ref(), document)) {
        Ok(settings) => settings,
        Err(problem) => return Ok(Err(problem.message)),
    };
    let now = app.now();
    let kept = match before {
        None => {
            // Each is a row that a stranger makes.
            if let Some(seconds) = new_ones(app, url).spend(&mut tx, now).await? {
                return Ok(Err(format!(
                    "too many new documents became known; there is room again in {seconds} seconds"
                )));
            }
            let client = new_client(app, url, settings, expires_at, now);
            if tx.insert_client(&client).await? {
                let event = app.event(EventKind::ClientCreated).by(Actor::System).client(&client.id);
                let event = event.detail("after", json!(client.settings));
                tx.record(event.detail("origin", client.origin.as_str())).await?;
                Some(client)
            } else {
                None
            }
        }
        Some(client) if client.origin != ClientOrigin::Document => Some(client),
        Some(client) if client.settings == settings => {
            tx.renew_client_document(&client.id, expires_at).await?;
            Some(Client {
                document_expires_at: Some(expires_at),
                ..client
            })
        }
        Some(client) => {
            let changed = Client {
                settings,
                document_expires_at: Some(expires_at),
                updated_at: now,
                ..client.clone()
            };
            if tx.update_client(&changed).await? {
                if client.auth_method != changed.auth_method {
                    // A refresh token that was stolen must not become usable by this.
                    tx.revoke_grants_to(&client.id, now).await?;
                }
                let event = app.event(EventKind::ClientChanged).by(Actor::System).client(&client.id);
                let event = event
                    .detail("before", json!(client.settings))
                    .detail("after", json!(changed.settings));
                tx.record(event.detail("origin", client.origin.as_str())).await?;
                Some(Client {
                    version: changed.version + 1,
                    ..changed
                })
            } else {
                None
            }
        }
    };
    let Some(kept) = kept else {
        // Another node, or an operator, was faster: theirs counts.
        drop(tx);
        let there = app.store.read().await?.client(url.as_str()).await?;
        return Ok(there.ok_or_else(|| "the client was removed at the same moment".to_owned()));
    };
    tx.commit().await?;
    Ok(Ok(kept))
}

/// Removes the clients of documents that nobody has used for a week: whoever publishes files makes rows, and they are
/// made again when they are needed. How many those were.
///
/// # Errors
/// When the database fails.
pub async fn remove_idle(app: &App) -> Result<u64, Fault> {
    let idle = app.store.read().await?.idle_document_clients(app.now() - IDLE, BATCH).await?;
    let mut removed = 0;
    for client in idle {
        match clients::delete(app, &client).await {
            Ok(()) => removed += 1,
            Err(ClientError::Fault(fault)) => return Err(fault),
            // Another node was faster.
            Err(_) => {}
        }
    }
    Ok(removed)
}

/// What the document says, over what an operator has decided about the client before.
fn described(app: &App, catalog: &ScopeCatalog, before: Option<&Client>, document: ClientDocument) -> ClientSettings {
    let decided = before.map_or_else(
        || ClientSettings {
            consent_policy: ConsentPolicy::Always,
            ..ClientSettings::of_kind(ClientKind::Mcp)
        },
        |client| client.settings.clone(),
    );
    ClientSettings {
        name: document.name,
        auth_method: document.auth_method,
        redirect_uris: document.redirect_uris,
        grant_types: document.grant_types,
        scope: scope(app, catalog),
        requires_pkce: true,
        jwks: document.jwks,
        jwks_uri: document.jwks_uri,
        logo_uri: document.logo_uri,
        client_uri: document.client_uri,
        policy_uri: document.policy_uri,
        tos_uri: document.tos_uri,
        ..decided
    }
}

/// The most that a client of a document may ask for: what the setting says, or every scope that is defined; never what
/// this server itself lets clients do.
fn scope(app: &App, catalog: &ScopeCatalog) -> Scope {
    let limit = app.live().client_document_scope.clone();
    let allowed = if limit.is_empty() { catalog.whole() } else { limit };
    allowed.filter(|name| !is_server_scope(name))
}

fn new_client(app: &App, url: &DocumentUrl, settings: ClientSettings, expires_at: Timestamp, now: Timestamp) -> Client {
    Client {
        id: url.as_str().to_owned(),
        origin: ClientOrigin::Document,
        secret_hash: None,
        previous_secret_hash: None,
        previous_secret_expires_at: None,
        sealed_secret: None,
        registration_token_hash: None,
        registration_mark: None,
        document_expires_at: Some(expires_at),
        token_generation: clients::new_generation(app),
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}
