//! What must be true of every page, and pictures of it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::driver::Extension;
use super::{Chrome, Size};
use crate::support::tools;

/// Rules of WCAG 2.0 to 2.2, levels A and AA, and what is good practice besides.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/// Rules about colours, which are all that differs in the dark.
const COLOUR_RULES: [&str; 2] = ["color-contrast", "link-in-text-block"];
/// An empty page of this size in a picture would be smaller.
const LEAST_PICTURE: usize = 4_000;

impl Chrome {
    /// Everything that must be true of every page: it is accessible in light and in dark colours, it
    /// fits on a phone as on a desktop, and the browser had nothing to complain about.
    pub async fn inspect(&self) {
        let faults = self.faults().await;
        assert!(faults.is_empty(), "{faults}");
    }

    /// What [`Self::inspect`] finds, for those who look at many pages before they complain.
    pub async fn faults(&self) -> String {
        let mut faults = String::new();
        let size = self.size.get();
        // 320 pixels are what remains of 1280 at a magnification of 400 % (WCAG 2.1, 1.4.10).
        self.size(Size::Width(320)).await;
        faults.push_str(&self.overflow().await);
        for width in [Size::Phone, Size::Desktop] {
            self.size(width).await;
            faults.push_str(&self.overflow().await);
            faults.push_str(&self.barriers().await);
        }
        self.size(size).await;
        faults.push_str(&self.console_errors().await);
        faults
    }

    /// axe-core finds nothing to complain about, in light and in dark colours.
    pub async fn accessible(&self) {
        let found = self.barriers().await;
        assert!(found.is_empty(), "{found}");
    }

    async fn barriers(&self) -> String {
        let was_dark = self.is_dark.get();
        let mut found = String::new();
        for is_dark in [false, true] {
            self.dark(is_dark).await;
            for violation in self.violations(is_dark).await {
                let (rule, help) = (&violation["id"], &violation["help"]);
                let _ = writeln!(found, "{rule}: {help} (dark: {is_dark}, {:?})", self.size.get());
                for node in violation["nodes"].as_array().into_iter().flatten() {
                    let _ = writeln!(found, "  {} {}\n  {}", node["target"], node["html"], node["failureSummary"]);
                }
            }
        }
        self.dark(was_dark).await;
        if !found.is_empty() {
            found.insert_str(0, &format!("{} is not accessible:\n", self.url().await));
        }
        found
    }

    async fn violations(&self, is_dark: bool) -> Vec<Value> {
        if !self.script("return typeof axe === 'object';").await.as_bool().unwrap_or(false) {
            let axe = std::fs::read_to_string(tools::axe()).expect("axe-core can be read");
            self.script(&axe).await;
        }
        let script = "const [rules, done] = arguments;
            axe.run(document, { runOnly: rules, resultTypes: ['violations'] })
                .then((result) => done(result.violations), (error) => done('' + error));";
        let rules = if is_dark {
            json!({ "type": "rule", "values": COLOUR_RULES })
        } else {
            json!({ "type": "tag", "values": RULES })
        };
        let result = self.client.execute_async(script, vec![rules]).await.expect("axe-core runs");
        let Value::Array(violations) = result else {
            panic!("axe-core failed: {result}");
        };
        violations
    }

    /// The page is not wider than the screen.
    pub async fn fits(&self) {
        let found = self.overflow().await;
        assert!(found.is_empty(), "{found}");
    }

    async fn overflow(&self) -> String {
        let script = "const screen = document.documentElement.clientWidth;
            const wide = [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > screen + 0.5);
            return [screen, document.documentElement.scrollWidth, wide.slice(-3).map((it) => it.outerHTML.slice(0, 200))];";
        let seen = self.script(script).await;
        let (screen, page) = (seen[0].as_u64(), seen[1].as_u64());
        if screen.is_some() && page <= screen {
            return String::new();
        }
        let (url, size) = (self.url().await, self.size.get());
        format!("{url} scrolls sideways: {page:?} of {screen:?} ({size:?}): {}\n", seen[2])
    }

    /// The browser's console has no errors since the last time it was asked: nothing was blocked by the
    /// content policy, no script failed, and everything that the page wanted to load was there.
    pub async fn no_console_errors(&self) {
        let errors = self.console_errors().await;
        assert!(errors.is_empty(), "{errors}");
    }

    async fn console_errors(&self) -> String {
        let here = self.url().await;
        let log = self.client.issue_cmd(Extension::console()).await.expect("the console is read");
        let entries = log.as_array().into_iter().flatten();
        let mut errors = String::new();
        for entry in entries.filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"))) {
            let message = entry["message"].as_str().unwrap_or_default();
            // The page itself may be the answer to an error: that is what it is for.
            if !message.starts_with(&format!("{here} - Failed to load resource: the server responded")) {
                let _ = writeln!(errors, "{here}: {message}");
            }
        }
        errors
    }

    /// Takes a picture of the whole page. `UPDATE_SCREENSHOTS=1` keeps it as `docs/images/NAME.png`;
    /// otherwise it only has to be possible.
    pub async fn screenshot(&self, name: &str) {
        self.screenshot_of(name, u64::MAX).await;
    }

    /// The same of the upper part of the page, this high.
    pub async fn screenshot_of(&self, name: &str, height: u64) {
        let page = self.script("return document.documentElement.scrollHeight;").await;
        let height = page.as_u64().unwrap_or_default().min(height);
        let width = self.script("return document.documentElement.clientWidth;").await;
        let part = json!({
            "format": "png",
            "captureBeyondViewport": true,
            "clip": { "x": 0, "y": 0, "width": width, "height": height, "scale": 1 },
        });
        let answer = self.devtools("Page.captureScreenshot", part).await;
        let picture = gatehouse::base::encoding::from_base64(answer["data"].as_str().unwrap_or_default()).expect("a picture");
        assert!(
            picture.len() > LEAST_PICTURE,
            "the picture {name} shows nothing: {} bytes",
            picture.len()
        );
        if tools::variable("UPDATE_SCREENSHOTS").as_deref() == Some("1") {
            let smaller = self
                .client
                .execute_async(include_str!("shrink.js"), vec![answer["data"].clone()])
                .await;
            let smaller = smaller.expect("the picture is made smaller");
            let smaller = smaller.as_str().unwrap_or_default();
            let picture = gatehouse::base::encoding::from_base64(smaller).unwrap_or_else(|| panic!("{name}: {smaller}"));
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/images/{name}.png"));
            std::fs::write(&file, picture).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}
