//! The SQL store: the only floor that names the drivers of databases. What nodes count together may be in Redis
//! (`shared_counts.rs`), which is spoken to from here, too.
//!
//! [`Store`] opens the database, [`Connection`] reads, [`Tx`] writes. Each table group has a file
//! whose methods hang on those two: what only reads is on `Connection` (a `Tx` is one, too), what
//! writes is on `Tx`; `cache.rs` keeps what is read at every request. The seams between the three databases are [`Dialect`], `sql::insert_if_absent`,
//! `migrate.rs` and, for SQLite, `file.rs`, `lane.rs` (its single writer), `readers.rs` and `serving.rs`; there is no `if sqlite` anywhere else.

mod absence;
mod access_keys;
mod audit;
mod backup;
mod belongings;
mod cache;
mod callbacks;
mod client_assertions;
mod clients;
mod clock;
mod connection;
mod connection_sessions;
mod connections;
mod consents;
mod error;
mod events;
mod file;
mod grants;
mod initial_access_tokens;
mod lane;
mod many;
mod measures;
mod migrate;
mod names;
mod options;
mod own;
mod providers;
mod readers;
mod registrations;
mod resources;
mod revoked_tokens;
mod row;
mod scopes;
mod sealed;
mod serving;
mod sessions;
mod settings;
mod shared_counts;
mod signing_keys;
pub(crate) mod sql;
mod stats;
mod sweep;
mod throttles;
mod transfer;
mod upstream_revocations;
mod user_bindings;
mod users;
mod value;
mod vault;
mod wording;
mod workloads;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Executor};
use tracing::{Instrument, Span};

use crate::base::fault::Fault;
use crate::base::spans;

pub use audit::Listener;
pub use backup::{BackupError, backup};
pub use belongings::Owner;
pub use cache::STALE;
pub use callbacks::CallbackOf;
pub(crate) use connection::detached;
pub use connection::{Connection, Tx};
pub use connection_sessions::SESSIONS_AT_ONCE;
pub use connections::{ConnectionsWith, NewTokens};
pub use consents::Withdrawn;
pub use events::EventsNearby;
pub use grants::{GrantsNearby, GrantsWith, Redemption, Rotation, TokenPerson};
pub use measures::{Measures, PoolState};
pub use options::{DatabaseUrl, Dialect, StoreOptions};
pub use own::Access;
pub use registrations::{RegisteredClient, Use};
pub use sealed::{SealedColumn, SealedText};
pub use settings::{LiveSettings, Setting};
pub use shared_counts::{SharedCount, SharedCounts};
pub use stats::HourlyNumber;
pub use sweep::Swept;
pub use throttles::Throttle;
pub use transfer::{TableSum, TransferError, transfer};
pub use users::UsersWith;
pub use vault::ProviderState;
pub use workloads::WorkloadState;

use absence::Absence;
use audit::Audit;
use cache::{Cache, Changes};
use connection::Source;
use error::Error;
use lane::Lane;
use readers::Readers;
use serving::Serving;

/// How many rows are read at once where all are wanted.
const WHOLE_PAGE: u16 = 1000;

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    url: DatabaseUrl,
    pool: Pool,
    audit: Arc<Audit>,
    cache: Arc<Cache>,
    measures: Arc<Measures>,
    absence: Arc<Absence>,
    serving: Arc<Serving>,
}

/// Where connections come from.
#[derive(Clone)]
enum Pool {
    /// SQLite: many read, one writes
    File { readers: Readers, lane: Arc<Lane> },
    /// The others
    Server(AnyPool),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.url)
    }
}

impl Store {
    /// Opens the database, and creates the file where it is SQLite. Migrations are not run.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when it does not answer.
    pub async fn open(options: &StoreOptions) -> Result<Self, Fault> {
        sqlx::any::install_default_drivers();
        let dialect = options.url.dialect();
        options.url.create_file()?;
        let connect = options.url.connect_options()?;
        let path = options.url.file().map(Path::to_owned).unwrap_or_default();
        let measures = Arc::new(Measures::default());
        let pool = match dialect {
            Dialect::Sqlite => Pool::File {
                lane: Lane::open(path.clone(), options.acquire_timeout, Arc::clone(&measures))
                    .map(Arc::new)
                    .map_err(|error| absence::of_file(&path, error))?,
                readers: Readers::new(path, options.pool_size, options.acquire_timeout)?,
            },
            Dialect::Postgres | Dialect::MySql => Pool::Server(Self::pool(options, connect)),
        };
        let store = Self {
            dialect,
            url: options.url.clone(),
            pool,
            audit: Arc::new(Audit::counted_by(Arc::clone(&measures))),
            cache: Arc::new(Cache::of(dialect)),
            measures,
            absence: Arc::default(),
            serving: Arc::default(),
        };
        store.ping().await?;
        Ok(store)
    }

