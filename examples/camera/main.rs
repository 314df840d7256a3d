//! A camera that some may look through and some may move: `cargo run --example camera`.
//!
//! It is two programs in one process. The web page is a client, as the to-do list is. The API is a
//! protected resource: it knows nothing of sessions, and asks the issuer about every access token. The
//! page calls the API over HTTP, as any other client would. See `README.md`.

mod api;
mod api_client;
mod optics;
mod pages;
mod picture;
#[path = "../shared/mod.rs"]
mod shared;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use actix_web::web::{self, Data, JsonConfig};
use clap::Parser;

use api::Camera;
use api_client::ApiClient;
use optics::Position;
use shared::flags::{Flags, variable, variable_or};
use shared::introspection::Introspection;
use shared::issuer::Issuer;
use shared::sessions::Sessions;
use shared::site::{self, Site};
use shared::{serve, you};

/// Permission to see the picture.
pub const VIEW: &str = "camera:view";
/// Permission to move the camera.
pub const CONTROL: &str = "camera:control";
/// How clients and scopes come to be.
const HOW: &str = "Where the server runs, with the same two secrets and CAMERA_PASSWORD in the environment:\n  \
                   gatehouse apply -f examples/camera/gatehouse.yaml";

/// A camera, for people who sign in through Gatehouse and for programs with an access token. The secrets of
/// its two clients come by the variables `CAMERA_WEB_SECRET` and `CAMERA_API_SECRET`.
#[derive(Debug, Parser)]
#[command(name = "camera")]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// The client that is the web page [variable: `CAMERA_WEB_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("CAMERA_WEB_ID", "camera-web"))]
    web_id: String,
    /// The client that is the API [variable: `CAMERA_API_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("CAMERA_API_ID", "camera-api"))]
    api_id: String,
    /// The API's identifier at the issuer: tokens for anything else are refused [variable: `CAMERA_RESOURCE`]
    #[arg(long, value_name = "URL", default_value_t = variable_or("CAMERA_RESOURCE", "http://localhost:3000/api"))]
    resource: String,
    /// How many seconds the API believes what the issuer said about a token, at most 10
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=10))]
    believe: u64,
}

fn main() -> ExitCode {
    match actix_web::rt::System::new().block_on(run(CommandLine::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("camera: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn secret(name: &str) -> Result<String, String> {
    variable(name).ok_or_else(|| format!("{name} is not set: see examples/camera/README.md"))
}

async fn run(line: CommandLine) -> Result<(), String> {
    let (web_secret, api_secret) = (secret("CAMERA_WEB_SECRET")?, secret("CAMERA_API_SECRET")?);
    let party = serve::relying_party(&line.flags, &line.web_id, Some(web_secret), HOW).await?;
    let issuer = Issuer::discover(&line.flags.issuer).await?;
    let believe = Duration::from_secs(line.believe);
    let introspection = Introspection::new(&issuer, line.resource, &line.api_id, api_secret, believe)?;
    introspection
        .check_registration()
        .await
        .map_err(|problem| format!("{problem}. {HOW}"))?;

    let camera = Data::new(Camera {
        introspection,
        position: Mutex::new(Position::default()),
        started_at: Instant::now(),
    });
    let client = Data::new(ApiClient::new(format!("http://{}", line.flags.listen), party.http().clone()));
    let site = Data::new(Site {
        name: "Gatecam",
        style: concat!(include_str!("../shared/style.css"), include_str!("camera.css")).to_owned(),
        icon: include_str!("icon.svg"),
        scope: &["openid", "profile", VIEW],
        further_scope: &[CONTROL],
        party,
        sessions: Sessions::new("camera_session", line.flags.base().starts_with("https://")),
    });
    serve::serve(&line.flags, "Gatecam", move |services| {
        services
            .app_data(site.clone())
            .app_data(camera.clone())
            .app_data(client.clone())
            .app_data(JsonConfig::default().limit(1024).error_handler(api::bad_request))
            .route("/", web::get().to(pages::home))
            .route("/move", web::post().to(pages::turn))
            .route("/you", web::get().to(you::you))
            .route("/api/picture", web::get().to(api::picture))
            .route("/api/move", web::post().to(api::turn));
        site::mount(services);
    })
    .await
}
