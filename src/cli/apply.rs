//! `gatehouse apply`

use std::fmt::Write as _;
use std::io::{IsTerminal, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::admin::declaration::{self, Action, Change, FieldChange, Plan, PlanError, Problem, Pruning, Source};
use crate::app::App;
use crate::config::sources::Sources;
use crate::model::event::Actor;

use super::output::{printable, say};
use super::{Failure, output};

/// What people see below the flags.
const EXAMPLE: &str = "\
Example, gatehouse.yaml:

  settings:
    access_token_lifetime: 10m
  scopes:
    photos:read:
      description: See your photos
  clients:
    photo-album:
      client_name: Photo Album
      redirect_uris:
        - https://photos.example.com/callback
      scope: openid profile photos:read
      client_secret_env: PHOTO_ALBUM_SECRET
    nightly-report:
      kind: service
      client_name: Nightly report
      scope: photos:read
    assistant:
      kind: service
      client_name: Assistant
      scope: vault
  providers:
    google:
      name: Google
      preset: google
      client_id: 1234567890-abc.apps.googleusercontent.com
      client_secret_env: GOOGLE_SECRET
  workloads:
    calendar-agent:
      client_id: assistant
      ceilings:
        google: https://www.googleapis.com/auth/calendar.readonly
  users:
    alice:
      email: alice@example.com
      email_verified: true
      profile:
        name: Alice Adams
      password_file: alice.password

  gatehouse apply -f gatehouse.yaml --dry-run     # show what would change
  gatehouse apply -f gatehouse.yaml               # change it

The fields are those of the admin API. What is left out has the default, for clients that of their
kind (web, spa, native, service or mcp). Sections that are not there are not touched. Secrets and passwords are named by
client_secret_env, client_secret_file, password_env or password_file (providers: private_key_env and api_key_env, too);
a password is used only when the user is made. Everything is applied in one transaction: all of it or nothing.

Exit codes: 0 done or nothing to do, 1 failed. With --detailed-exitcode: 0 nothing to do, 2 there were
changes (or would be, with --dry-run), 1 failed.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// File to apply, or - for standard input; repeat for several, which must not name the same thing twice
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove what is not named, in the sections that are there; the scopes that every server defines stay
    #[arg(long)]
    prune: bool,
    /// With --prune: remove providers although people have connections there, with these, which are taken back there
    #[arg(long, requires = "prune")]
    with_connections: bool,
    /// Do not ask before something is removed
    #[arg(long)]
    yes: bool,
    /// End with 2 when there were changes, or would be
    #[arg(long)]
    detailed_exitcode: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    fn pruning(&self) -> Pruning {
        match (self.prune, self.with_connections) {
            (false, _) => Pruning::Nothing,
            (true, false) => Pruning::Unnamed,
            (true, true) => Pruning::WithConnections,
        }
    }
}

pub async fn run(app: &App, args: Args) -> Result<ExitCode, Failure> {
    let app = app.acting_as(Actor::Command);
    let sources = sources(&args.files)?;
    let declared = declaration::read(&app, &sources, &Sources::environment()).map_err(|problems| refusal(&problems))?;
    let plan = match declaration::plan(&app, declared, args.pruning()).await {
        Ok(plan) => plan,
        Err(PlanError::Problems(problems)) => return Err(refusal(&problems)),
        Err(PlanError::Fault(fault)) => return Err(fault.into()),
    };
    let code = ExitCode::from(if args.detailed_exitcode && !plan.is_empty() { 2 } else { 0 });
    if !args.json {
        say!("{}", describe(&plan));
    }
    let mut report = json!({
        "dry_run": args.dry_run,
        "summary": {
            "create": plan.count(Action::Create),
            "update": plan.count(Action::Update),
            "delete": plan.count(Action::Delete),
            "unchanged": plan.unchanged,
        },
        "changes": plan.changes,
        "notes": plan.notes,
        "client_secrets": {},
    });
    if !args.dry_run && !plan.is_empty() {
        confirm(&plan, &args)?;
        let applied = declaration::apply(&app, plan).await?;
        if !args.json {
            say!("Applied.");
            for (client_id, secret) in &applied.secrets {
                say!("client_secret of {client_id}: {secret}   (shown once)");
            }
        }
        report["client_secrets"] = json!(applied.secrets);
    }
    if args.json {
        output::json(&report)?;
    }
    Ok(code)
}

