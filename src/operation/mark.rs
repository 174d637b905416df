//! The marks by which collections of milvus-bench, and the runs that work with them, are known in
//! Milvus.
//!
//! A collection's description names its content and the run that created it, once and for all:
//! Milvus 2.3 can't change it. What is renewed while a run lives is an alias of the collection,
//! whose name holds the run and a time. Nothing of a collection changes by that, and requests by
//! its name do not see it.

/// What the description of every collection of milvus-bench begins with.
const COLLECTION: &str = "milvus-bench:1:";

/// What the name of every alias begins with by which a run marks a collection.
const RUN: &str = "milvus_bench_run_";

/// A run that has renewed its mark within this time lives, in seconds.
pub const LIVES_S: u64 = 60;

/// Longest name of a run within an alias; Milvus allows 255 characters in all.
const NAME_MAX: usize = 170;

/// One run, and when it said last that it lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunMark {
    /// Upper half of its trace ids, 16 hex digits: no other run has it.
    pub nonce: String,
    /// Name of its folder.
    pub run: String,
    /// Seconds since 1970, by Milvus' clock where it tells its time.
    pub at: u64,
}

impl RunMark {
    /// The alias that says so of the collection `id`: an alias is of one collection, and a run may
    /// work with several.
    #[must_use]
    pub fn alias(&self, id: i64) -> String {
        format!(
            "{RUN}{}_{}_{}_{}",
            self.nonce,
            self.at,
            id.unsigned_abs(),
            escaped(&self.run)
        )
    }

    /// The mark in the name of an alias; None for somebody else's.
    #[must_use]
    pub fn of_alias(alias: &str) -> Option<Self> {
        let mut parts = alias.strip_prefix(RUN)?.splitn(4, '_');
        let (nonce, at, id, run) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let at = at.parse().ok()?;
        id.parse::<u64>().ok()?;
        is_hex(nonce).then(|| Self {
            nonce: nonce.to_owned(),
            run: unescaped(run),
            at,
        })
    }

    /// Whether the run lives at the moment `now`. Clocks may differ a little, so a mark of the near
    /// future counts too.
    #[must_use]
    pub fn lives(&self, now: u64) -> bool {
        self.at.abs_diff(now) < LIVES_S
    }
}

/// The description of a collection with `fingerprint` that `run` creates.
#[must_use]
pub fn description(fingerprint: &str, run: &RunMark) -> String {
    format!(
        "{COLLECTION}{fingerprint}:{}:{}:{}",
        run.nonce, run.at, run.run
    )
}

/// What the description of a collection of milvus-bench says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionMark {
    /// What it holds.
    pub fingerprint: String,
    /// Who created it, and when; None where an older version did.
    pub creator: Option<RunMark>,
}

/// The mark in a description; None for a collection that is not milvus-bench's own.
#[must_use]
pub fn of_description(description: &str) -> Option<CollectionMark> {
    let rest = description.strip_prefix(COLLECTION)?;
    let (fingerprint, creator) = rest
        .split_once(':')
        .map_or((rest, None), |(fingerprint, creator)| {
            (fingerprint, Some(creator))
        });
    if !is_hex(fingerprint) {
        return None;
    }
    let creator = creator.and_then(|creator| {
        let mut parts = creator.splitn(3, ':');
        let (nonce, at, run) = (parts.next()?, parts.next()?, parts.next()?);
        Some(RunMark {
            nonce: nonce.to_owned(),
            at: at.parse().ok()?,
            run: run.to_owned(),
        })
    });
    Some(CollectionMark {
        fingerprint: fingerprint.to_owned(),
        creator,
    })
}

/// 16 hex digits in lower case.
fn is_hex(text: &str) -> bool {
    text.len() == 16
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name in the characters that Milvus allows: `_` is the escape, `-` and `.`, which most names
/// have, take two characters.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        let next = match byte {
            b'-' => "_d".to_owned(),
            b'.' => "_p".to_owned(),
            b'_' => "__".to_owned(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("_x{byte:02x}"),
        };
        if escaped.len() + next.len() > NAME_MAX {
            break;
        }
        escaped.push_str(&next);
    }
    escaped
}

/// The name again; what can't be read is left as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, length) = match (first, tail) {
            (b'_', [b'd', ..]) => (b'-', 2),
            (b'_', [b'p', ..]) => (b'.', 2),
            (b'_', [b'_', ..]) => (b'_', 2),
            (b'_', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                let value = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                value.map_or((*first, 1), |value| (value, 4))
            }
            _ => (*first, 1),
        };
        bytes.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str = "0123456789abcdef";

    fn run(name: &str) -> RunMark {
        RunMark {
            nonce: "00ff00ff00ff00ff".to_owned(),
            run: name.to_owned(),
            at: 1_796_030_819,
        }
    }

    #[test]
    fn an_alias_is_a_name_that_milvus_allows_and_says_who_and_when() {
        for name in [
            "quickstart-20261130T091500Z-ab12",
            "my run",
            "a_b__c",
            "größe",
            "",
            "_x4",
            "results.old",
        ] {
            let alias = run(name).alias(470_818_652_837_781_133);
            assert!(
                alias
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                    && alias.len() <= 255,
                "{alias}"
            );
            assert_eq!(RunMark::of_alias(&alias), Some(run(name)), "{alias}");
        }
        let long = run(&"-".repeat(500)).alias(i64::MAX);
        assert!(
            long.len() <= 255
                && RunMark::of_alias(&long).is_some_and(|mark| mark.run.chars().all(|c| c == '-')),
            "{long}"
        );
    }

    #[test]
    fn aliases_of_others_are_no_marks() {
        for alias in [
            "words",
            "milvus_bench_run_",
            "milvus_bench_run_1_2_3_x",
            "milvus_bench_run_00ff00ff00ff00ff_x_1_a",
            "milvus_bench_probe",
        ] {
            assert_eq!(RunMark::of_alias(alias), None, "{alias}");
        }
    }

    #[test]
    fn a_run_lives_for_a_minute_after_its_last_word() {
        let at = run("a").at;
        assert!(run("a").lives(at) && run("a").lives(at + 59) && run("a").lives(at - 10));
        assert!(!run("a").lives(at + 60) && !run("a").lives(at - 3600));
    }

    #[test]
    fn a_description_names_content_and_creator() {
        let text = description(PRINT, &run("cli: one"));
        assert_eq!(
            of_description(&text),
            Some(CollectionMark {
                fingerprint: PRINT.to_owned(),
                creator: Some(run("cli: one"))
            })
        );
        // Of an older version.
        let old = of_description("milvus-bench:1:0123456789abcdef");
        assert_eq!(
            old,
            Some(CollectionMark {
                fingerprint: PRINT.to_owned(),
                creator: None
            })
        );
    }

    #[test]
    fn other_descriptions_are_no_marks() {
        for other in [
            "",
            "my words",
            "milvus-bench:1:",
            "milvus-bench:1:0123",
            "milvus-bench:2:0123456789abcdef",
            "milvus-bench:1:0123456789ABCDEF",
            " milvus-bench:1:0123456789abcdef",
        ] {
            assert_eq!(of_description(other), None, "{other}");
        }
    }
}
