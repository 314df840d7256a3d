//! `/settings`

use gatehouse::identity::admin_token;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Caller, Shown, operator, problem};
use crate::support::app::Options;
use crate::support::client::Answer;
use crate::support::{Database, TestApp, on_every_database};

/// One setting of a list.
fn setting<'a>(list: &'a Answer, key: &str) -> &'a Value {
    let settings = list.body["settings"].as_array().expect("settings");
    settings.iter().find(|setting| setting["key"] == key).expect("the setting")
}

on_every_database! {
    async fn settings_change_for_who_saw_them_and_go_back_to_the_default(app: TestApp) {
        let operator = operator(&app).await;
        let before = operator.get("/settings").await;
        assert_eq!(before.status, 200);
        let seen = before.header("etag").to_owned();
        assert_eq!(seen, format!("\"{}\"", before.text("version")));
        let lifetime = setting(&before, "access_token_lifetime");
        assert_eq!((&lifetime["value"], &lifetime["source"], &lifetime["changeable"]), (&json!("1h"), &json!("default"), &json!(true)));

        let wanted = json!({ "access_token_lifetime": "10m", "code_lifetime": "30s" });
        assert_eq!(problem(&operator.patch("/settings", &wanted).await), (428, "version-required", ""));
        assert_eq!(problem(&operator.having_seen("\"another\"").patch("/settings", &wanted).await), (412, "changed-meanwhile", ""));
        assert_eq!(app.app.lifetimes(), app.app.config.lifetimes, "neither changed anything");

        let changed = operator.having_seen(&seen).patch("/settings", &wanted).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        let lifetime = setting(&changed, "access_token_lifetime");
        assert_eq!((&lifetime["value"], &lifetime["default"], &lifetime["source"]), (&json!("10m"), &json!("1h"), &json!("database")));
        assert_ne!(changed.header("etag"), seen);
        assert_eq!(operator.get("/settings").await.body, changed.body, "the answer is what is in force");
        assert_eq!((app.app.lifetimes().access_token, app.app.lifetimes().code), (600, 30));
        let late = operator.having_seen(&seen).patch("/settings", &json!({ "code_lifetime": "40s" })).await;
        assert_eq!(problem(&late), (412, "changed-meanwhile", ""));

        let back = operator.having_seen("*").patch("/settings", &json!({ "access_token_lifetime": null })).await;
        assert_eq!(back.status, 200);
        let lifetime = setting(&back, "access_token_lifetime");
        assert_eq!((&lifetime["value"], &lifetime["source"]), (&json!("1h"), &json!("default")));
        assert_eq!((app.app.lifetimes().access_token, app.app.lifetimes().code), (3600, 30), "the other one stays");
    }

    async fn mistakes_with_settings_are_named_and_change_nothing(app: TestApp) {
        let operator = operator(&app).await;
        let before = operator.get("/settings").await;
        let caller = operator.having_seen(before.header("etag"));
        for (change, field, detail) in [
            (json!({ "code_lifetime": "30s", "favourite_colour": "blue" }), "favourite_colour", "there is no setting of this name"),
            (json!({ "code_lifetime": "2m" }), "code_lifetime", "must be a time"),
            (json!({ "code_lifetime": "30s", "listen": "127.0.0.1:1" }), "listen", "cannot change while the server runs"),
            (json!({ "session_idle_lifetime": "30d", "session_lifetime": "1d" }), "session_idle_lifetime", ""),
        ] {
            let answer = caller.patch("/settings", &change).await;
            assert_eq!(problem(&answer), (422, "invalid-field", field), "{}", answer.body);
            let said = answer.text("detail");
            assert!(said.contains(detail) && !said.to_lowercase().contains(&format!("{field}: ")), "{said}");
        }
        assert_eq!(problem(&caller.patch("/settings", &json!({ "code_lifetime": ["30s"] })).await).0, 422);
        assert_eq!(problem(&caller.patch("/settings?all=yes", &json!({})).await), (400, "unknown-parameter", "all"));
        assert_eq!(operator.get("/settings").await.body, before.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flag_sets_is_not_changed_here() {
    let options = Options {
        settings: vec![("code_lifetime", "40s".to_owned())],
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let token = admin_token::reset(&app.app).await.unwrap();
    let operator = Caller::new(&app, Shown::AdminToken(token.expose_secret().to_owned())).having_seen("*");
    let list = operator.get("/settings").await;
    let fixed = setting(&list, "code_lifetime");
    assert_eq!(
        (&fixed["source"], &fixed["place"], &fixed["changeable"]),
        (&json!("flag"), &json!("--code-lifetime"), &json!(false))
    );
    for value in [json!("50s"), json!(null)] {
        let refused = operator.patch("/settings", &json!({ "code_lifetime": value })).await;
        assert_eq!(problem(&refused), (422, "invalid-field", "code_lifetime"));
        assert!(refused.text("detail").contains("--code-lifetime"), "{}", refused.body);
    }
    assert_eq!(app.app.lifetimes().code, 40);
}
