//! Looking into tokens, for people who want to understand them. Nothing is decided by it.

use serde_json::Value;

use crate::app::App;
use crate::base::encoding::from_base64url;
use crate::base::fault::Fault;
use crate::keys::signing::{TYP_ACCESS_TOKEN, TYP_ID_TOKEN};

use super::verify;

/// What a JWT says.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// The JOSE header
    pub header: Value,
    /// The claims
    pub claims: Value,
    /// Whether one of our keys that still verify made the signature
    pub is_signed_by_us: bool,
}

/// Reads a token without judging it; `None` when it is no JWT.
///
/// # Errors
/// When the database fails.
pub async fn inspect(app: &App, token: &str) -> Result<Option<Inspected>, Fault> {
    let mut pieces = token.split('.').map(|piece| serde_json::from_slice(&from_base64url(piece)?).ok());
    let (Some(Some(header)), Some(Some(claims))) = (pieces.next(), pieces.next()) else {
        return Ok(None);
    };
    let mut is_signed_by_us = false;
    for typ in [TYP_ACCESS_TOKEN, TYP_ID_TOKEN] {
        is_signed_by_us |= verify::jwt::<Value>(app, token, typ).await?.is_some();
    }
    Ok(Some(Inspected {
        header,
        claims,
        is_signed_by_us,
    }))
}
