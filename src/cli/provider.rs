//! `gatehouse provider`

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use url::Url;

use crate::admin::AdminError;
use crate::admin::providers::{self as engine, FoundView, PresetView, ProviderCheck, ProviderView};
use crate::app::App;
use crate::base::invalid::Invalid;
use crate::federation::providers::{self, Credential, CredentialKind, ProviderError, SecretChange};
use crate::model::provider::{Endpoints, Provider, ProviderKind, ProviderSettings};
use crate::protocol::provider::ClientAuth;
use crate::protocol::scope::Scope;

use super::output::say;
use super::secret::Source;
use super::{Failure, output};

/// What people see below the flags.
const EXAMPLE: &str = "\
Examples:

  gatehouse provider add google --name Google --preset google \\
      --client-id 1234567890-abc.apps.googleusercontent.com \\
      --secret-env GOOGLE_SECRET \\
      --scope https://www.googleapis.com/auth/calendar.readonly
  gatehouse provider add staff --name \"Our staff\" --preset microsoft \\
      --parameter tenant=example.com --secret-file staff.secret \\
      --client-id 11111111-2222-3333-4444-555555555555
  gatehouse provider add other --name \"The other place\" --preset gatehouse \\
      --provider-issuer https://other.example.com \\
      --client-id login-vault --secret-stdin < other.secret
  gatehouse provider add weather --name Weather --kind api-key \\
      --secret-env WEATHER_KEY

The secret can be given later, too, with: gatehouse provider secret. What is
printed has the redirect URI with which the provider gives one.";

