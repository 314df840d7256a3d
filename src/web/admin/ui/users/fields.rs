//! The fields of an account, and reading them.

use serde_json::{Map, Value};

use super::super::view::field::{Field, Kind, lines};
use super::super::view::form::Form;
use super::super::view::page::text;
use crate::admin::AdminError;
use crate::model::user::UserSettings;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;

/// Parts of the profile that have a field of their own.
const NAMES: [(&str, &str); 3] = [("name", "Full name"), ("given_name", "Given name"), ("family_name", "Family name")];

/// The fields of an account.
pub fn fields(form: Form, settings: &UserSettings) -> Form {
    let named = |name: &str| settings.profile.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut form = form
        .field(
            Field::text("username", "User name")
                .value(&settings.username)
                .hint("To sign in with. In lower case.")
                .required(),
        )
        .field(
            Field::new(Kind::Email, "email", "E-mail address")
                .value(settings.email.clone().unwrap_or_default())
                .optional(),
        )
        .field(
            Field::check("email_verified", "The address is theirs", settings.email_verified)
                .hint("Somebody made sure of it. Only then can they sign in with it."),
        );
    for (name, label) in NAMES {
        form = form.field(Field::text(name, label).value(named(name)).optional());
    }
    let rest: Map<String, Value> = settings
        .profile
        .iter()
        .filter(|(name, value)| !(value.is_string() && has_field(name)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let limit: Vec<&str> = settings.allowed_scope.iter().flat_map(Scope::iter).collect();
    form.field(
        Field::lines("roles", "Roles, one per line", &settings.roles)
            .hint("For scopes that are limited to some. admin may change everything here, auditor may look.")
            .optional(),
    )
    .folded(
        "Further claims and limits",
        vec![
            Field::new(Kind::Lines, "profile", "Further standard claims, as JSON")
                .value(json(&rest))
                .hint("Such as {\"locale\": \"de-DE\", \"picture\": \"https://example.com/alice.png\"}.")
                .optional(),
            Field::new(Kind::Lines, "extra_claims", "Claims beyond the standard, as JSON")
                .value(json(&settings.extra_claims))
                .hint("Such as {\"department\": \"sales\"}. A scope has to release them.")
                .optional(),
            Field::check("is_limited", "Only some scopes", settings.allowed_scope.is_some())
                .hint("Whatever an application asks for, this person hands on nothing but the scopes below."),
            Field::lines("allowed_scope", "Scopes that this person may hand on, one per line", &limit).optional(),
        ],
    )
}

fn has_field(name: &str) -> bool {
    NAMES.iter().any(|(field, _)| *field == name)
}

fn json(map: &Map<String, Value>) -> String {
    if map.is_empty() {
        return String::new();
    }
    serde_json::to_string_pretty(map).unwrap_or_default()
}

fn read_json(typed: &Parameters, name: &str) -> Result<Map<String, Value>, AdminError> {
    match text(typed, name) {
        "" => Ok(Map::new()),
        json => serde_json::from_str(json).map_err(|error| AdminError::invalid(name, format!("this is not a JSON object: {error}"))),
    }
}

/// Reads the fields.
pub fn read(typed: &Parameters, settings: UserSettings) -> Result<UserSettings, AdminError> {
    let mut profile = read_json(typed, "profile")?;
    for (name, _) in NAMES {
        let value = text(typed, name);
        if !value.is_empty() {
            profile.insert(name.to_owned(), Value::from(value));
        }
    }
    let limit = lines(typed, "allowed_scope").join(" ");
    let limit = Scope::parse(&limit).map_err(|refusal| AdminError::invalid("allowed_scope", refusal.description))?;
    Ok(UserSettings {
        username: text(typed, "username").to_owned(),
        email: Some(text(typed, "email").to_owned()).filter(|email| !email.is_empty()),
        email_verified: !text(typed, "email_verified").is_empty(),
        profile,
        extra_claims: read_json(typed, "extra_claims")?,
        roles: lines(typed, "roles"),
        allowed_scope: (!text(typed, "is_limited").is_empty()).then_some(limit),
        ..settings
    })
}
