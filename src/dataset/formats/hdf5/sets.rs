//! Sets of numbers (kosarak, movielens): members one after another, and how many each set has. As
//! vectors they are bits, 1 for each number that is a member.

use super::{
    super::super::{element::Element, file::check_memory, vectors::Vectors},
    array::{Array, Hdf5, KEYS, whole},
};

/// Numbers of 64 bits that are read in one go.
const STEP: u64 = 1 << 16;

/// Sets as rows of bits.
#[derive(Debug)]
pub(super) struct Sets {
    name: String,
    members: Array,
    /// Where each set ends.
    ends: Vec<u64>,
    /// Bits of a row, a multiple of 8.
    bits: u32,
}

impl Sets {
    /// The sets whose members are `members`.
    ///
    /// # Errors
    /// Their sizes do not fit, in words that go on after the name of the file.
    pub(super) fn open(file: &Hdf5, name: &str, members: Array) -> Result<Self, String> {
        let sizes = file.array("vector", &format!("size_{name}"))?;
        let [rows] = sizes.shape[..] else {
            return Err(format!(
                "has an array size_{name} that is not a list of sizes"
            ));
        };
        check_memory(u128::from(rows) * 8)?;
        let mut bytes = Vec::new();
        sizes.read(0, rows, &mut bytes)?;
        let (mut end, mut ends) = (0_u64, Vec::with_capacity(rows as usize));
        for (row, size) in whole(sizes.element, &bytes).into_iter().enumerate() {
            let size = u64::try_from(size)
                .ok()
                .and_then(|size| end.checked_add(size));
            end = size.ok_or_else(|| format!("has a wrong size of set {row} in size_{name}"))?;
            ends.push(end);
        }
        let there = members.shape.first().copied().unwrap_or(0);
        if end != there || rows == 0 {
            return Err(format!(
                "has {there} members in {name}, expected {end}, the sum of the {rows} sizes in \
                 size_{name}"
            ));
        }
        let dimension = file
            .dimension()
            .and_then(|bits| bits.checked_next_multiple_of(8))
            .and_then(|bits| u32::try_from(bits).ok())
            .filter(|bits| *bits > 0);
        let bits = dimension.ok_or("has sets of numbers, but no attribute dimension")?;
        Ok(Self {
            name: name.to_owned(),
            members,
            ends,
            bits,
        })
    }
}

impl Vectors for Sets {
    fn rows(&self) -> u64 {
        self.ends.len() as u64
    }

    fn values(&self) -> u32 {
        self.bits
    }

    fn element(&self) -> Element {
        Element::Bool
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        for row in first..first + count {
            let start = row
                .checked_sub(1)
                .map_or(0, |before| self.ends[before as usize]);
            let end = self.ends[row as usize];
            let place = out.len();
            out.resize(place + self.bits as usize, 0);
            for step in (start..end).step_by(STEP as usize) {
                let mut bytes = Vec::new();
                self.members.read(step, STEP.min(end - step), &mut bytes)?;
                for member in whole(self.members.element, &bytes) {
                    let bit = usize::try_from(member)
                        .ok()
                        .filter(|bit| *bit < self.bits as usize);
                    let bit = bit.ok_or_else(|| {
                        format!(
                            "has the member {member} in set {row} of {}, expected 0 to {}",
                            self.name,
                            self.bits - 1
                        )
                    })?;
                    out[place + bit] = 1;
                }
            }
        }
        Ok(())
    }

    fn keys(&self) -> &'static [&'static str] {
        KEYS
    }
}
