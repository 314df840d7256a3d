//! The authorization request: both steps of parsing agree on where the answer goes.
#![no_main]

use gatehouse::protocol::authorization_request::{AuthorizationRequest, ResponseTarget, Target};
use gatehouse::protocol::parameters::Parameters;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let Ok(parameters) = Parameters::parse(raw) else { return };
    let _ = Target::parse(&parameters);
    let response = ResponseTarget::parse(&parameters);
    if let Ok(request) = AuthorizationRequest::parse(&parameters) {
        assert!(request.response == response);
    }
});
