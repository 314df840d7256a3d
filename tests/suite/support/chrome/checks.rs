//! What must be true of every page, and pictures of it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::driver::Extension;
use super::{Chrome, Size};
use crate::support::tools;

/// Rules of WCAG 2.0 to 2.2, levels A and AA, and what is good practice besides.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/// An empty page of this size in a picture would be smaller.
const LEAST_PICTURE: usize = 4_000;

impl Chrome {
    /// Everything that must be true of every page: it is accessible in light and in dark colours, it
    /// fits on a phone as on a desktop, and the browser had nothing to complain about.
    pub async fn inspect(&self) {
        let size = self.size.get();
        // 320 pixels are what remains of 1280 at a magnification of 400 % (WCAG 2.1, 1.4.10).
        self.size(Size::Width(320)).await;
        self.fits().await;
        for width in [Size::Phone, Size::Desktop] {
            self.size(width).await;
            self.fits().await;
            self.accessible().await;
        }
        self.size(size).await;
        self.no_console_errors().await;
    }

    /// axe-core finds nothing to complain about, in light and in dark colours.
    pub async fn accessible(&self) {
        let was_dark = self.is_dark.get();
        let mut found = String::new();
        for is_dark in [false, true] {
            self.dark(is_dark).await;
            for violation in self.violations().await {
                let (rule, help) = (&violation["id"], &violation["help"]);
                let _ = writeln!(found, "{rule}: {help} (dark: {is_dark}, {:?})", self.size.get());
                for node in violation["nodes"].as_array().into_iter().flatten() {
                    let _ = writeln!(found, "  {} {}\n  {}", node["target"], node["html"], node["failureSummary"]);
                }
            }
        }
        self.dark(was_dark).await;
        assert!(found.is_empty(), "{} is not accessible:\n{found}", self.url().await);
    }

    async fn violations(&self) -> Vec<Value> {
        if !self.script("return typeof axe === 'object';").await.as_bool().unwrap_or(false) {
            let axe = std::fs::read_to_string(tools::axe()).expect("axe-core can be read");
            self.script(&axe).await;
        }
        let script = "const [rules, done] = arguments;
            axe.run(document, { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })
                .then((result) => done(result.violations), (error) => done('' + error));";
        let result = self.client.execute_async(script, vec![json!(RULES)]).await.expect("axe-core runs");
        let Value::Array(violations) = result else {
            panic!("axe-core failed: {result}");
        };
        violations
    }

    /// The page is not wider than the screen.
    pub async fn fits(&self) {
        let script = "const screen = document.documentElement.clientWidth;
            const wide = [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > screen + 0.5);
            return [screen, document.documentElement.scrollWidth, wide.slice(-3).map((it) => it.outerHTML.slice(0, 200))];";
        let seen = self.script(script).await;
        let (screen, page) = (seen[0].as_u64(), seen[1].as_u64());
        assert!(
            screen.is_some() && page <= screen,
            "{} scrolls sideways: {page:?} of {screen:?} ({:?}): {}",
            self.url().await,
            self.size.get(),
            seen[2]
        );
    }

    /// The browser's console has no errors since the last time it was asked: nothing was blocked by the
    /// content policy, no script failed, and everything that the page wanted to load was there.
    pub async fn no_console_errors(&self) {
        let here = self.url().await;
        let log = self.client.issue_cmd(Extension::console()).await.expect("the console is read");
        let errors: Vec<&str> = log
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .filter_map(|entry| entry["message"].as_str())
            // The page itself may be the answer to an error: that is what it is for.
            .filter(|message| !message.starts_with(&format!("{here} - Failed to load resource: the server responded")))
            .collect();
        assert!(errors.is_empty(), "{here}: {}", errors.join("\n"));
    }

    /// Takes a picture of the whole page. `UPDATE_SCREENSHOTS=1` keeps it as `docs/images/NAME.png`;
    /// otherwise it only has to be possible.
    pub async fn screenshot(&self, name: &str) {
        let height = self.script("return document.documentElement.scrollHeight;").await;
        let width = self.script("return document.documentElement.clientWidth;").await;
        let whole = json!({
            "format": "png",
            "captureBeyondViewport": true,
            "clip": { "x": 0, "y": 0, "width": width, "height": height, "scale": 1 },
        });
        let answer = self.devtools("Page.captureScreenshot", whole).await;
        let picture = gatehouse::base::encoding::from_base64(answer["data"].as_str().unwrap_or_default()).expect("a picture");
        assert!(
            picture.len() > LEAST_PICTURE,
            "the picture {name} shows nothing: {} bytes",
            picture.len()
        );
        if tools::variable("UPDATE_SCREENSHOTS").as_deref() == Some("1") {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/images/{name}.png"));
            std::fs::write(&file, picture).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}
