//! What the tools answered, as a table.

use serde_json::Value;

use crate::error::printable;

/// What came of a call.
#[derive(Debug)]
pub enum Outcome {
    /// It answered
    Answer(Value),
    /// It answered with an error of its own
    Failure(String),
    /// It wants a token, and says where to get one
    NeedsToken { challenge: String },
    /// It wants a token that permits this
    NeedsScope { scope: String },
}

/// A table with a heading.
pub struct Report {
    heading: &'static str,
    lines: Vec<(String, Outcome)>,
}

impl Report {
    /// An empty one.
    pub fn new(heading: &'static str) -> Self {
        Self {
            heading,
            lines: Vec::new(),
        }
    }

    /// A further line.
    pub fn add(&mut self, tool: &str, outcome: Outcome) {
        self.lines.push((printable(tool), outcome));
    }

    /// Prints it.
    pub fn print(&self) {
        println!("\n{}", self.heading);
        let width = self.lines.iter().map(|(tool, _)| tool.chars().count()).max().unwrap_or_default();
        for (tool, outcome) in &self.lines {
            let text = match outcome {
                Outcome::Answer(value) => format!("✓  {value}"),
                Outcome::Failure(problem) => format!("!  {problem}"),
                Outcome::NeedsToken { .. } => "–  needs a token".to_owned(),
                Outcome::NeedsScope { scope } => format!("–  needs the scope {scope}, which was not granted"),
            };
            println!("  {tool:width$}  {}", printable(&text));
        }
    }
}
