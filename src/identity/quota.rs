//! How much of something may be done in a while, by whomever it is: what succeeds, and what is asked for in vain by those
//! who ask often. (`throttle` counts the failures of those who guess passwords and tokens.)
//!
//! Counters are in the database, so that all nodes know them. Each is good for one window of time and is swept when
//! that is over, so nobody who keeps asking is shut out for ever.

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::store::{Connection, Tx};

use crate::base::network::network_of;

/// How much of something, in how long.
struct Rule {
    name: &'static str,
    limit: i64,
    /// In seconds
    window: Seconds,
}

impl Rule {
    const fn new(name: &'static str, limit: i64, window: Seconds) -> Self {
        Self { name, limit, window }
    }
}

/// Registrations from one place where everybody may register.
const REGISTRATIONS_OF_NETWORK: Rule = Rule::new("registrations of a network", 20, 600);
/// Registrations in all.
const REGISTRATIONS: Rule = Rule::new("registrations", 1000, 3600);
/// Changes that a client makes to its own registration.
const CHANGES_OF_CLIENT: Rule = Rule::new("changes of a client", 20, 600);

/// Clients that became known by their documents, by requests from one place.
const DOCUMENTS_OF_NETWORK: Rule = Rule::new("documents of a network", 20, 600);
/// Clients that became known by documents of one host.
const DOCUMENTS_OF_HOST: Rule = Rule::new("documents of a host", 100, 3600);
/// Clients that became known by their documents in all: names of hosts cost nobody anything.
const DOCUMENTS: Rule = Rule::new("documents", 1000, 3600);

/// Redirects with an unknown state, from one place.
const UNKNOWN_CALLBACKS: Rule = Rule::new("unknown callbacks of a network", 100, 600);
/// Collections that were refused, from one place.
const REFUSED_COLLECTIONS: Rule = Rule::new("refused collections of a network", 100, 600);
/// Redirects that an open relay takes, from one place.
const OPEN_CALLBACKS: Rule = Rule::new("open callbacks of a network", 300, 60);
/// Questions to an open relay for what is not there, from one place: whoever waits asks again and again.
const OPEN_COLLECTIONS: Rule = Rule::new("open collections of a network", 600, 60);
/// Tokens that name nobody, or somebody who cannot be, by one client.
const REFUSED_BINDINGS: Rule = Rule::new("refused bindings of a client", 100, 600);

/// Questions that one agent asks one person: each is two rows, and a link that somebody should look at.
const QUESTIONS: Rule = Rule::new("questions of an agent to a person", 30, 600);

/// The counters that something is counted by.
pub struct Quota {
    counters: Vec<Counter>,
}

struct Counter {
    id: String,
    limit: i64,
    /// When its window is over
    ends_at: Timestamp,
}

impl Quota {
    /// Of a registration. From the same network only so many go through where no token is needed; `address` is
    /// `None` where one is.
    #[must_use]
    pub fn of_registration(app: &App, address: Option<&str>) -> Self {
        let network = address.map(|address| Counter::new(app, &REGISTRATIONS_OF_NETWORK, &network_of(address)));
        // One order for everybody: two registrations can never wait for each other.
        let everybody = Counter::new(app, &REGISTRATIONS, "");
        Self {
            counters: network.into_iter().chain([everybody]).collect(),
        }
    }

    /// Of a change that a client makes to its own registration.
    #[must_use]
    pub fn of_change(app: &App, client_id: &str) -> Self {
        Self {
            counters: vec![Counter::new(app, &CHANGES_OF_CLIENT, client_id)],
        }
    }

    /// Of a client that becomes known by its document at `host`, because somebody at `address` asked for it.
    #[must_use]
    pub fn of_document(app: &App, host: &str, address: Option<&str>) -> Self {
        let network = network_of(address.unwrap_or_default());
        Self {
            counters: vec![
                Counter::new(app, &DOCUMENTS_OF_NETWORK, &network),
                Counter::new(app, &DOCUMENTS_OF_HOST, host),
                Counter::new(app, &DOCUMENTS, ""),
            ],
        }
    }

