//! A real browser: Chromium, driven as a person would, by what is written on the page.
//!
//! ```text
//! let chrome = Chrome::start().await;
//! chrome.open(&app.url("/login")).await;
//! chrome.fill("Username", "alice").await;
//! chrome.fill("Password", "alice").await;
//! chrome.press("Sign in").await;
//! chrome.see("Signed in as alice").await;
//! chrome.inspect().await;
//! ```
//!
//! Tests that use it live in `browser/`: `.config/nextest.toml` knows them by that name.

mod checks;
mod driver;

use std::cell::Cell;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use driver::{Driver, Extension};

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(10);

/// A browser that has never been anywhere; closed when it is dropped.
pub struct Chrome {
    client: Client,
    _driver: Driver,
    is_dark: Cell<bool>,
    size: Cell<Size>,
}

/// What the browser runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 360 pixels wide, with a touch screen
    Phone,
    /// 1280 pixels wide
    Desktop,
    /// This wide, for pictures
    Width(u32),
    /// A desktop with a window of this height, for pictures
    Window(u32),
}

impl Chrome {
    /// Opens a browser, for a desktop and in light colours.
    pub async fn start() -> Self {
        let (driver, client) = Driver::start().await;
        let chrome = Self {
            client,
            _driver: driver,
            is_dark: Cell::new(false),
            size: Cell::new(Size::Desktop),
        };
        chrome.size(Size::Desktop).await;
        chrome.dark(false).await;
        chrome
    }

