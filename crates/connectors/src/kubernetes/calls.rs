//! Every call that is ever made of a cluster: what is not in this table is refused before it leaves, and the role that a
//! cluster's owner grants is printed from it. All of them read.

/// One thing that may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its API group; empty for the first one.
    pub group: &'static str,
    /// The version that is spoken.
    pub version: &'static str,
    /// As it stands in addresses and roles: `pods`, `pods/log`.
    pub resource: &'static str,
    /// What one of it is called: `Pod`.
    pub kind: &'static str,
    /// `list` or `get`.
    pub verb: &'static str,
    /// Does it lie in a namespace?
    pub namespaced: bool,
    /// Are only names and labels asked for, and never what it holds?
    pub names_only: bool,
    /// What it is good for, for whoever grants it.
    pub why: &'static str,
}

const fn list(
    group: &'static str,
    version: &'static str,
    resource: &'static str,
    kind: &'static str,
    why: &'static str,
) -> Call {
    Call {
        group,
        version,
        resource,
        kind,
        verb: "list",
        namespaced: true,
        names_only: false,
        why,
    }
}

/// The lines of a container.
pub const LOGS: Call = Call {
    verb: "get",
    ..list(
        "",
        "v1",
        "pods/log",
        "Pod",
        "lines of pods that look broken",
    )
};

/// What a look lists, the most telling first: wherever the budget ends, the rest is told as a gap. Secrets are not in
/// it, not even their names; of what configurations hold nothing is asked for.
pub const LISTED: [Call; 15] = [
    list(
        "",
        "v1",
        "pods",
        "Pod",
        "what runs where, and what does not",
    ),
    list(
        "",
        "v1",
        "events",
        "Event",
        "what the cluster says happened",
    ),
    list(
        "apps",
        "v1",
        "deployments",
        "Deployment",
        "how many copies there should be",
    ),
    list(
        "apps",
        "v1",
        "replicasets",
        "ReplicaSet",
        "what was rolled out, and when",
    ),
    Call {
        namespaced: false,
        ..list("", "v1", "nodes", "Node", "machines and how they are")
    },
    list(
        "",
        "v1",
        "services",
        "Service",
        "which pods serve which name",
    ),
    list(
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        "which of them are sent requests",
    ),
    list(
        "apps",
        "v1",
        "statefulsets",
        "StatefulSet",
        "how many copies there should be",
    ),
    list(
        "apps",
        "v1",
        "daemonsets",
        "DaemonSet",
        "how many copies there should be",
    ),
    list(
        "apps",
        "v1",
        "controllerrevisions",
        "ControllerRevision",
        "what was rolled out, and when",
    ),
    list(
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "what scales, and its limits",
    ),
    list(
        "",
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        "disks that are waited for",
    ),
    list(
        "",
        "v1",
        "resourcequotas",
        "ResourceQuota",
        "limits of namespaces, and what is used of them",
    ),
    list("batch", "v1", "jobs", "Job", "work that failed"),
    Call {
        names_only: true,
        ..list(
            "",
            "v1",
            "configmaps",
            "ConfigMap",
            "names of configurations; what they hold is not read",
        )
    },
];

/// Who the server is; every cluster tells that anybody.
pub const VERSION: &str = "/version";

impl Call {
    /// The address of it, of one namespace or of all.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.resource),
            None => format!("{root}/{}", self.resource),
        }
    }

    /// The address of a pod's lines.
    pub fn log(namespace: &str, pod: &str) -> String {
        format!("/api/v1/namespaces/{namespace}/pods/{pod}/log")
    }

    /// The group and version of its objects.
    pub fn api(&self) -> String {
        match self.group {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The rule of a role that allows it, in one line.
    pub fn rule(&self) -> String {
        format!(
            "apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [\"{}\"]",
            self.group, self.resource, self.verb
        )
    }
}

/// Can it be the name of a namespace or of a pod? Names are what RFC 1123 allows, so none can leave its place in an
/// address.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
    };
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(plain)
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
}

/// The call that a request for this address is; `None` if it may not be made. [`VERSION`] is none of the table, and
/// may.
pub fn of(path: &str) -> Option<Call> {
    let rest = path.strip_prefix('/')?;
    let mut parts: Vec<&str> = rest.split('/').collect();
    let group = match *parts.first()? {
        "api" => {
            parts.remove(0);
            ""
        }
        "apis" => {
            let group = *parts.get(1)?;
            parts.drain(..2);
            group
        }
        _ => return None,
    };
    let version = *parts.first()?;
    parts.remove(0);
    let found = |resource: &str, verb: &str, inside: bool| {
        let all = LISTED.iter().chain([&LOGS]);
        all.copied().find(|call| {
            call.group == group
                && call.version == version
                && call.resource == resource
                && call.verb == verb
                && (!inside || call.namespaced)
        })
    };
    match parts.as_slice() {
        [resource] => found(resource, "list", false),
        ["namespaces", namespace, resource] if is_name(namespace) => found(resource, "list", true),
        ["namespaces", namespace, "pods", pod, "log"] if is_name(namespace) && is_name(pod) => {
            found("pods/log", "get", true)
        }
        _ => None,
    }
}

