//! `gatehouse serve`

use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

use actix_web::dev::Server;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::{reload, secret_rotation, stats};
use crate::app::App;
use crate::app::reload::Settings;
use crate::base::again::again;
use crate::config::agentcore::AgentCore;
use crate::config::relay::Serves;
use crate::config::{AuditLog, Config, LogFormat};
use crate::federation::relay;
use crate::identity::admin_token;
use crate::installation;
use crate::jobs;
use crate::web::{metrics, server};

use super::lines::Lines;
use super::logging::LogLevel;
use super::signals::{self, Signals};
use super::{Failure, notify};

/// How long the database may take for the last that is written: whoever stops the process kills it 30 seconds after the delay. Requests
/// have 20 of these, the last spans and the last lines two each.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Time between two looks whether another process still serves the same file.
const LOOKING_INTERVAL: Duration = Duration::from_mins(1);

/// Serves until it is told to stop. `settings` reads the configuration again, and `log_level` says which log lines are written.
pub async fn run(config: Config, settings: Settings, lines: &Lines, log_level: LogLevel) -> Result<(), Failure> {
    // Before anything is changed: a signal that nobody handles ends the process at once, in the middle of a
    // migration, too.
    let signals = signals::listen()?;
    let app = super::open(config).await?;
    app.reload.settings_from(settings);
    follow_log_level(&app, log_level);
    let outcome = serve(&app, lines, signals).await;
    if timeout(LAST_WORDS, finish(&app)).await.is_err() {
        tracing::warn!(event = "database_not_closed", "the database said nothing when it was to be closed");
    }
    outcome?;
    tracing::info!(event = "stopped", "the server has stopped");
    Ok(())
}

/// From now on the log has the lines that `log_level` asks for.
fn follow_log_level(app: &App, log_level: LogLevel) {
    let in_force = Mutex::new(app.config.log_level.clone());
    app.follow_live(Box::new(move |config| {
        let Ok(mut in_force) = in_force.lock() else { return };
        if *in_force == config.log_level {
            return;
        }
        match log_level.set(&config.log_level) {
            Ok(()) => config.log_level.clone_into(&mut in_force),
            Err(failure) => tracing::error!(event = "log_level_not_set", "{failure}"),
        }
    }));
}

async fn serve(app: &App, lines: &Lines, signals: Signals) -> Result<(), Failure> {
    let Signals { stop, reload } = signals;
    if *stop.borrow() {
        return Ok(());
    }
    if app.config.audit_log() == AuditLog::Stdout {
        let lines = lines.clone();
        app.store.listen(Box::new(move |event| lines.line(&event.to_line())));
    }
    // Whoever reaches the server finds it set up.
    let is_token_in_force = match &app.config.admin_token {
        Some(token) => again(async || admin_token::bootstrap(app, token).await).await?,
        None => true,
    };
    again(async || secret_rotation::serve(app).await).await?;
    again(async || installation::remember_issuer(app).await).await?;
    let listen = app.config.listen;
    let listener = bind(listen, "--listen")?;
    let metrics = match app.config.monitoring.metrics_listen {
        Some(address) => Some(metrics::start(app, bind(address, "--metrics-listen")?)?),
        None => None,
    };
    let is_alone = is_alone(app);
    if !is_alone {
        tracing::warn!(
            event = "served_twice",
            database = %app.config.database_url,
            "another server has this database open: SQLite is for one node, and several need PostgreSQL or MySQL; stop one of the two, unless this one takes the place of the other"
        );
    }
    let server = server::start(app, listener, stopped(app.clone(), stop))?;
    announce(app, lines, is_token_in_force).await?;
    notify::ready();
    let metrics = metrics.map(|server| (server.handle(), tokio::spawn(server)));
    let beside = tokio::spawn({
        let app = app.clone();
        async move {
            tokio::join!(
                jobs::run(app.clone()),
                reload_when_told(&app, &reload),
                notify::live(),
                stay_alone(&app, is_alone)
            );
        }
    });
    let outcome = serve_beside(server, beside).await;
    // Last: how the server ends is worth seeing. Nobody waits for a scraper that keeps its connection.
    if let Some((handle, served)) = metrics {
        handle.stop(false).await;
        let _ = served.await;
    }
    outcome
}

/// Serves until the server ends, and as long as what runs beside it does, which does not end by itself. Whoever watches the process starts
/// it again.
async fn serve_beside(server: Server, mut beside: JoinHandle<()>) -> Result<(), Failure> {
    let handle = server.handle();
    let mut server = std::pin::pin!(server);
    let outcome = tokio::select! {
        outcome = &mut server => outcome.map_err(Failure::from),
        ended = &mut beside => {
            tracing::error!(event = "jobs_ended", "what runs beside the requests has ended: {ended:?}");
            // It hears of that only while somebody waits for it.
            let _ = tokio::join!(handle.stop(true), server.as_mut());
            Err("what runs beside the requests has ended".into())
        }
    };
    beside.abort();
    outcome
}

/// Writes down what is not yet, and closes the database.
async fn finish(app: &App) {
    // Connections that the workers of the server had opened ended with them, which is noticed when they are used.
    if let Err(fault) = again(async || stats::flush(app).await).await {
        tracing::warn!(event = "statistics_not_written", "{fault}");
    }
    if let Err(fault) = again(async || app.store.seal_audit().await).await {
        tracing::warn!(event = "audit_not_sealed", "{fault}");
    }
    app.store.close().await;
}

