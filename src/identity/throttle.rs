//! Slowing down those who guess passwords (NIST SP 800-63B §5.2.2, OWASP "device cookies").
//!
//! Failures are counted in the database, so that all nodes know, under seven names:
//!
//! | counter | against | allows |
//! |---|---|---|
//! | account and address | somebody who tries one account | 5, then 1, 2, 4 … 15 minutes each |
//! | address | somebody who tries many accounts | 50 in 15 minutes |
//! | account | many addresses that try one account | 100 in an hour |
//! | accounts of an address | somebody who tries many accounts, each once | 40 accounts in an hour |
//! | known browser | whoever stole the owner's browser cookie | 10, then as above |
//! | admin token and address | somebody who tries the admin token | 10, then as above |
//! | registration token and address | somebody who tries initial or registration access tokens | 10, then as above |
//!
//! A browser that has signed the owner in before is counted by the last line only, so that strangers
//! cannot lock the owner out. Counting happens when a password turned out wrong; the counters are read
//! again when it is an attempt's turn to be computed, and once more before its verdict is looked at,
//! in the transaction that answers it. So a burst of parallel guesses learns nothing once the limit is
//! reached: right and wrong get the same answer then.

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::network::network_of;
use crate::model::user::User;
use crate::store::{Connection, Tx};

/// A counter's rule.
struct Rule {
    name: &'static str,
    /// Failures before it blocks
    limit: i64,
    /// The first block, in seconds; each failure after that doubles it
    first_block: Seconds,
    /// How long failures are remembered, in seconds
    memory: Seconds,
}

impl Rule {
    /// Counts one more, and blocks beyond the limit: how many there are, and whether the block begins now.
    async fn count(&self, id: &str, tx: &mut Tx, now: Timestamp) -> Result<(i64, bool), Fault> {
        let failures = tx.count_attempt(id, now, now + self.memory).await?.failures;
        let beyond = failures - self.limit;
        if beyond >= 0 {
            let block = self
                .first_block
                .checked_shl(u32::try_from(beyond).unwrap_or(u32::MAX).min(20))
                .unwrap_or(LONGEST_BLOCK);
            let until = now + block.min(LONGEST_BLOCK);
            tx.block_attempts(id, until, until + self.memory).await?;
        }
        Ok((failures, beyond == 0))
    }
}

/// The name of a counter, which holds nothing of what it is about.
fn counter(app: &App, rule: &Rule, parts: &[&str]) -> String {
    let mut input = vec![rule.name.as_bytes()];
    input.extend(parts.iter().map(|part| part.as_bytes()));
    base64url(&app.secrets.throttle.mac(&input))
}

/// Forgets the failures at an account, whose password is another one now: strangers who guessed the old one keep nobody out who
/// knows the new one.
///
/// # Errors
/// When the database fails.
pub async fn forgive(app: &App, tx: &mut Tx, user: &User) -> Result<(), Fault> {
    let names = [Some(user.settings.username.as_str()), user.settings.email.as_deref()];
    let names = names.into_iter().flatten();
    let mut ids: Vec<String> = names.map(|name| counter(app, &ACCOUNT, &[&name.to_lowercase()])).collect();
    // One order for everybody.
    ids.sort();
    for id in &ids {
        tx.clear_attempts(id).await?;
    }
    Ok(())
}

/// The longest block, in seconds.
const LONGEST_BLOCK: Seconds = 900;
const PAIR: Rule = Rule {
    name: "pair",
    limit: 5,
    first_block: 60,
    memory: 3600,
};
const ADDRESS: Rule = Rule {
    name: "address",
    limit: 50,
    first_block: 60,
    memory: 900,
};
const ACCOUNT: Rule = Rule {
    name: "account",
    limit: 100,
    first_block: 60,
    memory: 3600,
};
const KNOWN_BROWSER: Rule = Rule {
    name: "device",
    limit: 10,
    first_block: 60,
    memory: 3600,
};

const ADMIN_TOKEN: Rule = Rule {
    name: "admin token",
    limit: 10,
    first_block: 60,
    memory: 3600,
};

const REGISTRATION_TOKEN: Rule = Rule {
    name: "registration token",
    limit: 10,
    first_block: 60,
    memory: 3600,
};

