//! Resource Explorer: names and tags of what no other part lists, where somebody has set it up and wants it (`explorer`):
//! they are worth more to a map than to an incident, in which every call counts.
//!
//! It finds nothing where its index or default view is missing; that is no gap, for most accounts have neither.

use std::collections::BTreeMap;

use aws_sdk_resourceexplorer2::types::Resource;
use model::EntityKind;

use super::ask::{Asking, Miss};
use super::found::Found;
use crate::pull::Missed;

/// Resources of one answer: the most that it finds at all.
const PAGE: i32 = 1_000;
/// How it says that there is no default view here, or none that we may use.
const NO_VIEW: &str = "UnauthorizedException";
/// What is looked for, and what it is: kinds of which no other part lists all, and which metrics call by the same name.
const SORTS: [(&str, EntityKind); 9] = [
    ("cloudfront:distribution", EntityKind::Gateway),
    ("eks:cluster", EntityKind::Scope),
    ("elasticache:cluster", EntityKind::Cache),
    ("elasticache:replicationgroup", EntityKind::Cache),
    ("elasticloadbalancing:loadbalancer", EntityKind::Gateway),
    ("firehose:deliverystream", EntityKind::Queue),
    ("kinesis:stream", EntityKind::Queue),
    ("redshift:cluster", EntityKind::Database),
    ("s3:bucket", EntityKind::Table),
];

/// What it finds here.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    if !asking.settings.explorer {
        return found;
    }
    let sent = asking
        .place
        .explorer
        .search()
        .query_string(query(asking))
        .max_results(PAGE)
        .send();
    match asking.ask("resource-explorer-2:Search", 1, sent).await {
        Ok(answer) => {
            if answer.next_token().is_some_and(|next| !next.is_empty()) {
                let count = answer.resources().len();
                let detail = format!("the first {count} were read");
                let gap = asking.cut(
                    "resources that nothing else lists",
                    detail,
                    "name fewer regions",
                );
                found.gaps.push(gap);
            }
            for resource in answer.resources() {
                take(asking, resource, &mut found);
            }
        }
        Err(miss) if is_absent(&miss) => {}
        Err(miss) => found.missed(asking, "resources that nothing else lists", &miss),
    }
    found
}

/// Is it that there is nothing to search in?
fn is_absent(miss: &Miss) -> bool {
    match &miss.missed {
        Missed::Permission(said) => said.starts_with(NO_VIEW),
        Missed::Refused(404, said) => said.starts_with("ResourceNotFoundException"),
        _ => false,
    }
}

/// The question: these sorts, here. Values of one filter are alternatives.
fn query(asking: &Asking<'_>) -> String {
    let sorts: Vec<&str> = SORTS.iter().map(|(sort, _)| *sort).collect();
    let region = &asking.place.region;
    let elsewhere = if asking.place.global { ",global" } else { "" };
    format!(
        "region:{region}{elsewhere} resourcetype:{}",
        sorts.join(",")
    )
}

/// A resource as an entity with its tags.
fn take(asking: &Asking<'_>, resource: &Resource, found: &mut Found) {
    let region = resource.region().unwrap_or_default();
    let here = region == asking.place.region || (asking.place.global && region == "global");
    let sort = resource.resource_type().unwrap_or_default();
    let sort = SORTS.iter().find(|(known, _)| *known == sort);
    let (Some((sort, kind)), true) = (sort, here) else {
        return;
    };
    let Some(name) = resource.arn().and_then(|arn| name(sort, arn)) else {
        return;
    };
    let entity = match region {
        "global" => found.named(*kind, name),
        _ => found.there(asking, *kind, name),
    };
    for (key, value) in tags(resource) {
        found.directory.label(&entity, &format!("tag.{key}"), value);
    }
}

/// What metrics call it: what stands behind its sort in the ARN. Balancers of version 2 are listed by their own service.
fn name<'a>(sort: &str, arn: &'a str) -> Option<&'a str> {
    let resource = arn.splitn(6, ':').nth(5)?;
    let name = match sort {
        "s3:bucket" => resource,
        _ => resource.split_once(['/', ':'])?.1,
    };
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Tags are a property among others, a list of keys and values.
fn tags(resource: &Resource) -> BTreeMap<&str, &str> {
    let all = resource.properties().iter();
    let all = all.filter(|property| property.name() == Some("tags"));
    let lists = all.filter_map(|property| property.data()?.as_array());
    let tags = lists.flatten().filter_map(|tag| {
        let tag = tag.as_object()?;
        let text = |name: &str| tag.get(name).and_then(|value| value.as_string());
        Some((text("Key")?, text("Value")?))
    });
    tags.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_metrics_have_too() {
        for (sort, arn, wanted) in [
            (
                "s3:bucket",
                "arn:aws:s3:::shop-pictures",
                Some("shop-pictures"),
            ),
            (
                "eks:cluster",
                "arn:aws:eks:eu-west-1:1:cluster/shop",
                Some("shop"),
            ),
            (
                "elasticache:cluster",
                "arn:aws:elasticache:eu-west-1:1:cluster:carts-001",
                Some("carts-001"),
            ),
            (
                "elasticloadbalancing:loadbalancer",
                "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/old",
                Some("old"),
            ),
            (
                "elasticloadbalancing:loadbalancer",
                "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/front/50dc6c495c0c9188",
                None,
            ),
            ("eks:cluster", "arn:aws:eks:eu-west-1:1:cluster", None),
            ("eks:cluster", "", None),
        ] {
            assert_eq!(name(sort, arn), wanted, "{arn}");
        }
    }

    #[test]
    fn the_question_is_short_enough() {
        let sorts: usize = SORTS.iter().map(|(sort, _)| sort.len() + 1).sum();
        assert!(sorts < 900);
    }
}
