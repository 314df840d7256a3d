//! `gatehouse serve`

use std::net::{SocketAddr, TcpListener};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admin::secret_rotation;
use crate::admin::stats;
use crate::app::App;
use crate::config::agentcore::AgentCore;
use crate::config::relay::Serves;
use crate::config::{AuditLog, Config, LogFormat};
use crate::federation::relay;
use crate::identity::admin_token;
use crate::jobs;
use crate::web::{metrics, server};

use super::Failure;
use super::lines::Lines;

pub async fn run(config: Config, lines: &Lines) -> Result<(), Failure> {
    // Before anything is changed: a signal that nobody handles ends the process at once, in the middle of a
    // migration, too.
    let stop = stop_signal()?;
    let app = super::open(config).await?;
    let outcome = serve(&app, lines, stop).await;
    app.store.close().await;
    outcome?;
    tracing::info!(event = "stopped", "the server has stopped");
    Ok(())
}

async fn serve(app: &App, lines: &Lines, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
    if *stop.borrow() {
        return Ok(());
    }
    if app.config.audit_log() == AuditLog::Stdout {
        let lines = lines.clone();
        app.store.listen(Box::new(move |event| lines.line(&event.to_line())));
    }
    // Whoever reaches the server finds it set up.
    let is_token_in_force = match &app.config.admin_token {
        Some(token) => admin_token::bootstrap(app, token).await?,
        None => true,
    };
    secret_rotation::serve(app).await?;
    let listen = app.config.listen;
    let listener = bind(listen, "--listen")?;
    let metrics = match app.config.monitoring.metrics_listen {
        Some(address) => Some(metrics::start(app, bind(address, "--metrics-listen")?)?),
        None => None,
    };
    let waiting = app.waiting.clone();
    let told = async move {
        let _ = stop.wait_for(|is_told| *is_told).await;
        // Whoever waits for a redirect asks again, and another node answers.
        waiting.close();
    };
    let server = server::start(app, listener, told)?;
    announce(app, lines, is_token_in_force).await?;
    let metrics = metrics.map(|server| (server.handle(), tokio::spawn(server)));
    let jobs = tokio::spawn(jobs::run(app.clone()));
    let outcome = server.await;
    jobs.abort();
    // Last: how the server ends is worth seeing.
    if let Some((handle, served)) = metrics {
        handle.stop(true).await;
        let _ = served.await;
    }
    if let Err(fault) = stats::flush(app).await {
        tracing::warn!(event = "statistics_not_written", "{fault}");
    }
    Ok(outcome?)
}

/// A socket at an address, which the flag names.
fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}; choose another with {flag}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// True when the process is told to stop: by a service manager, by Ctrl-C, or because its terminal is closed. Told
/// twice, it stops at once.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    let mut kinds = vec![SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()];
    if !is_hangup_ignored() {
        kinds.push(SignalKind::hangup());
    }
    let mut signals = kinds.into_iter().map(signal).collect::<Result<Vec<Signal>, _>>()?;
    let (told, stop) = watch::channel(false);
    tokio::spawn(async move {
        next(&mut signals).await;
        told.send_replace(true);
        next(&mut signals).await;
        // What was acknowledged is in the database.
        std::process::exit(1);
    });
    Ok(stop)
}

async fn next(signals: &mut [Signal]) {
    let signals = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(signals).await;
}

/// Whether whoever started this process wants it to outlive the terminal, as `nohup` does.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is that of signal 1, SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
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
