//! What the doctor says of the database, as far as that is without opening the installation.

use crate::base::fault::Fault;
use crate::config::Config;
use crate::installation;
use crate::store::{Setting, Store};

use super::{Report, check_installation, clock, files};

pub(super) async fn check(config: &Config, report: &mut Report) {
    if let Some(file) = config.database_url.file() {
        if !file.exists() {
            return files::check_place(file, report);
        }
        files::check_owner("database", file, report);
        if config.app_secret.is_none() {
            files::check_owner("secret", &installation::secret_file(file), report);
        }
    }
    let store = match Store::open(&config.store_options()).await {
        Ok(store) => store,
        Err(fault) => return report.error("database", failed(config, &fault)),
    };
    clock::compare(&store, report).await;
    let looked = look(&store, config, report).await;
    store.close().await;
    match looked {
        Ok(true) => check_installation(config, report).await,
        Ok(false) => {}
        Err(fault) => report.error("database", failed(config, &fault)),
    }
}

/// Why the database cannot be looked at, and what to do where the reason does not say that.
fn failed(config: &Config, fault: &Fault) -> String {
    let url = &config.database_url;
    let said = match fault {
        // Whose fault it is does not matter here.
        Fault::Internal(cause) => cause.clone(),
        other => other.to_string(),
    };
    if url.file().is_none() && said.starts_with("the database does not answer") {
        return format!("{url}: {said}; check that it runs, and DATABASE_URL");
    }
    format!("{url}: {said}")
}

/// Whether there is an installation that can be opened.
async fn look(store: &Store, config: &Config, report: &mut Report) -> Result<bool, Fault> {
    let url = &config.database_url;
    let pending = store.pending_migrations().await?;
    if pending > 0 {
        report.warn(
            "database",
            format!("{url} waits for {pending} migration(s): the next start applies them, or run: gatehouse migrate"),
        );
        return Ok(false);
    }
    match store.unknown_migrations().await? {
        0 => report.ok("database", format!("{url}, schema up to date")),
        unknown => report.warn(
            "database",
            format!("{url}: the schema is newer than this version ({unknown} migration(s) unknown): use the newer version, if you do not mean to go back"),
        ),
    }
    match store.collation().await? {
        Some(collation) if collation.ends_with("_bin") => report.ok("collation", collation),
        Some(collation) => report.error(
            "collation",
            format!("{collation} takes different ids for the same; use utf8mb4_bin"),
        ),
        None => {}
    }
    let mut connection = store.read().await?;
    if connection.setting(Setting::Initialized).await?.is_some() {
        return Ok(true);
    }
    // Opening it would make the secret and the keys, and a doctor only looks.
    if connection.setting(Setting::SecretCheck).await?.is_none() {
        let made = if config.app_secret.is_some() {
            "no secret is bound to this database yet: the first start binds APP_SECRET as it is then"
        } else {
            "there is none yet; the first start makes it, or binds the one that it is given"
        };
        report.ok("secret", made);
    }
    report.ok("keys", "there are none yet; the first start makes them");
    Ok(false)
}
