//! Types that hold secrets in the clear show nothing of it, whoever prints them.

/// Implements `Debug` for types so that only their name is shown.
macro_rules! redacted {
    ($($type:ident $(<$lifetime:lifetime>)?),+ $(,)?) => {
        $(impl std::fmt::Debug for $type $(<$lifetime>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($type), "(REDACTED)"))
            }
        })+
    };
}

pub(crate) use redacted;

#[cfg(test)]
mod tests {
    struct Secret<'a>(&'a str);
    redacted!(Secret<'_>);

    #[test]
    fn only_the_name_is_shown() {
        let secret = Secret("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(REDACTED)");
        assert_eq!(secret.0.len(), 7);
    }
}
