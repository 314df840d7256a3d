//! A request as handlers see it, read and measured.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use actix_web::web::Bytes;

use crate::admin::access::Administrator;
use crate::app::App;
use crate::base::fault::Fault;
use crate::identity::form_token::{self, BrowserId, Form};
use crate::identity::limit;
use crate::identity::session::{self, Origin, SignedIn};
use crate::protocol::client_authentication::ClientCredentials;
use crate::protocol::error::{Refusal, invalid_request};
use crate::protocol::parameters::Parameters;

use super::address;
use super::cookies;
use super::error::Error;
use super::routes::Route;

/// One request.
pub struct Call {
    /// The application
    pub app: App,
    /// The row of the table that it is for
    pub route: &'static Route,
    /// Method, path, headers
    pub http: HttpRequest,
    /// The body, within the route's limit
    pub body: Bytes,
    /// On routes for administrators: who that is
    pub administrator: Option<Administrator>,
    /// On routes for people who are signed in: who that is
    pub signed_in: Option<SignedIn>,
}

impl Call {
    /// Path and query, without the issuer's own path: where a person comes back to.
    #[must_use]
    pub fn here(&self) -> String {
        let uri = self.http.uri();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        path.strip_prefix(self.app.issuer.path()).unwrap_or(path).to_owned()
    }

    /// Whether this is a POST.
    #[must_use]
    pub fn is_post(&self) -> bool {
        self.http.method() == actix_web::http::Method::POST
    }

    /// A header that is there once and is text. Of two, whoever stands before us may have looked at the other one, so
    /// neither counts.
    #[must_use]
    pub fn header(&self, name: impl actix_web::http::header::AsHeaderName) -> Option<&str> {
        let mut values = self.http.headers().get_all(name);
        let first = values.next();
        first.filter(|_| values.next().is_none())?.to_str().ok()
    }

    /// A header that says who somebody is, or lets them do something: one that cannot be read, or is there twice, is
    /// not as good as none.
    ///
    /// # Errors
    /// Then.
    pub fn credentials_header(&self, name: &str) -> Result<Option<&str>, Error> {
        self.single_header(name).map_err(|_| Error::WrongAdministrator)
    }

