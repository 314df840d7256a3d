//! `/userinfo`.

use actix_web::HttpResponse;

use crate::oauth::userinfo;
use crate::protocol::error::invalid_request;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/userinfo`, GET or POST, the token in the header or in a form (OpenID Connect Core §5.3.1, RFC 6750 §2).
pub async fn userinfo(call: Call) -> Result<HttpResponse, Error> {
    let is_form = call.is_post() && !call.body.is_empty();
    let body = if is_form { Some(call.form()?) } else { None };
    let in_body = body.as_ref().map(|body| body.get("access_token")).transpose()?.flatten();
    let token = match (call.bearer(), in_body) {
        (Some(_), Some(_)) => {
            return Err(invalid_request("send the access token once, not twice").into());
        }
        (Some(token), None) | (None, Some(token)) => token,
        (None, None) => return Err(Error::NoToken),
    };
    let claims = userinfo::userinfo(&call.app, token).await??;
    Ok(HttpResponse::Ok().json(claims))
}
