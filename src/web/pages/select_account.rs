//! The page of `prompt=select_account`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::identity::form_token::Form;
use crate::identity::session::SignedIn;
use crate::oauth::authorize::{self, Decision};
use crate::oauth::interaction::Interaction;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::oauth::authorize::{carry_out, opened};

use super::{ClientView, FormToken, Page, client_page, see_other};

#[derive(Template)]
#[template(path = "select_account.html")]
struct SelectAccountPage {
    page: Page,
    csrf: String,
    interaction: String,
    client: Option<ClientView>,
    username: String,
    display_name: String,
    email: Option<String>,
}

/// `/select-account`.
pub async fn select_account(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() { choose(call).await } else { show(call).await }
}

async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let query = call.query()?;
    let sealed = query.get("interaction")?;
    let interaction = opened(&call, sealed)?;
    if query.get("choice")? == Some("other") {
        return other(&call, interaction, visitor.as_ref());
    }
    let decision = authorize::resume(&call.app, interaction, visitor.as_ref(), None).await?;
    let (Decision::SelectAccount { client, redirect_uri, .. }, Some(visitor)) = (&decision, &visitor) else {
        return carry_out(&call.app, decision);
    };
    let token = FormToken::new(&call, Form::SelectAccount, Some(visitor));
    let page = SelectAccountPage {
        page: Page::new(&call.app),
        csrf: token.token.clone(),
        interaction: sealed.unwrap_or_default().to_owned(),
        client: Some(ClientView::from(client.as_ref())),
        username: visitor.user.username.clone(),
        display_name: visitor.user.display_name().to_owned(),
        email: visitor.user.email.clone(),
    };
    client_page(StatusCode::OK, &page, token, Some(client), Some(redirect_uri))
}

async fn choose(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let fields = call.own_form(Form::SelectAccount, visitor.as_ref())?;
    let mut interaction = opened(&call, fields.get("interaction")?)?;
    match (fields.get("choice")?, &visitor) {
        (Some("continue"), Some(visitor)) => {
            interaction.chosen_session = Some(visitor.session.id.clone());
            carry_out(&call.app, authorize::resume(&call.app, interaction, Some(visitor), None).await?)
        }
        _ => other(&call, interaction, visitor.as_ref()),
    }
}

/// To the sign-in page, for somebody else than who is signed in, however recently.
fn other(call: &Call, interaction: Interaction, visitor: Option<&SignedIn>) -> Result<HttpResponse, Error> {
    let interaction = Interaction {
        wants_other: true,
        first_session: visitor.map(|visitor| visitor.session.id.clone()),
        chosen_session: None,
        shown: None,
        ..interaction
    };
    let location = format!("/login?interaction={}", interaction.seal(&call.app)?);
    Ok(see_other(&call.app, &location).finish())
}
