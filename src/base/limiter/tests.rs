//! What a limiter counts, forgets and tells.

use super::{Key, Limiter, News, PLACES, Rate, WAYS};

const RATE: Rate = Rate { limit: 10, window: 60 };
/// The beginning of a window.
const BEGIN: u64 = 1_800_000_000_000;

fn key(number: u64) -> Key {
    let mut who = [0; 16];
    who[..8].copy_from_slice(&number.to_be_bytes());
    Key { kind: 1, who }
}

#[test]
fn so_many_in_a_window_and_no_more_however_often_somebody_asks() {
    let limiter = Limiter::default();
    for taken in 1..=10 {
        assert_eq!(limiter.take(key(1), RATE, BEGIN).unwrap().remaining, 10 - taken);
    }
    for _ in 0..1000 {
        let refused = limiter.take(key(1), RATE, BEGIN + 1000).unwrap_err();
        assert_eq!(
            (refused.remaining, refused.reset),
            (0, 60),
            "a moment into the next window there is room for one"
        );
    }
    assert!(limiter.take(key(2), RATE, BEGIN).is_ok(), "nobody else is concerned");
    // When the time that was told is over there is room, and not a second before.
    assert!(limiter.take(key(1), RATE, BEGIN + 60_000).is_err());
    assert!(limiter.take(key(1), RATE, BEGIN + 61_000).is_ok());
    assert_eq!(
        limiter.look(key(1), RATE, BEGIN + 90_000).remaining,
        4,
        "half of ten and one are still felt"
    );
    assert_eq!(limiter.look(key(1), RATE, BEGIN + 180_000).remaining, 10);
}

#[test]
fn the_time_that_is_told_is_the_time_that_it_takes() {
    for rate in [
        RATE,
        Rate { limit: 3, window: 3600 },
        Rate { limit: 7, window: 1 },
        Rate { limit: 1, window: 60 },
    ] {
        let limiter = Limiter::default();
        let mut now = BEGIN;
        let mut refusals = 0;
        for step in 0..2000_u64 {
            match limiter.take(key(1), rate, now) {
                Ok(_) => now += (step * 7919) % (u64::from(rate.window) * 250),
                Err(standing) => {
                    refusals += 1;
                    let until = now + u64::from(standing.reset) * 1000;
                    if standing.reset > 1 {
                        assert!(limiter.take(key(1), rate, until - 1001).is_err(), "{rate:?} {now}: earlier");
                    }
                    assert!(limiter.look(key(1), rate, until).remaining > 0, "{rate:?} {now}: {standing:?}");
                    now = until;
                }
            }
        }
        assert!(refusals > 10, "{rate:?}");
    }
}

#[test]
fn what_is_given_back_was_not_used() {
    let limiter = Limiter::default();
    for _ in 0..100 {
        limiter.take(key(1), RATE, BEGIN).unwrap();
        limiter.give_back(key(1), BEGIN + 5);
    }
    limiter.give_back(key(2), BEGIN);
    assert_eq!(limiter.look(key(1), RATE, BEGIN).remaining, 10);
}

#[test]
fn a_clock_that_is_set_back_forgets_nothing() {
    let limiter = Limiter::default();
    for _ in 0..10 {
        limiter.take(key(1), RATE, BEGIN).unwrap();
    }
    assert!(limiter.take(key(1), RATE, BEGIN - 3_600_000).is_err());
    assert!(limiter.take(key(1), RATE, BEGIN).is_err());
}

/// Somebody who has used up their limit, and a hundred thousand others who have used a little of theirs.
#[test]
fn a_crowd_does_not_make_it_forget_who_asked_too_often() {
    let limiter = Limiter::default();
    for culprit in 0..100 {
        while limiter.take(key(culprit), RATE, BEGIN).is_ok() {}
    }
    for stranger in 1000..101_000 {
        let _ = limiter.take(key(stranger), RATE, BEGIN + 1);
    }
    let forgotten = (0..100)
        .filter(|culprit| limiter.take(key(*culprit), RATE, BEGIN + 2).is_ok())
        .count();
    assert!(forgotten <= 2, "{forgotten}");
    // And nobody who comes then is shut out because of them.
    let innocent = (200_000..201_000)
        .filter(|number| limiter.take(key(*number), RATE, BEGIN + 3).is_ok())
        .count();
    assert_eq!(innocent, 1000);
    const { assert!(PLACES * WAYS < 100_000) };
}

#[test]
fn nodes_that_tell_each_other_count_together() {
    let (here, there) = (Limiter::default(), Limiter::default());
    let rate = Rate { limit: 100, window: 60 };
    for _ in 0..60 {
        here.take(key(1), rate, BEGIN).unwrap();
        there.take(key(1), rate, BEGIN).unwrap();
    }
    let mut total = 0;
    for _ in 0..2 {
        for node in [&here, &there] {
            for news in node.near(BEGIN, 100) {
                total += news.counted;
                node.heard(&news, total);
            }
            // Whoever was asked lately listens again.
            let _ = node.take(key(1), rate, BEGIN);
        }
    }
    assert!(here.take(key(1), rate, BEGIN).is_err());
    assert!(there.take(key(1), rate, BEGIN).is_err());
    // What was counted elsewhere fades like everything else.
    assert!(here.take(key(1), rate, BEGIN + 60_000).is_err());
    assert!(here.take(key(1), rate, BEGIN + 115_000).is_ok());
}

#[test]
fn nothing_is_told_of_those_who_ask_seldom() {
    let limiter = Limiter::default();
    let rate = Rate { limit: 100, window: 60 };
    for number in 0..1000 {
        limiter.take(key(number), rate, BEGIN).unwrap();
    }
    assert!(limiter.near(BEGIN, 1000).is_empty());
    for _ in 0..12 {
        limiter.take(key(5), rate, BEGIN).unwrap();
    }
    let news = limiter.near(BEGIN, 1000);
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].key, news[0].counted), (key(5), 13));
    assert!(limiter.near(BEGIN, 1000).is_empty(), "and once is enough");
    limiter.unheard();
    assert_eq!(limiter.near(BEGIN, 1000), news, "unless nobody has heard it");
}

#[test]
fn everybody_is_told_of_in_turn() {
    let limiter = Limiter::default();
    let rate = Rate { limit: 8, window: 60 };
    let keys: Vec<Key> = (0..10).map(key).collect();
    for key in &keys {
        limiter.take(*key, rate, BEGIN).unwrap();
    }
    let told = || {
        let news = limiter.near(BEGIN, 2);
        for news in &news {
            limiter.heard(news, news.counted);
        }
        news
    };
    let fresh: Vec<News> = (0..5).flat_map(|_| told()).collect();
    for key in &keys {
        assert_eq!(fresh.iter().filter(|news| news.key == *key && news.counted == 1).count(), 1);
    }
    // What is new comes before what is asked only.
    limiter.take(keys[7], rate, BEGIN).unwrap();
    assert!(told().iter().any(|news| news.key == keys[7] && news.counted == 1));
    let mut asked = Vec::new();
    for _ in 0..10 {
        limiter.unheard();
        asked.extend(told().iter().map(|news| news.key));
    }
    assert!(keys.iter().all(|key| asked.contains(key)), "{asked:?}");
    let _ = told();
    assert!(told().is_empty(), "and it comes to an end");
}
