//! What cannot be cheaper: a row that is inserted and a row that is updated, both durable, and nothing else. Once with
//! a connection that commits each by itself, and once through the server's own store, which commits for many at once.
//! And, to tell what is the store's and what is not, all that a redirect writes, without anything around it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::base::clock::{Clock, Timestamp};
use gatehouse::base::digest::MacKey;
use gatehouse::base::fault::Fault;
use gatehouse::base::id::new_id;
use gatehouse::base::random::Random;
use gatehouse::model::callback::{COLLECTION_TIME, Callback, MAX_LIFETIME, Owner};
use gatehouse::model::event::{self, Actor, Event, EventKind};
use gatehouse::protocol::pkce::CodeChallenge;
use gatehouse::store::{DatabaseUrl, Store, StoreOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::Mutex;

use crate::support::Outcome;
use crate::support::measure::Work;

/// The migration that the table is in.
const MIGRATION: &str = include_str!("../../migrations/0007_relay.sql");
/// As long as a sealed answer.
const ANSWER: &str =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

const INSERT: &str = "INSERT INTO callbacks (id, state_hash, client_id, provider, expected_issuer, return_uri, user_id, code_challenge, \
     sealed_answer, retrieval_hash, created_at, expires_at, received_at, collected_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const UPDATE: &str = "UPDATE callbacks SET received_at = $1, sealed_answer = $2, \
     expires_at = CASE WHEN expires_at < $3 THEN $4 ELSE expires_at END \
     WHERE id = $5 AND received_at IS NULL AND expires_at > $6";

/// The table and its indexes, as the server has them.
pub fn schema() -> Outcome<&'static str> {
    let begin = MIGRATION.find("CREATE TABLE callbacks").ok_or("the migration has no callbacks")?;
    let end = MIGRATION
        .find("CREATE TABLE user_bindings")
        .ok_or("the migration has no user_bindings")?;
    let (schema, _) = MIGRATION[begin..end].rsplit_once(';').ok_or("the migration has no statements")?;
    Ok(schema)
}

/// Makes the rows: as the server would, for a program that collects with a verifier.
#[derive(Clone)]
struct Maker {
    clock: Clock,
    random: Random,
}

impl Maker {
    fn new() -> Self {
        Self {
            clock: Clock::system(),
            random: Random::system(),
        }
    }

    fn callback(&self) -> Callback {
        let now = self.clock.now();
        Callback {
            id: new_id(&self.clock, &self.random),
            state_hash: self.random.secret(),
            owner: Owner::Client("gatehouse-bench-0123456789abcdef".to_owned()),
            provider: "example".to_owned(),
            expected_issuer: None,
            return_uri: None,
            user_id: None,
            code_challenge: Some(CodeChallenge::from_stored(self.random.secret())),
            sealed_answer: None,
            retrieval_hash: None,
            created_at: now,
            expires_at: now + MAX_LIFETIME,
            received_at: None,
            collected_at: None,
        }
    }

