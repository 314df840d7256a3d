//! Reading declarations: everything that is wrong with them is said at once.

mod federation;
mod fields;

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::admin::settings::{self, SettingError};
use crate::app::App;
use crate::base::invalid::Invalid;
use crate::config::sources::nearest;
use crate::identity::account;
use crate::model::client::{ClientKind, ClientSettings};
use crate::model::resource::ResourceSettings;
use crate::model::scope::ScopeSettings;
use crate::model::user::{UserSettings, normalize_username};
use crate::oauth::{clients, resources, scopes};

use super::secret::Origin;
use super::tree::{self, Entry, Node};
use super::{Declaration, Declared, DeclaredClient, DeclaredUser, Place, Problem, Secret, Section, Source};
use fields::{Shape, read_fields};

/// Reads declarations that belong together. Secrets are fetched from `environment` and from files.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read(app: &App, sources: &[Source], environment: &BTreeMap<String, String>) -> Result<Declaration, Vec<Problem>> {
    let mut reader = Reader {
        app,
        environment,
        declaration: Declaration::default(),
        emails: BTreeMap::new(),
        problems: Vec::new(),
    };
    for source in sources {
        let before = reader.problems.len();
        reader.read_source(source);
        reader.problems[before..].sort_by_key(|problem| problem.place.line);
    }
    if reader.problems.is_empty() {
        Ok(reader.declaration)
    } else {
        Err(reader.problems)
    }
}

const NO_SECRET: &str =
    "a secret does not belong into this text: put it into a variable or a file, and name that as client_secret_env or client_secret_file";
const NO_PASSWORD: &str =
    "a password does not belong into this text: put it into a variable or a file, and name that as password_env or password_file";