/// Whether no other process serves the same file. Where nobody can say, the log says that.
fn is_alone(app: &App) -> bool {
    app.store.is_served_alone().unwrap_or_else(|error| {
        tracing::warn!(event = "serving_unknown", %error, "it cannot be seen whether another server has this database open: the file beside it whose name ends in .serving cannot be locked");
        true
    })
}

/// Waits for the end of the other process that serves the same file, if there is one: then this one is noticed by those that come after it.
async fn stay_alone(app: &App, mut is_alone: bool) {
    while !is_alone {
        tokio::time::sleep(LOOKING_INTERVAL).await;
        is_alone = self::is_alone(app);
    }
}

/// A socket at an address, which the flag names.
fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}; choose another with {flag}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Done when the listener is to be closed: the process was told to stop, and load balancers have had time to notice.
async fn stopped(app: App, mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|is_told| *is_told).await;
    let delay = app.config.deployment.shutdown_delay;
    // From here on /readyz says so: whoever reads it in the log can rely on that.
    app.ending.begin();
    tracing::info!(event = "stopping", delay = delay.as_secs(), "the server was told to stop");
    notify::stopping();
    tokio::time::sleep(delay).await;
    // Whoever waits for a redirect asks again, and another node answers.
    app.waiting.close();
}

async fn reload_when_told(app: &App, told: &tokio::sync::Notify) {
    loop {
        told.notified().await;
        notify::reloading();
        if let Err(fault) = reload::reload(app).await {
            tracing::warn!(event = "reload_not_recorded", "{fault}");
        }
        notify::ready();
    }
}

/// Says where it listens, and what the operator has to do or to worry about.
async fn announce(app: &App, lines: &Lines, is_token_in_force: bool) -> Result<(), Failure> {
    let (listen, issuer, database) = (app.config.listen, &app.issuer, &app.config.database_url);
    match app.config.serves {
        Serves::Everything => {
            tracing::info!(event = "started", %listen, %issuer, %database, version = env!("CARGO_PKG_VERSION"), "gatehouse is ready");
        }
        Serves::Relay { is_open } => {
            let redirect_uri = relay::endpoint(app, "/callback");
            tracing::info!(event = "started", %listen, redirect_uri, %database, version = env!("CARGO_PKG_VERSION"), "the callback relay is ready");
            if is_open {
                tracing::warn!(
                    event = "relay_open",
                    "the relay is open (--open): it takes every redirect, and gives its code to anybody who knows its state; use it in a network of your own only"
                );
            }
        }
    }
    if app.config.enable_dev_endpoints {
        tracing::warn!(
            event = "dev_endpoints",
            "developer endpoints are enabled (ENABLE_DEV_ENDPOINTS): never in production"
        );
    }
    if issuer.is_https() && app.config.tls().is_none() && app.config.trusted_proxies.is_empty() {
        tracing::warn!(
            event = "no_trusted_proxies",
            "the issuer is https, so a proxy must stand in front; set GATEHOUSE_TRUSTED_PROXIES to its address, or all people share one address when sign-ins are throttled"
        );
    }
    if let AgentCore::Unsigned(id) = &app.config.agentcore {
        let client = app.store.read().await?.client(id).await?;
        let problem = match client {
            None => Some("does not exist".to_owned()),
            Some(client) => client.lacks_for_vault().map(|lacks| format!("lacks {lacks}")),
        };
        if let Some(problem) = problem {
            tracing::warn!(
                event = "agentcore_client_unusable",
                client_id = id,
                "the client that GATEHOUSE_AGENTCORE names {problem}: requests without a signature are refused"
            );
        }
    }
    let unknown = again(async || app.store.unknown_migrations().await).await?;
    if unknown > 0 {
        tracing::warn!(
            event = "schema_newer",
            unknown,
            "the schema is newer than this version of the program, which does not know {unknown} of its migrations: if you do not mean to go back, start the newer version"
        );
    }
    if !is_token_in_force {
        tracing::warn!(
            event = "admin_token_ignored",
            "ADMIN_TOKEN differs from the admin token that was set up before and is ignored; to change it run: gatehouse admin-token reset"
        );
    }
    let has_pages = app.config.serves == Serves::Everything;
    if has_pages && admin_token::is_setup_open(app).await? {
        let link = app.issuer.endpoint(&format!("/setup?code={}", admin_token::setup_code(app)));
        let notice = format!("\n  To set this server up, open\n\n      {link}\n\n  It shows the admin token, once.\n");
        match app.config.log_format {
            LogFormat::Text => lines.line(&notice),
            // Standard output is for log collectors then, which must neither stumble over it nor keep the code.
            LogFormat::Json => eprintln!("{notice}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use actix_service::fn_service;
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::serve_beside;

    #[tokio::test]
    async fn the_server_ends_when_the_jobs_have_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = actix_server::Server::build()
            .workers(1)
            .shutdown_timeout(1)
            .disable_signals()
            .listen("test", listener, || fn_service(|_: TcpStream| async { Ok::<_, ()>(()) }))
            .unwrap()
            .run();
        let beside = tokio::spawn(async {});
        let ended = timeout(Duration::from_secs(30), serve_beside(server, beside)).await;
        assert!(ended.expect("it ends").is_err());
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
