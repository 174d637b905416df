//! What is sent in headers may be a secret, and servers quote requests: in an error page, in the
//! words of a status, in a span of their own. Whatever they say passes here before it is shown or
//! kept.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Stands for a secret.
const MASK: &str = "***";
/// A shorter text is masked as a word of its own only: letters of it are everywhere.
const SHORT: usize = 4;
/// So long a beginning of a secret is one too: texts are cut, by servers and here.
const BEGINNING: usize = 6;
/// Least length of what is masked within spans, where a tenant's name may also be that of a
/// service.
const IN_SPANS: usize = 8;

/// Lower-case characters, and how many of them are enough where the text is cut.
type Form = (Vec<char>, usize);

/// The values of some headers in all forms that they may be quoted in.
#[derive(Clone)]
pub struct Mask {
    /// Lower case, the longest first, so that a secret within another one leaves no rest of the
    /// longer one.
    forms: Vec<Form>,
    /// Whether a form of [`IN_SPANS`] and more begins with such two bytes: most texts of spans are
    /// done with that question.
    beginnings: Vec<bool>,
}

impl std::fmt::Debug for Mask {
    /// Says nothing of what it hides.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask(***)")
    }
}

impl Mask {
    /// For `headers`.
    #[must_use]
    pub fn of(headers: &[(String, String)]) -> Self {
        let (mut parts, mut whole): (Vec<String>, Vec<Form>) = (Vec::new(), Vec::new());
        for (_, value) in headers {
            let value = value.trim();
            match value
                .split_once(char::is_whitespace)
                .filter(|(scheme, _)| is_scheme(scheme))
            {
                // Not a beginning of the whole, which is that of everybody's.
                Some((scheme, rest)) => {
                    whole.extend(
                        forms_of(value)
                            .into_iter()
                            .map(|form| (form, scheme.len() + 1 + BEGINNING)),
                    );
                    parts.push(rest.trim().to_owned());
                }
                None => parts.push(value.to_owned()),
            }
            // `a=b; c=d`: what follows.
            parts.extend(value.split_whitespace().skip(1).map(str::to_owned));
            parts.extend(
                value
                    .split([';', ',', '=', ' '])
                    .map(str::trim)
                    .filter(|part| part.len() >= IN_SPANS)
                    .map(str::to_owned),
            );
            // `user:password` of a Basic header, and its password.
            let decoded = value
                .split_whitespace()
                .last()
                .and_then(|word| STANDARD.decode(word).ok())
                .and_then(|raw| String::from_utf8(raw).ok());
            if let Some((_, password)) = decoded.as_deref().and_then(|pair| pair.split_once(':')) {
                parts.push(password.to_owned());
            }
            parts.extend(decoded.filter(|text| !text.chars().any(char::is_control)));
        }
        let secrets = parts
            .iter()
            .filter(|part| !part.is_empty() && !is_scheme(part))
            .flat_map(|part| forms_of(part));
        let mut forms: Vec<Form> = secrets.map(|form| (form, BEGINNING)).chain(whole).collect();
        forms.sort_by_key(|(form, beginning)| {
            (std::cmp::Reverse(form.len()), form.clone(), *beginning)
        });
        forms.dedup();
        let mut beginnings = vec![false; 1 << 16];
        for (form, _) in forms.iter().filter(|(form, _)| form.len() >= IN_SPANS) {
            let mut bytes = form.iter().collect::<String>().into_bytes().into_iter();
            if let (Some(first), Some(second)) = (bytes.next(), bytes.next()) {
                beginnings[pair(first, second)] = true;
            }
        }
        Self { forms, beginnings }
    }

    /// `text` without them.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.masked(text, 1).unwrap_or_else(|| text.to_owned())
    }

    /// The same for what may hold names that are no secret.
    pub fn in_span(&self, text: &mut String) {
        if text
            .as_bytes()
            .windows(2)
            .any(|two| self.beginnings[pair(two[0], two[1])])
            && let Some(masked) = self.masked(text, IN_SPANS)
        {
            *text = masked;
        }
    }

    /// None where nothing had to be masked.
    fn masked(&self, text: &str, least: usize) -> Option<String> {
        let chars: Vec<char> = text.chars().collect();
        let lower: Vec<char> = chars.iter().map(char::to_ascii_lowercase).collect();
        let (mut out, mut at, mut found) = (String::new(), 0, false);
        while at < chars.len() {
            let length = self
                .forms
                .iter()
                .map(|form| match_at(&lower, at, form, least))
                .max()
                .unwrap_or(0);
            if length == 0 {
                out.push(chars[at]);
                at += 1;
            } else {
                out.push_str(MASK);
                at += length;
                found = true;
            }
        }
        found.then_some(out)
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first.to_ascii_lowercase()) << 8 | usize::from(second.to_ascii_lowercase())
}

