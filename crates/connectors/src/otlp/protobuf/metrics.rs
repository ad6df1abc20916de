//! Metrics in protocol buffers.

use std::borrow::Cow;

use super::Walk;
use super::values::attribute;
use super::wire::{Fields, Value, WireError};
use crate::files::otlp::points::{BUCKETS, Emit, Metric, Point, Shape};
use crate::files::otlp::resource::Resource;
use crate::files::stream::Place;

/// Reads one `Metric`.
pub(super) fn metric<'a>(
    bytes: &'a [u8],
    resource: &Resource<'a>,
    walk: &mut Walk<'_>,
) -> Result<(), WireError> {
    let mut about = Metric {
        name: Cow::Borrowed(""),
        unit: Cow::Borrowed(""),
        shape: Shape::Gauge,
        cumulative: false,
        monotonic: true,
    };
    let mut data = None;
    Fields::of(bytes).each(|number, field| {
        about.shape = match number {
            1 => {
                about.name = field.text()?;
                return Ok(());
            }
            3 => {
                about.unit = field.text()?;
                return Ok(());
            }
            5 => Shape::Gauge,
            7 => Shape::Sum,
            9 => Shape::Histogram,
            10 => Shape::Exponential,
            11 => Shape::Summary,
            _ => return Ok(()),
        };
        data = Some(field.bytes()?);
        Ok(())
    })?;
    let Some(data) = data else {
        return Ok(());
    };
    // Temporality may be written behind the points: it is looked for first.
    about.cumulative = about.shape == Shape::Summary;
    about.monotonic = about.shape != Shape::Sum;
    Fields::of(data).each(|number, field| {
        match number {
            2 => about.cumulative = field.varint()? == 2,
            3 => about.monotonic = field.varint()? != 0,
            _ => {}
        }
        Ok(())
    })?;
    Fields::of(data).each(|number, field| {
        if number != 1 {
            return Ok(());
        }
        let bytes = field.bytes()?;
        let point = match about.shape {
            Shape::Gauge | Shape::Sum => simple(bytes)?,
            Shape::Histogram => histogram(bytes)?,
            Shape::Exponential => exponential(bytes)?,
            Shape::Summary => summary(bytes)?,
        };
        let mut emit = Emit {
            about: &about,
            resource,
            place: Place::default(),
            sink: &mut *walk.sink,
            memory: &mut *walk.memory,
        };
        let _ = emit.take(point);
        Ok(())
    })
}

/// The lowest bit of the flags says that no value was recorded.
fn missing(field: Value<'_>) -> Result<bool, WireError> {
    Ok(field.varint()? & 1 == 1)
}

fn simple(bytes: &[u8]) -> Result<Point<'_>, WireError> {
    let mut point = Point::default();
    Fields::of(bytes).each(|number, field| {
        match number {
            2 => point.heap.start = field.nanos()?,
            3 => point.heap.time = field.nanos()?,
            4 => point.value = field.double()?,
            6 => point.value = field.fixed64()? as i64 as f64,
            7 => attribute(field.bytes()?, &mut point.fields)?,
            8 => point.missing = missing(field)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(point)
}

fn histogram(bytes: &[u8]) -> Result<Point<'_>, WireError> {
    let mut point = Point::default();
    Fields::of(bytes).each(|number, field| {
        match number {
            2 => point.heap.start = field.nanos()?,
            3 => point.heap.time = field.nanos()?,
            4 => point.heap.count = field.fixed64()? as f64,
            5 => point.heap.sum = field.double()?,
            6 => field.each_fixed64(|count| bucket(&mut point.heap.buckets[0], count))?,
            7 => field.each_fixed64(|bits| {
                if point.heap.bounds.len() >= BUCKETS {
                    return Err(WireError::TooManyBuckets);
                }
                point.heap.bounds.push(f64::from_bits(bits));
                Ok(())
            })?,
            9 => attribute(field.bytes()?, &mut point.fields)?,
            10 => point.missing = missing(field)?,
            11 => point.min = Some(field.double()?),
            12 => point.max = Some(field.double()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(point)
}

fn bucket(buckets: &mut Vec<(i64, f64)>, count: u64) -> Result<(), WireError> {
    if buckets.len() >= BUCKETS {
        return Err(WireError::TooManyBuckets);
    }
    buckets.push((buckets.len() as i64, count as f64));
    Ok(())
}

fn exponential(bytes: &[u8]) -> Result<Point<'_>, WireError> {
    let mut point = Point::default();
    Fields::of(bytes).each(|number, field| {
        match number {
            1 => attribute(field.bytes()?, &mut point.fields)?,
            2 => point.heap.start = field.nanos()?,
            3 => point.heap.time = field.nanos()?,
            4 => point.heap.count = field.fixed64()? as f64,
            5 => point.heap.sum = field.double()?,
            6 => point.heap.scale = field.zigzag()?.clamp(-64, 64) as i32,
            7 => point.heap.zero = field.fixed64()? as f64,
            8 => point.heap.buckets[0] = side(field.bytes()?)?,
            9 => point.heap.buckets[1] = side(field.bytes()?)?,
            10 => point.missing = missing(field)?,
            12 => point.min = Some(field.double()?),
            13 => point.max = Some(field.double()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(point)
}

fn side(bytes: &[u8]) -> Result<Vec<(i64, f64)>, WireError> {
    let mut offset = 0;
    let mut out = Vec::new();
    Fields::of(bytes).each(|number, field| {
        match number {
            1 => offset = field.zigzag()?,
            2 => field.each_varint(|count| bucket(&mut out, count))?,
            _ => {}
        }
        Ok(())
    })?;
    for (i, _) in &mut out {
        *i = i.saturating_add(offset);
    }
    out.retain(|(_, count)| *count > 0.0);
    Ok(out)
}

fn summary(bytes: &[u8]) -> Result<Point<'_>, WireError> {
    let mut point = Point::default();
    Fields::of(bytes).each(|number, field| {
        match number {
            2 => point.heap.start = field.nanos()?,
            3 => point.heap.time = field.nanos()?,
            4 => point.heap.count = field.fixed64()? as f64,
            5 => point.heap.sum = field.double()?,
            6 => {
                let (mut q, mut v) = (0.0, 0.0);
                Fields::of(field.bytes()?).each(|number, field| {
                    match number {
                        1 => q = field.double()?,
                        2 => v = field.double()?,
                        _ => {}
                    }
                    Ok(())
                })?;
                point.quantiles.push((q, v));
            }
            7 => attribute(field.bytes()?, &mut point.fields)?,
            8 => point.missing = missing(field)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(point)
}
