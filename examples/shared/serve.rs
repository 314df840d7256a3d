//! From flags to a running example, or to a sentence that says what is missing.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};

use super::flags::Flags;
use super::page::headers;
use super::provider::Registration;
use super::relying_party::RelyingParty;

/// The relying party of an example, after it has been seen to work.
///
/// # Errors
/// What is wrong, and what to do about it; `how` says how the client is registered.
pub async fn relying_party(flags: &Flags, client_id: &str, client_secret: Option<String>, how: &str) -> Result<Arc<RelyingParty>, String> {
    let party = RelyingParty::discover(Registration {
        issuer: flags.issuer.clone(),
        client_id: client_id.to_owned(),
        client_secret,
        redirect_uri: format!("{}/callback", flags.base()),
    })
    .await?;
    party.check_registration().await.map_err(|problem| format!("{problem}. {how}"))?;
    Ok(Arc::new(party))
}

/// Serves until it is told to stop.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(flags: &Flags, name: &str, mount: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Result<(), String> {
    let server = HttpServer::new(move || App::new().wrap(headers()).configure(mount.clone()))
        .workers(2)
        .bind(&flags.listen)
        .map_err(|error| {
            format!(
                "{} cannot be listened at: {error}. Choose another address, as in --listen localhost:3001",
                flags.listen
            )
        })?;
    eprintln!("{name}: {}   (people sign in at {})", flags.base(), flags.issuer);
    server.run().await.map_err(|error| error.to_string())
}
