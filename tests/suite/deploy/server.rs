//! The whole server on Kubernetes, whatever its documents were made with: facts that no schema knows.

use gatehouse::web::routes;
use serde_json::{Value, json};

use super::{
    IMAGE, Manifest, assert_is_a_command, entries, environment, files, in_repository, items, kubernetes, number, text, text_of,
    user_of_the_image,
};

const FOLDER: &str = "deploy/kubernetes";
/// Connections that PostgreSQL has for programs: 100, less those that it keeps for its administrators.
const CONNECTIONS: u64 = 97;

/// The only document of a kind, if there is one.
pub fn one<'d>(documents: &'d [Value], kind: &str) -> Option<&'d Value> {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let one = found.next();
    assert!(found.next().is_none(), "there are two of {kind}");
    one
}

/// The value of a variable of a container.
fn variable<'d>(container: &'d Value, name: &str) -> &'d str {
    let mut variables = items(&container["env"]).iter();
    let found = variables
        .find(|variable| variable["name"] == name)
        .unwrap_or_else(|| panic!("{name} is not set"));
    text(&found["value"])
}

/// Everything that holds for every installation of the server.
pub fn assert_sound(place: &str, documents: &[Value]) {
    let deployment = one(documents, "Deployment").expect("a Deployment");
    let pod = &deployment["spec"]["template"];
    let [container] = kubernetes::containers(deployment) else {
        panic!("the pod has one container");
    };
    assert!(text(&container["image"]).ends_with(&format!("/{IMAGE}")), "{}", container["image"]);
    assert_eq!(container["args"], json!(["serve"]));
    let delay = number(variable(container, "GATEHOUSE_SHUTDOWN_DELAY"));
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a number");
    assert!(grace > delay + 20, "running requests get 20 seconds");
    assert_eq!(container["lifecycle"], Value::Null, "the server itself waits");
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "http" }), "{probe}");
        assert!(routes::all().any(|route| route.path == path), "nothing answers at {path}");
    }
    let patience = kubernetes::patience(&container["startupProbe"]);
    assert!(patience >= kubernetes::MIGRATION, "a migration is ended in the middle");
    for job in documents.iter().filter(|document| document["kind"] == "Job") {
        let [migration] = kubernetes::containers(job) else {
            panic!("the job has one container");
        };
        assert_eq!(migration["args"], json!(["migrate"]));
        assert_eq!(migration["image"], container["image"]);
        assert_eq!(migration["env"], container["env"], "it sees what the server sees");
        assert_confined(&job["spec"]["template"], migration);
        let hook = text(&job["metadata"]["annotations"]["helm.sh/hook"]);
        assert_eq!(hook, "pre-install,pre-upgrade", "before the pods of a new version");
    }
    assert_confined(pod, container);
    assert_secrets_are_given(pod, container);
    assert_names_lead_to_something(documents, deployment, container);
    let pool = number(variable(container, "GATEHOUSE_DATABASE_POOL_SIZE"));
    if let Some(autoscaler) = one(documents, "HorizontalPodAutoscaler") {
        let most = autoscaler["spec"]["maxReplicas"].as_u64().expect("a number");
        assert!((most + 1) * pool <= CONNECTIONS, "{most} pods, and one more, with {pool} each");
        assert_eq!(deployment["spec"]["replicas"], Value::Null, "the autoscaler says how many");
    }
    assert!(environment::assert_known(place, documents) > 5);
    assert!(
        documents.iter().all(|document| document["kind"] != "Secret"),
        "a secret is in a file"
    );
}

/// The restricted profile of the Pod Security Standards, and more.
fn assert_confined(pod: &Value, container: &Value) {
    assert_is_a_command(&container["args"]);
    assert_eq!(container["command"], Value::Null, "the entry point of the image is the program");
    let of_pod = &pod["spec"]["securityContext"];
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["runAsUser"], user_of_the_image());
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    assert_eq!(pod["spec"]["enableServiceLinks"], false, "they would look like settings");
    let own = &container["securityContext"];
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["capabilities"], json!({ "drop": ["ALL"] }));
    assert!(items(&container["volumeMounts"]).iter().all(|mount| mount["readOnly"] == true));
    for resource in ["cpu", "memory"] {
        assert!(container["resources"]["limits"][resource].is_string(), "no limit of {resource}");
        assert!(container["resources"]["requests"][resource].is_string(), "no request of {resource}");
    }
}

/// The guide makes the Secret, with everything that the pod takes from it.
fn assert_secrets_are_given(pod: &Value, container: &Value) {
    let guide = text_of(&in_repository("deploy/README.md"));
    let volumes = items(&pod["spec"]["volumes"]);
    let mut keys = Vec::new();
    for variable in items(&container["env"]) {
        if let Some(reference) = variable["valueFrom"]["secretKeyRef"].as_object() {
            keys.push(text(&reference["key"]));
        } else if let Some((folder, key)) = text(&variable["value"])
            .rsplit_once('/')
            .filter(|(folder, _)| folder.starts_with("/run/"))
        {
            let mut mounts = items(&container["volumeMounts"]).iter();
            let mount = mounts.find(|mount| mount["mountPath"] == folder).expect("it is mounted");
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a volume");
            assert!(
                items(&volume["secret"]["items"]).contains(&json!({ "key": key, "path": key })),
                "{key}"
            );
            keys.push(key);
        }
    }
    assert!(keys.contains(&"database_url") && keys.contains(&"app_secret"), "{keys:?}");
    assert!(guide.contains("create secret generic gatehouse "));
    for key in keys {
        assert!(guide.contains(&format!("> ~/gatehouse/{key}\n")), "the guide does not make {key}");
    }
}

