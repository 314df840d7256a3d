//! The menu: every section of the administration.

use crate::app::App;

/// A section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What is going on
    Dashboard,
    /// Applications
    Clients,
    /// Leave for programs to register clients
    InitialAccessTokens,
    /// What applications may ask for
    Scopes,
    /// What tokens are for
    Resources,
    /// People
    Users,
    /// Who is signed in where
    Sessions,
    /// What people allowed
    Access,
    /// Where people have accounts elsewhere
    Providers,
    /// Agents
    Workloads,
    /// What people gave agents elsewhere
    Connections,
    /// What tokens are signed with
    Keys,
    /// How the server behaves
    Settings,
    /// Who did what
    Events,
}

/// Sections that belong together.
pub struct Group {
    /// What they have in common
    pub name: &'static str,
    /// The sections
    pub entries: Vec<Entry>,
}

/// A section in the menu.
pub struct Entry {
    /// Its name
    pub label: &'static str,
    /// Where it is
    pub href: String,
    /// Whether this page belongs to it
    pub is_current: bool,
}

/// A section with its name and path; one that is no page of ours has none.
type Place = (Option<Section>, &'static str, &'static str);

/// The groups, and what is in them.
const MENU: &[(&str, &[Place])] = &[
    ("Overview", &[(Some(Section::Dashboard), "Dashboard", "/admin")]),
    (
        "Applications",
        &[
            (Some(Section::Clients), "Clients", "/admin/clients"),
            (
                Some(Section::InitialAccessTokens),
                "Registration tokens",
                "/admin/initial-access-tokens",
            ),
            (Some(Section::Scopes), "Scopes", "/admin/scopes"),
            (Some(Section::Resources), "Resources", "/admin/resources"),
        ],
    ),
    (
        "People",
        &[
            (Some(Section::Users), "Users", "/admin/users"),
            (Some(Section::Sessions), "Sessions", "/admin/sessions"),
            (Some(Section::Access), "Consents and grants", "/admin/grants"),
        ],
    ),
    (
        "Vault",
        &[
            (Some(Section::Providers), "Providers", "/admin/providers"),
            (Some(Section::Workloads), "Workloads", "/admin/workloads"),
            (Some(Section::Connections), "Connections", "/admin/connections"),
        ],
    ),
    (
        "Server",
        &[
            (Some(Section::Keys), "Signing keys", "/admin/signing-keys"),
            (Some(Section::Settings), "Settings", "/admin/settings"),
            (Some(Section::Events), "Audit log", "/admin/events"),
            (None, "API reference", "/api/docs"),
        ],
    ),
];

/// The menu as a page of `current` shows it.
pub fn menu(app: &App, current: Section) -> Vec<Group> {
    let base = app.issuer.path();
    let entry = |(section, label, path): &Place| Entry {
        label,
        href: format!("{base}{path}"),
        is_current: *section == Some(current),
    };
    MENU.iter()
        .map(|(name, entries)| Group {
            name,
            entries: entries.iter().map(entry).collect(),
        })
        .collect()
}
