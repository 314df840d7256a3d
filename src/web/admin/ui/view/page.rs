//! A page as a whole: its frame, its heading, its parts, and the answer that it becomes.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use askama::Template;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::admin::access::Rights;
use crate::admin::page::Page;
use crate::admin::{AdminError, Expected};
use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::identity::form_token::{self, Form as FormKind};
use crate::model::event::Actor;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::pages::next::Next;

use super::super::menu::{self, Group, Section as Place};
use super::Part;
use super::form::Form;
use super::parts::{Link, Note, Press, Section, Tag};

/// Everything but the characters that mean themselves wherever they stand (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a segment of a path or a value in a query.
pub fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// What the frame of every page shows.
pub struct Shell {
    pub(in crate::web::admin::ui) base: String,
    pub(in crate::web::admin::ui) version: &'static str,
    pub(in crate::web::admin::ui) issuer_host: String,
    pub(in crate::web::admin::ui) dev: bool,
    pub(in crate::web::admin::ui) has_home: bool,
    pub(in crate::web::admin::ui) lang: &'static str,
    pub(in crate::web::admin::ui) csrf: String,
    pub(in crate::web::admin::ui) name: String,
    pub(in crate::web::admin::ui) may_write: bool,
    pub(in crate::web::admin::ui) menu: Vec<Group>,
}

impl Shell {
    /// The frame for whoever is not known to administer: without menu.
    pub fn of_stranger(app: &App, csrf: String) -> Self {
        Self {
            base: app.issuer.path().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            issuer_host: app.issuer.host(),
            dev: app.config.enable_dev_endpoints,
            has_home: true,
            lang: "en",
            csrf,
            name: String::new(),
            may_write: false,
            menu: Vec::new(),
        }
    }
}

/// One request to the administration: who asks, with what rights, and what every answer to it needs.
pub struct Ui {
    /// The application
    pub app: App,
    /// Whether there are buttons
    pub may_write: bool,
    /// Whether they proved who they are just now
    pub is_fresh: bool,
    /// Who it is
    pub actor: Actor,
    /// In which session at this browser
    pub session_id: Option<String>,
    name: String,
    csrf: String,
    cookie: Option<Cookie<'static>>,
    here: String,
    done: Option<&'static str>,
}

impl Ui {
    /// Reads the request.
    ///
    /// # Errors
    /// On a route that is not for administrators.
    pub fn of(call: &Call) -> Result<Self, Error> {
        let administrator = call.administrator()?;
        let (browser, cookie) = call.browser();
        let csrf = form_token::token(&call.app, FormKind::Administration, &browser, administrator.session_id.as_deref());
        let done = call.query().ok().and_then(|query| done_text(query.get("done").ok()??));
        Ok(Self {
            app: call.app.clone(),
            may_write: administrator.rights == Rights::Write,
            is_fresh: administrator.is_fresh(call.app.now()),
            actor: administrator.actor.clone(),
            session_id: administrator.session_id.clone(),
            name: administrator.name.clone(),
            csrf,
            cookie,
            here: call.here(),
            done,
        })
    }

    /// Seconds since the epoch.
    pub fn now(&self) -> Timestamp {
        self.app.now()
    }

    /// The address of a page of the administration.
    pub fn at(&self, segments: &[&str]) -> String {
        let mut address = format!("{}/admin", self.app.issuer.path());
        for segment in segments {
            address.push('/');
            address.extend(encoded(segment));
        }
        address
    }