    fn pool(options: &StoreOptions, connect: AnyConnectOptions) -> AnyPool {
        let dialect = options.url.dialect();
        AnyPoolOptions::new()
            .max_connections(options.pool_size)
            .min_connections(0)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(Duration::from_mins(10))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for statement in dialect.reader_settings() {
                        connection.execute(*statement).await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(connect)
    }

    /// Which database this is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Brings the schema up to date; safe when several nodes do it at once.
    ///
    /// # Errors
    /// [`Fault::Internal`] when a migration fails or the collation is not a binary one.
    pub async fn migrate(&self) -> Result<(), Fault> {
        self.migrate_to_newer(&[]).await
    }

    /// As [`Self::migrate`], and then what a newer version has `further`, version and text each: as that will do it, while
    /// nodes of this one serve.
    ///
    /// # Errors
    /// As [`Self::migrate`].
    pub async fn migrate_to_newer(&self, further: &[(i64, &'static str)]) -> Result<(), Fault> {
        migrate::run(self.dialect, &self.options()?, further).await
    }

    /// How many migrations this program has that the database has not seen yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pending_migrations(&self) -> Result<usize, Fault> {
        migrate::pending(self.dialect, &self.options()?).await
    }

    /// How many migrations the database has seen that only a newer version of this program knows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unknown_migrations(&self) -> Result<usize, Fault> {
        migrate::unknown(self.dialect, &self.options()?).await
    }

    /// The database's own name for how it compares text; `None` where there is nothing to choose.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn collation(&self) -> Result<Option<String>, Fault> {
        migrate::collation(self.dialect, &self.options()?).await
    }

    fn options(&self) -> Result<AnyConnectOptions, Fault> {
        self.url.connect_options()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), Fault> {
        let mut connection = self.read().await?;
        connection
            .query(sql::sql!("SELECT 1"))
            .optional(|row| row.integer(0))
            .await
            .map(drop)
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when there is none within the configured time.
    pub async fn read(&self) -> Result<Connection, Fault> {
        self.reader().await
    }

    async fn read_uncounted(&self) -> Result<Connection, Fault> {
        self.reader().await.map(Connection::uncounted)
    }

    async fn reader(&self) -> Result<Connection, Fault> {
        let (begun, span) = (Instant::now(), self.span("connection"));
        let source = match &self.pool {
            Pool::File { readers, .. } => readers.acquire().instrument(span).await.map(Source::Reader),
            Pool::Server(pool) => pool.acquire().instrument(span).await.map(Source::Pooled).map_err(Error::from),
        };
        self.measures.reading.took(begun.elapsed());
        self.connection(self.explained(source).await)
    }

    /// How many statements have run by way of this, besides those that only begin and end transactions, and those that
    /// read anew what is kept: what something costs is the difference.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.measures.statements.value()
    }

    /// What this node has counted of its database.
    #[must_use]
    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    /// How many connections there are; of SQLite, for reading.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        match &self.pool {
            Pool::File { readers, .. } => readers.state(),
            Pool::Server(pool) => {
                let (size, idle) = (usize::try_from(pool.size()).unwrap_or(usize::MAX), pool.num_idle());
                let most = pool.options().get_max_connections();
                PoolState {
                    in_use: size.saturating_sub(idle),
                    idle,
                    most: usize::try_from(most).unwrap_or(usize::MAX),
                }
            }
        }
    }

    /// With the reason why there is no connection.
    async fn explained(&self, source: Result<Source, Error>) -> Result<Source, Fault> {
        let error = match source {
            Ok(source) => {
                self.absence.end();
                return Ok(source);
            }
            Err(error) => error,
        };
        match &self.pool {
            // In a box: every request has room for it, and hardly any needs it.
            Pool::Server(_) => Err(Box::pin(self.absence.explain(&self.url, error)).await),
            Pool::File { .. } => Err(error::fault(error)),
        }
    }

    /// A span for what is waited for here.
    fn span(&self, name: &str) -> Span {
        tracing::info_span!(target: spans::TARGET, "database", otel.name = name, otel.kind = "client", db.system.name = %self.dialect)
    }

    fn connection(&self, source: Result<Source, Fault>) -> Result<Connection, Fault> {
        let source = source.inspect_err(|_| self.measures.refused.one_more())?;
        Ok(Connection::new(self.dialect, source, Arc::clone(&self.measures)))
    }

    /// A transaction for writing. What is not committed is rolled back when it is dropped.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when none can be begun within the configured time.
    pub async fn begin(&self) -> Result<Tx, Fault> {
        self.join_audit().await?;
        self.begin_unregistered().await
    }

    async fn begin_unregistered(&self) -> Result<Tx, Fault> {
        let (begun, span) = (Instant::now(), self.span("begin"));
        let source = match &self.pool {
            Pool::File { lane, .. } => {
                let source = lane.begin().instrument(span).await.map(Source::Lane);
                self.measures.writing.took(begun.elapsed());
                source
            }
            Pool::Server(pool) => {
                let source = connection::limited(pool.begin()).instrument(span).await.map(Source::Transaction);
                self.measures.writing.took(begun.elapsed());
                self.explained(source.map_err(Error::from)).await
            }
        };
        let changes = Changes::of(Arc::clone(&self.cache));
        Ok(Tx::new(self.connection(source)?, Arc::clone(&self.audit), changes))
    }

    /// Seals the audit log and closes every connection; what was acknowledged is on disk already.
    pub async fn close(&self) {
        if let Err(fault) = self.seal_audit().await {
            tracing::warn!(event = "audit_not_sealed", "{fault}");
        }
        match &self.pool {
            Pool::File { readers, lane } => {
                readers.close();
                lane.close().await;
            }
            Pool::Server(pool) => pool.close().await,
        }
    }
}
