//! Writing what is there as a declaration: in an order that stays, without what is as it would be anyway,
//! and without any secret.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::ser_options;

use crate::app::App;
use crate::base::fault::Fault;
use crate::config::registry::Setting;
use crate::federation::{providers, workloads};
use crate::identity::account;
use crate::model::client::{ClientKind, ClientOrigin, ClientSettings};
use crate::model::provider::ProviderSettings;
use crate::model::resource::ResourceSettings;
use crate::model::scope::ScopeSettings;
use crate::model::user::UserSettings;
use crate::model::workload::{Workload, WorkloadSettings};
use crate::oauth::clients;

use super::Section;

const HEADER: &str = "# Written by gatehouse export, for gatehouse apply. Secrets and passwords are not in it.\n";

/// Writes sections as YAML. What it writes is what [`super::read`] reads, and the same state gives the same
/// text, byte by byte.
///
/// # Errors
/// When the database fails.
pub async fn export(app: &App, sections: &[Section]) -> Result<String, Fault> {
    let mut connection = app.store.read().await?;
    let mut top = Fields(vec![("version".to_owned(), Field::Value(1.into()))]);
    for section in Section::ALL.into_iter().filter(|section| sections.contains(section)) {
        let mut things: Vec<(String, Field)> = match section {
            Section::Settings => {
                let stored = connection.live_settings().await?.values;
                let is_usable =
                    |key: &str| Setting::find(key).is_some_and(|setting| setting.is_live) && !app.base_config().source(key).is_fixed();
                let usable = stored.into_iter().filter(|(key, _)| is_usable(key));
                usable.map(|(key, text)| (key, Field::Value(text.into()))).collect()
            }
            Section::Scopes => connection
                .scopes()
                .await?
                .0
                .into_iter()
                .filter(|scope| ScopeSettings::built_in(&scope.name).as_ref() != Some(&scope.settings))
                .map(|scope| {
                    let defaults = ScopeSettings::built_in(&scope.name).unwrap_or_default();
                    let fields = Fields::that_differ(&defaults, &scope.settings);
                    (scope.name, Field::Fields(fields))
                })
                .collect(),
            Section::Resources => {
                let resources = connection.resources().await?.0.into_iter();
                let fields = |settings: &ResourceSettings| Field::Fields(Fields::that_differ(&ResourceSettings::default(), settings));
                resources
                    .map(|resource| (resource.identifier.clone(), fields(&resource.settings)))
                    .collect()
            }
            Section::Clients => {
                let clients = connection.every_client().await?.into_iter();
                clients
                    .filter(|client| client.origin == ClientOrigin::Operator)
                    .map(|client| (client.id, Field::Fields(client_fields(client.settings))))
                    .collect()
            }
            Section::Providers => {
                let fields = |settings| Fields::that_differ(&ProviderSettings::default(), &providers::normalized(settings, None));
                let providers = connection.providers().await?.into_iter();
                providers
                    .map(|provider| (provider.id, Field::Fields(fields(provider.settings))))
                    .collect()
            }
            Section::Workloads => {
                let workloads = connection.every_workload().await?.into_iter();
                workloads
                    .map(|workload| (workload.name.clone(), Field::Fields(workload_fields(workload))))
                    .collect()
            }
            Section::Users => {
                let users = connection.every_user().await?.into_iter();
                users
                    .map(|user| (user.username.clone(), Field::Fields(user_fields(user.settings))))
                    .collect()
            }
        };
        // The databases sort differently.
        things.sort_by(|left, right| left.0.cmp(&right.0));
        top.0.push((section.as_str().to_owned(), Field::Fields(Fields(things))));
    }
    Ok(format!("{HEADER}{}", yaml(&top)?))
}

fn yaml(value: &impl Serialize) -> Result<String, Fault> {
    let options = ser_options! {
        compact_list_indent: false,
        // Folding would make a change of one word a change of all lines.
        prefer_block_scalars: false,
    };
    serde_saphyr::to_string_with_options(value, options).map_err(Fault::internal)
}

/// The fields of a client, with the kind that leaves the fewest lines.
fn client_fields(settings: ClientSettings) -> Fields {
    let settings = clients::checked(settings.clone()).unwrap_or(settings);
    let of_kind = |kind: ClientKind| {
        let mut fields = Fields::that_differ(&ClientSettings::of_kind(kind), &settings);
        if kind != ClientKind::default() {
            fields.0.insert(0, ("kind".to_owned(), Field::Value(kind.as_str().into())));
        }
        fields
    };
    let all = ClientKind::ALL.into_iter().map(of_kind);
    // The first of several that are as good, so that it is always the same one.
    all.min_by_key(Fields::lines).unwrap_or_default()
}

