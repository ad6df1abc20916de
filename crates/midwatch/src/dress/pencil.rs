//! What a terminal can show: its width, colours and signs; and paragraphs that fit it.

use owo_colors::{OwoColorize as _, Style};

use super::text::{columns, hyphenless_parts, plain};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pencil {
    /// Columns to write in; lines are wrapped to it.
    pub width: usize,
    /// Colours wanted?
    pub colour: bool,
    /// Does it show more than ASCII?
    pub unicode: bool,
}

impl Default for Pencil {
    /// A plain file: 80 columns, no colour, ASCII.
    fn default() -> Self {
        Self {
            width: 80,
            colour: false,
            unicode: false,
        }
    }
}

/// What a piece of text is, so that colours mean one thing everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// What the eye should find first.
    Strong,
    /// What is there to be looked up.
    Faint,
    /// Healthy, met, over.
    Good,
    /// Doubtful, untested, missing.
    Warn,
    /// Broken, failing.
    Bad,
    /// A heading.
    Head,
}

/// One piece of a paragraph.
pub type Piece = (Tone, String);

impl Pencil {
    /// Wraps at `width` columns; narrower than 40 is treated as 40, wider than 120 as 120, because
    /// longer lines are hard to read.
    pub fn new(width: usize, colour: bool, unicode: bool) -> Self {
        Self {
            width: width.clamp(40, 120),
            colour,
            unicode,
        }
    }

