//! The `claims` parameter (OpenID Connect Core §5.5): single claims asked for by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{Refusal, invalid_request};

/// The longest `claims` parameter, in bytes.
const MAX_LENGTH: usize = 8192;

/// What is asked of one claim (§5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The client cannot do its work without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// The one value that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The values of which one is wanted, in order of preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
}

impl ClaimRequest {
    /// Whether `actual` is among the values asked for; true when none is named.
    #[must_use]
    pub fn accepts(&self, actual: &str) -> bool {
        let is_it = |value: &Value| value.as_str() == Some(actual);
        self.value.as_ref().is_none_or(is_it) && self.values.as_ref().is_none_or(|values| values.iter().any(is_it))
    }
}

/// The members `userinfo` and `id_token`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Claims wanted from the userinfo endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, ClaimRequest>,
    /// Claims wanted in the ID token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, ClaimRequest>,
}

impl ClaimsRequest {
    /// Parses the parameter. Members other than `userinfo` and `id_token` are ignored (§5.5).
    ///
    /// # Errors
    /// `invalid_request` when it is not a JSON object of the expected form.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_LENGTH {
            return Err(invalid_request("claims is too long"));
        }
        let malformed =
            |detail: String| invalid_request("claims is not a JSON object of the form of OpenID Connect Core 5.5").with_detail(detail);
        let members: Map<String, Value> = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let member = |name: &str| parse_member(members.get(name)).map_err(|problem| malformed(format!("{name}: {problem}")));
        Ok(Self {
            userinfo: member("userinfo")?,
            id_token: member("id_token")?,
        })
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// The names of all claims asked for, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.userinfo.keys().chain(self.id_token.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The form in which a grant keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One member: `null` or an object, in which each claim is `null` or an object (§5.5.1). Looked at
/// by hand, because a derived `Deserialize` also takes an array for the fields of a struct.
fn parse_member(member: Option<&Value>) -> Result<BTreeMap<String, ClaimRequest>, String> {
    match member {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(claims)) => claims
            .iter()
            .map(|(name, request)| Ok((name.clone(), parse_claim(request)?)))
            .collect(),
        Some(_) => Err("not an object".to_owned()),
    }
}

fn parse_claim(request: &Value) -> Result<ClaimRequest, String> {
    match request {
        Value::Null => Ok(ClaimRequest::default()),
        Value::Object(_) => ClaimRequest::deserialize(request).map_err(|error| error.to_string()),
        _ => Err("a claim is neither null nor an object".to_owned()),
    }
}
