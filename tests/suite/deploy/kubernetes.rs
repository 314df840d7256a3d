//! `deploy/relay/kubernetes/`: facts that no schema knows.

use gatehouse::protocol::issuer::Issuer;
use gatehouse::web::routes;
use serde_json::{Value, json};

use super::{
    IMAGE, Manifest, Reader, assert_is_a_command, entries, files, in_repository, items, manifests, number, text, text_of, user_of_the_image,
};

const FOLDER: &str = "deploy/relay/kubernetes";
const KUSTOMIZATION: &str = "kustomization.yaml";
/// Connections that PostgreSQL has for programs: 100, less those that it keeps for its administrators.
const CONNECTIONS: u64 = 97;
/// How long bringing the schema up to date may take, in seconds; as the unit of systemd says.
pub const MIGRATION: u64 = 900;

/// For how many seconds a probe is asked before it counts as failed.
pub fn patience(probe: &Value) -> u64 {
    let number = |name: &str| probe[name].as_u64().expect("a number");
    number("periodSeconds") * number("failureThreshold")
}

/// Names are told by whoever the cluster has for it: pods, a cache on the machine (which no selector names), and on `OpenShift` at
/// another port.
pub fn assert_names_can_be_asked_for(policy: &Value) {
    for protocol in ["UDP", "TCP"] {
        for port in [53, 5353] {
            let wanted = json!({ "protocol": protocol, "port": port });
            let mut rules = items(&policy["spec"]["egress"]).iter();
            let is_open = rules.any(|rule| rule["to"].is_null() && items(&rule["ports"]).contains(&wanted));
            assert!(is_open, "nobody is asked for names at {port}");
        }
    }
}

/// The containers of a document; none when it makes none.
pub fn containers(document: &Value) -> &[Value] {
    items(&document["spec"]["template"]["spec"]["containers"])
}

/// The one document of a kind.
fn resource(kind: &str) -> Value {
    let here = manifests()
        .into_iter()
        .filter(|manifest| manifest.path.starts_with(in_repository(FOLDER)));
    let of_kubernetes = here.filter(|manifest| manifest.reader() == Reader::Kubernetes);
    let mut found = of_kubernetes
        .flat_map(|manifest| manifest.documents)
        .filter(|document| document["kind"] == kind);
    let resource = found.next().unwrap_or_else(|| panic!("there is no {kind}"));
    assert!(found.next().is_none(), "there are two of {kind}");
    resource
}

fn kustomization() -> Value {
    let path = in_repository(FOLDER).join(KUSTOMIZATION);
    Manifest::read(path).documents.remove(0)
}

/// The pod, and in it the container.
fn pod() -> (Value, Value) {
    let deployment = resource("Deployment");
    let [container] = containers(&deployment) else {
        panic!("the pod has one container");
    };
    (deployment["spec"]["template"].clone(), container.clone())
}

#[test]
fn the_pod_runs_the_relay_of_this_version() {
    let (pod, container) = pod();
    assert_eq!(container["image"], IMAGE);
    assert_eq!(container["command"], Value::Null, "the entry point of the image is the program");
    assert_eq!(container["args"], json!(["relay"]));
    assert_is_a_command(&container["args"]);
    let port = text(&resource("ConfigMap")["data"]["OAUTH_CALLBACK_PORT"]).to_owned();
    assert_eq!(container["ports"][0]["containerPort"].to_string(), port);
    let delay = number(text(&resource("ConfigMap")["data"]["GATEHOUSE_SHUTDOWN_DELAY"]));
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a number");
    assert!(delay >= 5 && grace > delay + 20, "running requests get 20 seconds");
    assert_eq!(container["lifecycle"], Value::Null, "the relay itself waits");
    assert!(
        patience(&container["startupProbe"]) >= MIGRATION,
        "a migration is ended in the middle"
    );
    assert_names_can_be_asked_for(&resource("NetworkPolicy"));
    assert_eq!(pod["spec"]["enableServiceLinks"], false, "they would look like settings");
}

#[test]
fn probes_ask_what_is_answered() {
    let (_, container) = pod();
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        let request = &container[probe]["httpGet"];
        assert_eq!(request["path"], path, "{probe}");
        assert_eq!(request["port"], container["ports"][0]["name"], "{probe}");
        assert!(routes::all().any(|route| route.path == path), "nothing answers at {path}");
    }
}

/// The restricted profile of the Pod Security Standards, and more.
#[test]
fn the_pod_is_confined() {
    let (pod, container) = pod();
    let of_pod = &pod["spec"]["securityContext"];
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["runAsUser"], user_of_the_image());
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    let own = &container["securityContext"];
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["capabilities"], json!({ "drop": ["ALL"] }));
    assert!(items(&container["volumeMounts"]).iter().all(|mount| mount["readOnly"] == true));
    for resource in ["cpu", "memory"] {
        assert!(container["resources"]["limits"][resource].is_string(), "no limit of {resource}");
        assert!(container["resources"]["requests"][resource].is_string(), "no request of {resource}");
    }
    let namespace = resource("Namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
}

