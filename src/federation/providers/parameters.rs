//! The parameters of presets: checked so that none of them can bend an address.

use std::collections::BTreeMap;

use url::{Host, Url};

use crate::app::App;
use crate::model::provider::ProviderSettings;
use crate::protocol::issuer::Issuer;

use super::presets::{Form, Parameter, Preset};

/// The directory of personal accounts at Microsoft.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// The longest value, in bytes.
const MAX_LENGTH: usize = 255;

/// The values for the templates of a preset.
pub(super) type Values = BTreeMap<&'static str, String>;

/// The values for the templates of a preset: its parameters, and what follows from them.
///
/// # Errors
/// A sentence about the first parameter that is unknown, missing or wrong.
pub(super) fn values(app: &App, preset: &Preset, settings: &ProviderSettings) -> Result<Values, String> {
    let is_known = |name: &&String| preset.parameters.iter().any(|parameter| parameter.name == name.as_str());
    if let Some(unknown) = settings.parameters.keys().find(|name| !is_known(name)) {
        let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(100).collect();
        let known: Vec<&str> = preset.parameters.iter().map(|parameter| parameter.name).collect();
        return Err(match known.as_slice() {
            [] => format!("{unknown} is unknown: the preset {} has no parameters", preset.id),
            known => format!("{unknown} is unknown: the preset {} has {}", preset.id, known.join(" and ")),
        });
    }
    let mut values = Values::new();
    for parameter in preset.parameters {
        let set = settings.parameters.get(parameter.name).map(String::as_str);
        match set.or(parameter.default) {
            None if parameter.is_required => {
                return Err(format!("{} is missing: {}", parameter.name, parameter.description));
            }
            None => {}
            Some(value) => {
                check(app, parameter, value).map_err(|problem| format!("{}: {problem}", parameter.name))?;
                values.insert(parameter.name, value.to_owned());
            }
        }
    }
    derive(preset, &mut values);
    values.insert("client_id", settings.client_id.clone());
    Ok(values)
}

/// What follows from the parameters.
fn derive(preset: &Preset, values: &mut Values) {
    let value = |name: &str| values.get(name).map(String::as_str);
    let derived = match preset.id {
        "github" | "github_app" => value("host").map(|host| {
            let api = match host {
                "github.com" => "https://api.github.com".to_owned(),
                // GitHub's own hosts for enterprises; those at home have it below a path.
                host if host.ends_with(".ghe.com") => format!("https://api.{host}"),
                host => format!("https://{host}/api/v3"),
            };
            ("api", api)
        }),
        "microsoft" => match value("tenant") {
            Some("consumers") => Some(("directory", PERSONAL.to_owned())),
            Some(tenant) if is_uuid(tenant) => Some(("directory", tenant.to_owned())),
            _ => None,
        },
        "okta" => value("domain").map(|domain| {
            let server = value("authorization_server").map(|id| format!("/oauth2/{id}"));
            ("okta_issuer", format!("https://{domain}{}", server.unwrap_or_default()))
        }),
        _ => None,
    };
    values.extend(derived);
}

/// A template with its values; `None` when one is missing.
pub(super) fn fill(template: &str, values: &Values) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(values.get(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

fn check(app: &App, parameter: &Parameter, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("it is empty: {}", parameter.description));
    }
    if value.len() > MAX_LENGTH {
        return Err(format!("at most {MAX_LENGTH} characters"));
    }
    match parameter.form {
        Form::Host => check_host(value),
        Form::BaseUrl if value.ends_with('/') => Err("leave out the slash at the end".to_owned()),
        Form::BaseUrl => check_issuer(app, value),
        Form::Tenant => match value {
            "common" | "organizations" | "consumers" => Ok(()),
            value if is_uuid(value) => Ok(()),
            value => check_host(value).map_err(|_| "common, organizations, consumers, a UUID in small letters, or a domain".to_owned()),
        },
        Form::Name => {
            let is_fine = value.len() <= 64
                && value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            is_fine
                .then_some(())
                .ok_or_else(|| "at most 64 letters, digits, - and _".to_owned())
        }
        Form::Text => {
            let is_fine = value.bytes().all(|byte| matches!(byte, b' '..=b'~')) && value.trim() == value;
            is_fine.then_some(()).ok_or_else(|| "printable ASCII characters".to_owned())
        }
    }
}

/// Whether a text is the name of a host on the internet, and nothing else.
fn check_host(text: &str) -> Result<(), String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
    // The parser knows what else could be an address: 127.1, 0x7f.1.
    let is_parsed =
        || Url::parse(&format!("https://{text}/")).is_ok_and(|url| matches!(url.host(), Some(Host::Domain(name)) if name == text));
    if !is_name || !is_parsed() {
        return Err("the name of a host and nothing else, in small letters: example.com".to_owned());
    }
    if text.ends_with(".lightning.force.com") {
        return Err("people do not sign in at a Lightning host: use the host of My Domain, which ends in .my.salesforce.com".to_owned());
    }
    Ok(())
}

/// Whether a text is an issuer that this server may ask, with or without a slash at the end.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn check_issuer(app: &App, text: &str) -> Result<(), String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("at most {MAX_LENGTH} characters"));
    }
    Issuer::parse(text.strip_suffix('/').unwrap_or(text))?;
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    check_url(app, &url)
}

/// Whether a URL is one that secrets and people may be sent to.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn check_url(app: &App, url: &Url) -> Result<(), String> {
    app.provider_documents.permits(url).map_err(|error| error.to_string())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_part = |part: &&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    parts.iter().all(is_part) && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
}
