//! How often somebody may ask, by what is known of them.
//!
//! Every request of a limited route is counted for its network before anything of it is read (`web/dispatch.rs`). Whoever proves
//! to be somebody is counted from then on, and their network is not: an address answers for those of whom nobody knows who
//! they are, so many people and large programs can share one. Only proof counts. Nobody uses up what somebody else has by saying
//! their name: a public client and one that registered itself stay with their network.
//!
//! The counts are in the memory of each node, and nodes tell each other of those that are near a limit (`tell`). Exact are
//! [`super::throttle`] and [`super::quota`], which count in the transaction that answers.

use std::net::IpAddr;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::digest::half;
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::limiter::{Key, Rate, Standing};
use crate::model::client::{Client, ClientOrigin};
use crate::model::limit::{By, Class, Counted, key, network};
use crate::protocol::error::{Refusal, too_many_requests};
use crate::store::SharedCount;

/// The kind of counters of connections that begin with TLS.
const HANDSHAKES: u16 = 256;
/// How many a network may begin.
const HANDSHAKE_RATE: Rate = Rate { limit: 6000, window: 60 };
/// The most keys that others are told of at once.
const MOST_NEWS: usize = 500;
/// The first kind of counters of requests of a network that were refused because of who asked: there is one for each class.
const REFUSED: u16 = 320;
/// How many times as many as its network may make; what is beyond is counted for the network.
const REFUSED_TIMES: u32 = 4;

/// Nobody may ask so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// After so many seconds there is room again
    pub retry_after: Seconds,
}

impl From<Standing> for Exceeded {
    fn from(standing: Standing) -> Self {
        Self {
            retry_after: Seconds::from(standing.reset),
        }
    }
}

impl Exceeded {
    /// What a program is told.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        too_many_requests(self.retry_after)
    }
}

