//! `/api/admin/v1/users`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{IfMatch, PageParams, Query, Refused, Rejected, expected, json_body, merged, no_body, no_query, versioned};
use crate::admin::AdminError;
use crate::admin::page::Listed;
use crate::admin::users::{self as engine, Filter, UserView};
use crate::model::user::UserSettings;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// A user to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation; `create` reads it")]
pub struct UserInput {
    /// At least 8 characters; without one nobody can sign in with a password
    #[schema(min_length = 8, format = Password, write_only)]
    password: Option<String>,
    /// Everything else
    #[serde(flatten)]
    settings: UserSettings,
}

/// A password to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordInput {
    /// At least 8 characters
    #[schema(min_length = 8, format = Password, write_only)]
    pub password: String,
}

/// List users
///
/// By user name.
#[utoipa::path(
    get, path = "/api/admin/v1/users", tag = "users", operation_id = "list_users",
    params(
        ("q" = Option<String>, Query, description = "The beginning of the user name; with an `@` in it, of the e-mail address, too"),
        ("disabled" = Option<bool>, Query, description = "Only those who are disabled, or only those who are not"),
        PageParams
    ),
    responses((status = 200, body = Listed<UserView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["q", "disabled"])?;
    let filter = Filter {
        search: query.text("q")?,
        is_disabled: query.flag("disabled")?,
    };
    Ok(HttpResponse::Ok().json(engine::list(&call.app, filter, &query.page()?).await?))
}

/// Make a user
#[utoipa::path(
    post, path = "/api/admin/v1/users", tag = "users", operation_id = "create_user",
    request_body = UserInput,
    responses((status = 201, body = UserView, headers(("ETag" = String), ("Location" = String))), Refused, Rejected)
)]
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let mut body = json_value(&call)?;
    let password = match body.as_object_mut().and_then(|fields| fields.remove("password")) {
        None | Some(Value::Null) => None,
        Some(Value::String(password)) => Some(SecretString::from(password)),
        Some(_) => return Err(AdminError::invalid("password", "password is a text").into()),
    };
    let settings = merged(&UserSettings::default(), &body)?;
    let user = engine::create(&call.app, settings, password.as_ref()).await?;
    let path = format!("/api/admin/v1/users/{}", user.id);
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
    Ok(versioned(response, user.version, &UserView::from(user)))
}

/// Show a user
#[utoipa::path(
    get, path = "/api/admin/v1/users/{id}", tag = "users", operation_id = "show_user",
    params(("id" = String, Path, description = "`sub`")),
    responses((status = 200, body = UserView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let user = engine::find(&call.app, &call.segment("id")?).await?;
    Ok(versioned(HttpResponse::Ok(), user.version, &UserView::from(user)))
}

/// Replace a user's settings
///
/// Everything that is left out gets its default. Needs `If-Match`; the password stays.
#[utoipa::path(
    put, path = "/api/admin/v1/users/{id}", tag = "users", operation_id = "put_user",
    params(("id" = String, Path, description = "`sub`"), IfMatch),
    request_body = UserSettings,
    responses((status = 200, body = UserView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn put(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let settings: UserSettings = json_body(&call)?;
    let user = engine::change(&call.app, &call.segment("id")?, &expected(&call)?, |_| Ok(settings)).await?;
    Ok(versioned(HttpResponse::Ok(), user.version, &UserView::from(user)))
}

/// Change a user
///
/// A merge patch (RFC 7396): what is not named stays as it is. Needs `If-Match`.
#[utoipa::path(
    patch, path = "/api/admin/v1/users/{id}", tag = "users", operation_id = "patch_user",
    params(("id" = String, Path, description = "`sub`"), IfMatch),
    request_body(content((UserSettings = "application/merge-patch+json"), (UserSettings = "application/json"))),
    responses((status = 200, body = UserView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let patch = json_value(&call)?;
    let id = call.segment("id")?;
    let user = engine::change(&call.app, &id, &expected(&call)?, |settings| merged(&settings, &patch)).await?;
    Ok(versioned(HttpResponse::Ok(), user.version, &UserView::from(user)))
}

/// Remove a user
///
/// Sessions, grants and consents go with the account, and every token that acts for it is dead.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{id}", tag = "users", operation_id = "delete_user",
    params(("id" = String, Path, description = "`sub`"), IfMatch),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("id")?, &expected(&call)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Set a user's password
///
/// Every session and grant of the account ends.
#[utoipa::path(
    post, path = "/api/admin/v1/users/{id}/password", tag = "users", operation_id = "set_user_password",
    params(("id" = String, Path, description = "`sub`")),
    request_body = PasswordInput,
    responses((status = 204), Refused, Rejected)
)]
pub async fn set_password(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let input: PasswordInput = json_body(&call)?;
    engine::set_password(&call.app, &call.segment("id")?, &SecretString::from(input.password)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sign a user out everywhere
///
/// Every session and grant of the account ends.
#[utoipa::path(
    post, path = "/api/admin/v1/users/{id}/sign-out", tag = "users", operation_id = "sign_user_out",
    params(("id" = String, Path, description = "`sub`")),
    responses((status = 204), Refused)
)]
pub async fn sign_out(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    no_body(&call)?;
    engine::sign_out(&call.app, &call.segment("id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}