    /// A header that may be there once.
    ///
    /// # Errors
    /// `invalid_request` when it cannot be read, or is there twice.
    pub fn single_header(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.http.headers().get_all(name);
        let first = values.next();
        let wrong = || invalid_request("a header is there twice, or cannot be read");
        if values.next().is_some() {
            return Err(wrong());
        }
        first.map(|value| value.to_str().map_err(|_| wrong())).transpose()
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// `invalid_request` when they are malformed.
    pub fn query(&self) -> Result<Parameters, Refusal> {
        Parameters::parse(self.http.query_string().as_bytes())
    }

    /// The parameters of a form body.
    ///
    /// # Errors
    /// `invalid_request` when it is not a form or malformed.
    pub fn form(&self) -> Result<Parameters, Refusal> {
        let content_type = self.header(CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(invalid_request("the Content-Type must be application/x-www-form-urlencoded"));
        }
        Parameters::parse(&self.body)
    }

    /// The credentials of a client, from header and body.
    ///
    /// # Errors
    /// `invalid_client` or `invalid_request`.
    pub fn client_credentials(&self, body: &Parameters) -> Result<ClientCredentials, Refusal> {
        if self.http.headers().get_all(AUTHORIZATION).count() > 1 {
            return Err(invalid_request("more than one Authorization header"));
        }
        ClientCredentials::parse(self.header(AUTHORIZATION), body)
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Address and name of the browser.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin {
            address: address::of(&self.http, &self.app.config.trusted_proxies)
                .map(|ip| ip.to_string())
                .unwrap_or_default(),
            user_agent: self.header(USER_AGENT).unwrap_or_default().to_owned(),
        }
    }

    /// Which browser this is, if it has been here before.
    #[must_use]
    pub fn known_browser(&self) -> Option<BrowserId> {
        cookies::browser(self).and_then(|cookie| BrowserId::parse(&cookie))
    }

    /// Which browser this is, and the cookie to set when it is a new one.
    #[must_use]
    pub fn browser(&self) -> (BrowserId, Option<Cookie<'static>>) {
        match cookies::browser(self).and_then(|cookie| BrowserId::parse(&cookie)) {
            Some(known) => (known, None),
            None => {
                let new = BrowserId::new(&self.app);
                let cookie = cookies::set_browser(&self.app, new.as_str().to_owned());
                (new, Some(cookie))
            }
        }
    }

    /// Who is signed in at this browser.
    ///
    /// The request is counted for them from then on.
    ///
    /// # Errors
    /// When they ask too often, or the database fails.
    pub async fn visitor(&self) -> Result<Option<SignedIn>, Error> {
        let Some(cookie) = cookies::session(self) else {
            return Ok(None);
        };
        let visitor = session::find(&self.app, &cookie).await?;
        if let Some(visitor) = &visitor {
            limit::by_account(&self.app, &visitor.user.id)?;
        }
        Ok(visitor)
    }

    /// The fields of one of our own forms, once it is certain that it is one (CSRF).
    ///
    /// # Errors
    /// When the form is malformed, or was not served by us to this browser in this session.
    pub fn own_form(&self, form: Form, visitor: Option<&SignedIn>) -> Result<Parameters, Error> {
        let fields = self.form()?;
        let session_id = visitor.map(|visitor| visitor.session.id.as_str());
        self.check_form(form, session_id, &fields)?;
        Ok(fields)
    }

    fn check_form(&self, form: Form, session_id: Option<&str>, fields: &Parameters) -> Result<(), Error> {
        let is_ours = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
        let is_cross_site = !self.http.headers().get_all("sec-fetch-site").all(is_ours);
        let browser = cookies::browser(self).and_then(|cookie| BrowserId::parse(&cookie));
        let token = fields.get("csrf")?.unwrap_or_default();
        if is_cross_site || !form_token::is_valid(&self.app, form, browser.as_ref(), session_id, token) {
            return Err(Error::StaleForm);
        }
        Ok(())
    }

    /// The fields of a form at `/admin`, once it is certain that it is one of ours (CSRF).
    ///
    /// # Errors
    /// As [`Self::own_form`].
    pub fn admin_form(&self) -> Result<Parameters, Error> {
        let fields = self.form()?;
        self.check_form(Form::Administration, self.administrator()?.session_id.as_deref(), &fields)?;
        Ok(fields)
    }

    /// Who administers, on a route that is for administrators.
    ///
    /// # Errors
    /// On any other route.
    pub fn administrator(&self) -> Result<&Administrator, Error> {
        let nobody = || Error::Fault(Fault::internal("a route that is not for administrators asks for one"));
        self.administrator.as_ref().ok_or_else(nobody)
    }

    /// Who is signed in, on a route that is for people who are.
    ///
    /// # Errors
    /// On any other route.
    pub fn signed_in(&self) -> Result<&SignedIn, Error> {
        let nobody = || Error::Fault(Fault::internal("a route that is for everybody asks who is signed in"));
        self.signed_in.as_ref().ok_or_else(nobody)
    }

    /// A placeholder of the route's path, decoded.
    ///
    /// # Errors
    /// When it is not there or not UTF-8.
    pub fn segment(&self, name: &str) -> Result<String, Error> {
        // The router leaves `%2F`, `%25` and `%2B` for us.
        let raw = self.http.match_info().get(name).ok_or(Error::NotFound)?;
        let decoded = percent_encoding::percent_decode_str(raw).decode_utf8();
        let decoded = decoded.map_err(|_| Error::NotFound)?.into_owned();
        // Nothing has the character zero in its name, and databases do not agree about it.
        if decoded.contains('\0') {
            Err(Error::NotFound)
        } else {
            Ok(decoded)
        }
    }
}
