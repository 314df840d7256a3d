//! Query strings and form bodies: what is parsed survives being written and parsed again.
#![no_main]

use gatehouse::protocol::parameters::Parameters;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    if let Ok(parameters) = Parameters::parse(raw) {
        let _ = parameters.refuse_duplicates();
        let again = Parameters::parse(parameters.to_query().as_bytes());
        assert!(again.is_ok_and(|again| again == parameters));
    }
});
