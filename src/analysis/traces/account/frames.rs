//! The shortest sibling that contains another one, in few steps however many siblings there are.

use std::collections::HashMap;

/// Frames up to which a search just looks at each of them, and the size of the smallest block.
const FEW: usize = 32;
/// How many blocks make one of the next size.
const BLOCKS: usize = 4;

/// A sibling that may contain others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) node: u32,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) name: &'a str,
    pub(super) service: &'a str,
    pub(super) span_id: u64,
}

impl Frame<'_> {
    fn duration(&self) -> i64 {
        self.end - self.start
    }

    /// Whether it is wider than `inner`, of another name, and of the same service.
    fn contains(&self, inner: &Frame<'_>, slack: i64) -> bool {
        let around = self.start - slack <= inner.start && inner.end <= self.end + slack;
        around && self.name != inner.name && self.service == inner.service
    }
}

/// The frames of one level.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    /// By length, the shortest first; where there are many, service by service.
    all: Vec<Frame<'a>>,
    services: HashMap<&'a str, Blocks>,
}

impl<'a> Frames<'a> {
    /// Sorts `all`.
    pub(super) fn new(mut all: Vec<Frame<'a>>) -> Self {
        let many = all.len() > FEW;
        all.sort_unstable_by_key(|frame| (frame.duration(), frame.start, frame.span_id));
        let mut services = HashMap::new();
        if many {
            all.sort_by_key(|frame| frame.service);
            let mut from = 0;
            for of_service in all.chunk_by(|a, b| a.service == b.service) {
                services.insert(of_service[0].service, Blocks::new(from, of_service));
                from += of_service.len();
            }
        }
        Self { all, services }
    }

    /// The shortest frame that is longer than `inner` and contains it.
    pub(super) fn shortest_around(&self, inner: &Frame<'a>, slack: i64) -> Option<u32> {
        let find = |frames: &[Frame<'a>]| {
            frames
                .iter()
                .find(|frame| frame.contains(inner, slack))
                .map(|frame| frame.node)
        };
        let longer = |frames: &[Frame<'a>]| {
            frames.partition_point(|frame| frame.duration() <= inner.duration())
        };
        if self.services.is_empty() {
            return find(&self.all[longer(&self.all)..]);
        }
        let blocks = self.services.get(inner.service)?;
        let frames = &self.all[blocks.from..blocks.from + blocks.len];
        let mut at = longer(frames);
        while at < frames.len() {
            match blocks.without(at, inner, slack) {
                Some(next) => at = next,
                None if frames[at].contains(inner, slack) => return Some(frames[at].node),
                None => at += 1,
            }
        }
        None
    }
}

/// The frames of one service in blocks, so that a block without a container is left out at once.
#[derive(Debug)]
struct Blocks {
    from: usize,
    len: usize,
    /// Numbers of the names.
    names: HashMap<String, u32>,
    /// Size of a block, and the frames of each block by their start.
    sizes: Vec<(usize, Vec<Latest>)>,
}

/// A frame's start, and the latest ends of it and the frames before it in the block: of any name,
/// and of any other name than that.
#[derive(Clone, Copy, Debug)]
struct Latest {
    start: i64,
    end: i64,
    name: u32,
    other_end: i64,
}

impl Latest {
    fn with(self, earlier: Self) -> Self {
        let (late, early) = if earlier.end > self.end {
            (earlier, self)
        } else {
            (self, earlier)
        };
        let others = [
            late.other_end,
            early.other_end,
            if early.name == late.name {
                i64::MIN
            } else {
                early.end
            },
        ];
        Self {
            start: self.start,
            end: late.end,
            name: late.name,
            other_end: others.into_iter().max().unwrap_or(i64::MIN),
        }
    }
}

