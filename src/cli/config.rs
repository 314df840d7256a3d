//! `gatehouse config`

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::{Map, Value};

use crate::admin::settings::{self, SettingView};
use crate::app::App;
use crate::config::Config;
use crate::config::registry::{SETTINGS, Setting};
use crate::model::event::Actor;

use super::output::say;
use super::{Failure, output};

#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Show the settings in force, with those that are stored in the database
    List,
    /// Change a setting while servers run: they use the new value within a minute
    Set {
        /// Its name, as "config list" shows it
        key: String,
        /// The new value
        value: String,
    },
    /// Take a change back: the default is in force again
    Unset {
        /// Its name, as "config list" shows it
        key: String,
    },
}

/// Shows what this process was given. It needs no database.
pub fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    if args.json {
        let mut values: Map<String, Value> = SETTINGS
            .iter()
            .map(|setting| (setting.key.to_owned(), (setting.show)(config).into()))
            .collect();
        let source = |setting: &Setting| (setting.key.to_owned(), Value::from(config.source(setting.key).to_string()));
        let sources: Map<String, Value> = SETTINGS.iter().map(source).collect();
        values.insert("sources".to_owned(), sources.into());
        return output::json(&values);
    }
    let rows: Vec<Vec<String>> = SETTINGS
        .iter()
        .map(|setting| {
            vec![
                setting.key.to_owned(),
                (setting.show)(config),
                config.source(setting.key).to_string(),
                setting.env.to_owned(),
            ]
        })
        .collect();
    say!("{}", output::table(&["SETTING", "VALUE", "SOURCE", "ENVIRONMENT"], &rows));
    Ok(())
}

/// What needs the database.
pub async fn run_stored(app: &App, command: Command, json: bool) -> Result<(), Failure> {
    let (key, value) = match command {
        Command::List => return list(app, json).await,
        Command::Set { key, value } => (key, Some(value)),
        Command::Unset { key } => (key, None),
    };
    let app = app.acting_as(Actor::Command);
    let changed = settings::change(&app, &BTreeMap::from([(key.clone(), value)]), None).await?;
    let Some(view) = changed.settings.iter().find(|view| view.key == key) else {
        return Ok(());
    };
    if json {
        return output::json(view);
    }
    say!("{key}: {} ({})", shown(view), source(view));
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let list = settings::list(app).await?;
    if json {
        return output::json(&list);
    }
    let rows: Vec<Vec<String>> = list
        .settings
        .iter()
        .map(|view| {
            let changes = if view.changeable { "while it runs" } else { "with a restart" };
            vec![view.key.clone(), shown(view), source(view), changes.to_owned()]
        })
        .collect();
    say!("{}", output::table(&["SETTING", "VALUE", "SOURCE", "CHANGES"], &rows));
    Ok(())
}

fn shown(view: &SettingView) -> String {
    let hidden = (view.is_secret && view.is_set).then(|| "REDACTED".to_owned());
    view.value.clone().or(hidden).unwrap_or_default()
}

fn source(view: &SettingView) -> String {
    let elsewhere = if view.is_set { "database" } else { "default" };
    view.place.clone().unwrap_or_else(|| elsewhere.to_owned())
}
