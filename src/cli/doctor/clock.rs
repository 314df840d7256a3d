//! What the doctor says of the clock.

use std::time::Duration;

use crate::base::clock::Clock;
use crate::cli::output;
use crate::store::Store;

use super::Report;

/// 2026-01-01: no machine that runs this version has an earlier date.
const NOT_BEFORE: i64 = 1_767_225_600;
/// How far clocks may be apart, in milliseconds: that of a node and that of the database, which other nodes are compared with.
const APART: u64 = 2000;
/// From here on codes and tokens are judged wrongly.
const FAR_APART: u64 = 60_000;

pub(super) fn check(report: &mut Report) {
    let now = Clock::system().now();
    if now < NOT_BEFORE {
        report.error(
            "clock",
            format!("the clock says {}: set it, tokens depend on it", output::instant(now)),
        );
    } else {
        report.ok("clock", output::instant(now));
    }
}

/// Compares it with that of the database server.
pub(super) async fn compare(store: &Store, report: &mut Report) {
    match store.clock_ahead(&Clock::system()).await {
        Ok(Some(ahead)) => judge(ahead, report),
        Ok(None) => {}
        Err(fault) => report.error("clock", fault.to_string()),
    }
}

/// Says what it means that the clock of the database is ahead by so many milliseconds.
fn judge(ahead: i64, report: &mut Report) {
    let apart = ahead.unsigned_abs();
    if apart <= APART {
        return report.ok("clock", "agrees with that of the database");
    }
    let message = format!(
        "the clock is {:.1} seconds {} that of the database: set them by the same time server; nodes must agree within two seconds",
        Duration::from_millis(apart).as_secs_f64(),
        if ahead > 0 { "behind" } else { "ahead of" },
    );
    if apart > FAR_APART {
        report.error("clock", message);
    } else {
        report.warn("clock", message);
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::cli::doctor::{Report, State};

    fn judged(ahead: i64) -> (State, String) {
        let mut report = Report(Vec::new());
        judge(ahead, &mut report);
        let finding = report.0.remove(0);
        (finding.state, finding.message)
    }

    #[test]
    fn clocks_that_differ_are_said_to() {
        assert!(judged(0).0 == State::Ok && judged(2000).0 == State::Ok && judged(-2000).0 == State::Ok);
        let (state, message) = judged(2500);
        assert!(state == State::Warning && message.contains("2.5 seconds behind"), "{message}");
        let (state, message) = judged(-7_200_000);
        assert!(state == State::Error && message.contains("7200.0 seconds ahead of"), "{message}");
    }
}
