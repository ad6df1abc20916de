//! Text from elsewhere: which of its characters break a line, and which act on whoever shows it or hide in it. What is
//! made of them is each dress's and each notifier's own.

/// Does it end a line, or move within it?
pub fn breaks(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Control characters, direction overrides, zero-width characters, and the tag characters with which text can be hidden
/// in text; not those that [break](breaks) a line.
pub fn acts(c: char) -> bool {
    let formats = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !breaks(c) && (formats || c.is_control())
}
