//! Signing keys, made once for all tests: RSA keys are slow to make.

use std::path::PathBuf;

use gatehouse::base::fault::Fault;
use gatehouse::base::random::Random;
use gatehouse::installation::FirstKeys;
use gatehouse::keys::rotation::generate_all;
use gatehouse::keys::signing::GeneratedKey;
use gatehouse::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

/// The keys of every test server, from a file in the build folder that the first test writes.
pub async fn first_keys(_: &Random) -> Result<FirstKeys, Fault> {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("signing-keys.json");
    if let Some(keys) = std::fs::read_to_string(&file).ok().and_then(|text| parse(&text)) {
        return Ok(keys);
    }
    let keys = generate_all(&Random::system()).await?;
    let shown: Vec<Value> = keys
        .iter()
        .map(|(algorithm, key)| json!({ "algorithm": algorithm.as_str(), "id": key.id, "pkcs8": key.pkcs8, "public_jwk": key.public_jwk }))
        .collect();
    let draft = file.with_extension(format!("{}", std::process::id()));
    std::fs::write(&draft, json!(shown).to_string()).expect("the build folder is writable");
    std::fs::rename(&draft, &file).expect("the build folder is writable");
    Ok(keys)
}

fn parse(text: &str) -> Option<FirstKeys> {
    let shown: Vec<Value> = serde_json::from_str(text).ok()?;
    shown
        .iter()
        .map(|key| {
            let algorithm = SigningAlgorithm::parse(key["algorithm"].as_str()?)?;
            let generated = GeneratedKey {
                id: key["id"].as_str()?.to_owned(),
                pkcs8: serde_json::from_value(key["pkcs8"].clone()).ok()?,
                public_jwk: key["public_jwk"].as_str()?.to_owned(),
            };
            Some((algorithm, generated))
        })
        .collect()
}
