//! The secret of an installation: where it is, and whether the database was made with it.
//!
//! While one secret takes the place of another, some things are sealed with either. The setting `secret_check` names every
//! secret of which that can be true, and whoever opens the installation must have all of them.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::base::encoding::base64url;
use crate::base::random::Random;
use crate::config::Config;
use crate::keys::retired;
use crate::keys::secrets::{MIN_APP_SECRET, Secrets};
use crate::store::{Setting, Store};

use super::OpenError;

/// The file in which a server with SQLite keeps the secret that it made.
#[must_use]
pub fn secret_file(database: &Path) -> PathBuf {
    database.with_extension("secret")
}

/// The file of the secret whose place that one takes.
#[must_use]
pub fn previous_secret_file(database: &Path) -> PathBuf {
    database.with_extension("secret.previous")
}

/// The secret that seals. Where files say it, they say the previous one, too.
pub(super) async fn resolve(config: &mut Config, store: &Store, random: &Random) -> Result<SecretString, OpenError> {
    if let Some(secret) = &config.app_secret {
        return Ok(secret.clone());
    }
    let Some(database) = config.database_url.file().map(Path::to_owned) else {
        return Err(OpenError::Refused("APP_SECRET is not set".to_owned()));
    };
    let file = secret_file(&database);
    if let Some(secret) = read(&file)? {
        if let Some(previous) = read(&previous_secret_file(&database))?
            && config.previous_secret().is_none()
            // Otherwise somebody was interrupted who wanted to replace it.
            && previous.expose_secret() != secret.expose_secret()
        {
            config.replace_secret(previous);
        }
        return Ok(secret);
    }
    if store.read().await?.setting(Setting::SecretCheck).await?.is_none() {
        return create(&file, random);
    }
    // Another process may have made both since: first the file, then what is in the database.
    read(&file)?.ok_or_else(|| {
        OpenError::Refused(format!(
            "{} is missing, and {} was made with the secret that was in it: restore the file, or set APP_SECRET",
            file.display(),
            database.display()
        ))
    })
}

fn read(file: &Path) -> Result<Option<SecretString>, OpenError> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().chars().count() >= MIN_APP_SECRET => Ok(Some(SecretString::from(text.trim()))),
        Ok(_) => Err(OpenError::Refused(format!(
            "{} holds no usable secret: restore it from a backup",
            file.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Refused(format!("cannot read {}: {error}", file.display()))),
    }
}

