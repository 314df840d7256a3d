//! Every metric, from what the floors below have counted. The names are stable: dashboards and alerts use them, and
//! `docs/monitoring.md` lists them.

use std::time::Duration;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::federation::relay;
use crate::keys::ring::Ring;
use crate::model::event::{EventKind, Outcome};
use crate::model::limit::{By, Class};
use crate::model::measures::{Handshake, Job};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::statistic::Statistic;
use crate::model::traffic::{self, Method, Row};
use crate::protocol::error::ErrorCode;
use crate::web::routes;
use crate::web::watch::UNMATCHED;

use super::family::{Family, Labels, float};
use super::process;

/// How long the database may take to answer before it counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// All metrics, as they are now.
pub async fn families(app: &App) -> Vec<Family> {
    let is_up = tokio::time::timeout(PATIENCE, app.store.ping())
        .await
        .is_ok_and(|answer| answer.is_ok());
    let mut families = requests(app);
    families.extend(grants(app));
    families.extend(database(app, is_up));
    families.extend(passwords(app));
    families.extend(keys(app));
    families.extend(listener(app));
    families.extend(jobs(app));
    families.extend(outside(app));
    families.extend(waiting(app).await);
    families.push(
        Family::gauge(
            "gatehouse_build_info",
            "Always 1; which program this is, and which database it uses.",
        )
        .whole(
            vec![
                ("version", env!("CARGO_PKG_VERSION").into()),
                ("database", app.store.dialect().to_string().into()),
            ],
            1,
        ),
    );
    families.extend(process::families(app));
    families
}

fn none() -> Labels {
    Vec::new()
}

fn one(name: &'static str, value: &'static str) -> Labels {
    vec![(name, value.into())]
}

/// A time as the number of seconds since 1970.
fn at(time: Timestamp) -> f64 {
    float(u64::try_from(time).unwrap_or_default())
}

fn size(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Requests by row of the table of routes. Rows that nobody has asked for are left out.
fn requests(app: &App) -> Vec<Family> {
    let traffic = &app.measures.traffic;
    let mut requests = Family::counter(
        "gatehouse_http_requests",
        "Requests by row of the table of routes, method and outcome: the hundred of the status, or aborted when whoever asked went away.",
    );
    let mut durations = Family::histogram(
        "gatehouse_http_request_duration_seconds",
        "Time until the answer to a request began.",
    );
    let mut refusals = Family::counter(
        "gatehouse_refusals",
        "Answers with an error, by row of the table of routes and code of the error.",
    );
    let rows = routes::all().enumerate().map(|(number, route)| (route.path, traffic.row(number)));
    for (path, rows) in by_path(rows.chain([(UNMATCHED, &traffic.unmatched)])) {
        let sum = |value: &dyn Fn(&Row) -> u64| rows.iter().map(|row| value(row)).sum::<u64>();
        for method in Method::ALL {
            for outcome in traffic::Outcome::ALL {
                let count = sum(&|row| row.requests(method, outcome));
                if count > 0 {
                    let labels = vec![
                        ("route", path.into()),
                        ("method", method.as_str().into()),
                        ("outcome", outcome.as_str().into()),
                    ];
                    requests = requests.whole(labels, count);
                }
            }
        }
        for code in ErrorCode::ALL {
            let count = sum(&|row| row.refusals(code));
            if count > 0 {
                refusals = refusals.whole(vec![("route", path.into()), ("error", code.as_str().into())], count);
            }
        }
        let taken = rows.iter().map(|row| row.durations.read()).reduce(|all, row| all.and(&row));
        if let Some(taken) = taken.filter(|taken| taken.count > 0) {
            durations = durations.seconds_of(one("route", path), &taken);
        }
    }
    let mut limited = Family::counter(
        "gatehouse_limited_requests",
        "Requests that were refused because there were too many of them, by kind and by whose.",
    );
    for class in Class::ALL {
        for by in By::ALL {
            let labels = vec![("class", class.as_str().into()), ("by", by.as_str().into())];
            limited = limited.count(labels, app.measures.limited(class, by));
        }
    }
    let in_flight = u64::try_from(traffic.in_flight.value()).unwrap_or_default();
    let in_flight = Family::gauge(
        "gatehouse_http_requests_in_flight",
        "Requests that are being worked on; long polls are among them.",
    )
    .whole(none(), in_flight);
    vec![requests, durations, in_flight, refusals, limited]
}

/// The rows of each path, with methods that differ, together.
fn by_path<'t>(rows: impl Iterator<Item = (&'static str, &'t Row)>) -> Vec<(&'static str, Vec<&'t Row>)> {
    let mut paths: Vec<(&'static str, Vec<&'t Row>)> = Vec::new();
    for (path, row) in rows {
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, rows)) => rows.push(row),
            None => paths.push((path, vec![row])),
        }
    }
    paths
}

