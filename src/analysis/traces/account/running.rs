//! The nearest ancestor that was still running at a moment, in few steps however many spans lie
//! below each other.

/// One span among its ancestors.
#[derive(Clone, Copy, Debug)]
struct Link {
    end: i64,
    /// The nearest ancestor with a later end; itself where there is none.
    later: u32,
    /// One further up along `later`, so far that a search takes a number of steps that grows with
    /// the logarithm of the way (Myers 1983, "An applicative random-access stack").
    jump: u32,
    /// Length of the way up along `later`.
    height: u32,
}

/// The ends of spans, each with the way up from it. Ends rise along that way, so a search can skip
/// a part of it that is too early.
#[derive(Debug, Default)]
pub(super) struct Running {
    links: Vec<Link>,
}

impl Running {
    /// A record with room for `spans`.
    pub(super) fn new(spans: usize) -> Self {
        Self {
            links: Vec::with_capacity(spans),
        }
    }

    /// Adds the next span, whose parent was added before; None for the outermost.
    pub(super) fn push(&mut self, parent: Option<u32>, end: i64) {
        let own = self.links.len() as u32;
        let later = parent.and_then(|parent| self.nearest(parent, end.saturating_add(1)));
        self.links.push(
            match later.map(|later| (later, self.links[later as usize])) {
                None => Link {
                    end,
                    later: own,
                    jump: own,
                    height: 0,
                },
                Some((later, above)) => {
                    let far = self.links[above.jump as usize];
                    let twice = above.height - far.height
                        == far.height - self.links[far.jump as usize].height;
                    Link {
                        end,
                        later,
                        jump: if twice { far.jump } else { later },
                        height: above.height + 1,
                    }
                }
            },
        );
    }

    /// The nearest of `from` and its ancestors that ends at `moment` or later.
    pub(super) fn nearest(&self, from: u32, moment: i64) -> Option<u32> {
        self.way(from, moment)
            .last()
            .filter(|at| self.links[*at as usize].end >= moment)
    }

    /// The steps from `from` to the span that is looked for, or to the last one above it.
    fn way(&self, from: u32, moment: i64) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(from), move |at| {
            let link = self.links[*at as usize];
            let next = if self.links[link.jump as usize].end < moment {
                link.jump
            } else {
                link.later
            };
            (link.end < moment && link.later != *at).then_some(next)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a walk from ancestor to ancestor finds.
    fn walked(spans: &[(Option<u32>, i64)], from: u32, moment: i64) -> Option<u32> {
        let mut at = Some(from);
        while let Some(span) = at.filter(|at| spans[*at as usize].1 < moment) {
            at = spans[span as usize].0;
        }
        at
    }

    fn record(spans: &[(Option<u32>, i64)]) -> Running {
        let mut running = Running::new(spans.len());
        spans
            .iter()
            .for_each(|(parent, end)| running.push(*parent, *end));
        running
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_walk_finds(
            parents in prop::collection::vec((any::<prop::sample::Index>(), 0i64..40), 1..60),
            from in any::<prop::sample::Index>(),
            moment in 0i64..42,
        ) {
            let parent = |at: usize, parent: &prop::sample::Index| {
                (at > 0).then(|| parent.index(at) as u32)
            };
            let spans: Vec<(Option<u32>, i64)> = parents
                .iter()
                .enumerate()
                .map(|(at, (index, end))| (parent(at, index), *end))
                .collect();
            let from = from.index(spans.len()) as u32;
            prop_assert_eq!(record(&spans).nearest(from, moment), walked(&spans, from, moment));
        }
    }

    /// Steps of a search from the innermost of `depth` spans, each of which ends a nanosecond
    /// before the one around it.
    fn steps(depth: u32) -> usize {
        let spans: Vec<_> = (0..depth)
            .map(|at| (at.checked_sub(1), i64::from(depth - at)))
            .collect();
        let running = record(&spans);
        assert_eq!(running.nearest(depth - 1, i64::from(depth)), Some(0));
        running.way(depth - 1, i64::from(depth)).count()
    }

    #[test]
    fn a_deep_search_takes_few_steps() {
        assert!(steps(280_000) < 60, "{}", steps(280_000));
    }
}
