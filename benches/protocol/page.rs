//! As much of HTML, forms and JSON as a browser and an application need here.

use std::fmt::Write as _;

/// A text as it stands in a form or in a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => {
                // Writing to a text cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// The text of a member of a JSON object that has no other member of this name.
pub fn member<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("\"{name}\":"))?;
    let (text, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(text)
}

/// The value of a parameter in the query of an address. What we look for is never encoded.
pub fn parameter<'u>(address: &'u str, name: &str) -> Option<&'u str> {
    let (_, query) = address.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// A form of a page.
pub struct Form {
    pub action: String,
    /// Names and values
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page.
    pub fn first(page: &str) -> Option<Self> {
        let (_, rest) = page.split_once("<form")?;
        let (form, _) = rest.split_once("</form>")?;
        let (head, content) = form.split_once('>')?;
        let inputs = content.split("<input").skip(1).filter_map(|input| {
            let (input, _) = input.split_once('>')?;
            Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default()))
        });
        Some(Self {
            action: attribute(head, "action")?,
            fields: inputs.collect(),
        })
    }

    /// What is sent.
    pub fn body(&self) -> String {
        let pairs = self
            .fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    if !value.contains('&') {
        return Some(value.to_owned());
    }
    let characters = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
    ];
    let value = characters.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
    Some(value.replace("&amp;", "&").replace("&#38;", "&"))
}
