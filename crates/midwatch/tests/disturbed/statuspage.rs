//! A provider's page, as Statuspage serves it: all is well there, and an incident of yesterday is over.

use model::Timestamp;
use model::time::MINUTE;
use serde_json::json;

use super::doubles::unknown;
use super::scene::Scene;
use super::wire::{Asked, Reply, Trouble, beside};

/// Its components, and what was told of them.
pub fn statuspage(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let alarmed = scene.alarmed.0 + beside(trouble);
    let at = |minutes: i64| Timestamp(alarmed + minutes * MINUTE).to_string();
    match asked.path.as_str() {
        "/api/v2/summary.json" => Reply::json(&json!({
            "page": {"name": "Payments", "updated_at": at(-1)},
            "status": {"indicator": "none", "description": "All Systems Operational"},
            "components": [{"name": "API", "status": "operational", "updated_at": at(-3000), "group": false}],
        })),
        "/api/v2/incidents.json" => {
            let update = |status: &str, minutes: i64| json!({"status": status, "display_at": at(minutes), "created_at": at(minutes), "body": ""});
            Reply::json(&json!({"incidents": [{
                "name": "Charges fail", "impact": "major", "components": [{"name": "API"}],
                "incident_updates": [update("resolved", -900), update("investigating", -960)],
            }]}))
        }
        _ => unknown(),
    }
}