fn sources(files: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for file in files {
        let is_input = file.as_os_str() == "-";
        let name = if is_input {
            "standard input".to_owned()
        } else {
            file.display().to_string()
        };
        let text = if is_input {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(file)
        };
        sources.push(Source {
            text: text.map_err(|error| format!("cannot read {name}: {error}"))?,
            name,
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
        });
    }
    Ok(sources)
}

fn refusal(problems: &[Problem]) -> Failure {
    match problems {
        [only] => printable(&only.to_string()).into(),
        problems => {
            let mut text = format!("there are {} problems; nothing was changed", problems.len());
            for problem in problems {
                let _ = write!(text, "\n  {}", printable(&problem.to_string()));
            }
            text.into()
        }
    }
}

/// Asks before something is removed; where nobody can be asked it takes `--yes`.
fn confirm(plan: &Plan, args: &Args) -> Result<(), Failure> {
    let count = plan.count(Action::Delete);
    if count == 0 || args.yes {
        return Ok(());
    }
    let reads_input = args.files.iter().any(|file| file.as_os_str() == "-");
    if reads_input || args.json || !std::io::stdin().is_terminal() {
        return Err(format!(
            "{count} would be removed, and there is nobody to ask: look at --dry-run, then say --yes; nothing was changed"
        )
        .into());
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{count} will be removed. Go on? Only yes is taken: ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err("nothing was changed".into())
}

fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        describe_change(&mut text, change);
    }
    for note in &plan.notes {
        let _ = writeln!(text, "Note: {note}");
    }
    let unchanged = plan.unchanged;
    if plan.is_empty() {
        let _ = write!(text, "Nothing to do: {unchanged} as declared.");
    } else {
        let counts = [Action::Create, Action::Update, Action::Delete].map(|action| plan.count(action));
        let [create, update, delete] = counts;
        let _ = write!(
            text,
            "{create} to create, {update} to change, {delete} to remove, {unchanged} unchanged."
        );
    }
    text
}

fn describe_change(text: &mut String, change: &Change) {
    let sign = match change.action {
        Action::Create => '+',
        Action::Update => '~',
        Action::Delete => '-',
    };
    let _ = writeln!(text, "{sign} {}.{}", change.section.as_str(), printable(&change.key));
    for field in &change.fields {
        describe_field(text, change.action, field);
    }
}

fn describe_field(text: &mut String, action: Action, change: &FieldChange) {
    let FieldChange { field, before, after } = change;
    let field = printable(field);
    let _ = match (before, after) {
        (Value::Array(before), Value::Array(after)) if has_same_order(before, after) => {
            let _ = writeln!(text, "    {field}:");
            for item in before.iter().filter(|item| !after.contains(item)) {
                let _ = writeln!(text, "      - {}", printable(&item.to_string()));
            }
            for item in after.iter().filter(|item| !before.contains(item)) {
                let _ = writeln!(text, "      + {}", printable(&item.to_string()));
            }
            Ok(())
        }
        (_, after) if action == Action::Create => writeln!(text, "    {field}: {}", shown(after)),
        (before, after) => writeln!(text, "    {field}: {} → {}", shown(before), shown(after)),
    };
}

/// Whether what both lists have is in the same order in both, so that the rest tells the whole difference.
fn has_same_order(before: &[Value], after: &[Value]) -> bool {
    let kept = before.iter().filter(|item| after.contains(item));
    kept.eq(after.iter().filter(|item| before.contains(item)))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        value => printable(&value.to_string()),
    }
}
