//! The camera in the browser: looking, asking for control, moving.

use reqwest::StatusCode;

use super::{CAMERA_SECRETS, Stage, apply_camera, complaint, leave, send, start, with_secrets};
use crate::support::process::Sandbox;
use crate::support::{Browser, Page};

const PASSWORD: &str = CAMERA_SECRETS[2].1;

/// The picture of a page, in base 64.
fn picture(page: &Page) -> &str {
    let (_, rest) = page
        .body
        .split_once("base64,")
        .unwrap_or_else(|| panic!("no picture: {}", page.body));
    rest.split('"').next().unwrap_or_default()
}

/// The picture as text, without the clock.
fn seen(page: &Page) -> String {
    let bytes = gatehouse::base::encoding::from_base64(picture(page)).expect("base 64");
    let text = String::from_utf8(bytes).expect("SVG");
    text.lines().filter(|line| !line.contains("REC ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn control_is_asked_for_when_it_is_needed() {
    let stage = Stage::camera(Sandbox::new());
    let otto = Browser::new();
    let page = stage.sign_in(&otto, "otto", PASSWORD).await;
    assert!(
        page.body.contains("<fieldset disabled") && page.body.contains("Ask for control"),
        "{}",
        page.body
    );
    let before = seen(&page);
    assert!(before.contains("pan 0, tilt 0"), "{before}");

    // Whoever sends the form all the same is told what is missing, by the API.
    let page = send(&otto, &stage, &page, "/move", &[("direction", "left")]).await;
    assert!(page.body.contains("you have to ask for control first"), "{}", page.body);
    assert_eq!(seen(&page), before);

    // No changes nothing.
    let ask = stage.url("/login?scope=camera:control");
    let page = otto.visit(&ask).await;
    let page = leave(&otto, &page).await;
    assert!(
        page.body.contains("Turn and zoom the camera") && page.body.contains("New"),
        "{}",
        page.body
    );
    let page = otto.decide(&page, "deny").await;
    let page = leave(&otto, &page).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = otto.visit(&stage.url("/")).await;
    assert!(page.body.contains("<fieldset disabled"), "{}", page.body);
    assert_eq!(seen(&page), before);

    let page = otto.visit(&ask).await;
    let page = leave(&otto, &page).await;
    let page = otto.decide(&page, "allow").await;
    let page = leave(&otto, &page).await;
    assert!(!page.body.contains("<fieldset disabled"), "{}", page.body);
    assert_eq!(seen(&page), before, "what was granted before is kept");
    assert_eq!(stage.events("grant.revoked"), 1, "the narrower grant is given back");
    let page = send(&otto, &stage, &page, "/move", &[("direction", "left")]).await;
    assert!(
        page.body.contains("Moved to the left.") && seen(&page).contains("pan -224, tilt 0"),
        "{}",
        seen(&page)
    );
    let page = send(&otto, &stage, &page, "/move", &[("direction", "in")]).await;
    assert!(seen(&page).contains("zoom 2"), "{}", seen(&page));
    let forged = otto.post(&stage.url("/move"), &[("csrf", "guess"), ("direction", "left")]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);

    // The next sign-in asks for no more than it needs.
    send(&otto, &stage, &page, "/logout", &[]).await;
    let page = otto.visit(&stage.url("/login")).await;
    let page = leave(&otto, &page).await;
    let page = leave(&otto, &page).await;
    assert!(page.body.contains("<fieldset disabled"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_may_only_look() {
    let stage = Stage::camera(Sandbox::new());
    let vera = Browser::new();
    stage.sign_in(&vera, "vera", PASSWORD).await;
    // A scope that nobody knows is not passed on.
    let page = vera.get(&stage.url("/login?scope=camera:control%20admin:write")).await;
    let location = page.location().expect("the issuer");
    assert!(location.contains("camera%3Acontrol") && !location.contains("admin"), "{location}");
    let page = vera.visit(&location).await;
    let page = if page.body.contains("name=\"decision\"") {
        vera.decide(&page, "allow").await
    } else {
        page
    };
    let page = leave(&vera, &page).await;
    assert!(page.body.contains("your account may only look"), "{}", page.body);
    assert!(
        page.body.contains("<fieldset disabled") && !picture(&page).is_empty(),
        "{}",
        page.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn access_that_was_withdrawn_ends_the_session() {
    let stage = Stage::camera(Sandbox::new());
    let vera = Browser::new();
    stage.sign_in(&vera, "vera", PASSWORD).await;
    stage.sandbox.run(&["user", "disable", "vera"]).done();
    // The API believes what it was told for ten seconds.
    tokio::time::sleep(std::time::Duration::from_millis(10_200)).await;
    let page = vera.visit(&stage.url("/")).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}", page.body);
    assert!(page.body.contains("Your sign-in has ended"), "{}", page.body);
    assert!(!vera.cookies().contains_key("camera_session"));
}

#[test]
fn what_is_missing_is_said() {
    let sandbox = Sandbox::new();
    let said = complaint(start(&sandbox, "camera").0);
    assert!(said.contains("CAMERA_WEB_SECRET is not set"), "{said}");
    let sandbox = with_secrets(sandbox);
    let _server = sandbox.serve();
    let said = complaint(start(&sandbox, "camera").0);
    assert!(
        said.contains("does not know the client camera-web") && said.contains("gatehouse apply"),
        "{said}"
    );
    apply_camera(&sandbox);
    let said = complaint(
        start(
            &sandbox.with("CAMERA_API_SECRET", "another-secret-of-more-than-32-characters"),
            "camera",
        )
        .0,
    );
    assert!(said.contains("the client camera-api may not introspect"), "{said}");
}
