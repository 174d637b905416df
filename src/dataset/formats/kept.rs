//! Decoded rows that are kept, so that rows which are asked for again, or by chance, are not decoded
//! each time.

use std::{collections::VecDeque, fmt, sync::Arc};

/// The blocks of rows that were used last, up to a number of bytes; the newest in any case.
pub(super) struct Kept<K, B> {
    blocks: VecDeque<(K, Arc<B>, usize)>,
    bytes: usize,
    most: usize,
}

impl<K, B> fmt::Debug for Kept<K, B> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} bytes are kept", self.bytes)
    }
}

impl<K: PartialEq, B> Kept<K, B> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            bytes: 0,
            most,
        }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<Arc<B>> {
        let at = self.blocks.iter().position(|(known, ..)| known == key)?;
        let found = self.blocks.remove(at)?;
        let block = Arc::clone(&found.1);
        self.blocks.push_front(found);
        Some(block)
    }

    pub(super) fn put(&mut self, key: K, block: B, bytes: usize) -> Arc<B> {
        let block = Arc::new(block);
        self.bytes += bytes;
        self.blocks.push_front((key, Arc::clone(&block), bytes));
        while self.bytes > self.most && self.blocks.len() > 1 {
            let Some((.., old)) = self.blocks.pop_back() else {
                break;
            };
            self.bytes -= old;
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_dropped_by_bytes_and_the_last_used_stay() {
        let mut kept = Kept::new(10);
        kept.put(1, 'a', 4);
        kept.put(2, 'b', 4);
        assert!(kept.get(&1).is_some());
        kept.put(3, 'c', 4);
        assert_eq!(kept.get(&2), None, "it was used before the other");
        assert_eq!(kept.get(&1).as_deref(), Some(&'a'));
        kept.put(4, 'd', 100);
        assert_eq!(kept.get(&4).as_deref(), Some(&'d'), "the newest stays");
        assert_eq!(kept.get(&1), None);
    }
}
