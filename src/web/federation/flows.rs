//! Flows of agents: `/userIdentifier/token` binds one to a person, `/oauth2/callback` is where that person comes back.

use actix_web::HttpResponse;
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use crate::config::relay::CompletionUrl;
use crate::federation::flows::{self, Binding, Completion};
use crate::federation::vault::completion;
use crate::federation::vault::sessions::SessionName;
use crate::identity::session::SignedIn;
use crate::protocol::claims::RELAY;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};
use crate::web::pages::{self, Page};

use super::{program, read};

/// Where people come back to.
const PATH: &str = "/oauth2/callback";

#[derive(Deserialize)]
struct UserIdentifier {
    user_token: String,
    session_id: Option<String>,
}

#[derive(Template)]
#[template(path = "flow_completed.html")]
struct CompletedPage {
    page: Page,
}

/// `POST /userIdentifier/token`
pub async fn bind(call: Call) -> Result<HttpResponse, Error> {
    completion_url(&call)?;
    let program = program(&call, RELAY).await?;
    let body: UserIdentifier = read(&call)?;
    match flows::bind(&call.app, &program, &body.user_token, body.session_id.as_deref()).await? {
        Binding::Bound(seconds) => Ok(HttpResponse::Ok().json(json!({ "status": "bound", "expires_in": seconds }))),
        Binding::Refused(refusal) => Err(refusal.into()),
        Binding::Unreadable => Err(RelayError::IssuerUnreadable.into()),
        Binding::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
    }
}

/// `GET /oauth2/callback?session_id=…`
pub async fn complete(call: Call) -> Result<HttpResponse, Error> {
    let query = call.query().map_err(RelayError::Rejected)?;
    let session = query.require("session_id").map_err(RelayError::Rejected)?;
    if session.len() > flows::MAX_SESSION {
        return Err(RelayError::Gone.into());
    }
    // A session of the vault is completed here; others where the setting says, if it does.
    let own = SessionName::parse(session);
    let url = if own.is_none() { Some(completion_url(&call)?) } else { None };
    let Some(visitor) = call.visitor().await? else {
        // Sessions are URIs: whatever stands in one, the sign-in must not take it for an address.
        let session = utf8_percent_encode(session, NON_ALPHANUMERIC);
        return Err(Error::SignInNeeded(format!("{PATH}?session_id={session}")));
    };
    let (name, url) = match (own, url) {
        (Some(name), _) => return complete_here(&call, &name, &visitor).await,
        (None, Some(url)) => (session, url),
        (None, None) => return Err(Error::NotFound),
    };
    match flows::complete(&call.app, &url, name, &visitor).await? {
        Completion::Done => completed(&call),
        Completion::Unknown => Err(RelayError::Gone.into()),
        Completion::SomebodyElse => Err(RelayError::FlowOfSomebodyElse.into()),
        Completion::Failed => Err(RelayError::FlowFailed.into()),
    }
}

/// Completes a session of the vault whose agent lets its people come back here.
async fn complete_here(call: &Call, name: &SessionName, visitor: &SignedIn) -> Result<HttpResponse, Error> {
    let page = call.app.issuer.endpoint(PATH);
    match completion::complete_at(&call.app, &page, name, visitor).await? {
        completion::Completion::Done(_) => completed(call),
        completion::Completion::Failed(_) => Err(RelayError::FlowFailed.into()),
        completion::Completion::Unknown => Err(RelayError::Gone.into()),
        completion::Completion::SomebodyElse => Err(RelayError::FlowOfSomebodyElse.into()),
    }
}

fn completed(call: &Call) -> Result<HttpResponse, Error> {
    let page = CompletedPage {
        page: Page::new(&call.app),
    };
    pages::ok(&page, None)
}

/// Where flows of others are completed. Without it there are none.
fn completion_url(call: &Call) -> Result<CompletionUrl, Error> {
    call.app.config.relay.completion_url.clone().ok_or(Error::NotFound)
}
