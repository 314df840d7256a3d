//! `gatehouse config`

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::registry::SETTINGS;

use super::output::say;
use super::{Failure, output};

#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    if args.json {
        let values: BTreeMap<&str, String> = SETTINGS.iter().map(|setting| (setting.key, (setting.show)(config))).collect();
        return output::json(&values);
    }
    let rows: Vec<Vec<String>> = SETTINGS
        .iter()
        .map(|setting| vec![setting.key.to_owned(), (setting.show)(config), setting.env.to_owned()])
        .collect();
    say!("{}", output::table(&["SETTING", "VALUE", "ENVIRONMENT"], &rows));
    Ok(())
}
