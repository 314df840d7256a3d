//! `/identities/…`: what programs expect that were written for AWS Bedrock AgentCore Identity. Parse, call, render.
//!
//! - `identities`: tokens by which agents act
//! - `tokens`: what people gave them elsewhere, and API keys
//! - `workloads`, `oauth2_providers`, `key_providers`: the control plane

pub mod identities;
pub mod key_providers;
pub mod oauth2_providers;
pub mod tokens;
pub mod workloads;

use std::net::SocketAddr;

use actix_web::http::header::{CONTENT_LENGTH, HOST, HeaderName, ORIGIN};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::AdminError;
use crate::admin::page::{Listed, Page};
use crate::base::fault::Fault;
use crate::config::agentcore::AgentCore;
use crate::federation::access_keys::{self, Unproved};
use crate::federation::agentcore::{Caller, SERVICE};
use crate::model::access_key::ID_PREFIX;
use crate::protocol::sigv4::Received;
use crate::web::call::Call;
use crate::web::error::{AgentCoreError, Error};
use crate::web::json::json_value;

/// Where their names say things are. It is nowhere: nothing here has regions or accounts.
const PLACE: &str = "gatehouse:000000000000";
/// The header in which SDKs look for the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What proxies and tunnels add to requests.
const PROXY_HEADERS: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-original-host",
    "x-cluster-client-ip",
    "fastly-client-ip",
];

/// Who sends a request; what it does is done by that client.
async fn caller(call: &mut Call) -> Result<Caller, Error> {
    let caller = match &call.app.config.agentcore {
        AgentCore::Unsigned(client_id) if !is_signed_with_our_keys(call) => {
            if !is_on_this_machine(call) {
                return Err(AgentCoreError::NotOnThisMachine.into());
            }
            let found = Caller::on_this_machine(&call.app, client_id).await?;
            found.ok_or(AgentCoreError::NoLocalClient)?
        }
        _ => signer(call).await?,
    };
    call.app = call.app.acting_as(caller.actor());
    Ok(caller)
}

/// As [`caller`], for the control plane.
async fn administrator(call: &mut Call) -> Result<Caller, Error> {
    let caller = caller(call).await?;
    if caller.may_administer {
        Ok(caller)
    } else {
        Err(AgentCoreError::NoAdministrator.into())
    }
}

async fn signer(call: &Call) -> Result<Caller, Error> {
    let mut headers = Vec::new();
    for (name, value) in call.http.headers() {
        // What cannot be read was not signed, or is not what was.
        headers.push((name.as_str(), value.to_str().unwrap_or_default()));
    }
    let request = Received {
        method: call.http.method().as_str(),
        path: call.http.uri().path(),
        query: call.http.query_string(),
        headers: &headers,
        body: &call.body,
    };
    // A proxy may have changed the host on its way; then the client has signed it as the issuer has it.
    let hosts: Vec<String> = received_host(call).into_iter().chain([call.app.issuer.host()]).collect();
    let verified = access_keys::verify(&call.app, &request, SERVICE, &hosts).await?;
    verified
        .map(Caller::from)
        .map_err(|unproved: Unproved| AgentCoreError::Unproved(unproved).into())
}

fn received_host(call: &Call) -> Option<String> {
    let authority = call.http.uri().authority().map(ToString::to_string);
    call.header(HOST).map(str::to_owned).or(authority)
}

/// Whether a request names an access key that can be one of ours. SDKs do not send anything without a signature, so where
/// none is needed they make one of whatever they find.
fn is_signed_with_our_keys(call: &Call) -> bool {
    let mut all = call.http.headers().get_all("authorization");
    let needle = format!("Credential={ID_PREFIX}");
    all.any(|value| value.to_str().is_ok_and(|text| text.contains(&needle)))
}

