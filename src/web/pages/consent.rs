//! The consent page.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::identity::form_token::Form;
use crate::model::client::{Client, ClientOrigin};
use crate::oauth::authorize::{self, Answer, Decision};
use crate::protocol::error::invalid_request;
use crate::protocol::redirect_uri::{display_host, is_local, is_to_loopback};
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::oauth::authorize::{carry_out, opened};

use super::{ClientView, FormToken, Page, client_page};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    page: Page,
    csrf: String,
    interaction: String,
    client: ClientView,
    username: String,
    redirect_host: String,
    redirect_is_local: bool,
    /// It listens there; otherwise it is opened by a scheme of its own
    redirect_is_loopback: bool,
    /// Who vouches for it, when no operator does
    voucher: Voucher,
    /// Whether every answer stays on the device of the person
    is_local_only: bool,
    scopes: Vec<authorize::AskedScope>,
    resources: Vec<authorize::AskedResource>,
}

/// Who vouches for a client.
enum Voucher {
    /// An operator registered it
    Operator,
    /// Nobody: it registered itself
    Nobody,
    /// Whoever has this host, where its document is
    Host(String),
}

impl Voucher {
    fn of(client: &Client) -> Self {
        match client.origin {
            ClientOrigin::Operator => Self::Operator,
            ClientOrigin::Registration => Self::Nobody,
            ClientOrigin::Document => Self::Host(display_host(&client.id)),
        }
    }
}

/// `/consent`.
pub async fn consent(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() { answer(call).await } else { show(call).await }
}

async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let interaction = opened(&call, call.query()?.get("interaction")?)?;
    let decision = authorize::resume(&call.app, interaction, visitor.as_ref(), None).await?;
    let question = match (decision, &visitor) {
        (Decision::AskConsent(question), Some(_)) => question,
        (decision, _) => return carry_out(&call.app, decision),
    };
    let token = FormToken::new(&call, Form::Consent, visitor.as_ref());
    let page = ConsentPage {
        page: Page::new(&call.app),
        csrf: token.token.clone(),
        interaction: question.interaction.seal(&call.app)?,
        client: ClientView::from(&*question.client),
        username: visitor.map(|visitor| visitor.user.settings.username).unwrap_or_default(),
        redirect_host: display_host(&question.redirect_uri),
        redirect_is_local: is_local(&question.redirect_uri),
        redirect_is_loopback: is_to_loopback(&question.redirect_uri),
        voucher: Voucher::of(&question.client),
        is_local_only: question.client.redirect_uris.iter().all(|uri| is_local(uri)),
        scopes: question.scopes,
        resources: question.resources,
    };
    client_page(StatusCode::OK, &page, token, Some(&question.client), Some(&question.redirect_uri))
}

async fn answer(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let fields = call.own_form(Form::Consent, visitor.as_ref())?;
    let answer = match fields.get("decision")? {
        Some("allow") => Answer::Allow,
        Some("deny") => Answer::Deny,
        _ => return Err(invalid_request("the decision must be allow or deny").into()),
    };
    let interaction = opened(&call, fields.get("interaction")?)?;
    carry_out(
        &call.app,
        authorize::resume(&call.app, interaction, visitor.as_ref(), Some(answer)).await?,
    )
}
