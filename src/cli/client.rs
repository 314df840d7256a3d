//! `gatehouse client`

use clap::Subcommand;
use serde_json::json;

use crate::admin::clients::ClientView;
use crate::app::App;
use crate::model::client::{AccessTokenFormat, Client, ClientKind, ClientSettings, ConsentPolicy};
use crate::model::signing_key::SigningAlgorithm;
use crate::oauth::clients::{self, NewClient};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// Register a client application
    Add(Box<Add>),
    /// List clients
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a client a new secret; the old one stops working at once, or after a while
    Secret {
        /// Client id
        client_id: String,
        /// For how many seconds the old secret goes on working, so that the application can change over
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        overlap: i64,
    },
    /// Stop a client, and everything that it has been given
    Disable {
        /// Client id
        client_id: String,
    },
    /// Let a disabled client work again
    Enable {
        /// Client id
        client_id: String,
    },
    /// Remove a client with its grants and consents
    Delete {
        /// Client id
        client_id: String,
    },
}

/// Reads the name of a kind.
fn kind(text: &str) -> Result<ClientKind, String> {
    ClientKind::parse(text).ok_or_else(|| "must be web, spa, native, service or mcp".to_owned())
}

#[derive(clap::Args)]
pub struct Add {
    /// Name that people read when they are asked for consent
    name: String,
    /// What kind of application it is; sets grant types and authentication.
    ///
    /// web: has a server that can keep a secret; spa: runs in the browser; native: mobile, desktop or command
    /// line; service: acts for itself; mcp: an MCP client or agent
    #[arg(long, value_name = "web|spa|native|service|mcp", value_parser = kind, default_value = "web")]
    kind: ClientKind,
    /// Client id; one is made when it is left out
    #[arg(long)]
    id: Option<String>,
    /// Where answers may be sent; repeat for several. For loopback hosts any port matches
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    #[arg(
        long,
        value_name = "SCOPES",
        help = "The most that it may ask for, separated by spaces; unless it is given: openid profile email offline_access for \
                people's applications, openid offline_access for mcp, none for a service"
    )]
    scope: Option<String>,
    /// When people are asked: always, once or skip
    #[arg(long, value_name = "POLICY", default_value = "once")]
    consent: String,
    /// Form of access tokens: jwt or opaque
    #[arg(long, value_name = "FORMAT", default_value = "jwt")]
    access_token: String,
    /// Algorithm of its tokens: RS256, ES256 or EdDSA
    #[arg(long, value_name = "ALGORITHM", default_value = "RS256")]
    signing_algorithm: String,
    /// Life of its access tokens in seconds, when it differs from the server's
    #[arg(long, value_name = "SECONDS")]
    token_lifetime: Option<i64>,
    /// Let it send the secret in the body instead of the Authorization header (both are accepted)
    #[arg(long)]
    secret_post: bool,
    #[arg(
        long,
        value_name = "METHOD",
        conflicts_with = "secret_post",
        help = "How it proves who it is, when that differs from what suits its kind: client_secret_basic, client_secret_post, \
                client_secret_jwt, private_key_jwt or none"
    )]
    auth_method: Option<String>,
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "jwks_uri",
        help = "For private_key_jwt: a file with its public keys, as a JWK set"
    )]
    jwks: Option<std::path::PathBuf>,
    #[arg(long, value_name = "URL", help = "For private_key_jwt: where its public keys are")]
    jwks_uri: Option<String>,
    /// Do not insist on PKCE; only for a web application that cannot do it
    #[arg(long)]
    without_pkce: bool,
    /// Let it introspect tokens of other clients, as an API does; services always may
    #[arg(long)]
    introspect: bool,
    /// Allow the client credentials grant, too
    #[arg(long)]
    client_credentials: bool,
    /// Allow the token exchange grant, too: for tokens that the vault keeps (with the scope vault)
    #[arg(long)]
    token_exchange: bool,
    /// Picture for the consent page
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,
    /// Home page
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// Privacy policy
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// Terms of service
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(add) => register(app, *add).await,
        Command::List { json } => list(app, json).await,
        Command::Secret { client_id, overlap } => {
            let client = find(app, &client_id).await?;
            let replaced = clients::replace_secret(app, client, overlap).await?;
            say!("{}", replaced.secret.unwrap_or_default());
            Ok(())
        }
        Command::Disable { client_id } => set_disabled(app, &client_id, true).await,
        Command::Enable { client_id } => set_disabled(app, &client_id, false).await,
        Command::Delete { client_id } => {
            let client = find(app, &client_id).await?;
            clients::delete(app, &client).await?;
            say!("{} is removed.", client.id);
            Ok(())
        }
    }
}

