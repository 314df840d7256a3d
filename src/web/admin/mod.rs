//! The administration: the REST API (`api`) and the pages (`ui`), one file per noun in each. Both are thin;
//! what they do is done by `crate::admin`.

pub mod api;
pub(in crate::web) mod ui;

use actix_web::http::header::{AUTHORIZATION, ORIGIN};

use crate::admin::access::{self, Administrator, Denied, Shown};
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;

/// The header of the admin token.
pub const ADMIN_TOKEN_HEADER: &str = "X-Admin-Token";

/// Who administers with this request. Somebody who is known and does not is noted in the audit log.
///
/// # Errors
/// When nobody does.
pub async fn administrator(call: &Call) -> Result<Administrator, Error> {
    let found = find(call).await?;
    if let Err(Denied::NoAdministrator(stranger)) = &found {
        access::note_stranger(&call.app, stranger).await?;
    }
    admitted(call, found)
}

/// As [`administrator`], where no harm is meant by asking: nothing is noted.
///
/// # Errors
/// When nobody does.
pub async fn administrator_if_any(call: &Call) -> Result<Administrator, Error> {
    admitted(call, find(call).await?)
}

async fn find(call: &Call) -> Result<Result<Administrator, Denied>, Error> {
    let admin_token = call.credentials_header(ADMIN_TOKEN_HEADER)?;
    call.credentials_header(AUTHORIZATION.as_str())?;
    let visitor = call.visitor().await?;
    let operator = cookies::admin(call);
    let shown = Shown {
        admin_token,
        bearer: call.bearer(),
        operator: operator.as_deref(),
        visitor: visitor.as_ref(),
    };
    Ok(access::authenticate(&call.app, shown).await?)
}

fn admitted(call: &Call, found: Result<Administrator, Denied>) -> Result<Administrator, Error> {
    let administrator = found.map_err(|denied| match denied {
        Denied::Nobody => Error::AdministratorNeeded(call.here()),
        Denied::Wrong => Error::WrongAdministrator,
        Denied::Throttled(seconds) => Error::Throttled(seconds),
        Denied::NoAdministrator(_) => Error::NoAdministrator,
    })?;
    if administrator.session_id.is_some() && !is_same_origin(call) {
        return Err(Error::StaleForm);
    }
    Ok(administrator)
}

/// Cookies come along with whatever another site makes a browser send. Looking is harmless, because the
/// other site cannot read the answer; a change must come from one of our own pages. (Forms prove more than
/// this, by their token.)
fn is_same_origin(call: &Call) -> bool {
    if call.http.method().is_safe() {
        return true;
    }
    match (call.header("sec-fetch-site"), call.header(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == call.app.issuer.origin(),
        // An old browser, or a program that keeps cookies: at the pages the form's token has to do; the API,
        // which has none, refuses.
        (None, None) => !call.route.path.starts_with("/api/"),
    }
}
