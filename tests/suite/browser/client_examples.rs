//! The single-page application of `docs/clients.md`, served as the page says and used by a person.

use std::net::TcpListener;

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use gatehouse::protocol::client_authentication::AuthMethod;

use super::server;
use crate::support::Chrome;

/// The HTML of the page, for an issuer.
fn page(issuer: &str) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/clients.md")).expect("docs/clients.md");
    let (_, rest) = text.split_once("```html\n").expect("a page");
    let (page, _) = rest.split_once("```").expect("its end");
    assert!(page.contains("http://127.0.0.1:8000"), "{page}");
    page.replace("http://127.0.0.1:8000", issuer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_single_page_application_works() {
    let app = server().await;
    app.user("alice").await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
    let (page, redirect_uri) = (page(&app.base), format!("{base}/callback"));
    let site = HttpServer::new(move || {
        let page = page.clone();
        let show = move || {
            let page = page.clone();
            async move { HttpResponse::Ok().content_type(ContentType::html()).body(page) }
        };
        App::new().default_service(web::to(show))
    })
    .workers(1)
    .listen(listener)
    .expect("a server")
    .run();
    let handle = site.handle();
    tokio::spawn(site);
    app.client(AuthMethod::None, |new| {
        new.id = Some("demo-web".to_owned());
        new.redirect_uris = vec![redirect_uri];
    })
    .await;

    let chrome = Chrome::start().await;
    chrome.open(&base).await;
    chrome.see("Not signed in.").await;
    chrome.press("Sign in").await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.press("Allow").await;
    chrome.see("Hello, alice example").await;
    assert_eq!(chrome.url().await, format!("{base}/"), "the code is not in the address");
    let kept = chrome
        .script("return JSON.stringify([{ ...localStorage }, { ...sessionStorage }]);")
        .await;
    assert_eq!(kept, "[{},{}]", "tokens are in memory only");
    handle.stop(false).await;
}
