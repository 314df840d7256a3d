//! `gatehouse seed`

use crate::app::App;
use crate::seed::{self, Profile};

use super::{Failure, output};

#[derive(clap::Args)]
pub struct Args {
    /// demo: alice, bob and the client demo-web; mcp: accounts and clients for an MCP server
    #[arg(long, default_value = "demo")]
    profile: String,
    /// Seed although the issuer is not a loopback address: everybody knows these passwords
    #[arg(long)]
    i_know_the_passwords_are_public: bool,
}

pub async fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let profile = Profile::parse(&args.profile).ok_or("--profile must be demo or mcp")?;
    if !app.issuer.is_loopback() && !args.i_know_the_passwords_are_public {
        return Err(format!(
            "the issuer {} can be reached by others, and everybody knows the demo passwords; see --help",
            app.issuer
        )
        .into());
    }
    let seeded = seed::seed(app, profile).await?;
    for username in &seeded.replaced {
        eprintln!("{username} existed: password and limits replaced");
    }
    output::json(&seeded)
}