    /// Of a redirect to the relay whose state nobody has announced.
    #[must_use]
    pub fn of_unknown_callback(app: &App) -> Self {
        Self::of_network(app, &UNKNOWN_CALLBACKS)
    }

    /// Of somebody who may not collect what they ask the relay for.
    #[must_use]
    pub fn of_refused_collection(app: &App) -> Self {
        Self::of_network(app, &REFUSED_COLLECTIONS)
    }

    /// Of a redirect that an open relay takes.
    #[must_use]
    pub fn of_open_callback(app: &App) -> Self {
        Self::of_network(app, &OPEN_CALLBACKS)
    }

    /// Of a question to an open relay for what is not there.
    #[must_use]
    pub fn of_open_collection(app: &App) -> Self {
        Self::of_network(app, &OPEN_COLLECTIONS)
    }

    /// Of a token of a person that a client shows in vain.
    #[must_use]
    pub fn of_refused_binding(app: &App, client_id: &str) -> Self {
        Self {
            counters: vec![Counter::new(app, &REFUSED_BINDINGS, client_id)],
        }
    }

    /// Of a question of an agent to a person.
    #[must_use]
    pub fn of_question(app: &App, workload_id: &str, user_id: &str) -> Self {
        // Ids of workloads and of people have no spaces.
        Self {
            counters: vec![Counter::new(app, &QUESTIONS, &format!("{workload_id} {user_id}"))],
        }
    }

    fn of_network(app: &App, rule: &Rule) -> Self {
        let network = network_of(app.context().address.as_deref().unwrap_or_default());
        Self {
            counters: vec![Counter::new(app, rule, &network)],
        }
    }

    /// The seconds until there is room again, if there is none now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exceeded_for(&self, connection: &mut Connection, now: Timestamp) -> Result<Option<Seconds>, Fault> {
        let mut longest = None;
        for counter in &self.counters {
            let until = connection.blocked_until(&counter.id).await?;
            if until > now {
                longest = longest.max(Some(until - now));
            }
        }
        Ok(longest)
    }

    /// Counts one more, by itself: something that was refused. When there was no room for it, the seconds until there is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_refusal(&self, app: &App) -> Result<Option<Seconds>, Fault> {
        let now = app.now();
        let mut connection = app.store.read().await?;
        if let Some(seconds) = self.exceeded_for(&mut connection, now).await? {
            return Ok(Some(seconds));
        }
        drop(connection);
        let mut tx = app.store.begin().await?;
        if let Some(seconds) = self.spend(&mut tx, now).await? {
            return Ok(Some(seconds));
        }
        tx.commit().await?;
        Ok(None)
    }

    /// Counts one more, in the transaction that does it. When there was no room for it, the seconds until there
    /// is; the transaction must not be committed then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spend(&self, tx: &mut Tx, now: Timestamp) -> Result<Option<Seconds>, Fault> {
        for counter in &self.counters {
            let so_far = tx.count_attempt(&counter.id, now, counter.ends_at).await?.failures;
            if so_far > counter.limit {
                return Ok(Some((counter.ends_at - now).max(1)));
            }
            if so_far == counter.limit {
                // Whoever comes now is refused without a transaction.
                tx.block_attempts(&counter.id, counter.ends_at, counter.ends_at).await?;
            }
        }
        Ok(None)
    }
}

impl Counter {
    fn new(app: &App, rule: &Rule, of: &str) -> Self {
        let window = app.now().div_euclid(rule.window);
        let parts = [rule.name.as_bytes(), of.as_bytes(), &window.to_be_bytes()];
        Self {
            id: base64url(&app.secrets.throttle.mac(&parts)),
            limit: rule.limit,
            ends_at: (window + 1) * rule.window,
        }
    }
}
