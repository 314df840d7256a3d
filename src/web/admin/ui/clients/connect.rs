//! How an application uses its registration.

use actix_web::HttpResponse;

use super::super::view::page::Ui;
use super::super::view::parts::{Folded, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, snippets, view};
use crate::admin::clients as engine;
use crate::protocol::client_authentication::AuthMethod;
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/clients/{client_id}/connect`
pub async fn connect(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let client = engine::find(&call.app, &call.segment("client_id")?).await?;
    let issuer = &call.app.issuer;
    let endpoint = |path| Cell::code(issuer.endpoint(path));
    let needed = Facts::default()
        .fact("Issuer", Cell::code(issuer.as_str()))
        .fact("Client ID", Cell::code(&client.id))
        .fact(
            "Client secret",
            match client.auth_method {
                AuthMethod::None => Cell::text("none: PKCE protects its codes"),
                AuthMethod::PrivateKeyJwt => Cell::text("none: it signs with its private key"),
                _ => Cell::text("as it was shown when it was made"),
            },
        );
    let endpoints = Facts::default()
        .fact("Configuration", endpoint("/.well-known/openid-configuration"))
        .fact("Authorization", endpoint("/authorize"))
        .fact("Token", endpoint("/token"))
        .fact("Userinfo", endpoint("/userinfo"))
        .fact("Keys", endpoint("/jwks"))
        .fact("Introspection", endpoint("/introspect"))
        .fact("Revocation", endpoint("/revoke"));
    view(&ui, &client, At::Connect, None)
        .part(
            Section::new("What the application needs")
                .line("Most libraries need these and find the rest by themselves.")
                .part(needed)
                .part(Folded::new("All endpoints").part(endpoints)),
        )
        .part(snippets::section(&call.app, &client))
        .ok()
}
