//! What there is, with the names that people know it by: for whoever gave it, and for administrators.

use std::collections::BTreeMap;

use crate::app::App;
use crate::base::fault::Fault;
use crate::federation::providers::presets;
use crate::model::connection::Connection;
use crate::model::workload::Workload;
use crate::store::ConnectionsWith;

/// A connection with the names of those it is between.
#[derive(Clone, Debug)]
pub struct Given {
    /// The connection
    pub connection: Connection,
    /// The agent; `None` when it is gone
    pub workload: Option<Workload>,
    /// The name of the client that owns the agent
    pub client_name: Option<String>,
    /// The name of the provider
    pub provider_name: Option<String>,
}

impl Given {
    /// What people read of the agent.
    #[must_use]
    pub fn agent(&self) -> &str {
        self.workload.as_ref().map_or(&self.connection.workload, Workload::label)
    }

    /// What people read of the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.provider_name.as_deref().unwrap_or(&self.connection.provider_id)
    }
}

/// Up to `limit` of what a person has given to agents after the connection with this id, by agent and provider; and the id
/// after which there is more.
///
/// # Errors
/// When the database fails.
pub async fn by_user(app: &App, user_id: &str, after: &str, limit: u16) -> Result<(Vec<Given>, Option<String>), Fault> {
    let mut reader = app.store.read().await?;
    let mut connections = reader.connections_of_user(user_id, after, limit + 1).await?;
    let has_more = connections.len() > usize::from(limit);
    connections.truncate(usize::from(limit));
    let next = connections.last().filter(|_| has_more).map(|connection| connection.id.clone());
    let mut all = named(&mut reader, connections).await?;
    // They come by age, which decides where the names are the same.
    all.sort_by_cached_key(|given| (given.agent().to_lowercase(), given.provider().to_lowercase()));
    Ok((all, next))
}

/// Up to `limit` connections like these after the one with this id.
///
/// # Errors
/// When the database fails.
pub async fn page(app: &App, with: ConnectionsWith<'_>, after: &str, limit: u16) -> Result<Vec<Given>, Fault> {
    let mut reader = app.store.read().await?;
    let connections = reader.connections_with(with, after, limit).await?;
    named(&mut reader, connections).await
}

/// The connection with this id.
///
/// # Errors
/// When the database fails.
pub async fn one(app: &App, id: &str) -> Result<Option<Given>, Fault> {
    let mut reader = app.store.read().await?;
    let found: Vec<Connection> = reader.connection(id).await?.into_iter().collect();
    Ok(named(&mut reader, found).await?.pop())
}

async fn named(reader: &mut crate::store::Connection, connections: Vec<Connection>) -> Result<Vec<Given>, Fault> {
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let workloads = reader
        .workloads_by_name(connections.iter().map(|connection| connection.workload.as_str()))
        .await?;
    let clients = reader
        .client_names(workloads.values().map(|workload| workload.client_id.as_str()))
        .await?;
    let providers = reader.providers().await?.into_iter();
    let providers: BTreeMap<String, String> = providers.map(|provider| (provider.id, provider.settings.name)).collect();
    let given = connections.into_iter().map(|connection| {
        let workload = workloads.get(&connection.workload).cloned();
        Given {
            client_name: workload.as_ref().and_then(|workload| clients.get(&workload.client_id).cloned()),
            provider_name: providers.get(&connection.provider_id).cloned(),
            workload,
            connection,
        }
    });
    Ok(given.collect())
}

/// A provider as a person needs it who has to take something back there: its name, and the page for that, if it has one.
///
/// # Errors
/// When the database fails.
pub async fn way_out(app: &App, provider_id: &str) -> Result<Option<(String, Option<&'static str>)>, Fault> {
    let provider = app.store.read().await?.provider(provider_id).await?;
    Ok(provider.map(|provider| {
        let page = presets::find(&provider.preset).and_then(|preset| preset.quirks.account_page);
        (provider.settings.name, page)
    }))
}
