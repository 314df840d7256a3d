//! By what a request is counted, and how its answer says so.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::app::App;
use crate::model::limit::{By, Class, Counted, network};

use super::address::is_in;

/// Which rates there are (draft-ietf-httpapi-ratelimit-headers §3).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them (the same, §4).
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// By what a request of this class is counted that comes from `address`.
pub fn counted(app: &App, class: Option<Class>, address: Option<IpAddr>) -> Option<Arc<Counted>> {
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let is_limited = !is_in(&app.config.limits.unlimited, address);
    class.map(|class| Arc::new(Counted::new(class, is_limited.then(|| network(address)))))
}

/// Says where those stand who were counted. What is the same for everybody says nothing of it, unless it was refused:
/// caches keep it.
pub fn announce(counted: &Counted, is_refused: bool, headers: &mut HeaderMap) {
    if counted.class == Class::Metadata && !is_refused {
        return;
    }
    let (mut policy, mut left) = (String::new(), String::new());
    for by in By::ALL {
        let Some(standing) = counted.standing(by) else { continue };
        let comma = if policy.is_empty() { "" } else { ", " };
        let (class, by) = (counted.class.as_str(), by.as_str());
        let (limit, window) = (standing.rate.limit, standing.rate.window);
        // Writing to a text cannot fail.
        let _ = write!(policy, "{comma}\"{class}-{by}\";q={limit};w={window}");
        let _ = write!(left, "{comma}\"{class}-{by}\";r={};t={}", standing.remaining, standing.reset);
    }
    for (name, value) in [(POLICY, policy), (LEFT, left)] {
        if let Ok(value) = HeaderValue::try_from(value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    }
}
