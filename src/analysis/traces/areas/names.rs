//! How span names become labels: what varies between requests is taken out, so that equal work has
//! one label.

use std::borrow::Cow;

/// Longest name that is kept, characters: a name comes from outside.
const LONGEST: usize = 500;

/// A name from outside, of a very long one the beginning.
pub(crate) fn beginning(name: &str) -> &str {
    let end = name.char_indices().nth(LONGEST).map(|(end, _)| end);
    end.map_or(name, |end| &name[..end])
}

/// The name with each run of letters and digits that holds a digit as `#`, and several `#` joined
/// by one of `-_.:/` as one. Names of gRPC methods are left alone. Of a very long one the beginning
/// is taken.
pub(crate) fn normalise(name: &str) -> Cow<'_, str> {
    let name = beginning(name);
    if is_method(name) || !name.contains(|c: char| c.is_ascii_digit()) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let run = &rest[..end];
        if run.contains(|c: char| c.is_ascii_digit()) {
            push_number(&mut out);
        } else {
            out.push_str(run);
        }
        rest = &rest[end..];
    }
    Cow::Owned(out)
}

/// Appends `#`, or takes back the joint if the last run was one already.
fn push_number(out: &mut String) {
    let mut back = out.chars().rev();
    let joint = back.next();
    if joint.is_some_and(|c| "-_.:/".contains(c)) && back.next() == Some('#') {
        out.pop();
    } else {
        out.push('#');
    }
}

/// Whether `name` looks like `package.Service/Method`.
fn is_method(name: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
    };
    name.split_once('/')
        .is_some_and(|(service, method)| service.contains('.') && word(service) && word(method))
}
