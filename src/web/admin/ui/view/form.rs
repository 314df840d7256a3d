//! A form: its fields, the version of the thing that it changes, and what became of sending it.

use actix_web::http::StatusCode;
use askama::Template;

use crate::admin::AdminError;
use crate::protocol::parameters::Parameters;
use crate::web::error::{self, Error};

use super::field::Field;
use super::page::text;

/// Fields that stand together; with a summary they are folded.
struct Group {
    summary: Option<String>,
    fields: Vec<Field>,
}

impl Group {
    /// Nothing that is wrong hides.
    fn is_open(&self) -> bool {
        self.fields.iter().any(|field| field.problem.is_some())
    }
}

/// A form.
#[derive(Template)]
#[template(path = "admin/parts/form.html")]
pub struct Form {
    action: String,
    csrf: String,
    label: String,
    version: Option<String>,
    hidden: Vec<(String, String)>,
    problem: Option<String>,
    groups: Vec<Group>,
    submit: String,
    cancel: Option<String>,
    is_danger: bool,
}

impl Form {
    pub(super) fn new(action: String, csrf: String, submit: &str) -> Self {
        Self {
            action,
            csrf,
            label: String::new(),
            version: None,
            hidden: Vec::new(),
            problem: None,
            groups: Vec::new(),
            submit: submit.to_owned(),
            cancel: None,
            is_danger: false,
        }
    }

    /// What its button says.
    pub fn submit(mut self, submit: &str) -> Self {
        submit.clone_into(&mut self.submit);
        self
    }

    /// The version of the thing that it changes.
    pub fn version(mut self, version: impl ToString) -> Self {
        self.version = Some(version.to_string());
        self
    }

    /// Sends a value along.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.hidden.push((name.to_owned(), value.into()));
        self
    }

    /// A field.
    pub fn field(mut self, field: Field) -> Self {
        match self.groups.last_mut() {
            Some(group) if group.summary.is_none() => group.fields.push(field),
            _ => self.groups.push(Group {
                summary: None,
                fields: vec![field],
            }),
        }
        self
    }

    /// A field that may be missing.
    pub fn maybe(self, field: Option<Field>) -> Self {
        match field {
            Some(field) => self.field(field),
            None => self,
        }
    }

    /// Fields that most people need not see.
    pub fn folded(mut self, summary: &str, fields: Vec<Field>) -> Self {
        self.groups.push(Group {
            summary: Some(summary.to_owned()),
            fields,
        });
        self
    }

    /// Where to go without sending it.
    pub fn cancel(mut self, href: String) -> Self {
        self.cancel = Some(href);
        self
    }

    /// Sending it takes something away.
    pub fn danger(mut self) -> Self {
        self.is_danger = true;
        self
    }

    /// For those who may only look: everything can be read and nothing sent.
    pub fn locked_unless(mut self, may_write: bool) -> Self {
        if !may_write {
            self.submit.clear();
            for group in &mut self.groups {
                for field in std::mem::take(&mut group.fields) {
                    group.fields.push(field.locked(true));
                }
            }
        }
        self
    }

    /// The form once more, with what was typed and what was wrong with it. It was made of what is saved now:
    /// when somebody else was faster, both are shown, and sending it again replaces what it shows.
    ///
    /// # Errors
    /// When showing the form again does not help: the thing is gone, or the server failed.
    pub fn again(mut self, error: AdminError, typed: &Parameters) -> Result<(Self, StatusCode), Error> {
        let is_changed = matches!(error, AdminError::Changed | AdminError::VersionRequired);
        for field in self.groups.iter_mut().flat_map(|group| &mut group.fields) {
            let saved = field.shown();
            field.fill(typed);
            if is_changed {
                field.compare(saved);
            }
        }
        if !is_changed && self.version.is_some() {
            // Still the one that was read when the form was opened.
            self.version = Some(text(typed, "version").to_owned());
        }
        let status = error::status_of(&error);
        match error {
            AdminError::Invalid { field, message } => self.blame(&field, message),
            AdminError::Conflict { field, message } => self.blame(field.unwrap_or_default(), message.into_owned()),
            AdminError::Changed | AdminError::VersionRequired => {
                let message = "Somebody else changed this while you were editing, so nothing was saved. Fields that differ show what is saved now. Correct what you typed if need be, and save again to replace it.";
                self.problem = Some(message.to_owned());
            }
            gone @ (AdminError::InvalidParameter { .. } | AdminError::NotFound | AdminError::Fault(_)) => return Err(gone.into()),
        }
        Ok((self, status))
    }

    /// Puts a message at the field that it is about, or above all fields.
    fn blame(&mut self, path: &str, message: String) {
        let name = path.split(['[', '.']).next().unwrap_or_default();
        let message = sentence(&message);
        match self
            .groups
            .iter_mut()
            .flat_map(|group| &mut group.fields)
            .find(|field| field.name == name)
        {
            Some(field) => field.problem = Some(message),
            None => self.problem = Some(message),
        }
    }

    fn has_problem(&self) -> bool {
        self.problem.is_some() || self.at_fault().next().is_some()
    }

    fn at_fault(&self) -> impl Iterator<Item = &Field> {
        self.groups
            .iter()
            .flat_map(|group| &group.fields)
            .filter(|field| field.problem.is_some())
    }
}

/// A message of the engine as a sentence.
pub fn sentence(message: &str) -> String {
    let mut text = message.to_owned();
    let is_address = text.starts_with("http://") || text.starts_with("https://");
    if let Some(first) = text.get_mut(0..1).filter(|_| !is_address) {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
