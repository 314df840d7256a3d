//! What happens by itself: removing what has expired, and reading keys and
//! settings again.

use std::time::Duration;

use crate::app::App;
use crate::base::fault::Fault;

/// Time between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// Time between two batches of one sweep, so that requests come first.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// Runs the jobs until the task is aborted.
pub async fn run(app: App) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(fault) = app.keys.refresh(&app.store, app.now()).await {
            tracing::warn!(event = "keys_not_refreshed", "{fault}");
        }
        if let Err(fault) = app.refresh_live().await {
            tracing::warn!(event = "settings_not_refreshed", "{fault}");
        }
        match sweep(&app, BATCH_PAUSE).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(event = "swept", rows, "expired rows were removed"),
            Err(fault) => tracing::warn!(event = "sweep_failed", "{fault}"),
        }
    }
}

/// Removes everything that has expired, batch by batch; how many rows that were.
///
/// # Errors
/// When the database fails; what was removed before stays removed.
pub async fn sweep(app: &App, pause: Duration) -> Result<u64, Fault> {
    let mut rows = 0;
    loop {
        let mut tx = app.store.begin().await?;
        let swept = tx.sweep(app.now()).await?;
        tx.commit().await?;
        rows += swept.rows;
        if !swept.is_more {
            return Ok(rows);
        }
        tokio::time::sleep(pause).await;
    }
}
