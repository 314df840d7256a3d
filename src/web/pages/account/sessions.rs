//! `/account/sessions`: where one is signed in.

use actix_web::HttpResponse;
use askama::Template;

use crate::identity::session::SignedIn;
use crate::identity::{browser_name, own_sessions};
use crate::model::session::Session;
use crate::protocol::error::invalid_request;
use crate::web::call::Call;
use crate::web::error::Error;

use super::moment::Moment;
use super::{Menu, Page, Showing, fields, form_token, page, see_other};

#[derive(Template)]
#[template(path = "account/sessions.html")]
struct SessionsPage {
    page: Page,
    menu: Menu,
    csrf: String,
    sessions: Vec<SessionView>,
    done: Option<&'static str>,
}

/// What the page shows of a session.
struct SessionView {
    id: String,
    browser: String,
    address: String,
    began: Moment,
    seen: Moment,
    is_own: bool,
}

impl SessionView {
    fn new(session: Session, visitor: &SignedIn, now: i64) -> Self {
        Self {
            browser: browser_name::in_words(&session.user_agent),
            began: Moment::new(session.created_at, now),
            seen: Moment::new(session.last_seen_at, now),
            is_own: session.id == visitor.session.id,
            address: session.address,
            id: session.id,
        }
    }
}

/// `/account/sessions`.
pub async fn sessions(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() { end(call).await } else { show(call).await }
}

async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let done = match call.query()?.get("done")? {
        Some("one") => Some("The session has ended. That browser is signed out."),
        Some("others") => Some("All other sessions have ended. You are signed in here only."),
        Some("gone") => Some("That session had ended already."),
        _ => None,
    };
    let (token, now) = (form_token(&call, visitor), call.app.now());
    let sessions = own_sessions::list(&call.app, visitor).await?;
    let template = SessionsPage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/sessions"),
        csrf: token.token.clone(),
        sessions: sessions
            .into_iter()
            .map(|session| SessionView::new(session, visitor, now))
            .collect(),
        done,
    };
    page(Showing::First, &template, token)
}

async fn end(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let fields = fields(&call)?;
    let location = match (fields.get("end")?, fields.get("session")?) {
        (Some("others"), _) => {
            own_sessions::end_others(&call.app, visitor).await?;
            "/account/sessions?done=others"
        }
        // The own one is ended by signing out, which says what that means.
        (Some("one"), Some(id)) if id == visitor.session.id => "/logout",
        (Some("one"), Some(id)) if own_sessions::end(&call.app, visitor, id).await? => "/account/sessions?done=one",
        // Somebody else's looks like one that has ended.
        (Some("one"), Some(_)) => "/account/sessions?done=gone",
        _ => return Err(invalid_request("the form does not say which session is to be ended").into()),
    };
    Ok(see_other(&call.app, location).finish())
}
