//! The functions of metric math.

use super::eval::{Grid, Inputs, Sequence, Value, each};
use super::parse::MathError;
use crate::detect::band::Band;
use crate::detect::calendar::Civil;
use model::time::SECOND;

/// How wide a band is, in standard deviations, if nobody says.
pub(in crate::detect) const BAND_WIDTH: f64 = 2.0;

/// One call.
pub(super) fn call(
    inputs: &Inputs<'_>,
    name: &str,
    arguments: &[Value],
) -> Result<Value, MathError> {
    let call = Call {
        name,
        arguments,
        grid: inputs.grid,
    };
    match name {
        "AVG" | "SUM" | "MIN" | "MAX" | "STDDEV" | "DATAPOINT_COUNT" => call.reduce(),
        "ABS" => call.plain(f64::abs),
        "CEIL" => call.plain(f64::ceil),
        "FLOOR" => call.plain(f64::floor),
        "LOG" => call.plain(f64::ln),
        "LOG10" => call.plain(f64::log10),
        "IF" => call.either(),
        "FILL" => call.fill(),
        "DIFF" => call.steps(|_, delta| Some(delta)),
        "RATE" => call.steps(|seconds, delta| Some(delta / seconds)),
        "DIFF_TIME" => call.steps(|seconds, _| Some(seconds)),
        "RUNNING_SUM" => call.running_sum(),
        "REMOVE_EMPTY" => call.remove_empty(),
        "TIME_SERIES" => {
            call.count(1, 1)?;
            let value = call.number(0)?;
            Ok(Value::Series(vec![value; call.grid.length]))
        }
        "PERIOD" => {
            call.count(1, 1)?;
            call.series(0)?;
            Ok(Value::Scalar(Some(call.grid.period as f64 / SECOND as f64)))
        }
        "MINUTE" => call.clock(|at| f64::from(at.minute)),
        "HOUR" => call.clock(|at| f64::from(at.hour)),
        "DAY" => call.clock(|at| f64::from(at.weekday)),
        "DATE" => call.clock(|at| f64::from(at.day)),
        "MONTH" => call.clock(|at| f64::from(at.month)),
        "YEAR" => call.clock(|at| at.year as f64),
        "EPOCH" => call.clock(|at| at.epoch as f64),
        "METRICS" => {
            call.count(0, 1)?;
            let part = match arguments.first() {
                None => "",
                Some(Value::Word(text)) => text.as_str(),
                Some(other) => return Err(call.wants(0, "a text", other)),
            };
            let chosen = inputs.metrics.iter().filter(|(id, _)| id.contains(part));
            Ok(Value::Array(
                chosen.map(|(_, series)| series.clone()).collect(),
            ))
        }
        "FIRST" | "LAST" => {
            call.count(1, 1)?;
            let all = call.array(0)?;
            let chosen = if name == "FIRST" {
                all.first()
            } else {
                all.last()
            };
            Ok(Value::Series(
                chosen
                    .cloned()
                    .unwrap_or_else(|| vec![None; call.grid.length]),
            ))
        }
        "SLICE" => call.slice(),
        "SORT" => call.sort(),
        "ANOMALY_DETECTION_BAND" => call.band(),
        "SEARCH" => Err(MathError::new(
            "SEARCH cannot be alarmed on, because what it finds changes; select metrics by a pattern of entities",
        )),
        _ => Err(MathError::new(format!(
            "there is no function {name}{}",
            near(name)
        ))),
    }
}

const NAMES: [&str; 33] = [
    "ABS",
    "ANOMALY_DETECTION_BAND",
    "AVG",
    "CEIL",
    "DATAPOINT_COUNT",
    "DATE",
    "DAY",
    "DIFF",
    "DIFF_TIME",
    "EPOCH",
    "FILL",
    "FIRST",
    "FLOOR",
    "HOUR",
    "IF",
    "LAST",
    "LOG",
    "LOG10",
    "MAX",
    "METRICS",
    "MIN",
    "MINUTE",
    "MONTH",
    "PERIOD",
    "RATE",
    "REMOVE_EMPTY",
    "RUNNING_SUM",
    "SLICE",
    "SORT",
    "STDDEV",
    "SUM",
    "TIME_SERIES",
    "YEAR",
];