/// How many characters of `text` from `at` on are `form`, or a beginning of it that is long enough.
fn match_at(text: &[char], at: usize, (form, beginning): &Form, least: usize) -> usize {
    if form.len() < least || (least > 1 && form.iter().all(char::is_ascii_lowercase)) {
        return 0;
    }
    let same = text[at..]
        .iter()
        .zip(form)
        .take_while(|(found, wanted)| found == wanted)
        .count();
    let edge = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_none_or(|c| !c.is_alphanumeric())
    };
    let is_word = || edge(at.checked_sub(1)) && edge(Some(at + same));
    match same == form.len() {
        true if form.len() >= SHORT || is_word() => same,
        false if same >= least.max(*beginning) => same,
        _ => 0,
    }
}

fn is_scheme(part: &str) -> bool {
    ["bearer", "basic", "token", "apikey", "digest"]
        .iter()
        .any(|scheme| part.eq_ignore_ascii_case(scheme))
}

/// As it is, and as JSON, HTML, a URL and base64 have it.
fn forms_of(part: &str) -> Vec<Vec<char>> {
    let json = serde_json::to_string(part).unwrap_or_default();
    let html = part
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    let mut forms = vec![
        part.to_owned(),
        // White space is made one blank wherever a server's words are cleaned.
        part.split_whitespace().collect::<Vec<_>>().join(" "),
        json.trim_matches('"').to_owned(),
        html.replace("&quot;", "&#34;"),
        html,
        utf8_percent_encode(part, NON_ALPHANUMERIC).to_string(),
        part.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    if part.len() >= SHORT {
        forms.extend(
            [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
                .map(|engine| engine.encode(part)),
        );
    }
    forms
        .iter()
        .map(|form| form.chars().map(|c| c.to_ascii_lowercase()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr\"t <9f> Pa55word";

    fn mask(value: &str) -> Mask {
        Mask::of(&[("authorization".to_owned(), value.to_owned())])
    }

    #[track_caller]
    fn check(value: &str, text: &str, expected: &str) {
        assert_eq!(mask(value).text(text), expected);
    }

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let value = format!("Bearer {SECRET}");
        for form in forms_of(SECRET) {
            let form: String = form.into_iter().collect();
            assert_eq!(
                mask(&value).text(&format!("got {form}!")),
                "got ***!",
                "{form}"
            );
        }
        check(
            &value,
            &format!("header {value} is wrong"),
            "header *** is wrong",
        );
        check(
            &value,
            &format!("{:?}", ("authorization", &value)),
            "(\"authorization\", \"***\")",
        );
    }

    #[test]
    fn its_scheme_is_none_and_its_beginning_is_one() {
        check(
            "Bearer abcdefgh1234",
            "Bearer is not enough, abcdefgh... is cut",
            "Bearer is not enough, ***... is cut",
        );
        check("Bearer abcdefgh1234", "ABCDEFGH1234 abcde", "*** abcde");
    }

    #[test]
    fn the_password_of_a_basic_header_is_one() {
        let value = format!("Basic {}", STANDARD.encode("bench:topsecret"));
        check(
            &value,
            &format!(
                "user bench with topsecret, that is {}",
                STANDARD.encode("bench:topsecret")
            ),
            "user bench with ***, that is ***",
        );
    }

    #[test]
    fn a_short_value_is_a_word_of_its_own() {
        check("a", "a tenant 'a' at a/b", "*** tenant '***' at ***/b");
        check("abc", "abcd abc", "abcd ***");
    }

    #[test]
    fn a_shorter_secret_within_a_longer_one_leaves_no_rest() {
        let headers = [
            ("x".to_owned(), "abcdef-1".to_owned()),
            ("y".to_owned(), "abcdef-1-tail99".to_owned()),
        ];
        assert_eq!(
            Mask::of(&headers).text("x abcdef-1-tail99 abcdef-1 y"),
            "x *** *** y"
        );
    }
}
