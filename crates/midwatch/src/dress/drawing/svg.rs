//! A small SVG writer: elements with escaped attributes and text.

use std::fmt::{Display, Write as _};

use crate::dress::text::{shorten, xml};

/// A drawing under way.
pub struct Svg {
    body: String,
    width: f64,
    height: f64,
    name: String,
}

/// A coordinate with one decimal: a tenth of a pixel is enough, and the same on every machine.
pub fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_string(),
        Some(whole) => whole.to_string(),
        None => text,
    }
}

impl Svg {
    /// A drawing of this size in its own units. `name` is unique in the page and ours, not data.
    pub fn new(name: impl Into<String>, width: f64, height: f64) -> Self {
        Self {
            body: String::new(),
            width,
            height,
            name: name.into(),
        }
    }

    /// An element without content. Attribute values are escaped.
    pub fn element(&mut self, tag: &str, attributes: &[(&str, &dyn Display)]) {
        let _ = write!(self.body, "<{tag}");
        self.attributes(attributes);
        self.body.push_str("/>");
    }

    /// A line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.element(
            "line",
            &[
                ("class", &class),
                ("x1", &at(from.0)),
                ("y1", &at(from.1)),
                ("x2", &at(to.0)),
                ("y2", &at(to.1)),
            ],
        );
    }

    /// A rectangle; `rx` rounds its corners.
    pub fn rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), rx: f64) {
        self.element(
            "rect",
            &[
                ("class", &class),
                ("x", &at(corner.0)),
                ("y", &at(corner.1)),
                ("width", &at(size.0.max(0.0))),
                ("height", &at(size.1.max(0.0))),
                ("rx", &at(rx)),
            ],
        );
    }

    /// A rectangle filled with a pattern of this drawing.
    pub fn filled_rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), fill: &str) {
        self.element(
            "rect",
            &[
                ("class", &class),
                ("x", &at(corner.0)),
                ("y", &at(corner.1)),
                ("width", &at(size.0.max(0.0))),
                ("height", &at(size.1.max(0.0))),
                ("fill", &fill),
            ],
        );
    }

    /// A hatch pattern under this name, for what could not be seen.
    pub fn pattern(&mut self, name: &str) {
        let _ = write!(
            self.body,
            "<defs><pattern id=\"{name}\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\"/>\
             </pattern></defs>"
        );
    }

    /// A path from finished path data of ours.
    pub fn path(&mut self, class: &str, data: &str) {
        self.element("path", &[("class", &class), ("d", &data)]);
    }

    /// Text at a point; `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, point: (f64, f64), anchor: &str, text: &str) {
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            at(point.0),
            at(point.1),
            xml(text)
        );
    }

    /// Opens a group with a tooltip, which screen readers read as well.
    pub fn open(&mut self, class: &str, title: &str) {
        let _ = write!(
            self.body,
            "<g class=\"{class}\"><title>{}</title>",
            xml(title)
        );
    }

    /// Closes the last group.
    pub fn close(&mut self) {
        self.body.push_str("</g>");
    }

    /// The finished element. `description` says in words what the picture shows.
    pub fn finish(self, title: &str, description: &str) -> String {
        let (name, body) = (&self.name, &self.body);
        format!(
            "<svg class=\"drawing\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-labelledby=\"{name}-t {name}-d\" \
             xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{name}-t\">{2}</title>\
             <desc id=\"{name}-d\">{3}</desc>{body}</svg>",
            at(self.width),
            at(self.height),
            xml(title),
            xml(description),
        )
    }

    fn attributes(&mut self, attributes: &[(&str, &dyn Display)]) {
        for (name, value) in attributes {
            let _ = write!(self.body, " {name}=\"{}\"", xml_long(&value.to_string()));
        }
    }
}

/// Path data may be longer than any text that people read; it is made of our own numbers and letters,
/// so cutting it would only break it.
fn xml_long(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// Cuts a label to what fits `pixels` at this size of letters. A letter is taken as 0.58 of its height,
/// the mean of the system fonts that the style sheet names.
pub fn fit(label: &str, pixels: f64, letters: f64) -> String {
    let columns = (pixels / (letters * 0.58)).floor().max(4.0) as usize;
    shorten(&crate::dress::text::plain(label), columns)
}