/// What people and clients were given.
fn grants(app: &App) -> Vec<Family> {
    let total = |statistic| app.counters.total(statistic);
    let tokens = [
        ("authorization_code", Statistic::CodeTokens),
        ("refresh_token", Statistic::RefreshTokens),
        ("client_credentials", Statistic::ClientTokens),
        ("token_exchange", Statistic::ExchangedTokens),
    ]
    .into_iter()
    .fold(
        Family::counter("gatehouse_tokens", "Answers with tokens, by grant type."),
        |family, (name, statistic)| family.whole(one("grant_type", name), total(statistic)),
    );
    let sign_ins = Family::counter(
        "gatehouse_sign_ins",
        "Sign-ins with a password, by outcome; throttled: refused after too many failures.",
    )
    .whole(one("outcome", "success"), total(Statistic::SignIns))
    .whole(one("outcome", "failure"), total(Statistic::FailedSignIns))
    .count(one("outcome", "throttled"), &app.measures.throttled_sign_ins);
    let mut events = Family::counter(
        "gatehouse_audit_events",
        "Events of the audit log that this node has recorded, by kind and outcome.",
    );
    for kind in EventKind::ALL {
        for outcome in [Outcome::Success, Outcome::Failure] {
            // From the start: of an event that makes an alarm the first one counts, and what is not there yet cannot grow.
            let labels = vec![("event", kind.as_str().into()), ("outcome", outcome.as_str().into())];
            events = events.count(labels, app.store.measures().event(*kind, outcome));
        }
    }
    vec![tokens, sign_ins, events]
}

fn database(app: &App, is_up: bool) -> Vec<Family> {
    let (measures, pool) = (app.store.measures(), app.store.pool_state());
    let mut lookups = Family::counter("gatehouse_cache_lookups", "Looks into caches of this node, by cache and result.");
    for (name, cache) in measures.caches() {
        for (result, counter) in [("hit", &cache.hits), ("miss", &cache.misses)] {
            lookups = lookups.count(vec![("cache", name.into()), ("result", result.into())], counter);
        }
    }
    vec![
        Family::gauge(
            "gatehouse_database_up",
            "Whether the database has answered this reading of the metrics within 3 seconds.",
        )
        .whole(none(), u64::from(is_up)),
        Family::gauge(
            "gatehouse_database_connections",
            "Open connections to the database, by state; of SQLite, those for reading.",
        )
        .whole(one("state", "in_use"), size(pool.in_use))
        .whole(one("state", "idle"), size(pool.idle)),
        Family::gauge("gatehouse_database_connections_max", "The most connections that there may be.").whole(none(), size(pool.most)),
        Family::histogram(
            "gatehouse_database_wait_seconds",
            "Time until there was a connection for reading, or a transaction for writing could begin.",
        )
        .seconds(one("mode", "read"), &measures.reading)
        .seconds(one("mode", "write"), &measures.writing),
        Family::counter(
            "gatehouse_database_wait_failures",
            "How often there was no connection, or none in time.",
        )
        .count(none(), &measures.refused),
        Family::counter(
            "gatehouse_database_transactions_undone",
            "How often the database has undone a transaction in favour of another one, as it ends a deadlock.",
        )
        .count(none(), &measures.undone),
        Family::counter(
            "gatehouse_database_statements",
            "Statements, besides those that only begin and end transactions, and those that read anew what is kept.",
        )
        .count(none(), &measures.statements),
        Family::histogram(
            "gatehouse_database_commit_seconds",
            "Time that commits took; on SQLite, with the time until the common commit.",
        )
        .seconds(none(), &measures.committing),
        Family::histogram(
            "gatehouse_database_commit_group_size",
            "Transactions that a commit of SQLite made durable together.",
        )
        .sizes(none(), &measures.groups),
        lookups,
    ]
}

fn passwords(app: &App) -> Vec<Family> {
    let (load, measures) = (app.passwords.load(), app.passwords.measures());
    vec![
        Family::gauge("gatehouse_password_hashing_permits", "How many passwords may be hashed at once.").whole(none(), size(load.most)),
        Family::gauge("gatehouse_password_hashing_permits_in_use", "How many of these turns somebody has.").whole(none(), size(load.taken)),
        Family::gauge(
            "gatehouse_password_hashing_waiting",
            "How many wait for their turn to have a password hashed.",
        )
        .whole(none(), size(load.waiting)),
        Family::counter("gatehouse_password_hashing_refusals", "How often the line was too long.").count(none(), &measures.refused),
        Family::histogram("gatehouse_password_hashing_wait_seconds", "Time until it was somebody's turn.")
            .seconds(none(), &measures.waiting),
        Family::histogram("gatehouse_password_hashing_seconds", "Time that hashing a password took.").seconds(none(), &measures.hashing),
    ]
}

