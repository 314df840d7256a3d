//! Declarations: settings, scopes, resources, clients, providers, workloads and users as a text that people keep in git.
//!
//! ```text
//! text ──read──▶ Declaration ──plan──▶ Plan ──apply──▶ database ──export──▶ text
//! ```
//!
//! `tree` reads YAML and remembers lines; `read` makes a [`Declaration`] of it, or says everything that is wrong with
//! it; `plan` compares that with the database; `apply` does what is in the plan, in one transaction; `export`
//! writes what is there. The rules of the things themselves are where they are for everybody else.

mod apply;
mod export;
mod plan;
mod read;
mod secret;
pub mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::federation::providers::Credential;
use crate::model::client::ClientSettings;
use crate::model::provider::ProviderSettings;
use crate::model::resource::ResourceSettings;
use crate::model::scope::ScopeSettings;
use crate::model::user::UserSettings;
use crate::model::workload::WorkloadSettings;

pub use apply::{Applied, ApplyError, apply};
pub use export::export;
pub use plan::{Action, Change, FieldChange, Plan, PlanError, Pruning, plan};
pub use read::read;
pub use secret::Origin;

/// A group of things of the same kind; in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Settings that can change while the server runs
    Settings,
    /// Scopes
    Scopes,
    /// Protected resources
    Resources,
    /// Clients
    Clients,
    /// Providers, at which people connect their accounts
    Providers,
    /// Workloads: the agents of clients
    Workloads,
    /// Users
    Users,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 7] = [
        Self::Settings,
        Self::Scopes,
        Self::Resources,
        Self::Clients,
        Self::Providers,
        Self::Workloads,
        Self::Users,
    ];

    /// The name in the text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Scopes => "scopes",
            Self::Resources => "resources",
            Self::Clients => "clients",
            Self::Providers => "providers",
            Self::Workloads => "workloads",
            Self::Users => "users",
        }
    }

    /// The section of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.as_str() == name)
    }

    /// Every name, as a sentence goes on with them.
    #[must_use]
    pub fn names() -> String {
        let [first @ .., last] = Self::ALL.map(Self::as_str);
        format!("{} and {last}", first.join(", "))
    }
}

/// A text with where it came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What problems call it: the file
    pub name: String,
    /// YAML
    pub text: String,
    /// What files that it names are relative to
    pub folder: PathBuf,
}

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The name of the source
    pub source: String,
    /// The line, from 1; 0 when it is not known
    pub line: u64,
    /// What it is, as in `clients.my-app.redirect_uris`
    pub path: String,
}

impl Place {
    /// Something inside of it.
    #[must_use]
    fn inside(&self, name: &str, line: u64) -> Self {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            source: self.source.clone(),
            line,
            path,
        }
    }

    /// `message` about what stands here.
    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            place: self.clone(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        match (self.source.is_empty(), self.path.is_empty()) {
            (_, true) => Ok(()),
            (true, false) => f.write_str(&self.path),
            (false, false) => write!(f, ": {}", self.path),
        }
    }
}

/// What is wrong with a declaration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where
    pub place: Place,
    /// What
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Something that is declared.
#[derive(Clone, Debug)]
pub struct Declared<T> {
    /// Where
    pub place: Place,
    /// What
    pub value: T,
}

/// A client that is declared.
#[derive(Clone, Debug)]
pub struct DeclaredClient {
    /// Everything but the secret, in the form in which it is kept
    pub settings: ClientSettings,
    /// The secret, when it was said where it is
    pub secret: Option<Secret>,
}

/// A provider that is declared.
#[derive(Clone, Debug)]
pub struct DeclaredProvider {
    /// Everything but the secret, in the form in which it is kept
    pub settings: ProviderSettings,
    /// The secret, when it was said where it is
    pub secret: Option<DeclaredCredential>,
}

/// A secret of a provider with where it came from.
#[derive(Clone, Debug)]
pub struct DeclaredCredential {
    /// The secret
    pub credential: Credential,
    /// `environment variable NAME`, or the file
    pub origin: String,
}

/// A workload that is declared.
#[derive(Clone, Debug)]
pub struct DeclaredWorkload {
    /// The client that owns it
    pub client_id: Declared<String>,
    /// Everything else, in the form in which it is kept
    pub settings: WorkloadSettings,
}

/// A user who is declared.
#[derive(Clone, Debug)]
pub struct DeclaredUser {
    /// Everything but the password, in the form in which it is kept
    pub settings: UserSettings,
    /// The password of a new account, or why it cannot be had: that matters only when the account is new
    pub password: Option<Result<Secret, Problem>>,
}

/// A secret with where it came from.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The secret
    pub text: SecretString,
    /// `environment variable NAME`, or the file
    pub origin: String,
}

/// What should be there. A section that is `None` was not mentioned, and nothing in it is touched.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    /// By key; `None` is the default
    pub settings: Option<BTreeMap<String, Declared<Option<String>>>>,
    /// By name
    pub scopes: Option<BTreeMap<String, Declared<ScopeSettings>>>,
    /// By identifier
    pub resources: Option<BTreeMap<String, Declared<ResourceSettings>>>,
    /// By id
    pub clients: Option<BTreeMap<String, Declared<DeclaredClient>>>,
    /// By id
    pub providers: Option<BTreeMap<String, Declared<DeclaredProvider>>>,
    /// By name
    pub workloads: Option<BTreeMap<String, Declared<DeclaredWorkload>>>,
    /// By user name
    pub users: Option<BTreeMap<String, Declared<DeclaredUser>>>,
}
