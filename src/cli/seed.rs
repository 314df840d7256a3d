//! `gatehouse seed`

use crate::app::App;
use crate::seed::large::{SeedError, Sizes};
use crate::seed::{self, Profile};

use super::{Failure, output};

#[derive(clap::Args)]
pub struct Args {
    /// demo: alice, bob and the client demo-web; mcp: accounts and clients for an MCP server; large: as many rows as a
    /// large installation has, for measuring, in an empty database
    #[arg(long, default_value = "demo")]
    profile: String,
    /// Seed although others can reach the issuer, here or on another server of this database: everybody knows these passwords
    #[arg(long)]
    i_know_the_passwords_are_public: bool,
    /// Users of the profile large
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    users: u64,
    /// Clients of the profile large
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    clients: u64,
    /// Grants of the profile large
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000_000)]
    grants: u64,
}

pub async fn run(app: &App, args: &Args) -> Result<(), Failure> {
    if args.profile == "large" {
        return large(app, args).await;
    }
    let profile = Profile::parse(&args.profile).ok_or("--profile must be demo, mcp or large")?;
    let seeded = match seed::seed(app, profile, args.i_know_the_passwords_are_public).await {
        Ok(seeded) => seeded,
        Err(seed::SeedError::Refused(why)) => return Err(format!("{why}; see --help").into()),
        Err(seed::SeedError::Fault(fault)) => return Err(fault.into()),
    };
    for username in &seeded.replaced {
        eprintln!("{username} existed: password and limits replaced");
    }
    output::json(&seeded)
}

async fn large(app: &App, args: &Args) -> Result<(), Failure> {
    if let Some(issuer) = seed::public_issuer(app).await? {
        return Err(format!("the issuer {issuer} can be reached by others, and a large installation of nobody is only for measuring").into());
    }
    let sizes = Sizes {
        users: args.users,
        clients: args.clients,
        grants: args.grants,
    };
    match seed::large::seed(app, sizes).await {
        Ok(large) => output::json(&large),
        Err(SeedError::Refused(why)) => Err(why.into()),
        Err(SeedError::Fault(fault)) => Err(fault.into()),
    }
}