async fn register(app: &App, add: Add) -> Result<(), Failure> {
    let mut new = NewClient::of_kind(&add.name, add.kind);
    if let Some(name) = &add.auth_method {
        let methods = AuthMethod::ALL.map(AuthMethod::as_str).join(", ");
        new.auth_method = AuthMethod::parse(name).ok_or_else(|| format!("--auth-method must be one of {methods}"))?;
    }
    if let Some(file) = &add.jwks {
        let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let keys = serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", file.display()))?;
        new.jwks = Some(keys);
    }
    new.jwks_uri = add.jwks_uri;
    if new.is_public() && (add.introspect || add.without_pkce || add.secret_post) {
        return Err("--introspect, --without-pkce and --secret-post need a client with a secret: --kind web or service".into());
    }
    if add.secret_post {
        new.auth_method = AuthMethod::ClientSecretPost;
    }
    if (add.client_credentials || add.token_exchange) && !new.grant_types.contains(&GrantType::ClientCredentials) {
        new.grant_types.push(GrantType::ClientCredentials);
    }
    if add.token_exchange {
        new.grant_types.push(GrantType::TokenExchange);
    }
    new.id = add.id;
    new.redirect_uris = add.redirect_uris;
    if let Some(scope) = add.scope {
        new.scope = Scope::parse(&scope).map_err(|refusal| refusal.description.into_owned())?;
    }
    new.consent_policy = ConsentPolicy::parse(&add.consent).ok_or("--consent must be always, once or skip")?;
    new.access_token_format = AccessTokenFormat::parse(&add.access_token).ok_or("--access-token must be jwt or opaque")?;
    new.signing_algorithm = SigningAlgorithm::parse(&add.signing_algorithm).ok_or("--signing-algorithm must be RS256, ES256 or EdDSA")?;
    new.access_token_lifetime = add.token_lifetime;
    new.requires_pkce = !add.without_pkce;
    new.may_introspect |= add.introspect;
    new.logo_uri = add.logo_uri;
    new.client_uri = add.client_uri;
    new.policy_uri = add.policy_uri;
    new.tos_uri = add.tos_uri;
    let registered = clients::register(app, new).await?;
    if add.json {
        let mut shown = json!(ClientView::new(registered.client, app.now()));
        shown["client_secret"] = json!(registered.secret);
        return output::json(&shown);
    }
    say!("client_id:     {}", registered.client.id);
    if let Some(secret) = registered.secret {
        say!("client_secret: {secret}   (shown once)");
    }
    Ok(())
}

async fn find(app: &App, id: &str) -> Result<Client, Failure> {
    let client = app.store.read().await?.client(id).await?;
    Ok(client.ok_or_else(|| format!("there is no client {id}; see them with: gatehouse client list"))?)
}

async fn set_disabled(app: &App, id: &str, is_disabled: bool) -> Result<(), Failure> {
    let client = find(app, id).await?;
    let settings = ClientSettings {
        is_disabled,
        ..client.settings.clone()
    };
    let client = clients::change(app, client, settings).await?;
    say!("{} is {}.", client.id, if is_disabled { "disabled" } else { "enabled" });
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let clients = app.store.read().await?.every_client().await?;
    if json {
        return output::json(
            &clients
                .into_iter()
                .map(|client| ClientView::new(client, app.now()))
                .collect::<Vec<_>>(),
        );
    }
    let rows: Vec<Vec<String>> = clients
        .iter()
        .map(|client| {
            vec![
                client.id.clone(),
                client.name.clone(),
                if client.is_public() { "public" } else { "confidential" }.to_owned(),
                client.scope.to_string(),
                client.consent_policy.as_str().to_owned(),
                if client.is_disabled { "disabled" } else { "active" }.to_owned(),
            ]
        })
        .collect();
    say!(
        "{}",
        output::table(&["CLIENT ID", "NAME", "TYPE", "SCOPE", "CONSENT", "STATE"], &rows)
    );
    Ok(())
}