/// One rule of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its API group; empty for the first one.
    pub group: &'static str,
    /// What may be read.
    pub resources: Vec<&'static str>,
    /// How.
    pub verb: &'static str,
}

fn rules_of(wanted: impl Fn(&Call) -> bool) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for call in LISTED.iter().chain([&LOGS]).filter(|call| wanted(call)) {
        let known = rules
            .iter_mut()
            .find(|rule| rule.group == call.group && rule.verb == call.verb);
        match known {
            Some(rule) => rule.resources.push(call.resource),
            None => rules.push(Rule {
                group: call.group,
                resources: vec![call.resource],
                verb: call.verb,
            }),
        }
    }
    for rule in &mut rules {
        rule.resources.sort_unstable();
    }
    rules.sort_by_key(|rule| (rule.group, rule.verb));
    rules
}

/// The least that has to be granted for everything to be seen: nothing here writes, and there is nothing of secrets.
pub fn rules() -> Vec<Rule> {
    rules_of(|_| true)
}

fn written(rules: &[Rule]) -> String {
    let mut text = String::from("rules:\n");
    for rule in rules {
        let resources: Vec<String> = rule.resources.iter().map(|r| format!("\"{r}\"")).collect();
        text += &format!(
            "  - apiGroups: [\"{}\"]\n    resources: [{}]\n    verbs: [\"{}\"]\n",
            rule.group,
            resources.join(", "),
            rule.verb
        );
    }
    text
}

/// The roles as YAML for `kubectl apply`: one for the cluster, or, if namespaces are named, one for each and one for
/// what lies in none. A role of Kubernetes only ever allows, so what is not named is denied.
pub fn policy(namespaces: &[String]) -> String {
    const HEAD: &str = "apiVersion: rbac.authorization.k8s.io/v1\n";
    let named = |kind: &str, place: &str| {
        format!("{HEAD}kind: {kind}\nmetadata:\n  name: midwatch\n{place}")
    };
    if namespaces.is_empty() {
        return named("ClusterRole", "") + &written(&rules());
    }
    let mut parts = vec![named("ClusterRole", "") + &written(&rules_of(|call| !call.namespaced))];
    for namespace in namespaces {
        let place = format!("  namespace: {namespace}\n");
        parts.push(named("Role", &place) + &written(&rules_of(|call| call.namespaced)));
    }
    parts.join("---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_may_be_asked_and_nothing_else() {
        for call in LISTED {
            assert_eq!(of(&call.path(None)), Some(call));
            let inside = of(&call.path(Some("shop")));
            assert_eq!(inside, Some(call), "{call:?}");
        }
        assert_eq!(of(&Call::log("shop", "cart-1")), Some(LOGS));
        for refused in [
            "",
            "/",
            "/api",
            "/api/v1",
            "/api/v1/secrets",
            "/api/v1/namespaces/shop/secrets",
            "/api/v1/namespaces/shop/secrets/db",
            "/api/v1/namespaces/shop/configmaps/cart",
            "/api/v1/namespaces/shop/pods/cart-1",
            "/api/v1/namespaces/shop/pods/cart-1/exec",
            "/api/v1/namespaces/shop/pods/../secrets/log",
            "/api/v1/namespaces/../secrets",
            "/api/v1/namespaces/a%2Fb/pods",
            "/api/v1/namespaces/shop/nodes",
            "/api/v2/pods",
            "/apis/apps/v1beta1/deployments",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            "/metrics",
        ] {
            assert_eq!(of(refused), None, "{refused}");
        }
    }

    #[test]
    fn roles_hold_what_is_asked_and_no_more() {
        let text = policy(&[]);
        assert_eq!(
            text,
            r#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: midwatch
rules:
  - apiGroups: [""]
    resources: ["pods/log"]
    verbs: ["get"]
  - apiGroups: [""]
    resources: ["configmaps", "events", "nodes", "persistentvolumeclaims", "pods", "resourcequotas", "services"]
    verbs: ["list"]
  - apiGroups: ["apps"]
    resources: ["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"]
    verbs: ["list"]
  - apiGroups: ["autoscaling"]
    resources: ["horizontalpodautoscalers"]
    verbs: ["list"]
  - apiGroups: ["batch"]
    resources: ["jobs"]
    verbs: ["list"]
  - apiGroups: ["discovery.k8s.io"]
    resources: ["endpointslices"]
    verbs: ["list"]
"#
        );
        let text = policy(&["shop".to_string(), "pay".to_string()]);
        assert_eq!(text.matches("kind: ClusterRole").count(), 1);
        assert_eq!(text.matches("kind: Role\n").count(), 2);
        assert_eq!(text.matches("\"nodes\"").count(), 1);
        assert!(!text.contains("secret") && !text.contains('*'));
    }
}
