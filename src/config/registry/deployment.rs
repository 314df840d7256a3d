//! The settings for what is around the server.

use crate::config::deployment::Hsts;
use crate::config::values::{duration, show_seconds};

use super::Setting;

/// Those for load balancers and browsers.
pub(super) const SETTINGS: &[Setting] = &[
    setting!(
        "shutdown_delay",
        "GATEHOUSE_SHUTDOWN_DELAY",
        "TIME",
        "How long the server goes on taking requests after it was told to stop, while /readyz already says so; for load balancers",
        |config, text| config.deployment.shutdown_delay = duration(text, 0, 300)?,
        |config| show_seconds(i64::try_from(config.deployment.shutdown_delay.as_secs()).unwrap_or(i64::MAX))
    ),
    setting!(
        "hsts",
        "GATEHOUSE_HSTS",
        "TIME",
        "For how long browsers come by https only (Strict-Transport-Security, sent when the issuer is https); may be followed by includeSubDomains, or by includeSubDomains preload; off: they are not told",
        |config, text| config.deployment.hsts = Hsts::parse(text)?,
        |config| config.deployment.hsts.to_string()
    ),
];
