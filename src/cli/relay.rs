//! `gatehouse relay`

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::config::relay::Serves;
use crate::config::sources::Sources;

use super::Failure;

/// The variables by which callback servers are usually told where to listen.
const HOST: &str = "OAUTH_CALLBACK_HOST";
const PORT: &str = "OAUTH_CALLBACK_PORT";

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

    /// The settings that the arguments and the two variables stand for. `--listen` is stronger; what a container image or a
    /// file says about the whole server is weaker.
    pub fn overlay(&self, sources: Sources) -> Result<Sources, Failure> {
        if sources.flags.contains_key("listen") {
            if self.host.is_some() || self.port.is_some() {
                return Err("--listen says both: leave --host and --port out".into());
            }
            return Ok(sources);
        }
        let (host_from, host) = chosen("--host", self.host.as_deref(), HOST, &sources.environment, "0.0.0.0");
        let (port_from, port) = chosen("--port", self.port.as_deref(), PORT, &sources.environment, "8000");
        let host = match host {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            host => host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .map_err(|_| format!("{host_from}: must be an address such as 0.0.0.0 or ::, or localhost"))?,
        };
        let port: u16 = port.parse().map_err(|_| format!("{port_from}: must be a port"))?;
        let mut flags = sources.flags;
        flags.insert("listen".to_owned(), std::net::SocketAddr::from((host, port)).to_string());
        Ok(Sources { flags, ..sources })
    }
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
