//! What the owner of hands names for them to alter: services of ECS, Auto Scaling groups, records of Route 53; and what
//! they may run ([`runs`]). What is not named here they cannot alter, and it is not in the policy of their role
//! either.

use std::collections::BTreeMap;

use model::EntityId;

use super::runs::{self, Build, Runbook};

/// What may be altered because it was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Services of ECS, as `CLUSTER/SERVICE` or `CLUSTER/*`.
    pub services: Vec<String>,
    /// Auto Scaling groups, by their names.
    pub groups: Vec<String>,
    /// Records of Route 53 by which traffic is shared out.
    pub traffic: Vec<Traffic>,
    /// Documents of Systems Manager that may be run.
    pub runbooks: Vec<Runbook>,
    /// Projects of CodeBuild that may be built.
    pub builds: Vec<Build>,
}

/// The records of one name by which Route 53 shares out traffic, weighted or as primary and secondary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The hosted zone's id.
    pub zone: String,
    /// The name of the records, without a dot at its end.
    pub name: String,
    /// Their type: `A`, `AAAA`, `CNAME`.
    pub kind: String,
    /// Who carries the traffic of which record: entity to set identifier.
    pub carries: BTreeMap<EntityId, String>,
}

/// Where this is wrong, what is, and what to do: a key below `hands`.
pub type Fault = (&'static str, String, &'static str);

/// Letters, digits and these: nothing that means something else in an ARN or a policy.
pub(super) fn plain(name: &str, more: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    !name.is_empty() && name.len() <= 255 && name.chars().all(fits)
}

impl Named {
    /// The clusters in which a service of that name may be altered.
    pub fn clusters(&self, service: &str) -> Vec<&str> {
        let named = self.services.iter().filter_map(|one| one.split_once('/'));
        let fitting = named.filter(|(_, name)| *name == "*" || *name == service);
        let mut clusters: Vec<&str> = fitting.map(|(cluster, _)| cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        clusters
    }

    /// The first of these that is wrong.
    pub fn fault(&self) -> Option<Fault> {
        let service = |one: &&String| match one.split_once('/') {
            Some((cluster, name)) => !(plain(cluster, "-_") && (name == "*" || plain(name, "-_"))),
            None => true,
        };
        if let Some(wrong) = self.services.iter().find(service) {
            let what = format!("names {wrong:?}, which is no service of a cluster");
            let remedy =
                "write them like [\"shop/checkout\"], or [\"shop/*\"] for all of a cluster";
            return Some(("services", what, remedy));
        }
        if let Some(wrong) = self.groups.iter().find(|one| !plain(one, "-_. ")) {
            let what = format!("names {wrong:?}, which is no name of a group");
            return Some(("groups", what, "write them like [\"checkout-workers\"]"));
        }
        let wrong = self.traffic.iter().find_map(Traffic::fault);
        wrong.or_else(|| runs::fault(&self.runbooks, &self.builds))
    }
}

impl Traffic {
    /// The records as an entity: where this traffic comes in.
    pub fn entity(&self) -> EntityId {
        EntityId::new(format!("gateway/{}", self.name))
    }

    fn fault(&self) -> Option<Fault> {
        let fault = |what: String, remedy| Some(("traffic", what, remedy));
        if !plain(&self.zone, "") {
            let what = format!("names the zone {:?}", self.zone);
            return fault(what, "write the hosted zone's id, like \"Z0123456789ABC\"");
        }
        let lower = !self.name.contains(|c: char| c.is_ascii_uppercase());
        if !plain(&self.name, "-_.") || self.name.ends_with('.') || !lower {
            let what = format!("names the record {:?}", self.name);
            return fault(
                what,
                "write its name in small letters, without a dot at its end",
            );
        }
        if !["A", "AAAA", "CNAME"].contains(&self.kind.as_str()) {
            let what = format!("names the type {:?}", self.kind);
            return fault(what, "write \"A\", \"AAAA\" or \"CNAME\"");
        }
        let mut sets: Vec<&String> = self.carries.values().collect();
        sets.sort_unstable();
        sets.dedup();
        if sets.len() < 2 || sets.len() < self.carries.len() {
            let what = format!("shares {} out among too few", self.name);
            let remedy =
                "name two entities at least, each with the set identifier of a record of its own";
            return fault(what, remedy);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic() -> Traffic {
        let carries = [("service/blue", "blue"), ("service/green", "green")];
        Traffic {
            zone: "Z0123456789ABC".to_string(),
            name: "api.shop.example".to_string(),
            kind: "A".to_string(),
            carries: carries
                .iter()
                .map(|(who, set)| (EntityId::from(*who), set.to_string()))
                .collect(),
        }
    }

    #[test]
    fn what_is_named_must_be_what_a_policy_can_name() {
        let strings = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let good = Named {
            services: strings(&["shop/checkout", "back-office/*"]),
            groups: strings(&["checkout-workers"]),
            traffic: vec![traffic()],
            ..Named::default()
        };
        assert_eq!(good.fault(), None);
        for wrong in [
            "checkout",
            "*/checkout",
            "shop/check*",
            "shop/",
            "a/b/c",
            "",
        ] {
            let named = Named {
                services: strings(&[wrong]),
                ..Named::default()
            };
            assert_eq!(named.fault().map(|one| one.0), Some("services"), "{wrong}");
        }
        for wrong in ["*", "", "a:b", "a/b"] {
            let named = Named {
                groups: strings(&[wrong]),
                ..Named::default()
            };
            assert_eq!(named.fault().map(|one| one.0), Some("groups"), "{wrong}");
        }
        let alters: [fn(&mut Traffic); 6] = [
            |one| one.zone = "/hostedzone/Z1".to_string(),
            |one| one.name.push('.'),
            |one| one.name = "*.shop.example".to_string(),
            |one| one.name = "API.shop.example".to_string(),
            |one| one.kind = "NS".to_string(),
            |one| {
                one.carries
                    .values_mut()
                    .for_each(|set| *set = "blue".to_string())
            },
        ];
        for (index, alter) in alters.iter().enumerate() {
            let mut one = traffic();
            alter(&mut one);
            let named = Named {
                traffic: vec![one],
                ..Named::default()
            };
            assert_eq!(named.fault().map(|one| one.0), Some("traffic"), "{index}");
        }
    }

    #[test]
    fn a_service_is_looked_for_where_it_is_named() {
        let named = Named {
            services: ["shop/checkout", "shop/*", "office/*", "office/print"]
                .map(str::to_string)
                .to_vec(),
            ..Named::default()
        };
        assert_eq!(named.clusters("checkout"), ["office", "shop"]);
        assert!(Named::default().clusters("checkout").is_empty());
    }
}
