//! The scene as Alertmanager's API tells it: what fires, what is silenced, and a silence that is over.

use model::Timestamp;
use model::time::MINUTE;
use serde_json::{Value, json};

use super::doubles::unknown;
use super::scene::Scene;
use super::wire::{Asked, Reply, Trouble, beside};

pub fn alertmanager(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    let alarmed = scene.alarmed.0;
    let at = |minutes: i64| Timestamp(alarmed + minutes * MINUTE + beside).to_string();
    match asked.path.as_str() {
        "/api/v2/silences" => {
            let silence = |id: &str, state: &str, (from, to): (i64, i64), service: &str| {
                json!({
                    "id": id, "status": {"state": state}, "startsAt": at(from), "endsAt": at(to), "updatedAt": at(from),
                    "createdBy": "ada", "comment": "maintenance",
                    "matchers": [{"name": "service", "value": service, "isRegex": false, "isEqual": true}],
                })
            };
            // A server whose clock stands still takes what is over for what stands.
            let over = match trouble {
                Trouble::OtherTime => "active",
                _ => "expired",
            };
            let all: Vec<Value> = vec![
                silence("s-1", over, (-90, -30), "inventoryservice"),
                silence("s-2", "active", (-60, 600), "mailservice"),
            ];
            Reply::json(&Value::Array(all))
        }
        "/api/v2/alerts" => Reply::json(&json!([{
            "labels": {"alertname": "inventory-db-pool-saturation", "service": "inventoryservice", "severity": "critical"},
            "annotations": {}, "startsAt": at(0), "endsAt": at(600), "updatedAt": at(1), "fingerprint": "pool", "receivers": [],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        }])),
        _ => unknown(),
    }
}
