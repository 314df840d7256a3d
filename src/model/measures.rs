//! What a node counts for whoever watches it, besides what store, keys and the way out count for themselves.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::measure::{Counter, Histogram, JOBS, Moment};

use super::limit::{By, Class};
use super::traffic::Traffic;

/// Something that happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Removing what has expired
    Sweep,
    /// Removing registrations that nobody uses
    Reap,
    /// Replacing signing keys that have signed long enough
    RotateKeys,
    /// Reading signing keys again
    ReadKeys,
    /// Reading settings again
    ReadSettings,
    /// Sealing the audit log
    SealAudit,
    /// Writing statistics
    WriteStatistics,
    /// Waking those who wait for what another node has received
    Wake,
    /// Taking back at providers what is gone here
    TakeBack,
    /// Telling other nodes who is near a limit
    TellLimits,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Sweep,
        Self::Reap,
        Self::RotateKeys,
        Self::ReadKeys,
        Self::ReadSettings,
        Self::SealAudit,
        Self::WriteStatistics,
        Self::Wake,
        Self::TakeBack,
        Self::TellLimits,
    ];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Reap => "reap",
            Self::RotateKeys => "rotate_keys",
            Self::ReadKeys => "read_keys",
            Self::ReadSettings => "read_settings",
            Self::SealAudit => "seal_audit",
            Self::WriteStatistics => "write_statistics",
            Self::Wake => "wake",
            Self::TakeBack => "take_back",
            Self::TellLimits => "tell_limits",
        }
    }
}

/// What is counted of a job.
#[derive(Debug)]
pub struct JobRuns {
    /// Runs that did what they were for
    pub succeeded: Counter,
    /// Runs that failed
    pub failed: Counter,
    /// How long they took
    pub durations: Histogram,
    /// When one last did what it was for
    pub succeeded_at: Moment,
}

impl Default for JobRuns {
    fn default() -> Self {
        Self {
            succeeded: Counter::default(),
            failed: Counter::default(),
            durations: Histogram::of(JOBS),
            succeeded_at: Moment::default(),
        }
    }
}

/// What came of agreeing on keys with somebody who connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// There are keys
    Success,
    /// There was no understanding, or the client went away
    Failure,
    /// It took too long
    Timeout,
    /// It was not begun: the network begins too many
    Refused,
}

impl Handshake {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Timeout, Self::Refused];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        }
    }
}

/// How often that was.
#[derive(Debug, Default)]
pub struct Handshakes([Counter; Handshake::ALL.len()]);

impl Handshakes {
    /// How often it came to this.
    #[must_use]
    pub fn of(&self, outcome: Handshake) -> &Counter {
        &self.0[outcome as usize]
    }
}

/// Of what there was not enough when somebody was turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Connections in all
    Connections,
    /// Connections of one address
    ConnectionsOfAddress,
    /// Connections of a /48 of IPv6
    ConnectionsAround,
    /// Requests that are open over HTTP/2, in all
    Requests,
    /// Requests of one address that are open over HTTP/2
    RequestsOfAddress,
    /// Long heads, in all or of one address
    LongHeads,
    /// Frames of HTTP/2 that ask for nothing, on one connection
    EmptyFrames,
}

impl NoRoom {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Connections,
        Self::ConnectionsOfAddress,
        Self::ConnectionsAround,
        Self::Requests,
        Self::RequestsOfAddress,
        Self::LongHeads,
        Self::EmptyFrames,
    ];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsOfAddress => "connections_of_address",
            Self::ConnectionsAround => "connections_around",
            Self::Requests => "requests",
            Self::RequestsOfAddress => "requests_of_address",
            Self::LongHeads => "long_heads",
            Self::EmptyFrames => "empty_frames",
        }
    }
}

/// How often somebody was.
#[derive(Debug, Default)]
pub struct TurnedAway([Counter; NoRoom::ALL.len()]);

impl TurnedAway {
    /// How often for this reason.
    #[must_use]
    pub fn of(&self, reason: NoRoom) -> &Counter {
        &self.0[reason as usize]
    }
}

/// What is counted here.
#[derive(Debug, Default)]
pub struct Measures {
    /// Requests
    pub traffic: Traffic,
    /// Sign-ins that were refused because of too many failures before
    pub throttled_sign_ins: Counter,
    jobs: [JobRuns; Job::ALL.len()],
    limited: [[Counter; By::ALL.len()]; Class::ALL.len()],
    /// TLS of the listener
    pub handshakes: Arc<Handshakes>,
    /// Whom the listener had no room for
    pub turned_away: Arc<TurnedAway>,
    /// When the process began
    pub started_at: Moment,
    /// Until when the certificate of the listener is valid
    pub certificate_ends_at: Arc<Moment>,
}

impl Measures {
    /// What is counted of a job.
    #[must_use]
    pub fn job(&self, job: Job) -> &JobRuns {
        &self.jobs[job as usize]
    }

    /// A job has run.
    pub fn ran(&self, job: Job, has_succeeded: bool, time: Duration, now: Timestamp) {
        let runs = self.job(job);
        if has_succeeded {
            runs.succeeded.one_more();
            runs.succeeded_at.set(now);
        } else {
            runs.failed.one_more();
        }
        runs.durations.took(time);
    }

    /// Requests that were refused because somebody asked too often.
    #[must_use]
    pub fn limited(&self, class: Class, by: By) -> &Counter {
        &self.limited[class as usize][by as usize]
    }
}
