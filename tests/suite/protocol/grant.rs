//! What presenting a refresh token means: the table of generations and grace.

use gatehouse::model::grant::{Grant, Presented};
use gatehouse::protocol::claims_request::ClaimsRequest;
use proptest::prelude::*;

use super::scope;

const ROTATED_AT: i64 = 1_000;
const IDLE_END: i64 = 2_000;
const END: i64 = 3_000;
const GRACE: i64 = 10;

/// A grant whose current refresh token is this one.
fn grant(generation: u32) -> Grant {
    Grant {
        id: "0198c0ffee0070008000000000000001".to_owned(),
        client_id: "app".to_owned(),
        user_id: "ada".to_owned(),
        session_id: "session".to_owned(),
        scope: scope("openid"),
        resource: Vec::new(),
        claims: ClaimsRequest::default(),
        redirect_uri: "https://app.example/cb".to_owned(),
        is_redirect_uri_explicit: true,
        nonce: None,
        auth_time: 900,
        amr: vec!["pwd".to_owned()],
        code_hash: String::new(),
        code_challenge: None,
        code_expires_at: 960,
        code_consumed_at: Some(950),
        generation,
        rotated_at: ROTATED_AT,
        idle_expires_at: IDLE_END,
        ends_at: END,
        expires_at: END,
        created_at: 900,
        revoked_at: None,
        ends_with_session: true,
    }
}

#[test]
fn the_table() {
    use Presented::{Current, Dead, Replay, Retry};
    let late = ROTATED_AT + GRACE + 1;
    for (generation, presented, now, expected) in [
        // The current one, whenever.
        (1, 1, ROTATED_AT, Current),
        (5, 5, late, Current),
        (5, 5, IDLE_END - 1, Current),
        // The one before, to the last second of grace.
        (5, 4, ROTATED_AT, Retry),
        (5, 4, ROTATED_AT + GRACE, Retry),
        (5, 4, late, Replay),
        // A clock that was set back is no reason for an alarm.
        (5, 4, ROTATED_AT - 1, Retry),
        // Older ones, also within grace.
        (5, 3, ROTATED_AT, Replay),
        (5, 1, late, Replay),
        // One that was never issued.
        (5, 6, ROTATED_AT, Dead),
        (5, u32::MAX, ROTATED_AT, Dead),
        (u32::MAX, u32::MAX - 1, ROTATED_AT, Retry),
        // No refresh token was ever issued.
        (0, 0, ROTATED_AT, Dead),
        (0, 1, ROTATED_AT, Dead),
        // Ended, whichever generation.
        (5, 5, IDLE_END, Dead),
        (5, 4, IDLE_END, Dead),
        (5, 1, END, Dead),
    ] {
        assert_eq!(
            grant(generation).judge(presented, now, GRACE),
            expected,
            "{presented} of {generation} at {now}"
        );
    }
}

#[test]
fn without_grace_a_retry_counts_within_the_same_second_only() {
    assert_eq!(grant(5).judge(4, ROTATED_AT, 0), Presented::Retry);
    assert_eq!(grant(5).judge(4, ROTATED_AT + 1, 0), Presented::Replay);
}

#[test]
fn either_end_is_an_end() {
    let idle = Grant {
        idle_expires_at: END + 1,
        ..grant(5)
    };
    assert_eq!(idle.judge(5, END - 1, GRACE), Presented::Current);
    assert_eq!(idle.judge(5, END, GRACE), Presented::Dead);
}

#[test]
fn a_revoked_grant_is_dead() {
    let revoked = Grant {
        revoked_at: Some(ROTATED_AT),
        ..grant(5)
    };
    for presented in 0..8 {
        assert_eq!(revoked.judge(presented, ROTATED_AT, GRACE), Presented::Dead, "{presented}");
    }
}

proptest! {
    /// At most two generations are ever answered with tokens: the current one and the one before.
    #[test]
    fn nothing_but_the_last_two_is_ever_alive(generation: u32, presented: u32, now: i64, grace in 0_i64..=60) {
        let verdict = grant(generation).judge(presented, now, grace);
        if verdict == Presented::Current {
            prop_assert_eq!(presented, generation);
        }
        if verdict == Presented::Retry {
            prop_assert_eq!(presented, generation - 1);
        }
        if now >= IDLE_END || generation == 0 {
            prop_assert_eq!(verdict, Presented::Dead);
        }
    }
}
