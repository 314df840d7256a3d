//! What the audit log keeps of an account: who it is, what it may do, and what the operator says about it in
//! further claims.
//!
//! Of the standard claims it keeps the names only. What a person is called and where they live must go when
//! the account goes, and events stay.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::model::event::Event;
use crate::model::user::UserSettings;

/// What is kept of an account that is made or removed.
#[must_use]
pub fn whole(settings: &UserSettings) -> Value {
    let mut kept = facts(settings);
    kept["extra_claims"] = json!(settings.extra_claims);
    kept
}

/// What is kept of a change: `before` and `after`, with the further claims that differ, and the names of the
/// standard claims that differ as `claims_changed`.
#[must_use]
pub fn change(event: Event, before: &UserSettings, after: &UserSettings) -> Event {
    let (mut old, mut new) = (facts(before), facts(after));
    let extra = differing(&before.extra_claims, &after.extra_claims);
    if !extra.is_empty() {
        old["extra_claims"] = part(&before.extra_claims, &extra);
        new["extra_claims"] = part(&after.extra_claims, &extra);
    }
    let event = event.detail("before", old).detail("after", new);
    let standard = differing(&before.profile, &after.profile);
    if standard.is_empty() {
        event
    } else {
        event.detail("claims_changed", json!(standard))
    }
}

fn facts(settings: &UserSettings) -> Value {
    json!({
        "username": settings.username,
        "email": settings.email,
        "email_verified": settings.email_verified,
        "roles": settings.roles,
        "allowed_scope": settings.allowed_scope,
        "disabled": settings.is_disabled,
        "claims": settings.profile.keys().chain(settings.extra_claims.keys()).collect::<Vec<_>>(),
    })
}

fn differing<'a>(before: &'a Map<String, Value>, after: &'a Map<String, Value>) -> BTreeSet<&'a String> {
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).collect()
}

fn part(claims: &Map<String, Value>, names: &BTreeSet<&String>) -> Value {
    let some = claims.iter().filter(|(name, _)| names.contains(name));
    Value::Object(some.map(|(name, value)| (name.clone(), value.clone())).collect())
}
