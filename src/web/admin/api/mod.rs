//! The admin API, `/api/admin/v1`: a file per noun, each handler with its documentation.
//!
//! The conventions are kept here, so that every noun has the same: JSON bodies whose fields are all known,
//! pages by cursor, `ETag` and `If-Match`, problem documents that name the field at fault.

#![expect(
    clippy::missing_errors_doc,
    reason = "the documentation of a handler is the API's, where `responses` says what it is refused with"
)]

pub mod access_keys;
pub mod clients;
pub mod connections;
pub mod consents;
pub mod events;
pub mod grants;
pub mod initial_access_tokens;
pub mod openapi;
pub mod providers;
pub mod reference;
pub mod reload;
pub mod resources;
pub mod scopes;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod stats;
pub mod users;
pub mod workloads;

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::header::{ETAG, IF_MATCH};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::page::Page;
use crate::admin::{AdminError, Expected};
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// What every operation can answer beside its own: for `#[utoipa::path(responses(Refused, …))]`.
#[derive(utoipa::IntoResponses)]
pub enum Refused {
    /// The request is malformed, or a parameter is unknown
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// Credentials are missing or wrong
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// These credentials may not do this
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// Too many wrong admin tokens; `Retry-After` says when to try again
    #[response(status = 429, content_type = "application/problem+json")]
    Throttled(Problem),
    /// The server is too busy or cannot reach its database; `Retry-After` says when to try again
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What an operation that changes something can answer, too.
#[derive(utoipa::IntoResponses)]
pub enum Rejected {
    /// It collides with something that is there
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// `If-Match` names another version: somebody else changed it
    #[response(status = 412, content_type = "application/problem+json")]
    Changed(Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not JSON
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(Problem),
    /// A field has a value that cannot be; `field` names it
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
    /// It exists, and `If-Match` is missing
    #[response(status = 428, content_type = "application/problem+json")]
    VersionRequired(Problem),
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Which problem it is: stable, for programs
    #[serde(rename = "type")]
    #[schema(example = "urn:gatehouse:problem:invalid-field")]
    pub kind: String,
    /// The same in a few words
    pub title: String,
    /// The status code of the answer
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong this time, and what to do
    pub detail: String,
    /// The field or parameter at fault
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The request, as in `X-Request-Id`: the operator finds it in the log
    pub request_id: String,
}

/// Which page of a list.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documentation; `Query::page` reads it")]
pub struct PageParams {
    /// How many items, 50 unless it is said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next` of the page before
    cursor: Option<String>,
}

/// The header that names the version to be replaced.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documentation; `expected` reads it")]
pub struct IfMatch {
    /// The `ETag` of what is to be replaced, or `*` for whatever is there
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// The query of a request, of which every parameter is known.
pub struct Query(Parameters);

impl Query {
    /// Reads the query; `known` are the parameters besides `limit` and `cursor`.
    ///
    /// # Errors
    /// When a parameter is unknown or repeated.
    pub fn parse(call: &Call, known: &[&str]) -> Result<Self, Error> {
        Self::without_page(call, &[known, &["limit", "cursor"]].concat())
    }

    /// As [`Self::parse`], for what is not a list.
    ///
    /// # Errors
    /// When a parameter is unknown or repeated.
    pub fn without_page(call: &Call, known: &[&str]) -> Result<Self, Error> {
        let parameters = call.query()?;
        let mut seen = std::collections::BTreeSet::new();
        if let Some(name) = parameters.names().find(|name| !seen.insert(name.to_owned())) {
            return Err(Error::InvalidParameter {
                name: name.to_owned(),
                message: "a parameter is sent once".to_owned(),
            });
        }
        if let Some(name) = parameters.names().find(|name| !known.contains(name)) {
            return Err(Error::UnknownParameter(name.to_owned()));
        }
        // A search for nothing finds everything; any other empty value is a mistake in a script.
        let is_empty = |name: &str| name != "q" && parameters.get(name).is_ok_and(|value| value.is_none());
        if let Some(name) = parameters.names().find(|name| is_empty(name)) {
            return Err(Error::InvalidParameter {
                name: name.to_owned(),
                message: "the parameter is empty".to_owned(),
            });
        }
        Ok(Self(parameters))
    }

