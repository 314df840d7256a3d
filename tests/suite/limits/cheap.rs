//! What anybody may ask without a limit, or nearly: it costs little, however often that is.

use futures_util::future::join_all;

use super::limited;
use crate::support::browser::http;

#[tokio::test(flavor = "multi_thread")]
async fn whether_the_server_is_ready_is_found_out_once_for_all_who_ask() {
    let app = limited(&[]).await;
    let statements = &app.app.store.measures().statements;
    let before = statements.value();
    let answers = join_all((0..200).map(|_| http().get(app.url("/readyz")).send())).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200));
    // A few, if it takes longer than what is known is kept.
    let asked = statements.value() - before;
    assert!(asked < 50, "the database was asked {asked} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_the_api_is_made_once_and_kept() {
    let app = limited(&[]).await;
    let url = app.url("/api/openapi.json");
    let first = http().get(&url).send().await.unwrap();
    assert_eq!(first.headers()["cache-control"], "public, max-age=300");
    assert_eq!(first.headers()["content-type"], "application/json");
    assert!(!first.headers().contains_key("ratelimit"), "caches keep it");
    let etag = first.headers()["etag"].clone();
    let document: serde_json::Value = first.json().await.unwrap();
    assert_eq!(document["servers"][0]["url"], app.base.as_str());
    let again = http().get(&url).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &etag));
    assert!(again.text().await.unwrap().is_empty());
}