fn near(name: &str) -> String {
    crate::detect::nearest::hint(&name.to_ascii_uppercase(), NAMES)
}

struct Call<'a> {
    name: &'a str,
    arguments: &'a [Value],
    grid: Grid,
}

impl Call<'_> {
    fn count(&self, least: usize, most: usize) -> Result<(), MathError> {
        let given = self.arguments.len();
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let wanted = if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        };
        Err(MathError::new(format!(
            "{} takes {wanted} arguments, not {given}",
            self.name
        )))
    }

    fn wants(&self, index: usize, what: &str, found: &Value) -> MathError {
        MathError::new(format!(
            "argument {} of {} is {what}, not {}",
            index + 1,
            self.name,
            found.sort()
        ))
    }

    fn get(&self, index: usize) -> Result<&Value, MathError> {
        self.arguments
            .get(index)
            .ok_or_else(|| MathError::new(format!("{} wants an argument {}", self.name, index + 1)))
    }

    fn number(&self, index: usize) -> Result<Option<f64>, MathError> {
        match self.get(index)? {
            Value::Scalar(number) => Ok(*number),
            other => Err(self.wants(index, "a number", other)),
        }
    }

    fn series(&self, index: usize) -> Result<&Sequence, MathError> {
        match self.get(index)? {
            Value::Series(series) => Ok(series),
            other => Err(self.wants(index, "a series", other)),
        }
    }

    fn array(&self, index: usize) -> Result<&[Sequence], MathError> {
        match self.get(index)? {
            Value::Array(all) => Ok(all),
            other => Err(self.wants(index, "several series", other)),
        }
    }

    fn word(&self, index: usize) -> Result<&str, MathError> {
        match self.get(index)? {
            Value::Word(word) => Ok(word),
            other => Err(self.wants(index, "a word", other)),
        }
    }

    fn plain(&self, function: fn(f64) -> f64) -> Result<Value, MathError> {
        self.count(1, 1)?;
        each(self.get(0)?.clone(), self.name, &|v| v.map(function))
    }

    /// A series becomes a number, several become one, point by point.
    fn reduce(&self) -> Result<Value, MathError> {
        self.count(1, 1)?;
        match self.get(0)? {
            Value::Series(series) => {
                let present: Vec<f64> = series.iter().flatten().copied().collect();
                Ok(Value::Scalar(reduced(self.name, &present, present.len())))
            }
            Value::Array(all) => {
                let at = |i: usize| {
                    let present: Vec<f64> = all
                        .iter()
                        .filter_map(|s| s.get(i).copied().flatten())
                        .collect();
                    if present.is_empty() {
                        return None;
                    }
                    reduced(self.name, &present, all.len())
                };
                Ok(Value::Series((0..self.grid.length).map(at).collect()))
            }
            other => Err(self.wants(0, "a series or several", other)),
        }
    }

    fn either(&self) -> Result<Value, MathError> {
        self.count(2, 3)?;
        let branch = |index: usize, i: usize| match self.arguments.get(index) {
            Some(Value::Scalar(v)) => *v,
            Some(Value::Series(s)) => s.get(i).copied().flatten(),
            _ => None,
        };
        for (index, argument) in self.arguments.iter().enumerate() {
            if !matches!(argument, Value::Scalar(_) | Value::Series(_)) {
                return Err(self.wants(index, "a number or a series", argument));
            }
        }
        if self.arguments.iter().all(|a| matches!(a, Value::Scalar(_))) {
            let chosen = match branch(0, 0) {
                None => None,
                Some(v) if v != 0.0 => branch(1, 0),
                Some(_) => branch(2, 0),
            };
            return Ok(Value::Scalar(chosen));
        }
        // A true condition whose series has no point gives 0; a false one drops the point. So the guide's table.
        let at = |i: usize| match branch(0, i) {
            None => None,
            Some(v) if v != 0.0 => Some(branch(1, i).unwrap_or(0.0)),
            Some(_) => branch(2, i),
        };
        Ok(Value::Series((0..self.grid.length).map(at).collect()))
    }

    fn fill(&self) -> Result<Value, MathError> {
        self.count(2, 2)?;
        let how = self.get(1)?;
        if let Value::Word(word) = how
            && word != "REPEAT"
            && word != "LINEAR"
        {
            return Err(MathError::new(format!(
                "FILL fills with a number, a series, REPEAT or LINEAR, not {word}"
            )));
        }
        if matches!(how, Value::Array(_)) {
            return Err(self.wants(1, "a number, a series, REPEAT or LINEAR", how));
        }
        match self.get(0)? {
            Value::Series(series) => Ok(Value::Series(filled(series, how))),
            Value::Array(all) => Ok(Value::Array(all.iter().map(|s| filled(s, how)).collect())),
            other => Err(self.wants(0, "a series or several", other)),
        }
    }

    /// From each point and the one before it, wherever that lies.
    fn steps(&self, function: impl Fn(f64, f64) -> Option<f64>) -> Result<Value, MathError> {
        self.count(1, 1)?;
        self.each_series(|series| {
            let mut last: Option<(usize, f64)> = None;
            let mut out = vec![None; series.len()];
            for (i, (slot, value)) in out.iter_mut().zip(series).enumerate() {
                let Some(value) = value else { continue };
                if let Some((before, earlier)) = last {
                    let seconds = (i - before) as f64 * self.grid.period as f64 / SECOND as f64;
                    *slot = function(seconds, value - earlier).filter(|v| v.is_finite());
                }
                last = Some((i, *value));
            }
            out
        })
    }

    fn running_sum(&self) -> Result<Value, MathError> {
        self.count(1, 1)?;
        self.each_series(|series| {
            let mut sum = 0.0;
            let mut add = |value: &f64| {
                sum += value;
                Some(sum).filter(|v: &f64| v.is_finite())
            };
            series
                .iter()
                .map(|value| value.as_ref().and_then(&mut add))
                .collect()
        })
    }

    fn each_series(&self, function: impl Fn(&Sequence) -> Sequence) -> Result<Value, MathError> {
        match self.get(0)? {
            Value::Series(series) => Ok(Value::Series(function(series))),
            Value::Array(all) => Ok(Value::Array(all.iter().map(function).collect())),
            other => Err(self.wants(0, "a series or several", other)),
        }
    }

    fn remove_empty(&self) -> Result<Value, MathError> {
        self.count(1, 1)?;
        let kept = self
            .array(0)?
            .iter()
            .filter(|s| s.iter().any(Option::is_some));
        Ok(Value::Array(kept.cloned().collect()))
    }

    fn clock(&self, read: impl Fn(&Civil) -> f64) -> Result<Value, MathError> {
        self.count(1, 1)?;
        self.series(0)?;
        let at = |i| Some(read(&Civil::of(self.grid.at(i))));
        Ok(Value::Series((0..self.grid.length).map(at).collect()))
    }

    fn slice(&self) -> Result<Value, MathError> {
        self.count(2, 3)?;
        let all = self.array(0)?;
        let index = |i: usize| -> Result<usize, MathError> {
            let number = self.number(i)?.unwrap_or(0.0);
            // Cutting a float to an integer saturates, so no bound can overflow.
            Ok((number.max(0.0) as usize).min(all.len()))
        };
        let from = index(1)?;
        let to = if self.arguments.len() == 3 {
            index(2)?
        } else {
            all.len()
        };
        Ok(Value::Array(
            all.get(from..to.max(from)).unwrap_or(&[]).to_vec(),
        ))
    }

    fn sort(&self) -> Result<Value, MathError> {
        self.count(3, 4)?;
        let by = self.word(1)?;
        if !["AVG", "MIN", "MAX", "SUM"].contains(&by) {
            return Err(MathError::new(format!(
                "SORT sorts by AVG, MIN, MAX or SUM, not {by}"
            )));
        }
        let descending = match self.word(2)? {
            "ASC" => false,
            "DESC" => true,
            other => {
                return Err(MathError::new(format!(
                    "SORT goes ASC or DESC, not {other}"
                )));
            }
        };
        let mut all: Vec<(f64, &Sequence)> = self
            .array(0)?
            .iter()
            .map(|series| {
                let present: Vec<f64> = series.iter().flatten().copied().collect();
                // Series without a point go last whichever way.
                let last = if descending {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                };
                (reduced(by, &present, present.len()).unwrap_or(last), series)
            })
            .collect();
        all.sort_by(|a, b| {
            let order = a.0.total_cmp(&b.0);
            if descending { order.reverse() } else { order }
        });
        let limit = match self.arguments.len() {
            4 => self.number(3)?.unwrap_or(0.0).max(0.0) as usize,
            _ => all.len(),
        };
        Ok(Value::Array(
            all.into_iter()
                .take(limit)
                .map(|(_, s)| s.clone())
                .collect(),
        ))
    }

    fn band(&self) -> Result<Value, MathError> {
        self.count(1, 2)?;
        let width = match self.arguments.len() {
            2 => self.number(1)?.unwrap_or(BAND_WIDTH),
            _ => BAND_WIDTH,
        };
        if width <= 0.0 {
            return Err(MathError::new(
                "a band must be wider than 0 standard deviations",
            ));
        }
        let series = self.series(0)?;
        let known = series.iter().enumerate().take(self.grid.history);
        let (times, values): (Vec<i64>, Vec<f64>) = known
            .filter_map(|(i, value)| value.map(|value| (self.grid.at(i), value)))
            .unzip();
        let model = Band::fit(&times, &values, self.grid.at(self.grid.history));
        let side = |high: bool| {
            (0..self.grid.length)
                .map(|i| {
                    let (lower, upper) = model.as_ref()?.range(self.grid.at(i), width);
                    Some(if high { upper } else { lower }).filter(|v| v.is_finite())
                })
                .collect()
        };
        Ok(Value::Array(vec![side(true), side(false)]))
    }
}

