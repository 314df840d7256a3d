//! Small parts: links, buttons, labels, notes, sections, code.

use askama::Template;

use super::Part;
use super::field::Field;
use super::form::sentence;
use crate::base::invalid::Invalid;

/// How something is meant, beside its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special
    #[default]
    Plain,
    /// As it should be
    Good,
    /// Worth a look
    Careful,
    /// Wrong or dangerous
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "good",
            Self::Careful => "careful",
            Self::Bad => "bad",
        }
    }
}

/// A link that looks like a button where it stands among buttons.
#[derive(Clone, Template)]
#[template(path = "admin/parts/link.html")]
pub struct Link {
    /// What it says
    pub label: String,
    /// Where it leads
    pub href: String,
    about: String,
    is_main: bool,
}

impl Link {
    /// A link.
    pub fn new(label: impl Into<String>, href: String) -> Self {
        Self {
            label: label.into(),
            href,
            about: String::new(),
            is_main: false,
        }
    }

    /// What it is about, for those who hear a list of links.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// The thing that most people come to this page for.
    pub fn main(mut self) -> Self {
        self.is_main = true;
        self
    }
}

/// A button that does something at once.
#[derive(Template)]
#[template(path = "admin/parts/press.html")]
pub struct Press {
    action: String,
    csrf: String,
    label: String,
    hidden: Vec<(String, String)>,
    is_main: bool,
    is_danger: bool,
}

impl Press {
    pub(super) fn new(action: String, csrf: String, label: &str) -> Self {
        Self {
            action,
            csrf,
            label: label.to_owned(),
            hidden: Vec::new(),
            is_main: false,
            is_danger: false,
        }
    }

    /// Sends a value along.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.hidden.push((name.to_owned(), value.to_string()));
        self
    }

    /// The thing that most people come to this page for.
    pub fn main(mut self) -> Self {
        self.is_main = true;
        self
    }

    /// It takes something away.
    pub fn danger(mut self) -> Self {
        self.is_danger = true;
        self
    }
}

/// A word or two in a frame.
#[derive(Clone, Template)]
#[template(path = "admin/parts/tag.html")]
pub struct Tag {
    text: String,
    tone: Tone,
}

impl Tag {
    /// A tag.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// Something to read before going on.
#[derive(Template)]
#[template(path = "admin/parts/note.html")]
pub struct Note {
    title: String,
    lines: Vec<String>,
    link: Option<Link>,
    tone: Tone,
    is_alert: bool,
}

impl Note {
    fn new(title: impl Into<String>, tone: Tone) -> Self {
        Self {
            title: title.into(),
            lines: Vec::new(),
            link: None,
            tone,
            is_alert: false,
        }
    }

    /// For information.
    pub fn info(title: impl Into<String>) -> Self {
        Self::new(title, Tone::Plain)
    }

    /// It went well.
    pub fn good(title: impl Into<String>) -> Self {
        Self::new(title, Tone::Good)
    }

    /// Worth a look.
    pub fn careful(title: impl Into<String>) -> Self {
        Self::new(title, Tone::Careful)
    }

    /// It went wrong; read out at once.
    pub fn bad(title: impl Into<String>) -> Self {
        Self {
            is_alert: true,
            ..Self::new(title, Tone::Bad)
        }
    }

    /// A further sentence.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Where to do something about it.
    pub fn link(mut self, label: &str, href: String) -> Self {
        self.link = Some(Link::new(label, href));
        self
    }
}

/// A part of a page with a heading of its own.
#[derive(Template)]
#[template(path = "admin/parts/section.html")]
pub struct Section {
    id: String,
    title: String,
    lines: Vec<String>,
    is_danger: bool,
    parts: Vec<Part>,
}

impl Section {
    /// A section; its heading is its name in the page.
    pub fn new(title: impl Into<String>) -> Self {
        let title = title.into();
        Self {
            id: id_of("section", &title),
            title,
            lines: Vec::new(),
            is_danger: false,
            parts: Vec::new(),
        }
    }

