//! YAML as a tree that remembers lines.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Spanned, budget, options};

/// A node of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A text, a number, a boolean or null
    Scalar(Value),
    /// Items
    List(Vec<Node>),
    /// Entries in the order of the text; every name is there once
    Map(Vec<Entry>),
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name
    pub name: String,
    /// Where the name stands, from 1
    pub line: u64,
    /// Its value
    pub node: Node,
}

/// Why a text is not YAML.
#[derive(Debug)]
pub struct Malformed {
    /// Where, from 1; 0 when it is not known
    pub line: u64,
    /// What is wrong
    pub message: String,
}

/// Reads a text; an empty one is null.
///
/// # Errors
/// When it is not YAML, or a name is in a map twice.
pub fn parse(text: &str) -> Result<Node, Malformed> {
    // The operator's own file may be as long as it likes; what aliases expand to stays limited.
    let budget = budget! {
        max_events: usize::MAX,
        max_nodes: usize::MAX,
        max_depth: 120,
        simple_key_max_lookahead: 32_768,
        max_total_scalar_bytes: usize::MAX,
    };
    let options = options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
        reject_unsupported_tags: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        let message = error.without_snippet().to_string().replace('\n', " ");
        Malformed { line, message }
    })
}

impl Node {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                let entries = entries.iter().map(|entry| (entry.name.clone(), entry.node.to_json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// Whether it is null, as what is left empty is.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Value::Null))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text, a number, a boolean, a list or a map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push(Entry {
                name: key.value,
                line: key.referenced.line(),
                node: map.next_value()?,
            });
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Node, parse};

    #[test]
    fn scalars_are_those_of_yaml_1_2() {
        let tree = parse("a: no\nb: 1e3\nc: '1e3'\nd: ~\ne: 0x1f\nf: true\n123: x\n'null2': z\n\"<<\": m\ng: 2026-01-01\nh: .5\n").unwrap();
        assert_eq!(
            tree.to_json(),
            json!({"a": "no", "b": 1000.0, "c": "1e3", "d": null, "e": 31, "f": true, "123": "x", "null2": "z", "<<": "m",
                   "g": "2026-01-01", "h": 0.5})
        );
    }

    #[test]
    fn lines_are_remembered_and_anchors_work() {
        let tree = parse("# a comment\nclients:\n  base: &base\n    x: 1\n  other:\n    <<: *base\n    y: [1, 2]\n").unwrap();
        assert_eq!(
            tree.to_json(),
            json!({"clients": {"base": {"x": 1}, "other": {"x": 1, "y": [1, 2]}}})
        );
        let entries = |node: &Node| match node {
            Node::Map(entries) => entries.clone(),
            Node::Scalar(_) | Node::List(_) => Vec::new(),
        };
        let (top, clients) = (entries(&tree), entries(&entries(&tree)[0].node));
        assert_eq!((top[0].line, clients[0].line, clients[1].line), (2, 3, 5));
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, line, part) in [
            ("a: 1\nb: 2\na: 3\n", 3, "duplicate"),
            ("a: 1\n b: [\n", 2, ""),
            ("a: 1\nnull: 2\n", 2, "null"),
        ] {
            let malformed = parse(text).unwrap_err();
            assert_eq!(malformed.line, line, "{text}: {}", malformed.message);
            assert!(malformed.message.contains(part), "{}", malformed.message);
        }
        assert!(parse("").unwrap().is_null());
        assert!(parse("# nothing\n").unwrap().is_null());
    }
}
