//! What is asked for: every list, search, filter and detail page, from its beginning and from its middle.

use gatehouse::base::encoding::base64url;

use crate::data::Landmarks;

/// Who asks.
#[derive(Clone, Copy)]
pub enum Who {
    /// A program with the admin token
    Program,
    /// An administrator at a browser
    Administrator,
    /// A person with a few grants
    Person,
    /// The person with many
    Busy,
}

/// What their browsers send.
pub struct Cookies {
    pub administrator: String,
    pub person: String,
    pub busy: String,
}

/// A page to ask for.
pub struct Address {
    pub what: &'static str,
    pub path: String,
    pub who: Who,
}

/// The cursor of a list after the row with these keys.
fn cursor(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    format!("cursor={}", base64url(format!("[{}]", keys.join(",")).as_bytes()))
}

/// Everything that is asked for.
pub fn all(at: &Landmarks) -> Vec<Address> {
    let mut all = Vec::new();
    users(at, &mut all);
    clients(at, &mut all);
    grants(at, &mut all);
    consents(at, &mut all);
    sessions(at, &mut all);
    events(at, &mut all);
    others(at, &mut all);
    account(at, &mut all);
    all
}

/// A list of the API, and the same list as a page of the administration.
fn list(all: &mut Vec<Address>, what: &'static str, name: &str, query: &str) {
    api(all, what, &format!("/{name}?limit=200&{query}"));
    page(all, what, &format!("/{name}?{query}"));
}

fn api(all: &mut Vec<Address>, what: &'static str, path: &str) {
    all.push(Address {
        what,
        path: format!("/api/admin/v1{}", path.trim_end_matches('&')),
        who: Who::Program,
    });
}

fn page(all: &mut Vec<Address>, what: &'static str, path: &str) {
    all.push(Address {
        what,
        path: format!("/admin{}", path.trim_end_matches('?')),
        who: Who::Administrator,
    });
}

fn users(at: &Landmarks, all: &mut Vec<Address>) {
    let deep = cursor(&["users", &at.middle_name]);
    list(all, "users", "users", "");
    list(all, "users, deep", "users", &deep);
    list(all, "users, rare name", "users", "q=zebulon");
    list(all, "users, common beginning", "users", "q=maria.");
    list(all, "users, common beginning, deep", "users", &format!("q=l&{deep}"));
    list(all, "users, no such name", "users", "q=xavier");
    list(all, "users, one e-mail address", "users", "q=zebulon.quixote@example.com");
    list(all, "users, common e-mail address", "users", "q=info@");
    list(all, "users, common e-mail address, deep", "users", &format!("q=info@&{deep}"));
    api(all, "users, disabled", "/users?limit=200&disabled=true");
    api(all, "users, disabled, deep", &format!("/users?limit=200&disabled=true&{deep}"));
    api(all, "users, enabled, deep", &format!("/users?limit=200&disabled=false&{deep}"));
    api(all, "users, disabled, e-mail address", "/users?limit=200&disabled=true&q=info@");
    page(all, "users, disabled", "/users?state=disabled");
    for id in [&at.person, &at.busy_user] {
        api(all, "a user", &format!("/users/{id}"));
        page(all, "a user", &format!("/users/{id}"));
        page(all, "access of a user", &format!("/users/{id}/access"));
        page(all, "sessions of a user", &format!("/users/{id}/sessions"));
    }
}

fn clients(at: &Landmarks, all: &mut Vec<Address>) {
    let [name, id] = &at.middle_client;
    let deep = cursor(&["clients", name, id]);
    list(all, "clients", "clients", "");
    list(all, "clients, deep", "clients", &deep);
    list(all, "clients, rare name", "clients", "q=needle");
    list(all, "clients, common part of the name", "clients", "q=team");
    list(all, "clients, common part, deep", "clients", &format!("q=team&{deep}"));
    list(all, "clients, no such name", "clients", "q=xylophone");
    list(all, "clients, by id", "clients", &format!("q={}", at.small_client));
    for id in [&at.big_client, &at.small_client] {
        api(all, "a client", &format!("/clients/{id}"));
        page(all, "a client", &format!("/clients/{id}"));
        page(all, "connecting a client", &format!("/clients/{id}/connect"));
        page(all, "access of a client", &format!("/clients/{id}/access"));
        page(all, "playground of a client", &format!("/clients/{id}/playground"));
    }
}

fn grants(at: &Landmarks, all: &mut Vec<Address>) {
    let deep = cursor(&["grants", &at.middle_grant]);
    let (person, busy) = (format!("user_id={}", at.person), format!("user_id={}", at.busy_user));
    let client = |id: &str| format!("client_id={id}");
    let (big, small, needle) = (client(&at.big_client), client(&at.small_client), client(&at.needle_client));
    list(all, "grants", "grants", "");
    list(all, "grants, deep", "grants", &deep);
    list(all, "grants of a user", "grants", &person);
    list(all, "grants of the busy user", "grants", &busy);
    list(all, "grants of the busy user, deep", "grants", &format!("{busy}&{deep}"));
    list(all, "grants to a client", "grants", &small);
    list(all, "grants to the big client", "grants", &big);
    list(all, "grants to the big client, deep", "grants", &format!("{big}&{deep}"));
    list(all, "grants of a user to a client", "grants", &format!("{person}&{big}"));
    list(all, "grants, rare pair", "grants", &format!("{busy}&{needle}"));
    list(all, "grants, no such pair", "grants", &format!("{person}&{needle}"));
    for active in ["active=true", "active=false"] {
        for of in ["", &busy, &big, &small] {
            let what = if active == "active=true" {
                "grants, active"
            } else {
                "grants, not active"
            };
            api(all, what, &format!("/grants?limit=200&{active}&{of}"));
        }
        api(all, "grants, of a state, deep", &format!("/grants?limit=200&{active}&{big}&{deep}"));
        api(
            all,
            "grants, pair of a state",
            &format!("/grants?limit=200&{active}&{busy}&{needle}"),
        );
    }
    api(all, "a grant", &format!("/grants/{}", at.middle_grant));
}

