//! What happens by itself: removing what has expired and registrations that nobody uses, replacing signing keys, reading keys and settings
//! again, sealing the audit log, writing down statistics, waking whoever waits for what another node has received, taking
//! back at providers what is gone here.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use crate::admin::{secret_rotation, signing_keys, stats};
use crate::app::App;
use crate::base::clock::{CLOCK_SKEW, Seconds};
use crate::base::fault::Fault;
use crate::federation::relay::wait;
use crate::federation::vault::{revocations, sessions};
use crate::identity::limit;
use crate::model::measures::Job;
use crate::oauth::client_documents;
use crate::oauth::registration::{self, Position};
use crate::store::Setting;

/// Time between two readings of keys and settings.
const READING_INTERVAL: Duration = Duration::from_mins(1);

/// Time between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// Time after which a sweep that goes on says that it is still the turn of this node: less than others wait for.
const TURN: Duration = Duration::from_secs(30);
/// Time between two batches of one sweep, so that requests come first.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// Time between two looks at clients that registered themselves.
const REAPING_INTERVAL: Duration = Duration::from_mins(10);

/// Time between two looks at signing keys that have signed long enough.
const ROTATION_INTERVAL: Duration = Duration::from_mins(10);

/// Time between two sealings of the audit log: what is removed from its end before is not noticed.
const SEALING_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two writings of what was counted: a crash loses what was counted since.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(10);

/// People are not as quick as redirects: for them it is looked every other time.
const EVERY_OTHER: u32 = 2;
/// Time between two looks at what is to be taken back at providers.
const REVOCATION_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two tellings of what is near a limit: a limit can be exceeded by what other nodes let through meanwhile.
const TELLING_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two warnings that nodes cannot tell each other.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Time after a failure of what happens several times a second, so that the log stays readable.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// Runs the jobs until the task is aborted.
pub async fn run(app: App) {
    tokio::join!(
        keep_current(&app),
        keep_clean(&app),
        keep_few(&app),
        keep_young(&app),
        keep_sealed(&app),
        keep_statistics(&app),
        keep_told(&app),
        keep_awake(&app),
        keep_taken_back(&app)
    );
}

/// Does a job once, and counts it. What another node has done in its turn counts as done. A bug costs one run, not all that are to
/// come.
async fn counted<T>(app: &App, job: Job, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let begun = Instant::now();
    // What it leaves behind is in the database, in whole transactions; lanes that were being sealed are sealed the next time.
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(Fault::internal("it panicked")));
    app.measures.ran(job, outcome.is_ok(), begun.elapsed(), app.now());
    outcome
}