/// `among`: how many series there are, of which some may have no point; their mean counts those as 0.
fn reduced(name: &str, present: &[f64], among: usize) -> Option<f64> {
    let count = present.len() as f64;
    let sum: f64 = present.iter().sum();
    if present.is_empty() && name != "DATAPOINT_COUNT" {
        return None;
    }
    let value = match name {
        "AVG" => sum / among as f64,
        "SUM" => sum,
        "MIN" => present.iter().copied().fold(f64::INFINITY, f64::min),
        "MAX" => present.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "STDDEV" => {
            let mean = sum / count;
            (present.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
        }
        _ => count,
    };
    value.is_finite().then_some(value)
}

fn filled(series: &Sequence, how: &Value) -> Sequence {
    let mut out = series.clone();
    match how {
        Value::Scalar(value) => {
            out.iter_mut().for_each(|slot| *slot = slot.or(*value));
        }
        Value::Series(other) => {
            for (slot, value) in out.iter_mut().zip(other) {
                *slot = slot.or(*value);
            }
        }
        Value::Word(word) if word == "REPEAT" => {
            let mut last = None;
            for slot in &mut out {
                *slot = slot.or(last);
                last = *slot;
            }
        }
        // Between two points on a straight line; before the first and after the last there is no line.
        Value::Word(_) => {
            let points: Vec<(usize, f64)> = series
                .iter()
                .enumerate()
                .filter_map(|(i, v)| v.map(|v| (i, v)))
                .collect();
            for pair in points.windows(2) {
                let [(from, low), (to, high)] = pair else {
                    continue;
                };
                let length = (to - from) as f64;
                for (step, slot) in out.iter_mut().skip(*from).take(to - from).enumerate() {
                    let value = low + (high - low) * step as f64 / length;
                    *slot = slot.or(Some(value).filter(|v| v.is_finite()));
                }
            }
        }
        Value::Array(_) => {}
    }
    out
}
