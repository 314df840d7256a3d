//! What a running server reads again when its operator asks for it. Whoever has read something at the start says here how it
//! is read again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Config;

/// What reading again came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reread {
    /// It is as it was
    Unchanged(String),
    /// Something else is in force now
    Changed(String),
    /// It cannot be used, so what was in force is in force still; the reason is for the log only
    Failed(String),
}

/// What is read again.
pub struct Part {
    /// Its name, for operators
    pub name: &'static str,
    /// Reads it again and takes it over; may wait for a disk
    pub read: Box<dyn Fn() -> Reread + Send + Sync>,
}

/// How the settings are read again: flags, environment and file.
pub type Settings = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// What was read again.
pub struct ReadAgain {
    /// Each part by its name, and what came of it
    pub parts: Vec<(&'static str, Reread)>,
    /// The settings, when it was said how they are read
    pub settings: Option<Result<Config, String>>,
}

/// Everything that is read again.
#[derive(Default)]
pub struct Reload {
    parts: Mutex<Vec<Part>>,
    settings: Mutex<Option<Settings>>,
    turn: tokio::sync::Mutex<()>,
}

impl Reload {
    /// Adds a part.
    pub fn add(&self, part: Part) {
        lock(&self.parts).push(part);
    }

    /// Says how the settings are read again.
    pub fn settings_from(&self, settings: Settings) {
        *lock(&self.settings) = Some(settings);
    }

    /// One at a time: whoever asks later sees what was there later.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Reads every part again, and the settings, which are not taken over yet. Waits for a disk.
    #[must_use]
    pub fn read(&self) -> ReadAgain {
        ReadAgain {
            parts: lock(&self.parts).iter().map(|part| (part.name, (part.read)())).collect(),
            settings: lock(&self.settings).as_ref().map(|read| read()),
        }
    }
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(lock(&self.parts).iter().map(|part| part.name)).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
