//! The nearest known word, for whoever mistyped one.

/// `; did you mean "x"?`, or nothing if no known word is near.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean {near:?}?"),
        None => String::new(),
    }
}

/// The known word that is nearest by typing errors; `None` if all are far. The first of equals.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A word much longer than any name is not a mistyped name, and measuring it would cost.
    if word.len() > 200 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in known.into_iter().filter(|k| k.len() <= 200) {
        let distance = strsim::damerau_levenshtein(word, candidate);
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    // One error in three letters is a slip; more is another word.
    best.filter(|(distance, near)| *distance <= near.len().max(word.len()).div_ceil(3))
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["threshold", "period", "entity"];
        assert_eq!(nearest("treshold", known), Some("threshold"));
        assert_eq!(nearest("peroid", known), Some("period"));
        assert_eq!(nearest("webhook", known), None);
    }
}
