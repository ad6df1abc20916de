//! How an orchestrator names the copies of a service.

/// Kubernetes draws the random endings of names from these letters: no vowels, no look-alikes.
const SAFE: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The service that a pod is a copy of.
///
/// A deployment's pod is `<name>-<template hash>-<five letters>`, a daemon set's
/// `<name>-<five letters>`, a stateful set's `<name>-<ordinal>`.
pub(super) fn service_of(pod: &str) -> &str {
    let Some((head, tail)) = pod.rsplit_once('-') else {
        return pod;
    };
    if head.is_empty() {
        return pod;
    }
    if !tail.is_empty() && tail.len() <= 4 && tail.bytes().all(|b| b.is_ascii_digit()) {
        return head;
    }
    let random = tail.len() == 5 && tail.chars().all(|letter| SAFE.contains(letter));
    if !random {
        return pod;
    }
    match head.rsplit_once('-') {
        Some((name, hash)) if !name.is_empty() && is_template_hash(hash) => name,
        _ => head,
    }
}

fn is_template_hash(word: &str) -> bool {
    (6..=10).contains(&word.len())
        && word.bytes().any(|b| b.is_ascii_digit())
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::service_of;

    #[test]
    fn the_endings_that_an_orchestrator_adds_are_cut_off() {
        let cases = [
            ("ts-travel2-service-5c66d57d58-6mp2b", "ts-travel2-service"),
            ("cart-7fc455457c-jm5s2", "cart"),
            ("node-agent-kxhfd", "node-agent"),
            ("postgres-0", "postgres"),
            ("checkout", "checkout"),
            ("payments-api", "payments-api"),
            ("-abcde", "-abcde"),
            ("", ""),
        ];
        for (pod, service) in cases {
            assert_eq!(service_of(pod), service, "{pod}");
        }
    }
}