    /// An explanation below the heading.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// What is in it takes something away.
    pub fn danger(mut self) -> Self {
        self.is_danger = true;
        self
    }

    /// A part.
    pub fn part(mut self, part: impl Template + 'static) -> Self {
        self.parts.push(Box::new(part));
        self
    }
}

/// A heading between parts.
#[derive(Template)]
#[template(path = "admin/parts/heading.html")]
pub struct Heading {
    text: String,
}

impl Heading {
    /// A heading.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

/// Something that most people need not see.
#[derive(Template)]
#[template(path = "admin/parts/folded.html")]
pub struct Folded {
    summary: String,
    is_open: bool,
    parts: Vec<Part>,
}

impl Folded {
    /// Something folded under a summary.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            is_open: false,
            parts: Vec::new(),
        }
    }

    /// Unfolded to begin with.
    pub fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// A part.
    pub fn part(mut self, part: impl Template + 'static) -> Self {
        self.parts.push(Box::new(part));
        self
    }
}

/// Buttons beside each other.
#[derive(Default, Template)]
#[template(path = "admin/parts/row.html")]
pub struct Row {
    parts: Vec<Part>,
}

impl Row {
    /// A part.
    pub fn part(mut self, part: impl Template + 'static) -> Self {
        self.parts.push(Box::new(part));
        self
    }
}

/// Text for a machine.
#[derive(Template)]
#[template(path = "admin/parts/code.html")]
pub struct Code {
    id: String,
    label: String,
    text: String,
}

impl Code {
    /// Text with a label.
    pub fn new(label: impl Into<String>, text: impl Into<String>) -> Self {
        let label = label.into();
        Self {
            id: id_of("code", &label),
            label,
            text: text.into(),
        }
    }
}

/// A value that is shown this once.
#[derive(Template)]
#[template(path = "admin/parts/once.html")]
pub struct Once {
    id: String,
    label: String,
    value: String,
}

impl Once {
    /// A value with its label.
    pub fn new(label: &str, value: impl Into<String>) -> Self {
        Self {
            id: id_of("once", label),
            label: label.to_owned(),
            value: value.into(),
        }
    }
}

/// Ways to go on, each with an explanation.
#[derive(Default, Template)]
#[template(path = "admin/parts/choices.html")]
pub struct Choices {
    choices: Vec<Way>,
}

/// One of them.
pub struct Way {
    /// Where it leads
    pub href: String,
    /// In a word or two
    pub title: String,
    /// When it is the right one
    pub text: String,
    /// For example
    pub example: String,
}

impl Choices {
    /// A choice of ways.
    pub fn new(choices: Vec<Way>) -> Self {
        Self { choices }
    }
}

/// A name for use within a page, of a text for people.
pub(super) fn id_of(kind: &str, text: &str) -> String {
    let name: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{kind}-{name}")
}

/// Fields that narrow a list.
#[derive(Template)]
#[template(path = "admin/parts/search.html")]
pub struct Search {
    action: String,
    label: String,
    submit: String,
    hidden: Vec<(String, String)>,
    fields: Vec<Field>,
}

impl Search {
    /// A form that asks for a list.
    pub fn new(action: String, label: &str, submit: &str) -> Self {
        Self {
            action,
            label: label.to_owned(),
            submit: submit.to_owned(),
            hidden: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Sends a value along.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.hidden.push((name.to_owned(), value.into()));
        self
    }

    /// A field.
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Says at the field that it is about what was not understood.
    pub fn blame(mut self, invalid: &Invalid) -> Self {
        for field in self.fields.iter_mut().filter(|field| field.name == invalid.field) {
            field.problem = Some(sentence(&invalid.message));
        }
        self
    }
}

/// How many connections, in words.
pub fn counted(connections: i64) -> String {
    match connections {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}
