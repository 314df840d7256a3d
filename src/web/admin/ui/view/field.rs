//! A field of a form: label, hint, what was typed, and what is wrong with it.

use askama::Template;

use crate::protocol::parameters::Parameters;

/// What a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line of text
    Text,
    /// A web address
    Url,
    /// An e-mail address
    Email,
    /// A whole number
    Number,
    /// Something that is not shown while it is typed
    Password,
    /// Several lines, each a value
    Lines,
    /// Any of some choices
    Checks,
    /// One of some choices, all in sight
    Radios,
    /// One of some choices
    Select,
    /// Yes or no
    Check,
    /// Any of some choices, each with a line of text of its own
    Rows,
}

/// Something to choose.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is sent
    pub value: String,
    /// What people read
    pub label: String,
    /// An explanation
    pub text: String,
    /// Whether it is chosen
    pub is_chosen: bool,
    /// What stands in its line of text, where it has one
    pub line: String,
}

impl Choice {
    /// Something to choose.
    pub fn new(value: &str, label: &str, text: &str, is_chosen: bool) -> Self {
        Self {
            value: value.to_owned(),
            label: label.to_owned(),
            text: text.to_owned(),
            is_chosen,
            line: String::new(),
        }
    }

    /// With this in its line of text.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.line = line.into();
        self
    }
}

/// A field.
#[derive(Template)]
#[template(path = "admin/parts/field.html")]
pub struct Field {
    /// Its name in the form, and in the API
    pub name: String,
    /// What it is called
    pub label: String,
    /// What is wrong with it
    pub problem: Option<String>,
    kind: Kind,
    value: String,
    choices: Vec<Choice>,
    hint: String,
    saved: Option<String>,
    is_required: bool,
    is_optional_shown: bool,
    is_locked: bool,
    autocomplete: &'static str,
}

impl Field {
    /// A field of some kind.
    pub fn new(kind: Kind, name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            problem: None,
            kind,
            value: String::new(),
            choices: Vec::new(),
            hint: String::new(),
            saved: None,
            is_required: false,
            is_optional_shown: false,
            is_locked: false,
            autocomplete: "off",
        }
    }

    /// A line of text.
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Text, name, label)
    }

    /// Yes or no.
    pub fn check(name: impl Into<String>, label: impl Into<String>, is_on: bool) -> Self {
        Self::new(Kind::Check, name, label).value(if is_on { "on" } else { "" })
    }

    /// Several values, one a line.
    pub fn lines<T: AsRef<str>>(name: impl Into<String>, label: impl Into<String>, lines: &[T]) -> Self {
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        Self::new(Kind::Lines, name, label).value(lines.join("\n"))
    }

    /// Any of some choices.
    pub fn checks(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Checks, name, label).choices(choices)
    }

    /// Any of some choices, each with a line of text that is sent under the name of [`line_of`].
    pub fn checks_with_lines(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Rows, name, label).choices(choices)
    }

    /// One of some choices, all in sight.
    pub fn radios(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Radios, name, label).choices(choices)
    }

    /// One of some choices.
    pub fn select(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Select, name, label).choices(choices)
    }

    fn choices(mut self, choices: Vec<Choice>) -> Self {
        self.choices = choices;
        self
    }

    /// What it holds.
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// What to know before filling it in.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// It cannot be left empty.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// It says that it may be left empty.
    pub fn optional(mut self) -> Self {
        self.is_optional_shown = true;
        self
    }

    /// It can be read, not changed.
    pub fn locked(mut self, is_locked: bool) -> Self {
        self.is_locked |= is_locked;
        self
    }

    /// What browsers and password managers may put there.
    pub fn autocomplete(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    /// Puts what was typed in the place of what is saved. Passwords are typed again.
    pub(super) fn fill(&mut self, typed: &Parameters) {
        match self.kind {
            _ if self.is_locked => {}
            Kind::Password => self.value.clear(),
            Kind::Checks | Kind::Radios | Kind::Select => {
                for choice in &mut self.choices {
                    choice.is_chosen = typed.all(&self.name).any(|value| value == choice.value);
                }
            }
            Kind::Rows => {
                for choice in &mut self.choices {
                    choice.is_chosen = typed.all(&self.name).any(|value| value == choice.value);
                    let line = typed.all(&line_of(&self.name, &choice.value)).next().map(str::to_owned);
                    choice.line = line.unwrap_or_default();
                }
            }
            Kind::Text | Kind::Url | Kind::Email | Kind::Number | Kind::Lines | Kind::Check => {
                self.value = typed.all(&self.name).next().unwrap_or_default().to_owned();
            }
        }
    }

    /// What it holds, for people.
    pub(super) fn shown(&self) -> String {
        match self.kind {
            Kind::Password => String::new(),
            Kind::Check if self.value.is_empty() => "no".to_owned(),
            Kind::Check => "yes".to_owned(),
            Kind::Checks | Kind::Radios | Kind::Select => {
                let chosen = self.choices.iter().filter(|choice| choice.is_chosen);
                chosen.map(|choice| choice.label.as_str()).collect::<Vec<_>>().join(", ")
            }
            Kind::Rows => {
                let chosen = self.choices.iter().filter(|choice| choice.is_chosen);
                let rows = chosen.map(|choice| format!("{}: {}", choice.label, choice.line.trim()));
                rows.collect::<Vec<_>>().join(" · ")
            }
            Kind::Text | Kind::Url | Kind::Email | Kind::Number | Kind::Lines => {
                let lines = self.value.lines().map(str::trim).filter(|line| !line.is_empty());
                lines.collect::<Vec<_>>().join(" · ")
            }
        }
    }

    /// Says what is saved, where that differs from what was typed.
    pub(super) fn compare(&mut self, saved: String) {
        self.saved = (self.shown() != saved).then_some(saved);
    }

    /// Its name in the page.
    pub(super) fn id(&self) -> String {
        format!("field-{}", self.name)
    }

    fn is_described(&self) -> bool {
        !self.hint.is_empty() || self.problem.is_some() || self.saved.is_some()
    }

    fn described_by(&self) -> String {
        let id = self.id();
        let mut ids = Vec::new();
        if !self.hint.is_empty() {
            ids.push(format!("{id}-hint"));
        }
        if self.problem.is_some() {
            ids.push(format!("{id}-problem"));
        }
        if self.saved.is_some() {
            ids.push(format!("{id}-saved"));
        }
        ids.join(" ")
    }

    fn input_type(&self) -> &'static str {
        match self.kind {
            Kind::Url => "url",
            Kind::Email => "email",
            Kind::Number => "number",
            Kind::Password => "password",
            _ => "text",
        }
    }

    fn rows(&self) -> usize {
        self.value.lines().count().clamp(2, 12) + 1
    }
}

/// The name under which the line of text of a choice is sent.
pub fn line_of(name: &str, value: &str) -> String {
    format!("{name}:{value}")
}

/// The lines of a field, without empty ones.
pub fn lines(typed: &Parameters, name: &str) -> Vec<String> {
    typed
        .all(name)
        .flat_map(str::lines)
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
