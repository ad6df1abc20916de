//! Dotted paths into documents, with `*` for any element.

use serde_json::Value;

/// How many values one path may yield; more would tell nobody anything.
const MOST: usize = 4_096;

/// One value, and the path to it without `*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Place<'a> {
    /// Dotted, with element numbers counted from 0.
    pub path: String,
    /// What stands there.
    pub value: &'a Value,
}

/// Every value at `path`: names of fields and numbers of elements, parted by dots; `*` stands for any
/// of either. The empty path is the document. At most 4,096, in the document's order.
pub fn walk<'a>(document: &'a Value, path: &str) -> Vec<Place<'a>> {
    let mut places = vec![Place {
        path: String::new(),
        value: document,
    }];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let mut next = Vec::new();
        for place in &places {
            let join = |name: &str| {
                if place.path.is_empty() {
                    name.to_string()
                } else {
                    format!("{}.{name}", place.path)
                }
            };
            match (place.value, step) {
                (Value::Array(elements), "*") => {
                    next.extend(elements.iter().enumerate().map(|(i, value)| Place {
                        path: join(&i.to_string()),
                        value,
                    }));
                }
                (Value::Object(fields), "*") => {
                    next.extend(fields.iter().map(|(name, value)| Place {
                        path: join(name),
                        value,
                    }));
                }
                (Value::Array(elements), number) => {
                    if let Some(value) = number.parse::<usize>().ok().and_then(|i| elements.get(i))
                    {
                        next.push(Place {
                            path: join(number),
                            value,
                        });
                    }
                }
                (Value::Object(fields), name) => {
                    if let Some(value) = fields.get(name) {
                        next.push(Place {
                            path: join(name),
                            value,
                        });
                    }
                }
                _ => {}
            }
            if next.len() >= MOST {
                next.truncate(MOST);
                break;
            }
        }
        places = next;
    }
    places
}

/// `path` with its `*` replaced by what they stood for in `found`, as far as `path` begins like `pattern`.
///
/// `bind("a.*.name", "a.*.load", "a.3.load")` is `a.3.name`: the same element.
pub fn bind(path: &str, pattern: &str, found: &str) -> String {
    let mut bound: Vec<&str> = path.split('.').collect();
    for ((step, pattern), found) in bound
        .iter_mut()
        .zip(pattern.split('.'))
        .zip(found.split('.'))
    {
        if *step != pattern {
            break;
        }
        *step = found;
    }
    bound.join(".")
}

/// A value as text: strings as they are, numbers and booleans as JSON writes them, nothing for others.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A value as a finite number; strings that hold one count.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|n| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_is_any_element() {
        let document =
            json!({"a": [{"n": "x", "v": 1}, {"n": "y", "v": "2.5"}], "b": {"c": {"v": true}}});
        let found: Vec<String> = walk(&document, "a.*.v")
            .iter()
            .map(|p| format!("{}={}", p.path, text(p.value).unwrap_or_default()))
            .collect();
        assert_eq!(found, ["a.0.v=1", "a.1.v=2.5"]);
        assert_eq!(walk(&document, "b.*.v")[0].path, "b.c.v");
        assert!(walk(&document, "a.7.v").is_empty() && walk(&document, "a.x").is_empty());
        assert_eq!(walk(&document, "")[0].value, &document);
        assert_eq!(number(walk(&document, "a.1.v")[0].value), Some(2.5));
    }

    #[test]
    fn two_paths_can_mean_the_same_element() {
        assert_eq!(bind("a.*.n", "a.*.v", "a.1.v"), "a.1.n");
        assert_eq!(bind("b.*.n", "a.*.v", "a.1.v"), "b.*.n");
        assert_eq!(bind("a.*.w.*.n", "a.*.w.*.v", "a.1.w.4.v"), "a.1.w.4.n");
    }
}
