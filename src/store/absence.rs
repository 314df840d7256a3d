//! Why there is no database, in words for the operator, and that it is there again.
//!
//! A pool only says how long it has waited: while nothing listens at the server's address it tries again, and keeps to itself
//! what it was told. So one connection is tried outside of it, once a second at most, however many wait.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::ErrorCode;
use sqlx::{AnyConnection, Connection as _};
use tokio::time::timeout;

use crate::base::fault::Fault;
use crate::base::latest::Latest;
use crate::base::process;

use super::error::{Error, fault};
use super::options::DatabaseUrl;

/// How long a connection is tried outside of the pool. Whoever is told the reason has waited for the pool before.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it holds what came of that.
const LIFETIME: Duration = Duration::from_secs(1);

/// What is known of a server that cannot be reached.
#[derive(Debug, Default)]
pub(super) struct Absence {
    is_away: AtomicBool,
    last: Latest<Attempt>,
}

/// What came of one connection.
#[derive(Clone, Debug)]
enum Attempt {
    /// There is one
    Connected,
    /// There is none, for this reason
    Refused(String),
    /// Nothing came back
    Silent,
}

impl Absence {
    /// A connection was had.
    pub(super) fn end(&self) {
        if self.is_away.load(Ordering::Relaxed) && self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!(event = "database_back", "the database answers again");
        }
    }

    /// Why none was had.
    pub(super) async fn explain(&self, url: &DatabaseUrl, error: Error) -> Fault {
        let waited = match error {
            Error::Server(waited @ sqlx::Error::PoolTimedOut) => waited,
            Error::Server(error) => return self.noted(of_server(url, error)),
            error => return self.noted(fault(error)),
        };
        // What is said again is not noted again: meanwhile somebody may have had a connection.
        let noted = async {
            let attempt = attempt(url).await;
            if !matches!(attempt, Attempt::Connected) {
                self.is_away.store(true, Ordering::Relaxed);
            }
            attempt
        };
        match self.last.of(LIFETIME, noted).await {
            // It is there, and this node asks it for too much.
            Attempt::Connected => Fault::database(format!("{waited}: it takes connections, and all of the pool are in use")),
            Attempt::Refused(reason) => Fault::Unavailable(reason),
            Attempt::Silent => Fault::database(format!("{waited}: nothing comes back from its address")),
        }
    }

    fn noted(&self, fault: Fault) -> Fault {
        if matches!(fault, Fault::Unavailable(_)) {
            self.is_away.store(true, Ordering::Relaxed);
        }
        fault
    }
}

async fn attempt(url: &DatabaseUrl) -> Attempt {
    let Ok(options) = url.connect_options() else {
        return Attempt::Silent;
    };
    match timeout(PATIENCE, AnyConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => {
            let _ = timeout(PATIENCE, connection.close()).await;
            Attempt::Connected
        }
        Ok(Err(error)) => Attempt::Refused(of_server(url, error).to_string()),
        Err(_) => Attempt::Silent,
    }
}

/// What a server says of a connection.
fn of_server(url: &DatabaseUrl, error: sqlx::Error) -> Fault {
    url.refused(&error).unwrap_or_else(|| fault(error))
}

/// Why a file cannot be opened that is there. SQLite only says that it cannot, and most often it is somebody else's.
pub(super) fn of_file(file: &Path, error: Error) -> Fault {
    let is_closed = match &error {
        Error::File(error) => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
        ),
        Error::Server(_) | Error::Closed => false,
    };
    if !is_closed {
        return fault(error);
    }
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let places = [file.to_owned(), beside("-wal"), beside("-shm"), process::folder(file).to_owned()];
    let other = places
        .iter()
        .find_map(|place| process::other_owner(place).map(|(owner, user)| (place, owner, user)));
    let why = match other {
        Some((place, owner, user)) => format!(
            "{} belongs to the user with the number {owner}, and this is the one with the number {user}: run this as the other one, with sudo -u, or give it to this one, with chown",
            place.display()
        ),
        None => "see whether this user may read and write it, and the folder that it is in".to_owned(),
    };
    Fault::Unavailable(format!("{} cannot be opened by this user ({error}); {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Absence, Attempt, attempt};
    use crate::base::fault::Fault;
    use crate::store::error::Error;
    use crate::store::options::DatabaseUrl;

    async fn said(absence: &Absence, url: &DatabaseUrl) -> String {
        let fault = absence.explain(url, Error::Server(sqlx::Error::PoolTimedOut)).await;
        assert!(matches!(fault, Fault::Unavailable(_)), "{fault}");
        fault.to_string()
    }

    #[tokio::test]
    async fn the_last_error_of_a_connection_is_said() {
        sqlx::any::install_default_drivers();
        let absence = Absence::default();
        // Nothing listens there.
        let url = DatabaseUrl::parse("postgres://gate:hunter2@127.0.0.1:1/gatehouse").unwrap();
        let text = said(&absence, &url).await;
        assert!(
            text.starts_with("the database does not answer: ") && text.contains("refused"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        assert!(absence.is_away.load(super::Ordering::Relaxed));
        absence.end();
        assert!(!absence.is_away.load(super::Ordering::Relaxed));
    }

    #[tokio::test]
    async fn it_is_said_when_nothing_comes_back() {
        sqlx::any::install_default_drivers();
        // It takes connections and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://gate@{}/gatehouse", silent.local_addr().unwrap());
        let url = DatabaseUrl::parse(&url).unwrap();
        let text = said(&Absence::default(), &url).await;
        assert!(text.ends_with("nothing comes back from its address"), "{text}");
    }

    #[tokio::test]
    async fn too_few_connections_are_no_absence() {
        sqlx::any::install_default_drivers();
        let absence = Absence::default();
        let url = DatabaseUrl::parse("postgres://gate@127.0.0.1:1/gatehouse").unwrap();
        // Somebody has tried already.
        absence.last.of(Duration::ZERO, async { Attempt::Connected }).await;
        let text = said(&absence, &url).await;
        assert!(text.ends_with("all of the pool are in use"), "{text}");
        assert!(!absence.is_away.load(super::Ordering::Relaxed));
        assert!(matches!(attempt(&url).await, Attempt::Refused(_)));
    }
}
