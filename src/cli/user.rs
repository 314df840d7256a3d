//! `gatehouse user`

use std::io::{IsTerminal, Read};

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::admin::users::UserView;
use crate::app::App;
use crate::identity::account;
use crate::model::user::{User, UserSettings, normalize_username};
use crate::protocol::claims::PROFILE_CLAIMS;
use crate::protocol::scope::Scope;

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// Add a user
    Add(Add),
    /// List users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Set a new password; signs the user out everywhere
    Password {
        /// User name
        username: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Keep a user from signing in, and end everything that acts for them
    Disable {
        /// User name
        username: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// User name
        username: String,
    },
    /// Remove a user with their sessions, grants and consents
    Delete {
        /// User name
        username: String,
    },
}

#[derive(clap::Args)]
pub struct PasswordSource {
    /// Read the password from standard input
    #[arg(long, conflicts_with = "generate_password")]
    password_stdin: bool,
    /// Make a password and print it
    #[arg(long)]
    generate_password: bool,
}

#[derive(clap::Args)]
pub struct Add {
    /// Name to sign in with
    username: String,
    #[command(flatten)]
    password: PasswordSource,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// The e-mail address is known to be theirs
    #[arg(long, requires = "email")]
    email_verified: bool,
    /// Full name
    #[arg(long)]
    name: Option<String>,
    /// A role; repeat for several
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The only scopes that this user may hand on, separated by spaces; no limit when left out
    #[arg(long, value_name = "SCOPES")]
    allowed_scopes: Option<String>,
    /// A further claim; standard or your own; repeat for several. VALUE is JSON or plain text
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(add) => create(app, add).await,
        Command::List { json } => list(app, json).await,
        Command::Password { username, password } => {
            let user = find(app, &username).await?;
            let password = obtain(app, &password)?;
            account::set_password(app, &user, &password.secret).await?;
            report_password(&password);
            say!("The password of {} is changed; all sessions and grants are ended.", user.username);
            Ok(())
        }
        Command::Disable { username } => set_disabled(app, &username, true).await,
        Command::Enable { username } => set_disabled(app, &username, false).await,
        Command::Delete { username } => {
            let user = find(app, &username).await?;
            account::delete(app, &user).await?;
            say!("{} is removed.", user.username);
            Ok(())
        }
    }
}

async fn create(app: &App, add: Add) -> Result<(), Failure> {
    let mut new = UserSettings {
        username: add.username,
        email: add.email,
        email_verified: add.email_verified,
        roles: add.roles,
        allowed_scope: add
            .allowed_scopes
            .as_deref()
            .map(Scope::parse)
            .transpose()
            .map_err(|refusal| refusal.description.into_owned())?,
        ..UserSettings::default()
    };
    if let Some(name) = add.name {
        new.profile.insert("name".to_owned(), json!(name));
    }
    for claim in &add.claims {
        add_claim(&mut new.profile, &mut new.extra_claims, claim)?;
    }
    let password = obtain(app, &add.password)?;
    let user = account::create(app, new, Some(&password.secret)).await?;
    if add.json {
        let mut shown = json!(UserView::from(user));
        if password.is_generated {
            shown["password"] = json!(password.secret.expose_secret());
        }
        return output::json(&shown);
    }
    say!("{} is added; sub: {}", user.username, user.id);
    report_password(&password);
    Ok(())
}

fn add_claim(profile: &mut Map<String, Value>, extra: &mut Map<String, Value>, claim: &str) -> Result<(), Failure> {
    let (name, value) = claim.split_once('=').ok_or_else(|| format!("--claim {claim}: write NAME=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    let target = if PROFILE_CLAIMS.contains(&name) { profile } else { extra };
    target.insert(name.to_owned(), value);
    Ok(())
}

struct Password {
    secret: SecretString,
    is_generated: bool,
}

fn obtain(app: &App, source: &PasswordSource) -> Result<Password, Failure> {
    if source.generate_password {
        return Ok(Password {
            secret: SecretString::from(app.random.secret()),
            is_generated: true,
        });
    }
    let text = if source.password_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Again: ")? != first {
            return Err("the two passwords differ".into());
        }
        first
    } else {
        return Err("there is no terminal to ask for the password: use --password-stdin or --generate-password".into());
    };
    let secret = SecretString::from(text);
    account::check_password(&secret)?;
    Ok(Password {
        secret,
        is_generated: false,
    })
}

fn report_password(password: &Password) {
    if password.is_generated {
        say!("Password, shown once: {}", password.secret.expose_secret());
    }
}

async fn find(app: &App, username: &str) -> Result<User, Failure> {
    let name = normalize_username(username)?;
    let user = app.store.read().await?.user_by_name(&name).await?;
    Ok(user.ok_or_else(|| format!("there is no user {name}; see them with: gatehouse user list"))?)
}

async fn set_disabled(app: &App, username: &str, is_disabled: bool) -> Result<(), Failure> {
    let user = find(app, username).await?;
    let settings = UserSettings {
        is_disabled,
        ..user.settings.clone()
    };
    let user = account::change(app, user, settings).await?;
    say!("{} is {}.", user.username, if is_disabled { "disabled" } else { "enabled" });
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let users = app.store.read().await?.every_user().await?;
    if json {
        return output::json(&users.into_iter().map(UserView::from).collect::<Vec<_>>());
    }
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            vec![
                user.username.clone(),
                user.email.clone().unwrap_or_else(|| "-".to_owned()),
                user.roles.join(" "),
                user.allowed_scope.as_ref().map_or_else(|| "any".to_owned(), ToString::to_string),
                if user.is_disabled { "disabled" } else { "active" }.to_owned(),
                user.id.clone(),
            ]
        })
        .collect();
    say!(
        "{}",
        output::table(&["USERNAME", "E-MAIL", "ROLES", "MAY GRANT", "STATE", "SUB"], &rows)
    );
    Ok(())
}
