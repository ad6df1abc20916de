//! An API server that answers as it documents itself, over HTTP, asked by kube-rs as a kubeconfig says. What it does not
//! know it answers with 501.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::ports::{ChangeSource as _, Clock as _, StateSource as _, TopologySource as _};
use model::query::GapReason;
use model::time::SECOND;
use model::{Event, StateSnapshot};
use serde_json::json;

use super::*;
use crate::double::{Reply, Request, serve};
use crate::files::{Case, Limits};
use crate::pull::tests::{Loaded, Simulated};
use crate::pull::{Credential, Means};

const NOW: i64 = 1_760_000_000 * SECOND;
const TOKEN: &str = "c4n4ry-0f-the-c1uster";

fn at(minutes: i64) -> String {
    Timestamp(NOW).plus(Span::minutes(minutes)).to_string()
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(120)), Timestamp(NOW)).unwrap()
}

/// A small shop, one of whose rollouts went wrong: each object as lists hold it, by resource.
fn shop() -> Vec<(&'static str, Value)> {
    let set = |name: &str, revision: &str, made: i64, replicas: u64, env: &str, image: &str| {
        json!({
            "metadata": {
                "name": name, "namespace": "shop", "creationTimestamp": at(made),
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"kind": "Deployment", "name": "cart"}],
                "managedFields": [{"manager": "kube-controller-manager"}],
            },
            "spec": {"replicas": replicas, "template": {
                "metadata": {"labels": {"app": "cart", "pod-template-hash": name}},
                "spec": {"containers": [{
                    "name": "cart", "image": image,
                    "env": [{"name": "POOL_SIZE", "value": env}, {"name": "DB_PASSWORD", "value": format!("pw-{env}-hush")}],
                    "resources": {"limits": {"memory": "512Mi"}},
                }]},
            }},
            "status": {"replicas": replicas},
        })
    };
    let pod = |name: &str, set: &str, status: Value| {
        json!({
            "metadata": {
                "name": name, "namespace": "shop", "labels": {"app": "cart", "pod-template-hash": set},
                "ownerReferences": [{"kind": "ReplicaSet", "name": set}],
            },
            "spec": {
                "nodeName": "n1", "serviceAccountName": "cart",
                "containers": [{"name": "cart", "env": [{"name": "API_TOKEN", "value": "hush-hush"}], "envFrom": [{"configMapRef": {"name": "cart-env"}}]}],
            },
            "status": status,
        })
    };
    let well = json!({"phase": "Running", "containerStatuses": [{"name": "cart", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": at(-300)}}}]});
    let ill = json!({"phase": "Running", "containerStatuses": [{
        "name": "cart", "ready": false, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": at(-3)}},
    }]});
    vec![
        ("pods", pod("cart-old-1", "cart-old", well)),
        ("pods", pod("cart-new-1", "cart-new", ill)),
        (
            "services",
            json!({"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"selector": {"app": "cart"}}}),
        ),
        (
            "endpointslices",
            json!({
                "metadata": {"name": "cart-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "cart"}},
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "cart-old-1"}}],
            }),
        ),
        (
            "deployments",
            json!({
                "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"replicas": 2},
                "status": {"readyReplicas": 1, "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "lastUpdateTime": at(-9)}]},
            }),
        ),
        (
            "replicasets",
            set("cart-gone", "5", -9000, 0, "20", "shop/cart:1.3.0"),
        ),
        (
            "replicasets",
            set("cart-old", "6", -5000, 1, "20", "shop/cart:1.4.0"),
        ),
        (
            "replicasets",
            set("cart-new", "7", -10, 1, "2", "shop/cart:1.4.0"),
        ),
        (
            "nodes",
            json!({"metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        ),
        (
            "events",
            json!({
                "metadata": {"name": "e1", "namespace": "shop"}, "involvedObject": {"kind": "Pod", "name": "cart-new-1", "namespace": "shop"},
                "reason": "BackOff", "message": "Back-off restarting failed container", "type": "Warning", "count": 9,
                "firstTimestamp": at(-9), "lastTimestamp": at(-1),
            }),
        ),
        (
            "configmaps",
            json!({"metadata": {"name": "cart-env", "namespace": "shop", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"key\":\"hush\"}}"}}}),
        ),
        (
            "controllerrevisions",
            json!({
                "metadata": {"name": "db-1", "namespace": "shop", "creationTimestamp": at(-600), "ownerReferences": [{"kind": "StatefulSet", "name": "db"}]},
                "revision": 1, "data": {"spec": {"template": {"$patch": "replace", "spec": {"containers": [{"name": "db", "image": "postgres:16"}]}}}},
            }),
        ),
    ]
}

/// How it answers, beyond what it should.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    /// It forgets once where a list was.
    Gone,
    /// It forgets it every time.
    AlwaysGone,
    /// It does not let these be listed.
    Forbids(&'static str),
    /// It asks to be left alone for so many seconds.
    Busy(u32),
    SamePage,
    Empty,
    Garbage,
    WrongClock,
    Silent,
    NotUs,
    NotFound,
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
}

fn answer(request: &Request, mood: Mood, turn: usize) -> Reply {
    assert_eq!(request.method, "GET");
    if request.header("authorization") != format!("Bearer {TOKEN}") || mood == Mood::NotUs {
        let said = format!("Unauthorized: {}", request.header("authorization"));
        return Reply::Json(401, status(401, &said));
    }
    let list = |resource: &str, kind: &str| {
        let page = shop();
        let all: Vec<&Value> = page
            .iter()
            .filter(|(of, _)| *of == resource)
            .map(|(_, o)| o)
            .collect();
        let from: usize = request
            .query
            .get("continue")
            .map_or(0, |at| at.trim_start_matches('c').parse().unwrap());
        assert_eq!(request.query["limit"], "500");
        if from > 0 && (mood == Mood::AlwaysGone || mood == Mood::Gone && turn == 0) {
            return Reply::Json(
                410,
                status(410, "The provided continue parameter is too old"),
            );
        }
        // Two a page, whatever is asked for.
        let items: Vec<&Value> = match mood {
            Mood::Empty => Vec::new(),
            _ => all.iter().skip(from).take(2).copied().collect(),
        };
        let next = match mood {
            Mood::SamePage => "c1".to_string(),
            _ if from + 2 < all.len() && mood != Mood::Empty => format!("c{}", from + 2),
            _ => String::new(),
        };
        Reply::Json(
            200,
            json!({"kind": format!("{kind}List"), "apiVersion": "v1", "metadata": {"continue": next}, "items": items}),
        )
    };
    match (mood, request.path.as_str()) {
        (Mood::Busy(seconds), _) => Reply::With(
            429,
            "retry-after",
            seconds.to_string(),
            status(429, "too many requests"),
        ),
        (Mood::Garbage, path) if path != "/version" => Reply::Text(200, "<html>".to_string()),
        (Mood::NotFound, _) => Reply::Text(404, "nothing is here".to_string()),
        (Mood::WrongClock, "/version") => Reply::With(
            200,
            "date",
            "Thu, 09 Oct 2025 09:06:40 GMT".to_string(),
            json!({"gitVersion": "v1.34.1"}),
        ),
        (_, "/version") => Reply::Json(200, json!({"gitVersion": "v1.34.1"})),
        (_, "/api/v1/namespaces/shop/pods/cart-new-1/log") => {
            assert_eq!(request.query["container"], "cart");
            match request.query.get("previous") {
                Some(_) => Reply::Text(
                    200,
                    format!(
                        "{} FATAL no connection left in the pool\nno time\n{} {{\"level\":\"error\",\"msg\":\"bye\"}}\n",
                        at(-4),
                        at(-3)
                    ),
                ),
                None => Reply::Json(400, status(400, "container is waiting to start")),
            }
        }
        (Mood::Forbids(what), path) if path.ends_with(what) => Reply::Json(
            403,
            status(
                403,
                &format!("{what} is forbidden: User \"midwatch\" cannot list resource"),
            ),
        ),
        (_, path) => match calls::of(path) {
            Some(call) => {
                let wanted = if call.names_only {
                    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
                } else {
                    "application/json"
                };
                assert_eq!(request.header("accept"), wanted);
                list(call.resource, call.kind)
            }
            None => Reply::Text(501, "it does not know that".to_string()),
        },
    }
}

struct Stand {
    eyes: Eyes,
    clock: Arc<Simulated>,
    _folder: tempfile::TempDir,
}

fn stand(mood: Mood, settings: Settings, budget: Budget) -> Stand {
    let turns = AtomicUsize::new(0);
    let base = match mood {
        // It takes connections and says nothing.
        Mood::Silent => {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            std::thread::spawn(move || {
                let held: Vec<_> = listener.incoming().collect();
                drop(held);
            });
            format!("http://{address}")
        }
        _ => serve(move |request| {
            let turn = match request.query.contains_key("continue") {
                true => turns.fetch_add(1, Ordering::SeqCst),
                false => 0,
            };
            answer(request, mood, turn)
        }),
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), TOKEN).unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: other\nclusters: [{{name: c, cluster: {{server: '{base}'}}}}]\n\
         users: [{{name: u, user: {{tokenFile: token}}}}]\ncontexts: [{{name: shop, context: {{cluster: c, user: u}}}}]\n"
    );
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, config).unwrap();
    let access = Access::Kubeconfig {
        file,
        context: Some("shop".to_string()),
    };
    assert_eq!(access.address().unwrap(), base);
    let clock = Simulated::at(Timestamp(NOW));
    let means = Means {
        wire: Arc::new(Cluster::new(access).unwrap()),
        patience: clock.clone(),
        chance: Arc::new(Loaded(255)),
    };
    let source = Source::new("kubernetes.a", &base, Credential::None, budget, means);
    Stand {
        eyes: Eyes::new(source, settings),
        clock,
        _folder: folder,
    }
}

fn looked(mood: Mood) -> Brought {
    let stand = stand(mood, Settings::default(), budget());
    let brought = stand.eyes.look(hull(), Timestamp(NOW));
    assert!(
        stand.clock.now().since(Timestamp(NOW)) <= budget().look,
        "{mood:?}"
    );
    assert!(!format!("{brought:?}").contains(TOKEN), "{mood:?}");
    brought
}

/// Without where they stand, which is another place for each way.
fn placeless(case: &mut Case) -> (Vec<StateSnapshot>, Vec<Event>, Vec<model::Change>) {
    case.normalise();
    let snapshots = case.snapshots.take().unwrap_or_default();
    let events = case.events.take().unwrap_or_default();
    let changes = case.changes.take().unwrap_or_default();
    let raw = RawRef::default;
    (
        snapshots
            .into_iter()
            .map(|s| StateSnapshot { raw: raw(), ..s })
            .collect(),
        events
            .into_iter()
            .map(|e| Event { raw: raw(), ..e })
            .collect(),
        changes
            .into_iter()
            .map(|c| model::Change { raw: raw(), ..c })
            .collect(),
    )
}

#[test]
fn a_cluster_that_is_asked_and_one_that_was_dumped_are_the_same() {
    let brought = looked(Mood::Well);
    assert_eq!(
        brought
            .gaps
            .iter()
            .map(|g| g.wanted.as_str())
            .collect::<Vec<_>>(),
        ["lines of pods that look well"]
    );
    // What `kubectl get … -o json` prints, of the same objects.
    let folder = tempfile::tempdir().unwrap();
    let items: Vec<Value> = shop()
        .into_iter()
        .map(|(of, mut object)| {
            let call = LISTED.iter().find(|call| call.resource == of).unwrap();
            object["kind"] = call.kind.into();
            object["apiVersion"] = call.api().into();
            object
        })
        .collect();
    let dump = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let head = Manifest {
        id: "dump".to_string(),
        title: "a dump".to_string(),
        licence: "CC0-1.0".to_string(),
        ..manifest(hull(), Timestamp(NOW))
    };
    std::fs::create_dir(folder.path().join("kubernetes")).unwrap();
    std::fs::write(folder.path().join("kubernetes/all.json"), dump.to_string()).unwrap();
    std::fs::write(
        folder.path().join("recording.json"),
        serde_json::to_string(&head).unwrap(),
    )
    .unwrap();
    std::fs::write(
        folder.path().join("alarms.json"),
        json!([{"id": "a", "rule": "r", "entity": "service/cart", "fired_at": at(-5)}]).to_string(),
    )
    .unwrap();
    let recording = crate::files::open(folder.path(), &Limits::default()).unwrap();
    let day = TimeWindow::new(Timestamp(NOW).minus(Span::minutes(20_000)), Timestamp(NOW)).unwrap();
    let mut dumped = Case::new(head.clone());
    dumped.snapshots = recording.snapshots(day).found();
    dumped.events = recording.events(day).found();
    dumped.changes = recording.changes(day).found();
    let mut asked = Case::new(head);
    asked.snapshots = Some(brought.snapshots);
    asked.events = Some(brought.events);
    asked.changes = Some(brought.changes);
    let (dumped_told, asked_told) = (placeless(&mut dumped), placeless(&mut asked));
    assert_eq!(asked_told.0, dumped_told.0);
    assert_eq!(asked_told.1, dumped_told.1);
    assert_eq!(asked_told.2, dumped_told.2);
    let mut drawn = recording.topology(hull()).found().unwrap();
    drawn.normalise();
    let ids = |topology: &Topology| -> Vec<String> {
        topology.entities.iter().map(|e| e.id.to_string()).collect()
    };
    assert_eq!(ids(&brought.topology), ids(&drawn));
    assert_eq!(brought.topology.edges, drawn.edges);
    let changes: Vec<String> = asked_told
        .2
        .iter()
        .map(|c| format!("{} {:?} {}", c.id, c.kind, c.title))
        .collect();
    assert_eq!(
        changes,
        [
            "kubernetes:shop/deployment/cart:5 Deploy shop/cart: revision 5, image shop/cart:1.3.0",
            "kubernetes:shop/deployment/cart:6 Deploy shop/cart: revision 6, image shop/cart:1.4.0",
            "kubernetes:shop/statefulset/db:1 Deploy shop/db: revision 1, image postgres:16",
            "kubernetes:shop/deployment/cart:7 Config shop/cart: revision 7, settings altered",
        ]
    );
    let diff = asked_told.2[3].diff.as_deref().unwrap();
    for wanted in [
        "-      value: \"20\"",
        "+      value: \"2\"",
        "(left out), another",
        "+++ b/shop/deployment-cart.yaml",
    ] {
        assert!(diff.contains(wanted), "{wanted} in {diff}");
    }
    let everything = format!("{asked_told:?}");
    assert!(!everything.contains("hush"), "{everything}");
}

#[test]
fn lines_are_read_of_what_looks_broken_and_of_nothing_else() {
    let brought = looked(Mood::Well);
    let lines: Vec<String> = brought
        .logs
        .iter()
        .map(|l| {
            format!(
                "{} {:?} {} {}",
                l.entity,
                l.severity.map(|s| s.to_string()),
                l.body,
                l.file
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "pod/shop/cart-new-1 Some(\"fatal\") FATAL no connection left in the pool kubernetes/shop/cart-new-1/cart.previous",
            "pod/shop/cart-new-1 Some(\"error\") bye kubernetes/shop/cart-new-1/cart.previous",
        ]
    );
    // Every list, the second page of one of them, the version, and the lines of one pod before it was started anew.
    assert_eq!(brought.asked.spent.requests, 1 + 15 + 1 + 1);
    assert_eq!(
        brought.seen,
        [
            SourceKind::State,
            SourceKind::Events,
            SourceKind::Changes,
            SourceKind::Logs
        ]
    );
}

#[test]
fn what_may_not_be_read_is_told_with_the_rule_that_allows_it() {
    let brought = looked(Mood::Forbids("/replicasets"));
    let gap = brought
        .gaps
        .iter()
        .find(|gap| gap.wanted == "replicasets")
        .unwrap();
    assert_eq!(gap.why, GapReason::Permission);
    assert!(gap.detail.contains("cannot list resource"), "{gap:?}");
    assert_eq!(
        gap.how_to_close,
        "grant it by a ClusterRole with the rule apiGroups: [\"apps\"], resources: [\"replicasets\"], verbs: [\"list\"]; \
         docs/connectors/kubernetes.md has all of them"
    );
    assert!(!brought.snapshots.is_empty() && !brought.events.is_empty());
    // In a namespace, the role of that.
    let settings = Settings {
        namespaces: vec!["shop".to_string()],
        ..Settings::default()
    };
    let stand = stand(Mood::Forbids("/pods"), settings, budget());
    let brought = stand.eyes.look(hull(), Timestamp(NOW));
    let gap = &brought.gaps[0];
    assert_eq!(gap.wanted, "pods in shop");
    assert!(gap.how_to_close.contains("a Role in shop"), "{gap:?}");
    let said = stand.eyes.greet().unwrap();
    assert!(
        said.starts_with(
            "Kubernetes v1.34.1: 0 pods, 1 nodes (pods of shop); not pods in shop: grant it"
        ),
        "{said}"
    );
}

#[test]
fn whatever_it_does_a_look_ends_and_says_why() {
    for (mood, why, brings) in [
        (Mood::Gone, None, true),
        (Mood::AlwaysGone, Some(GapReason::Connector), true),
        (Mood::Busy(1), Some(GapReason::RateLimit), false),
        (Mood::Busy(100_000), Some(GapReason::RateLimit), false),
        (Mood::SamePage, Some(GapReason::Connector), true),
        (Mood::Empty, None, false),
        (Mood::Garbage, Some(GapReason::Connector), false),
        (Mood::WrongClock, Some(GapReason::Connector), true),
        (Mood::NotUs, Some(GapReason::Permission), false),
        (Mood::NotFound, Some(GapReason::Connector), false),
    ] {
        let brought = looked(mood);
        let told: Vec<GapReason> = brought
            .gaps
            .iter()
            .filter(|g| !g.wanted.starts_with("lines of pods"))
            .map(|gap| gap.why)
            .collect();
        assert_eq!(told.first().copied(), why, "{mood:?} {:?}", brought.gaps);
        assert_eq!(!brought.snapshots.is_empty(), brings, "{mood:?}");
        match mood {
            // Nothing there is not the same as could not look.
            Mood::Empty => assert_eq!(
                brought.seen,
                [SourceKind::State, SourceKind::Events, SourceKind::Changes]
            ),
            Mood::Busy(_) | Mood::NotUs => {
                assert_eq!(
                    (brought.seen.len(), brought.gaps.len()),
                    (0, 1),
                    "{mood:?} {:?}",
                    brought.gaps
                );
            }
            // Its clock is 800 s ahead of ours: what it says happened is told by ours.
            Mood::WrongClock => {
                let event = &brought.events[0];
                assert_eq!(
                    event.first,
                    Timestamp(NOW)
                        .minus(Span::minutes(9))
                        .minus(Span::seconds(800)),
                    "{event:?}"
                );
            }
            _ => {}
        }
    }
}

#[test]
fn a_rollout_that_is_to_come_by_our_clock_is_left_out_and_told() {
    let mut brought = looked(Mood::Well);
    let all = brought.changes.len();
    // The rollout of nine minutes ago is one of six minutes to come.
    let ahead = Span::minutes(-15);
    super::shift(&mut brought, "kubernetes.main", ahead, Timestamp(NOW));
    assert!(brought.changes.len() < all);
    let gap = brought.gaps.last().expect("a gap");
    assert_eq!(gap.wanted, "changes that are dated later than now");
    assert!(gap.hides_changes(), "{gap:?}");
}

#[test]
fn one_that_is_silent_costs_no_more_than_a_look() {
    let budget = Budget {
        timeout: Span(200_000_000),
        look: Span(600_000_000),
        ..budget()
    };
    let stand = stand(Mood::Silent, Settings::default(), budget);
    let began = std::time::Instant::now();
    let brought = stand.eyes.look(hull(), Timestamp(NOW));
    assert!(began.elapsed().as_secs() < 20);
    assert_eq!(
        brought.gaps.iter().map(|g| g.why).collect::<Vec<_>>(),
        [GapReason::Timeout]
    );
}

#[test]
fn budgets_end_a_look_with_one_gap_for_all_that_was_not_asked() {
    let few = Budget {
        requests: 5,
        ..budget()
    };
    let stand = stand(Mood::Well, Settings::default(), few);
    let brought = stand.eyes.look(hull(), Timestamp(NOW));
    assert_eq!(brought.asked.spent.requests, 5);
    let wanted: Vec<&str> = brought
        .gaps
        .iter()
        .map(|gap| gap.wanted.split(',').next().unwrap())
        .collect();
    assert_eq!(
        wanted,
        ["replicasets", "nodes", "pods/log"],
        "{:?}",
        brought.gaps
    );
    assert!(brought.gaps.iter().all(|gap| gap.why == GapReason::Budget
        && gap.how_to_close.contains("[connectors.kubernetes.a]")));
    // The map costs two lists, and then nothing for a while.
    let map = stand.eyes.around(Timestamp(NOW));
    assert!(
        map.entities
            .iter()
            .any(|e| e.id.as_str() == "pod/shop/cart-new-1"),
        "{map:?}"
    );
    let before = stand.eyes.source.last_hour().requests;
    assert_eq!(stand.eyes.around(Timestamp(NOW)), map);
    assert_eq!(stand.eyes.source.last_hour().requests, before);
}

#[test]
fn files_that_are_no_kubeconfig_say_so_without_their_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    for text in [
        "",
        "[",
        "token: s3cr3t-t0ken",
        "users: [{name: u, user: {token: [s3cr3t-t0ken]}}]",
        "current-context: x\nusers: [{name: u, user: {token: s3cr3t-t0ken}}]",
        "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]",
    ] {
        std::fs::write(&file, text).unwrap();
        let access = Access::Kubeconfig {
            file: file.clone(),
            context: None,
        };
        let why = access.address().unwrap_err();
        assert!(!why.contains("s3cr3t"), "{why}");
    }
}

proptest::proptest! {
    #[test]
    fn no_object_makes_it_stumble(objects in proptest::collection::vec(object(), 0..6)) {
        let manifest = manifest(hull(), Timestamp(NOW));
        let mut gathered = Gathered::new(&manifest, directory());
        let raw = RawRef::default;
        let pods: Vec<Value> = objects.clone();
        gather(objects.into_iter().map(|object| (object, raw())).collect(), &mut gathered);
        proptest::prop_assert!(gathered.changes.iter().all(|c| c.end >= c.start && c.start <= Timestamp(NOW)));
        for broken in logs::broken(&pods, hull(), 5) {
            proptest::prop_assert!(calls::of(&Call::log(&broken.namespace, &broken.pod)).is_some());
        }
    }

    #[test]
    fn lines_are_of_their_time(text in "[ -~\n\u{fc}]{0,200}", minutes in -300_i64..300) {
        let said = format!("{} {text}", at(minutes));
        let lines = logs::parsed(&said, &"pod/a/b".into(), &Arc::from("x"), hull(), 10);
        proptest::prop_assert!(lines.iter().all(|line| hull().contains(line.time) && !line.body.is_empty()));
    }
}

/// Objects that look like the real ones, with anything in any place.
fn object() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9./:\"-]{0,12}".prop_map(Value::from),
        (-200_i64..20).prop_map(|minutes| Value::from(at(minutes))),
        Just(json!([{"kind": "Deployment", "name": "cart"}])),
        Just(
            json!({"deployment.kubernetes.io/revision": "3", "deployment.kubernetes.io/revision-history": "1,x"})
        ),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        let field = prop::sample::select(vec![
            "metadata",
            "spec",
            "status",
            "template",
            "containers",
            "name",
            "namespace",
            "env",
            "value",
            "image",
            "ownerReferences",
            "annotations",
            "creationTimestamp",
            "containerStatuses",
            "state",
            "waiting",
            "reason",
            "endpoints",
            "targetRef",
            "data",
            "revision",
            "conditions",
            "type",
            "items",
            "labels",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((field, inner), 0..6).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.to_string(), value))
                        .collect(),
                )
            }),
        ]
    });
    let kind = prop::sample::select(vec![
        "Pod",
        "ReplicaSet",
        "Deployment",
        "Event",
        "EndpointSlice",
        "ControllerRevision",
        "Service",
        "Node",
        "ConfigMap",
    ]);
    (kind, value.clone(), value.clone(), value).prop_map(|(kind, meta, spec, status)| {
        json!({"kind": kind, "metadata": meta, "spec": spec, "status": status, "revision": 2, "data": {"spec": {}}})
    })
}
