//! A browser: it keeps cookies, follows redirects and fills in forms, on one connection.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::page::Form;
use crate::support::nodes::ISSUER;
use crate::support::wire::{Answer, Connection};
use crate::target::Person;

/// Redirects and pages until an application is answered.
const MOST: usize = 12;

/// A browser, or a program that keeps no cookies.
pub struct Browser {
    address: SocketAddr,
    connection: Option<Connection>,
    cookies: Vec<(String, String)>,
}

/// What a server said, without what is borrowed from the connection.
enum Step {
    Redirect(String),
    Page(Form),
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
            cookies: Vec::new(),
        }
    }

    /// Hangs up: the server may have meanwhile.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// As one that was never there.
    pub fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Sends a request of these headers, each with its line end, and reads the answer with `read`.
    pub async fn ask<T>(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&str>,
        read: impl FnOnce(&Answer<'_>) -> Result<T, String> + Send,
    ) -> Result<T, String> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}",
            ISSUER.trim_start_matches("http://")
        );
        // Writing to a text cannot fail.
        let _ = match body {
            Some(body) => write!(
                request,
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
            None => write!(request, "\r\n"),
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        let value = read(&connection.ask(&request).await?)?;
        self.connection = Some(connection);
        Ok(value)
    }

    /// Goes from an authorization request to the answer at the application; where it is sent in the end. Signs in
    /// where it is asked to.
    pub async fn authorize(&mut self, request: &str, redirect_uri: &str, person: &Person) -> Result<(String, usize), String> {
        let (mut path, mut form, mut sign_ins) = (request.to_owned(), None, 0);
        for _ in 0..MOST {
            match self.go(&path, form.as_ref()).await? {
                Step::Redirect(to) if to.starts_with(redirect_uri) => return Ok((to, sign_ins)),
                Step::Redirect(to) => (path, form) = (local(&to), None),
                Step::Page(mut page) => {
                    for (name, value) in &mut page.fields {
                        match name.as_str() {
                            "username" | "login" => value.clone_from(&person.name),
                            "password" => value.clone_from(&person.password),
                            _ => continue,
                        }
                        sign_ins += usize::from(name == "password");
                    }
                    (path, form) = (local(&page.action), Some(page));
                }
            }
        }
        Err(format!(
            "after {MOST} steps the application is not answered yet; the last one is {path}"
        ))
    }

    async fn go(&mut self, path: &str, form: Option<&Form>) -> Result<Step, String> {
        let mut headers = String::from("Accept: text/html\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n");
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            let _ = write!(headers, "Cookie: {}\r\n", pairs.collect::<Vec<_>>().join("; "));
        }
        let method = if form.is_some() { "POST" } else { "GET" };
        let body = form.map(Form::body);
        let asked = self.ask(method, path, &headers, body.as_deref(), |answer| {
            let cookies = answer.headers("set-cookie").filter_map(|cookie| {
                let (name, value) = cookie.split(';').next()?.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            });
            let cookies: Vec<_> = cookies.collect();
            if let (300..400, Some(to)) = (answer.status, answer.headers("location").next()) {
                return Ok((cookies, Step::Redirect(to.to_owned())));
            }
            answer.must_be(200, path)?;
            let form = Form::first(answer.body).ok_or_else(|| format!("{path}: a page without a form: {}", answer.body))?;
            Ok((cookies, Step::Page(form)))
        });
        let (cookies, step) = asked.await?;
        for (name, value) in cookies {
            self.cookies.retain(|(kept, _)| *kept != name);
            if !value.is_empty() {
                self.cookies.push((name, value));
            }
        }
        Ok(step)
    }
}

/// The path of an address of the server itself.
fn local(address: &str) -> String {
    let Some((_, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned())
}
