//! What happens by itself happens once, or does no harm when it happens twice.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::admin::{signing_keys, stats};
use gatehouse::app::App;
use gatehouse::jobs::{self, reap_in_turn, sweep, sweep_in_turn};
use gatehouse::keys::rotation::PUBLISH_LEAD;
use gatehouse::model::grant::Grant;
use gatehouse::model::measures::Job;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::model::statistic::Statistic;

use crate::store::grant;
use crate::support::database::execute;
use crate::support::process::wait_for;
use crate::support::{TestApp, on_every_database};

/// More than one batch.
const ROWS: u64 = 1200;

async fn nodes(app: &TestApp) -> Vec<App> {
    vec![app.app.clone(), app.second_node().await, app.second_node().await]
}

/// Grants that nobody needs any more.
async fn leave_behind(app: &TestApp) {
    let now = app.app.now();
    let mut tx = app.app.store.begin().await.unwrap();
    for _ in 0..ROWS {
        tx.insert_grant(&grant(app, now)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn in_turn(nodes: &[App]) -> Vec<u64> {
    let swept = join_all(nodes.iter().map(|node| sweep_in_turn(node, Duration::ZERO))).await;
    swept.into_iter().filter_map(Result::unwrap).collect()
}

on_every_database! {
    async fn one_of_all_nodes_sweeps(app: TestApp) {
        let nodes = nodes(&app).await;
        leave_behind(&app).await;
        assert_eq!(in_turn(&nodes).await, [ROWS], "one has done all");
        leave_behind(&app).await;
        app.advance(49);
        assert_eq!(in_turn(&nodes).await, [0; 0], "it was just done");
        app.advance(1);
        assert_eq!(in_turn(&nodes).await, [ROWS]);
        app.advance(60);
        assert_eq!(in_turn(&nodes).await, [0], "the next turn is anybody's, and there is nothing to do");
        // Whose clock is wrong by a day keeps nobody away for a day.
        let wrong = app.second_node_ahead(86_400).await;
        assert!(sweep_in_turn(&wrong, Duration::ZERO).await.unwrap().is_some());
        assert_eq!(in_turn(&nodes).await.len(), 1);
    }

    async fn sweeping_at_the_same_moment_does_no_harm(app: TestApp) {
        let nodes = nodes(&app).await;
        leave_behind(&app).await;
        let kept = grant(&app, app.app.now() + 60);
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&kept).await.unwrap();
        tx.commit().await.unwrap();
        // Two that wait for each other are told apart by the database; what one of them leaves is done the next time.
        let swept = join_all(nodes.iter().map(|node| sweep(node, Duration::ZERO))).await;
        let once: u64 = swept.into_iter().filter_map(Result::ok).sum();
        assert!(once <= ROWS, "nothing is removed twice");
        sweep(&nodes[0], Duration::ZERO).await.unwrap();
        let mut reader = app.app.store.read().await.unwrap();
        let left = reader.grants_nearby(gatehouse::store::GrantsWith::default(), "z", 0, 10).await.unwrap();
        let left: Vec<Grant> = left.grants;
        assert_eq!(left, [kept]);
    }

    async fn one_of_all_nodes_reaps(app: TestApp) {
        let nodes = nodes(&app).await;
        for expected in [1, 0] {
            let reaped = join_all(nodes.iter().map(|node| reap_in_turn(node, Duration::ZERO))).await;
            assert_eq!(reaped.into_iter().filter_map(Result::unwrap).count(), expected);
        }
        app.advance(600);
        let reaped = join_all(nodes.iter().map(|node| reap_in_turn(node, Duration::ZERO))).await;
        assert_eq!(reaped.into_iter().filter_map(Result::unwrap).count(), 1);
    }

    async fn what_is_counted_is_counted_once(app: TestApp) {
        let nodes = nodes(&app).await;
        let now = app.app.now();
        let mut tx = app.app.store.begin().await.unwrap();
        for _ in 0..3 {
            tx.insert_grant(&Grant { code_consumed_at: Some(now), ..grant(&app, now + 60) }).await.unwrap();
        }
        tx.commit().await.unwrap();
        for node in &nodes {
            node.counters.count(Statistic::SignIns);
        }
        let done = join_all(nodes.iter().map(async |node| {
            stats::flush(node).await.unwrap();
            stats::sample_in_turn(node).await.unwrap();
        }));
        done.await;
        let seen = stats::dashboard(&app.app, stats::Range::Day).await.unwrap();
        assert_eq!(seen.totals.active_grants, 3);
        let signed_in = seen.series.iter().find(|series| series.name == Statistic::SignIns.as_str()).unwrap();
        assert_eq!(signed_in.points.iter().map(|point| point.value).sum::<i64>(), 3, "of each node one");
    }

    async fn keys_that_have_signed_long_enough_are_replaced_once(app: TestApp) {
        let nodes = nodes(&app).await;
        let rotated = async || {
            let rotated = join_all(nodes.iter().map(signing_keys::rotate_aged)).await;
            let mut algorithms: Vec<&str> =
                rotated.into_iter().flat_map(Result::unwrap).map(|rotated| rotated.new.algorithm.as_str()).collect();
            algorithms.sort_unstable();
            algorithms
        };
        app.advance(89 * 86_400);
        signing_keys::rotate(&app.app, SigningAlgorithm::EdDsa, false).await.unwrap();
        assert_eq!(rotated().await, [""; 0]);
        app.advance(86_400);
        assert_eq!(rotated().await, ["ES256", "RS256"], "each by one node, and what is young stays");
        assert_eq!(rotated().await, [""; 0], "their successors are published");
        app.advance(88 * 86_400);
        assert_eq!(rotated().await, [""; 0]);
        app.advance(2 * 86_400 + PUBLISH_LEAD.unsigned_abs());
        assert_eq!(rotated().await, ["ES256", "EdDSA", "RS256"]);
    }

    async fn a_job_that_fails_keeps_no_other_from_its_work(app: TestApp) {
        const MISSED: [&str; 3] = ["signing_keys", "stats", "upstream_revocations"];
        let (node, url) = (app.second_node().await, app.database_url());
        // It is the turn of this node for everything, and there is something to write.
        app.advance(3600);
        node.counters.count(Statistic::SignIns);
        for table in MISSED {
            execute(&url, format!("ALTER TABLE {table} RENAME TO missed_{table}")).await;
        }
        let jobs = tokio::spawn(jobs::run(node.clone()));
        let runs = |job: Job| {
            let runs = node.measures.job(job);
            (runs.succeeded.value(), runs.failed.value())
        };
        wait_for("each has run", async || Job::ALL.into_iter().all(|job| runs(job) != (0, 0))).await;
        let failing = [Job::Sweep, Job::RotateKeys, Job::ReadKeys, Job::WriteStatistics, Job::TakeBack];
        for job in Job::ALL {
            let (succeeded, failed) = runs(job);
            let has_failed = failing.contains(&job);
            assert_eq!((succeeded > 0, failed > 0), (!has_failed, has_failed), "{job:?}");
        }
        let told = runs(Job::TellLimits).0;
        wait_for("the others go on", async || runs(Job::TellLimits).0 > told).await;
        for table in MISSED {
            execute(&url, format!("ALTER TABLE missed_{table} RENAME TO {table}")).await;
        }
        // Those that come again soon.
        for job in [Job::WriteStatistics, Job::TakeBack] {
            wait_for("what failed is done", async || runs(job).0 > 0).await;
        }
        jobs.abort();
        let seen = stats::dashboard(&app.app, stats::Range::Day).await.unwrap();
        let signed_in = seen.series.iter().find(|series| series.name == Statistic::SignIns.as_str()).unwrap();
        assert_eq!(signed_in.points.iter().map(|point| point.value).sum::<i64>(), 1, "and nothing is lost");
    }

    async fn rotations_at_the_same_moment_leave_one_that_signs(app: TestApp) {
        let nodes = nodes(&app).await;
        let before = app.app.keys.current().signer(SigningAlgorithm::Es256, app.app.now()).unwrap().record.id.clone();
        let rotated = join_all(nodes.iter().map(|node| signing_keys::rotate(node, SigningAlgorithm::Es256, false))).await;
        let made: BTreeSet<String> = rotated.into_iter().map(|rotated| rotated.unwrap().new.id).collect();
        assert_eq!(made.len(), 3);
        let signers = async || {
            let mut signers = BTreeSet::new();
            for node in &nodes {
                node.keys.reload(&node.store, node.now()).await.unwrap();
                let ring = node.keys.current();
                signers.insert(ring.signer(SigningAlgorithm::Es256, node.now()).unwrap().record.id.clone());
                assert!(made.iter().all(|kid| ring.verifier(kid, node.now()).is_some()));
                assert!(ring.verifier(&before, node.now()).is_some());
            }
            signers
        };
        assert_eq!(signers().await, BTreeSet::from([before.clone()]));
        app.advance(PUBLISH_LEAD.unsigned_abs());
        let after = signers().await;
        assert!(after.len() == 1 && after.is_subset(&made), "{after:?}");
    }
}
