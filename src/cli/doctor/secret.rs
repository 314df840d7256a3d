//! What the doctor says of the secret: its file, and what there is of the one before.

use crate::admin::secret_rotation;
use crate::app::App;
use crate::cli::app_secret;
#[cfg(unix)]
use crate::installation;

use super::Report;
#[cfg(unix)]
use super::files;

pub(super) async fn check(app: &App, report: &mut Report) {
    check_file(app, report);
    check_previous(app, report).await;
}

/// The secret file must be its owner's alone.
#[cfg(unix)]
fn check_file(app: &App, report: &mut Report) {
    let Some(file) = app.config.database_url.file().map(installation::secret_file) else {
        return;
    };
    if app.config.app_secret.is_some() {
        return;
    }
    match std::fs::metadata(&file) {
        Ok(_) if files::is_open_to_others(&file) => {
            report.error("secret", format!("{} can be read by others: chmod 600 {0}", file.display()));
        }
        Ok(_) => report.ok(
            "secret",
            format!("{} is its owner's alone; back it up apart from the database", file.display()),
        ),
        Err(error) => report.error("secret", format!("{}: {error}", file.display())),
    }
}

#[cfg(not(unix))]
fn check_file(_: &App, _: &mut Report) {}

/// What there is of the secret that was replaced.
async fn check_previous(app: &App, report: &mut Report) {
    if app.config.previous_secret().is_none() {
        return;
    }
    let remains = match secret_rotation::remains(app).await {
        Ok(remains) => remains,
        Err(fault) => return report.error("secret", fault.to_string()),
    };
    if !remains.sealed.is_empty() {
        let message = format!(
            "still sealed with the previous secret: {}; run gatehouse secret rotate when every server has the new one",
            app_secret::counted(&remains.sealed)
        );
        return report.warn("secret", message);
    }
    report.ok("secret", "nothing is sealed with the previous secret any more");
    let (of_clients, of_operators) = (app_secret::kept_for_clients(&remains), app_secret::kept_for_operators(&remains));
    if of_clients.is_none() && of_operators.is_none() {
        report.warn(
            "secret",
            "nobody needs the previous secret any more: remove it, and restart the servers",
        );
    }
    // Clients replace their tokens by themselves. The admin token waits for somebody.
    if let Some(line) = of_clients {
        report.ok("secret", line);
    }
    if let Some(line) = of_operators {
        report.warn("secret", line);
    }
}
