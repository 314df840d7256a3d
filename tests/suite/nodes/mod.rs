//! Many nodes over one database: what one does, the others see; what one was told, no other forgets.
//!
//! `flows`, `agents` and `races` go through a proxy that gives each request to another node; `kills` and `restarts` take nodes and
//! database away under load and compare with what was acknowledged (`ledger`); `clocks` and `skew` have nodes whose clocks differ;
//! in `deadlock` and `undone` the database sides with somebody else;
//! `keys`, `jobs` and `upgrade` are about what happens beside the requests; `migrations` reads the schema's files.

mod agents;
mod clocks;
mod cluster;
mod deadlock;
mod flows;
mod isolation;
mod jobs;
mod keys;
mod kills;
mod ledger;
mod migrations;
mod races;
mod restarts;
pub mod servers;
mod skew;
mod undone;
mod upgrade;