    /// As it stands in the audit log.
    fn event(&self, kind: EventKind, callback: &Callback) -> Event {
        Event {
            id: new_id(&self.clock, &self.random),
            at: self.now(),
            kind,
            outcome: event::Outcome::Success,
            actor: Actor::Anonymous,
            subject: None,
            client_id: callback.owner.client_id().map(str::to_owned),
            target: Some(callback.id.clone()),
            address: Some("127.0.0.1".to_owned()),
            request_id: Some("0123456789ab".to_owned()),
            detail: serde_json::Map::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// One connection of which everybody waits for their turn, a transaction for each statement.
#[derive(Clone)]
pub struct Plain {
    connection: Arc<Mutex<SqliteConnection>>,
    maker: Maker,
}

impl Plain {
    pub async fn open(url: &str) -> Outcome<Self> {
        let path = url.strip_prefix("sqlite://").ok_or("this is no address of SQLite")?;
        let options = SqliteConnectOptions::new()
            .filename(Path::new(path))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-65536");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        connection.execute(AssertSqlSafe(schema()?)).await?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            maker: Maker::new(),
        })
    }

    async fn pair(&self) -> Result<u64, sqlx::Error> {
        let callback = self.maker.callback();
        let insertion = sqlx::query(INSERT)
            .bind(&callback.id)
            .bind(&callback.state_hash)
            .bind(callback.owner.client_id())
            .bind(&callback.provider)
            .bind(&callback.expected_issuer)
            .bind(&callback.return_uri)
            .bind(&callback.user_id)
            .bind(callback.code_challenge.as_ref().map(CodeChallenge::as_str))
            .bind(&callback.sealed_answer)
            .bind(&callback.retrieval_hash)
            .bind(callback.created_at)
            .bind(callback.expires_at)
            .bind(callback.received_at)
            .bind(callback.collected_at);
        let inserted = insertion.execute(&mut *self.connection.lock().await).await?;
        let now = self.maker.now();
        let update = sqlx::query(UPDATE)
            .bind(now)
            .bind(ANSWER)
            .bind(now + COLLECTION_TIME)
            .bind(now + COLLECTION_TIME)
            .bind(&callback.id)
            .bind(now);
        let updated = update.execute(&mut *self.connection.lock().await).await?;
        Ok(inserted.rows_affected() + updated.rows_affected())
    }
}

impl Work for Plain {
    async fn once(&mut self) -> Result<(), String> {
        must_change(2, self.pair().await.map_err(|error| error.to_string())?)
    }
}

/// The server's store, in this process.
#[derive(Clone)]
pub struct Grouped {
    store: Store,
    maker: Maker,
}

impl Grouped {
    pub async fn open(url: &str) -> Outcome<Self> {
        let options = StoreOptions {
            url: DatabaseUrl::parse(url)?,
            pool_size: 16,
            acquire_timeout: Duration::from_secs(10),
        };
        let store = Store::open(&options).await.map_err(|fault| fault.to_string())?;
        let store = store.audit_with(MacKey::new(&[7; 32]), Clock::system(), "benchmark");
        store.migrate().await.map_err(|fault| fault.to_string())?;
        Ok(Self {
            store,
            maker: Maker::new(),
        })
    }

    async fn pair(&self) -> Result<u64, Fault> {
        let callback = self.maker.callback();
        let mut tx = self.store.begin().await?;
        let is_inserted = tx.insert_callback(&callback).await?;
        tx.commit().await?;
        let now = self.maker.now();
        let mut tx = self.store.begin().await?;
        let is_received = tx.receive_callback(&callback.id, ANSWER, now, now + COLLECTION_TIME).await?;
        tx.commit().await?;
        Ok(u64::from(is_inserted) + u64::from(is_received))
    }

    pub async fn close(self) {
        self.store.close().await;
    }
}

impl Work for Grouped {
    async fn once(&mut self) -> Result<(), String> {
        must_change(2, self.pair().await.map_err(|fault| fault.to_string())?)
    }
}

/// The three transactions of a redirect through the server's store, each with its event.
#[derive(Clone)]
pub struct Written(pub Grouped);

impl Written {
    async fn all(&self) -> Result<u64, Fault> {
        let Grouped { store, maker } = &self.0;
        let callback = maker.callback();
        let mut tx = store.begin().await?;
        let is_inserted = tx.insert_callback(&callback).await?;
        tx.record(maker.event(EventKind::CallbackCreated, &callback)).await?;
        tx.commit().await?;
        let now = maker.now();
        let mut tx = store.begin().await?;
        let is_received = tx.receive_callback(&callback.id, ANSWER, now, now + COLLECTION_TIME).await?;
        tx.record(maker.event(EventKind::CallbackReceived, &callback)).await?;
        tx.commit().await?;
        let mut tx = store.begin().await?;
        let is_collected = tx.collect_callback(&callback.id, now).await?;
        tx.record(maker.event(EventKind::CallbackCollected, &callback)).await?;
        tx.commit().await?;
        Ok(u64::from(is_inserted) + u64::from(is_received) + u64::from(is_collected))
    }
}

impl Work for Written {
    async fn once(&mut self) -> Result<(), String> {
        must_change(3, self.all().await.map_err(|fault| fault.to_string())?)
    }
}

fn must_change(expected: u64, rows: u64) -> Result<(), String> {
    if rows == expected {
        return Ok(());
    }
    Err(format!("{rows} rows were changed instead of {expected}"))
}
