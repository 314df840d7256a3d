//! How two distributions differ.

use std::cell::Cell;

/// Times that are drawn again for the interval.
const RESAMPLES: usize = 2000;

thread_local! {
    /// The state of the generator: the same each time, so that a run can be repeated.
    static STATE: Cell<u64> = const { Cell::new(0x9e37_79b9_7f4a_7c15) };
}

/// A number below `end` (xorshift; nobody has to be unable to guess it).
#[expect(clippy::cast_possible_truncation, reason = "it is below a length")]
fn number(end: usize) -> usize {
    let mut state = STATE.get();
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    (state % end as u64) as usize
}

/// Puts them into a random order.
pub fn shuffle<T>(items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, number(at + 1));
    }
}

/// The middle of some numbers, of which it changes the order.
fn median(numbers: &mut [f64]) -> f64 {
    let middle = numbers.len() / 2;
    let (_, median, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    *median
}

/// What two kinds of answers took.
pub struct Comparison {
    medians: (f64, f64),
    interval: (f64, f64),
    /// How often one of the first kind took longer than one of the second: 0.5 when one cannot tell
    longer: f64,
    /// How probable that is by chance (Mann and Whitney, two sides)
    p: f64,
}

impl Comparison {
    /// Of times in microseconds.
    pub fn of(mut one: Vec<f64>, mut other: Vec<f64>) -> Self {
        let (longer, p) = rank_test(&one, &other);
        let mut differences: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let again = |numbers: &[f64]| {
                    let mut drawn: Vec<f64> = numbers.iter().map(|_| numbers[number(numbers.len())]).collect();
                    median(&mut drawn)
                };
                again(&one) - again(&other)
            })
            .collect();
        differences.sort_by(f64::total_cmp);
        Self {
            interval: (differences[RESAMPLES / 40], differences[RESAMPLES - RESAMPLES / 40 - 1]),
            medians: (median(&mut one), median(&mut other)),
            longer,
            p,
        }
    }

    /// A line of a table.
    pub fn row(&self, one: &str, other: &str) -> String {
        let (first, second) = self.medians;
        let (low, high) = self.interval;
        format!(
            "| {one} | {other} | {first:.0}, {second:.0} | {:+.1} ({low:+.1} to {high:+.1}) | {:.3} | {} |",
            first - second,
            self.longer,
            if self.p < 0.001 {
                "< 0.001".to_owned()
            } else {
                format!("{:.3}", self.p)
            }
        )
    }
}

/// The test of Mann and Whitney, by its normal approximation: how often the one is larger, and how probable that is by chance.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn rank_test(one: &[f64], other: &[f64]) -> (f64, f64) {
    let mut all: Vec<(f64, bool)> = one
        .iter()
        .map(|time| (*time, true))
        .chain(other.iter().map(|time| (*time, false)))
        .collect();
    all.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut ranks = 0.0;
    let mut at = 0;
    while at < all.len() {
        let same = all[at..].iter().take_while(|(time, _)| time.total_cmp(&all[at].0).is_eq()).count();
        // All of them have the middle of their ranks.
        let rank = at as f64 + f64::midpoint(same as f64, 1.0);
        ranks += rank * all[at..at + same].iter().filter(|(_, is_one)| *is_one).count() as f64;
        at += same;
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks - n * (n + 1.0) / 2.0;
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    (u / (n * m), two_sided(z))
}

/// The probability of something as far out under the normal distribution (Abramowitz and Stegun 7.1.26).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (series * (-x * x).exp()).clamp(0.0, 1.0)
}
