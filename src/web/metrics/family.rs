//! A metric with its samples, and the texts that Prometheus reads.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use crate::base::measure::{Counter, Distribution, Histogram};

/// Nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

/// Names and values of labels.
pub type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// No metric has exemplars: they would name requests.
type NoExemplar<'e> = Option<&'e Exemplar<Labels, f64>>;

/// A metric: one thing that is counted or measured, told apart by labels.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<(Labels, Value)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
    /// Of what is counted as it is, or in nanoseconds
    Histogram,
}

#[derive(Debug)]
enum Value {
    Whole(u64),
    Number(f64),
    Distribution(Vec<(f64, u64)>, u64, f64),
}

impl Family {
    /// What only grows. Readers see it with `_total` at its end.
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Counter)
    }

    /// What can be anything at any time.
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Gauge)
    }

    /// How values are spread.
    pub fn histogram(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Histogram)
    }

    fn new(name: &'static str, help: &'static str, kind: Kind) -> Self {
        Self {
            name,
            help,
            kind,
            samples: Vec::new(),
        }
    }

    /// With a counter.
    pub fn count(self, labels: Labels, counter: &Counter) -> Self {
        self.whole(labels, counter.value())
    }

    /// With a whole number.
    pub fn whole(mut self, labels: Labels, number: u64) -> Self {
        self.samples.push((labels, Value::Whole(number)));
        self
    }

    /// With a number.
    pub fn number(mut self, labels: Labels, number: f64) -> Self {
        self.samples.push((labels, Value::Number(number)));
        self
    }

    /// With a number, if it is known.
    pub fn maybe(self, labels: Labels, number: Option<f64>) -> Self {
        match number {
            Some(number) => self.number(labels, number),
            None => self,
        }
    }

    /// With how long something took, which was measured in nanoseconds.
    pub fn seconds(self, labels: Labels, histogram: &Histogram) -> Self {
        self.spread(labels, &histogram.read(), NANOSECONDS)
    }

    /// As [`Self::seconds`], of what was read before.
    pub fn seconds_of(self, labels: Labels, seen: &Distribution) -> Self {
        self.spread(labels, seen, NANOSECONDS)
    }

    /// With how many there were each time.
    pub fn sizes(self, labels: Labels, histogram: &Histogram) -> Self {
        self.spread(labels, &histogram.read(), 1.0)
    }

    fn spread(mut self, labels: Labels, seen: &Distribution, unit: f64) -> Self {
        let mut buckets: Vec<(f64, u64)> = seen.buckets.iter().map(|(bound, count)| (float(*bound) / unit, *count)).collect();
        let within: u64 = seen.buckets.iter().map(|(_, count)| count).sum();
        buckets.push((f64::INFINITY, seen.count - within));
        let value = Value::Distribution(buckets, seen.count, float(seen.sum) / unit);
        self.samples.push((labels, value));
        self
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for (labels, value) in &self.samples {
            let labels = labels.as_slice();
            if labels.is_empty() {
                value.encode(self.kind, &mut metric)?;
            } else {
                value.encode(self.kind, &mut metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, kind: Kind, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        let none: NoExemplar<'_> = None;
        match (self, kind) {
            (Self::Whole(number), Kind::Counter) => metric.encode_counter(number, none),
            (Self::Number(number), Kind::Counter) => metric.encode_counter(number, none),
            (Self::Whole(number), _) => metric.encode_gauge(number),
            (Self::Number(number), _) => metric.encode_gauge(number),
            (Self::Distribution(buckets, count, sum), _) => metric.encode_histogram::<Labels>(*sum, *count, buckets, None),
        }
    }
}

/// A number of any size as the number that charts know. What is beyond 2⁵³ loses its last digits there.
#[expect(clippy::cast_precision_loss, reason = "charts have no more precision")]
pub fn float(number: u64) -> f64 {
    number as f64
}

/// All metrics at one moment.
#[derive(Debug)]
struct Snapshot(Vec<Family>);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// How a page of metrics is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The newer one, which has the name of a standard
    OpenMetrics,
    /// The text of Prometheus, version 0.0.4
    Text,
}

impl Format {
    /// The one that a reader wants who sends this `Accept`.
    pub fn wanted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Text,
        }
    }

    /// What it is called.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The page.
    pub fn write(self, families: Vec<Family>) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Snapshot(families)));
        let mut page = String::new();
        match self {
            Self::OpenMetrics => text::encode(&mut page, &registry)?,
            Self::Text => prometheus_text::encode(&mut page, &registry)?,
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::{Family, Format};
    use crate::base::measure::Histogram;

    fn families() -> Vec<Family> {
        let histogram = Histogram::of(&[1_000_000, 1_000_000_000]);
        for value in [1_000_000, 2_000_000, 3_000_000_000] {
            histogram.see(value);
        }
        vec![
            Family::counter("things", "Things.").whole(vec![("kind", "a \"b\"\n\\".into())], 3),
            Family::gauge("level", "Level.").number(Vec::new(), 0.5),
            Family::histogram("wait_seconds", "Wait.").seconds(Vec::new(), &histogram),
        ]
    }

    #[test]
    fn both_texts_say_the_same() {
        for (format, total) in [(Format::OpenMetrics, "things"), (Format::Text, "things_total")] {
            let page = format.write(families()).unwrap();
            for line in [
                &format!("# TYPE {total} counter"),
                "things_total{kind=\"a \\\"b\\\"\\n\\\\\"} 3",
                "level 0.5",
                "wait_seconds_bucket{le=\"0.001\"} 1",
                "wait_seconds_bucket{le=\"+Inf\"} 3",
                "wait_seconds_count 3",
                "wait_seconds_sum 3.003",
            ] {
                assert!(page.lines().any(|shown| shown == line), "{line} is missing: {page}");
            }
            assert_eq!(page.ends_with("# EOF\n"), format == Format::OpenMetrics);
        }
    }

    #[test]
    fn whoever_asks_for_nothing_gets_the_older_text() {
        assert_eq!(Format::wanted(None), Format::Text);
        assert_eq!(Format::wanted(Some("text/html, */*")), Format::Text);
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4";
        assert_eq!(Format::wanted(Some(prometheus)), Format::OpenMetrics);
    }
}
