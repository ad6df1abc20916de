//! Which of several media types a client would rather have (RFC 9110, section 12.5.1).

/// Of those offered, in the server's own order, the index of the one that `Accept` weighs most; `None` if it takes
/// none of them. An empty header takes all.
pub fn chosen(accept: &str, offered: &[&str]) -> Option<usize> {
    if accept.trim().is_empty() {
        return (!offered.is_empty()).then_some(0);
    }
    let mut best: Option<(usize, u32)> = None;
    for (index, media) in offered.iter().enumerate() {
        let weight = weight(accept, media);
        if weight > 0 && best.is_none_or(|(_, most)| weight > most) {
            best = Some((index, weight));
        }
    }
    best.map(|(index, _)| index)
}

/// In thousandths; what names the type most exactly counts.
fn weight(accept: &str, media: &str) -> u32 {
    let kind = media.split('/').next().unwrap_or_default();
    let mut found: Option<(u8, u32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let exact = if name == media {
            3
        } else if name.strip_suffix("/*") == Some(kind) {
            2
        } else if name == "*/*" {
            1
        } else {
            continue;
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
            .map_or(1000, thousandths);
        if found.is_none_or(|(before, _)| exact > before) {
            found = Some((exact, weight));
        }
    }
    found.map_or(0, |(_, weight)| weight)
}

/// `0.7` is 700; what is no number from 0 to 1 is 0.
fn thousandths(text: &str) -> u32 {
    match text.trim().parse::<f64>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn the_heaviest_wins_and_the_most_exact_counts() {
        let offered = ["application/json", "text/html", "text/markdown"];
        for (accept, index) in [
            ("", Some(0)),
            ("*/*", Some(0)),
            ("text/html", Some(1)),
            ("text/*", Some(1)),
            ("text/html;q=0.3, text/markdown", Some(2)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(1)),
            ("application/json;q=0, */*", Some(1)),
            ("TEXT/HTML", Some(1)),
            ("image/png", None),
            ("text/html;q=nonsense", None),
            (";;,,;q=,", None),
        ] {
            assert_eq!(chosen(accept, &offered), index, "{accept}");
        }
    }
}