fn keys(app: &App) -> Vec<Family> {
    let (ring, now) = (app.keys.current(), app.now());
    let mut active = Family::gauge(
        "gatehouse_signing_key_active_timestamp_seconds",
        "When the key that signs began to, by algorithm.",
    );
    let mut age = Family::gauge(
        "gatehouse_signing_key_age_seconds",
        "How long the key that signs has done so, by algorithm.",
    );
    let mut next = Family::gauge(
        "gatehouse_signing_key_next_timestamp_seconds",
        "When a key that is published already will begin to sign, by algorithm; absent when there is none.",
    );
    let mut count = Family::gauge("gatehouse_signing_keys", "Keys that are published, by algorithm.");
    for algorithm in SigningAlgorithm::ALL {
        let label = || one("algorithm", algorithm.as_str());
        let signer = ring.signer(algorithm, now).map(|pair| pair.record.active_at);
        active = active.maybe(label(), signer.map(at));
        age = age.maybe(label(), signer.map(|since| at(now - since)));
        next = next.maybe(label(), next_key(&ring, algorithm, now).map(at));
        let published = ring
            .records()
            .filter(|key| key.algorithm == algorithm && key.may_verify(now))
            .count();
        count = count.whole(label(), size(published));
    }
    vec![active, age, next, count]
}

/// The listener: whom it turned away, and TLS.
fn listener(app: &App) -> Vec<Family> {
    let mut turned_away = Family::counter(
        "gatehouse_turned_away",
        "Connections and requests for which the listener had no room, by what there was not enough of.",
    );
    for reason in NoRoom::ALL {
        turned_away = turned_away.count(one("reason", reason.as_str()), app.measures.turned_away.of(reason));
    }
    let mut handshakes = Family::counter(
        "gatehouse_tls_handshakes",
        "Handshakes of TLS at the listener, by outcome; refused: not begun, because too many of that network's were.",
    );
    for outcome in Handshake::ALL {
        handshakes = handshakes.count(one("outcome", outcome.as_str()), app.measures.handshakes.of(outcome));
    }
    let end = Family::gauge(
        "gatehouse_certificate_not_after_timestamp_seconds",
        "Until when the certificate of the listener is valid that is in force; absent where it speaks no TLS.",
    );
    vec![turned_away, handshakes, end.maybe(none(), app.measures.certificate_ends_at.value().map(at))]
}

/// When the next key of an algorithm begins to sign.
fn next_key(ring: &Ring, algorithm: SigningAlgorithm, now: Timestamp) -> Option<Timestamp> {
    let later = ring.records().filter(|key| key.algorithm == algorithm && key.active_at > now);
    later.map(|key| key.active_at).min()
}

fn jobs(app: &App) -> Vec<Family> {
    let mut runs = Family::counter("gatehouse_job_runs", "Runs of what happens by itself, by task and outcome.");
    let mut durations = Family::histogram("gatehouse_job_duration_seconds", "Time that these took.");
    let mut succeeded = Family::gauge(
        "gatehouse_job_last_success_timestamp_seconds",
        "When a task last did what it is for; absent until it has.",
    );
    for job in Job::ALL {
        let (name, counted) = (job.as_str(), app.measures.job(job));
        for (outcome, counter) in [("success", &counted.succeeded), ("failure", &counted.failed)] {
            runs = runs.count(vec![("task", name.into()), ("outcome", outcome.into())], counter);
        }
        durations = durations.seconds(one("task", name), &counted.durations);
        succeeded = succeeded.maybe(one("task", name), counted.succeeded_at.value().map(at));
    }
    vec![runs, durations, succeeded]
}

fn outside(app: &App) -> Vec<Family> {
    let outcomes = app.fetch.outcomes();
    let requests = outcomes.all().fold(
        Family::counter(
            "gatehouse_outgoing_requests",
            "Requests of this server to others, by outcome; forbidden_url and forbidden_address: refused because of where they would have gone.",
        ),
        |family, (name, number)| family.whole(one("outcome", name), number),
    );
    vec![
        requests,
        Family::histogram(
            "gatehouse_outgoing_request_duration_seconds",
            "Time that these took, with their time in the line.",
        )
        .seconds(none(), &outcomes.durations),
    ]
}

/// The relay. What happens at it, and in the vault, is among the events of the audit log.
async fn waiting(app: &App) -> Vec<Family> {
    let callbacks = tokio::time::timeout(PATIENCE, relay::count(app)).await.ok().and_then(Result::ok);
    vec![
        Family::gauge("gatehouse_relay_waiting", "Requests that wait for redirects or people.").whole(none(), size(app.waiting.count())),
        Family::gauge(
            "gatehouse_relay_callbacks",
            "Redirects that the relay waits for or keeps, on all nodes; absent when they cannot be counted.",
        )
        .maybe(none(), callbacks.map(at)),
    ]
}
