//! The addresses of a sign-in, and who may see what. What is particular to an example is its scope, its
//! style sheet and its own pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, Form, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::page::{Frame, Message, Visitor, html, see_other};
use super::relying_party::{Answer, RefreshError, RelyingParty, SignInError};
use super::sessions::{Sessions, is_equal};
use super::signed_in::{Access, SignedIn};

/// One example.
pub struct Site {
    /// Its name
    pub name: &'static str,
    /// Everything of the style sheet
    pub style: String,
    /// Its picture in the browser's tab
    pub icon: &'static str,
    /// What every sign-in asks for
    pub scope: &'static [&'static str],
    /// What may be asked for later
    pub further_scope: &'static [&'static str],
    /// What talks to the issuer
    pub party: Arc<RelyingParty>,
    /// Who is signed in
    pub sessions: Sessions,
}

/// Somebody who is signed in and whose tokens are good.
pub struct Person {
    /// Who it is
    pub who: Arc<SignedIn>,
    /// What they may do
    pub access: Access,
    csrf: String,
}

impl Person {
    /// As pages know them.
    pub fn visitor(&self) -> Visitor {
        Visitor {
            name: self.who.name.clone(),
            csrf: self.csrf.clone(),
        }
    }
}

/// A form that carries nothing but its token.
#[derive(Deserialize)]
pub struct Bare {
    /// The token
    pub csrf: String,
}

#[derive(Deserialize)]
struct Wanted {
    scope: Option<String>,
}

/// Mounts what every example has.
pub fn mount(services: &mut ServiceConfig) {
    services
        .route("/login", web::get().to(login))
        .route("/callback", web::get().to(callback))
        .route("/logout", web::post().to(logout))
        .route("/signed-out", web::get().to(signed_out))
        .route("/style.css", web::get().to(style))
        .route("/icon.svg", web::get().to(icon))
        .default_service(web::to(not_found));
}

impl Site {
    /// Who asks; `None` for a stranger.
    ///
    /// # Errors
    /// The page to show instead, when a sign-in is over or nothing can be known about it.
    pub async fn person(&self, request: &HttpRequest) -> Result<Option<Person>, HttpResponse> {
        let Some((who, csrf)) = self.sessions.person(request) else {
            return Ok(None);
        };
        match Arc::clone(&who).access(Arc::clone(&self.party)).await {
            Ok(access) => Ok(Some(Person { who, access, csrf })),
            Err(RefreshError::Ended(reason)) => {
                eprintln!("A sign-in is over: {reason}");
                Err(self.ended(request))
            }
            Err(RefreshError::Unavailable(reason)) => {
                eprintln!("{} does not answer: {reason}", self.party.issuer());
                let text = "Your sign-in has to be renewed, and the server that does it does not answer. You are not signed out.";
                let ways = [("/", "Try again")];
                Err(self.message(StatusCode::SERVICE_UNAVAILABLE, "One moment, please", text, &ways))
            }
        }
    }

    /// Who sent a form.
    ///
    /// # Errors
    /// The page to show instead: the front page for strangers, and a refusal for a form that is not ours.
    pub async fn sender(&self, request: &HttpRequest, csrf: &str) -> Result<Person, HttpResponse> {
        let Some((_, expected)) = self.sessions.person(request) else {
            return Err(see_other("/"));
        };
        if !is_equal(&expected, csrf) {
            let text = "It is from another sign-in, or from another page. Nothing was changed.";
            return Err(self.message(StatusCode::FORBIDDEN, "This form is out of date", text, &[("/", "Back")]));
        }
        self.person(request).await?.ok_or_else(|| see_other("/"))
    }

    /// Ends the session of somebody whose tokens are dead, and tells them.
    pub fn ended(&self, request: &HttpRequest) -> HttpResponse {
        let was_here = self.sessions.end(request).is_some();
        let text = "It was ended where you signed in, or it is too old. Please sign in again.";
        let mut page = self.message(StatusCode::UNAUTHORIZED, "Your sign-in has ended", text, &[("/login", "Sign in")]);
        if was_here {
            // A cookie of ours can be written as one, so this cannot fail.
            let _ = page.add_removal_cookie(&self.sessions.no_cookie());
        }
        page
    }

    /// A page that says one thing.
    pub fn message(&self, status: StatusCode, title: &str, text: &str, ways: &[(&str, &str)]) -> HttpResponse {
        let page = Message {
            frame: self.frame(None),
            title: title.to_owned(),
            text: text.to_owned(),
            ways: ways.iter().map(|(to, words)| ((*to).to_owned(), (*words).to_owned())).collect(),
        };
        html(status, &page)
    }

    /// What is around every page.
    pub fn frame(&self, person: Option<&Person>) -> Frame {
        Frame {
            site: self.name,
            person: person.map(Person::visitor),
        }
    }

