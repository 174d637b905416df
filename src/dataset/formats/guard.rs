//! Calls of other people's readers: where they panic over a damaged file, that is an error of the
//! file and no end of the program.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    /// Whether this thread is within [`guarded`], so that a panic is told by its result alone.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}
static QUIET: Once = Once::new();

/// What `call` returns; a panic becomes an error in words that go on after the name of the file.
/// What the call has changed is not to be used after an error.
pub(super) fn guarded<T>(
    reader: &str,
    call: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    QUIET.call_once(|| {
        let told = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                told(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.unwrap_or_else(|payload| {
        let cause = words(&*payload);
        Err(format!(
            "can't be read: it is damaged, or the {reader} reader has a bug ({cause})"
        ))
    })
}

fn words(payload: &dyn Any) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    one_line(&text.unwrap_or_else(|| "no reason given".to_owned()))
}

/// The first 200 letters of another program's words, as a part of a sentence.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_reader_is_a_sentence() {
        let found = guarded("Parquet", || -> Result<(), String> {
            panic!("a page\nwithout a header");
        });
        let found = found.unwrap_err();
        assert_eq!(
            found,
            "can't be read: it is damaged, or the Parquet reader has a bug (a page without a \
             header)"
        );
        assert_eq!(guarded("Parquet", || Ok(7)), Ok(7));
    }
}
