//! What is wrong, all of it: results whose errors are put together instead of ending at the first.
//!
//! What depends on a value that was refused stops with an error that holds nothing: the mistake has
//! been told, and what follows from it is none of its own.

use std::fmt;

/// One mistake or several; none where all of them were told before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes<T>(Vec<T>);

impl<T> Mistakes<T> {
    /// No new one: what was needed has been refused already.
    #[must_use]
    pub fn told() -> Self {
        Self(Vec::new())
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter()
    }

    /// The only one.
    #[cfg(test)]
    #[track_caller]
    pub(crate) fn only(mut self) -> T {
        assert_eq!(self.0.len(), 1, "several mistakes, or none");
        self.0.remove(0)
    }

    /// Adds those of `more`.
    pub fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// The value of `result`; where it is refused, its mistakes are added, and `otherwise` stands
    /// in.
    pub fn or<V>(&mut self, result: Result<V, Self>, otherwise: V) -> V {
        result.unwrap_or_else(|more| {
            self.add(more);
            otherwise
        })
    }

    /// The value of `result`; None where it is refused, and its mistakes are added.
    pub fn keep<V>(&mut self, result: Result<V, Self>) -> Option<V> {
        result.map_err(|more| self.add(more)).ok()
    }

    /// Each as another one.
    pub fn map<U>(self, into: impl FnMut(T) -> U) -> Mistakes<U> {
        Mistakes(self.0.into_iter().map(into).collect())
    }

    /// Themselves, changed as a list.
    #[must_use]
    pub(crate) fn arranged(mut self, arrange: impl FnOnce(&mut Vec<T>)) -> Self {
        arrange(&mut self.0);
        self
    }
}

impl<T> From<T> for Mistakes<T> {
    fn from(mistake: T) -> Self {
        Self(vec![mistake])
    }
}

/// A line each.
impl<T: fmt::Display> fmt::Display for Mistakes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{mistake}")?;
        }
        Ok(())
    }
}

impl<T: fmt::Debug + fmt::Display> std::error::Error for Mistakes<T> {}

/// Results of values that do not depend on each other.
pub trait Results {
    /// All the values.
    type Values;
    /// What one mistake is.
    type Mistake;

    /// The values, or the mistakes of all.
    ///
    /// # Errors
    /// One of them is an error.
    fn all(self) -> Result<Self::Values, Mistakes<Self::Mistake>>;
}

/// The values, or the mistakes of all.
///
/// # Errors
/// One of them is an error.
pub fn all<R: Results>(results: R) -> Result<R::Values, Mistakes<R::Mistake>> {
    results.all()
}

/// The values of a list, or the mistakes of all.
///
/// # Errors
/// One of them is an error.
pub fn each<V, T>(
    results: impl IntoIterator<Item = Result<V, Mistakes<T>>>,
) -> Result<Vec<V>, Mistakes<T>> {
    let mut found: Result<Vec<V>, Mistakes<T>> = Ok(Vec::new());
    for result in results {
        match (&mut found, result) {
            (Ok(values), Ok(value)) => values.push(value),
            (Ok(_), Err(mistakes)) => found = Err(mistakes),
            (Err(_), Ok(_)) => {}
            (Err(mistakes), Err(more)) => mistakes.add(more),
        }
    }
    found
}

/// The value of `result` for what depends on it; where it is refused, that is told with `result`.
///
/// # Errors
/// It is refused.
pub fn needs<V, T>(result: &Result<V, Mistakes<T>>) -> Result<&V, Mistakes<T>> {
    result.as_ref().map_err(|_| Mistakes::told())
}

macro_rules! results {
    ($($name:ident $value:ident),*) => {
        impl<T, $($value),*> Results for ($(Result<$value, Mistakes<T>>,)*) {
            type Values = ($($value,)*);
            type Mistake = T;

            fn all(self) -> Result<Self::Values, Mistakes<T>> {
                let ($($name,)*) = self;
                let mut mistakes = Mistakes::told();
                $(let $name = mistakes.keep($name);)*
                match ($($name,)*) {
                    ($(Some($name),)*) => Ok(($($name,)*)),
                    _ => Err(mistakes),
                }
            }
        }
    };
}

results!(a A, b B);
results!(a A, b B, c C);
results!(a A, b B, c C, d D);
results!(a A, b B, c C, d D, e E);
results!(a A, b B, c C, d D, e E, f F);
results!(a A, b B, c C, d D, e E, f F, g G);
results!(a A, b B, c C, d D, e E, f F, g G, h H);

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<V>(word: &str) -> Result<V, Mistakes<String>> {
        Err(word.to_owned().into())
    }

    #[test]
    fn the_mistakes_of_all_are_told() {
        assert_eq!(all((Ok::<_, Mistakes<String>>(1), Ok("b"))), Ok((1, "b")));
        let found: Result<(u8, u8, u8), _> = all((wrong("one"), Ok(2), wrong("three")));
        assert_eq!(found.unwrap_err().to_string(), "one\nthree");
        let found = each([wrong::<u8>("one"), Ok(2), wrong("three")]);
        assert_eq!(found.unwrap_err().iter().len(), 2);
        assert_eq!(each([Ok::<_, Mistakes<String>>(1), Ok(2)]), Ok(vec![1, 2]));
    }

    #[test]
    fn what_was_told_is_an_error_and_no_mistake() {
        let told: Result<u8, Mistakes<String>> = Err(Mistakes::told());
        let found: Result<(u8, u8), _> = all((told.clone(), wrong("two")));
        assert_eq!(found.unwrap_err().to_string(), "two");
        let mut mistakes = Mistakes::told();
        assert_eq!((mistakes.or(told, 7), mistakes.or(wrong("x"), 8)), (7, 8));
        assert_eq!(mistakes.to_string(), "x");
    }
}
