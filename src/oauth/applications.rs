//! The applications that a person has let in, seen and removed by that person.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::model::consent::Consent;
use crate::model::event::EventKind;
use crate::model::scope::ScopeCatalog;
use crate::protocol::scope::Scope;
use crate::store::{Access, Withdrawn};

/// The most consents that are looked at, and the most pairs of application and scope.
const MOST: u16 = 500;

/// An application that may do something on behalf of a person.
#[derive(Clone, Debug)]
pub struct Application {
    /// Which
    pub client: Client,
    /// What it may do, in the words of the consent page
    pub abilities: Vec<String>,
    /// Since when
    pub since: Timestamp,
    /// When it got tokens last, as far as any of them are in force
    pub last_used_at: Option<Timestamp>,
}

/// What is known of an application before it is looked up.
#[derive(Default)]
struct Traces {
    scope: Scope,
    claims: Vec<String>,
    since: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl Traces {
    fn consent(&mut self, consent: Consent) {
        self.scope = self.scope.union(&consent.scope);
        self.claims = consent.claims;
        self.seen(consent.created_at);
    }

    fn access(&mut self, access: &Access) {
        self.scope = self.scope.union(&access.scope);
        self.seen(access.since);
        self.last_used_at = self.last_used_at.max(Some(access.last_used_at));
    }

    fn seen(&mut self, at: Timestamp) {
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
    }
}

/// The applications that have this user's consent or grants in force, by name.
///
/// # Errors
/// When the database fails.
pub async fn of_user(app: &App, user_id: &str) -> Result<Vec<Application>, Fault> {
    let mut connection = app.store.read().await?;
    let mut all: BTreeMap<String, Traces> = BTreeMap::new();
    for consent in connection.own_consents(user_id, MOST).await? {
        all.entry(consent.client_id.clone()).or_default().consent(consent);
    }
    for access in connection.own_access(user_id, app.now(), MOST).await? {
        all.entry(access.client_id.clone()).or_default().access(&access);
    }
    let catalog = connection.scopes().await?;
    let mut clients = connection.clients_by_id(all.keys().map(String::as_str)).await?;
    let known = all
        .into_iter()
        .filter_map(|(client_id, traces)| Some(application(&catalog, clients.remove(&client_id)?, &traces)));
    let mut applications: Vec<Application> = known.collect();
    applications.sort_by_key(|application| (application.client.name.to_lowercase(), application.client.id.clone()));
    Ok(applications)
}

/// One of them.
///
/// # Errors
/// When the database fails.
pub async fn one_of_user(app: &App, user_id: &str, client_id: &str) -> Result<Option<Application>, Fault> {
    let mut connection = app.store.read().await?;
    let consent = connection.consent(user_id, client_id).await?;
    let accesses = connection.own_access_of(user_id, client_id, app.now()).await?;
    if consent.is_none() && accesses.is_empty() {
        return Ok(None);
    }
    let mut traces = Traces::default();
    if let Some(consent) = consent {
        traces.consent(consent);
    }
    for access in &accesses {
        traces.access(access);
    }
    let catalog = connection.scopes().await?;
    let client = connection.client(client_id).await?;
    Ok(client.map(|client| application(&catalog, client, &traces)))
}

fn application(catalog: &ScopeCatalog, client: Client, traces: &Traces) -> Application {
    Application {
        abilities: abilities(catalog, traces),
        since: traces.since.unwrap_or_default(),
        last_used_at: traces.last_used_at,
        client,
    }
}

/// Takes back everything that a user has let a client do: the consent, and every grant. Its tokens are dead
/// with that, and it has to ask again. What there was.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(app: &App, user_id: &str, client_id: &str) -> Result<Withdrawn, Fault> {
    when_undone(async || try_to_withdraw(app, user_id, client_id).await).await
}

async fn try_to_withdraw(app: &App, user_id: &str, client_id: &str) -> Result<Withdrawn, Fault> {
    let mut tx = app.store.begin().await?;
    let consent = tx.consent(user_id, client_id).await?;
    let withdrawn = tx.withdraw_consent(user_id, client_id, app.now()).await?;
    let event = if withdrawn.is_consent {
        let event = app.event(EventKind::ConsentWithdrawn);
        match consent {
            Some(consent) => event.detail("scope", consent.scope.to_string()),
            // It was given between looking and withdrawing.
            None => event,
        }
    } else if withdrawn.grants > 0 {
        // The operator vouches for the client: there are grants without a consent.
        app.event(EventKind::GrantRevoked)
    } else {
        // Somebody else may have withdrawn it; that is durable when this is.
        tx.commit().await?;
        return Ok(withdrawn);
    };
    tx.record(event.subject(user_id).client(client_id).detail("grants", withdrawn.grants))
        .await?;
    tx.commit().await?;
    Ok(withdrawn)
}

fn abilities(catalog: &ScopeCatalog, traces: &Traces) -> Vec<String> {
    let mut abilities: Vec<String> = traces
        .scope
        .iter()
        .map(|token| match catalog.definition(token) {
            Some(scope) if !scope.description.is_empty() => scope.description.clone(),
            _ => token.to_owned(),
        })
        .collect();
    let released = catalog.claims(&traces.scope);
    let single: Vec<&str> = traces
        .claims
        .iter()
        .map(String::as_str)
        .filter(|claim| !released.contains(claim))
        .collect();
    if !single.is_empty() {
        abilities.push(format!("See these details about you: {}", single.join(", ")));
    }
    abilities
}

/// Names of applications by id.
pub type Names = BTreeMap<String, String>;

/// The names of these clients, as far as they still exist.
///
/// # Errors
/// When the database fails.
pub async fn names(app: &App, client_ids: impl Iterator<Item = String>) -> Result<Names, Fault> {
    let ids: BTreeSet<String> = client_ids.collect();
    app.store.read().await?.client_names(ids.iter().map(String::as_str)).await
}
