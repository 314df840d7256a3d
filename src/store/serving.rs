//! Who serves a SQLite file. One process should: what nodes count and keep is shared by way of a database server only.
//!
//! Whoever serves holds a lock of a file beside the database, which ends with the process, however that ends. It keeps nobody from
//! anything: commands do not look at it, and a server that takes the place of another one runs beside it for a moment.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::Store;

/// The lock of this process, once it has it.
#[derive(Debug, Default)]
pub(super) struct Serving(OnceLock<File>);

impl Store {
    /// Whether no other process serves this database, as far as can be seen. If so, others see from now on that this one does, until
    /// the store is dropped. PostgreSQL and MySQL are for any number of nodes: there it is always true.
    ///
    /// # Errors
    /// When the file of the lock cannot be made, or the file system has no locks.
    pub fn is_served_alone(&self) -> io::Result<bool> {
        match self.url.file() {
            Some(database) => self.serving.take(database),
            None => Ok(true),
        }
    }
}

impl Serving {
    fn take(&self, database: &Path) -> io::Result<bool> {
        if self.0.get().is_some() {
            return Ok(true);
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        unix(&mut options);
        let file = options.open(place(database)?)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("what stands in the place of the lock is no file"));
        }
        match file.try_lock() {
            Ok(()) => {
                // It stays where it is when this is over: whoever removed it could remove the one of somebody else.
                let _ = self.0.set(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whoever else may write there leads nobody to another file, and holds nobody up with a pipe.
#[cfg(unix)]
fn unix(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    options
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
}

/// The file of the lock: beside the database itself, where its path is a link.
fn place(database: &Path) -> io::Result<PathBuf> {
    let mut name = fs::canonicalize(database)?.into_os_string();
    name.push(".serving");
    Ok(PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Serving;

    #[test]
    fn one_has_the_lock_until_it_goes_away() {
        let folder = tempfile::TempDir::new().unwrap();
        let (database, other) = (folder.path().join("gatehouse.db"), folder.path().join("other.db"));
        fs::write(&database, "").unwrap();
        fs::write(&other, "").unwrap();
        let (first, second, third) = (Serving::default(), Serving::default(), Serving::default());
        assert!(first.take(&database).unwrap());
        assert!(first.take(&database).unwrap(), "it has it still");
        assert!(!second.take(&database).unwrap());
        assert!(third.take(&other).unwrap(), "another database");
        assert!(folder.path().join("gatehouse.db.serving").exists());
        drop(first);
        assert!(second.take(&database).unwrap());
        assert!(Serving::default().take(&folder.path().join("nothing.db")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_leads_to_the_same_lock() {
        let folder = tempfile::TempDir::new().unwrap();
        let (database, link) = (folder.path().join("gatehouse.db"), folder.path().join("link.db"));
        fs::write(&database, "").unwrap();
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let (first, second) = (Serving::default(), Serving::default());
        assert!(first.take(&database).unwrap());
        assert!(!second.take(&link).unwrap());
    }
}
