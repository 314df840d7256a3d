//! The first page of the administration: what is going on, and what to look at.

use actix_web::HttpResponse;
use askama::Template;

use super::events;
use super::menu::Section as Place;
use super::view::Part;
use super::view::chart::{Chart, Line};
use super::view::page::{Tab, Tabs, Ui, text};
use super::view::parts::{Heading, Link, Note, Row};
use super::view::time;
use crate::admin::stats::{self, Dashboard, Range, Series};
use crate::admin::warnings;
use crate::web::call::Call;
use crate::web::error::Error;

/// How many there are of something, and where they are listed.
struct Total {
    label: &'static str,
    number: i64,
    href: String,
}

#[derive(Template)]
#[template(path = "admin/parts/totals.html")]
struct Totals {
    totals: Vec<Total>,
    /// When those were counted that are not counted for each page
    counted: String,
}

/// Charts beside each other.
#[derive(Template)]
#[template(path = "admin/parts/charts.html")]
struct Charts {
    charts: Vec<Part>,
}

/// `GET /admin`
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let range = Range::parse(text(&call.query()?, "range")).unwrap_or_default();
    let dashboard = stats::dashboard(&call.app, range).await?;
    let tab = |of: Range, label| Tab::new(label, ui.at_with(&[], &[("range", of.as_str())]), of == range);
    let mut view = ui.view(Place::Dashboard, "Dashboard");
    for warning in warnings::warnings(&call.app).await? {
        let mut note = Note::careful(warning.title).line(warning.advice);
        if warning.id == "old-signing-key" {
            note = note.link("Signing keys", ui.at(&["signing-keys"]));
        }
        view = view.part(note);
    }
    if dashboard.totals.clients == 0 && ui.may_write {
        let note = Note::info("Nothing relies on this server yet").line("Register the first application, then let somebody sign in.");
        view = view.part(note.link("Register a client", ui.at(&["new-client"])));
    }
    view.part(totals(&ui, &dashboard))
        .part(Tabs::new(
            "Time",
            vec![tab(Range::Day, "Last 24 hours"), tab(Range::Month, "Last 30 days")],
        ))
        .part(charts(&dashboard, range == Range::Day))
        .part(Heading::new("Recent events"))
        .part(events::recent(&ui).await?)
        .part(Row::default().part(Link::new("The whole audit log", ui.at(&["events"]))))
        .ok()
}

fn totals(ui: &Ui, dashboard: &Dashboard) -> Totals {
    let totals = dashboard.totals;
    let total = |label, number, page| Total {
        label,
        number,
        href: ui.at(&[page]),
    };
    let counted = match totals.sampled_at {
        Some(at) => format!("Sessions and grants: counted {}.", time::from_now(at, ui.now())),
        None => "Sessions and grants: not counted yet.".to_owned(),
    };
    Totals {
        counted,
        totals: vec![
            total("Clients", totals.clients, "clients"),
            total("Users", totals.users, "users"),
            total("Sessions", totals.sessions, "sessions"),
            total("Active grants", totals.active_grants, "grants"),
        ],
    }
}

fn charts(dashboard: &Dashboard, is_hourly: bool) -> Charts {
    let line = |series: &Series| -> Line {
        let points = series.points.iter().map(|point| (point.at, point.value)).collect();
        (series.title.to_owned(), points)
    };
    let of = |wanted: fn(&str) -> bool| -> Vec<Line> { dashboard.series.iter().filter(|series| wanted(series.name)).map(line).collect() };
    let charts: [Chart; 4] = [
        Chart::counts("Sign-ins", &of(|name| name == "sign_ins"), is_hourly),
        Chart::counts("Failed sign-ins", &of(|name| name == "failed_sign_ins"), is_hourly),
        Chart::counts("Tokens by grant type", &of(|name| name.starts_with("tokens_")), is_hourly),
        Chart::levels("Active grants", &of(|name| name == "active_grants"), is_hourly),
    ];
    Charts {
        charts: charts.into_iter().map(|chart| Box::new(chart) as Part).collect(),
    }
}