#[derive(Subcommand)]
pub enum Command {
    /// List providers
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List what is known about providers beforehand, and what each of them asks for
    Presets {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a provider, at which people connect their accounts
    #[command(after_help = EXAMPLE)]
    Add(Box<Add>),
    /// Give a provider its secret, or another one; a private key is a JWK in JSON
    Secret {
        /// Provider id
        id: String,
        /// It has no secret: the one that it had is removed, and its addresses are right as they are
        #[arg(long, conflicts_with_all = ["secret_stdin", "secret_env", "secret_file"])]
        none: bool,
        #[command(flatten)]
        source: Source,
    },
    /// Look at a provider: read its metadata now, and say what is wrong; nobody signs in there for it
    ///
    /// Ends with 1 when something is wrong.
    Check {
        /// Provider id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a provider: nobody gets anything from it
    Disable {
        /// Provider id
        id: String,
    },
    /// Let a disabled provider work again
    Enable {
        /// Provider id
        id: String,
    },
    /// Remove a provider
    #[command(visible_alias = "delete")]
    Remove {
        /// Provider id
        id: String,
        /// Also what people have connected there; it is taken back at the provider a moment later
        #[arg(long)]
        with_connections: bool,
    },
}

/// What the vault keeps.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Tokens that a person consents to
    Oauth2,
    /// One key for everybody
    #[value(alias = "api_key")]
    ApiKey,
}

#[derive(clap::Args)]
pub struct Add {
    /// Its name in addresses: small letters, digits and hyphens
    id: String,
    /// What people read
    #[arg(long)]
    name: String,
    /// The client whose agents without ceilings may use it
    #[arg(long, value_name = "CLIENT_ID")]
    owner: Option<String>,
    /// What is kept: tokens that a person consents to, or one API key for everybody
    #[arg(long, value_enum, default_value = "oauth2")]
    kind: Kind,
    /// What is known about it beforehand; see: gatehouse provider presets
    #[arg(long)]
    preset: Option<String>,
    /// What the preset asks for; repeat for several
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Its issuer, whose metadata says the rest; for the presets gatehouse and oidc
    #[arg(long, value_name = "URL")]
    provider_issuer: Option<String>,
    /// Where people are sent to; for the preset oauth2
    #[arg(long, value_name = "URL", requires = "token_endpoint")]
    authorization_endpoint: Option<Url>,
    /// Where codes become tokens; for the preset oauth2
    #[arg(long, value_name = "URL", requires = "authorization_endpoint")]
    token_endpoint: Option<Url>,
    /// Where tokens are taken back; for the preset oauth2
    #[arg(long, value_name = "URL", requires = "token_endpoint")]
    revocation_endpoint: Option<Url>,
    /// Where it is said whose account it is; for the preset oauth2
    #[arg(long, value_name = "URL", requires = "token_endpoint")]
    userinfo_endpoint: Option<Url>,
    /// What this server is called there
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[arg(
        long,
        value_name = "METHOD",
        help = "How this server proves who it is there, when the preset does not know: client_secret_basic, client_secret_post, \
                private_key_jwt or none"
    )]
    client_auth: Option<String>,
    /// What is asked for when an agent does not say, separated by spaces
    #[arg(long, value_name = "SCOPES", default_value = "")]
    scope: String,
    /// What else stands in the address that people are sent to; repeat for several
    #[arg(long = "authorization-parameter", value_name = "NAME=VALUE")]
    authorization_parameters: Vec<String>,
    /// Whether PKCE is used, when the preset does not know
    #[arg(long, value_name = "true|false")]
    pkce: Option<bool>,
    /// Refuse a redirect without iss (RFC 9207)
    #[arg(long)]
    requires_iss: bool,
    #[command(flatten)]
    secret: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(app: &App, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List { json } => list(app, json).await?,
        Command::Presets { json } => presets(json)?,
        Command::Add(add) => register(app, *add).await?,
        Command::Secret { id, none: true, source: _ } => {
            let provider = find(app, &id).await?;
            let settings = provider.settings.clone();
            providers::change(app, provider, settings, SecretChange::Remove).await?;
            say!("{id} has no secret.");
        }
        Command::Secret { id, none: false, source } => {
            let provider = find(app, &id).await?;
            let text = source.fetch()?.ok_or(Source::MISSING)?;
            let credential = Credential::read(&provider.settings, text).map_err(|invalid| invalid.message)?;
            let settings = provider.settings.clone();
            providers::change(app, provider, settings, SecretChange::Set(credential)).await?;
            say!("{id} has a new secret.");
        }
        Command::Check { id, json } => return check(app, &id, json).await,
        Command::Disable { id } => set_disabled(app, &id, true).await?,
        Command::Enable { id } => set_disabled(app, &id, false).await?,
        Command::Remove { id, with_connections } => remove(app, &id, with_connections).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn register(app: &App, add: Add) -> Result<(), Failure> {
    let settings = settings(&add)?;
    let secret = add.secret.fetch()?;
    let credential = secret.map(|text| Credential::read(&settings, text)).transpose().map_err(flagged)?;
    let has_secret = credential.is_some();
    let provider = providers::register(app, &add.id, settings, credential).await;
    let provider = provider.map_err(|error| match error {
        ProviderError::Invalid(invalid) => flagged(invalid),
        error => error.to_string(),
    })?;
    if add.json {
        return output::json(&ProviderView::new(app, provider));
    }
    let view = ProviderView::new(app, provider);
    say!("{} is added.", view.id);
    if view.settings.kind == ProviderKind::Oauth2 {
        say!("redirect URI to register there: {}", view.callback_url);
    }
    if !has_secret && CredentialKind::of(&view.settings).is_needed() {
        say!("It has no secret yet; give it one with: gatehouse provider secret {}", view.id);
    }
    Ok(())
}

fn settings(add: &Add) -> Result<ProviderSettings, Failure> {
    let endpoints = add
        .authorization_endpoint
        .clone()
        .zip(add.token_endpoint.clone())
        .map(|(authorization_endpoint, token_endpoint)| Endpoints {
            authorization_endpoint,
            token_endpoint,
            revocation_endpoint: add.revocation_endpoint.clone(),
            userinfo_endpoint: add.userinfo_endpoint.clone(),
        });
    Ok(ProviderSettings {
        name: add.name.clone(),
        kind: match add.kind {
            Kind::Oauth2 => ProviderKind::Oauth2,
            Kind::ApiKey => ProviderKind::ApiKey,
        },
        preset: add.preset.clone().unwrap_or_default(),
        parameters: super::pairs("--parameter", &add.parameters)?,
        issuer: add.provider_issuer.clone(),
        endpoints,
        client_id: add.client_id.clone().unwrap_or_default(),
        client_auth: add.client_auth.as_deref().map(client_auth).transpose()?,
        scope: Scope::parse(&add.scope).map_err(|refusal| format!("--scope: {}", refusal.description))?,
        authorization_parameters: super::pairs("--authorization-parameter", &add.authorization_parameters)?,
        pkce: add.pkce,
        requires_iss: add.requires_iss,
        owner: add.owner.clone(),
        is_disabled: false,
    })
}

fn client_auth(name: &str) -> Result<ClientAuth, Failure> {
    let read = serde_json::from_value(name.into());
    Ok(read.map_err(|_| "--client-auth must be client_secret_basic, client_secret_post, private_key_jwt or none")?)
}

/// What is wrong, with the argument that says it.
fn flagged(invalid: Invalid) -> String {
    let Invalid { field, message } = invalid;
    match field {
        "" => message,
        "id" => format!("ID: {message}"),
        "issuer" => format!("--provider-issuer: {message}"),
        "parameters" => format!("--parameter: {message}"),
        "authorization_parameters" => format!("--authorization-parameter: {message}"),
        "endpoints" => format!("--authorization-endpoint, --token-endpoint: {message}"),
        "client_secret" | "private_key" | "api_key" => format!("the secret: {message}"),
        field => format!("--{}: {message}", field.replace('_', "-")),
    }
}

async fn find(app: &App, id: &str) -> Result<Provider, Failure> {
    match engine::find(app, id).await {
        Err(AdminError::NotFound) => Err(format!("there is no provider {id}; see them with: gatehouse provider list").into()),
        found => Ok(found?),
    }
}

async fn set_disabled(app: &App, id: &str, is_disabled: bool) -> Result<(), Failure> {
    let provider = find(app, id).await?;
    let settings = ProviderSettings {
        is_disabled,
        ..provider.settings.clone()
    };
    providers::change(app, provider, settings, SecretChange::Keep).await?;
    say!("{id} is {}.", if is_disabled { "disabled" } else { "enabled" });
    Ok(())
}

async fn remove(app: &App, id: &str, with_connections: bool) -> Result<(), Failure> {
    let provider = find(app, id).await?;
    let removed = providers::delete(app, &provider, with_connections).await;
    removed.map_err(|error| match error {
        ProviderError::InUse(count, _) => ProviderError::InUse(
            count,
            "disable it instead, or say --with-connections to remove them with it; they are taken back at the provider then",
        ),
        error => error,
    })?;
    say!("{id} is removed.");
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let providers = app.store.read().await?.providers().await?.into_iter();
    let mut views: Vec<ProviderView> = providers.map(|provider| ProviderView::new(app, provider)).collect();
    views.sort_by(|left, right| left.id.cmp(&right.id));
    if json {
        return output::json(&views);
    }
    let rows: Vec<Vec<String>> = views
        .into_iter()
        .map(|view| {
            let settings = view.settings;
            let preset = match settings.kind {
                ProviderKind::ApiKey => "api key".to_owned(),
                ProviderKind::Oauth2 => settings.preset,
            };
            vec![
                view.id,
                settings.name,
                preset,
                settings.client_id,
                settings.scope.to_string(),
                if view.has_secret { "set" } else { "-" }.to_owned(),
                if settings.is_disabled { "disabled" } else { "active" }.to_owned(),
            ]
        })
        .collect();
    let header = ["ID", "NAME", "PRESET", "CLIENT ID", "SCOPE", "SECRET", "STATE"];
    say!("{}", output::table(&header, &rows));
    Ok(())
}

fn presets(json: bool) -> Result<(), Failure> {
    let presets = engine::presets().items;
    if json {
        return output::json(&presets);
    }
    let needs = |preset: &PresetView| {
        let parameters = preset
            .parameters
            .iter()
            .map(|parameter| match (parameter.is_required, parameter.default) {
                (true, None) => format!("--parameter {}=…", parameter.name),
                (_, Some(default)) => format!("[--parameter {}={default}]", parameter.name),
                (false, None) => format!("[--parameter {}=…]", parameter.name),
            });
        let issuer = preset.needs_issuer.then(|| "--provider-issuer …".to_owned());
        let endpoints = preset
            .needs_endpoints
            .then(|| "--authorization-endpoint … --token-endpoint …".to_owned());
        parameters.chain(issuer).chain(endpoints).collect::<Vec<_>>().join(" ")
    };
    let rows: Vec<Vec<String>> = presets
        .iter()
        .map(|preset| vec![preset.preset.to_owned(), preset.label.to_owned(), needs(preset)])
        .collect();
    say!("{}", output::table(&["PRESET", "NAME", "ASKS FOR"], &rows));
    Ok(())
}

async fn check(app: &App, id: &str, json: bool) -> Result<ExitCode, Failure> {
    find(app, id).await?;
    let checked = engine::check(app, id).await?;
    let code = if checked.is_usable { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        output::json(&checked)?;
    } else {
        describe(id, &checked);
    }
    Ok(code)
}

fn describe(id: &str, checked: &ProviderCheck) {
    if checked.is_usable {
        say!("{id} can be used, as far as it can be seen from here.");
    } else {
        say!("{id} cannot be used:");
        for problem in &checked.problems {
            say!("  {}", output::printable(problem));
        }
    }
    for warning in &checked.warnings {
        say!("Note: {}", output::printable(warning));
    }
    let Some(found) = &checked.found else { return };
    say!("redirect URI:           {}", checked.callback_url);
    for (name, value) in shown(found) {
        say!("{:<23} {}", format!("{name}:"), output::printable(&value));
    }
}

fn shown(found: &FoundView) -> Vec<(&'static str, String)> {
    let nobody = || "-".to_owned();
    let url = |url: &Option<Url>| url.as_ref().map_or_else(nobody, Url::to_string);
    let client_auth = serde_json::to_value(found.client_auth).unwrap_or_default();
    vec![
        ("issuer", found.issuer.clone().unwrap_or_else(nobody)),
        ("authorization endpoint", found.authorization_endpoint.to_string()),
        ("token endpoint", found.token_endpoint.to_string()),
        ("revocation endpoint", url(&found.revocation_endpoint)),
        ("account endpoint", url(&found.account_endpoint)),
        ("client auth", client_auth.as_str().unwrap_or_default().to_owned()),
        ("PKCE", if found.pkce { "yes" } else { "no" }.to_owned()),
        ("requires iss", if found.requires_iss { "yes" } else { "no" }.to_owned()),
        ("asked for always", found.scope.join(" ")),
    ]
}
