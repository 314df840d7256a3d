//! What a service manager is told, if one has started the process (systemd: `Type=notify-reload`).

use std::time::Duration;

use sd_notify::NotifyState;

/// The server takes requests, after the start or after reading again.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The server has begun to read again; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager is not told of a reload"),
    }
}

/// The server has begun to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says that the process lives, twice as often as it is asked to; never, when nobody asks.
pub async fn live() {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) else {
        return;
    };
    let mut ticks = tokio::time::interval((patience / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// Without a service manager nothing is sent.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(event = "service_manager_not_told", "the service manager cannot be told: {error}");
    }
}
