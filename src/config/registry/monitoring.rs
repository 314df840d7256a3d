//! The settings of metrics and traces.

use std::path::Path;

use crate::config::monitoring::{Headers, OtlpEndpoint};
use crate::config::values::{shown_path, shown_secret};

use super::Setting;

/// Those of metrics and traces, in the order in which people look for them.
pub(super) const SETTINGS: &[Setting] = &[
    setting!(
        "metrics_listen",
        "GATEHOUSE_METRICS_LISTEN",
        "ADDRESS:PORT",
        "Where to serve /metrics for Prometheus, to whoever can reach it; unless set, nowhere",
        |config, text| config.monitoring.metrics_listen = Some(
            text.parse()
                .map_err(|_| "must be an address and a port, such as 127.0.0.1:9464".to_owned())?
        ),
        |config| config
            .monitoring
            .metrics_listen
            .map(|address| address.to_string())
            .unwrap_or_default()
    ),
    setting!(
        "otlp_endpoint",
        "GATEHOUSE_OTLP_ENDPOINT",
        "URL",
        "Where to send traces by OTLP over HTTP, such as http://127.0.0.1:4318; unless set, nothing is traced",
        |config, text| config.monitoring.otlp_endpoint = Some(OtlpEndpoint::parse(text)?),
        |config| config
            .monitoring
            .otlp_endpoint
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    ),
    setting!(secret "otlp_headers", "GATEHOUSE_OTLP_HEADERS", "TEXT", "Headers that are sent with traces, as NAME=VALUE, separated by commas",
        |config, text| {
            config.monitoring.otlp_headers = Headers::parse(text)?;
            config.monitoring.otlp_headers_file = None;
        },
        |config| shown_secret(!config.monitoring.otlp_headers.is_empty() && config.monitoring.otlp_headers_file.is_none())),
    setting!(
        "otlp_headers_file",
        "GATEHOUSE_OTLP_HEADERS_FILE",
        "FILE",
        "Read these headers from this file",
        |config, text| {
            let read = std::fs::read_to_string(Path::new(text)).map_err(|error| format!("cannot read {text}: {error}"))?;
            config.monitoring.otlp_headers = Headers::parse(read.trim_end_matches(['\r', '\n']))?;
            config.monitoring.otlp_headers_file = Some(text.into());
        },
        |config| shown_path(config.monitoring.otlp_headers_file.as_ref())
    ),
    setting!(
        "trace_ratio",
        "GATEHOUSE_TRACE_RATIO",
        "NUMBER",
        "How many of the requests are traced, from 0 to 1",
        |config, text| config.monitoring.trace_ratio = text
            .parse::<f64>()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .ok_or_else(|| "must be a number from 0 to 1, such as 0.05".to_owned())?,
        |config| config.monitoring.trace_ratio.to_string()
    ),
    setting!(
        "proxy_request_ids",
        "GATEHOUSE_PROXY_REQUEST_IDS",
        "SWITCH",
        "on: take X-Request-Id and traceparent over from trusted proxies, which must set them or take them away themselves; off: do not",
        |config, text| config.monitoring.proxy_request_ids = match text {
            "on" => true,
            "off" => false,
            _ => return Err("must be on or off".to_owned()),
        },
        |config| if config.monitoring.proxy_request_ids {
            "on".to_owned()
        } else {
            "off".to_owned()
        }
    ),
];
