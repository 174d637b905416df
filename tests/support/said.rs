//! What a program under way says on stderr, read as far as a test needs it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};

/// Its stderr.
pub struct Said {
    stderr: BufReader<ChildStderr>,
    read: String,
}

impl Said {
    /// Of `child`, whose stderr is piped.
    pub fn by(child: &mut Child) -> Self {
        Self {
            stderr: BufReader::new(child.stderr.take().expect("stderr is piped")),
            read: String::new(),
        }
    }

    /// Waits until a line holds `words`.
    #[track_caller]
    pub fn until(&mut self, words: &str) {
        assert!(
            self.until_or_end(words),
            "it ended without saying {words:?}:\n{}",
            self.read
        );
    }

    /// Waits until a line holds `words`; false if it ends without it.
    pub fn until_or_end(&mut self, words: &str) -> bool {
        let mut line = String::new();
        while !line.contains(words) {
            self.read.push_str(&line);
            line.clear();
            if self.stderr.read_line(&mut line).expect("stderr is UTF-8") == 0 {
                return false;
            }
        }
        self.read.push_str(&line);
        true
    }

    /// Everything, from the beginning to the end.
    pub fn until_the_end(&mut self) -> String {
        self.stderr
            .read_to_string(&mut self.read)
            .expect("stderr is UTF-8");
        std::mem::take(&mut self.read)
    }
}
