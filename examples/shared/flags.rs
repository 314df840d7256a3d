//! What whoever starts an example decides: by a flag, else by a variable of the environment, else as
//! the quickstart of `README.md` has it.

use clap::Args;

/// What every example wants to know.
#[derive(Args, Debug)]
pub struct Flags {
    /// The issuer, exactly as its metadata names it [variable: `ISSUER`]
    #[arg(long, value_name = "URL", default_value_t = variable_or("ISSUER", "http://127.0.0.1:8000"))]
    pub issuer: String,
    /// Where to listen [variable: `LISTEN`]
    #[arg(long, value_name = "HOST:PORT", default_value_t = variable_or("LISTEN", "localhost:3000"))]
    pub listen: String,
    /// Where browsers find it, when that is not `http://HOST:PORT` [variable: `APP_URL`]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl Flags {
    /// Where browsers find the example, without a slash at the end.
    pub fn base(&self) -> String {
        let said = self.url.clone().or_else(|| variable("APP_URL"));
        let base = said.unwrap_or_else(|| format!("http://{}", self.listen));
        base.trim_end_matches('/').to_owned()
    }
}

/// A variable of the environment that has a value.
#[expect(
    clippy::disallowed_methods,
    reason = "an example is no part of the server and has no registry of settings"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable of the environment, or what stands for it.
pub fn variable_or(name: &str, default: &str) -> String {
    variable(name).unwrap_or_else(|| default.to_owned())
}
