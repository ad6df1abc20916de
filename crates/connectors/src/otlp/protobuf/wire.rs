//! Protocol buffers as they lie in memory: fields in the order they were written, borrowed.
//!
//! Export requests are walked once and nothing is copied that is not kept; that is where the time of an
//! inlet goes. The encoding: <https://protobuf.dev/programming-guides/encoding/>.

use std::borrow::Cow;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// The bytes end inside of a field.
    #[error("the bytes end inside of a field")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a varint runs over ten bytes")]
    LongVarint,
    /// A field number of zero, or a wire type that no current encoder writes.
    #[error("a tag that no field has")]
    BadTag,
    /// A known field is written as another type.
    #[error("a field is written as another type than its own")]
    WrongType,
    /// Values inside of values beyond all reason.
    #[error("values nested more than {} deep", super::values::DEPTH)]
    TooDeep,
    /// A histogram beyond all reason.
    #[error(
        "a histogram of more than {} buckets",
        crate::files::otlp::points::BUCKETS
    )]
    TooManyBuckets,
}

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// The inside of a message, string or packed list.
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::WrongType),
        }
    }

    /// A string; bytes that are no UTF-8 are replaced, as they would be when shown.
    #[inline]
    pub fn text(self) -> Result<Cow<'a, str>, WireError> {
        let bytes = self.bytes()?;
        // Nearly all text is well formed, which is quicker to check than to mend.
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        })
    }

    /// An integer, flag or enum.
    pub fn varint(self) -> Result<u64, WireError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(WireError::WrongType),
        }
    }

    /// A 64-bit integer of fixed width.
    pub fn fixed64(self) -> Result<u64, WireError> {
        match self {
            Self::Fixed64(number) => Ok(number),
            _ => Err(WireError::WrongType),
        }
    }

    /// A double.
    pub fn double(self) -> Result<f64, WireError> {
        self.fixed64().map(f64::from_bits)
    }

    /// A moment; those beyond the year 2262 are the last one.
    pub fn nanos(self) -> Result<i64, WireError> {
        Ok(i64::try_from(self.fixed64()?).unwrap_or(i64::MAX))
    }

    /// A signed integer in zigzag.
    pub fn zigzag(self) -> Result<i64, WireError> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Numbers of eight bytes each: packed, or a single one.
    pub fn each_fixed64(
        self,
        mut visit: impl FnMut(u64) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        match self {
            Self::Fixed64(number) => visit(number),
            Self::Bytes(bytes) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(WireError::Truncated);
                }
                numbers
                    .iter()
                    .try_for_each(|number| visit(u64::from_le_bytes(*number)))
            }
            _ => Err(WireError::WrongType),
        }
    }

    /// Varints: packed, or a single one.
    pub fn each_varint(
        self,
        mut visit: impl FnMut(u64) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        match self {
            Self::Varint(number) => visit(number),
            Self::Bytes(bytes) => {
                let mut fields = Fields { rest: bytes };
                while !fields.rest.is_empty() {
                    visit(fields.varint()?)?;
                }
                Ok(())
            }
            _ => Err(WireError::WrongType),
        }
    }
}

/// The fields of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Of a message's bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        // Tags and most lengths are a single byte.
        match self.rest.split_first() {
            Some((byte, rest)) if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0u64;
        for i in 0..10 {
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err(WireError::Truncated);
            };
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(WireError::LongVarint)
    }

    #[inline]
    fn split(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next field's number and value.
    #[inline]
    pub fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| WireError::BadTag)?;
        if number == 0 {
            return Err(WireError::BadTag);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let bytes = self.split(8)?;
                Value::Fixed64(u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
            }
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
                Value::Bytes(self.split(length)?)
            }
            5 => {
                let bytes = self.split(4)?;
                Value::Fixed32(u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
            }
            _ => return Err(WireError::BadTag),
        };
        Ok(Some((number, value)))
    }

    /// Visits all fields.
    #[inline]
    pub fn each(
        mut self,
        mut visit: impl FnMut(u32, Value<'a>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        while let Some((number, value)) = self.next()? {
            visit(number, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        fn read(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, WireError> {
            let mut seen = Vec::new();
            Fields::of(bytes).each(|number, value| {
                seen.push((number, value));
                Ok(())
            })?;
            Ok(seen)
        }
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(read(&[0x08, 0x96, 0x01]), Ok(vec![(1, Value::Varint(150))]));
        assert_eq!(read(&[0x0a, 5, 1]), Err(WireError::Truncated));
        assert_eq!(read(&[0x0a]), Err(WireError::Truncated));
        assert_eq!(read(&[0x09, 1, 2]), Err(WireError::Truncated));
        assert_eq!(read(&[0x00, 0]), Err(WireError::BadTag));
        assert_eq!(read(&[0x0b]), Err(WireError::BadTag));
        assert_eq!(read(&[0xff; 11]), Err(WireError::LongVarint));
        let huge = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(read(&huge), Err(WireError::Truncated));
    }
}
