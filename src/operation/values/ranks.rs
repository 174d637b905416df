//! Values by the rank of a Zipf distribution: of their own, and near the newest row.

use std::sync::Arc;

use rand_distr::{Distribution as _, Zipf};
use toml::Value;

use super::{
    super::{FieldValue, OperationError, draw, keys::refuse, order::permute},
    distributions::{Distribution, Drawn, Extent, Place, Reader, number},
};

/// Above it everything but the first rank is rarer than 1 in 10^30.
const LARGEST_EXPONENT: f64 = 100.0;

#[derive(Debug)]
struct Ranks {
    zipf: Zipf<f64>,
    of: u64,
    from: i64,
    /// Key of the order in which ranks have their values; None: in their own.
    scramble: Option<u64>,
}

impl Distribution for Ranks {
    fn draw(&self, place: Place) -> Drawn {
        let rank = rank(&self.zipf, place.bits).clamp(1, self.of);
        let step = match self.scramble {
            Some(key) => permute(key, self.of, rank - 1),
            None => rank - 1,
        };
        let value = FieldValue::Int(self.from.wrapping_add(step as i64));
        Drawn { value, rank }
    }

    fn extent(&self) -> Extent<'_> {
        Extent::Ints(self.from, self.from.saturating_add(self.of as i64 - 1))
    }

    fn ranks(&self) -> Option<u64> {
        Some(self.of)
    }
}

pub(super) fn zipf(reader: &Reader<'_>) -> Result<Arc<dyn Distribution>, OperationError> {
    let Some(of) = reader.integer("of") else {
        return refuse("", "has no `of`, the number of ranks of zipf");
    };
    let of = of.unsigned_abs();
    let scramble = reader.table.get("scramble").and_then(Value::as_bool);
    Ok(Arc::new(Ranks {
        zipf: distribution(reader, "zipf", of)?,
        of,
        from: reader.integer("from").unwrap_or(1),
        scramble: scramble.unwrap_or(false).then_some(reader.stream),
    }))
}

#[derive(Debug)]
struct Latest {
    zipf: Zipf<f64>,
    of: u64,
    /// The highest row number.
    highest: i64,
}

impl Distribution for Latest {
    fn draw(&self, place: Place) -> Drawn {
        let rank = rank(&self.zipf, place.bits).clamp(1, self.of.min(place.rows).max(1));
        let value = FieldValue::Int(place.rows.saturating_sub(rank) as i64);
        Drawn { value, rank }
    }

    fn extent(&self) -> Extent<'_> {
        Extent::Ints(0, self.highest)
    }

    fn ranks(&self) -> Option<u64> {
        Some(self.of)
    }
}

pub(super) fn latest(reader: &Reader<'_>) -> Result<Arc<dyn Distribution>, OperationError> {
    let rows = reader.rows;
    let of = match reader.integer("of") {
        Some(of) => of.unsigned_abs(),
        None => rows,
    };
    if rows == 0 || of > rows {
        let message = format!(
            "has {of} ranks, but preparation inserts {rows} rows: expected at least one row, and \
             at most as many ranks as rows"
        );
        return refuse("latest", message);
    }
    Ok(Arc::new(Latest {
        zipf: distribution(reader, "latest", of)?,
        of,
        highest: if reader.grows {
            i64::MAX
        } else {
            rows as i64 - 1
        },
    }))
}

fn distribution(reader: &Reader<'_>, key: &str, ranks: u64) -> Result<Zipf<f64>, OperationError> {
    let exponent = number(reader.value(key));
    let exponent = exponent.filter(|found| *found > 0.0 && *found <= LARGEST_EXPONENT);
    let zipf = exponent.and_then(|exponent| Zipf::new(ranks as f64, exponent).ok());
    zipf.map_or_else(
        || {
            let found = reader.value(key);
            refuse(
                key,
                format!("is {found}, expected an exponent above 0 and at most 100"),
            )
        },
        Ok,
    )
}

/// A rank from 1. `rand_distr` draws by rejection, so it needs an unknown number of random numbers.
fn rank(zipf: &Zipf<f64>, bits: u64) -> u64 {
    zipf.sample(&mut draw::Bits(bits)) as u64
}
