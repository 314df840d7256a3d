//! `deploy/compose` and `deploy/relay`, and the proxy's `Caddyfile` that both have: facts that no schema knows.

use serde_json::{Value, json};

use super::environment::{assert_known, interpolated};
use super::kubernetes::MIGRATION;
use super::{IMAGE, Manifest, OF_OPERATORS, assert_is_a_command, entries, in_repository, items, number, text, text_of, user_of_the_image};

/// The proxy's file.
pub const CADDYFILE: &str = "deploy/caddy/Caddyfile.nodes";

/// What a Caddyfile sets.
fn setting(caddyfile: &str, name: &str) -> Option<String> {
    let mut lines = caddyfile.lines().map(str::trim);
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned)
}

/// One of the two.
struct Installation {
    folder: &'static str,
    /// The service that is ours
    node: &'static str,
    command: &'static str,
    /// Networks besides that are not only among the services
    outgoing: &'static [&'static str],
}

const BOTH: [Installation; 2] = [
    Installation {
        folder: "deploy/relay",
        node: "relay",
        command: "relay",
        outgoing: &[],
    },
    Installation {
        folder: "deploy/compose",
        node: "gatehouse",
        command: "serve",
        outgoing: &["outgoing"],
    },
];

impl Installation {
    fn compose(&self) -> Value {
        let path = in_repository(self.folder).join("compose.yaml");
        Manifest::read(path).documents.remove(0)
    }
}

#[test]
fn nodes_run_this_version() {
    for installation in BOTH {
        let node = &installation.compose()["services"][installation.node];
        assert_eq!(interpolated(text(&node["image"])), IMAGE, "unless .env says another one");
        assert_eq!(node["command"], json!([installation.command]));
        assert_is_a_command(&node["command"]);
        let user = user_of_the_image();
        assert_eq!(node["user"], format!("{user}:{user}"));
        assert!(node["ulimits"]["nofile"].as_u64() > Some(32_768), "each connection is a file");
        assert!(node["deploy"]["replicas"].as_u64() > Some(1), "one node is no cluster");
        let delay = node["environment"]["GATEHOUSE_SHUTDOWN_DELAY"].as_str().map_or(0, number);
        let grace = number(text(&node["stop_grace_period"]));
        assert!(grace >= delay + 30, "running requests get 20 seconds, and the database some more");
        let kept = setting(&text_of(&in_repository(CADDYFILE)), "keepalive").map(|kept| number(&kept));
        assert!(
            kept.is_some() && Some(delay) > kept,
            "Caddy keeps connections for longer than nodes wait"
        );
        if installation.command == "serve" {
            let metrics = text(&node["environment"]["GATEHOUSE_METRICS_LISTEN"]);
            assert_ne!(
                metrics,
                text(&node["environment"]["GATEHOUSE_LISTEN"]),
                "the proxy does not lead there"
            );
        }

        let check = items(&node["healthcheck"]["test"]);
        assert_eq!(check[..2], ["CMD", "gatehouse"]);
        assert_is_a_command(&json!(check[2..]));
        let starting = |name: &str| number(text(&node["healthcheck"][name]));
        assert!(starting("start_period") >= MIGRATION, "nobody ends a migration");
        assert_eq!(starting("start_interval"), 1, "whoever waits for it is told at once");
    }
}

#[test]
fn every_service_is_confined() {
    for installation in BOTH {
        for (name, service) in entries(&installation.compose()["services"]) {
            assert_eq!(service["read_only"], true, "{name}");
            assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
            assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
            assert!(number(text(&service["user"])) > 0, "{name} is root");
            assert!(
                service["deploy"]["resources"]["limits"]["memory"].is_string(),
                "{name} has no limit"
            );
            assert_eq!(service["restart"], "unless-stopped", "{name}");
            assert_eq!(service["logging"]["driver"], "local", "{name} writes until the disk is full");
            assert!(service["logging"]["options"]["max-size"].is_string(), "{name}");
            assert!(service["healthcheck"]["test"].is_array(), "nobody asks how {name} is");
            let image = interpolated(text(&service["image"]));
            let (_, tag) = image.split_once(':').expect("a tag");
            assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{name}: {tag} is no version");
        }
    }
}

/// Every path to a secret leads to a file that the guide makes and git ignores.
#[test]
fn secrets_are_files_of_the_operator() {
    let guide = text_of(&in_repository("deploy/README.md"));
    let ignored = text_of(&in_repository(".gitignore"));
    for installation in BOTH {
        let compose = installation.compose();
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
        assert!(
            guide.contains(&format!("cd {}", installation.folder)),
            "the guide does not go there"
        );
        for name in OF_OPERATORS {
            let line = format!("/{}/{name}", installation.folder);
            assert!(ignored.lines().any(|other| other == line), "git does not ignore {line}");
        }
    }
}

