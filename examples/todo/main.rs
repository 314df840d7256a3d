//! A to-do list for everybody who signs in through Gatehouse: `cargo run --example todo`.
//!
//! It is a relying party with sessions: the tokens stay here, and the browser has a random cookie. The
//! sign-in is in `examples/shared`; here is what people sign in for. See `README.md`.

mod pages;
#[path = "../shared/mod.rs"]
mod shared;
mod todos;

use std::process::ExitCode;

use actix_web::web::{self, Data};
use clap::Parser;

use shared::flags::{Flags, variable, variable_or};
use shared::sessions::Sessions;
use shared::site::{self, Site};
use shared::{serve, you};
use todos::Todos;

/// How the client comes to be.
const HOW: &str = "Make the demo users and the demo client:\n  \
                   curl -X POST http://127.0.0.1:8000/dev/seed -H 'X-Admin-Token: change-me-please-0123'";

/// A to-do list that people sign in to through Gatehouse. A secret, for a client that has one, comes by the
/// variable `CLIENT_SECRET`.
#[derive(Debug, Parser)]
#[command(name = "todo")]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// The client, registered with the redirect URI `…/callback` [variable: `CLIENT_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("CLIENT_ID", "demo-web"))]
    client_id: String,
}

fn main() -> ExitCode {
    match actix_web::rt::System::new().block_on(run(CommandLine::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("todo: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<(), String> {
    let party = serve::relying_party(&line.flags, &line.client_id, variable("CLIENT_SECRET"), HOW).await?;
    let site = Data::new(Site {
        name: "To-do",
        style: concat!(include_str!("../shared/style.css"), include_str!("todo.css")).to_owned(),
        icon: include_str!("icon.svg"),
        scope: &["openid", "profile", "email"],
        further_scope: &[],
        party,
        sessions: Sessions::new("todo_session", line.flags.base().starts_with("https://")),
    });
    let todos = Data::new(Todos::default());
    serve::serve(&line.flags, "To-do", move |services| {
        services
            .app_data(site.clone())
            .app_data(todos.clone())
            .route("/", web::get().to(pages::home))
            .route("/you", web::get().to(you::you))
            .route("/todos", web::post().to(pages::add))
            .route("/todos/clear", web::post().to(pages::clear))
            .route("/todos/{id}/tick", web::post().to(pages::tick))
            .route("/todos/{id}/delete", web::post().to(pages::delete));
        site::mount(services);
    })
    .await
}
