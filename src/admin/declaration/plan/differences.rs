//! Which fields of a thing change.

use serde::Serialize;
use serde_json::{Map, Value};

use super::FieldChange;

/// The fields in which `after` differs; a map is compared entry by entry.
pub(super) fn differences<T: Serialize>(before: &T, after: &T) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    compare("", &fields_of(before), &fields_of(after), &mut fields);
    fields
}

fn compare(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, fields: &mut Vec<FieldChange>) {
    let mut names: Vec<&String> = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)))
        .collect();
    names.sort();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (old, new) {
            (old, new) if old == new => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) => compare(&path, old, new, fields),
            (old, new) => fields.push(FieldChange::new(&path, old.cloned(), new.cloned())),
        }
    }
}

/// The fields of a new thing that are not as they would be anyway.
pub(super) fn set_fields<T: Serialize>(defaults: &T, settings: &T) -> Vec<FieldChange> {
    let defaults = fields_of(defaults);
    let set = fields_of(settings)
        .into_iter()
        .filter(|(name, value)| defaults.get(name) != Some(value));
    set.map(|(name, value)| FieldChange::new(&name, Value::Null, value)).collect()
}

fn fields_of<T: Serialize>(settings: &T) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
