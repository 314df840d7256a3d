//! Many at once: one redirect is kept, one collector gets it, and nothing is lost.

use futures_util::future::join_all;
use serde_json::json;

use super::{Program, come_back};
use crate::support::{Browser, TestApp, on_every_database};

on_every_database! {
    async fn a_hundred_redirects_of_one_state_have_one_winner(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        let browsers: Vec<Browser> = (0..100).map(|_| Browser::new()).collect();
        let codes: Vec<String> = (0..100).map(|n| format!("code-{n}")).collect();
        let pages = join_all(browsers.iter().zip(&codes).map(|(browser, code)| come_back(&app, browser, &state, code))).await;
        let winners: Vec<usize> = (0..100).filter(|at| pages[*at].status == 200).collect();
        assert_eq!(winners.len(), 1);
        assert!(pages.iter().all(|page| page.status == 200 || page.status == 410));
        assert_eq!(program.collect(&state).await.text("auth_code"), codes[winners[0]], "the one that was told so");
    }

    async fn a_hundred_collections_of_one_state_have_one_winner(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        come_back(&app, &Browser::new(), &state, "the-code").await;
        let answers = join_all((0..100).map(|n| {
            let (program, state) = (&program, &state);
            // Half of them with keys of their own.
            async move { if n % 2 == 0 { program.collect(state).await } else { program.collect_with(state, &n.to_string()).await } }
        })).await;
        let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(winners[0].text("auth_code"), "the-code");
        assert_eq!(answers.iter().filter(|answer| answer.status == 404).count(), 99);
    }

    async fn a_hundred_collections_with_one_key_are_one(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        come_back(&app, &Browser::new(), &state, "the-code").await;
        let answers = join_all((0..100).map(|_| program.collect_with(&state, "the same"))).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.text("auth_code") == "the-code"));
        assert_eq!(program.collect(&state).await.status, 404);
    }

    async fn of_a_hundred_programs_with_the_same_state_one_has_it(app: TestApp) {
        let program = Program::of(&app).await;
        let own = "a state that everybody has thought of";
        let answers = join_all((0..100).map(|_| program.announce(json!({ "state": own })))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 99);
    }

    async fn collecting_while_the_redirect_arrives_loses_nothing(app: TestApp) {
        let program = Program::of(&app).await;
        for round in 0..20 {
            let state = program.state(json!({})).await;
            let code = format!("code-{round}");
            let browser = Browser::new();
            let waiting = crate::relay::wait::collect(&program, &state, 30);
            let (answer, page) = tokio::join!(waiting, come_back(&app, &browser, &state, &code));
            assert_eq!((answer.status, page.status.as_u16()), (200, 200), "{}", answer.body);
            assert_eq!(answer.text("auth_code"), code);
        }
    }
}
