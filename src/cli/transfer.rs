//! `gatehouse transfer`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;

use crate::admin::declaration::Origin;
use crate::config::sources::Sources;
use crate::installation;
use crate::store::{self, DatabaseUrl};

use super::output::say;
use super::{Failure, output};

/// Time between two lines of progress about one table.
const INTERVAL: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[expect(clippy::doc_markdown, reason = "a help text, shown as it stands")]
#[command(
    long_about = "Move everything from one database to another: SQLite, PostgreSQL and MySQL, in every direction\n\n\
Stop every server first: nobody may have the source open, and nobody can write to it meanwhile. The target is a new database; its \
tables are made here. Everything is written in one transaction and compared with the source before it is committed, so the \
target has all rows or none.\n\nA URL with a password does not belong on a command line, which everybody on the machine can \
read: name a variable or a file instead."
)]
pub struct Args {
    /// Where everything is: sqlite://FILE, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", conflicts_with_all = ["from_env", "from_file"], required_unless_present_any = ["from_env", "from_file"])]
    from: Option<String>,
    /// The environment variable that holds this URL
    #[arg(long, value_name = "NAME", conflicts_with = "from_file")]
    from_env: Option<String>,
    /// The file that holds this URL
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Where everything is to be
    #[arg(long, value_name = "URL", conflicts_with_all = ["to_env", "to_file"], required_unless_present_any = ["to_env", "to_file"])]
    to: Option<String>,
    /// The environment variable that holds this URL
    #[arg(long, value_name = "NAME", conflicts_with = "to_file")]
    to_env: Option<String>,
    /// The file that holds this URL
    #[arg(long, value_name = "FILE")]
    to_file: Option<PathBuf>,
    /// A database user of the source who never writes and may stay there, such as one who watches the database; may be repeated
    #[arg(long = "bystander", value_name = "USER")]
    bystanders: Vec<String>,
}

pub async fn run(args: &Args) -> Result<(), Failure> {
    let from = url("from", args.from.as_deref(), args.from_env.as_deref(), args.from_file.as_deref())?;
    let to = url("to", args.to.as_deref(), args.to_env.as_deref(), args.to_file.as_deref())?;
    let mut shown_at = Instant::now();
    let mut progress = |table: &str, rows: u64, is_all: bool| {
        if is_all {
            eprintln!("{table}: {rows} rows");
        } else if shown_at.elapsed() >= INTERVAL {
            eprintln!("{table}: {rows} rows so far");
            shown_at = Instant::now();
        }
    };
    let sums = store::transfer(&from, &to, &args.bystanders, &mut progress).await?;
    let total: u64 = sums.iter().map(|sum| sum.rows).sum();
    let rows: Vec<Vec<String>> = sums
        .into_iter()
        .map(|sum| vec![sum.table, sum.rows.to_string(), sum.digest])
        .collect();
    say!("{}", output::table(&["TABLE", "ROWS", "DIGEST"], &rows));
    say!("{total} rows of {} tables are in {to}, and the same as in {from}.", rows.len());
    let secret = match from.file().map(installation::secret_file).filter(|file| file.exists()) {
        Some(file) => format!("APP_SECRET set to what is in {}", file.display()),
        None => "the APP_SECRET that they have had".to_owned(),
    };
    say!("Start the servers with DATABASE_URL set to the new one and {secret}; then remove the old database.");
    Ok(())
}

fn url(name: &str, given: Option<&str>, variable: Option<&str>, file: Option<&Path>) -> Result<DatabaseUrl, Failure> {
    let origin = match (given, variable, file) {
        (Some(text), ..) => return parsed(name, text),
        (None, Some(variable), _) => Origin::Environment(variable.to_owned()),
        (None, None, Some(file)) => Origin::File(file.display().to_string()),
        (None, None, None) => return Err(format!("--{name} is missing").into()),
    };
    let text = origin.fetch(&Sources::environment(), Path::new(""))?.text;
    parsed(name, text.expose_secret().trim())
}

fn parsed(name: &str, text: &str) -> Result<DatabaseUrl, Failure> {
    DatabaseUrl::parse(text).map_err(|problem| format!("--{name}: {problem}").into())
}
