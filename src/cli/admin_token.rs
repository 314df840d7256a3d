//! `gatehouse admin-token`

use clap::Subcommand;
use secrecy::ExposeSecret;

use crate::app::App;
use crate::identity::admin_token;

use super::Failure;
use super::output::say;

#[derive(Subcommand)]
pub enum Command {
    /// Make a new admin token and print it, once; the old one stops working at once
    Reset,
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Reset => {
            let token = admin_token::reset(app).await?;
            say!("{}", token.expose_secret());
            Ok(())
        }
    }
}
