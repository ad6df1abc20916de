//! Words that are no value as a whole but hold values: `blk_38865`, `attempt_1445_0020_m_01`, `worker-0012.log`.

use super::mask::Sink;
use super::slot::SlotKind;

/// What one run of letters and digits is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Letters,
    Digits,
    /// Hexadecimal digits of both sorts, or `0x` before them.
    Hex,
    /// Letters with too few digits to be sure that they vary: `eth0`, `x86`, `IPv6`. Whether they do is seen later,
    /// when lines that differ only there are compared.
    Soft,
    /// Letters, then three or more digits; the number of letters.
    Numbered(usize),
    /// Letters and digits in a mixture that nobody would choose as a name.
    Mixed,
}

/// Between these a word is judged part by part.
fn is_hard_separator(b: u8) -> bool {
    !(b.is_ascii_alphanumeric() || b >= 0x80 || matches!(b, b'.' | b'-' | b'_'))
}

fn is_piece_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80
}

/// Hands a word to `sink`, its values as slots.
pub(super) fn split<S: Sink>(word: &[u8], sink: &mut S) {
    let mut start = 0;
    while start < word.len() {
        let end = start
            + word[start..]
                .iter()
                .take_while(|b| !is_hard_separator(**b))
                .count();
        if end > start {
            part(&word[start..end], sink);
        }
        let next = end
            + word[end..]
                .iter()
                .take_while(|b| is_hard_separator(**b))
                .count();
        if next > end {
            sink.literal(&word[end..next]);
        }
        start = next;
    }
}

/// A part whose pieces are joined by dots, dashes and underscores only.
fn part<S: Sink>(part: &[u8], sink: &mut S) {
    if !part.iter().any(u8::is_ascii_digit) {
        sink.literal(part);
        return;
    }
    // First look: where the pieces with digits begin and end, and whether together they are one generated name.
    let (mut first, mut last) = (None, 0);
    let (mut with_digits, mut soft, mut one_name) = (0, 0, false);
    let mut gap_from = 0;
    each_piece(part, |from, to, piece| {
        if piece == Piece::Letters {
            return;
        }
        if first.is_none() {
            first = Some(from);
        } else {
            let gap = &part[gap_from..from];
            one_name |= gap.contains(&b'_') || gap.iter().any(|b| is_piece_byte(*b));
        }
        with_digits += 1;
        soft += usize::from(piece == Piece::Soft);
        one_name |= piece != Piece::Digits;
        last = to;
        gap_from = to;
    });
    let Some(first) = first else {
        sink.literal(part);
        return;
    };
    if with_digits == soft && soft == 1 {
        sink.literal(part);
    } else if with_digits > 1 && one_name {
        sink.literal(&part[..first]);
        sink.slot(SlotKind::Id, &part[first..last]);
        sink.literal(&part[last..]);
    } else {
        one_by_one(part, sink);
    }
}

fn one_by_one<S: Sink>(part: &[u8], sink: &mut S) {
    let mut done = 0;
    let mut number: Option<(usize, usize)> = None;
    each_piece(part, |from, to, piece| {
        if let Some((start, end)) = number {
            // Numbers joined by single dots are one: a version, a decimal, a dotted object identifier.
            if piece == Piece::Digits && from == end + 1 && part[end] == b'.' {
                number = Some((start, to));
                return;
            }
            sink.literal(&part[done..start]);
            sink.slot(SlotKind::Num, &part[start..end]);
            done = end;
            number = None;
        }
        match piece {
            Piece::Letters | Piece::Soft => {}
            Piece::Digits => {
                let signed = from > done
                    && matches!(part[from - 1], b'-' | b'+')
                    && (from == 1 || !is_piece_byte(part[from - 2]));
                number = Some((from - usize::from(signed), to));
            }
            Piece::Hex | Piece::Mixed | Piece::Numbered(_) => {
                let (kind, from) = match piece {
                    Piece::Hex => (SlotKind::Hex, from),
                    Piece::Numbered(letters) if letters > 1 || is_klog_header(&part[from..to]) => {
                        (SlotKind::Num, from + letters)
                    }
                    _ => (SlotKind::Id, from),
                };
                sink.literal(&part[done..from]);
                sink.slot(kind, &part[from..to]);
                done = to;
            }
        }
    });
    if let Some((start, end)) = number {
        sink.literal(&part[done..start]);
        sink.slot(SlotKind::Num, &part[start..end]);
        done = end;
    }
    sink.literal(&part[done..]);
}

/// `E1121`: the severity's letter, month and day of a klog header. The letter is no value.
fn is_klog_header(piece: &[u8]) -> bool {
    piece.len() == 5
        && matches!(piece[0], b'I' | b'W' | b'E' | b'F')
        && matches!(piece[1], b'0' | b'1')
}

fn each_piece(part: &[u8], mut tell: impl FnMut(usize, usize, Piece)) {
    let mut at = 0;
    while at < part.len() {
        if !is_piece_byte(part[at]) {
            at += 1;
            continue;
        }
        let from = at;
        let (mut digits, mut hex) = (0, 0);
        while at < part.len() && is_piece_byte(part[at]) {
            digits += usize::from(part[at].is_ascii_digit());
            hex += usize::from(part[at].is_ascii_hexdigit());
            at += 1;
        }
        tell(from, at, judge(&part[from..at], digits, hex));
    }
}

fn judge(piece: &[u8], digits: usize, hex: usize) -> Piece {
    let len = piece.len();
    if digits == 0 {
        return Piece::Letters;
    }
    if digits == len {
        return Piece::Digits;
    }
    let prefixed = len > 2 && piece[0] == b'0' && matches!(piece[1], b'x' | b'X') && hex == len - 1;
    if prefixed || (hex == len && len >= 6) {
        return Piece::Hex;
    }
    if digits < 3 && !(len >= 16 && digits == 2) {
        return Piece::Soft;
    }
    let letters = piece.iter().take_while(|b| !b.is_ascii_digit()).count();
    if letters + digits == len {
        Piece::Numbered(letters)
    } else {
        Piece::Mixed
    }
}
