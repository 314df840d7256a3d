//! Every command explains itself.

use clap::Command;
use gatehouse::config::registry::SETTINGS;

use crate::support::process::Sandbox;

/// Every command with the words that call it.
fn walk(command: &Command, words: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    found.push((words.to_vec(), command.clone()));
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let words = [words, &[sub.get_name().to_owned()]].concat();
        walk(sub, &words, found);
    }
}

fn commands() -> Vec<(Vec<String>, Command)> {
    let mut root = gatehouse::cli::command();
    root.build();
    let mut found = Vec::new();
    walk(&root, &[], &mut found);
    found
}

#[test]
fn every_command_and_argument_says_what_it_is() {
    let commands = commands();
    assert!(commands.len() > 25, "the walk found only {}", commands.len());
    for (words, command) in commands {
        let name = words.join(" ");
        assert!(
            command.get_about().is_some_and(|about| about.to_string().len() > 3),
            "gatehouse {name} has no text"
        );
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.len() > 2, "gatehouse {name}: {} has no help", argument.get_id());
            let is_setting = SETTINGS.iter().any(|setting| argument.get_id() == setting.key);
            assert!(
                !is_setting || argument.is_global_set(),
                "gatehouse {name} has an argument with the name of a setting: {}",
                argument.get_id()
            );
        }
    }
}

#[test]
fn help_of_every_command_is_printed() {
    let sandbox = Sandbox::bare();
    for (words, command) in commands() {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = sandbox.run(&arguments).done();
        assert!(help.contains("Usage: gatehouse"), "{help}");
        for sub in command.get_subcommands() {
            assert!(help.contains(sub.get_name()), "{words:?} does not name {}", sub.get_name());
        }
        assert!(help.contains("GATEHOUSE_ISSUER"), "{words:?} does not show the settings");
    }
    let left: Vec<_> = std::fs::read_dir(sandbox.folder()).unwrap().collect();
    assert!(left.is_empty(), "asking for help leaves nothing behind");
    assert!(sandbox.run(&["--version"]).done().starts_with("gatehouse "));
}

/// What is meant to be copied must not be broken where a terminal ends.
#[test]
fn examples_are_not_wrapped() {
    let mut seen = 0;
    for (words, command) in commands() {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in text.lines().filter(|line| line.starts_with("  ")) {
            seen += 1;
            assert!(line.chars().count() <= 80, "gatehouse {}: {line}", words.join(" "));
        }
    }
    assert!(seen > 20, "only {seen} lines");
}
