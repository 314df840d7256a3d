//! What the tests share: the application under test on each of the three databases, a browser
//! without JavaScript, a real one, and a client of the protocol.

pub mod app;
pub mod application;
pub mod assertion;
pub mod browser;
pub mod certificate;
pub mod chrome;
pub mod client;
pub mod curl;
pub mod database;
pub mod elsewhere;
pub mod keys;
pub mod process;
pub mod round_robin;
pub mod suite;
pub mod tls_wire;
pub mod tools;
pub mod wire;

pub use app::TestApp;
pub use browser::{Browser, Page};
pub use chrome::Chrome;
pub use database::Database;

/// Runs a test on SQLite, PostgreSQL and MariaDB, each with a fresh database.
macro_rules! on_every_database {
    ($($(#[$about:meta])* async fn $name:ident($app:ident: TestApp) $body:block)+) => {
        $($(#[$about])* mod $name {
            use super::*;

            async fn run($app: TestApp) {
                $body
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(TestApp::start($crate::support::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(TestApp::start($crate::support::Database::Postgres).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mysql() {
                run(TestApp::start($crate::support::Database::MySql).await).await;
            }
        })+
    };
}

pub(crate) use on_every_database;
