//! `deploy/relay/compose.yaml` and the proxy's `Caddyfile`: facts that no schema knows.

use serde_json::{Value, json};

use super::{IMAGE, Manifest, OF_OPERATORS, assert_is_a_command, entries, in_repository, items, number, text, text_of, user_of_the_image};

fn compose() -> Value {
    Manifest::read(in_repository("deploy/relay/compose.yaml")).documents.remove(0)
}

#[test]
fn nodes_run_the_relay_of_this_version() {
    let relay = &compose()["services"]["relay"];
    assert_eq!(relay["image"], IMAGE);
    assert_eq!(relay["command"], json!(["relay"]));
    assert_is_a_command(&relay["command"]);
    let user = user_of_the_image();
    assert_eq!(relay["user"], format!("{user}:{user}"));
    assert!(relay["deploy"]["replicas"].as_u64() > Some(1), "one node is no cluster");
    assert!(number(text(&relay["stop_grace_period"])) > 20, "running requests get 20 seconds");

    let check = items(&relay["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD", "gatehouse"]);
    assert_is_a_command(&json!(check[2..]));
}

#[test]
fn every_service_is_confined() {
    for (name, service) in entries(&compose()["services"]) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        assert!(number(text(&service["user"])) > 0, "{name} is root");
        assert!(
            service["deploy"]["resources"]["limits"]["memory"].is_string(),
            "{name} has no limit"
        );
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "nobody asks how {name} is");
        let (_, tag) = text(&service["image"]).split_once(':').expect("a tag");
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{name}: {tag} is no version");
    }
}

/// Every path to a secret leads to a file that the guide makes and git ignores.
#[test]
fn secrets_are_files_of_the_operator() {
    let compose = compose();
    let guide = text_of(&in_repository("deploy/README.md"));
    for (service, definition) in entries(&compose["services"]) {
        for (variable, value) in entries(&definition["environment"]) {
            if let Some(secret) = value.as_str().and_then(|path| path.strip_prefix("/run/secrets/")) {
                assert!(
                    items(&definition["secrets"]).contains(&json!(secret)),
                    "{service} is not given {secret} for {variable}"
                );
            }
        }
        for secret in items(&definition["secrets"]).iter().map(text) {
            assert_eq!(compose["secrets"][secret]["file"], format!("./secrets/{secret}"));
            assert!(guide.contains(&format!("> secrets/{secret}\n")), "the guide does not make {secret}");
        }
    }
    let ignored = text_of(&in_repository(".gitignore"));
    for name in OF_OPERATORS {
        let line = format!("/deploy/relay/{name}");
        assert!(ignored.lines().any(|other| other == line), "git does not ignore {line}");
    }
}

/// Addresses of browsers are told by the proxy, and by nobody else; only the proxy sees the world.
#[test]
fn networks_are_as_settings_say() {
    let compose = compose();
    let (services, networks) = (&compose["services"], &compose["networks"]);
    let trusted = &services["relay"]["environment"]["GATEHOUSE_TRUSTED_PROXIES"];
    assert_eq!(networks["inside"]["ipam"]["config"][0]["subnet"], *trusted);
    assert!(items(&services["proxy"]["networks"]).contains(&json!("inside")));
    for service in ["relay", "postgres"] {
        assert!(services[service]["ports"].is_null(), "{service} is reached from outside");
        for network in items(&services[service]["networks"]).iter().map(text) {
            assert_eq!(networks[network]["internal"], true, "{service} is in {network}");
        }
    }
}

#[test]
fn the_proxy_knows_what_it_passes_on() {
    let compose = compose();
    let caddyfile = text_of(&in_repository("deploy/relay/Caddyfile"));
    let setting = |name: &str| {
        let mut lines = caddyfile.lines().map(str::trim);
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("the Caddyfile does not set {name}"))
    };
    let port = text(&compose["services"]["relay"]["environment"]["OAUTH_CALLBACK_PORT"]);
    assert_eq!(setting("dynamic"), format!("a relay {port} {{"), "all nodes, at their port");
    assert_eq!(setting("lb_policy"), "round_robin");
    assert_eq!(setting("flush_interval"), "-1", "events are passed on at once");
    assert!(number(setting("response_header_timeout")) > 60, "long polls take 60 seconds");
    assert_eq!(setting("request>uri"), "regexp [?].* ?REDACTED", "codes are not logged");
    assert_eq!(setting("request>headers"), "delete", "admin tokens are not logged");

    let inside = [setting("http_port"), setting("https_port")];
    let published = items(&compose["services"]["proxy"]["ports"]).iter().map(text);
    let published: Vec<&str> = published.map(|ports| ports.split_once(':').expect("two ports").1).collect();
    assert_eq!(published, inside);
}
