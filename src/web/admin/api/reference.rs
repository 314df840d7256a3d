//! `/api/docs`: the document of the API as a page that needs no script and loads nothing from elsewhere.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::Value;

use crate::web::call::Call;
use crate::web::error::{Error, PROBLEMS};
use crate::web::pages::{Page, ok};

use super::openapi::openapi;

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage {
    page: Page,
    introduction: Vec<Prose>,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
    problems: &'static [(&'static str, &'static str)],
}

/// Text in which some words are code: those between backticks.
#[derive(Default)]
struct Prose(Vec<(bool, String)>);

impl Prose {
    fn of(text: &str) -> Self {
        let pieces = text.split('`').enumerate();
        Self(
            pieces
                .map(|(at, piece)| (at % 2 == 1, piece.to_owned()))
                .filter(|(_, piece)| !piece.is_empty())
                .collect(),
        )
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The operations on one noun.
struct Group {
    name: String,
    description: Prose,
    operations: Vec<Operation>,
}

struct Operation {
    anchor: String,
    method: String,
    path: String,
    summary: String,
    description: Prose,
    parameters: Vec<Field>,
    body: Option<Kind>,
    responses: Vec<Response>,
}

struct Response {
    status: String,
    description: Prose,
    body: Option<Kind>,
}

struct Schema {
    name: String,
    description: Prose,
    fields: Vec<Field>,
}

/// A parameter of an operation, or a field of a schema.
struct Field {
    name: String,
    /// Where a parameter stands
    place: String,
    kind: Kind,
    is_required: bool,
    description: Prose,
}

/// What kind of value, in words; with the schema that it is one of.
struct Kind {
    text: String,
    schema: Option<String>,
}

/// `GET /api/docs`
pub async fn page(call: Call) -> Result<HttpResponse, Error> {
    let document = openapi();
    let reference = ReferencePage {
        page: Page::new(&call.app),
        introduction: text(&document["info"]["description"]).split("\n\n").map(Prose::of).collect(),
        groups: groups(&document),
        schemas: schemas(&document),
        problems: PROBLEMS,
    };
    ok(&reference, None)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn groups(document: &Value) -> Vec<Group> {
    let of = |tag: &str| {
        let mut operations = Vec::new();
        for (path, item) in entries(&document["paths"]) {
            for method in ["get", "post", "put", "patch", "delete"] {
                let Some(operation) = item.get(method) else { continue };
                if list(&operation["tags"]).any(|named| named == tag) {
                    operations.push(operation_of(path, method, operation));
                }
            }
        }
        operations
    };
    list(&document["tags"])
        .map(|tag| Group {
            name: text(&tag["name"]),
            description: Prose::of(&text(&tag["description"])),
            operations: of(tag["name"].as_str().unwrap_or_default()),
        })
        .collect()
}

fn operation_of(path: &str, method: &str, operation: &Value) -> Operation {
    let body_of = |content: &Value| entries(content).next().map(|(_, media)| kind(&media["schema"]));
    let parameters = list(&operation["parameters"]).map(|parameter| Field {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        kind: kind(&parameter["schema"]),
        is_required: parameter["required"] == true,
        description: Prose::of(&text(&parameter["description"])),
    });
    let responses = entries(&operation["responses"]).map(|(status, response)| Response {
        status: status.clone(),
        description: Prose::of(&text(&response["description"])),
        body: body_of(&response["content"]),
    });
    Operation {
        anchor: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        description: Prose::of(&text(&operation["description"])),
        parameters: parameters.collect(),
        body: body_of(&operation["requestBody"]["content"]),
        responses: responses.collect(),
    }
}

fn schemas(document: &Value) -> Vec<Schema> {
    entries(&document["components"]["schemas"])
        .map(|(name, schema)| {
            // A flattened type is a part of its own beside the rest.
            let parts: Vec<&Value> = match schema.get("allOf") {
                Some(parts) => list(parts).collect(),
                None => vec![schema],
            };
            let mut fields = Vec::new();
            for part in parts {
                if let Some(reference) = part.get("$ref") {
                    fields.push(Field {
                        name: "…".to_owned(),
                        place: String::new(),
                        kind: kind(part),
                        is_required: false,
                        description: Prose::of(&format!("and everything of {}", last_segment(reference))),
                    });
                }
                fields.extend(entries(&part["properties"]).map(|(name, property)| Field {
                    name: name.clone(),
                    place: String::new(),
                    kind: kind(property),
                    is_required: list(&part["required"]).any(|required| required == name),
                    description: Prose::of(&text(&property["description"])),
                }));
            }
            if let Some(values) = schema.get("enum") {
                fields.extend(list(values).map(|value| Field {
                    name: text(value),
                    place: String::new(),
                    kind: Kind {
                        text: "value".to_owned(),
                        schema: None,
                    },
                    is_required: false,
                    description: Prose::default(),
                }));
            }
            Schema {
                name: name.clone(),
                description: Prose::of(&text(&schema["description"])),
                fields,
            }
        })
        .collect()
}

fn last_segment(reference: &Value) -> String {
    let path = reference.as_str().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn kind(schema: &Value) -> Kind {
    if let Some(reference) = schema.get("$ref") {
        let name = last_segment(reference);
        return Kind {
            text: name.clone(),
            schema: Some(name),
        };
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema.get(choice) {
            let kinds: Vec<Kind> = list(parts).map(kind).collect();
            return Kind {
                text: kinds.iter().map(|kind| kind.text.as_str()).collect::<Vec<_>>().join(" or "),
                schema: kinds.into_iter().find_map(|kind| kind.schema),
            };
        }
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    if names.contains(&"array") {
        let items = kind(&schema["items"]);
        return Kind {
            text: format!("list of {}", items.text),
            schema: items.schema,
        };
    }
    let mut text = names.join(" or ");
    let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
    match (limit("minimum"), limit("maximum")) {
        (Some(least), Some(most)) => text = format!("{text}, {least} to {most}"),
        (Some(least), None) => text = format!("{text}, at least {least}"),
        _ => {}
    }
    Kind { text, schema: None }
}
