//! `gatehouse workload`

use std::collections::BTreeMap;

use clap::Subcommand;

use crate::admin::AdminError;
use crate::admin::workloads::{self as engine, WorkloadView};
use crate::app::App;
use crate::federation::workloads::{self, NewWorkload};
use crate::model::workload::{Workload, WorkloadSettings};
use crate::protocol::scope::Scope;

use super::output::say;
use super::{Failure, output};

/// What people see below the flags.
const EXAMPLE: &str = "\
Example:

  gatehouse client add Assistant --id assistant \\
      --client-credentials --token-exchange --scope \"openid vault\" \\
      --redirect-uri http://localhost:3000/callback
  gatehouse workload add calendar-agent --client assistant \\
      --display-name \"Calendar agent\" \\
      --ceiling google=https://www.googleapis.com/auth/calendar.readonly \\
      --ceiling \"other=openid profile\" \\
      --return-uri https://assistant.example.com/connected";

#[derive(Subcommand)]
pub enum Command {
    /// Add a workload: an agent that a client owns
    #[command(after_help = EXAMPLE)]
    Add(Add),
    /// List workloads
    List {
        /// Only those of this client
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a workload: it gets nothing, and its tokens are dead
    Disable {
        /// Its name
        name: String,
    },
    /// Let a disabled workload work again
    Enable {
        /// Its name
        name: String,
    },
    /// Remove a workload with its connections, which are taken back at the providers a moment later
    #[command(visible_alias = "delete")]
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(clap::Args)]
pub struct Add {
    /// Its name: letters, digits, dots, dashes and underscores
    name: String,
    /// The client that owns it, and gets tokens for it
    #[arg(long, value_name = "CLIENT_ID")]
    client: String,
    /// What people read when it asks for something; its name unless set
    #[arg(long, value_name = "NAME", default_value = "")]
    display_name: String,
    #[arg(
        long = "ceiling",
        value_name = "PROVIDER=SCOPES",
        help = "A provider that it may have tokens of, and the most that it may ask for there, separated by spaces; repeat for several. \
                Nothing is allowed at others, unless with --no-ceilings"
    )]
    ceilings: Vec<String>,
    /// Let it ask for anything at the providers whose owner is its client, where it has no ceiling
    #[arg(long)]
    no_ceilings: bool,
    /// Where people may be sent back to after they were asked; repeat for several
    #[arg(long = "return-uri", value_name = "URI")]
    return_uris: Vec<String>,
    /// Let it name people by their ids, without a token of theirs: it then acts for everybody who has an account
    #[arg(long)]
    may_name_users: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(add) => create(app, add).await,
        Command::List { client, json } => list(app, client.as_deref(), json).await,
        Command::Disable { name } => set_disabled(app, &name, true).await,
        Command::Enable { name } => set_disabled(app, &name, false).await,
        Command::Remove { name } => {
            let workload = find(app, &name).await?;
            workloads::delete(app, &workload).await?;
            say!("{name} is removed.");
            Ok(())
        }
    }
}

async fn create(app: &App, add: Add) -> Result<(), Failure> {
    let new = NewWorkload {
        name: add.name,
        client_id: add.client,
        settings: WorkloadSettings {
            display_name: add.display_name,
            return_uris: add.return_uris,
            ceilings: ceilings(&add.ceilings)?,
            has_no_ceilings: add.no_ceilings,
            may_name_users: add.may_name_users,
            ..WorkloadSettings::default()
        },
    };
    let workload = workloads::create(app, new).await?;
    if add.json {
        return output::json(&WorkloadView::from(workload));
    }
    say!("{} is added.", workload.name);
    let providers = app.store.read().await?.providers().await?;
    if let Some(lacks) = engine::lacks_of_owner(app, &workload).await? {
        say!(
            "Note: the client {} lacks {lacks}: its agents get nothing before that is mended",
            workload.client_id
        );
    }
    for id in workload.ceilings.keys() {
        if !providers.iter().any(|provider| provider.id == *id) {
            say!("Note: there is no provider {id} yet; see them with: gatehouse provider list");
        }
    }
    Ok(())
}

fn ceilings(given: &[String]) -> Result<BTreeMap<String, Scope>, Failure> {
    let mut ceilings = BTreeMap::new();
    for (provider, scope) in super::pairs("--ceiling", given)? {
        let scope = Scope::parse(&scope).map_err(|refusal| format!("--ceiling {provider}: {}", refusal.description))?;
        ceilings.insert(provider, scope);
    }
    Ok(ceilings)
}

async fn find(app: &App, name: &str) -> Result<Workload, Failure> {
    match engine::find(app, name).await {
        Err(AdminError::NotFound) => Err(format!("there is no workload {name}; see them with: gatehouse workload list").into()),
        found => Ok(found?),
    }
}

async fn set_disabled(app: &App, name: &str, is_disabled: bool) -> Result<(), Failure> {
    let workload = find(app, name).await?;
    let settings = WorkloadSettings {
        is_disabled,
        ..workload.settings.clone()
    };
    workloads::change(app, workload, settings).await?;
    say!("{name} is {}.", if is_disabled { "disabled" } else { "enabled" });
    Ok(())
}

async fn list(app: &App, client_id: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut workloads = app.store.read().await?.every_workload().await?;
    workloads.retain(|workload| client_id.is_none_or(|id| workload.client_id == id));
    workloads.sort_by(|left, right| left.name.cmp(&right.name));
    if json {
        let shown: Vec<WorkloadView> = workloads.into_iter().map(WorkloadView::from).collect();
        return output::json(&shown);
    }
    let rows: Vec<Vec<String>> = workloads
        .into_iter()
        .map(|workload| {
            let mut ceilings: Vec<&str> = workload.ceilings.keys().map(String::as_str).collect();
            if workload.has_no_ceilings {
                ceilings.push(if ceilings.is_empty() { "its client's" } else { "and its client's" });
            }
            vec![
                workload.name.clone(),
                workload.client_id.clone(),
                workload.display_name.clone(),
                ceilings.join(" "),
                if workload.may_name_users { "tokens and ids" } else { "tokens" }.to_owned(),
                if workload.is_disabled { "disabled" } else { "active" }.to_owned(),
            ]
        })
        .collect();
    let header = ["NAME", "CLIENT", "DISPLAY NAME", "PROVIDERS", "NAMES PEOPLE BY", "STATE"];
    say!("{}", output::table(&header, &rows));
    Ok(())
}
