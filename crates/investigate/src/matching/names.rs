//! From a name in a text to the entity that it means.

use rustc_hash::FxHashMap;

use crate::scene::Scene;

/// Entities by the names that texts use; a name that several entities share means nobody.
pub(super) struct Names {
    by_name: FxHashMap<String, Option<u32>>,
}

impl Names {
    pub(super) fn new(scene: &Scene) -> Self {
        let mut by_name: FxHashMap<String, Option<u32>> = FxHashMap::default();
        for (number, entity) in scene.entities.iter().enumerate() {
            let number = number as u32;
            let mut names = vec![
                entity.name.to_lowercase(),
                entity.id.as_str().to_lowercase(),
            ];
            names.extend(entity.id.as_str().rsplit('/').next().map(str::to_lowercase));
            names.sort();
            names.dedup();
            for name in names.into_iter().filter(|n| !n.is_empty()) {
                by_name
                    .entry(name)
                    .and_modify(|known| {
                        // Copies of one service, or a workload and its service, are not two meanings.
                        let same = known.is_some_and(|k| {
                            scene.unit_of[k as usize] == scene.unit_of[number as usize]
                        });
                        if !same {
                            *known = None;
                        }
                    })
                    .or_insert(Some(number));
            }
        }
        Self { by_name }
    }

    /// The entity that `text` means: by its whole name, without scheme, port and path, by the last part of
    /// a path or ARN, by the first label of a host name or the one before its suffix.
    pub(super) fn resolve(&self, text: &str) -> Option<u32> {
        let whole = text
            .trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase();
        let host = whole
            .split_once("://")
            .map_or(whole.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or(host);
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(host, |(h, _)| h);
        let last = whole.rsplit(['/', ':']).next().unwrap_or(&whole);
        let role = whole
            .split_once("assumed-role/")
            .and_then(|(_, rest)| rest.split('/').next())
            .unwrap_or(last);
        let label = host
            .split('.')
            .next()
            .filter(|l| l.parse::<u32>().is_err())
            .unwrap_or(host);
        let table = last.rsplit('.').next().unwrap_or(last);
        // `api.provider.com` may be known as `provider`: the label before the suffix.
        let owner = host
            .rsplit('.')
            .nth(1)
            .filter(|l| l.len() > 2)
            .unwrap_or(host);
        [whole.as_str(), host, role, last, label, table, owner]
            .into_iter()
            .find_map(|name| self.by_name.get(name).copied().flatten())
    }
}
