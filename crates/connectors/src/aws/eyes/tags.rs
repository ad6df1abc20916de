//! Tags: whose a resource is, which environment, which part of what. They become labels.

use super::ask::Asking;
use super::found::Found;

/// Resources of one answer: the most that may be asked for.
const PAGE: i32 = 100;
/// Answers that are read.
const PAGES: usize = 5;

/// Tags of whatever has some.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    let mut next = None;
    for page in 0.. {
        if page == PAGES {
            let detail = format!("the first {} resources were read", PAGES * PAGE as usize);
            let gap = asking.cut("all tags", detail, "name fewer regions and accounts");
            found.gaps.push(gap);
            break;
        }
        let sent = asking
            .place
            .tags
            .get_resources()
            .resources_per_page(PAGE)
            .set_pagination_token(next)
            .send();
        let answer = match asking.ask("tag:GetResources", 1, sent).await {
            Ok(answer) => answer,
            Err(miss) => {
                found.missed(asking, "tags", &miss);
                break;
            }
        };
        for resource in answer.resource_tag_mapping_list() {
            let Some(arn) = resource.resource_arn() else {
                continue;
            };
            let Some(entity) = found.by_arn(arn) else {
                continue;
            };
            for tag in resource.tags() {
                found
                    .directory
                    .label(&entity, &format!("tag.{}", tag.key()), tag.value());
            }
        }
        next = answer
            .pagination_token()
            .map(str::to_string)
            .filter(|next| !next.is_empty());
        if next.is_none() {
            break;
        }
    }
    found
}
