//! `gatehouse relay`

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::config::relay::Serves;
use crate::config::sources::Sources;

use super::Failure;

/// The variables by which callback servers are usually told where to listen.
const HOST: &str = "OAUTH_CALLBACK_HOST";
const PORT: &str = "OAUTH_CALLBACK_PORT";
/// Where callback servers usually listen.
const USUAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 8000));

#[derive(clap::Args)]
#[expect(clippy::doc_markdown, reason = "a help text, shown as it stands")]
pub struct Args {
    /// The address to listen on [OAUTH_CALLBACK_HOST] [default: 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,

    /// The port to listen on [OAUTH_CALLBACK_PORT] [default: 8000]
    #[arg(long, value_name = "PORT")]
    port: Option<String>,

    /// Take redirects that no program has announced, and give them to anybody who knows their state; for programs that cannot be changed, in a network of your own
    #[arg(long)]
    open: bool,
}

impl Args {
    /// What the process serves then.
    pub fn serves(&self) -> Serves {
        Serves::Relay { is_open: self.open }
    }

    /// The settings that the arguments and the two variables stand for.
    pub fn overlay(&self, sources: Sources) -> Result<Sources, Failure> {
        let is_said_otherwise = sources.flags.contains_key("listen");
        if is_said_otherwise && (self.host.is_some() || self.port.is_some()) {
            return Err("--listen says both: leave --host and --port out".into());
        }
        if is_said_otherwise {
            return Ok(sources);
        }
        overlay(self.host.as_deref(), self.port.as_deref(), sources)
    }
}

/// Sources in which the two variables, where they are set, stand for where a relay listens; for commands that look for
/// it.
pub fn with_variables(sources: Sources) -> Result<Sources, Failure> {
    let is_set = |name: &str| sources.environment.get(name).is_some_and(|value| !value.is_empty());
    if (is_set(HOST) || is_set(PORT)) && !sources.flags.contains_key("listen") {
        return overlay(None, None, sources);
    }
    Ok(sources)
}

/// Flags go before the two variables, and these before what is said of the whole server, by its variable or in the file.
fn overlay(host: Option<&str>, port: Option<&str>, sources: Sources) -> Result<Sources, Failure> {
    let otherwise = sources.listen()?.unwrap_or(USUAL);
    let (usual_host, usual_port) = (otherwise.ip().to_string(), otherwise.port().to_string());
    let (host_from, host) = chosen("--host", host, HOST, &sources.environment, &usual_host);
    let (port_from, port) = chosen("--port", port, PORT, &sources.environment, &usual_port);
    let host = match host {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        host => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .map_err(|_| format!("{host_from}: must be an address such as 0.0.0.0 or ::, or localhost"))?,
    };
    let port: u16 = port.parse().map_err(|_| format!("{port_from}: must be a port"))?;
    let mut flags = sources.flags.clone();
    flags.insert("listen".to_owned(), SocketAddr::from((host, port)).to_string());
    Ok(Sources { flags, ..sources })
}

/// A value and where it comes from: the flag, the variable, or what is usual.
fn chosen<'a>(
    flag: &'a str,
    given: Option<&'a str>,
    variable: &'a str,
    environment: &'a BTreeMap<String, String>,
    usual: &'a str,
) -> (&'a str, &'a str) {
    match (given, environment.get(variable).filter(|value| !value.is_empty())) {
        (Some(given), _) => (flag, given),
        (None, Some(value)) => (variable, value),
        (None, None) => (variable, usual),
    }
}