/// Whoever names another names one that is there.
fn assert_names_lead_to_something(documents: &[Value], deployment: &Value, container: &Value) {
    let labels = &deployment["spec"]["selector"]["matchLabels"];
    let of_pod = &deployment["spec"]["template"]["metadata"]["labels"];
    for (name, value) in entries(labels) {
        assert_eq!(of_pod[name], *value, "{name}");
    }
    let service = one(documents, "Service").expect("a Service");
    assert_eq!(service["spec"]["selector"], *labels);
    assert_eq!(
        one(documents, "PodDisruptionBudget").expect("a budget")["spec"]["selector"]["matchLabels"],
        *labels
    );
    let ports: Vec<&Value> = items(&container["ports"]).iter().map(|port| &port["name"]).collect();
    for port in items(&service["spec"]["ports"]) {
        assert!(ports.contains(&&port["targetPort"]), "{port}");
    }
    if let Some(policy) = one(documents, "NetworkPolicy") {
        assert_eq!(policy["spec"]["podSelector"]["matchLabels"], *labels);
        kubernetes::assert_names_can_be_asked_for(policy);
        for port in items(&policy["spec"]["ingress"]).iter().flat_map(|rule| items(&rule["ports"])) {
            assert!(ports.contains(&&port["port"]), "{port}");
        }
    }
    if let Some(autoscaler) = one(documents, "HorizontalPodAutoscaler") {
        let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"] });
        assert_eq!(autoscaler["spec"]["scaleTargetRef"], target);
    }
    if let Some(ingress) = one(documents, "Ingress") {
        let rule = &ingress["spec"]["rules"][0];
        let host = text(&rule["host"]);
        assert_eq!(ingress["spec"]["tls"][0]["hosts"], json!([host]));
        let issuer = variable(container, "GATEHOUSE_ISSUER");
        assert_eq!(reqwest::Url::parse(issuer).expect("a URL").host_str(), Some(host), "{issuer}");
        let size = &ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-buffer-size"];
        assert_eq!(size, "32k", "answers have long heads");
        let backend = &rule["http"]["paths"][0]["backend"]["service"];
        assert_eq!(backend["name"], service["metadata"]["name"]);
        assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
    }
}

#[test]
fn the_manifests_are_sound() {
    let path = in_repository(FOLDER).join("gatehouse.yaml");
    let documents = Manifest::read(path).documents;
    assert_sound(FOLDER, &documents);
    assert_metrics_are_for_prometheus(&documents);
}

/// They are read on a port of their own, which neither the ingress leads to nor other namespaces reach.
fn assert_metrics_are_for_prometheus(documents: &[Value]) {
    let deployment = one(documents, "Deployment").expect("a Deployment");
    let container = &kubernetes::containers(deployment)[0];
    let mut ports = items(&container["ports"]).iter();
    let port = ports.find(|port| port["name"] == "metrics").expect("a port for metrics");
    let listen = variable(container, "GATEHOUSE_METRICS_LISTEN");
    assert_eq!(listen, format!("0.0.0.0:{}", port["containerPort"]));
    let policy = one(documents, "NetworkPolicy").expect("a policy");
    let mut rules = items(&policy["spec"]["ingress"]).iter();
    let rule = rules.find(|rule| items(&rule["ports"]).iter().any(|port| port["port"] == "metrics"));
    let rule = rule.expect("somebody reads them");
    assert_eq!(items(&rule["ports"]).len(), 1, "{rule}");
    assert_eq!(
        rule["from"],
        json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } } }])
    );
    assert!(one(documents, "ServiceMonitor").is_none(), "not every cluster knows that kind");
}

#[test]
fn the_kustomization_is_complete() {
    let read = |name: &str| Manifest::read(in_repository(FOLDER).join(name)).documents.remove(0);
    let kustomization = read("kustomization.yaml");
    let namespace = read("namespace.yaml");
    assert_eq!(kustomization["namespace"], namespace["metadata"]["name"]);
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let mut listed: Vec<&str> = items(&kustomization["resources"]).iter().map(text).collect();
    listed.sort_unstable();
    let there = files(&in_repository(FOLDER));
    let there = there.iter().filter_map(|path| path.file_name()?.to_str());
    let there: Vec<&str> = there.filter(|name| *name != "kustomization.yaml").collect();
    assert_eq!(listed, there);
    let image = &kustomization["images"][0];
    let named = format!("{}:{}", text(&image["name"]), text(&image["newTag"]));
    let deployment = Manifest::read(in_repository(FOLDER).join("gatehouse.yaml")).documents;
    let deployment = one(&deployment, "Deployment").expect("a Deployment");
    assert_eq!(kubernetes::containers(deployment)[0]["image"], named);
}
