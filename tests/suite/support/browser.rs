//! A browser that keeps cookies and knows links and forms, but no JavaScript.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use url::Url;

/// A person's browser.
pub struct Browser {
    http: Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What it shows.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub url: String,
}

/// A form on a page.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Browser {
    pub fn new() -> Self {
        Self {
            http: http(),
            cookies: Mutex::default(),
        }
    }

    /// A browser for which each request is a connection of its own.
    pub fn fresh() -> Self {
        Self {
            http: Client::builder()
                .redirect(Policy::none())
                .pool_max_idle_per_host(0)
                .build()
                .expect("a client"),
            cookies: Mutex::default(),
        }
    }

    /// A browser that says what it is, behind a proxy that says from where it comes.
    pub fn named(user_agent: &str, address: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", user_agent.parse().expect("a header"));
        headers.insert("x-forwarded-for", address.parse().expect("a header"));
        Self {
            http: Client::builder()
                .redirect(Policy::none())
                .default_headers(headers)
                .build()
                .expect("a client"),
            cookies: Mutex::default(),
        }
    }

    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().expect("no panic while locked").clone()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies
            .lock()
            .expect("no panic while locked")
            .insert(name.to_owned(), value.to_owned());
    }

    pub fn forget(&self, name: &str) {
        self.cookies.lock().expect("no panic while locked").remove(name);
    }

    /// Opens a URL and does not follow redirects.
    pub async fn get(&self, url: &str) -> Page {
        self.send(self.http.get(url), url).await
    }

    /// Opens a URL and follows redirects on the same server.
    pub async fn visit(&self, url: &str) -> Page {
        let page = self.get(url).await;
        self.follow(page).await
    }

    /// Follows redirects until there is a page, or one leads to another server.
    pub async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..10 {
            let Some(location) = page.location() else { return page };
            if !location.starts_with(&origin(&page.url)) {
                return page;
            }
            page = self.get(&location).await;
        }
        panic!("a circle of redirects at {}", page.url);
    }

    /// Sends fields to a URL.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.send(self.http.post(url).form(fields), url).await
    }

    /// Fills a form of a page in and sends it; `values` replace or add fields.
    pub async fn submit(&self, page: &Page, values: &[(&str, &str)]) -> Page {
        let form = page.form();
        let target = Url::parse(&page.url)
            .expect("a URL")
            .join(&form.action)
            .expect("an action")
            .to_string();
        let mut fields: Vec<(String, String)> = form
            .fields
            .into_iter()
            .filter(|(name, _)| !values.iter().any(|(key, _)| key == name))
            .collect();
        fields.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.send(self.http.post(&target).form(&fields), &target).await
    }

    /// Signs in at a sign-in page and goes on.
    pub async fn sign_in(&self, page: &Page, username: &str, password: &str) -> Page {
        assert!(
            page.body.contains("name=\"password\""),
            "not a sign-in page: {} {}",
            page.status,
            page.body
        );
        let answer = self.submit(page, &[("username", username), ("password", password)]).await;
        self.follow(answer).await
    }

    /// Answers a consent page.
    pub async fn decide(&self, page: &Page, decision: &str) -> Page {
        assert!(
            page.body.contains("name=\"decision\""),
            "not a consent page: {} {}",
            page.status,
            page.body
        );
        let answer = self.submit(page, &[("decision", decision)]).await;
        self.follow(answer).await
    }

    pub async fn send(&self, request: RequestBuilder, url: &str) -> Page {
        let jar = self.cookies();
        let header = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        let request = if header.is_empty() {
            request
        } else {
            request.header(COOKIE, header)
        };
        let response = request.header("accept", "text/html").send().await.expect("an answer");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("a cookie");
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            if attributes.contains("Max-Age=0") {
                self.forget(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Page {
            status,
            headers,
            body: response.text().await.expect("a body"),
            url: url.to_owned(),
        }
    }
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header"))
    }

    /// Where a redirect leads, as an absolute URL.
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get(LOCATION)?.to_str().expect("a location");
        match Url::parse(location) {
            Ok(_) => Some(location.to_owned()),
            Err(_) => Some(
                Url::parse(&self.url)
                    .expect("a URL")
                    .join(location)
                    .expect("a location")
                    .to_string(),
            ),
        }
    }

    /// A parameter of the query to which a redirect leads.
    pub fn answer(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.location()?).expect("a URL");
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The first form of the page.
    pub fn form(&self) -> Form {
        let start = self
            .body
            .find("<form")
            .unwrap_or_else(|| panic!("no form at {}: {} {}", self.url, self.status, self.body));
        let end = self.body[start..].find("</form>").expect("an end of the form") + start;
        let form = &self.body[start..end];
        let head = &form[..form.find('>').expect("a tag")];
        let mut fields = Vec::new();
        for input in form.split("<input").skip(1) {
            let tag = &input[..input.find('>').expect("a tag")];
            if let Some(name) = attribute(tag, "name") {
                fields.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        }
        Form {
            action: attribute(head, "action").expect("an action"),
            fields,
        }
    }

    /// A hidden field of the first form.
    pub fn field(&self, name: &str) -> String {
        self.form()
            .fields
            .into_iter()
            .find(|(key, _)| key == name)
            .unwrap_or_else(|| panic!("no field {name}"))
            .1
    }
}

/// A client without cookies and without redirects.
pub fn http() -> Client {
    Client::builder().redirect(Policy::none()).build().expect("a client")
}

fn origin(url: &str) -> String {
    Url::parse(url).expect("a URL").origin().ascii_serialization()
}

pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let end = tag[start..].find('"')? + start;
    Some(unescape(&tag[start..end]))
}

pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}
