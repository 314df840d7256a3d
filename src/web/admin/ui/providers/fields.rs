//! The fields of a provider: those that its preset needs, and reading them.

use std::collections::BTreeMap;

use secrecy::SecretString;
use url::Url;

use crate::admin::AdminError;
use crate::federation::providers::presets::{self, Preset, Source};
use crate::federation::providers::{Credential, CredentialKind};
use crate::model::provider::{Endpoints, ProviderKind, ProviderSettings};
use crate::protocol::parameters::Parameters;
use crate::protocol::provider::ClientAuth;
use crate::protocol::scope::Scope;

use super::super::view::field::{Choice, Field, Kind, lines};
use super::super::view::page::text;
use super::places;

/// Addresses that are typed where no metadata says them, and whether there must be one.
const ENDPOINTS: [(&str, &str, bool); 4] = [
    ("authorization_endpoint", "Authorization endpoint", true),
    ("token_endpoint", "Token endpoint", true),
    ("revocation_endpoint", "Revocation endpoint", false),
    ("userinfo_endpoint", "Userinfo endpoint", false),
];
/// How we prove who we are, as it is sent and as people read it.
const AUTHS: [(ClientAuth, &str, &str); 4] = [
    (
        ClientAuth::ClientSecretBasic,
        "client_secret_basic",
        "Secret, in the Authorization header",
    ),
    (ClientAuth::ClientSecretPost, "client_secret_post", "Secret, in the body"),
    (ClientAuth::PrivateKeyJwt, "private_key_jwt", "Signed assertion (private_key_jwt)"),
    (ClientAuth::None, "none", "Not at all: a public client"),
];

/// The preset of these settings; `None` for API keys.
pub fn preset_of(settings: &ProviderSettings) -> Option<&'static Preset> {
    presets::find(&settings.preset).filter(|_| settings.kind == ProviderKind::Oauth2)
}

/// What it is called here.
pub fn name(settings: &ProviderSettings) -> Field {
    Field::text("name", "Name")
        .value(&settings.name)
        .hint("People read it when an agent asks them.")
        .required()
}

/// What is asked for when nobody says.
pub fn scope(settings: &ProviderSettings) -> Field {
    let own: Vec<&str> = settings.scope.iter().collect();
    Field::lines("scope", "Scopes to ask for when an agent does not say, one per line", &own)
        .hint(places::of(&settings.preset).scope)
        .optional()
}

/// Our id there.
pub fn client_id(settings: &ProviderSettings) -> Field {
    Field::text("client_id", "Client ID")
        .value(&settings.client_id)
        .hint("What the provider calls this server.")
        .required()
}

/// Where it is, as far as its preset does not know.
pub fn addresses(settings: &ProviderSettings, preset: &Preset) -> Vec<Field> {
    let parameter = |parameter: &presets::Parameter| {
        let value = settings.parameters.get(parameter.name).cloned().unwrap_or_default();
        let field = Field::text(parameter_field(parameter.name), label_of(parameter.name)).value(value);
        match (parameter.default, parameter.is_required) {
            (Some(usual), _) => field.hint(format!("{}. Empty: {usual}.", parameter.description)).optional(),
            (None, true) => field.hint(format!("{}.", parameter.description)).required(),
            (None, false) => field.hint(format!("{}.", parameter.description)).optional(),
        }
    };
    let mut fields: Vec<Field> = preset.parameters.iter().map(parameter).collect();
    let issuer = Field::new(Kind::Url, "issuer", "Issuer").value(settings.issuer.clone().unwrap_or_default());
    match preset.source {
        Source::Known(_) | Source::Discovered(_) => {}
        Source::Issuer => fields.push(
            issuer
                .hint("Exactly as its metadata has it, to the last slash. The metadata says the rest.")
                .required(),
        ),
        Source::Settings => {
            let set = settings.endpoints.as_ref();
            let values = [
                set.map(|endpoints| &endpoints.authorization_endpoint),
                set.map(|endpoints| &endpoints.token_endpoint),
                set.and_then(|endpoints| endpoints.revocation_endpoint.as_ref()),
                set.and_then(|endpoints| endpoints.userinfo_endpoint.as_ref()),
            ];
            for ((name, label, is_needed), value) in ENDPOINTS.into_iter().zip(values) {
                let field = Field::new(Kind::Url, name, label).value(value.map(Url::to_string).unwrap_or_default());
                fields.push(if is_needed { field.required() } else { field.optional() });
            }
            let issuer = issuer.hint("To compare with iss of the redirect, where the provider sends that.");
            fields.push(issuer.optional());
        }
    }
    fields
}