/// Whether a request comes from this machine, and is no page's of another site: neither of one that a browser shows, nor of
/// one whose name was made to lead here.
fn is_on_this_machine(call: &Call) -> bool {
    let is_peer_here = call
        .http
        .peer_addr()
        .as_ref()
        .map(SocketAddr::ip)
        .is_some_and(|ip| ip.to_canonical().is_loopback());
    let is_for_here = received_host(call).is_some_and(|host| host.eq_ignore_ascii_case(&call.app.issuer.host()));
    let has = |name: &str| call.http.headers().contains_key(name);
    let is_of_page = has(ORIGIN.as_str()) || has("sec-fetch-site");
    let is_forwarded = call.http.headers().keys().any(|name| is_of_proxy(name.as_str()));
    is_peer_here && is_for_here && !is_of_page && !is_forwarded
}

/// Whether it is proxies that send this header.
fn is_of_proxy(name: &str) -> bool {
    name.starts_with("x-forwarded-") || name.starts_with("cf-") || PROXY_HEADERS.contains(&name)
}

/// A JSON object with fields that are all known. Where nothing is required, some SDKs send nothing.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    let is_empty = call.body.is_empty() && call.header(CONTENT_LENGTH).is_none_or(|length| length == "0");
    let value = if is_empty {
        Value::Object(serde_json::Map::new())
    } else {
        json_value(call)?
    };
    if !value.is_object() {
        return Err(invalid("", "the body is not a JSON object"));
    }
    serde_json::from_value(value).map_err(|error| invalid("", &format!("the body is not as it must be, or not supported here: {error}")))
}

/// A field with a value that cannot be.
fn invalid(field: &'static str, message: &str) -> Error {
    AgentCoreError::Invalid {
        field,
        message: message.to_owned(),
    }
    .into()
}

/// A successful answer.
fn answer(call: &Call, mut response: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    if let Some(id) = &call.app.context().request_id {
        response.insert_header((REQUEST_ID, id.as_str()));
    }
    response.json(body)
}

/// A page of a list, with the token of the next one.
fn answer_page(call: &Call, member: &str, listed: Listed<Value>) -> HttpResponse {
    let mut body = serde_json::json!({ member: listed.items });
    if let Some(next) = listed.next {
        body["nextToken"] = Value::String(next);
    }
    answer(call, HttpResponse::Ok(), &body)
}

/// What a thing that was deleted answers.
fn deleted(call: &Call) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    if let Some(id) = &call.app.context().request_id {
        response.insert_header((REQUEST_ID, id.as_str()));
    }
    response.finish()
}

/// What something that administrators do, too, was refused with.
fn refused<E: Into<AdminError>>(error: E) -> Error {
    AgentCoreError::of(error.into())
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    next_token: Option<String>,
    max_results: Option<u16>,
}

impl ListRequest {
    /// Which page is asked for; `most` items are given at once.
    fn page(&self, most: u16) -> Result<Page, Error> {
        let limit = self.max_results.unwrap_or(most);
        if !(1..=most).contains(&limit) {
            return Err(invalid("maxResults", &format!("maxResults is a number from 1 to {most}")));
        }
        Page::parse(Some(&limit.to_string()), self.next_token.as_deref()).map_err(wrong_token)
    }
}

/// What something that is named only is named by.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NameRequest {
    name: String,
}

fn wrong_token(error: AdminError) -> Error {
    match error {
        AdminError::Fault(fault) => fault.into(),
        _ => invalid("nextToken", "this is not a nextToken of this list"),
    }
}

/// The name by which another service would know the secret of a provider. There is no such service: it is nowhere.
fn secret_arn(provider: &str) -> Value {
    serde_json::json!({ "secretArn": format!("arn:aws:secretsmanager:{PLACE}:secret:{provider}") })
}

fn provider_arn(kind: &str, provider: &str) -> String {
    format!("arn:aws:acps:{PLACE}:token-vault/default/{kind}/{provider}")
}

/// What never happens.
fn never(what: &'static str) -> Error {
    Error::Fault(Fault::internal(what))
}
