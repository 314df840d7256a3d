//! `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: one document.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use crate::app::App;
use crate::base::document::Document;
use crate::config::{Config, RegistrationPolicy};
use crate::model::scope::ScopeCatalog;
use crate::oauth::metadata;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::routes::announced;

/// How long clients may keep the document.
const CACHE: &str = "public, max-age=300";

/// The metadata document (RFC 8414 §3, OpenID Connect Discovery §4).
pub async fn metadata(call: Call) -> Result<HttpResponse, Error> {
    let app = &call.app;
    let (live, catalog) = (app.live(), app.store.known_scopes().await?);
    let document = app.discovery_document.of(&live, &catalog, || document(app, &live, &catalog));
    let etag = document.etag.clone();
    if call.header(IF_NONE_MATCH) == Some(etag.as_str()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .insert_header((CACHE_CONTROL, CACHE))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, CACHE))
        .content_type("application/json")
        .body(document.text.clone()))
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