fn workload_fields(workload: Workload) -> Fields {
    let settings = workloads::normalized(workload.settings);
    let mut fields = Fields::that_differ(&WorkloadSettings::default(), &settings);
    fields
        .0
        .insert(0, ("client_id".to_owned(), Field::Value(workload.client_id.into())));
    fields
}

fn user_fields(settings: UserSettings) -> Fields {
    let settings = account::checked(settings.clone()).unwrap_or(settings);
    let mut fields = Fields::that_differ(&UserSettings::default(), &settings);
    fields.0.retain(|(name, _)| name != "username");
    fields
}

/// Named values in the order in which they are written.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<(String, Field)>);

#[derive(Clone, Debug)]
enum Field {
    Value(Value),
    Fields(Fields),
}

impl Fields {
    /// The fields in which `settings` differ from `defaults`, in the order of the type.
    fn that_differ<T: Serialize>(defaults: &T, settings: &T) -> Self {
        let defaults = serde_json::to_value(defaults).unwrap_or_default();
        let fields = serde_json::to_string(settings)
            .ok()
            .and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let mut fields = fields.unwrap_or_default();
        fields
            .0
            .retain(|(name, field)| !matches!(field, Field::Value(value) if defaults.get(name) == Some(value)));
        fields
    }

    fn lines(&self) -> usize {
        let lines = |field: &Field| match field {
            Field::Value(Value::Array(items)) => 1 + items.len(),
            Field::Value(_) => 1,
            Field::Fields(fields) => 1 + fields.lines(),
        };
        self.0.iter().map(|(_, field)| lines(field)).sum()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    fields.push((name, Field::Value(value)));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::yaml;
    use crate::admin::declaration::tree;

    fn survives(value: &Value) {
        let text = yaml(value).unwrap();
        let read = tree::parse(&text)
            .map_err(|malformed| format!("{value}: {}\n{text}", malformed.message))
            .unwrap();
        assert_eq!(read.to_json(), *value, "{text}");
    }

    #[test]
    fn texts_that_mean_something_in_yaml_stay_texts() {
        for text in [
            "",
            " ",
            " a",
            "a ",
            "no",
            "No",
            "y",
            "null",
            "~",
            "true",
            "1e3",
            "0x1f",
            "0o17",
            "017",
            "1_000",
            ".5",
            ".inf",
            ".nan",
            "-",
            "- a",
            "?",
            ": #",
            "#",
            "a #b",
            "a: b",
            "a:",
            "[",
            "]",
            "{}",
            ",",
            "&a",
            "*a",
            "!a",
            "!!str a",
            "|",
            ">",
            "%",
            "@a",
            "`",
            "'",
            "\"",
            "\\",
            "<<",
            "=",
            "---",
            "...",
            "--- a",
            "a\nb",
            "a\n",
            "\na",
            "\n",
            "\r",
            "\r\n",
            "\t",
            "a\tb",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
            "\u{7f}",
            "\0",
            "🎉",
            "é",
            "e\u{301}",
            "2026-01-01",
            "12:30:45",
            "1.",
            "+1",
            "0b1",
            "$x",
            "${X}",
            "{{ x }}",
            "\u{10ffff}",
            "\u{fffe}",
            "\u{d7ff}",
        ] {
            survives(&json!({ text: text, "list": [text, { text: [text] }], "map": { text: { text: text } } }));
        }
        let long = "word ".repeat(400);
        survives(&json!({ long.clone(): long, "x".repeat(1500): "y".repeat(10_000) }));
        survives(&json!({ "a": [], "b": {}, "c": [[], [[]], [{}], [[1, [2]], { "x": [] }]], "d": null, "e": [null] }));
        survives(
            &json!({ "a": 0, "b": -1, "c": 1.0, "d": 1e300, "e": -0.5, "f": u64::MAX, "g": i64::MIN, "h": 1e-7, "i": 123_456_789.123 }),
        );
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\t~a0.<=]{0,8}".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\t~a0.<=]{0,6}", inner), 0..5)
                    .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_is_written_is_read(value in anything()) {
            survives(&json!({ "value": value }));
        }
    }
}
