//! `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: one document.

use actix_web::HttpResponse;

use crate::app::App;
use crate::base::document::Document;
use crate::config::{Config, RegistrationPolicy};
use crate::model::scope::ScopeCatalog;
use crate::oauth::metadata;
use crate::web::call::Call;
use crate::web::document::serve;
use crate::web::error::Error;
use crate::web::routes::announced;

/// The metadata document (RFC 8414 §3, OpenID Connect Discovery §4).
pub async fn metadata(call: Call) -> Result<HttpResponse, Error> {
    let app = &call.app;
    let (live, catalog) = (app.live(), app.store.known_scopes().await?);
    let document = app.discovery_document.of(&live, &catalog, || document(app, &live, &catalog));
    Ok(serve(&call, &document))
}

/// Made when a setting or a scope changes, not when somebody asks.
fn document(app: &App, live: &Config, catalog: &ScopeCatalog) -> Document {
    let mut endpoints = announced();
    if live.registration_policy() == RegistrationPolicy::Off {
        endpoints.retain(|(name, _)| *name != "registration_endpoint");
    }
    let text = metadata::document(app, live, catalog, &endpoints).to_string();
    Document::of(text)
}