/// The guide makes the Secret, with everything that the pod takes from it; no file has one.
#[test]
fn secrets_are_of_the_operator() {
    let (pod, container) = pod();
    let guide = text_of(&in_repository("deploy/README.md"));
    let mut keys = Vec::new();
    for variable in items(&container["env"]) {
        let Some(path) = variable["value"].as_str() else {
            let reference = &variable["valueFrom"]["secretKeyRef"];
            assert_eq!(reference["name"], "callback-relay");
            keys.push(text(&reference["key"]));
            continue;
        };
        let (folder, key) = path.rsplit_once('/').expect("a path");
        let mounts = items(&container["volumeMounts"]);
        let mount = mounts.iter().find(|mount| mount["mountPath"] == folder).expect("it is mounted");
        let volumes = items(&pod["spec"]["volumes"]);
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a volume");
        assert_eq!(volume["secret"]["secretName"], "callback-relay");
        assert!(
            items(&volume["secret"]["items"]).contains(&json!({ "key": key, "path": key })),
            "{path}"
        );
        keys.push(key);
    }
    assert_eq!(keys.len(), 3);
    assert!(guide.contains("create secret generic callback-relay "));
    for key in keys {
        assert!(
            guide.contains(&format!("> ~/callback-relay/{key}\n")),
            "the guide does not make {key}"
        );
    }
    let mut all = manifests().into_iter().flat_map(|manifest| manifest.documents);
    assert!(all.all(|document| document["kind"] != "Secret"), "a secret is in a file");
}

/// Whoever names another names one that is there.
#[test]
fn names_lead_to_something() {
    let (pod, container) = pod();
    let (service, ingress) = (resource("Service"), resource("Ingress"));
    let name = &resource("Deployment")["metadata"]["name"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!(resource("Deployment")["spec"]["selector"]["matchLabels"], *labels);
    assert_eq!(resource("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], *labels);
    assert_eq!(resource("NetworkPolicy")["spec"]["podSelector"]["matchLabels"], *labels);
    for constraint in items(&pod["spec"]["topologySpreadConstraints"]) {
        assert_eq!(constraint["labelSelector"]["matchLabels"], *labels);
    }
    assert_eq!(service["spec"]["selector"], *labels);
    let port = &container["ports"][0]["name"];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], *port);
    assert_eq!(resource("NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"], *port);
    assert_eq!(
        container["envFrom"],
        json!([{ "configMapRef": { "name": resource("ConfigMap")["metadata"]["name"] } }])
    );
    assert_eq!(
        resource("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"],
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": name })
    );
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
}

/// One host name everywhere, and a proxy that waits.
#[test]
fn the_ingress_passes_on_what_the_relay_expects() {
    let (ingress, settings) = (resource("Ingress"), resource("ConfigMap"));
    let host = text(&ingress["spec"]["rules"][0]["host"]).to_owned();
    assert_eq!(ingress["spec"]["tls"][0]["hosts"], json!([host]));
    for variable in ["GATEHOUSE_ISSUER", "GATEHOUSE_RELAY_URL"] {
        let url = text(&settings["data"][variable]);
        assert_eq!(url, format!("https://{host}"), "{variable}");
        assert_eq!(Issuer::parse(url).expect("a public URL").to_string(), url);
    }
    let annotations = &ingress["metadata"]["annotations"];
    for name in ["nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.org/proxy-read-timeout"] {
        assert!(number(text(&annotations[name])) > 60, "long polls take 60 seconds: {name}");
    }
    for name in [
        "nginx.ingress.kubernetes.io/proxy-connect-timeout",
        "nginx.org/proxy-connect-timeout",
    ] {
        assert!(
            number(text(&annotations[name])) < 5,
            "a machine that is gone holds requests up: {name}"
        );
    }
    assert_eq!(annotations["nginx.ingress.kubernetes.io/proxy-buffering"], "off");
    assert_eq!(annotations["nginx.org/proxy-buffering"], "False");
    for name in ["nginx.ingress.kubernetes.io/proxy-buffer-size", "nginx.org/proxy-buffer-size"] {
        assert_eq!(annotations[name], "32k", "answers have long heads: {name}");
    }
}

#[test]
fn connections_of_all_pods_fit_into_the_database() {
    let autoscaler = resource("HorizontalPodAutoscaler");
    let deployment = resource("Deployment");
    assert_eq!(deployment["spec"]["replicas"], Value::Null, "the autoscaler says how many");
    let most = autoscaler["spec"]["maxReplicas"].as_u64().expect("a number");
    let surge = deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        .as_u64()
        .expect("a number");
    let pool = number(text(&resource("ConfigMap")["data"]["GATEHOUSE_DATABASE_POOL_SIZE"]));
    assert!((most + surge) * pool <= CONNECTIONS, "{most} and {surge} pods with {pool} each");
}

/// The kustomization has every file, and replaces the image that is there.
#[test]
fn the_kustomization_is_complete() {
    let kustomization = kustomization();
    let known = ["apiVersion", "kind", "namespace", "resources", "images"];
    let unknown: Vec<&str> = entries(&kustomization)
        .map(|(name, _)| name)
        .filter(|name| !known.contains(name))
        .collect();
    assert!(unknown.is_empty(), "no test knows {unknown:?}");
    assert_eq!(kustomization["apiVersion"], "kustomize.config.k8s.io/v1beta1");
    assert_eq!(kustomization["namespace"], resource("Namespace")["metadata"]["name"]);
    let mut listed: Vec<&str> = items(&kustomization["resources"]).iter().map(text).collect();
    listed.sort_unstable();
    let there = files(&in_repository(FOLDER));
    let there = there.iter().filter_map(|path| path.file_name()?.to_str());
    let there: Vec<&str> = there.filter(|name| *name != KUSTOMIZATION).collect();
    assert_eq!(listed, there);
    let image = &kustomization["images"][0];
    assert_eq!(format!("{}:{}", text(&image["name"]), text(&image["newTag"])), IMAGE);
}
