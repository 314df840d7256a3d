//! The settings by which one `APP_SECRET` takes the place of another.

use crate::config::values::{secret, secret_file, shown_path, shown_secret};
use crate::keys::secrets::MIN_APP_SECRET;

use super::Setting;

/// What is accepted besides `APP_SECRET`.
pub(super) const SETTINGS: &[Setting] = &[
    setting!(secret "app_secret_previous", "APP_SECRET_PREVIOUS", "TEXT", "The secret whose place APP_SECRET takes: what was made with it is still accepted, and what is met of it is made anew",
        |config, text| {
            config.app_secret_previous = Some(secret(text, MIN_APP_SECRET)?);
            config.app_secret_previous_file = None;
        },
        |config| shown_secret(config.app_secret_previous.is_some() && config.app_secret_previous_file.is_none())),
    setting!(
        "app_secret_previous_file",
        "APP_SECRET_PREVIOUS_FILE",
        "FILE",
        "Read APP_SECRET_PREVIOUS from this file",
        |config, text| {
            config.app_secret_previous = Some(secret_file(text, MIN_APP_SECRET)?);
            config.app_secret_previous_file = Some(text.into());
        },
        |config| shown_path(config.app_secret_previous_file.as_ref())
    ),
    setting!(secret "app_secret_next", "APP_SECRET_NEXT", "TEXT", "The secret that will take the place of APP_SECRET: what other nodes make with it already is accepted",
        |config, text| {
            config.app_secret_next = Some(secret(text, MIN_APP_SECRET)?);
            config.app_secret_next_file = None;
        },
        |config| shown_secret(config.app_secret_next.is_some() && config.app_secret_next_file.is_none())),
    setting!(
        "app_secret_next_file",
        "APP_SECRET_NEXT_FILE",
        "FILE",
        "Read APP_SECRET_NEXT from this file",
        |config, text| {
            config.app_secret_next = Some(secret_file(text, MIN_APP_SECRET)?);
            config.app_secret_next_file = Some(text.into());
        },
        |config| shown_path(config.app_secret_next_file.as_ref())
    ),
];
