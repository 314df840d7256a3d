//! Processes whose clocks a test sets: libfaketime tells each of them the time that a file says.

use std::path::PathBuf;

use super::cluster::{Cluster, SIZE};
use super::flows::every_flow_goes_from_node_to_node;
use crate::cli::database::{Database, Kind};
use crate::support::process::Sandbox;
use crate::support::tools::faketime;

/// By how much the clock of each node is ahead of that of the machine, in seconds: four between the last two.
pub const AHEAD: [i64; SIZE] = [0, 2, -2];

/// The clocks of all nodes.
pub struct Clocks {
    folder: PathBuf,
}

impl Clocks {
    /// Clocks for the nodes of this sandbox, in whose folder the files are.
    pub fn of(sandbox: &Sandbox) -> Self {
        let clocks = Self {
            folder: sandbox.folder().to_owned(),
        };
        clocks.set(0);
        clocks
    }

    fn file(&self, node: usize) -> PathBuf {
        self.folder.join(format!("clock-{node}"))
    }

    /// A node with its clock. What it waits for comes by that clock, too.
    pub fn give(&self, at: usize, node: Sandbox) -> Sandbox {
        let (library, file) = (faketime(), self.file(at));
        node.with("LD_PRELOAD", library.to_str().expect("a path in UTF-8"))
            .with("FAKETIME_TIMESTAMP_FILE", file.to_str().expect("a path in UTF-8"))
            .with("FAKETIME_NO_CACHE", "1")
    }

    /// Sets all of them so many seconds ahead, beyond what is between them.
    pub fn set(&self, elapsed: i64) {
        for (node, ahead) in AHEAD.iter().enumerate() {
            // At once: nobody reads half of it.
            let written = self.folder.join("clock");
            std::fs::write(&written, format!("{:+}", elapsed + ahead)).expect("a file is written");
            std::fs::rename(&written, self.file(node)).expect("a file is renamed");
        }
    }
}

async fn every_flow(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let clocks = Clocks::of(&sandbox);
    let (cluster, secret) = Cluster::start_each(sandbox, |at, node| clocks.give(at, node)).await;
    // The clocks do differ: in steps of a second, and as much as that may be between two answers.
    let mut told = Vec::new();
    for node in 0..SIZE {
        let answer = super::cluster::fresh_http()
            .get(format!("{}/readyz", cluster.at(node)))
            .send()
            .await;
        let date = answer.expect("an answer").headers()["date"].to_str().expect("a date").to_owned();
        told.push(time::OffsetDateTime::parse(&date, &time::format_description::well_known::Rfc2822).expect("a date"));
    }
    let between = (told[1] - told[2]).whole_seconds();
    assert!((3..=5).contains(&between), "{told:?}");
    every_flow_goes_from_node_to_node(&cluster, &secret).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_goes_on_when_clocks_differ_on_postgres() {
    every_flow(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_goes_on_when_clocks_differ_on_mysql() {
    every_flow(Kind::MySql).await;
}
