//! Networks of those who ask.

use std::net::IpAddr;

/// An IPv4 address, or the /64 of an IPv6 address: what one subscriber has.
#[must_use]
pub fn network_of(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => v6.segments()[..4]
                .iter()
                .map(|part| format!("{part:x}"))
                .collect::<Vec<_>>()
                .join(":"),
        },
        _ => address.to_owned(),
    }
}
