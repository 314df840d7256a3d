//! What the server keeps: notes, each belonging to who wrote it. In memory, and not without end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How many people may have notes, how many each, and how long they may be.
const MAX_PEOPLE: usize = 1_000;
const MAX_NOTES: usize = 100;
const MAX_TITLE: usize = 100;
const MAX_TEXT: usize = 2_000;

/// By subject and title.
#[derive(Default)]
pub struct Notes(Mutex<BTreeMap<String, BTreeMap<String, String>>>);

impl Notes {
    /// The notes of a person.
    pub fn of(&self, subject: &str) -> BTreeMap<String, String> {
        self.all().get(subject).cloned().unwrap_or_default()
    }

    /// Writes a note.
    ///
    /// # Errors
    /// What there is too much of.
    pub fn write(&self, subject: &str, title: &str, text: &str) -> Result<(), String> {
        if title.is_empty() || title.chars().count() > MAX_TITLE {
            return Err(format!("a title has 1 to {MAX_TITLE} characters"));
        }
        if text.chars().count() > MAX_TEXT {
            return Err(format!("a note has at most {MAX_TEXT} characters"));
        }
        let mut all = self.all();
        if !all.contains_key(subject) && all.len() >= MAX_PEOPLE {
            return Err("nobody else can have notes here".to_owned());
        }
        let own = all.entry(subject.to_owned()).or_default();
        if !own.contains_key(title) && own.len() >= MAX_NOTES {
            return Err(format!("nobody has more than {MAX_NOTES} notes"));
        }
        own.insert(title.to_owned(), text.to_owned());
        Ok(())
    }

    /// How many notes each person has.
    pub fn count(&self) -> BTreeMap<String, usize> {
        self.all().iter().map(|(subject, own)| (subject.clone(), own.len())).collect()
    }

    /// Removes the notes of a person; how many there were.
    pub fn remove(&self, subject: &str) -> usize {
        self.all().remove(subject).map_or(0, |own| own.len())
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