/// Counts the request for its network.
///
/// # Errors
/// When it has asked too often.
pub fn by_address(app: &App) -> Result<(), Exceeded> {
    match &app.context().counted {
        Some(counted) => match counted.network {
            Some(network) => count(app, counted, By::Address, network),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

/// Counts the request for a client that has just proved who it is.
///
/// # Errors
/// When it has asked too often.
pub fn by_client(app: &App, client: &Client) -> Result<(), Exceeded> {
    // Whoever registers can have as many clients as they like.
    if client.is_public() || client.origin != ClientOrigin::Operator {
        return Ok(());
    }
    by_known(app, By::Client, &client.id)
}

/// Counts the request for a person who is signed in, or whose token was shown.
///
/// # Errors
/// When they have asked too often.
pub fn by_account(app: &App, id: &str) -> Result<(), Exceeded> {
    by_known(app, By::Account, id)
}

fn by_known(app: &App, by: By, id: &str) -> Result<(), Exceeded> {
    let Some(counted) = &app.context().counted else { return Ok(()) };
    // Once is enough, however often somebody looks who it is.
    if app.live().limits.of(counted.class).of(by).is_none() || counted.standing(by).is_some() {
        return Ok(());
    }
    let outcome = count(app, counted, by, name(app, &[id]));
    // Also of whoever is refused: a client that asks too often shuts nobody else out who is at its address, unless it does not stop
    // at all. Each of these requests has been read, and its credentials looked up.
    if let (Some(network), Some(_)) = (counted.network, counted.standing(By::Address))
        && (outcome.is_ok() || may_be_refused(app, counted.class, network))
    {
        let now = app.clock.now_millis();
        app.limiter.give_back(key(counted.class, By::Address, network), now);
        counted.set(By::Address, None);
    }
    outcome
}

/// Counts a request that was refused because of who asked; whether that is no more than any address may cost.
fn may_be_refused(app: &App, class: Class, network: [u8; 16]) -> bool {
    let Some(rate) = app.live().limits.of(class).of(By::Address) else {
        return true;
    };
    let rate = Rate {
        limit: rate.limit.saturating_mul(REFUSED_TIMES),
        ..rate
    };
    let key = Key {
        kind: REFUSED + class as u16,
        who: network,
    };
    app.limiter.take(key, rate, app.clock.now_millis()).is_ok()
}

fn count(app: &App, counted: &Counted, by: By, who: [u8; 16]) -> Result<(), Exceeded> {
    let Some(rate) = app.live().limits.of(counted.class).of(by) else {
        return Ok(());
    };
    let taken = app.limiter.take(key(counted.class, by, who), rate, app.clock.now_millis());
    let (Ok(standing) | Err(standing)) = taken;
    counted.set(by, Some(standing));
    taken.map(drop).map_err(|standing| refused(app, counted.class, by, standing))
}

/// Counts and logs that somebody was refused because of a limit.
fn refused(app: &App, class: Class, by: By, standing: Standing) -> Exceeded {
    app.measures.limited(class, by).one_more();
    tracing::debug!(
        event = "limited",
        class = class.as_str(),
        by = by.as_str(),
        "somebody asks too often"
    );
    standing.into()
}

/// The counters of wrong credentials of a client from where the request comes, and whose they are.
fn failures(app: &App, client_id: &str) -> Vec<(By, Key, Rate)> {
    let network = app.context().counted.as_ref().and_then(|counted| counted.network);
    let Some(network) = network else { return Vec::new() };
    let rates = app.live().limits.of(Class::Failure);
    let whole = rates.of(By::Address);
    let whole = whole.map(|rate| (By::Address, key(Class::Failure, By::Address, network), rate));
    let pair = rates.of(By::Client).map(|rate| {
        let mac = app.secrets.throttle.mac(&[b"failure", client_id.as_bytes(), &network]);
        (By::Client, key(Class::Failure, By::Client, half(&mac)), rate)
    });
    whole.into_iter().chain(pair).collect()
}

/// Whether credentials of a client are looked at, as often as wrong ones have come from there. Right ones are not either once
/// it is too often: otherwise a guesser would learn which are right.
///
/// # Errors
/// When they are not.
pub fn may_fail(app: &App, client_id: &str) -> Result<(), Exceeded> {
    let now = app.clock.now_millis();
    for (by, key, rate) in failures(app, client_id) {
        let standing = app.limiter.look(key, rate, now);
        if standing.remaining == 0 {
            return Err(refused(app, Class::Failure, by, standing));
        }
    }
    Ok(())
}

/// Counts wrong credentials of a client.
pub fn failed(app: &App, client_id: &str) {
    let now = app.clock.now_millis();
    for (_, key, rate) in failures(app, client_id) {
        // What is beyond the limit is not counted; that it was reached is enough.
        let _ = app.limiter.take(key, rate, now);
    }
}

/// Counts a connection from `address` for which keys must be agreed on: that costs more than a request.
///
/// # Errors
/// When too many have begun.
pub fn handshake(app: &App, address: IpAddr) -> Result<(), Exceeded> {
    let key = Key {
        kind: HANDSHAKES,
        who: network(address),
    };
    let taken = app.limiter.take(key, HANDSHAKE_RATE, app.clock.now_millis());
    taken.map(drop).map_err(Exceeded::from)
}

/// Tells other nodes what is near its limit here, and hears what they have counted; of how many keys.
///
/// # Errors
/// When they cannot be told now. They hear of it the next time.
pub async fn tell(app: &App) -> Result<usize, Fault> {
    if !app.counts.has_others() {
        return Ok(0);
    }
    let now = app.clock.now_millis();
    let news = app.limiter.near(now, MOST_NEWS);
    if news.is_empty() {
        return Ok(0);
    }
    let mut counts: Vec<(usize, SharedCount)> = Vec::with_capacity(news.len());
    for (at, news) in news.iter().enumerate() {
        let (window, length) = news.window;
        let parts: [&[u8]; 5] = [
            b"limit",
            &news.key.kind.to_be_bytes(),
            &news.key.who,
            &window.to_be_bytes(),
            &length.to_be_bytes(),
        ];
        let id = base64url(&app.secrets.throttle.mac(&parts));
        // Nodes whose clocks differ still find it.
        let expires_at = (i64::from(window) + 2) * i64::from(length);
        counts.push((
            at,
            SharedCount {
                id,
                amount: news.counted,
                expires_at,
            },
        ));
    }
    // One order for everybody: two nodes can never wait for each other.
    counts.sort_by(|left, right| left.1.id.cmp(&right.1.id));
    let (order, counts): (Vec<usize>, Vec<SharedCount>) = counts.into_iter().unzip();
    let told = app.counts.add(&app.store, &counts, app.now()).await;
    let totals = told.inspect_err(|_| app.limiter.unheard())?;
    if totals.len() < order.len() {
        // The rest is told the next time.
        app.limiter.unheard();
    }
    for (at, total) in order.iter().zip(totals) {
        app.limiter.heard(&news[*at], total);
    }
    Ok(news.len())
}

/// A name for somebody, of a size that counters have.
pub(super) fn name(app: &App, parts: &[&str]) -> [u8; 16] {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    half(&app.secrets.throttle.mac(&parts))
}
