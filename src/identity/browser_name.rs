//! What browsers call themselves, in words: enough to tell one's own devices apart, and no more.
//!
//! Browsers pretend to be each other, so the order matters: whoever pretends is asked for first.

/// The longest that is shown of what is not known, in characters.
const SHORT: usize = 60;

/// Marks and names of browsers, the most special first.
const BROWSERS: [(&str, &str); 13] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Marks and names of systems; phones say that they are like the others, too.
const SYSTEMS: [(&str, &str); 9] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("X11", "Unix"),
];

/// `Firefox on Linux`; the beginning of the text itself when it is of no known kind.
#[must_use]
pub fn in_words(user_agent: &str) -> String {
    let find = |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => shortened(user_agent),
    }
}

fn shortened(user_agent: &str) -> String {
    let visible = |c: &char| !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text: String = user_agent.trim().chars().filter(visible).collect();
    if text.is_empty() {
        return "Unknown browser".to_owned();
    }
    if text.chars().count() <= SHORT {
        return text;
    }
    let beginning: String = text.chars().take(SHORT - 1).collect();
    format!("{}…", beginning.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_ones_are_known_and_the_others_are_quoted() {
        let apple = "(KHTML, like Gecko)";
        for (user_agent, words) in [
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {apple} Chrome/140.0.0.0 Safari/537.36"),
                "Chrome on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {apple} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
                ),
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".to_owned(),
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0".to_owned(),
                "Firefox on macOS",
            ),
            (
                format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 {apple} Version/18.5 Safari/605.1.15"),
                "Safari on macOS",
            ),
            (
                format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 {apple} Version/18.5 Mobile/15E148 Safari/604.1"
                ),
                "Safari on iPhone",
            ),
            (
                format!(
                    "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 {apple} CriOS/140.0 Mobile/15E148 Safari/604.1"
                ),
                "Chrome on iPad",
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 {apple} Chrome/140.0.0.0 Mobile Safari/537.36"),
                "Chrome on Android",
            ),
            (
                format!(
                    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 {apple} Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0.0.0"
                ),
                "Edge on Android",
            ),
            ("curl/8.14.1".to_owned(), "curl"),
            ("PostmanRuntime/7.44".to_owned(), "PostmanRuntime/7.44"),
            (String::new(), "Unknown browser"),
            ("\u{202e}<script>".to_owned(), "<script>"),
        ] {
            assert_eq!(in_words(&user_agent), words);
        }
        assert_eq!(in_words(&"x".repeat(300)).chars().count(), SHORT);
    }
}