    /// The same with a query.
    pub fn at_with(&self, segments: &[&str], query: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}?{query}", self.at(segments))
    }

    /// An empty page.
    pub fn view(&self, section: Place, title: impl Into<String>) -> View {
        View {
            page: Shell {
                csrf: self.csrf.clone(),
                name: self.name.clone(),
                may_write: self.may_write,
                menu: menu::menu(&self.app, section),
                ..Shell::of_stranger(&self.app, String::new())
            },
            title: title.into(),
            tag: None,
            lead: None,
            trail: Vec::new(),
            tabs: None,
            actions: Vec::new(),
            done: self.done,
            is_error: false,
            parts: Vec::new(),
            cookie: self.cookie.clone(),
        }
    }

    /// An empty form that is sent to `action`.
    pub fn form(&self, action: String, submit: &str) -> Form {
        Form::new(action, self.csrf.clone(), submit)
    }

    /// A button that does something, as a form of its own.
    pub fn press(&self, action: String, label: &str) -> Press {
        Press::new(action, self.csrf.clone(), label)
    }

    /// What stands in the place of a form that needs a fresh sign-in, when the last one is too old: better
    /// asked before than after something was typed.
    pub fn proof_note(&self) -> Option<Note> {
        if self.is_fresh || !self.may_write {
            return None;
        }
        let path = format!("{}/admin/confirm?next={}", self.app.issuer.path(), encoded(&self.here));
        let note =
            Note::info("First prove that it is you").line("You signed in more than fifteen minutes ago, and this needs a newer sign-in.");
        Some(note.link("Continue", path))
    }

    /// What stands below a question: the form of those who may answer it. Those who may only look read the question.
    pub fn answer(&self, form: Form) -> Section {
        if self.may_write {
            Section::new("").part(form)
        } else {
            Section::new("").line("You may look, but not change anything.")
        }
    }

    /// Sends the browser on to a page after something was done; `done` names what, for that page to say so.
    pub fn see(&self, segments: &[&str], done: &str) -> HttpResponse {
        see(&self.at(segments), done)
    }

    /// The page that a query or a form names to come back to.
    pub fn back(&self, fields: &Parameters) -> String {
        format!("{}{}", self.app.issuer.path(), safe_path(text(fields, "back")))
    }

    /// As [`Self::see`], to the page that a form names to come back to.
    pub fn see_back(&self, fields: &Parameters, done: &str) -> HttpResponse {
        see(&self.back(fields), done)
    }
}

fn see(address: &str, done: &str) -> HttpResponse {
    let separator = if address.contains('?') { '&' } else { '?' };
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, format!("{address}{separator}done={done}")));
    response.finish()
}

/// What was done, in words. A name that is not listed here says nothing: an address can be made by anybody.
fn done_text(name: &str) -> Option<&'static str> {
    Some(match name {
        "saved" => "Saved.",
        "created" => "Created.",
        "deleted" => "Deleted.",
        "enabled" => "Enabled.",
        "disabled" => "Disabled: nothing works with it any more.",
        "added" => "The redirect URI was added.",
        "ended" => "Ended.",
        "withdrawn" => "Withdrawn. What was given out on its strength is dead.",
        "revoked" => "Revoked.",
        "signed-out" => "Signed out everywhere.",
        "password" => "The password was set.",
        "rotated" => "Rotated: the new key is published now, and signs a little later.",
        "rotated-at-once" => "Rotated: the new key signs from now on.",
        "retired" => "Retired: it signs no more, and verifies until the last token that it signed has expired.",
        "retired-at-once" => "Retired: it is no longer published, and nothing that it signed is valid any more.",
        "secret" => "The secret was set.",
        "secret-not-needed" => "The secret was removed: none is needed.",
        "addresses-confirmed" => "The addresses were confirmed.",
        "secret-removed" => "The secret was removed: nobody gets anything from this provider until there is a new one.",
        "removed" => "Removed, here and at the provider.",
        "removed-later" => {
            "Removed here. The provider has not taken it back yet: that is tried again, for a week at most. Until then tokens that were given out can live on there."
        }
        "removed-here" => {
            "Removed here. The provider has no way to take it back: tokens that were given out can live on there until they end, or the person takes them back there."
        }
        "confirmed" => "Thank you. Now do it once more.",
        _ => return None,
    })
}

/// A link of a row of tabs.
pub struct Tab {
    label: String,
    href: String,
    is_current: bool,
}

impl Tab {
    /// A tab.
    pub fn new(label: &str, href: String, is_current: bool) -> Self {
        Self {
            label: label.to_owned(),
            href,
            is_current,
        }
    }
}

/// Links to ways of looking at the same thing.
#[derive(Template)]
#[template(path = "admin/parts/tabs.html")]
pub struct Tabs {
    label: String,
    tabs: Vec<Tab>,
}

