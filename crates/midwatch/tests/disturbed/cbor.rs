//! CBOR (RFC 8949) as CloudWatch's clients write and read it. A moment is `{"@": seconds}` here.

use serde_json::{Map, Value, json};

/// JSON as CBOR.
pub fn written(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn head(kind: u8, length: usize, out: &mut Vec<u8>) {
    out.push(kind << 5 | 26);
    out.extend(u32::try_from(length).unwrap().to_be_bytes());
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(yes) => out.push(if *yes { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => {
                out.push(0x1b);
                out.extend(whole.to_be_bytes());
            }
            None => {
                out.push(0xfb);
                out.extend(number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(3, text.len(), out);
            out.extend(text.bytes());
        }
        Value::Array(items) => {
            head(4, items.len(), out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Object(fields) => match fields.get("@") {
            Some(seconds) => {
                out.push(0xc1);
                write(seconds, out);
            }
            None => {
                head(5, fields.len(), out);
                for (name, value) in fields {
                    write(&json!(name), out);
                    write(value, out);
                }
            }
        },
    }
}

/// CBOR as JSON.
pub fn read(bytes: &[u8]) -> Value {
    Reader { bytes, at: 0 }.value()
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        self.at += count;
        &self.bytes[self.at - count..self.at]
    }

    fn number(&mut self, bytes: usize) -> u64 {
        let taken = self.take(bytes);
        taken
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    }

    /// The length of what has one; `None` where its end is marked.
    fn length(&mut self, short: u8) -> Option<u64> {
        match short {
            0..24 => Some(u64::from(short)),
            24..28 => Some(self.number(1_usize << (short - 24))),
            _ => None,
        }
    }

    /// Is the end of what began without a length here? Then it is passed.
    fn ends(&mut self) -> bool {
        let ends = self.bytes[self.at] == 0xff;
        self.at += usize::from(ends);
        ends
    }

    fn value(&mut self) -> Value {
        let first = self.take(1)[0];
        let (kind, short) = (first >> 5, first & 31);
        if kind == 7 {
            return match short {
                20 | 21 => json!(short == 21),
                26 => json!(f32::from_bits(self.number(4) as u32)),
                27 => json!(f64::from_bits(self.number(8))),
                _ => Value::Null,
            };
        }
        let length = self.length(short);
        let counted = |done: u64, reader: &mut Self| match length {
            Some(length) => done < length,
            None => !reader.ends(),
        };
        match kind {
            0 => json!(length.unwrap()),
            1 => json!(-1 - length.unwrap() as i64),
            3 => {
                let text = self.take(length.unwrap() as usize);
                json!(String::from_utf8_lossy(text))
            }
            4 => {
                let mut items = Vec::new();
                while counted(items.len() as u64, self) {
                    items.push(self.value());
                }
                Value::Array(items)
            }
            5 => {
                let mut fields = Map::new();
                let mut done = 0;
                while counted(done, self) {
                    let name = self.value();
                    fields.insert(name.as_str().unwrap().to_string(), self.value());
                    done += 1;
                }
                Value::Object(fields)
            }
            6 => json!({"@": self.value()}),
            other => panic!("nobody sends the kind {other} here"),
        }
    }
}
