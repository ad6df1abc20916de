//! Rollouts and what templates differ in.

use model::recording::SCHEMA;
use model::time::{Span, TimeWindow, Timestamp};
use model::{ChangeKind, RawRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{gather, manifest};
use crate::files::entities::{Declared, Directory};
use crate::files::gathered::Gathered;

const NOW: Timestamp = Timestamp(1_760_000_000 * model::time::SECOND);

fn at(minutes: i64) -> String {
    NOW.plus(Span::minutes(minutes)).to_string()
}

fn gathered(objects: Vec<Value>) -> Vec<String> {
    let head = model::recording::Manifest {
        schema: SCHEMA.to_string(),
        id: String::new(),
        title: String::new(),
        now: NOW,
        window: TimeWindow::new(NOW.minus(Span::minutes(60)), NOW).unwrap(),
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    };
    let mut all = Gathered::new(&head, Directory::new(std::sync::Arc::<Declared>::default()));
    gather(
        objects
            .into_iter()
            .map(|o| (o, RawRef::default()))
            .collect(),
        &mut all,
    );
    let minutes = |at: Timestamp| at.since(NOW).0 / model::time::MINUTE;
    all.changes
        .iter()
        .map(|c| {
            format!(
                "{}..{} {:?} {} {:?}",
                minutes(c.start),
                minutes(c.end),
                c.kind,
                c.title,
                c.undone.map(minutes)
            )
        })
        .collect()
}

fn set(name: &str, made: i64, revision: &str, history: &str, template: Value) -> Value {
    json!({"kind": "ReplicaSet", "metadata": {
        "name": name, "namespace": "shop", "creationTimestamp": at(made),
        "ownerReferences": [{"kind": "Deployment", "name": "cart"}],
        "annotations": {"deployment.kubernetes.io/revision": revision, "deployment.kubernetes.io/revision-history": history, "kubernetes.io/change-cause": "anna"},
    }, "spec": {"replicas": 1, "template": template}})
}

fn template(image: &str, restarted: &str) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "cart", "image": image}]}});
    if !restarted.is_empty() {
        template["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/restartedAt": restarted});
    }
    template
}

#[test]
fn what_went_back_undoes_what_was_between_and_a_restart_is_none() {
    let told = gathered(vec![
        // Made first, and now the third: it came back.
        set("cart-a", -500, "3", "1", template("cart:1", "")),
        set("cart-b", -100, "2", "", template("cart:2", "")),
        set("cart-c", -10, "4", "", template("cart:1", "now")),
        json!({"kind": "Event", "metadata": {"namespace": "shop"}, "reason": "ScalingReplicaSet", "firstTimestamp": at(-50), "lastTimestamp": at(-50),
               "message": "Scaled up replica set cart-a to 1 from 0", "involvedObject": {"kind": "Deployment", "name": "cart", "namespace": "shop"}}),
        json!({"kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"},
               "status": {"conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable", "lastUpdateTime": at(-8)}]}}),
    ]);
    assert_eq!(
        told,
        [
            "-100..-100 Deploy shop/cart: revision 2, image cart:2 (anna) Some(-50)",
            "-50..-50 Deploy shop/cart: revision 3, image cart:1 (anna) None",
            "-10..-8 Maintenance shop/cart: revision 4, started anew as it was (anna) None",
        ]
    );
    // Without events it is not known when the third began, and nothing is made up.
    let told = gathered(vec![
        set("cart-a", -500, "3", "1", template("cart:1", "")),
        set("cart-b", -100, "2", "", template("cart:2", "")),
    ]);
    assert_eq!(
        told,
        ["-100..-100 Deploy shop/cart: revision 2, image cart:2 (anna) None"]
    );
}

#[test]
fn a_diff_of_templates_is_what_a_person_would_write() {
    let with = |size: &str, memory: &str, extra: Value| {
        json!({"spec": {
            "containers": [{"name": "cart", "image": "cart:1", "args": ["--fast"],
                "env": [{"name": "POOL", "value": size}, {"name": "TOKEN", "value": format!("t{size}")}],
                "resources": {"limits": {"memory": memory}}}],
            "volumes": extra,
        }})
    };
    let diff = manifest::diff(
        "shop/deployment-cart.yaml",
        &with("20", "512Mi", json!([])),
        &with("2", "64Mi", json!([{"name": "tmp", "emptyDir": {}}])),
    );
    assert_eq!(
        diff.unwrap(),
        r#"--- a/shop/deployment-cart.yaml
+++ b/shop/deployment-cart.yaml
@@ -1,15 +1,17 @@
 spec:
   containers:
   - name: cart
     image: cart:1
     args:
     - "--fast"
     env:
     - name: POOL
-      value: "20"
+      value: "2"
     - name: TOKEN
-      value: "(left out)"
+      value: "(left out), another"
     resources:
       limits:
-        memory: "512Mi"
-  volumes: []
+        memory: "64Mi"
+  volumes:
+  - name: tmp
+    emptyDir: {}
"#
    );
    assert_eq!(
        manifest::diff("x", &template("a", ""), &template("a", "")),
        None
    );
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(
                (
                    prop::sample::select(vec!["spec", "containers", "env", "name", "value", "x y"]),
                    inner
                ),
                0..5
            )
            .prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(n, v)| (n.to_string(), v))
                    .collect()
            )),
        ]
    })
}

proptest! {
    /// Without its added lines a diff is the one template, without its removed lines the other.
    #[test]
    fn a_diff_holds_both_templates(before in value(), after in value()) {
        let same = manifest::plain(&before) == manifest::plain(&after);
        let diff = manifest::diff("a.yaml", &before, &after);
        prop_assert_eq!(diff.is_none(), same);
        if let Some(diff) = diff {
            let back = manifest::diff("a.yaml", &after, &before).unwrap();
            let side = |text: &str, sign: char| -> Vec<String> {
                let lines = text.lines().skip(3).filter(|l| l.starts_with(' ') || l.starts_with(sign));
                lines.map(|l| l[1..].replace("(left out), another", "(left out)")).collect()
            };
            prop_assert_eq!(side(&diff, '+'), side(&back, '-'));
            prop_assert_eq!(side(&diff, '-'), side(&back, '+'));
        }
    }
}

#[test]
fn kinds_of_changes_are_told_apart() {
    // What a pipeline built from a commit carries it.
    let commit = "a".repeat(40);
    let told = gathered(vec![set(
        "cart-a",
        -5,
        "1",
        "",
        template(&format!("registry:5000/cart:{commit}"), ""),
    )]);
    assert!(
        told[0].contains(&format!("{:?}", ChangeKind::Deploy)),
        "{told:?}"
    );
}
