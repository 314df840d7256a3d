//! Charts: what happened over time, drawn as SVG by the server. The same numbers stand in a table below,
//! for those who cannot or would rather not read a picture.

use askama::Template;

use super::parts::id_of;
use super::table::{Cell, Table};
use super::time;
use crate::base::clock::Timestamp;

/// What is drawn: a label, and how much there was in each of the periods that begin at these times.
pub type Line = (String, Vec<(Timestamp, i64)>);

/// The picture's size and margins, in its own units.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 160.0;
const LEFT: f64 = 40.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// A rectangle.
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    class: String,
    title: String,
}

/// A number or time at an axis.
struct Mark {
    at: String,
    label: String,
}

/// An entry of the legend.
struct Entry {
    class: String,
    label: String,
    total: i64,
}

/// A chart.
#[derive(Template)]
#[template(path = "admin/parts/chart.html")]
pub struct Chart {
    id: String,
    title: String,
    headline: String,
    description: String,
    bars: Vec<Bar>,
    levels: Vec<Mark>,
    times: Vec<Mark>,
    legend: Vec<Entry>,
    table: Table,
}

impl Chart {
    /// Counts per period, stacked where there are several lines. `is_hourly` says how times are written.
    pub fn counts(title: &str, lines: &[Line], is_hourly: bool) -> Self {
        let total: i64 = lines.iter().flat_map(|(_, points)| points).map(|(_, count)| count).sum();
        Self::new(title, lines, is_hourly, total.to_string(), "in all")
    }

    /// How many there were at each time.
    pub fn levels(title: &str, lines: &[Line], is_hourly: bool) -> Self {
        let last: i64 = lines.iter().filter_map(|(_, points)| points.last()).map(|(_, count)| count).sum();
        Self::new(title, lines, is_hourly, last.to_string(), "now")
    }

    fn new(title: &str, lines: &[Line], is_hourly: bool, headline: String, what: &str) -> Self {
        let times: Vec<Timestamp> = lines
            .first()
            .map(|(_, points)| points.iter().map(|(at, _)| *at).collect())
            .unwrap_or_default();
        let sums: Vec<i64> = (0..times.len())
            .map(|index| lines.iter().map(|line| count_of(line, index)).sum())
            .collect();
        let top = ceiling(sums.iter().copied().max().unwrap_or_default());
        let label = |at: Timestamp| if is_hourly { time::hour(at) } else { time::day(at) };
        let peak = sums.iter().zip(&times).max_by_key(|(sum, _)| **sum);
        let description = match peak {
            Some((sum, at)) if *sum > 0 => format!("{headline} {what}; the most was {sum}, at {}.", label(*at)),
            _ => "Nothing happened in this time.".to_owned(),
        };
        Self {
            id: id_of("chart", title),
            title: title.to_owned(),
            headline: format!("{headline} {what}"),
            description,
            bars: bars(lines, &times, top, label),
            levels: [0, top / 2, top]
                .into_iter()
                .map(|level| Mark {
                    at: number(height_of(level, top)),
                    label: short(level),
                })
                .collect(),
            times: marks(&times, label),
            legend: if lines.len() > 1 { legend(lines) } else { Vec::new() },
            table: table(title, lines, &times, &sums),
        }
    }
}

fn count_of((_, points): &Line, index: usize) -> i64 {
    points.get(index).map_or(0, |(_, count)| *count)
}

/// The y of a count.
fn height_of(count: i64, top: i64) -> f64 {
    let share = as_number(count) / as_number(top.max(1));
    TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share)
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not that exact")]
fn as_number(count: i64) -> f64 {
    count as f64
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// The next even number that is round: where the picture ends.
fn ceiling(most: i64) -> i64 {
    let mut step = 2;
    loop {
        for factor in [1, 2, 5] {
            if step * factor >= most {
                return step * factor;
            }
        }
        step *= 10;
    }
}

/// `1.2k` for 1200.
fn short(count: i64) -> String {
    match count {
        ..1000 => count.to_string(),
        1000..1_000_000 => format!("{}.{}k", count / 1000, count % 1000 / 100).replace(".0k", "k"),
        _ => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000).replace(".0M", "M"),
    }
}

fn slot_of(times: &[Timestamp]) -> f64 {
    (WIDTH - LEFT) / as_number(i64::try_from(times.len().max(1)).unwrap_or(1))
}

fn x_of(index: usize, times: &[Timestamp]) -> f64 {
    LEFT + slot_of(times) * as_number(i64::try_from(index).unwrap_or_default())
}

fn bars(lines: &[Line], times: &[Timestamp], top: i64, label: impl Fn(Timestamp) -> String) -> Vec<Bar> {
    let slot = slot_of(times);
    let mut bars = Vec::new();
    for (index, at) in times.iter().enumerate() {
        let mut below = 0;
        for (which, line) in lines.iter().enumerate() {
            let count = count_of(line, index);
            if count <= 0 {
                continue;
            }
            let (bottom, y) = (height_of(below, top), height_of(below + count, top));
            below += count;
            bars.push(Bar {
                x: number(x_of(index, times) + slot * 0.12),
                y: number(y),
                width: number(slot * 0.76),
                height: number(bottom - y),
                class: format!("bar-{}", which % 4),
                title: format!("{}, {}: {count}", label(*at), line.0),
            });
        }
    }
    bars
}

/// Four times along the axis are enough.
fn marks(times: &[Timestamp], label: impl Fn(Timestamp) -> String) -> Vec<Mark> {
    let every = times.len().div_ceil(4).max(1);
    let marked = times.iter().enumerate().step_by(every);
    marked
        .map(|(index, at)| Mark {
            at: number(x_of(index, times)),
            label: label(*at),
        })
        .collect()
}

fn legend(lines: &[Line]) -> Vec<Entry> {
    let entry = |(which, (label, points)): (usize, &Line)| Entry {
        class: format!("bar-{}", which % 4),
        label: label.clone(),
        total: points.iter().map(|(_, count)| count).sum(),
    };
    lines.iter().enumerate().map(entry).collect()
}

fn table(title: &str, lines: &[Line], times: &[Timestamp], sums: &[i64]) -> Table {
    let mut table = Table::new(&format!("{title}, in numbers"), &["From", "Number"], "Nothing was counted yet.");
    for (index, at) in times.iter().enumerate().rev() {
        let mut cell = Cell::text(sums.get(index).copied().unwrap_or_default().to_string());
        if lines.len() > 1 {
            let parts = lines.iter().filter(|line| count_of(line, index) > 0);
            let parts: Vec<String> = parts.map(|line| format!("{}: {}", line.0, count_of(line, index))).collect();
            cell = cell.note(parts.join(", "));
        }
        table.row(vec![Cell::text(time::exact(*at)), cell]);
    }
    table
}