    /// Opens an address and waits until the page is loaded.
    pub async fn open(&self, url: &str) {
        let opened = self.client.goto(url).await;
        opened.unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    /// Goes back to the page before.
    pub async fn back(&self) {
        self.client.back().await.expect("there is a page before");
    }

    /// Replaces what is in the field with this label or, where it has none, this name.
    pub async fn fill(&self, field: &str, text: &str) {
        let element = self.find(&field_of(field), field).await;
        element.clear().await.unwrap_or_else(|error| panic!("{field}: {error}"));
        element.send_keys(text).await.unwrap_or_else(|error| panic!("{field}: {error}"));
    }

    /// What is in the field with this label or name.
    pub async fn value(&self, field: &str) -> String {
        let element = self.find(&field_of(field), field).await;
        element.prop("value").await.expect("a property").unwrap_or_default()
    }

    /// Ticks the box, or takes the choice, with this label; a box that is ticked is unticked.
    pub async fn tick(&self, label: &str) {
        let element = self.find(&field_of(label), label).await;
        element.click().await.unwrap_or_else(|error| panic!("{label}: {error}"));
    }

    /// Presses the button, or follows the link, that reads like this.
    pub async fn press(&self, text: &str) {
        let wanted = quoted(text);
        let xpath = format!(
            "//*[self::button or self::a or self::summary or @role='button'][normalize-space()={wanted} or @aria-label={wanted}] \
             | //input[@type='submit' and @value={wanted}]"
        );
        let element = self.find(&xpath, text).await;
        element.click().await.unwrap_or_else(|error| panic!("{text}: {error}"));
    }

    /// Follows the link whose first words are these, in bold.
    pub async fn follow(&self, title: &str) {
        let xpath = format!("//a[b[normalize-space()={}]]", quoted(title));
        let element = self.find(&xpath, title).await;
        element.click().await.unwrap_or_else(|error| panic!("{title}: {error}"));
    }

    /// Follows the first link of the page whose words begin so.
    pub async fn follow_first(&self, beginning: &str) {
        let xpath = format!("(//main//a[starts-with(normalize-space(), {})])[1]", quoted(beginning));
        let element = self.find(&xpath, beginning).await;
        element.click().await.unwrap_or_else(|error| panic!("{beginning}: {error}"));
    }

    /// Goes to something with the Tab key.
    pub async fn reach(&self, name: &str) {
        for _ in 0..100 {
            if self.focused().await == name {
                return;
            }
            self.keyboard("Tab").await;
        }
        panic!("Tab does not reach {name:?}. {}", self.page().await);
    }

    /// Opens a second tab and looks at that one, until [`Self::close_tab`].
    pub async fn open_tab(&self) {
        let tab = self.client.new_window(true).await.expect("a tab");
        self.client.switch_to_window(tab.handle).await.expect("the tab is there");
        self.size(self.size.get()).await;
        self.dark(self.is_dark.get()).await;
    }

    /// Closes the tab and looks at the first one.
    pub async fn close_tab(&self) {
        self.client.close_window().await.expect("the tab closes");
        let tabs = self.client.windows().await.expect("tabs");
        let first = tabs.into_iter().next().expect("the first tab");
        self.client.switch_to_window(first).await.expect("the tab is there");
    }

    /// Presses keys one after the other: `Tab`, `Shift+Tab`, `Enter`, `Space`, `Escape`, the arrows, or letters.
    pub async fn keyboard(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        let mut held = Vec::new();
        for name in keys.split('+') {
            let value = key(name);
            actions = actions.then(KeyAction::Down { value });
            held.push(value);
        }
        for value in held.into_iter().rev() {
            actions = actions.then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.expect("keys are pressed");
    }

    /// Types into whatever has the focus.
    pub async fn type_text(&self, text: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in text.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.expect("keys are pressed");
    }

    /// What has the focus: its label, its text or its name; empty when nothing has it.
    pub async fn focused(&self) -> String {
        let script = "const it = document.activeElement;
            if (!it || it === document.body) return '';
            const words = it.getAttribute('aria-label') || (it.labels && it.labels.length && it.labels[0].innerText) || it.innerText || it.name;
            return (words || it.tagName).replace(/\\s+/g, ' ').trim();";
        self.text_of(script).await
    }

    /// Presses Tab until the focus is back where it began; what had the focus, in this order.
    pub async fn tab_order(&self) -> Vec<String> {
        self.script("document.activeElement && document.activeElement.blur(); getSelection().removeAllRanges();")
            .await;
        let mut order = Vec::new();
        for _ in 0..100 {
            self.keyboard("Tab").await;
            let name = self.focused().await;
            if name.is_empty() || order.first() == Some(&name) {
                return order;
            }
            order.push(name);
        }
        panic!("Tab leads nowhere: {order:?}");
    }

    /// The text of the page, as a person reads it.
    pub async fn text(&self) -> String {
        self.text_of("return document.body ? document.body.innerText : '';").await
    }

    /// Where the browser is.
    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    /// Waits until the browser is at an address that begins so, or would be if anybody answered there.
    pub async fn leads_to(&self, beginning: &str) -> String {
        let begun = Instant::now();
        loop {
            let url = self.url().await;
            if url.starts_with(beginning) {
                return url;
            }
            assert!(begun.elapsed() < PATIENCE, "{url} is not {beginning}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until the page shows a text.
    pub async fn see(&self, text: &str) {
        let begun = Instant::now();
        while !self.text().await.contains(text) {
            let is_late = begun.elapsed() > PATIENCE;
            assert!(!is_late, "{text:?} is not on the page. {}", self.page().await);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Changes what the browser runs on.
    pub async fn size(&self, size: Size) {
        let (width, height, scale, is_mobile) = match size {
            Size::Phone => (360, 740, 2, true),
            Size::Desktop => (1280, 900, 1, false),
            Size::Width(width) => (width, 480, 2, false),
            Size::Window(height) => (1280, height, 1, false),
        };
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_mobile });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let touch = json!({ "enabled": is_mobile });
        self.devtools("Emulation.setTouchEmulationEnabled", touch).await;
        self.size.set(size);
    }

    /// Whether the person prefers dark colours. Nothing moves: what is looked at is never half-way.
    pub async fn dark(&self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
        self.is_dark.set(is_dark);
    }

    /// From now on no page may run scripts.
    pub async fn without_javascript(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }))
            .await;
    }

    /// Runs a script in the page; what it returned.
    pub async fn script(&self, script: &str) -> Value {
        let result = self.client.execute(script, Vec::new()).await;
        result.unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    async fn text_of(&self, script: &str) -> String {
        // A page that is being left answers with an error, and the next one soon answers.
        let value = self.client.execute(script, Vec::new()).await.unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }

    async fn find(&self, xpath: &str, what: &str) -> Element {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for element in self.client.find_all(Locator::XPath(xpath)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or(false) {
                    return element;
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("there is no {what:?}. {}", self.page().await);
    }

    async fn page(&self) -> String {
        format!("{} shows:\n{}", self.url().await, self.text().await)
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let result = self.client.issue_cmd(Extension::devtools(command, parameters)).await;
        result.unwrap_or_else(|error| panic!("{command}: {error}"))
    }
}

fn key(name: &str) -> char {
    let key = match name {
        "Tab" => Key::Tab,
        "Shift" => Key::Shift,
        "Enter" => Key::Enter,
        "Space" => return ' ',
        "Escape" => Key::Escape,
        "Up" => Key::Up,
        "Down" => Key::Down,
        "Left" => Key::Left,
        "Right" => Key::Right,
        _ => {
            let mut letters = name.chars();
            return match (letters.next(), letters.next()) {
                (Some(letter), None) => letter,
                _ => panic!("no key is called {name:?}"),
            };
        }
    };
    char::from(key)
}

/// Where a field is, by its label or its name.
fn field_of(name: &str) -> String {
    let wanted = quoted(name);
    format!(
        "//*[@id=//label[normalize-space()={wanted}]/@for] | //label[normalize-space()={wanted}]//*[self::input or self::textarea] \
         | //*[@aria-label={wanted}] | //*[@name={wanted}]"
    )
}

/// A text as an `XPath` expression, which knows no escapes.
fn quoted(text: &str) -> String {
    if text.contains('\'') {
        let parts: Vec<String> = text.split('\'').map(|part| format!("'{part}'")).collect();
        format!("concat({})", parts.join(", \"'\", "))
    } else {
        format!("'{text}'")
    }
}
