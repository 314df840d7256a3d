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
    let secret = match (&config.app_secret, config.database_url.file()) {
        (None, Some(database)) => installation::secret_file(database).display().to_string(),
        _ => "APP_SECRET".to_owned(),
    };
    say!("The secret is not in it: keep a copy of {secret} somewhere else. Without it the backup is lost.");
    if let Some(file) = config.vault_keys_file() {
        say!("Nor are the vault keys: keep a copy of {}, too.", file.display());
    }
    Ok(())
}
