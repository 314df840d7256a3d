//! `gatehouse serve`

use std::net::TcpListener;

use tokio::signal::unix::{SignalKind, signal};

use crate::admin::stats;
use crate::app::App;
use crate::config::{AuditLog, LogFormat};
use crate::identity::admin_token;
use crate::jobs;
use crate::web::server;

use super::Failure;
use super::output::say;

pub async fn run(app: App) -> Result<(), Failure> {
    let listen = app.config.listen;
    let listener =
        TcpListener::bind(listen).map_err(|error| format!("cannot listen on {listen}: {error}; choose another with --listen"))?;
    listener.set_nonblocking(true)?;
    if app.config.audit_log() == AuditLog::Stdout {
        // `say!` writes the whole line at once, as the log does, so the two do not mix.
        app.store.listen(Box::new(|event| say!("{}", event.to_line())));
    }
    // Before anybody is told that it runs: a signal that nobody handles would end the process at once.
    let server = server::start(&app, listener, stop_signal()?)?;
    announce(&app).await?;
    let jobs = tokio::spawn(jobs::run(app.clone()));
    let outcome = server.await;
    jobs.abort();
    if let Err(fault) = stats::flush(&app).await {
        tracing::warn!(event = "statistics_not_written", "{fault}");
    }
    app.store.close().await;
    outcome?;
    tracing::info!(event = "stopped", "the server has stopped");
    Ok(())
}

/// Done when the process is told to stop: by a service manager, or by Ctrl-C. Told twice, it stops at once.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        next().await;
        tokio::spawn(async move {
            next().await;
            // What was acknowledged is in the database.
            std::process::exit(1);
        });
    })
}

/// Says where it listens, and what the operator has to do or to worry about.
async fn announce(app: &App) -> Result<(), Failure> {
    let (listen, issuer, database) = (app.config.listen, &app.issuer, &app.config.database_url);
    tracing::info!(event = "started", %listen, %issuer, %database, version = env!("CARGO_PKG_VERSION"), "gatehouse is ready");
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
    if let Some(token) = &app.config.admin_token
        && !admin_token::bootstrap(app, token).await?
    {
        tracing::warn!(
            event = "admin_token_ignored",
            "ADMIN_TOKEN differs from the admin token that was set up before and is ignored; to change it run: gatehouse admin-token reset"
        );
    }
    if admin_token::is_setup_open(app).await? {
        let link = app.issuer.endpoint(&format!("/setup?code={}", admin_token::setup_code(app)));
        let notice = format!("\n  To set this server up, open\n\n      {link}\n\n  It shows the admin token, once.\n");
        match app.config.log_format {
            LogFormat::Text => say!("{notice}"),
            // Standard output is for log collectors then, which must neither stumble over it nor keep the code.
            LogFormat::Json => eprintln!("{notice}"),
        }
    }
    Ok(())
}
