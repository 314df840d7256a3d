//! A command that has come to its end.

use std::process::{ExitStatus, Output};

use serde_json::Value;

/// What a command came to.
pub struct Run {
    what: String,
    /// How it ended
    pub status: ExitStatus,
    /// Standard output
    pub stdout: String,
    /// Standard error
    pub stderr: String,
}

impl Run {
    /// What a program came to that somebody else has run.
    pub fn of(what: &str, output: Output) -> Self {
        Self {
            what: what.to_owned(),
            status: output.status,
            stdout: String::from_utf8(output.stdout).expect("text on standard output"),
            stderr: String::from_utf8(output.stderr).expect("text on standard error"),
        }
    }

    /// It succeeded, without a word of complaint; what it printed.
    pub fn done(self) -> String {
        assert!(self.status.success(), "{} failed: {}{}", self.what, self.stdout, self.stderr);
        assert_eq!(self.stderr, "", "{} complained", self.what);
        self.stdout
    }

    /// It succeeded and printed JSON.
    pub fn json(self) -> Value {
        let what = self.what.clone();
        serde_json::from_str(&self.done()).unwrap_or_else(|error| panic!("{what} did not print JSON: {error}"))
    }

    /// It failed, printed nothing for programs, and said why in exactly one line; that line.
    pub fn refused(self) -> String {
        let Self {
            what,
            status,
            stdout,
            stderr,
        } = self;
        assert_eq!(status.code(), Some(1), "{what} must fail: {stdout}{stderr}");
        assert_eq!(stdout, "", "{what} printed something although it failed");
        assert_eq!(stderr.lines().count(), 1, "{what} must say why in one line: {stderr}");
        assert!(stderr.starts_with("gatehouse: "), "{what}: {stderr}");
        stderr.trim_end().to_owned()
    }
}