struct Reader<'a> {
    app: &'a App,
    environment: &'a BTreeMap<String, String>,
    declaration: Declaration,
    /// The paths of the users who have them
    emails: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn read_source(&mut self, source: &Source) {
        let top = Place {
            source: source.name.clone(),
            ..Place::default()
        };
        let entries = match tree::parse(&source.text) {
            Ok(Node::Map(entries)) => entries,
            Ok(node) if node.is_null() => return,
            Ok(_) => {
                let names = Section::names();
                self.problems.push(top.problem(format!("a declaration is a map with {names}")));
                return;
            }
            Err(malformed) => {
                let place = Place {
                    line: malformed.line,
                    ..top
                };
                self.problems.push(place.problem(malformed.message));
                return;
            }
        };
        for entry in entries {
            let place = top.inside(&entry.name, entry.line);
            match (Section::parse(&entry.name), entry.name.as_str()) {
                (Some(section), _) => self.read_section(section, &place, entry.node, &source.folder),
                (None, "version") if entry.node == Node::Scalar(Value::from(1)) => {}
                (None, "version") => self.problems.push(place.problem("this program reads version 1")),
                (None, name) => {
                    let hint = nearest(name, Section::ALL.into_iter().map(Section::as_str));
                    let names = Section::names();
                    self.problems
                        .push(place.problem(format!("unknown section{hint}; there are version, {names}")));
                }
            }
        }
    }

    fn read_section(&mut self, section: Section, place: &Place, node: Node, folder: &Path) {
        let entries = match node {
            Node::Map(entries) => entries,
            // Left empty by somebody who has not written on; `{}` says that there should be nothing.
            node if node.is_null() => return,
            Node::Scalar(_) | Node::List(_) => {
                let key = match section {
                    Section::Settings => "key",
                    Section::Scopes => "scope name",
                    Section::Resources => "identifier",
                    Section::Clients => "client_id",
                    Section::Providers => "id",
                    Section::Workloads => "name",
                    Section::Users => "user name",
                };
                self.problems.push(place.problem(format!(
                    "must be a map by {key}, as in `{section}: {{ {key}: … }}`",
                    section = section.as_str()
                )));
                return;
            }
        };
        match section {
            Section::Settings => drop(self.declaration.settings.get_or_insert_default()),
            Section::Scopes => drop(self.declaration.scopes.get_or_insert_default()),
            Section::Resources => drop(self.declaration.resources.get_or_insert_default()),
            Section::Clients => drop(self.declaration.clients.get_or_insert_default()),
            Section::Providers => drop(self.declaration.providers.get_or_insert_default()),
            Section::Workloads => drop(self.declaration.workloads.get_or_insert_default()),
            Section::Users => drop(self.declaration.users.get_or_insert_default()),
        }
        for entry in entries {
            let place = place.inside(&entry.name, entry.line);
            match section {
                Section::Settings => self.read_setting(place, &entry),
                Section::Scopes => self.read_scope(place, &entry),
                Section::Resources => self.read_resource(place, &entry),
                Section::Clients => self.read_client(place, &entry, folder),
                Section::Providers => self.read_provider(place, &entry, folder),
                Section::Workloads => self.read_workload(place, &entry),
                Section::Users => self.read_user(place, &entry, folder),
            }
        }
    }

    fn read_setting(&mut self, place: Place, entry: &Entry) {
        let text = match entry.node.to_json() {
            Value::Null => None,
            Value::String(text) => Some(text),
            scalar @ (Value::Bool(_) | Value::Number(_)) => Some(scalar.to_string()),
            Value::Array(_) | Value::Object(_) => {
                self.problems.push(place.problem("must be a text or a number"));
                return;
            }
        };
        // Null is checked with some text of which only its being a text is refused.
        let value = match settings::normalized(self.app, &entry.name, text.as_deref().unwrap_or_default()) {
            Ok(normalized) => text.map(|_| normalized),
            Err(SettingError::Invalid { .. }) if text.is_none() => None,
            Err(error) => {
                let message = match error {
                    SettingError::Invalid { message, .. } => message,
                    SettingError::NotChangeable { reason, .. } => reason,
                    SettingError::Unknown(key) => {
                        let live = crate::config::registry::SETTINGS.iter().filter(|setting| setting.is_live);
                        format!("there is no such setting{}", nearest(&key, live.map(|setting| setting.key)))
                    }
                    error => error.to_string(),
                };
                self.problems.push(place.problem(message));
                return;
            }
        };
        let section = self.declaration.settings.get_or_insert_default();
        insert(section, &mut self.problems, entry.name.clone(), Declared { place, value });
    }

    fn read_scope(&mut self, place: Place, entry: &Entry) {
        let before = self.problems.len();
        if let Err(problem) = scopes::check_name(&entry.name) {
            self.problems.push(place.problem(problem.message));
        }
        let shape = Shape::of(ScopeSettings::built_in(&entry.name).unwrap_or_default());
        let Some(settings) = read_fields(&shape, &place, &entry.node, &mut self.problems) else {
            return;
        };
        let found = scopes::problems(&settings);
        self.add(&place, &entry.node, found);
        if self.problems.len() == before {
            let section = self.declaration.scopes.get_or_insert_default();
            let value = settings;
            insert(section, &mut self.problems, entry.name.clone(), Declared { place, value });
        }
    }

    fn read_resource(&mut self, place: Place, entry: &Entry) {
        let before = self.problems.len();
        if let Err(problem) = resources::check_identifier(self.app, &entry.name) {
            self.problems.push(place.problem(problem.message));
        }
        let shape = Shape {
            hints: &[("identifier", "the identifier is the name of the entry")],
            ..Shape::of(ResourceSettings::default())
        };
        let Some(settings) = read_fields(&shape, &place, &entry.node, &mut self.problems) else {
            return;
        };
        let found = resources::problems(&settings);
        self.add(&place, &entry.node, found);
        if self.problems.len() == before {
            let section = self.declaration.resources.get_or_insert_default();
            let value = settings;
            insert(section, &mut self.problems, entry.name.clone(), Declared { place, value });
        }
    }

    fn read_client(&mut self, place: Place, entry: &Entry, folder: &Path) {
        let before = self.problems.len();
        if let Err(problem) = clients::check_id(&entry.name) {
            self.problems.push(place.problem(problem.message));
        }
        let kind = self.kind(&place, &entry.node);
        let shape = Shape {
            hints: &[
                ("client_id", "the client_id is the name of the entry"),
                ("client_secret", NO_SECRET),
            ],
            further: &["kind", "client_secret_env", "client_secret_file"],
            ..Shape::of(ClientSettings::of_kind(kind.unwrap_or_default()))
        };
        let Some(settings) = read_fields(&shape, &place, &entry.node, &mut self.problems) else {
            return;
        };
        let settings = clients::normalized(settings);
        let found = clients::problems(&settings);
        self.add(&place, &entry.node, found);
        let secret = self.origin(&place, &entry.node, "client_secret").and_then(|(place, origin)| {
            let fetched = origin.fetch(self.environment, folder);
            let checked = fetched.and_then(|secret| match clients::check_secret(secret.text.expose_secret()) {
                Ok(()) if settings.is_public() => Err("a public client has no secret".to_owned()),
                Ok(()) if !settings.needs_secret() => Err("a client that signs with a private key has no secret".to_owned()),
                Ok(()) => Ok(secret),
                Err(invalid) => Err(invalid.message),
            });
            checked.map_err(|message| self.problems.push(place.problem(message))).ok()
        });
        if self.problems.len() == before {
            let section = self.declaration.clients.get_or_insert_default();
            let value = DeclaredClient { settings, secret };
            insert(section, &mut self.problems, entry.name.clone(), Declared { place, value });
        }
    }

    fn read_user(&mut self, place: Place, entry: &Entry, folder: &Path) {
        let before = self.problems.len();
        let username = normalize_username(&entry.name).unwrap_or_else(|problem| {
            self.problems.push(place.problem(problem));
            entry.name.clone()
        });
        let shape = Shape {
            hidden: &["username"],
            hints: &[("username", "the user name is the name of the entry"), ("password", NO_PASSWORD)],
            further: &["password_env", "password_file"],
            ..Shape::of(UserSettings::default())
        };
        let Some(mut settings) = read_fields(&shape, &place, &entry.node, &mut self.problems) else {
            return;
        };
        settings.username.clone_from(&username);
        match account::checked_at_once(settings.clone()) {
            Ok(checked) => settings = checked,
            Err(found) => {
                // The name was looked at before, where its place is known.
                let found = found.into_iter().filter(|invalid| invalid.field != "username").collect();
                self.add(&place, &entry.node, found);
            }
        }
        if let Some(email) = &settings.email
            && let Some(other) = self.emails.insert(email.clone(), place.path.clone())
        {
            let message = format!("{other} has the e-mail address {email}, too");
            self.problems.push(field_place(&place, &entry.node, "email").problem(message));
        }
        let password = self.origin(&place, &entry.node, "password").map(|(place, origin)| {
            let fetched: Result<Secret, String> = origin.fetch(self.environment, folder);
            let checked = fetched.and_then(|secret| account::check_password(&secret.text).map(|()| secret));
            checked.map_err(|message| place.problem(message))
        });
        if self.problems.len() == before {
            let section = self.declaration.users.get_or_insert_default();
            let value = DeclaredUser { settings, password };
            insert(section, &mut self.problems, username, Declared { place, value });
        }
    }

    fn kind(&mut self, place: &Place, node: &Node) -> Option<ClientKind> {
        let field = field(node, "kind")?;
        let kind = match &field.node {
            Node::Scalar(Value::String(name)) => ClientKind::parse(name),
            _ => None,
        };
        if kind.is_none() {
            let problem = place.inside("kind", field.line).problem("must be web, spa, native, service or mcp");
            self.problems.push(problem);
        }
        kind
    }

    /// Where a secret is, if it is said: `NAME_env` or `NAME_file`.
    fn origin(&mut self, place: &Place, node: &Node, name: &str) -> Option<(Place, Origin)> {
        type Make = fn(String) -> Origin;
        let places: [(&str, Make); 2] = [("env", Origin::Environment), ("file", Origin::File)];
        let mut found: Option<(Place, Origin)> = None;
        for (suffix, origin) in places {
            let name = format!("{name}_{suffix}");
            let Some(field) = field(node, &name) else { continue };
            let place = place.inside(&name, field.line);
            match &field.node {
                Node::Scalar(Value::String(text)) if !text.is_empty() => {
                    if let Some((other, _)) = &found {
                        self.problems
                            .push(place.problem(format!("{} says where it is already", other.path)));
                    }
                    found = Some((place, origin(text.clone())));
                }
                Node::Scalar(Value::Null) => {}
                _ => self.problems.push(place.problem("must be the name of a variable or a file")),
            }
        }
        found
    }

    /// Adds what is wrong with fields, but for those that could not even be read: they have their default here.
    fn add(&mut self, place: &Place, node: &Node, found: Vec<Invalid>) {
        let unread: Vec<String> = self.problems.iter().map(|problem| problem.place.path.clone()).collect();
        for invalid in found {
            let place = field_place(place, node, invalid.field);
            if !unread.iter().any(|path| path.starts_with(&place.path)) {
                self.problems.push(place.problem(invalid.message));
            }
        }
    }
}

/// The entry of a field that was given.
fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Entry> {
    match node {
        Node::Map(entries) => entries.iter().find(|entry| entry.name == name),
        Node::Scalar(_) | Node::List(_) => None,
    }
}

/// The place of a field, which is that of the whole when the field was left out.
fn field_place(place: &Place, node: &Node, name: &str) -> Place {
    place.inside(name, field(node, name).map_or(place.line, |entry| entry.line))
}

fn insert<T>(section: &mut BTreeMap<String, Declared<T>>, problems: &mut Vec<Problem>, key: String, declared: Declared<T>) {
    match section.get(&key) {
        Some(first) => problems.push(declared.place.problem(format!("it is declared at {} already", first.place))),
        None => drop(section.insert(key, declared)),
    }
}
