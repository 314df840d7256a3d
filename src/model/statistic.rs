//! What is counted, and how many there are: numbers for charts, never for decisions.
//!
//! Counting must cost nothing, so it happens in memory; a job adds the counts of a node to the database
//! every few seconds. A crash loses those few seconds of counts and nothing else.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::base::measure::Counter;

/// A number that is kept for every hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Sign-ins that succeeded
    SignIns,
    /// Sign-ins that failed
    FailedSignIns,
    /// Token answers to an authorization code
    CodeTokens,
    /// Token answers to a refresh token
    RefreshTokens,
    /// Token answers to client credentials
    ClientTokens,
    /// Token answers to a token exchange
    ExchangedTokens,
    /// Grants that are alive; a sample
    ActiveGrants,
    /// Sessions that are alive; a sample
    Sessions,
}

impl Statistic {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::SignIns,
        Self::FailedSignIns,
        Self::CodeTokens,
        Self::RefreshTokens,
        Self::ClientTokens,
        Self::ExchangedTokens,
        Self::ActiveGrants,
        Self::Sessions,
    ];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIns => "sign_ins",
            Self::FailedSignIns => "failed_sign_ins",
            Self::CodeTokens => "tokens_authorization_code",
            Self::RefreshTokens => "tokens_refresh_token",
            Self::ClientTokens => "tokens_client_credentials",
            Self::ExchangedTokens => "tokens_token_exchange",
            Self::ActiveGrants => "active_grants",
            Self::Sessions => "sessions",
        }
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::SignIns => "Sign-ins",
            Self::FailedSignIns => "Failed sign-ins",
            Self::CodeTokens => "Authorization code",
            Self::RefreshTokens => "Refresh token",
            Self::ClientTokens => "Client credentials",
            Self::ExchangedTokens => "Token exchange",
            Self::ActiveGrants => "Active grants",
            Self::Sessions => "Sessions",
        }
    }

    /// Whether it is a sample of how many there are, not a count of what happened.
    #[must_use]
    pub fn is_sample(self) -> bool {
        matches!(self, Self::ActiveGrants | Self::Sessions)
    }
}

/// Counts of this node.
#[derive(Debug, Default)]
pub struct Counters {
    /// Those that were not yet added to the database
    pending: [AtomicI64; Statistic::ALL.len()],
    /// Since the process began
    totals: [Counter; Statistic::ALL.len()],
}

impl Counters {
    /// One more.
    pub fn count(&self, statistic: Statistic) {
        self.pending[statistic as usize].fetch_add(1, Ordering::Relaxed);
        self.totals[statistic as usize].one_more();
    }

    /// How many since the process began.
    #[must_use]
    pub fn total(&self, statistic: Statistic) -> u64 {
        self.totals[statistic as usize].value()
    }

    /// Gives back what could not be added.
    pub fn put_back(&self, counts: &[(Statistic, i64)]) {
        for (statistic, count) in counts {
            self.pending[*statistic as usize].fetch_add(*count, Ordering::Relaxed);
        }
    }

    /// Takes everything that was counted since.
    #[must_use]
    pub fn take(&self) -> Vec<(Statistic, i64)> {
        Statistic::ALL
            .into_iter()
            .map(|statistic| (statistic, self.pending[statistic as usize].swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}
