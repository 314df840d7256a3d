//! JSON bodies, read strictly.

use actix_web::http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::base::json::strict;

use super::call::Call;
use super::error::Error;

/// The body as a JSON value.
///
/// # Errors
/// When it is not declared as JSON, or is none, or has a key twice.
pub fn json_value(call: &Call) -> Result<Value, Error> {
    let content_type = call.header(CONTENT_TYPE).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_json = ["application/json", "application/merge-patch+json"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known));
    if !is_json {
        return Err(Error::NotJson);
    }
    let value = strict(&call.body).map_err(|error| Error::MalformedJson(error.to_string()))?;
    if has_zero(&value) {
        return Err(Error::MalformedJson("a text has the character zero".to_owned()));
    }
    Ok(value)
}

/// Whether a text in it has the character zero, about which databases do not agree.
fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_zero),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_zero(value)),
        _ => false,
    }
}