impl Tabs {
    /// Tabs; `label` is for those who hear a list of navigations.
    pub fn new(label: impl Into<String>, tabs: Vec<Tab>) -> Self {
        Self { label: label.into(), tabs }
    }
}

/// A page.
#[derive(Template)]
#[template(path = "admin/page.html")]
pub struct View {
    page: Shell,
    title: String,
    tag: Option<Tag>,
    lead: Option<String>,
    trail: Vec<Link>,
    tabs: Option<Tabs>,
    actions: Vec<Part>,
    done: Option<&'static str>,
    is_error: bool,
    parts: Vec<Part>,
    cookie: Option<Cookie<'static>>,
}

impl View {
    /// One sentence below the heading.
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = Some(lead.into());
        self
    }

    /// What the thing is in a word, beside the heading.
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tag = Some(tag);
        self
    }

    /// A page above this one.
    pub fn below(mut self, label: impl Into<String>, href: String) -> Self {
        self.trail.push(Link::new(label, href));
        self
    }

    /// The pages of the same thing.
    pub fn tabs(mut self, tabs: Vec<Tab>) -> Self {
        self.tabs = Some(Tabs::new(format!("Pages of {}", self.title), tabs));
        self
    }

    /// A link or button beside the heading.
    pub fn action(mut self, action: impl Template + 'static) -> Self {
        self.actions.push(Box::new(action));
        self
    }

    /// A part.
    pub fn maybe(self, part: Option<impl Template + 'static>) -> Self {
        match part {
            Some(part) => self.part(part),
            None => self,
        }
    }

    /// Adds a part below the others.
    pub fn part(mut self, part: impl Template + 'static) -> Self {
        self.parts.push(Box::new(part));
        self
    }

    /// The answer.
    ///
    /// # Errors
    /// When a template fails.
    pub fn ok(self) -> Result<HttpResponse, Error> {
        self.answer(StatusCode::OK)
    }

    /// The answer when something is wrong with what was sent.
    ///
    /// # Errors
    /// When a template fails.
    pub fn refused(mut self, status: StatusCode) -> Result<HttpResponse, Error> {
        self.is_error = true;
        self.answer(status)
    }

    fn answer(mut self, status: StatusCode) -> Result<HttpResponse, Error> {
        let cookie = self.cookie.take();
        html(status, &self, cookie)
    }

    /// Sets a cookie with the answer; the browser's own goes first.
    ///
    /// # Errors
    /// When a template fails or the cookie cannot be written.
    pub fn with_cookie(self, cookie: &Cookie<'_>) -> Result<HttpResponse, Error> {
        let mut response = self.ok()?;
        response.add_cookie(cookie).map_err(|error| Error::Fault(Fault::internal(error)))?;
        Ok(response)
    }
}

/// A page of a template.
///
/// # Errors
/// When the template fails.
pub fn html(status: StatusCode, template: &impl Template, cookie: Option<Cookie<'static>>) -> Result<HttpResponse, Error> {
    let html = template.render().map_err(|error| Error::Fault(Fault::internal(error)))?;
    let mut response = HttpResponse::build(status);
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    Ok(response.content_type("text/html; charset=utf-8").body(html))
}

/// The first value of a field; empty when it was not sent.
pub fn text<'a>(fields: &'a Parameters, name: &'a str) -> &'a str {
    fields.all(name).next().unwrap_or_default().trim()
}

/// The version that a form was made for.
pub fn expected(fields: &Parameters) -> Expected {
    // A field that is missing or no number is that of another version, not leave to replace any.
    Expected::Versions(text(fields, "version").parse().into_iter().collect())
}

/// Which page of a list a query asks for.
///
/// # Errors
/// When the cursor cannot be read.
pub fn listed_page(query: &Parameters) -> Result<Page, AdminError> {
    Page::parse(None, query.all("cursor").next())
}

/// The only places that a link or form leads back to are pages of the administration: an address must not be
/// able to send an administrator to somebody else's copy of it.
pub fn safe_path(path: &str) -> String {
    let next = Next::parse(Some(path));
    let is_ours = next.path().starts_with("/admin");
    if is_ours { next.path() } else { "/admin" }.to_owned()
}
