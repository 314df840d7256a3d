//! The header `traceparent` (W3C Trace Context, level 1, §3.2): which trace a request is a part of.
//!
//! Whether whoever sends it is believed is not decided here.

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; never 0
    pub trace_id: u128,
    /// What in it has caused the request; never 0
    pub parent_id: u64,
    /// Whether whoever sends it records the trace
    pub is_sampled: bool,
}

/// Length of what version `00` defines.
const LENGTH: usize = 55;
/// The only flag of version `00`.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Reads the value of the header; `None` when it is malformed, which means that there is no such header (§3.2.2.3,
    /// §4.3). Later versions begin as this one does (§3.2.4).
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let known = value.get(..LENGTH)?;
        let rest = &value[LENGTH..];
        let mut parts = known.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !(is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2)) {
            return None;
        }
        let may_go_on = match version {
            "ff" => false,
            "00" => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let read = Self {
            trace_id: u128::from_str_radix(trace, 16).ok()?,
            parent_id: u64::from_str_radix(parent, 16).ok()?,
            is_sampled: u8::from_str_radix(flags, 16).ok()? & SAMPLED != 0,
        };
        (may_go_on && read.trace_id != 0 && read.parent_id != 0).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceParent;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn what_the_standard_shows_is_read() {
        let read = TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(read.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(read.parent_id, 0x00f0_67aa_0ba9_02b7);
        assert!(read.is_sampled);
    }

    #[test]
    fn only_the_flag_that_is_defined_counts() {
        for (flags, is_sampled) in [("00", false), ("01", true), ("fe", false), ("ff", true)] {
            let read = TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-{flags}")).unwrap();
            assert_eq!(read.is_sampled, is_sampled, "{flags}");
        }
    }

    #[test]
    fn later_versions_begin_the_same() {
        for rest in ["", "-", "-what-the-future-brings"] {
            assert!(
                TraceParent::parse(&format!("cc-{TRACE}-00f067aa0ba902b7-01{rest}")).is_some(),
                "{rest}"
            );
        }
        assert!(TraceParent::parse(&format!("cc-{TRACE}-00f067aa0ba902b7-01.what")).is_none());
    }

    #[test]
    fn what_is_malformed_is_as_if_it_were_not_there() {
        for value in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-"),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-{TRACE}-00f067aa0ba902b7-01 "),
            format!(" 00-{TRACE}-00f067aa0ba902b7-01"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("0x-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-00f067aa0ba902bg-01"),
            format!("00-{TRACE}+00f067aa0ba902b7-01"),
            format!("00-{TRACE}0-0f067aa0ba902b7-01"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
            format!("00-{}ü-00f067aa0ba902b7-01", &TRACE[2..]),
        ] {
            assert_eq!(TraceParent::parse(&value), None, "{value:?}");
        }
    }
}