impl Blocks {
    fn new(from: usize, frames: &[Frame<'_>]) -> Self {
        let mut names: HashMap<String, u32> = HashMap::new();
        let mut one = |frame: &Frame<'_>| {
            let number = names.len() as u32;
            let name = *names.entry(frame.name.to_owned()).or_insert(number);
            Latest {
                start: frame.start,
                end: frame.end,
                name,
                other_end: i64::MIN,
            }
        };
        let single: Vec<Latest> = frames.iter().map(&mut one).collect();
        let mut sizes = Vec::new();
        let mut size = FEW;
        while size < frames.len() {
            let mut sorted = single.clone();
            for block in sorted.chunks_mut(size) {
                block.sort_unstable_by_key(|latest| latest.start);
                for at in 1..block.len() {
                    block[at] = block[at].with(block[at - 1]);
                }
            }
            sizes.push((size, sorted));
            size *= BLOCKS;
        }
        // The largest first: it spares the most.
        sizes.reverse();
        Self {
            from,
            len: frames.len(),
            names,
            sizes,
        }
    }

    /// The end of the largest block that begins at `at` and contains nothing around `inner`.
    fn without(&self, at: usize, inner: &Frame<'_>, slack: i64) -> Option<usize> {
        let name = self.names.get(inner.name).copied();
        let (start, end) = (
            inner.start.saturating_add(slack),
            inner.end.saturating_sub(slack),
        );
        self.sizes
            .iter()
            .filter(|(size, _)| at.is_multiple_of(*size))
            .find_map(|(size, latest)| {
                let to = (at + size).min(self.len);
                let block = &latest[at..to];
                let early = block[..block.partition_point(|latest| latest.start <= start)].last();
                let last_end = early.map(|latest| {
                    if Some(latest.name) == name {
                        latest.other_end
                    } else {
                        latest.end
                    }
                });
                last_end.is_none_or(|last| last < end).then_some(to)
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn frame(
        node: u32,
        (start, length): (i64, i64),
        name: usize,
        service: usize,
    ) -> Frame<'static> {
        Frame {
            node,
            start,
            end: start + length,
            name: NAMES[name],
            service: ["x", "y"][service],
            span_id: u64::from(node),
        }
    }

    /// What looking at every frame finds.
    fn looked(frames: &[Frame<'_>], inner: &Frame<'_>, slack: i64) -> Option<u32> {
        let around = frames
            .iter()
            .filter(|frame| frame.duration() > inner.duration() && frame.contains(inner, slack));
        around
            .min_by_key(|frame| (frame.duration(), frame.start, frame.span_id))
            .map(|frame| frame.node)
    }

    proptest! {
        #[test]
        fn blocks_find_what_a_look_at_each_finds(
            drawn in prop::collection::vec(((0i64..60, 1i64..60), 0usize..3, 0usize..2), 1..300),
            inner in ((0i64..60, 0i64..30), 0usize..3, 0usize..2),
            slack in 0i64..3,
        ) {
            let frames: Vec<Frame<'_>> = drawn
                .iter()
                .zip(0u32..)
                .map(|((times, name, service), node)| frame(node, *times, *name, *service))
                .collect();
            let inner = frame(9_999, inner.0, inner.1, inner.2);
            prop_assert_eq!(
                Frames::new(frames.clone()).shortest_around(&inner, slack),
                looked(&frames, &inner, slack)
            );
        }
    }

    /// Blocks and frames that are looked at to find that none of `count` frames contains the last
    /// one.
    fn looks(count: u32) -> usize {
        let frames: Vec<Frame<'_>> = (0..count)
            .map(|at| {
                frame(
                    at,
                    (i64::from(at), 10 + i64::from(at % 7)),
                    at as usize % 2,
                    0,
                )
            })
            .collect();
        let frames = Frames::new(frames);
        let inner = frame(count, (i64::from(count) + 100, 1), 2, 0);
        let blocks = &frames.services["x"];
        let (mut at, mut looks) = (0, 0);
        while at < blocks.len {
            looks += 1;
            at = blocks.without(at, &inner, 0).unwrap_or(at + 1);
        }
        assert_eq!(frames.shortest_around(&inner, 0), None);
        looks
    }

    #[test]
    fn a_search_among_many_takes_few_looks() {
        assert!(looks(280_000) < 60, "{}", looks(280_000));
    }
}
