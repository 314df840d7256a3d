//! The fields of one thing, laid over the defaults of its kind.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::admin::declaration::tree::Node;
use crate::admin::declaration::{Place, Problem};
use crate::config::sources::nearest;

/// Which fields a thing has.
pub struct Shape<T> {
    /// What is left out has the value that it has here
    pub defaults: T,
    /// Fields of the type that are not given here
    pub hidden: &'static [&'static str],
    /// Fields that are read elsewhere
    pub further: &'static [&'static str],
    /// What to say about fields that people might try
    pub hints: &'static [(&'static str, &'static str)],
}

impl<T> Shape<T> {
    /// The fields of the type, and no others.
    pub fn of(defaults: T) -> Self {
        Self {
            defaults,
            hidden: &[],
            further: &[],
            hints: &[],
        }
    }
}

/// Reads the fields of a node: the defaults with what was given in their place, as far as it can be. `None`
/// when it has none to read at all.
pub fn read_fields<T: Serialize + DeserializeOwned + Clone>(
    shape: &Shape<T>,
    place: &Place,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let entries = match node {
        Node::Map(entries) => entries.as_slice(),
        node if node.is_null() => &[],
        Node::Scalar(_) | Node::List(_) => {
            problems.push(place.problem("must be a map of fields"));
            return None;
        }
    };
    let Ok(Value::Object(defaults)) = serde_json::to_value(&shape.defaults) else {
        problems.push(place.problem("has no fields"));
        return None;
    };
    let is_known = |name: &str| defaults.contains_key(name) && !shape.hidden.contains(&name);
    let mut given = Map::new();
    for entry in entries {
        let name = entry.name.as_str();
        let place = place.inside(name, entry.line);
        if shape.further.contains(&name) {
        } else if let Some((_, hint)) = shape.hints.iter().find(|(hinted, _)| *hinted == name) {
            problems.push(place.problem(*hint));
        } else if !is_known(name) {
            let known = || {
                defaults
                    .keys()
                    .map(String::as_str)
                    .filter(|name| is_known(name))
                    .chain(shape.further.iter().copied())
            };
            let hint = nearest(name, known());
            let list = known().collect::<Vec<_>>().join(", ");
            problems.push(place.problem(format!("unknown field{hint}; expected one of {list}")));
        } else if entry.node.is_null() {
            // As good as left out.
        } else if let Err((inside, message)) = read_one::<T>(&defaults, name, entry.node.to_json()) {
            let path = format!("{}{inside}", place.path);
            problems.push(Place { path, ..place }.problem(message));
        } else {
            given.insert(name.to_owned(), entry.node.to_json());
        }
    }
    let mut all = defaults;
    all.extend(given);
    let settings = serde_json::from_value(Value::Object(all));
    settings.map_err(|error| problems.push(place.problem(error.to_string()))).ok()
}

/// Whether one field takes a value; where in it something is wrong otherwise, and what.
fn read_one<T: DeserializeOwned>(defaults: &Map<String, Value>, name: &str, value: Value) -> Result<(), (String, String)> {
    let mut all = defaults.clone();
    all.insert(name.to_owned(), value);
    let read: Result<T, _> = serde_path_to_error::deserialize(Value::Object(all));
    let Err(error) = read else { return Ok(()) };
    let path = error.path().to_string();
    let inside = path.strip_prefix(name).unwrap_or_default().to_owned();
    let mut message = error.inner().to_string();
    let is_plain = ["integer", "floating point", "boolean"].iter().any(|kind| message.contains(kind));
    if is_plain && message.ends_with("expected a string") {
        message.push_str(" (put it in quotes)");
    }
    Err((inside, message))
}
