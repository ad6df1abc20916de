//! Kubernetes clusters, as they are configured.

use connectors::pull::Live;

use super::super::house::House;
use crate::problem::Problem;

/// Adds those that are configured; nobody is asked yet.
#[cfg(feature = "kubernetes")]
pub(super) fn add(house: &House, all: &mut Vec<Box<dyn Live>>) -> Result<(), Problem> {
    use std::sync::Arc;

    use connectors::kubernetes::{self, Access, Cluster, Settings};
    use connectors::pull::{Credential, Means, Source};

    use super::super::accounts::SystemChance;
    use super::{SystemPatience, refused};

    for (name, one) in &house.config().connectors.kubernetes {
        let name = format!("kubernetes.{name}");
        let access = match &one.kubeconfig {
            Some(file) => {
                let key = format!("connectors.{name}.kubeconfig");
                house.written.named_text(&key, file)?;
                Access::Kubeconfig {
                    file: house.path(file),
                    context: one.context.clone(),
                }
            }
            None => Access::InCluster,
        };
        // Read now, so that a file that is missing is not found out in an incident; and anew to join the cluster.
        let address = access.address().map_err(|why| refused(house, &name, why))?;
        let budget = one.bounds().budget(kubernetes::budget());
        let means = Means {
            wire: Arc::new(Cluster::new(access).map_err(|why| refused(house, &name, why))?),
            patience: Arc::new(SystemPatience),
            chance: Arc::new(SystemChance),
        };
        let settings = Settings {
            namespaces: one.namespaces.clone(),
            pods: one.pods.unwrap_or(Settings::default().pods),
            lines: one.lines.unwrap_or(Settings::default().lines),
        };
        let source = Source::new(&name, &address, Credential::None, budget, means);
        all.push(Box::new(kubernetes::Eyes::new(source, settings)));
    }
    Ok(())
}

/// This build cannot ask any, and says so rather than look away.
#[cfg(not(feature = "kubernetes"))]
pub(super) fn add(house: &House, _: &mut Vec<Box<dyn Live>>) -> Result<(), Problem> {
    match house.config().connectors.kubernetes.keys().next() {
        None => Ok(()),
        Some(name) => Err(super::without("kubernetes", name)),
    }
}