/// Gives a file the owner of the one whose place it takes: whoever replaces it may be root, and the server is not.
#[cfg(unix)]
fn keep_owner(file: &Path, draft: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let (before, now) = (std::fs::metadata(file)?, std::fs::metadata(draft)?);
    if (before.uid(), before.gid()) == (now.uid(), now.gid()) {
        return Ok(());
    }
    let given = chown(draft, Some(before.uid()), Some(before.gid()));
    // Whoever may not do so is not root. To the one who owns the old file a group of theirs is as good as another.
    match given {
        Err(error) if before.uid() != now.uid() => Err(io::Error::new(
            error.kind(),
            format!(
                "it belongs to the user with the number {}, and the new one must, too: run this as that user, with sudo -u ({error})",
                before.uid()
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a new secret into a file beside the one that it is meant for.
fn draft(file: &Path, random: &Random) -> io::Result<PathBuf> {
    let draft = file.with_extension(format!("secret-{}", base64url(&random.bytes::<9>())));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let secret = SecretString::from(base64url(&random.bytes::<48>()));
    let mut handle = options.open(&draft)?;
    handle.write_all(secret.expose_secret().as_bytes())?;
    handle.write_all(b"\n")?;
    handle.sync_all()?;
    Ok(draft)
}

/// Writes a new secret beside the database. The file appears whole or not at all: it is written
/// under another name, made durable, and linked; of two processes one wins and both read the same.
fn create(file: &Path, random: &Random) -> Result<SecretString, OpenError> {
    let failed = |error: io::Error| OpenError::Refused(format!("cannot create {}: {error}", file.display()));
    let draft = draft(file, random).map_err(failed)?;
    let linked = std::fs::hard_link(&draft, file);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read(file)?.ok_or_else(|| OpenError::Refused(format!("{} vanished", file.display())))
}

/// Puts a new secret into the place of the one in the file, which is kept beside it; false when one is kept there already. The
/// new file has the owner of the old one. Whatever happens meanwhile, the file holds one of both, and the old one is in one of
/// the two files.
///
/// # Errors
/// [`OpenError::Refused`] when a file cannot be read or written.
pub fn replace_secret_file(database: &Path, random: &Random) -> Result<bool, OpenError> {
    let (file, previous) = (secret_file(database), previous_secret_file(database));
    let failed = |error: io::Error| OpenError::Refused(format!("cannot replace {}: {error}", file.display()));
    let current = read(&file)?.ok_or_else(|| failed(io::Error::from(ErrorKind::NotFound)))?;
    let draft = draft(&file, random).map_err(failed)?;
    let replaced = replace(&file, &previous, &current, &draft);
    // It is there only where it was not put into its place.
    let _ = std::fs::remove_file(&draft);
    replaced
}

fn replace(file: &Path, previous: &Path, current: &SecretString, draft: &Path) -> Result<bool, OpenError> {
    let failed = |error: io::Error| OpenError::Refused(format!("cannot replace {}: {error}", file.display()));
    keep_owner(file, draft).map_err(failed)?;
    match read(previous)? {
        // Somebody was interrupted after the first step.
        Some(kept) if kept.expose_secret() == current.expose_secret() => {}
        Some(_) => return Ok(false),
        None => std::fs::hard_link(file, previous).map_err(failed)?,
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    std::fs::rename(draft, file).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    Ok(true)
}

/// Refuses secrets with which something in the database would not open, and notes the one that seals from now on.
pub(super) async fn check(store: &Store, secrets: &Secrets, now: i64) -> Result<(), OpenError> {
    let newest = secrets.check_value();
    let mut connection = store.read().await?;
    let stored = connection.setting(Setting::SecretCheck).await?;
    let replaced = connection.setting(Setting::RetiredSecrets).await?.unwrap_or_default();
    drop(connection);
    if let Some(stored) = &stored {
        judge(stored, &replaced, secrets)?;
        if names(stored, &newest) {
            return Ok(());
        }
    }
    if stored.is_none() {
        // In a transaction of its own: MySQL lets all who met the row of another share it, and none of them could hold it then.
        let mut tx = store.begin().await?;
        tx.insert_setting(Setting::SecretCheck, &newest, now).await?;
        tx.commit().await?;
    }
    let mut tx = store.begin().await?;
    tx.hold_setting(Setting::SecretCheck).await?;
    let stored = tx.setting(Setting::SecretCheck).await?.unwrap_or_default();
    judge(&stored, &replaced, secrets)?;
    if !names(&stored, &newest) {
        tx.put_setting(Setting::SecretCheck, &format!("{newest} {stored}"), now).await?;
        tracing::warn!(
            event = "secret_replaced",
            "APP_SECRET takes the place of the previous one: when every server has been started with it, run: gatehouse secret rotate"
        );
    }
    tx.commit().await?;
    Ok(())
}

fn names(stored: &str, value: &str) -> bool {
    stored.split(' ').any(|named| named == value)
}

fn judge(stored: &str, replaced: &str, secrets: &Secrets) -> Result<(), OpenError> {
    let refused = |text: &str| Err(OpenError::Refused(text.to_owned()));
    let known: Vec<String> = secrets.check_values().collect();
    let is_known = |value: &str| known.iter().any(|known| known == value);
    if retired::holds(replaced, &secrets.check_value()) {
        return refused(
            "APP_SECRET was replaced by another one, and nothing is sealed with it any more. Nothing was changed; start with the new secret",
        );
    }
    if stored.split(' ').all(is_known) {
        return Ok(());
    }
    if stored.contains(' ') {
        return refused(
            "one secret takes the place of another, and this database needs both: set APP_SECRET_PREVIOUS besides APP_SECRET (or APP_SECRET_NEXT, before the change); gatehouse secret rotate ends that. Nothing was changed",
        );
    }
    refused(
        "APP_SECRET is not the one this database was made with: its keys would not open. Nothing was changed; start with the right secret",
    )
}
