//! How it ends when it does not end well: in plain words, and with a status for each kind.

use std::process::ExitCode;

use crate::gateway::problem::{Kind, Problem};

/// Why there is no greeting.
#[derive(Debug)]
pub enum End {
    /// Something is wrong
    Problem(Problem),
    /// It was told to stop, by this signal
    Stopped(Signal),
}

/// A signal that ends it.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Ctrl-C
    Interrupt,
    /// SIGTERM
    Terminate,
}

impl End {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stopped(_) => "stopped",
            Self::Problem(problem) => match problem.kind {
                Kind::Configuration => "configuration",
                Kind::Credentials => "credentials",
                Kind::Oauth => "sign-in and consent",
                Kind::Gateway => "gateway",
                Kind::Identity => "identity",
            },
        }
    }

    /// What the person who started it is told.
    pub fn message(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.message,
            Self::Stopped(Signal::Interrupt) => "by Ctrl-C",
            Self::Stopped(Signal::Terminate) => "by SIGTERM",
        }
    }

    /// The status of the process. 2 is that of clap, too, for flags that are wrong.
    pub fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Problem(problem) => match problem.kind {
                Kind::Configuration => 2,
                Kind::Credentials => 3,
                Kind::Oauth => 4,
                Kind::Gateway => 5,
                Kind::Identity => 6,
            },
            Self::Stopped(Signal::Interrupt) => 130,
            Self::Stopped(Signal::Terminate) => 143,
        })
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
