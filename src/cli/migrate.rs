//! `gatehouse migrate`

use crate::config::Config;
use crate::store::Store;

use super::Failure;
use super::output::say;

pub async fn run(config: &Config) -> Result<(), Failure> {
    let store = Store::open(&config.store_options()).await?;
    let pending = store.pending_migrations().await?;
    store.migrate().await?;
    store.close().await;
    say!(
        "{}",
        if pending == 0 {
            "The schema is up to date.".to_owned()
        } else {
            format!("Applied {pending} migration(s).")
        }
    );
    Ok(())
}