/// Addresses of browsers are told by the proxy, and by nobody else; only the proxy is reached from the world.
#[test]
fn networks_are_as_settings_say() {
    for installation in BOTH {
        let compose = installation.compose();
        let (services, networks) = (&compose["services"], &compose["networks"]);
        let trusted = &services[installation.node]["environment"]["GATEHOUSE_TRUSTED_PROXIES"];
        assert_eq!(networks["inside"]["ipam"]["config"][0]["subnet"], *trusted);
        assert!(items(&services["proxy"]["networks"]).contains(&json!("inside")));
        for service in [installation.node, "postgres"] {
            assert!(services[service]["ports"].is_null(), "{service} is reached from outside");
            for network in items(&services[service]["networks"]).iter().map(text) {
                let is_allowed = service == installation.node && installation.outgoing.contains(&network);
                assert!(networks[network]["internal"] == true || is_allowed, "{service} is in {network}");
            }
        }
    }
}

#[test]
fn the_proxy_knows_what_it_passes_on() {
    let caddyfile = text_of(&in_repository(CADDYFILE));
    let setting = |name: &str| setting(&caddyfile, name).unwrap_or_else(|| panic!("the Caddyfile does not set {name}"));
    for installation in BOTH {
        let compose = installation.compose();
        let proxy = &compose["services"]["proxy"];
        assert_eq!(proxy["environment"]["UPSTREAM"], installation.node, "all nodes");
        let environment = &compose["services"][installation.node]["environment"];
        let port = environment["OAUTH_CALLBACK_PORT"].as_str().map_or("8000", |port| port);
        let listen = environment["GATEHOUSE_LISTEN"]
            .as_str()
            .map_or(port, |listen| &listen["0.0.0.0:".len()..]);
        assert_eq!(
            setting("dynamic"),
            format!("a {{$UPSTREAM}} {{$UPSTREAM_PORT:{listen}}} {{"),
            "at their port"
        );
        let mount = text(&proxy["volumes"][0])
            .strip_suffix(":/etc/caddy/Caddyfile:ro")
            .expect("its file");
        let mounted = in_repository(installation.folder).join(mount).canonicalize().expect("a file");
        assert_eq!(mounted, in_repository(CADDYFILE).canonicalize().expect("a file"));
        let inside = [setting("http_port"), setting("https_port")];
        let published = items(&proxy["ports"]).iter().map(text);
        let published: Vec<&str> = published.map(|ports| ports.split_once(':').expect("two ports").1).collect();
        assert_eq!(published, inside);
    }
    assert_eq!(setting("lb_policy"), "round_robin");
    assert_eq!(setting("flush_interval"), "-1", "events are passed on at once");
    assert!(number(&setting("response_header_timeout")) > 60, "long polls take 60 seconds");
    assert_eq!(setting("request>uri"), "regexp [?].* ?REDACTED", "codes are not logged");
    assert_eq!(setting("request>headers"), "delete", "admin tokens are not logged");
}

/// Where all nodes are replaced at once, a file beside the other gives them the secret before, too.
#[test]
fn the_guide_gives_nodes_two_secrets() {
    let guide = text_of(&in_repository("deploy/README.md"));
    let (_, block) = guide
        .split_once("```yaml\n# compose.override.yaml")
        .expect("the guide has the file");
    let (block, _) = block.split_once("\n```").expect("it ends");
    let (_, file) = block.split_once('\n').expect("after its name");
    let documents: Vec<Value> = serde_saphyr::from_multiple(file).expect("YAML");
    let [more] = documents.as_slice() else {
        panic!("one document");
    };
    assert_eq!(assert_known("compose.override.yaml", &documents), 1);
    let node = &more["services"]["gatehouse"];
    assert_eq!(node["secrets"], json!(["app_secret_previous"]));
    assert_eq!(
        node["environment"],
        json!({ "APP_SECRET_PREVIOUS_FILE": "/run/secrets/app_secret_previous" })
    );
    let path = more["secrets"]["app_secret_previous"]["file"].as_str().expect("a file");
    let moved = format!("mv secrets/app_secret {}\n", path.trim_start_matches("./"));
    assert!(guide.contains(&moved), "the guide does not make {path}");
    for (name, _) in entries(&more["services"]) {
        let is_there = |installation: &Installation| installation.compose()["services"][name].is_object();
        assert!(BOTH.iter().any(is_there), "nothing is called {name}");
    }
}