    /// `text` made plain and given its tone.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let safe = plain(text);
        if !self.colour || tone == Tone::Plain {
            return safe.into_owned();
        }
        let style = match tone {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Good => Style::new().green(),
            Tone::Warn => Style::new().yellow(),
            Tone::Bad => Style::new().red().bold(),
            Tone::Head => Style::new().cyan().bold(),
        };
        safe.style(style).to_string()
    }

    /// One of two signs, by what the terminal shows.
    pub fn sign(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// A line across the page.
    pub fn rule(&self) -> String {
        self.paint(Tone::Faint, &self.sign("\u{2500}", "-").repeat(self.width)) + "\n"
    }

    /// A heading with a line break before and after.
    pub fn heading(&self, title: &str) -> String {
        let heading = self.paragraph("", 0, &[(Tone::Head, title.to_uppercase())]);
        format!("\n{heading}")
    }

    /// A meter of `cells` cells for a share 0..1.
    pub fn meter(&self, share: f64, cells: usize) -> String {
        let share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        let full = (share * cells as f64).round() as usize;
        let (on, off) = (self.sign("\u{2588}", "#"), self.sign("\u{2591}", "."));
        on.repeat(full) + &off.repeat(cells.saturating_sub(full))
    }

    /// A paragraph: `first` begins it, further lines are indented by `hang` columns. Words are never
    /// broken unless one alone is wider than the page.
    pub fn paragraph(&self, first: &str, hang: usize, pieces: &[Piece]) -> String {
        let room = self.width.saturating_sub(hang).max(20);
        let mut out = String::new();
        let mut line = first.to_string();
        let mut used = columns(first);
        // Nothing of the text stands on this line yet: no space is owed before the next word.
        let mut fresh = true;
        for (tone, text) in pieces {
            let safe = plain(text);
            for word in safe.split(' ').filter(|word| !word.is_empty()) {
                for part in hyphenless_parts(word, room) {
                    let wide = columns(part);
                    let space = usize::from(!fresh);
                    if !fresh && used + space + wide > self.width {
                        out.push_str(line.trim_end());
                        out.push('\n');
                        line = " ".repeat(hang);
                        used = hang;
                        fresh = true;
                    }
                    if !fresh {
                        line.push(' ');
                        used += 1;
                    }
                    line.push_str(&self.paint(*tone, part));
                    used += wide;
                    fresh = false;
                }
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
        out
    }

    /// A series as one line of `cells` signs, low to high; a blank where no point lies. `times` are in
    /// order.
    pub fn spark(&self, times: &[i64], values: &[f64], cells: usize) -> String {
        let ramp: Vec<char> = self
            .sign(
                "\u{2581}\u{2582}\u{2583}\u{2584}\u{2585}\u{2586}\u{2587}\u{2588}",
                "_.-=+*#@",
            )
            .chars()
            .collect();
        // The largest value of each cell: a short peak must not vanish.
        let mut tops: Vec<Option<f64>> = vec![None; cells.max(1)];
        for (time, value) in times.iter().zip(values).filter(|(_, v)| v.is_finite()) {
            let cell = cell(times, *time, cells);
            tops[cell] = Some(tops[cell].map_or(*value, |top: f64| top.max(*value)));
        }
        let low = tops.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let high = tops
            .iter()
            .flatten()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        // Halves keep the difference finite even between the largest numbers.
        let height = high / 2.0 - low / 2.0;
        tops.iter()
            .map(|top| match top {
                None => ' ',
                Some(_) if height <= 0.0 => ramp[0],
                Some(value) => {
                    let share = (value / 2.0 - low / 2.0) / height;
                    ramp[((share * 7.0).round() as usize).min(7)]
                }
            })
            .collect()
    }
}

/// How many cells a series deserves: one for each of its usual steps, so that blanks mean holes; at
/// most `most`.
pub fn cells(times: &[i64], most: usize) -> usize {
    let mut steps: Vec<i64> = times
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    steps.sort_unstable();
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return 1;
    };
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(1).max(1);
    let wanted = last.saturating_sub(*first) / usual + 1;
    usize::try_from(wanted).unwrap_or(1).clamp(1, most.max(1))
}

/// The cell of a moment, of `cells` that share the stretch of `times` (in order).
pub fn cell(times: &[i64], moment: i64, cells: usize) -> usize {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return 0;
    };
    // Whole ranges of time overflow as integers; cells need no nanoseconds.
    let length = (*last as f64 - *first as f64).max(1.0);
    let share = ((moment as f64 - *first as f64) / length).clamp(0.0, 1.0);
    let last_cell = cells.saturating_sub(1);
    ((share * last_cell as f64).round() as usize).min(last_cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_keep_to_the_width() {
        let pencil = Pencil::new(40, false, false);
        let text = pencil.paragraph(
            "  * ",
            4,
            &[
                (
                    Tone::Plain,
                    "a connection pool that is far too small for".into(),
                ),
                (Tone::Faint, "[E1 E2]".into()),
            ],
        );
        assert_eq!(
            text,
            "  * a connection pool that is far too\n    small for [E1 E2]\n"
        );
        let long = pencil.paragraph("", 4, &[(Tone::Plain, "x".repeat(90))]);
        assert!(long.lines().all(|line| columns(line) <= 40), "{long}");
    }

    #[test]
    fn colour_only_when_told() {
        let bare = Pencil::default().paint(Tone::Bad, "down");
        assert_eq!(bare, "down");
        let coloured = Pencil::new(80, true, true).paint(Tone::Bad, "down\x1b[2J");
        assert!(coloured.starts_with("\x1b["), "{coloured:?}");
        assert!(!coloured.contains("\x1b[2J"), "{coloured:?}");
    }

    #[test]
    fn sparks_show_peaks_and_holes() {
        let pencil = Pencil::default();
        let times = [0, 1, 2, 6];
        assert_eq!(cells(&times, 72), 7);
        assert_eq!(pencil.spark(&times, &[0.0, 0.0, 7.0, 4.0], 7), "__@   +");
        assert_eq!(pencil.spark(&[], &[], 3), "   ");
        assert_eq!(pencil.spark(&[0, 1], &[f64::MAX, f64::MIN], 2), "@_");
        // A hostile report may hold any numbers and any order.
        assert_eq!(cells(&[i64::MAX, i64::MIN], 9), 1);
        assert_eq!(cell(&[i64::MIN, i64::MAX], 0, 3), 1);
    }
}
