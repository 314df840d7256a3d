//! Reading and showing the values of settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::base::clock::Seconds;
use crate::keys::envelope::{KeyEncryptionKey, parse_keys};
use crate::outside::address::nameable;
use crate::protocol::claims::SERVER_SCOPES;
use crate::protocol::scope::Scope;

/// `true`, `false`, and the other ways to say so.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" | "" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// A whole number between two bounds, both included.
pub fn number<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<T, String> {
    let wrong = || format!("must be a whole number from {least} to {most}");
    let value = text.parse::<u64>().map_err(|_| wrong())?;
    if !(least..=most).contains(&value) {
        return Err(wrong());
    }
    T::try_from(value).map_err(|_| wrong())
}

/// Seconds, or a number with `s`, `m`, `h` or `d`; between two bounds, both included.
pub fn seconds(text: &str, least: Seconds, most: Seconds) -> Result<Seconds, String> {
    let wrong = || {
        format!(
            "must be a time from {} to {}, such as 90s, 15m, 12h or 30d",
            show_seconds(least),
            show_seconds(most)
        )
    };
    let (digits, factor) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        Some(b'd') => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    let value = digits.parse::<u32>().map_err(|_| wrong())?;
    let value = i64::from(value) * factor;
    if (least..=most).contains(&value) { Ok(value) } else { Err(wrong()) }
}

/// A time as [`seconds`] reads it.
pub fn show_seconds(value: Seconds) -> String {
    match value {
        0 => "0s".to_owned(),
        value if value % 86_400 == 0 => format!("{}d", value / 86_400),
        value if value % 3600 == 0 => format!("{}h", value / 3600),
        value if value % 60 == 0 => format!("{}m", value / 60),
        value => format!("{value}s"),
    }
}

/// As [`seconds`], as a [`Duration`].
pub fn duration(text: &str, least: Seconds, most: Seconds) -> Result<Duration, String> {
    seconds(text, least, most).map(|value| Duration::from_secs(value.unsigned_abs()))
}

/// A secret of at least `least` characters.
pub fn secret(text: &str, least: usize) -> Result<SecretString, String> {
    if text.chars().count() < least {
        return Err(format!("must have at least {least} characters"));
    }
    Ok(SecretString::from(text))
}

/// A secret that is the content of a file, without the line break at its end.
pub fn secret_file(path: &str, least: usize) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
    secret(text.trim_end_matches(['\r', '\n']), least)
}

/// The keys of a file for the tokens of connections.
pub fn vault_keys(path: &str) -> Result<Vec<KeyEncryptionKey>, String> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
    parse_keys(&Zeroizing::new(text)).map_err(|problem| format!("{path}: {problem}"))
}

/// The certificates of authorities in a file, in PEM.
pub fn authorities(path: &str) -> Result<Vec<u8>, String> {
    let pem = std::fs::read(Path::new(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("{path}: {error}"))?;
        authorities.add(certificate).map_err(|error| format!("{path}: {error}"))?;
    }
    if authorities.is_empty() {
        return Err(format!("{path}: holds no certificate in PEM"));
    }
    Ok(pem)
}

/// A path, if it is set.
pub fn shown_path(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// That a secret is set, if it is.
pub fn shown_secret(is_set: bool) -> String {
    if is_set { "REDACTED".to_owned() } else { String::new() }
}

/// `Targets` takes a word that is no level for the name of a target, so a typing error would pass.
pub fn log_level(text: &str) -> Result<(), String> {
    let is_level = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    if text.split(',').all(is_level) && text.parse::<Targets>().is_ok() {
        return Ok(());
    }
    Err("must be error, warn, info, debug or trace, or pairs such as gatehouse=debug".to_owned())
}

/// What this server itself lets clients do is never for clients that nobody has looked at. No scope at all is how the default is shown.
pub fn registration_scope(text: &str) -> Result<Option<Scope>, String> {
    let scope = Scope::parse(text).map_err(|refusal| refusal.description.into_owned())?;
    match SERVER_SCOPES.iter().find(|(name, _)| scope.contains(name)) {
        Some((name, _)) => Err(format!("{name} is not for clients that register themselves")),
        None => Ok(Some(scope).filter(|scope| !scope.is_empty())),
    }
}

pub fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is neither an address nor a network such as 10.0.0.0/8"))
}

/// Networks of a list with commas, each of which can be named for providers.
pub fn provider_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| nameable(network(part)?)).collect()
}

/// Networks as a list with commas.
pub fn shown_networks(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
