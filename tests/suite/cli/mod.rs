//! The program as a process: what operators see of it, and what survives what happens to it.

/// Runs `async fn NAME(kind: Kind)` as a test on each of the three databases.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use crate::cli::database::Kind;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$name(Kind::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name(Kind::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() {
                super::$name(Kind::MySql).await;
            }
        })+
    };
}

mod automation;
mod configuration;
pub mod crash;
pub mod database;
mod declaration;
mod doctor;
mod federation;
mod first_start;
mod health;
mod help;
mod key_rotation;
mod large;
mod lines;
mod log_secrecy;
mod monitoring;
mod nodes;
mod outage;
pub mod person;
mod proxy;
mod quickstart;
mod records;
mod round;
mod settings;
mod stop;
