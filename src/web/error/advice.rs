//! What people are told to do next.

/// To wait for as long as programs are told to, and what then.
pub(super) fn wait(seconds: i64, and_then: &str) -> String {
    let seconds = seconds.max(1);
    let (count, unit) = if seconds < 120 {
        (seconds, "second")
    } else {
        ((seconds + 59) / 60, "minute")
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("Wait {count} {unit}{plural}, {and_then}.")
}

#[cfg(test)]
mod tests {
    use super::wait;

    #[test]
    fn the_time_is_the_one_that_programs_are_told() {
        for (seconds, said) in [
            (0, "Wait 1 second, then go on."),
            (4, "Wait 4 seconds, then go on."),
            (61, "Wait 61 seconds, then go on."),
            (121, "Wait 3 minutes, then go on."),
        ] {
            assert_eq!(wait(seconds, "then go on"), said);
        }
    }
}
