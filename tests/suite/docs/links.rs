//! Links between the pages of the documentation: the file is there, and so is the heading.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Every page with its text outside of code blocks, by its path in the repository.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = BTreeMap::new();
    for folder in [
        "",
        "docs",
        "docs/decisions",
        "docs/protect-an-api",
        "deploy",
        "migrations",
        "examples",
        "examples/todo",
        "examples/camera",
        "examples/mcp_client",
        "examples/mcp_server",
        "examples/protected_api",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let text = std::fs::read_to_string(&path).expect("a page");
                pages.insert(Path::new(folder).join(path.file_name().expect("a name")), prose(&text));
            }
        }
    }
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

/// A text without its code blocks, whose comments look like headings.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Where a page leads: `[text](target)`, pictures, and what stands in tags.
fn links(text: &str) -> Vec<&str> {
    let ends = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"'), ("href=\"", '"')];
    let after = |(begin, end): (&'static str, char)| {
        let rests = text.split(begin).skip(1);
        rests.filter_map(move |rest| rest.split(end).next())
    };
    ends.into_iter().flat_map(after).collect()
}

/// The names of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.strip_prefix(' ')).flatten()
    });
    let mut found = Vec::new();
    for heading in headings {
        let plain = heading.to_lowercase();
        let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        // The second heading of a name gets a number.
        let count = found.iter().filter(|(other, _)| *other == name).count();
        let anchor = if count == 0 { name.clone() } else { format!("{name}-{count}") };
        found.push((name, anchor));
    }
    found.into_iter().map(|(_, anchor)| anchor).collect()
}

/// `docs/../README.md` as `README.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the repository", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn lead_to_something() {
    let (root, pages) = (Path::new(env!("CARGO_MANIFEST_DIR")), pages());
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                plain(&page.parent().unwrap_or(Path::new("")).join(file))
            };
            let is_there = root.join(&target).exists();
            let has_heading = anchor.is_empty()
                || pages
                    .get(&target)
                    .is_some_and(|text| anchors(text).iter().any(|name| name == anchor));
            if !is_there || !has_heading {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_picture_is_shown_somewhere() {
    let shown: String = pages().into_values().collect();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/images")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(shown.contains(&format!("images/{name}")), "no page shows {name}");
    }
}

#[test]
fn headings_are_named_as_github_does() {
    assert_eq!(
        anchors("# The `admin` API: what, why\n## A\n## A\n#!/bin/sh"),
        ["the-admin-api-what-why", "a", "a-1"]
    );
    assert_eq!(links("[a](b.md#c) <img src=\"d.png\">"), ["b.md#c", "d.png"]);
}
