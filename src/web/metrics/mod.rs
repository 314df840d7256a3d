//! `/metrics` for Prometheus, on a listener of its own: what it says is for the operator, not for everybody.
//!
//! `collect` has every metric, `family` writes them down. The listener serves this one address, to few at once, and
//! nobody has to prove who they are: who reaches it is the operator's to say, by the address that it listens on.

mod collect;
mod family;
mod process;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{App as ActixApp, HttpRequest, HttpResponse, web};

use crate::app::App;

use family::Format;

/// Where they are.
pub const PATH: &str = "/metrics";
/// The most connections at once.
const CONNECTIONS: usize = 32;
/// How long a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take to close its connection when it is asked to.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// How long connections are kept that ask for nothing.
const IDLE_PATIENCE: Duration = Duration::from_secs(75);

/// Starts serving metrics on a bound socket, until it is stopped by its handle.
///
/// # Errors
/// When the socket cannot be used.
pub fn start(app: &App, listener: TcpListener) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let shared = app.clone();
    // One for all workers, of which there is one: readings come one after the other.
    let server = Server::build()
        .workers(1)
        .max_concurrent_connections(CONNECTIONS)
        .disable_signals()
        .listen("metrics", listener, move || {
            let shared = shared.clone();
            let turn = web::Data::new(tokio::sync::Mutex::new(()));
            let application = ActixApp::new()
                .app_data(turn)
                .app_data(web::Data::new(shared))
                .service(web::resource(PATH).route(web::get().to(show)).route(web::head().to(show)));
            let application = application.into_factory().map_err(|error: actix_web::Error| error.error_response());
            HttpService::build()
                .keep_alive(KeepAlive::Timeout(IDLE_PATIENCE))
                .client_request_timeout(HEADER_PATIENCE)
                .client_disconnect_timeout(GOODBYE_PATIENCE)
                .h1_allow_half_closed(false)
                .local_addr(address)
                .finish(map_config(application, |()| AppConfig::default()))
                .tcp()
        })?;
    Ok(server.run())
}

/// `/metrics`: all of them, in the text that the reader asks for.
async fn show(http: HttpRequest, app: web::Data<App>, turn: web::Data<tokio::sync::Mutex<()>>) -> Result<HttpResponse, actix_web::Error> {
    // Each asks the database whether it is there.
    let _turn = turn.lock().await;
    let accept = http.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::wanted(accept);
    let page = format.write(collect::families(&app).await).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.content_type()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page))
}