/// How it is talked to, which the preset mostly knows.
pub fn advanced(settings: &ProviderSettings) -> Vec<Field> {
    let auth = |(auth, value, label): (ClientAuth, &str, &str)| Choice::new(value, label, "", settings.client_auth == Some(auth));
    let auths = std::iter::once(Choice::new("", "As the preset knows", "", settings.client_auth.is_none()));
    let pkce = |value: &str, label: &str, is: Option<bool>| Choice::new(value, label, "", settings.pkce == is);
    let sent = settings.authorization_parameters.iter();
    let sent: Vec<String> = sent.map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        Field::select(
            "client_auth",
            "How this server proves who it is",
            auths.chain(AUTHS.map(auth)).collect(),
        ),
        Field::select(
            "pkce",
            "PKCE",
            vec![
                pkce("", "As the preset knows", None),
                pkce("yes", "Yes", Some(true)),
                pkce("no", "No", Some(false)),
            ],
        ),
        Field::check("requires_iss", "Refuse redirects without iss", settings.requires_iss)
            .hint("Set it once you have seen the provider send iss (RFC 9207)."),
        Field::lines(
            "authorization_parameters",
            "Further parameters of the request, as name=value",
            &sent,
        )
        .hint("They stand in the address that people are sent to, such as prompt=consent.")
        .optional(),
    ]
}

/// The secret of our client there.
pub fn client_secret() -> Field {
    Field::new(Kind::Password, "client_secret", "Client secret").autocomplete("new-password")
}

/// The private key of our client there.
pub fn private_key() -> Field {
    Field::new(Kind::Password, "private_key", "Private key, as a JWK")
        .hint("For private_key_jwt: {\"kty\": …} with its private half; RSA, P-256, P-384 or Ed25519.")
        .autocomplete("new-password")
}

/// One key for everybody.
pub fn api_key() -> Field {
    Field::new(Kind::Password, "api_key", "API key").autocomplete("new-password")
}

/// The field of the secret that these settings want; a public client has none.
pub fn wanted_secret(settings: &ProviderSettings) -> Option<Field> {
    match CredentialKind::of(settings) {
        CredentialKind::ClientSecret => Some(client_secret()),
        CredentialKind::PrivateKey => Some(private_key()),
        CredentialKind::ApiKey => Some(api_key()),
        CredentialKind::Nothing => None,
    }
}

fn parameter_field(name: &str) -> String {
    format!("parameter_{name}")
}

/// `Login host` for `login_host`.
fn label_of(name: &str) -> String {
    let mut label = name.replace('_', " ");
    if let Some(first) = label.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    label.replace("url", "URL")
}

