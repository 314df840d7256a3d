//! Moving an installation from one database to another, of the same kind or not.
//!
//! ```text
//! source: nobody else is there ── nobody else may write ── pages of each table ──┐
//! target: empty, migrated, nobody else may write, still empty ── one transaction ── rows ◀─────┘ ── all read again, compared ── commit
//! ```
//!
//! Which tables there are, what is in them and by what their rows are known is read from the target, whose tables this program
//! has just made (`catalog.rs`); the source must have the same. So no table and no column can be forgotten. `ends.rs` is what
//! the databases do each in their own way, `rows.rs` reads and writes.

mod catalog;
mod ends;
mod rows;

use crate::base::fault::Fault;

use super::migrate;
use super::options::DatabaseUrl;

use catalog::Table;
use ends::{Source, Target};
use rows::Sum;

/// Why nothing was transferred, if that is known. The target is as it was, save that its tables may be there now.
#[derive(Debug)]
pub enum TransferError {
    /// The operator must do something; the text says what
    Refused(String),
    /// Whether the target has everything or nothing is not known; the text says what to do
    Unknown(String),
    /// A database failed
    Fault(Fault),
}

impl std::fmt::Display for TransferError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(text) | Self::Unknown(text) => f.write_str(text),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for TransferError {}

impl From<Fault> for TransferError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What was transferred of one table, and found in the target afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSum {
    /// Its name
    pub table: String,
    /// How many rows
    pub rows: u64,
    /// 64 hexadecimal digits that depend on every value of every row, and not on their order
    pub digest: String,
}

/// Is told how many rows of a table are done, and whether those are all.
pub type Progress<'a> = dyn FnMut(&str, u64, bool) + Send + 'a;

/// Copies all rows of one database into another, empty one, in one transaction, and compares what is there then. Nobody but the
/// database users `bystanders` may have the source open, and nobody can write to either meanwhile. `progress` is told how many rows of a
/// table are done, and whether those are all.
///
/// # Errors
/// [`TransferError::Refused`] when source and target are not fit for it, or their contents differ in the end. The target has no
/// rows then. [`TransferError::Unknown`] when the connection broke while the target was told to keep them.
pub async fn transfer(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    bystanders: &[String],
    progress: &mut Progress<'_>,
) -> Result<Vec<TableSum>, TransferError> {
    sqlx::any::install_default_drivers();
    let refused = |text: String| Err(TransferError::Refused(text));
    if from == to {
        return refused(format!("source and target are the same database, {from}"));
    }
    if from.file().is_some_and(|file| !file.exists()) {
        return refused(format!("there is no database at {from}"));
    }
    check_version(from).await?;
    let mut source = Source::open(from, bystanders).await?;
    let tables = source.tables().await?;
    // It may be a mistake, and an installation that people use.
    if to.file().is_none_or(std::path::Path::exists) {
        is_not_newer(to).await?;
        ends::look(to, &tables).await?;
    }
    to.create_file()?;
    migrate::run(to.dialect(), &to.connect_options()?, &[]).await?;
    check_version(to).await?;
    let mut target = Target::open(to).await?;
    let of_target = target.tables().await?;
    if let Some(difference) = catalog::difference(&tables, &of_target) {
        return refused(format!("{from} and {to} do not have the same tables: {difference}"));
    }
    source.hold(&tables).await?;
    target.begin(&tables).await?;
    let outcome = fill(&mut source, &mut target, &tables, progress).await;
    // Whoever came meanwhile waits, and would write to a database that is of no use any more.
    let outcome = match outcome {
        Ok(sums) => source.is_alone().await.map(|()| sums),
        failed => failed,
    };
    match outcome {
        Ok(sums) => {
            target.commit().await?;
            source.close().await;
            Ok(sums)
        }
        Err(error) => {
            target.abandon().await;
            source.close().await;
            Err(error)
        }
    }
}

async fn is_not_newer(url: &DatabaseUrl) -> Result<(), TransferError> {
    if migrate::is_newer(url.dialect(), &url.connect_options()?).await? {
        return Err(TransferError::Refused(format!(
            "a newer version of gatehouse has migrated {url}: transfer it with that one"
        )));
    }
    Ok(())
}

async fn check_version(url: &DatabaseUrl) -> Result<(), TransferError> {
    is_not_newer(url).await?;
    match migrate::pending(url.dialect(), &url.connect_options()?).await? {
        0 => Ok(()),
        pending => Err(TransferError::Refused(format!(
            "{url} waits for {pending} migration(s): run gatehouse migrate on it first"
        ))),
    }
}

async fn fill(
    source: &mut Source,
    target: &mut Target,
    tables: &[Table],
    progress: &mut Progress<'_>,
) -> Result<Vec<TableSum>, TransferError> {
    let mut copied = Vec::with_capacity(tables.len());
    for table in tables {
        copied.push((table, copy(source, target, table, progress).await?));
    }
    let mut sums = Vec::with_capacity(tables.len());
    for (table, sum) in copied {
        let found = target.sum(table).await?;
        if found != sum {
            return Err(TransferError::Refused(format!(
                "the table {} is not in the target as it is in the source ({} rows there, {} here): nothing was transferred",
                table.name, found.rows, sum.rows
            )));
        }
        sums.push(TableSum {
            table: table.name.clone(),
            rows: sum.rows,
            digest: sum.digest(),
        });
    }
    Ok(sums)
}

async fn copy(source: &mut Source, target: &mut Target, table: &Table, progress: &mut Progress<'_>) -> Result<Sum, TransferError> {
    let mut sum = Sum::default();
    let mut last = None;
    loop {
        let page = source.page(table, last.as_ref()).await?;
        let Some(end) = page.last() else {
            progress(&table.name, sum.rows, true);
            return Ok(sum);
        };
        last = Some(table.key_of(end));
        for row in &page {
            sum.add(row);
        }
        target.insert(table, page).await?;
        progress(&table.name, sum.rows, false);
    }
}
