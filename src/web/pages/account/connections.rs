//! `/account/connections`: what one has given agents at other providers.

use actix_web::HttpResponse;
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base::id::id_bytes;
use crate::federation::vault::connections::{self, Removal};
use crate::federation::vault::given::{self, Given};
use crate::web::call::Call;
use crate::web::error::Error;

use super::moment::Moment;
use super::{Menu, Page, Showing, fields, form_token, page, see_other};

#[derive(Template)]
#[template(path = "account/connections.html")]
struct ConnectionsPage {
    page: Page,
    menu: Menu,
    connections: Vec<ConnectionView>,
    is_first: bool,
    /// The newest connection of this page, when there are more
    next: Option<String>,
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "account/remove_connection.html")]
struct RemovePage {
    page: Page,
    menu: Menu,
    csrf: String,
    connection: ConnectionView,
}

/// What taking a connection back came to.
enum Done {
    /// It is taken back here and there
    Everywhere,
    /// The provider does not know of it yet
    Later {
        /// The provider, by name
        provider: String,
        /// Its page for that
        account_page: Option<&'static str>,
    },
    /// The provider has no way for that
    HereOnly {
        /// The provider, by name
        provider: String,
        /// Its page for that
        account_page: Option<&'static str>,
    },
    /// Somebody was faster
    Gone,
}

/// What the pages show of a connection.
struct ConnectionView {
    id: String,
    agent: String,
    /// The client that owns the agent, unless it is called the same
    client: Option<String>,
    provider: String,
    account: String,
    scopes: Vec<String>,
    since: Moment,
    renewed: Moment,
    needs_consent: bool,
}

impl ConnectionView {
    fn new(given: Given, now: i64) -> Self {
        let (agent, provider) = (given.agent().to_owned(), given.provider().to_owned());
        let connection = given.connection;
        Self {
            client: given.client_name.filter(|name| *name != agent),
            agent,
            provider,
            account: connection.account_label,
            scopes: connection.scope.iter().map(str::to_owned).collect(),
            since: Moment::new(connection.created_at, now),
            renewed: Moment::new(connection.updated_at, now),
            needs_consent: connection.needs_consent,
            id: connection.id,
        }
    }
}

/// Connections on one page.
const PAGE_SIZE: u16 = 100;

/// `GET /account/connections`.
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let query = call.query()?;
    let done = match query.get("done")? {
        Some("everywhere") => Some(Done::Everywhere),
        Some(what @ ("here" | "later")) => {
            // A provider that is gone by now has no page, and a name that anybody can write into a link is not repeated.
            let way_out = given::way_out(&call.app, query.get("provider")?.unwrap_or_default()).await?;
            let (provider, account_page) = way_out.unwrap_or_else(|| ("the provider".to_owned(), None));
            Some(match what {
                "later" => Done::Later { provider, account_page },
                _ => Done::HereOnly { provider, account_page },
            })
        }
        Some("gone") => Some(Done::Gone),
        _ => None,
    };
    let (token, now) = (form_token(&call, visitor), call.app.now());
    let after = query.get("after")?.filter(|id| id_bytes(id).is_some());
    let (all, next) = given::by_user(&call.app, &visitor.user.id, after.unwrap_or_default(), PAGE_SIZE).await?;
    let template = ConnectionsPage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/connections"),
        connections: all.into_iter().map(|given| ConnectionView::new(given, now)).collect(),
        is_first: after.is_none(),
        next,
        done,
    };
    page(Showing::First, &template, token)
}

/// `/account/connections/remove`: GET asks, POST does.
pub async fn remove(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let fields = if call.is_post() { fields(&call)? } else { call.query()? };
    let id = fields.get("connection")?.unwrap_or_default();
    let done = |what: &str| Ok(see_other(&call.app, &format!("/account/connections?done={what}")).finish());
    let given = match given::one(&call.app, id).await? {
        Some(given) if given.connection.user_id == visitor.user.id => given,
        // One that is not there any more is as good as taken back, whoever did it. What is somebody else's is not there.
        None if call.is_post() && !id.is_empty() => return done("gone"),
        _ => return Err(Error::NotFound),
    };
    if call.is_post() {
        let provider = utf8_percent_encode(&given.connection.provider_id, NON_ALPHANUMERIC);
        return match connections::remove(&call.app, &given.connection).await? {
            Removal::Everywhere => done("everywhere"),
            Removal::Later(_) => done(&format!("later&provider={provider}")),
            Removal::HereOnly(_) => done(&format!("here&provider={provider}")),
            Removal::Unknown => done("gone"),
        };
    }
    let token = form_token(&call, visitor);
    let template = RemovePage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/connections"),
        csrf: token.token.clone(),
        connection: ConnectionView::new(given, call.app.now()),
    };
    page(Showing::First, &template, token)
}