/// Reads the fields; what has none stays.
pub fn read(typed: &Parameters, settings: ProviderSettings) -> Result<ProviderSettings, AdminError> {
    let settings = ProviderSettings {
        name: text(typed, "name").to_owned(),
        ..settings
    };
    let Some(preset) = preset_of(&settings) else {
        return Ok(settings);
    };
    let scope = lines(typed, "scope").join(" ");
    let unknown = |field: &str| AdminError::invalid(field, "choose one of the values");
    let client_auth = match text(typed, "client_auth") {
        "" => None,
        said => {
            let found = AUTHS.into_iter().find(|(_, value, _)| *value == said);
            Some(found.ok_or_else(|| unknown("client_auth"))?.0)
        }
    };
    let pkce = match text(typed, "pkce") {
        "" => None,
        "yes" => Some(true),
        "no" => Some(false),
        _ => return Err(unknown("pkce")),
    };
    let parameters = preset.parameters.iter().filter_map(|parameter| {
        let value = text_of(typed, &parameter_field(parameter.name));
        (!value.is_empty()).then(|| (parameter.name.to_owned(), value))
    });
    let issuer = Some(text(typed, "issuer").to_owned()).filter(|issuer| !issuer.is_empty());
    Ok(ProviderSettings {
        parameters: parameters.collect(),
        issuer: issuer.filter(|_| matches!(preset.source, Source::Issuer | Source::Settings)),
        endpoints: if preset.source == Source::Settings {
            read_endpoints(typed)?
        } else {
            None
        },
        client_id: text(typed, "client_id").to_owned(),
        client_auth,
        scope: Scope::parse(&scope).map_err(|refusal| AdminError::invalid("scope", refusal.description))?,
        authorization_parameters: read_parameters(typed)?,
        pkce,
        requires_iss: !text(typed, "requires_iss").is_empty(),
        ..settings
    })
}

fn text_of(typed: &Parameters, name: &str) -> String {
    text(typed, name).to_owned()
}

fn read_endpoints(typed: &Parameters) -> Result<Option<Endpoints>, AdminError> {
    let url = |name: &str| match text(typed, name) {
        "" => Ok(None),
        said => match Url::parse(said) {
            Ok(url) => Ok(Some(url)),
            Err(error) => Err(AdminError::invalid(name, format!("this is no address: {error}"))),
        },
    };
    let needed = |name: &str| url(name)?.ok_or_else(|| AdminError::invalid(name, "set it: nobody describes this provider"));
    Ok(Some(Endpoints {
        authorization_endpoint: needed("authorization_endpoint")?,
        token_endpoint: needed("token_endpoint")?,
        revocation_endpoint: url("revocation_endpoint")?,
        userinfo_endpoint: url("userinfo_endpoint")?,
    }))
}

fn read_parameters(typed: &Parameters) -> Result<BTreeMap<String, String>, AdminError> {
    let mut read = BTreeMap::new();
    for line in lines(typed, "authorization_parameters") {
        let wrong = |message: &str| AdminError::invalid("authorization_parameters", message);
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("write name=value on each line"))?;
        if read.insert(name.trim().to_owned(), value.trim().to_owned()).is_some() {
            return Err(wrong("a name is there twice"));
        }
    }
    Ok(read)
}

/// Reads the secret that was typed, if one was.
pub fn credential(typed: &Parameters) -> Result<Option<Credential>, AdminError> {
    // As it is: a space can be a part of it.
    let secret = |name: &str| typed.all(name).next().map(|secret| SecretString::from(secret.to_owned()));
    let key = secret("private_key").map(|key| Credential::read_key(&key)).transpose();
    let all = [
        secret("client_secret").map(Credential::ClientSecret),
        key.map_err(|invalid| AdminError::invalid(invalid.field, invalid.message))?,
        secret("api_key").map(Credential::ApiKey),
    ];
    let mut all = all.into_iter().flatten();
    match (all.next(), all.next()) {
        (_, Some(second)) => Err(AdminError::invalid(
            second.field(),
            "a provider has one secret: leave the other one empty",
        )),
        (first, None) => Ok(first),
    }
}

/// An error of the engine at the field of the form that it is about: parameters and endpoints have one each.
pub fn at_its_field(error: AdminError) -> AdminError {
    let AdminError::Invalid { field, message } = error else {
        return error;
    };
    let name = message.split([':', ' ']).next().unwrap_or_default();
    let known = match field.as_str() {
        "parameters" if !name.is_empty() => Some(parameter_field(name)),
        "endpoints" => ENDPOINTS.iter().find(|(field, ..)| *field == name).map(|_| name.to_owned()),
        _ => None,
    };
    match known {
        Some(field) => {
            let rest = message.strip_prefix(&format!("{name}: ")).unwrap_or(&message);
            AdminError::invalid(field, rest)
        }
        None => AdminError::Invalid { field, message },
    }
}