    fn failed(&self, error: SignInError) -> HttpResponse {
        let again = ("/login", "Sign in");
        match error {
            SignInError::NotOurs(reason) => {
                eprintln!("An answer was refused: {reason}");
                let text = "It belongs to no sign-in that this browser has begun here in the last ten minutes, so it was not looked at.";
                self.message(StatusCode::BAD_REQUEST, "This answer is not for you", text, &[again, ("/", "Back")])
            }
            SignInError::Refused { error, .. } if error == "access_denied" => {
                let text = "You said no, or you may not say yes. Nothing has changed here.";
                self.message(StatusCode::FORBIDDEN, "Not allowed", text, &[("/", "Back"), again])
            }
            SignInError::Refused { error, description } => {
                let text = format!("The server that people sign in at says: {error}. {description}");
                self.message(StatusCode::BAD_REQUEST, "The sign-in failed", &text, &[again, ("/", "Back")])
            }
            SignInError::Issuer(reason) => {
                eprintln!("A sign-in failed: {reason}");
                let text = "The server that people sign in at did not answer as it should. The log says more.";
                self.message(StatusCode::BAD_GATEWAY, "The sign-in failed", text, &[again, ("/", "Back")])
            }
        }
    }
}

/// `GET /login`: sends the browser to the issuer. Somebody who is signed in keeps what they have granted, and
/// is asked for what `scope` says besides.
async fn login(site: Data<Site>, request: HttpRequest, wanted: Query<Wanted>) -> HttpResponse {
    let mut scope: BTreeSet<String> = site.scope.iter().map(|name| (*name).to_owned()).collect();
    match site.person(&request).await {
        Ok(Some(person)) => scope.extend(person.access.scope),
        Ok(None) => {}
        Err(_) => return begin(&site, &request, scope),
    }
    let wanted = wanted.into_inner().scope.unwrap_or_default();
    let known = wanted.split(' ').filter(|name| site.further_scope.contains(name));
    scope.extend(known.map(str::to_owned));
    begin(&site, &request, scope)
}

fn begin(site: &Site, request: &HttpRequest, scope: BTreeSet<String>) -> HttpResponse {
    let (url, pending) = site.party.begin(scope);
    match site.sessions.begin(request, pending) {
        Some(cookie) => {
            let mut answer = see_other(url.as_str());
            let _ = answer.add_cookie(&cookie);
            answer
        }
        None => {
            let text = "Very many people are signing in. Please try again in a few minutes.";
            site.message(StatusCode::SERVICE_UNAVAILABLE, "Too busy", text, &[("/", "Back")])
        }
    }
}

/// `GET /callback`: the browser is back with an answer. First of all, is it the answer to a question of this browser?
async fn callback(site: Data<Site>, request: HttpRequest, answer: Query<Answer>) -> HttpResponse {
    let answer = answer.into_inner();
    let state = answer.state.as_deref().unwrap_or_default();
    let Some(pending) = site.sessions.take(&request, state) else {
        return site.failed(SignInError::NotOurs("nobody here has begun it"));
    };
    let person = match site.party.redeem(pending, answer).await {
        Ok(person) => person,
        Err(error) => return site.failed(error),
    };
    let (cookie, earlier) = site.sessions.sign_in(&request, person);
    // The new grant has everything that the old one had.
    if let Some(earlier) = earlier {
        earlier.revoke(&site.party).await;
    }
    let mut answer = see_other("/");
    let _ = answer.add_cookie(&cookie);
    answer
}

/// `POST /logout`: ends the session here, and gives its grant back to the issuer.
async fn logout(site: Data<Site>, request: HttpRequest, form: Form<Bare>) -> HttpResponse {
    if let Some((_, expected)) = site.sessions.person(&request)
        && !is_equal(&expected, &form.csrf)
    {
        let text = "It is from another sign-in, or from another page. You are still signed in.";
        return site.message(StatusCode::FORBIDDEN, "This form is out of date", text, &[("/", "Back")]);
    }
    if let Some(person) = site.sessions.end(&request) {
        person.revoke(&site.party).await;
    }
    let mut answer = see_other("/signed-out");
    let _ = answer.add_removal_cookie(&site.sessions.no_cookie());
    answer
}

async fn signed_out(site: Data<Site>) -> HttpResponse {
    let text = "This app has forgotten you and given its access back. Where you signed in you may still be signed in, so that \
                other apps need not ask for your password.";
    let sign_out = site.party.sign_out_url();
    let ways = [("/login", "Sign in again"), (sign_out.as_str(), "Sign out there, too")];
    site.message(StatusCode::OK, "You are signed out", text, &ways)
}

async fn style(site: Data<Site>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("text/css; charset=utf-8");
    answer.body(site.style.clone())
}

async fn icon(site: Data<Site>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-cache")).content_type("image/svg+xml");
    answer.body(site.icon)
}

async fn not_found(site: Data<Site>) -> HttpResponse {
    site.message(
        StatusCode::NOT_FOUND,
        "There is nothing here",
        "This address leads nowhere.",
        &[("/", "To the front page")],
    )
}
