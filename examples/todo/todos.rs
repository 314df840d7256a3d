//! The lists, one for each person. They know people by `sub` and nothing of sign-ins.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The longest list.
pub const MAX_TODOS: usize = 200;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// Its number in the list of its person
    pub id: u64,
    /// What is to be done
    pub title: String,
    /// Whether it is done
    pub is_done: bool,
}

/// Why something was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no title
    Empty,
    /// The title has more than [`MAX_TITLE`] characters
    TooLong,
    /// The list has [`MAX_TODOS`] already
    Full,
}

#[derive(Default)]
struct List {
    todos: Vec<Todo>,
    last_id: u64,
}

/// Everybody's list, in memory.
#[derive(Default)]
pub struct Todos {
    lists: Mutex<HashMap<String, List>>,
}

impl Todos {
    /// The list of a person, the oldest first.
    pub fn of(&self, subject: &str) -> Vec<Todo> {
        self.with(subject, |list| list.todos.clone())
    }

    /// Adds something to the end.
    ///
    /// # Errors
    /// When the title is none, or the list is full.
    pub fn add(&self, subject: &str, title: &str) -> Result<(), Refused> {
        // One line, without what is not to be seen.
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        if title.is_empty() {
            return Err(Refused::Empty);
        }
        if title.chars().count() > MAX_TITLE {
            return Err(Refused::TooLong);
        }
        self.with(subject, |list| {
            if list.todos.len() >= MAX_TODOS {
                return Err(Refused::Full);
            }
            list.last_id += 1;
            list.todos.push(Todo {
                id: list.last_id,
                title,
                is_done: false,
            });
            Ok(())
        })
    }

    /// Says that something is done, or is not done after all.
    pub fn set_done(&self, subject: &str, id: u64, is_done: bool) {
        self.with(subject, |list| {
            if let Some(todo) = list.todos.iter_mut().find(|todo| todo.id == id) {
                todo.is_done = is_done;
            }
        });
    }

    /// Takes something off the list.
    pub fn delete(&self, subject: &str, id: u64) {
        self.with(subject, |list| list.todos.retain(|todo| todo.id != id));
    }

    /// Takes everything off that is done.
    pub fn clear(&self, subject: &str) {
        self.with(subject, |list| list.todos.retain(|todo| !todo.is_done));
    }

    fn with<T>(&self, subject: &str, act: impl FnOnce(&mut List) -> T) -> T {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        act(lists.entry(subject.to_owned()).or_default())
    }
}
