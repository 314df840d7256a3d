//! What the doctor says of TLS.

use crate::base::clock::Clock;
use crate::cli::output;
use crate::config::Config;
use crate::web::tls::{Certificates, Standing};

use super::Report;

pub(super) fn check(config: &Config, report: &mut Report) {
    match config.tls() {
        Some(files) => match Certificates::read(files) {
            Ok(certificates) => check_certificate(&certificates, report),
            Err(error) => report.error("tls", error.to_string()),
        },
        None if config.issuer().is_https() && config.trusted_proxies.is_empty() => report.warn(
            "tls",
            "the issuer is https but the server itself speaks http: a reverse proxy must terminate TLS, and GATEHOUSE_TRUSTED_PROXIES should name it",
        ),
        None => report.ok("tls", "not used by the server itself"),
    }
}

/// How many seconds before its end a certificate should have been renewed: two weeks, as those that renew by themselves do.
const RENEWED_BEFORE: i64 = 14 * 86_400;

fn check_certificate(certificates: &Certificates, report: &mut Report) {
    let Some(validity) = certificates.validity() else {
        report.warn(
            "tls",
            "certificate and key fit together; from when until when the certificate is valid cannot be read",
        );
        return;
    };
    let (begins, ends) = (output::instant(validity.begins), output::instant(validity.ends));
    match validity.standing(Clock::system().now(), RENEWED_BEFORE) {
        Standing::Valid => report.ok("tls", format!("certificate and key fit together; valid until {ends}")),
        Standing::EndsSoon => report.warn("tls", format!("the certificate is valid until {ends} only: renew it")),
        Standing::Invalid => report.error("tls", format!("the certificate is valid from {begins} until {ends}: renew it")),
    }
}
