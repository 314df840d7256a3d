//! `gatehouse backup`

use std::path::PathBuf;

use crate::base::random::Random;
use crate::config::Config;
use crate::installation;
use crate::store;

use super::Failure;
use super::output::say;

#[derive(clap::Args)]
pub struct Args {
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

pub async fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    if let Some(database) = config.database_url.file().filter(|file| !file.exists()) {
        return Err(super::no_database(database).into());
    }
    let random = Random::system();
    let bytes = tokio::select! {
        bytes = store::backup(&config.database_url, &args.to, &random) => bytes?,
        // What is written already is removed then.
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            return Err("interrupted: there is no backup".into());
        }
    };
    say!("Wrote {}: {bytes} bytes, checked.", args.to.display());
    match secrets(config).as_slice() {
        [one] => say!("The secret is not in it: keep a copy of {one} somewhere else. Without it the backup is lost."),
        several => say!(
            "The secrets are not in it, and one of them takes the place of another: keep copies of {} somewhere else. Without all of them the backup is lost.",
            several.join(" and ")
        ),
    }
    if let Some(file) = config.vault_keys_file() {
        say!("Nor are the vault keys: keep a copy of {}, too.", file.display());
    }
    Ok(())
}

/// What has to be kept beside the copy so that everything in it opens.
fn secrets(config: &Config) -> Vec<String> {
    let mut needed: Vec<String> = match (&config.app_secret, config.database_url.file()) {
        (None, Some(database)) => {
            // While the previous one is there, something may be sealed with it.
            let previous = Some(installation::previous_secret_file(database)).filter(|file| file.exists());
            let files = std::iter::once(installation::secret_file(database)).chain(previous);
            files.map(|file| file.display().to_string()).collect()
        }
        _ => vec!["APP_SECRET".to_owned()],
    };
    if config.previous_secret().is_some() {
        needed.push("APP_SECRET_PREVIOUS".to_owned());
    }
    // Other nodes may seal with it already.
    if config.next_secret().is_some() {
        needed.push("APP_SECRET_NEXT".to_owned());
    }
    needed
}