fn consents(at: &Landmarks, all: &mut Vec<Address>) {
    let deep = cursor(&["consents", &at.person, &at.small_client]);
    let (busy, big) = (format!("user_id={}", at.busy_user), format!("client_id={}", at.big_client));
    list(all, "consents", "consents", "");
    list(all, "consents, deep", "consents", &deep);
    list(all, "consents of the busy user", "consents", &busy);
    list(all, "consents to the big client", "consents", &big);
    list(all, "consents to the big client, deep", "consents", &format!("{big}&{deep}"));
    list(all, "a consent", "consents", &format!("{busy}&{big}"));
}

fn sessions(at: &Landmarks, all: &mut Vec<Address>) {
    let deep = cursor(&["sessions", &at.middle_session]);
    list(all, "sessions", "sessions", "");
    list(all, "sessions, deep", "sessions", &deep);
    api(
        all,
        "sessions of the busy user",
        &format!("/sessions?limit=200&user_id={}", at.busy_user),
    );
    api(all, "sessions of a user", &format!("/sessions?limit=200&user_id={}", at.person));
}

fn events(at: &Landmarks, all: &mut Vec<Address>) {
    let deep = cursor(&["events", &at.middle_event]);
    let (person, busy) = (format!("subject_id={}", at.person), format!("subject_id={}", at.busy_user));
    let (big, small) = (format!("client_id={}", at.big_client), format!("client_id={}", at.small_client));
    list(all, "events", "events", "");
    list(all, "events, deep", "events", &deep);
    list(all, "events of the common kind", "events", "kind=session.started");
    list(
        all,
        "events of the common kind, deep",
        "events",
        &format!("kind=session.started&{deep}"),
    );
    list(all, "events of a rare kind", "events", "kind=settings.changed");
    list(all, "events of a kind without any", "events", "kind=scope.deleted");
    list(all, "events, refused", "events", "outcome=failure");
    list(
        all,
        "events, of a kind never refused",
        "events",
        "kind=session.started&outcome=failure",
    );
    list(
        all,
        "events, rare kind never refused",
        "events",
        "kind=settings.changed&outcome=failure",
    );
    list(all, "events about a user", "events", &person);
    list(all, "events about the busy user", "events", &busy);
    list(
        all,
        "events about the busy user, rare kind",
        "events",
        &format!("{busy}&kind=user.changed"),
    );
    list(all, "events about a client", "events", &small);
    list(all, "events about the big client", "events", &big);
    list(
        all,
        "events about the big client, refused",
        "events",
        &format!("{big}&outcome=failure"),
    );
    list(
        all,
        "events about the big client, rare kind",
        "events",
        &format!("{big}&kind=client.changed"),
    );
    list(
        all,
        "events about the big client, its kind without any",
        "events",
        &format!("{big}&kind=settings.changed"),
    );
    list(all, "events about a user and a client", "events", &format!("{busy}&{big}"));
    list(all, "events by a common actor", "events", "actor=anonymous");
    list(
        all,
        "events by a common actor, of another kind",
        "events",
        "actor=anonymous&kind=session.started",
    );
    list(all, "events by a rare actor", "events", "actor=system");
    list(all, "events by a rare actor, refused", "events", "actor=system&outcome=failure");
    let (month, week) = (at.now - 30 * 86_400, at.now - 23 * 86_400);
    let span = format!("since={month}&until={week}");
    api(all, "events of a week", &format!("/events?limit=200&{span}"));
    api(
        all,
        "events of a week, rare kind",
        &format!("/events?limit=200&{span}&kind=settings.changed"),
    );
    api(
        all,
        "events of a week, kind never refused",
        &format!("/events?limit=200&{span}&kind=session.started&outcome=failure"),
    );
    api(
        all,
        "events of a week, big client",
        &format!("/events?limit=200&{span}&{big}&kind=code.redeemed"),
    );
    api(all, "an event", &format!("/events/{}", at.middle_event));
    page(all, "an event", &format!("/events/{}", at.middle_event));
}

fn others(_: &Landmarks, all: &mut Vec<Address>) {
    page(all, "dashboard", "?");
    page(all, "dashboard, 30 days", "?range=month");
    api(all, "numbers", "/stats");
    api(all, "numbers, 30 days", "/stats?range=month");
    for (path, what) in [("scopes", "scopes"), ("signing-keys", "signing keys"), ("settings", "settings")] {
        api(all, what, &format!("/{path}"));
        page(all, what, &format!("/{path}"));
    }
    page(all, "a scope", "/scopes/openid");
    api(all, "a scope", "/scopes/openid");
}

fn account(at: &Landmarks, all: &mut Vec<Address>) {
    for (who, whose) in [(Who::Person, "own account"), (Who::Busy, "own account, busy user")] {
        for path in ["", "/profile", "/sessions", "/applications", "/activity"] {
            all.push(Address {
                what: whose,
                path: format!("/account{path}"),
                who,
            });
        }
        all.push(Address {
            what: whose,
            path: format!("/account/activity?before={}", at.middle_event),
            who,
        });
        all.push(Address {
            what: whose,
            path: format!("/account/applications/remove?client={}", at.big_client),
            who,
        });
    }
}
