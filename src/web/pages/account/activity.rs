//! `/account/activity`: what happened to one's account lately.

use actix_web::HttpResponse;
use askama::Template;

use crate::base::id::id_bytes;
use crate::identity::activity;
use crate::identity::session::SignedIn;
use crate::model::event::{Actor, Event, EventKind, Outcome};
use crate::oauth::applications::{self, Names};
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::pages::ok;

use super::moment::Moment;
use super::{Menu, Page};

#[derive(Template)]
#[template(path = "account/activity.html")]
struct ActivityPage {
    page: Page,
    menu: Menu,
    events: Vec<EventView>,
    is_first: bool,
    /// The last event of this page, when there are more
    older: Option<String>,
}

/// What the page shows of an event.
struct EventView {
    text: &'static str,
    at: Moment,
    by: Option<&'static str>,
    address: Option<String>,
    application: Option<String>,
    is_refused: bool,
}

impl EventView {
    fn new(event: Event, visitor: &SignedIn, names: &Names, now: i64) -> Self {
        let is_own = match &event.actor {
            Actor::Anonymous => true,
            Actor::User(id) => *id == visitor.user.id,
            _ => false,
        };
        let by = match &event.actor {
            _ if is_own => None,
            Actor::Client(_) => Some("by the app"),
            Actor::System => Some("by this server"),
            _ => Some("by an administrator"),
        };
        Self {
            text: in_words(event.kind),
            at: Moment::new(event.at, now),
            by,
            // Where administrators and applications are is not this person's concern.
            address: event.address.filter(|_| is_own),
            application: event.client_id.map(|id| names.get(&id).cloned().unwrap_or(id)),
            is_refused: event.outcome == Outcome::Failure,
        }
    }
}

/// The kind of an event for those who know nothing of tokens.
fn in_words(kind: EventKind) -> &'static str {
    match kind {
        EventKind::SessionRevoked => "Session ended from another browser",
        EventKind::ConsentGiven => "App allowed to use your account",
        EventKind::ConsentDenied => "App not allowed to use your account",
        EventKind::ConsentWithdrawn => "App removed",
        EventKind::CodeRedeemed => "App began to use your account",
        EventKind::CodeReplayed => "App presented a sign-in code twice",
        EventKind::RefreshReplayed => "App presented an old token",
        EventKind::GrantRevoked => "Access of an app ended",
        EventKind::TokenRevoked => "Token given back by an app",
        EventKind::PasswordRefused => "Password not changed: the current one was wrong",
        other => other.text(),
    }
}

/// Events on one page.
const PAGE_SIZE: u16 = 25;

/// `GET /account/activity`.
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let query = call.query()?;
    let before = query.get("before")?.filter(|id| id_bytes(id).is_some());
    let mut events = activity::recent(&call.app, &visitor.user.id, before, PAGE_SIZE + 1).await?;
    let has_more = events.len() > usize::from(PAGE_SIZE);
    events.truncate(usize::from(PAGE_SIZE));
    let older = events.last().filter(|_| has_more).map(|event| event.id.clone());
    let clients = events.iter().filter_map(|event| event.client_id.clone());
    let names = applications::names(&call.app, clients).await?;
    let now = call.app.now();
    let template = ActivityPage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/activity"),
        events: events
            .into_iter()
            .map(|event| EventView::new(event, visitor, &names, now))
            .collect(),
        is_first: before.is_none(),
        older,
    };
    ok(&template, None)
}