/// Accounts that have failed from an address, each counted once.
const SPRAYING: Rule = Rule {
    name: "accounts of an address",
    limit: 40,
    first_block: 60,
    memory: 3600,
};

/// The counters that one attempt concerns.
pub struct Attempt {
    counters: Vec<(&'static Rule, String)>,
    /// The counter of accounts that failed from the same place
    accounts: Option<String>,
}

/// What a failure has brought about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The names of the counters that block from now on and did not before
    pub blocked: Vec<&'static str>,
    /// Whether the account has not failed from there before, as far as is remembered
    pub is_new: bool,
    /// Whether it was one account too many
    pub is_spraying: bool,
}

impl Attempt {
    /// An attempt to sign in as `account` from `address`; `device` is the name of a browser that has
    /// signed this account in before.
    #[must_use]
    pub fn new(app: &App, account: &str, address: &str, device: Option<&str>) -> Self {
        let network = network_of(address);
        let rules: Vec<(&'static Rule, Vec<&str>)> = match device {
            Some(device) => vec![(&KNOWN_BROWSER, vec![account, device])],
            None => vec![
                (&PAIR, vec![account, &network]),
                (&ADDRESS, vec![&network]),
                (&ACCOUNT, vec![account]),
            ],
        };
        let accounts = device.is_none().then(|| counter(app, &SPRAYING, &[&network]));
        Self {
            accounts,
            ..Self::of(app, &rules)
        }
    }

    /// An attempt to present the admin token from `address`.
    #[must_use]
    pub fn with_admin_token(app: &App, address: &str) -> Self {
        let network = network_of(address);
        Self::of(app, &[(&ADMIN_TOKEN, vec![&network])])
    }

    /// An attempt to present an initial access token or a registration access token from `address`.
    #[must_use]
    pub fn with_registration_token(app: &App, address: &str) -> Self {
        let network = network_of(address);
        Self::of(app, &[(&REGISTRATION_TOKEN, vec![&network])])
    }

    fn of(app: &App, rules: &[(&'static Rule, Vec<&str>)]) -> Self {
        let mut counters: Vec<_> = rules.iter().map(|(rule, parts)| (*rule, counter(app, rule, parts))).collect();
        // One order for everybody: two attempts can never wait for each other.
        counters.sort_by(|left, right| left.1.cmp(&right.1));
        Self { counters, accounts: None }
    }

    /// The seconds until another attempt is looked at, if it is not now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blocked_for(&self, connection: &mut Connection, now: Timestamp) -> Result<Option<Seconds>, Fault> {
        let mut longest = None;
        for id in self.counters.iter().map(|(_, id)| id).chain(&self.accounts) {
            let until = connection.blocked_until(id).await?;
            if until > now {
                longest = longest.max(Some(until - now));
            }
        }
        Ok(longest)
    }

    /// Counts a failure, and blocks what has failed too often.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failed(&self, tx: &mut Tx, now: Timestamp) -> Result<Failure, Fault> {
        let mut failure = Failure::default();
        for (rule, id) in &self.counters {
            let (failures, begins_to_block) = rule.count(id, tx, now).await?;
            failure.is_new |= rule.name == PAIR.name && failures == 1;
            if begins_to_block {
                failure.blocked.push(rule.name);
            }
        }
        // After the counter of its address, which whoever comes to this one has locked: so nobody waits for each other.
        if let Some(id) = self.accounts.as_ref().filter(|_| failure.is_new) {
            (_, failure.is_spraying) = SPRAYING.count(id, tx, now).await?;
            if failure.is_spraying {
                failure.blocked.push(SPRAYING.name);
            }
        }
        Ok(failure)
    }

    /// Forgets the failures of exactly this person at exactly this place. The counters of the whole
    /// address and the whole account stay: a guesser could clear them with an account of their own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn succeeded(&self, tx: &mut Tx) -> Result<(), Fault> {
        for (rule, id) in &self.counters {
            if rule.name == PAIR.name || rule.name == KNOWN_BROWSER.name {
                tx.clear_attempts(id).await?;
            }
        }
        Ok(())
    }
}
