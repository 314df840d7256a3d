//! Numbers for the dashboard, and the job that writes them down.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::model::statistic::Statistic;
use crate::store::Setting;

const HOUR: Seconds = 3600;
const DAY: Seconds = 24 * HOUR;
/// How long hours are kept, in seconds.
const RETENTION: Seconds = 400 * DAY;
/// Time between two samples of how many there are, in seconds. Counting all grants costs something, so one
/// node does it for all.
pub const SAMPLE_INTERVAL: Seconds = 600;

/// How far a chart looks back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// 24 hours, hour by hour
    #[default]
    Day,
    /// 30 days, day by day
    Month,
}

impl Range {
    /// Every range.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// The name in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The range of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.as_str() == name)
    }

    /// The length of a step, in seconds, and how many there are.
    #[must_use]
    pub fn steps(self) -> (Seconds, i64) {
        match self {
            Self::Day => (HOUR, 24),
            Self::Month => (DAY, 30),
        }
    }
}

/// A number at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Point {
    /// When the step begins, in seconds since 1970
    pub at: Timestamp,
    /// The number: what happened in the step, or the largest sample of it
    pub value: i64,
}

/// A number over time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Series {
    /// Its stable name
    #[schema(example = "sign_ins")]
    pub name: &'static str,
    /// For people
    pub title: &'static str,
    /// One for every step, oldest first
    pub points: Vec<Point>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Totals {
    /// Users, now
    pub users: i64,
    /// Clients, now
    pub clients: i64,
    /// Grants that are alive, when they were last counted
    pub active_grants: i64,
    /// Sessions that are alive, when they were last counted
    pub sessions: i64,
    /// When grants and sessions were last counted, in seconds since 1970; `null`: not yet
    pub sampled_at: Option<Timestamp>,
}

/// What the dashboard shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Dashboard {
    /// The length of a step, in seconds
    pub step: Seconds,
    /// How many there are
    pub totals: Totals,
    /// What happened
    pub series: Vec<Series>,
}

/// The numbers of a range, up to now.
///
/// # Errors
/// When the database fails.
pub async fn dashboard(app: &App, range: Range) -> Result<Dashboard, Fault> {
    let (step, steps) = range.steps();
    let last = app.now() / step * step;
    let first = last - (steps - 1) * step;
    let mut connection = app.store.read().await?;
    let numbers = connection.stats(first).await?;
    let (users, clients) = (connection.count_users().await?, connection.count_clients().await?);
    let sampled_at = connection
        .setting(Setting::StatsSampledAt)
        .await?
        .and_then(|at| at.parse::<Timestamp>().ok())
        .filter(|at| *at > 0);
    drop(connection);
    let series: Vec<Series> = Statistic::ALL
        .into_iter()
        .map(|statistic| {
            let mut points: Vec<Point> = (0..steps).map(|n| first + n * step).map(|at| Point { at, value: 0 }).collect();
            for number in numbers.iter().filter(|number| number.name == statistic.as_str()) {
                let of = usize::try_from((number.hour - first) / step).ok().and_then(|of| points.get_mut(of));
                if let Some(point) = of {
                    point.value = if statistic.is_sample() {
                        point.value.max(number.value)
                    } else {
                        point.value + number.value
                    };
                }
            }
            Series {
                name: statistic.as_str(),
                title: statistic.title(),
                points,
            }
        })
        .collect();
    let latest = |statistic: Statistic| {
        let newest = numbers.iter().rfind(|number| number.name == statistic.as_str());
        newest.map_or(0, |number| number.value)
    };
    Ok(Dashboard {
        step,
        totals: Totals {
            users,
            clients,
            active_grants: latest(Statistic::ActiveGrants),
            sessions: latest(Statistic::Sessions),
            sampled_at,
        },
        series,
    })
}

/// Adds what this node has counted to the database.
///
/// # Errors
/// When the database fails; nothing is lost then, nor when this is given up before it commits.
pub async fn flush(app: &App) -> Result<(), Fault> {
    let taken = Taken {
        app,
        counts: app.counters.take(),
    };
    if taken.counts.is_empty() {
        return Ok(());
    }
    let hour = app.now() / HOUR * HOUR;
    let mut tx = app.store.begin().await?;
    for (statistic, count) in &taken.counts {
        tx.add_to_stat(hour, *statistic, *count).await?;
    }
    // Given up from here on, it may be done all the same, and must not be counted twice.
    let counts = taken.keep();
    let committed = tx.commit().await;
    if committed.is_err() {
        app.counters.put_back(&counts);
    }
    committed
}

/// Counts on their way to the database; put back when this is dropped.
struct Taken<'a> {
    app: &'a App,
    counts: Vec<(Statistic, i64)>,
}

impl Taken<'_> {
    fn keep(mut self) -> Vec<(Statistic, i64)> {
        std::mem::take(&mut self.counts)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.app.counters.put_back(&self.counts);
    }
}

/// Counts how many there are, unless a node did so in the last [`SAMPLE_INTERVAL`].
///
/// # Errors
/// When the database fails.
pub async fn sample_in_turn(app: &App) -> Result<(), Fault> {
    let now = app.now();
    let last = app.store.read().await?.setting(Setting::StatsSampledAt).await?;
    if last
        .and_then(|at| at.parse().ok())
        .is_some_and(|at: Timestamp| (now - at).abs() < SAMPLE_INTERVAL)
    {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    let is_turn = tx.take_turn(Setting::StatsSampledAt, now, SAMPLE_INTERVAL).await?;
    tx.commit().await?;
    if !is_turn {
        return Ok(());
    }
    let mut connection = app.store.read().await?;
    let grants = connection.count_active_grants(now).await?;
    let sessions = connection.count_sessions(now).await?;
    drop(connection);
    let hour = now / HOUR * HOUR;
    let mut tx = app.store.begin().await?;
    tx.put_stat(hour, Statistic::ActiveGrants, grants).await?;
    tx.put_stat(hour, Statistic::Sessions, sessions).await?;
    tx.delete_stats(now - RETENTION).await?;
    tx.commit().await
}
