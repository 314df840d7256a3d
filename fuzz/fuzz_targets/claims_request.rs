//! The `claims` parameter: what is parsed survives being stored with a grant.
#![no_main]

use gatehouse::protocol::claims_request::ClaimsRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(claims) = ClaimsRequest::parse(text) {
        let again = ClaimsRequest::parse(&claims.to_json());
        assert!(again.is_ok() || claims.to_json().len() > 8192);
        assert!(claims.is_empty() == claims.names().is_empty());
    }
});
