//! The pages at `/admin`, as an administrator meets them in a browser without JavaScript.

mod access;
mod clients;
mod connections;
pub mod every_page;
mod initial_access_tokens;
mod people;
mod playground;
mod providers;
mod scopes;
mod server;
mod sign_in;
mod vault_keys;
mod workloads;

use gatehouse::identity::admin_token;
use secrecy::ExposeSecret;
use url::Url;

use crate::support::browser::{attribute, unescape};
use crate::support::{Browser, Database, Page, TestApp};

/// A server, and a browser that is signed in with the admin token.
pub struct Desk {
    pub app: TestApp,
    pub browser: Browser,
    pub token: String,
}

impl Desk {
    async fn new() -> Self {
        Self::of(TestApp::start(Database::Sqlite).await).await
    }

    /// The one of a server that runs.
    pub async fn of(app: TestApp) -> Self {
        let token = admin_token::reset(&app.app).await.unwrap().expose_secret().to_owned();
        let browser = Browser::new();
        let desk = Self { app, browser, token };
        let page = desk.get("/admin/sign-in").await;
        let page = desk.send(&page, "/admin/sign-in", &[("admin_token", &desk.token)]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("<h1>"), "{}", page.body);
        desk
    }

    /// Opens a page and follows redirects.
    async fn get(&self, path: &str) -> Page {
        self.browser.visit(&self.app.url(path)).await
    }

    /// Fills in the form that is sent to `action`, sends it, and follows redirects. A field that is named several
    /// times is sent so; one with an empty value is unticked.
    async fn send(&self, page: &Page, action: &str, values: &[(&str, &str)]) -> Page {
        let answer = self.send_only(page, action, values).await;
        self.browser.follow(answer).await
    }

    /// The same without following.
    async fn send_only(&self, page: &Page, action: &str, values: &[(&str, &str)]) -> Page {
        let (target, fields) = form(page, action);
        let mut sent: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !values.iter().any(|(changed, _)| changed == name))
            .collect();
        sent.extend(values.iter().filter(|(_, value)| !value.is_empty()));
        self.browser.post(&target, &sent).await
    }
}

/// The form of a page that is sent to an address with this ending: where that is, and what a browser would send.
fn form(page: &Page, action: &str) -> (String, Vec<(String, String)>) {
    let forms = page.body.split("<form").skip(1);
    let found = forms
        .filter_map(|rest| rest.split("</form>").next())
        .find(|form| attribute(form.split('>').next().unwrap(), "action").is_some_and(|target| target.ends_with(action)));
    let form = found.unwrap_or_else(|| panic!("no form to {action} at {}: {} {}", page.url, page.status, page.body));
    let target = attribute(form.split('>').next().unwrap(), "action").unwrap();
    let target = Url::parse(&page.url).unwrap().join(&target).unwrap().to_string();
    (target, fields(form))
}

/// What a browser would send of a form.
pub fn fields(form: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let tag = |rest: &str| rest[..rest.find('>').unwrap()].to_owned();
    for input in form.split("<input").skip(1).map(tag) {
        let is_ticked = input.contains(" checked");
        let is_off = input.contains(" disabled") || ((input.contains("checkbox") || input.contains("radio")) && !is_ticked);
        if let (Some(name), false) = (attribute(&input, "name"), is_off) {
            fields.push((name, attribute(&input, "value").unwrap_or_default()));
        }
    }
    for area in form.split("<textarea").skip(1) {
        let name = attribute(&tag(area), "name").unwrap();
        let text = area.split('>').nth(1).unwrap().split("</textarea").next().unwrap();
        fields.push((name, unescape(text.strip_prefix('\n').unwrap_or(text))));
    }
    for select in form.split("<select").skip(1) {
        let name = attribute(&tag(select), "name").unwrap();
        let options = select.split("</select>").next().unwrap();
        let chosen = options
            .split("<option")
            .skip(1)
            .map(tag)
            .find(|option| option.contains(" selected"));
        fields.push((name, chosen.and_then(|option| attribute(&option, "value")).unwrap_or_default()));
    }
    fields
}

/// What a page says, without its tags.
fn words(page: &Page) -> String {
    let mut words = String::new();
    for piece in page.body.split('<') {
        words.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        words.push(' ');
    }
    unescape(&words.split_whitespace().collect::<Vec<_>>().join(" "))
}
