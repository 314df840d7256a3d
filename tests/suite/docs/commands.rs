//! Every command of the program that a page tells somebody to run is one that the program understands.

use std::path::Path;

use clap::Command;
use clap::error::ErrorKind;

/// Where a command ends that goes on with something else.
const ENDS: [&str; 6] = ["|", ">", "<", "&&", "||", ";"];

/// The words of a line, as a shell takes them; none of a comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut depth = 0;
    for c in line.chars() {
        match (c, quote) {
            // What another command prints is a word like any other.
            ('(', None) => depth += 1,
            (')', None) => depth -= 1,
            (_, None) if depth > 0 => {}
            (_, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            (_, None) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn is_assignment(word: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

/// The commands of the program in a line, each with its arguments: at its beginning, after settings of the environment, or where
/// another program is told to start it.
fn commands(line: &str) -> Vec<Vec<String>> {
    let words = words(line);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = &words[..at];
        let last = before.last().map(String::as_str);
        let is_first = before.iter().all(|word| is_assignment(word)) || matches!(last, Some("--" | "&&"));
        // The user, the container or the deployment has the same name.
        let is_started = word == "gatehouse" && last == Some("gatehouse");
        if (word == "gatehouse" || word.ends_with("/gatehouse")) && (is_first || is_started) {
            let arguments = words[at + 1..].iter().take_while(|word| !ENDS.contains(&word.as_str()));
            // What is left to the reader.
            let arguments = arguments.filter(|word| *word != "…").cloned();
            found.push([word.clone()].into_iter().chain(arguments).collect());
        }
    }
    found
}

/// The lines of a page that can hold commands: those of blocks for shells, and what stands as code in a sentence.
fn lines(page: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), None::<bool>);
    let page = page.replace("\\\n", " ");
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(language), None) => open = Some(["", "sh", "bash"].contains(&language)),
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => found.push(line.to_owned()),
            (None, Some(false)) => {}
            (None, None) => found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    found
}

fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs"))
        .expect("docs/")
        .map(|entry| entry.expect("an entry").path());
    let pages = docs.chain(["README.md", "deploy/README.md"].map(|name| root.join(name)));
    let pages = pages.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let read = |path: &Path| std::fs::read_to_string(path).expect("a page");
    pages.map(|path| (path.display().to_string(), read(&path))).collect()
}

#[test]
fn every_command_of_every_page_is_one() {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for command in lines(&text).iter().flat_map(|line| commands(line)) {
            checked += 1;
            let Err(error) = gatehouse::cli::command().try_get_matches_from(&command) else {
                continue;
            };
            // A sentence may name a command without its arguments.
            let is_shortened = matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
            );
            if !is_shortened {
                wrong.push(format!("{page}: {}: {error}", command.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 250, "only {checked}");
}

/// The table of the README has a row for every command, and in it every one below that.
#[test]
fn the_readme_lists_every_command() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `gatehouse")).collect();
    let root = gatehouse::cli::command();
    for command in root.get_subcommands() {
        let name = command.get_name();
        let of_it = rows
            .iter()
            .filter(|row| row.contains(&format!("`gatehouse {name}`")) || row.contains(&format!("`gatehouse {name} ")));
        let of_it = of_it.copied().collect::<Vec<_>>().join("\n");
        assert!(!of_it.is_empty(), "README.md has no row for gatehouse {name}");
        for sub in command.get_subcommands().map(Command::get_name) {
            let is_there = of_it.contains(&format!("`gatehouse {name} {sub}`")) || of_it.contains(&format!("`{sub}`"));
            assert!(is_there, "README.md does not name gatehouse {name} {sub}");
        }
    }
}

#[test]
fn commands_are_found_where_they_are() {
    let found = |line: &str| commands(line).into_iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert_eq!(
        found("cd /x && sudo -u gatehouse gatehouse user list # all"),
        ["gatehouse user list"]
    );
    assert_eq!(found("DATABASE_URL=x gatehouse doctor | less"), ["gatehouse doctor"]);
    assert_eq!(
        found("gatehouse backup --to \"a $(date +%F).db\""),
        ["gatehouse backup --to a $(date +%F).db"]
    );
    assert_eq!(
        found("kubectl exec deploy/gatehouse -- gatehouse audit verify"),
        ["gatehouse audit verify"]
    );
    assert!(found("install -d -o gatehouse -g gatehouse /var/backups/gatehouse").is_empty());
    assert!(found("helm upgrade --install gatehouse deploy/helm/gatehouse").is_empty());
    assert_eq!(
        lines("Run `a b` or `c`:\n```sh\nd \\\n  e\n```\n```toml\nf\n```"),
        ["a b", "c", "d    e"]
    );
}