/// Wakes whoever waits here for a redirect that another node has received, or for a person who has answered there.
async fn keep_awake(app: &App) {
    let mut ticks = tokio::time::interval(wait::INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for times in (0..u32::MAX).cycle() {
        ticks.tick().await;
        let woken = async {
            match wait::wake(app, times).await {
                Ok(()) if times.is_multiple_of(EVERY_OTHER) => sessions::wake(app).await,
                redirects => redirects,
            }
        };
        if let Err(fault) = counted(app, Job::Wake, woken).await {
            tracing::warn!(event = "waiting_not_woken", "{fault}");
            tokio::time::sleep(FAILURE_PAUSE).await;
        }
    }
}

/// Tells other nodes who is near a limit, and hears from them.
async fn keep_told(app: &App) {
    let mut ticks = tokio::time::interval(TELLING_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut warned: Option<tokio::time::Instant> = None;
    loop {
        ticks.tick().await;
        let Err(fault) = counted(app, Job::TellLimits, limit::tell(app)).await else {
            continue;
        };
        if warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
            warned = Some(tokio::time::Instant::now());
            tracing::warn!(
                event = "limits_not_shared",
                "each node limits by its own counts until others can be told: {fault}"
            );
        }
    }
}

async fn keep_taken_back(app: &App) {
    let mut ticks = tokio::time::interval(REVOCATION_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match counted(app, Job::TakeBack, revocations::work(app)).await {
            Ok(0) => {}
            Ok(connections) => tracing::info!(event = "taken_back", connections, "connections were taken back at providers"),
            Err(fault) => tracing::warn!(event = "not_taken_back", "{fault}"),
        }
    }
}

async fn keep_statistics(app: &App) {
    let mut ticks = tokio::time::interval(STATISTICS_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let written = async {
            stats::flush(app).await?;
            stats::sample_in_turn(app).await
        };
        if let Err(fault) = counted(app, Job::WriteStatistics, written).await {
            tracing::warn!(event = "statistics_not_written", "{fault}");
        }
    }
}

async fn keep_sealed(app: &App) {
    let mut ticks = tokio::time::interval(SEALING_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(fault) = counted(app, Job::SealAudit, app.store.seal_audit()).await {
            tracing::warn!(event = "audit_not_sealed", "{fault}");
        }
    }
}

async fn keep_few(app: &App) {
    let mut ticks = tokio::time::interval(REAPING_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match counted(app, Job::Reap, reap_in_turn(app, BATCH_PAUSE)).await {
            Ok(None | Some(0)) => {}
            Ok(Some(clients)) => tracing::info!(
                event = "registrations_reaped",
                clients,
                "registrations that nobody uses were removed"
            ),
            Err(fault) => tracing::warn!(event = "reaping_failed", "{fault}"),
        }
    }
}

/// Apart from reading keys: making one takes a while.
async fn keep_young(app: &App) {
    let mut ticks = tokio::time::interval(ROTATION_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(fault) = counted(app, Job::RotateKeys, signing_keys::rotate_aged(app)).await {
            tracing::warn!(event = "keys_not_rotated", "{fault}");
        }
    }
}

/// Whether it is the turn of this node to do what one of all nodes does, once in an interval. Whoever has the turn and dies
/// is followed by another one after the interval.
async fn is_turn(app: &App, job: Setting, interval: Duration) -> Result<bool, Fault> {
    let interval = Seconds::try_from(interval.as_secs()).unwrap_or(Seconds::MAX);
    let mut tx = app.store.begin().await?;
    // Somewhat less: ticks are not exact, and clocks differ.
    let is_turn = tx.take_turn(job, app.now(), interval - 2 * CLOCK_SKEW).await?;
    tx.commit().await?;
    Ok(is_turn)
}

/// As [`reap`], if no other node has done so in the last ten minutes; `None` if one has.
///
/// # Errors
/// As [`reap`].
pub async fn reap_in_turn(app: &App, pause: Duration) -> Result<Option<u64>, Fault> {
    if is_turn(app, Setting::ReapedAt, REAPING_INTERVAL).await? {
        return reap(app, pause).await.map(Some);
    }
    Ok(None)
}

/// Removes clients that registered themselves and that nobody uses any more, batch by batch; how many that were.
///
/// # Errors
/// When the database fails; what was removed before stays removed.
pub async fn reap(app: &App, pause: Duration) -> Result<u64, Fault> {
    let (mut clients, mut position) = (0, Position::default());
    loop {
        let reaped = registration::reap(app, &position).await?;
        clients += reaped.clients;
        match reaped.next {
            Some(next) => position = next,
            None => return Ok(clients),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Apart from the sweep, which takes as long as there is something to remove: what another node has taken out of force must not be
/// accepted here meanwhile.
async fn keep_current(app: &App) {
    let mut ticks = tokio::time::interval(READING_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(fault) = counted(app, Job::ReadKeys, app.keys.refresh(&app.store, app.now())).await {
            tracing::warn!(event = "keys_not_refreshed", "{fault}");
        }
        let settings = async {
            app.refresh_live().await?;
            notice_retirement(app).await
        };
        if let Err(fault) = counted(app, Job::ReadSettings, settings).await {
            tracing::warn!(event = "settings_not_refreshed", "{fault}");
        }
    }
}

/// Sees to it that nobody is sent to a node whose secret was retired: it was not restarted with the new one.
async fn notice_retirement(app: &App) -> Result<(), Fault> {
    if secret_rotation::is_retired(app).await? {
        app.retired.begin();
        tracing::error!(
            event = "secret_retired",
            "the APP_SECRET of this node was replaced by another one, and no other node opens what it makes: restart it with the new secret"
        );
    }
    Ok(())
}

async fn keep_clean(app: &App) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match counted(app, Job::Sweep, sweep_in_turn(app, BATCH_PAUSE)).await {
            Ok(None | Some(0)) => {}
            Ok(Some(rows)) => tracing::debug!(event = "swept", rows, "expired rows were removed"),
            Err(fault) => tracing::warn!(event = "sweep_failed", "{fault}"),
        }
    }
}

/// As [`sweep`], and removes clients of documents that nobody uses, if no other node has done so in the last minute; `None`
/// if one has.
///
/// # Errors
/// As [`sweep`].
pub async fn sweep_in_turn(app: &App, pause: Duration) -> Result<Option<u64>, Fault> {
    if !is_turn(app, Setting::SweptAt, SWEEP_INTERVAL).await? {
        return Ok(None);
    }
    if let Err(fault) = client_documents::remove_idle(app).await {
        tracing::warn!(event = "idle_clients_not_removed", "{fault}");
    }
    sweep(app, pause).await.map(Some)
}

/// Removes everything that has expired and events that are old enough, batch by batch; how many rows that were.
///
/// # Errors
/// When the database fails; what was removed before stays removed.
pub async fn sweep(app: &App, pause: Duration) -> Result<u64, Fault> {
    let (mut rows, mut turn) = (0, Instant::now());
    loop {
        let mut tx = app.store.begin().await?;
        let swept = tx.sweep(app.now()).await?;
        tx.commit().await?;
        rows += swept.rows;
        if !swept.is_more {
            break;
        }
        hold_turn(app, &mut turn).await?;
        tokio::time::sleep(pause).await;
    }
    loop {
        hold_turn(app, &mut turn).await?;
        let swept = app.store.sweep_events(app.now() - app.live().audit_retention).await?;
        rows += swept.rows;
        if !swept.is_more {
            return Ok(rows);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Keeps other nodes from sweeping, too, while this one goes on.
async fn hold_turn(app: &App, since: &mut Instant) -> Result<(), Fault> {
    if since.elapsed() < TURN {
        return Ok(());
    }
    *since = Instant::now();
    let now = app.now();
    let mut tx = app.store.begin().await?;
    tx.put_setting(Setting::SweptAt, &now.to_string(), now).await?;
    tx.commit().await
}