    /// A parameter that was sent with a value.
    ///
    /// # Errors
    /// When it is repeated.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        Ok(self.0.get(name)?)
    }

    /// A parameter that is `true` or `false`.
    ///
    /// # Errors
    /// When it is anything else, or repeated.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.0.get(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Error::InvalidParameter {
                name: name.to_owned(),
                message: format!("{name} is true or false"),
            }),
        }
    }

    /// The page that is asked for.
    ///
    /// # Errors
    /// When `limit` or `cursor` cannot be.
    pub fn page(&self) -> Result<Page, Error> {
        Ok(Page::parse(self.0.get("limit")?, self.0.get("cursor")?)?)
    }
}

/// Refuses a query where none is known.
///
/// # Errors
/// When there is one.
pub fn no_query(call: &Call) -> Result<(), Error> {
    match call.query()?.names().next() {
        Some(name) => Err(Error::UnknownParameter(name.to_owned())),
        None => Ok(()),
    }
}

/// Refuses a body where none is known; `{}` says nothing, and is fine.
///
/// # Errors
/// When there is one.
pub fn no_body(call: &Call) -> Result<(), Error> {
    if call.body.is_empty() {
        return Ok(());
    }
    match json_value(call)?.as_object().map(|fields| fields.keys().next()) {
        Some(None) => Ok(()),
        Some(Some(name)) => Err(AdminError::invalid(name, format!("unknown field `{name}`, there are no fields")).into()),
        None => Err(AdminError::invalid("", "the body is a JSON object").into()),
    }
}

/// The body as a type whose fields are all known.
///
/// # Errors
/// As [`json_value`], or names the field at fault.
pub fn json_body<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    read(json_value(call)?)
}

/// A JSON object as a type whose fields are all known.
///
/// # Errors
/// When it is none, or names the field at fault.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    // A list would be taken for the fields in their order.
    if !value.is_object() {
        return Err(AdminError::invalid("", "the body is a JSON object").into());
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        Error::Admin(AdminError::invalid(field, error.into_inner().to_string()))
    })
}

/// Applies a merge patch (RFC 7396) to what something is now, or what was sent to the defaults.
///
/// # Errors
/// Names the field at fault.
pub fn merged<T: Serialize + DeserializeOwned>(current: &T, patch: &Value) -> Result<T, AdminError> {
    let object = |value: &Value| value.is_object();
    if !object(patch) {
        return Err(AdminError::invalid("", "the body is a JSON object"));
    }
    let mut value = serde_json::to_value(current).map_err(crate::base::fault::Fault::internal)?;
    for (name, change) in patch.as_object().into_iter().flatten() {
        // Every field is always there: `null` is a value that some of them can have, not a way to leave one out.
        if change.is_object() {
            json_patch::merge(&mut value[name], change);
        } else {
            value[name] = change.clone();
        }
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        AdminError::invalid(field, error.into_inner().to_string())
    })
}

/// Which version `If-Match` names (RFC 9110 §13.1.1).
///
/// # Errors
/// When it cannot be read.
pub fn expected(call: &Call) -> Result<Expected, Error> {
    let Some(text) = call.http.headers().get(IF_MATCH) else {
        return Ok(Expected::Unsaid);
    };
    let text = text.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Expected::Any);
    }
    let version = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    let versions: Option<Vec<i64>> = text.split(',').map(version).collect();
    // A tag that we never gave out is that of another version.
    Ok(Expected::Versions(versions.unwrap_or_default()))
}

/// A text as a segment of a path.
#[must_use]
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// An answer with the thing and its version.
pub fn versioned(mut response: HttpResponseBuilder, version: i64, view: &impl Serialize) -> HttpResponse {
    response.insert_header((ETAG, format!("\"{version}\""))).json(view)
}
