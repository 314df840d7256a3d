//! `/connect/…`: where a person decides whether an agent may use their account at a provider.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use askama::Template;

use crate::federation::vault::Trouble;
use crate::federation::vault::consent::{self, Arrived, Departed, Opened};
use crate::federation::vault::question::Question;
use crate::federation::vault::sessions::{SESSION_PREFIX, SessionName};
use crate::identity::form_token::Form;
use crate::identity::session::SignedIn;
use crate::protocol::error::invalid_request;
use crate::protocol::redirect_uri::{display_host, with_query};
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};
use crate::web::pages::{self, FormToken, Page};

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectPage {
    page: Page,
    csrf: String,
    /// Where the form goes, and where somebody else signs in
    action: String,
    other_account: String,
    username: String,
    agent: String,
    client: String,
    provider: String,
    /// Where they go on to
    host: String,
    scopes: Vec<String>,
    /// What is always asked for besides
    also: Vec<&'static str>,
    /// What the tokens are for
    resources: Vec<String>,
}

#[derive(Template)]
#[template(path = "connected.html")]
struct ConnectedPage {
    page: Page,
    is_done: bool,
    /// The agent has the last word
    is_returned: bool,
    problem: &'static str,
    agent: String,
    provider: String,
    account: String,
    return_uri: Option<String>,
}

/// `/connect/{session}`: the question, and the answer to it.
pub async fn connect(call: Call) -> Result<HttpResponse, Error> {
    let name = SessionName::parse(&call.segment("session")?).ok_or(RelayError::Gone)?;
    let visitor = call.visitor().await?;
    let question = match consent::open(&call.app, &name, visitor.as_ref()).await? {
        Opened::Question(question) => question,
        Opened::Gone => return Err(RelayError::Gone.into()),
        Opened::SignInNeeded => return Err(Error::SignInNeeded(format!("/connect/{}", name.text()))),
        Opened::SomebodyElse => return Err(RelayError::FlowOfSomebodyElse.into()),
    };
    if call.is_post() {
        answer(&call, &question, visitor.as_ref()).await
    } else {
        show(&call, &name, &question, visitor.as_ref()).await
    }
}

async fn show(call: &Call, name: &SessionName, question: &Question, visitor: Option<&SignedIn>) -> Result<HttpResponse, Error> {
    let destination = match consent::destination(&call.app, question).await? {
        Ok(destination) => destination,
        Err(trouble) => return Err(troubled(&trouble)),
    };
    let token = FormToken::new(call, Form::Connect, visitor);
    let action = format!("/connect/{}", name.text());
    let page = ConnectPage {
        page: Page::new(&call.app),
        csrf: token.text().to_owned(),
        other_account: format!(
            "/login?prompt=login&next={}",
            percent_encoding::utf8_percent_encode(&action, percent_encoding::NON_ALPHANUMERIC)
        ),
        action,
        username: visitor.map(|visitor| visitor.user.settings.username.clone()).unwrap_or_default(),
        agent: question.workload.label().to_owned(),
        client: question.client_name.clone(),
        provider: question.provider.name.clone(),
        host: display_host(destination.address.as_str()),
        scopes: question.session.scope.iter().map(str::to_owned).collect(),
        also: destination.also,
        resources: question.session.resource.clone(),
    };
    // The form leads to the provider, and that may lead to wherever people sign in there.
    pages::client_page(StatusCode::OK, &page, token, None, Some(destination.address.as_str()))
}

async fn answer(call: &Call, question: &Question, visitor: Option<&SignedIn>) -> Result<HttpResponse, Error> {
    let fields = call.own_form(Form::Connect, visitor)?;
    match fields.get("decision")? {
        Some("allow") => {
            let (browser, cookie) = call.browser();
            match consent::depart(&call.app, question, &browser).await? {
                Departed::To(address) => {
                    let mut response = HttpResponse::SeeOther();
                    response.insert_header((LOCATION, address));
                    if let Some(cookie) = cookie {
                        response.cookie(cookie);
                    }
                    Ok(response.finish())
                }
                Departed::Gone => Err(RelayError::Gone.into()),
                Departed::Trouble(trouble) => Err(troubled(&trouble)),
            }
        }
        Some("deny") => {
            if !consent::decline(&call.app, question).await? {
                return Err(RelayError::Gone.into());
            }
            connected(call, question, Err("You said no."))
        }
        _ => Err(invalid_request("the decision must be allow or deny").into()),
    }
}

/// `GET /connect/callback/{provider}`: the person comes back from there.
pub async fn callback(call: Call) -> Result<HttpResponse, Error> {
    // A provider sends a person here. Pictures and frames of other pages do not, whatever they are meant to achieve.
    let is = |name, expected| call.header(name).is_none_or(|value| value == expected);
    if !is("sec-fetch-mode", "navigate") || !is("sec-fetch-dest", "document") {
        return Err(RelayError::Rejected(invalid_request("this address is for people whom a provider sends back")).into());
    }
    let provider = call.segment("provider")?;
    let query = call.query().map_err(RelayError::Rejected)?;
    let visitor = call.visitor().await?;
    let browser = call.known_browser();
    match consent::arrive(&call.app, &provider, &query, visitor.as_ref(), browser.as_ref()).await? {
        Arrived::Done(question, account) => connected(&call, &question, Ok(End::Connected(&account.label))),
        Arrived::Returned(question) => connected(&call, &question, Ok(End::Returned)),
        Arrived::Failed(question, problem) => connected(&call, &question, Err(problem)),
        // Whoever is not signed in any more begins again: the code must stand in no other address.
        Arrived::SignInNeeded => Err(RelayError::SignedOut.into()),
        Arrived::Gone => Err(RelayError::Gone.into()),
        Arrived::SomebodyElse => Err(RelayError::FlowOfSomebodyElse.into()),
    }
}

/// What becomes of a way that led somewhere.
#[derive(Clone, Copy)]
enum End<'a> {
    /// With this account
    Connected(&'a str),
    /// The agent has to say that it was its person
    Returned,
}

fn connected(call: &Call, question: &Question, outcome: Result<End<'_>, &'static str>) -> Result<HttpResponse, Error> {
    let account = match outcome {
        Ok(End::Connected(account)) => account,
        Ok(End::Returned) | Err(_) => "",
    };
    let page = ConnectedPage {
        page: Page::new(&call.app),
        is_done: matches!(outcome, Ok(End::Connected(_))),
        is_returned: matches!(outcome, Ok(End::Returned)),
        problem: outcome.err().unwrap_or_default(),
        agent: question.workload.label().to_owned(),
        provider: question.provider.name.clone(),
        account: account.to_owned(),
        return_uri: back(question),
    };
    pages::ok(&page, None)
}

/// Where the person goes on, with what the agent knows the session by.
fn back(question: &Question) -> Option<String> {
    let uri = question.session.return_uri.as_deref()?;
    // As it is now: it may have been taken away because it became somebody else's.
    if !question.workload.return_uris.iter().any(|known| known == uri) {
        return None;
    }
    let session_uri = format!("{SESSION_PREFIX}{}", question.name);
    let mut parameters = vec![("session_id", session_uri.as_str())];
    if let Some(state) = &question.session.custom_state {
        parameters.push(("state", state));
    }
    Some(with_query(uri, &parameters))
}

/// A provider that cannot be talked to now.
pub(super) fn troubled(trouble: &Trouble) -> Error {
    match trouble {
        Trouble::Later(seconds) => RelayError::ProviderAway(*seconds),
        Trouble::Unusable(_) => RelayError::ProviderUnusable,
    }
    .into()
}
