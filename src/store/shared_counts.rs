//! Counts that nodes tell each other: in Redis, where there is one, in the database otherwise.
//!
//! What is lost here costs nobody anything but a limit that is exceeded for a while, so nothing waits for it: requests are
//! counted in the memory of their node.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, TlsCertificates};
use rustls::CertificateError;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;

use super::sql::{sql, upsert};
use super::{Dialect, Store, Tx};

/// How long Redis may take to answer, and to be reached.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many counts are added to in one transaction: their rows are locked until it ends, and other nodes want the same ones.
const TOGETHER: usize = 50;
/// What its keys begin with.
const PREFIX: &str = "gatehouse:limit:";

/// What is added to a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCount {
    /// The name of the count
    pub id: String,
    /// How much
    pub amount: i64,
    /// From when on nobody needs it any more
    pub expires_at: Timestamp,
}

/// Where counts are.
#[derive(Debug)]
pub struct SharedCounts(Place);

#[derive(Debug)]
enum Place {
    /// There is one node: SQLite is for one process
    Nowhere,
    Database,
    Redis(Box<Redis>),
}

struct Redis {
    client: Client,
    /// Whether an operator has named the authorities
    has_authorities: bool,
    /// None when it has failed, or was not needed yet
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl std::fmt::Debug for Redis {
    /// Without its address, in which there may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

impl SharedCounts {
    /// The place of counts; nothing is connected yet. `authorities` are those that the certificate of Redis may be from, in PEM,
    /// when they are not those that the program carries.
    ///
    /// # Errors
    /// When the address of Redis cannot be used, or the authorities cannot.
    pub fn new(dialect: Dialect, redis: Option<&SecretString>, authorities: Option<&[u8]>) -> Result<Self, Fault> {
        Ok(Self(match (redis, dialect) {
            (Some(url), _) => {
                let client = match authorities {
                    None => Client::open(url.expose_secret()),
                    Some(pem) => Client::build_with_tls(
                        url.expose_secret(),
                        TlsCertificates {
                            client_tls: None,
                            root_cert: Some(pem.to_vec()),
                        },
                    ),
                };
                Place::Redis(Box::new(Redis {
                    // The reason could show the password.
                    client: client.map_err(|_| Fault::internal("redis_url cannot be used"))?,
                    has_authorities: authorities.is_some(),
                    connection: Mutex::default(),
                }))
            }
            (None, Dialect::Sqlite) => Place::Nowhere,
            (None, Dialect::Postgres | Dialect::MySql) => Place::Database,
        }))
    }

    /// Whether there may be other nodes.
    #[must_use]
    pub fn has_others(&self) -> bool {
        !matches!(self.0, Place::Nowhere)
    }

    /// Adds to counts, which are in the order of their ids; what they are then. Only the first ones, when the place has stopped
    /// answering after these.
    ///
    /// # Errors
    /// When the place does not answer in time. Perhaps it was added all the same.
    pub async fn add(&self, store: &Store, counts: &[SharedCount], now: Timestamp) -> Result<Vec<i64>, Fault> {
        match &self.0 {
            Place::Nowhere => Ok(counts.iter().map(|count| count.amount).collect()),
            Place::Redis(redis) => redis.add(counts, now).await.map_err(Fault::Unavailable),
            Place::Database => {
                let mut totals = Vec::with_capacity(counts.len());
                for counts in counts.chunks(TOGETHER) {
                    match add_together(store, counts).await {
                        Ok(some) => totals.extend(some),
                        Err(fault) if totals.is_empty() => return Err(fault),
                        // If all of them were said again, what is there already would be added twice.
                        Err(_) => break,
                    }
                }
                Ok(totals)
            }
        }
    }

    /// Whether Redis answers, or why not; `None` where there is none.
    pub async fn ping(&self) -> Option<Result<(), String>> {
        match &self.0 {
            Place::Redis(redis) => Some(redis.add(&[], 0).await.map(drop)),
            Place::Nowhere | Place::Database => None,
        }
    }
}

async fn add_together(store: &Store, counts: &[SharedCount]) -> Result<Vec<i64>, Fault> {
    let mut totals = Vec::with_capacity(counts.len());
    let mut tx = store.begin().await?;
    for count in counts {
        totals.push(tx.add_to_count(count).await?);
    }
    tx.commit().await?;
    Ok(totals)
}

/// Why Redis failed. The kind says enough; more could show where it is and by which password it is reached.
fn reason(error: &RedisError, has_authorities: bool) -> String {
    let cause = if let Some(problem) = certificate_problem(error) {
        match problem {
            CertificateError::UnknownIssuer if has_authorities => "no authority of redis_ca_file has issued its certificate",
            CertificateError::UnknownIssuer => {
                "no authority that browsers know has issued its certificate: name the file of the one that has in redis_ca_file"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host than the one in redis_url"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
            _ => "its certificate cannot be used: it must be one for servers that an authority has issued, and not that of an authority",
        }
    } else if error.is_connection_refusal() {
        "connection refused"
    } else if error.is_timeout() {
        "it does not answer in time"
    } else {
        error.category()
    };
    format!("Redis: {cause}")
}

/// What is wrong with the certificate of Redis, when it is that.
fn certificate_problem(error: &RedisError) -> Option<&CertificateError> {
    let cause = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    match cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(problem) => Some(problem),
        _ => None,
    }
}

impl Redis {
    async fn add(&self, counts: &[SharedCount], now: Timestamp) -> Result<Vec<i64>, String> {
        let mut held = self.connection.lock().await;
        // A connection on which something failed, or that somebody stopped waiting for, is not used again.
        let kept = held.take();
        let work = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => {
                    let config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(PATIENCE))
                        .set_response_timeout(Some(PATIENCE));
                    self.client.get_multiplexed_async_connection_with_config(&config).await?
                }
            };
            let mut pipe = redis::pipe();
            // A place that is asked for nothing says that it is there.
            pipe.cmd("PING").ignore();
            for count in counts {
                let key = format!("{PREFIX}{}", count.id);
                pipe.cmd("INCRBY").arg(&key).arg(count.amount);
                pipe.cmd("EXPIRE").arg(&key).arg((count.expires_at - now).max(1)).ignore();
            }
            let totals: Vec<i64> = pipe.query_async(&mut connection).await?;
            Ok::<_, RedisError>((connection, totals))
        };
        let outcome = tokio::time::timeout(PATIENCE * 2, work).await;
        let (connection, totals) = outcome
            .map_err(|_| "Redis does not answer in time".to_owned())?
            .map_err(|error| reason(&error, self.has_authorities))?;
        *held = Some(connection);
        Ok(totals)
    }
}

impl Tx {
    /// Adds to a count, which begins at 0; what it is then. Its row stays locked until the transaction ends.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_to_count(&mut self, count: &SharedCount) -> Result<i64, Fault> {
        if !self.raise_count(count).await? {
            self.query(upsert!(
                "INSERT INTO throttles (id, failures, blocked_until, expires_at) VALUES ($1, 0, 0, $2)",
                key "id"; set "expires_at"
            ))
            .text(&count.id)
            .bind(count.expires_at)
            .execute()
            .await?;
            self.raise_count(count).await?;
        }
        let total = self
            .query(sql!("SELECT failures FROM throttles WHERE id = $1"))
            .text(&count.id)
            .optional(|row| row.integer(0))
            .await?;
        Ok(total.unwrap_or(count.amount))
    }

    async fn raise_count(&mut self, count: &SharedCount) -> Result<bool, Fault> {
        let raised = self
            .query(sql!("UPDATE throttles SET failures = failures + $1 WHERE id = $2"))
            .bind(count.amount)
            .text(&count.id)
            .execute()
            .await?;
        Ok(raised == 1)
    }
}
