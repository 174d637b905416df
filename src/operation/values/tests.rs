//! Values that are drawn: distributions, places in texts, classes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{FieldValue, tests::key},
    text::{Template, TextKind},
    *,
};

const ROWS: PlannedRows = PlannedRows {
    initial: 1_000,
    per_request: 0.0,
};

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

/// One value `v` as written.
fn value(text: &str) -> Values {
    let values = table(&format!("v = {text}"));
    Values::read(&values, None, 42, ROWS).unwrap()
}

/// The first draws of one value, whose requests have their numbers' hashes.
fn draws(text: &str, count: u64) -> Vec<FieldValue> {
    let values = value(text);
    let draws = (0..count).map(|seq| values.draw(0, key(draw::mix(seq), seq)).value);
    draws.collect()
}

fn ints(text: &str, count: u64) -> Vec<i64> {
    let int = |value| match value {
        FieldValue::Int(number) => number,
        other => panic!("{other:?}"),
    };
    draws(text, count).into_iter().map(int).collect()
}

/// A scenario's seed keeps its meaning between versions, those of `rand_distr` among them: these
/// values may never change.
#[test]
fn values_stay_the_same_between_versions() {
    let found = PINNED.map(|(text, _)| ints(text, 8));
    assert_eq!(found, PINNED.map(|(_, drawn)| drawn.to_vec()));
    let floats = draws("{ uniform = [0.0, 1] }", 2);
    assert_eq!(floats, PINNED_FLOATS.map(FieldValue::Float));
}
const PINNED: [(&str, [i64; 8]); 8] = [
    (
        "{ uniform = [0, 364] }",
        [190, 8, 117, 131, 210, 30, 108, 62],
    ),
    ("{ sequential = [5, 7] }", [5, 6, 7, 5, 6, 7, 5, 6]),
    (
        "{ zipf = 1.1, of = 1000 }",
        [10, 5, 978, 11, 100, 129, 632, 116],
    ),
    (
        "{ zipf = 1.0, of = 1_000_000_000_000 }",
        [
            711200,
            49915,
            946311203580,
            912200,
            2018399251,
            4220353133,
            323848979397,
            3117220388,
        ],
    ),
    (
        "{ zipf = 0.5, of = 10, from = 0 }",
        [3, 2, 9, 3, 6, 7, 9, 6],
    ),
    (
        "{ zipf = 1.1, of = 1000, scramble = true }",
        [580, 38, 60, 485, 836, 459, 34, 61],
    ),
    ("{ latest = 1.1 }", [990, 995, 22, 989, 900, 871, 368, 884]),
    (
        "{ choice = [1, 2, 3], weights = [1, 0, 2] }",
        [3, 1, 1, 3, 3, 1, 1, 1],
    ),
];
const PINNED_FLOATS: [f64; 2] = [0.5217901365588785, 0.02305607345484728];

/// Counts of each of `expected`, shares of all, within the 99.99 % quantile of chi-square: of seeds
/// that are drawn once for ever, so the check can't fail by chance.
fn check_shares(found: &BTreeMap<i64, u64>, expected: &[(i64, f64)]) {
    let all: u64 = found.values().sum();
    let chi: f64 = expected
        .iter()
        .map(|(value, share)| {
            let wanted = share * all as f64;
            let count = found.get(value).copied().unwrap_or(0) as f64;
            (count - wanted).powi(2) / wanted
        })
        .sum();
    let degrees = (expected.len() - 1) as f64;
    // Wilson and Hilferty's approximation, 3.719 is the quantile of the normal distribution.
    let limit =
        degrees * (1.0 - 2.0 / (9.0 * degrees) + 3.719 * (2.0 / (9.0 * degrees)).sqrt()).powi(3);
    assert!(chi < limit, "chi-square {chi} above {limit}");
    assert!(chi > 0.0, "counts are never just the expected ones");
}

#[test]
fn ranks_are_as_frequent_as_zipf_says() {
    for (exponent, of) in [(0.5_f64, 10_u64), (1.0, 100), (1.1, 1000), (3.0, 20)] {
        let mut found = BTreeMap::new();
        for drawn in ints(&format!("{{ zipf = {exponent:?}, of = {of} }}"), 100_000) {
            *found.entry(drawn).or_insert(0_u64) += 1;
        }
        let weight = |rank: u64| (rank as f64).powf(-exponent);
        let total: f64 = (1..=of).map(weight).sum();
        // Those that are too rare for the test are taken together, above all others.
        let (frequent, rare): (Vec<u64>, Vec<u64>) =
            (1..=of).partition(|rank| weight(*rank) / total >= 1e-4);
        let mut expected: Vec<(i64, f64)> = frequent
            .iter()
            .map(|rank| (*rank as i64, weight(*rank) / total))
            .collect();
        if !rare.is_empty() {
            let last = frequent.len() as i64;
            let beyond: u64 = found.range(last + 1..).map(|(_, count)| count).sum();
            found.retain(|rank, _| *rank <= last);
            found.insert(last + 1, beyond);
            expected.push((
                last + 1,
                rare.iter().map(|rank| weight(*rank)).sum::<f64>() / total,
            ));
        }
        check_shares(&found, &expected);
    }
}

#[test]
fn choices_are_as_frequent_as_their_weights() {
    let mut found = BTreeMap::new();
    for drawn in ints("{ choice = [7, 8, 9], weights = [1, 2, 5] }", 100_000) {
        *found.entry(drawn).or_insert(0_u64) += 1;
    }
    check_shares(&found, &[(7, 0.125), (8, 0.25), (9, 0.625)]);
}

#[test]
fn a_scramble_gives_each_rank_a_value_of_its_own_for_all_workloads() {
    let plain = value("{ zipf = 0.9, of = 50, from = 100 }");
    let scrambled = value("{ zipf = 0.9, of = 50, from = 100, scramble = true }");
    let mut values = BTreeMap::new();
    for seq in 0..5_000 {
        let key = key(draw::mix(seq), seq);
        let (one, other) = (plain.draw(0, key), scrambled.draw(0, key));
        assert_eq!(one.rank, other.rank);
        assert_eq!(one.value, FieldValue::Int(99 + one.rank as i64));
        let FieldValue::Int(value) = other.value else {
            panic!("{other:?}");
        };
        assert!((100..150).contains(&value));
        assert_eq!(*values.entry(one.rank).or_insert(value), value);
    }
    let mut distinct: Vec<i64> = values.values().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), values.len());
    assert!(
        values
            .iter()
            .any(|(rank, value)| *value != 99 + *rank as i64)
    );
}

#[test]
fn the_newest_row_moves_with_the_rows_that_are_inserted() {
    let values = table("v = { latest = 3.0 }");
    let rows = PlannedRows {
        initial: 100,
        per_request: 2.5,
    };
    let values = Values::read(&values, None, 42, rows).unwrap();
    for (seq, newest) in [(0, 99), (1, 101), (2, 104), (1_000, 2_599)] {
        let drawn: Vec<i64> = (0..200)
            .map(
                |hash| match values.draw(0, key(draw::mix(hash), seq)).value {
                    FieldValue::Int(row) => row,
                    other => panic!("{other:?}"),
                },
            )
            .collect();
        assert_eq!(drawn.iter().max(), Some(&newest));
        assert!(drawn.iter().all(|row| *row >= newest - 99), "{drawn:?}");
        let of_newest = drawn.iter().filter(|row| **row == newest).count();
        assert!(of_newest > 130, "{of_newest} of 200");
    }
}

#[test]
fn values_of_other_names_are_drawn_apart() {
    let values = table("a = { uniform = [0, 999] }\nb = { uniform = [0, 999] }");
    let values = Values::read(&values, None, 42, ROWS).unwrap();
    let pairs = (0..1_000).map(|seq| values.draw_all(key(draw::mix(seq), seq)));
    let equal = pairs.filter(|pair| pair[0].value == pair[1].value).count();
    assert!(equal < 10, "{equal}");
}

fn filled(text: &str, kind: TextKind, value: &FieldValue) -> Result<String, String> {
    let template = Template::new(text, kind, &["other", "tenant"])?;
    Ok(template.filled(|at| if at == 1 { value } else { &FieldValue::Int(-3) }))
}

#[test]
fn only_names_of_values_are_places_in_a_text() {
    let check = |text: &str, expected: &str| {
        let found = filled(text, TextKind::Expression, &FieldValue::Int(7));
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    };
    check(
        "tenant == {tenant} and x > {other}",
        "tenant == 7 and x > -3",
    );
    check("{tenant}", "7");
    check("", "");
    check("a in [{tenant},{tenant}]", "a in [7,7]");
    check(r#"j["a"] == {"b": 1}"#, r#"j["a"] == {"b": 1}"#);
    check("json_contains(j, {})", "json_contains(j, {})");
    check("{{tenant}}", "{tenant}");
    check("{{tenant} {tenant}", "{tenant} 7");
    check("{ tenant } {1a} {a-b} {", "{ tenant } {1a} {a-b} {");
    check(r#"{"a": {"b": {tenant}}}"#, r#"{"a": {"b": 7}}"#);
    check("ä {tenant} 漢", "ä 7 漢");
    let unknown = filled("a == {tenat}", TextKind::Expression, &FieldValue::Int(7));
    assert_eq!(unknown, Err("tenat".to_owned()));
}

#[test]
fn texts_are_quoted_and_escaped_where_they_stand() {
    let check = |text: &str, value: &str, expected: &str| {
        let value = FieldValue::Text(value.to_owned());
        let found = filled(text, TextKind::Expression, &value);
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    };
    check("t == {tenant}", "de", r#"t == "de""#);
    check("t == {tenant}", r#"a"b'c\"#, r#"t == "a\"b'c\\""#);
    check("t == {tenant}", "a\nb\r\tc", r#"t == "a\nb\r\tc""#);
    check(
        "t == {tenant}",
        r#"" or 1 == 1 or t == ""#,
        r#"t == "\" or 1 == 1 or t == \"""#,
    );
    check("t like '{tenant}%'", r#"a'b"c"#, r#"t like 'a\'b"c%'"#);
    check(r#"t == "x{tenant}""#, r#"a"b"#, r#"t == "xa\"b""#);
    check(
        r#"t == "\"" and u == {tenant}"#,
        "a",
        r#"t == "\"" and u == "a""#,
    );
    check(
        r"t == '\\' and u == {tenant}",
        "a",
        r#"t == '\\' and u == "a""#,
    );
    let name = FieldValue::Text("de".to_owned());
    assert_eq!(
        filled("p_{tenant}", TextKind::Name, &name).as_deref(),
        Ok("p_de")
    );
}

#[test]
fn other_values_are_literals_of_their_type() {
    let check = |value: FieldValue, expected: &str| {
        let found = filled("{tenant}", TextKind::Expression, &value);
        assert_eq!(found.as_deref(), Ok(expected));
    };
    check(FieldValue::Bool(true), "true");
    check(FieldValue::Int(i64::MIN), "-9223372036854775808");
    check(FieldValue::Float(5.0), "5.0");
    check(FieldValue::Float(-0.25), "-0.25");
    check(FieldValue::Float(1e-7), "1e-7");
}

proptest! {
    /// What the literal says is the text again, whatever the text is.
    #[test]
    fn a_literal_holds_its_text_and_nothing_ends_it(text in "\\PC*|[\"'\\\\\n\r\t a]*") {
        for (around, quote) in [("{tenant}", '"'), ("'{tenant}'", '\'')] {
            let value = FieldValue::Text(text.clone());
            let literal = filled(around, TextKind::Expression, &value).unwrap();
            let inner = literal.strip_prefix(quote).unwrap().strip_suffix(quote).unwrap();
            let (mut read, mut chars) = (String::new(), inner.chars());
            while let Some(c) = chars.next() {
                prop_assert!(c != quote && c != '\n' && c != '\r', "{}", literal);
                read.push(match c {
                    '\\' => match chars.next() {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('t') => '\t',
                        Some(c) => c,
                        None => return Err(TestCaseError::fail("a backslash ends it")),
                    },
                    c => c,
                });
            }
            prop_assert_eq!(&read, &text);
        }
    }
}

/// Names of the classes, and the class of each of these ranks or values.
fn classes(value: &str, split: &str, drawn: &[Drawn]) -> (Vec<String>, Vec<u8>) {
    let values = table(&format!("v = {value}"));
    let split = table(&format!("by = 'v'\n{split}"));
    let values = Values::read(&values, Some(&split), 42, ROWS).unwrap();
    let split = values.split().unwrap();
    let of = drawn.iter().map(|drawn| split.class(drawn)).collect();
    (split.classes.clone(), of)
}

#[test]
fn classes_of_ranks_are_the_ranges_up_to_each() {
    let rank = |rank| Drawn {
        value: FieldValue::Int(0),
        rank,
    };
    let check = |of: u64, ranks: &str, names: &[&str], drawn: &[u64], expected: &[u8]| {
        let zipf = format!("{{ zipf = 1, of = {of} }}");
        let drawn: Vec<Drawn> = drawn.iter().map(|at| rank(*at)).collect();
        let found = classes(&zipf, &format!("ranks = {ranks}"), &drawn);
        assert_eq!(
            (found.0, &found.1[..]),
            (
                names.iter().map(|name| (*name).to_owned()).collect(),
                expected
            )
        );
    };
    let names = ["1", "2-10", "11-100", "101+"];
    let ranks = [1, 2, 10, 11, 100, 101, 1_000];
    check(
        1_000,
        "[1, 10, 100]",
        &names,
        &ranks,
        &[0, 1, 1, 2, 2, 3, 3],
    );
    check(
        100,
        "[1, 10, 100]",
        &names[..3],
        &ranks[..5],
        &[0, 1, 1, 2, 2],
    );
    check(5, "[5]", &["1-5"], &[1, 5], &[0, 0]);
}

#[test]
fn classes_of_a_choice_are_its_values_and_the_others() {
    let text = |text: &str| Drawn {
        value: FieldValue::Text(text.to_owned()),
        rank: 0,
    };
    let choice = "{ choice = ['de', 'e/n', 'e n', 'de', '', 'other'] }";
    let drawn = ["de", "e/n", "e n", "", "other"].map(text);
    let check = |split: &str, names: &[&str], expected: &[u8]| {
        let found = classes(choice, split, &drawn);
        assert_eq!(
            (found.0, &found.1[..]),
            (
                names.iter().map(|name| (*name).to_owned()).collect(),
                expected
            )
        );
    };
    check("", &["de", "e_n", "e_n_2", "_", "other"], &[0, 1, 2, 3, 4]);
    check(
        "classes = ['e n', 'de']",
        &["e_n", "de", "other"],
        &[1, 2, 0, 2, 2],
    );
    check(
        "classes = ['other']",
        &["other", "other_2"],
        &[1, 1, 1, 1, 0],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of what is refused")]
fn wrong_values_and_splits_are_refused_at_their_key() {
    let check = |values: &str, split: &str, key: &str, word: &str| {
        let split = (!split.is_empty()).then(|| table(split));
        let error = Values::read(&table(values), split.as_ref(), 42, ROWS)
            .expect_err("refused")
            .only();
        assert_eq!(error.key, key, "{}", error.message);
        assert!(
            error.message.contains(word),
            "{word:?} is not in: {}",
            error.message
        );
    };
    check(
        "a-b = { uniform = [0, 1] }",
        "",
        "values.a-b",
        "is not a name for a value",
    );
    check(
        "v = 3",
        "",
        "values.v",
        "expected a table such as { uniform = [0, 364] }",
    );
    check(
        "v = {}",
        "",
        "values.v",
        "has 0 of the distributions, expected exactly one of uniform, ",
    );
    check(
        "v = { zipf = 1, of = 2, uniform = [0, 1] }",
        "",
        "values.v",
        "has 2 of the distributions",
    );
    check(
        "v = { uniform = [0, 1], of = 2 }",
        "",
        "values.v.of",
        "not a key of uniform, which has no",
    );
    check(
        "v = { latest = 1, scramble = true }",
        "",
        "values.v.scramble",
        "which has of",
    );
    for wrong in [
        "3",
        "[1]",
        "[2, 1]",
        "[1, 2, 3]",
        "['a', 'b']",
        "[0, inf]",
        "[-1e308, 1e308]",
    ] {
        let text = format!("v = {{ uniform = {wrong} }}");
        check(
            &text,
            "",
            "values.v.uniform",
            "expected [lowest, highest], two numbers",
        );
    }
    check(
        "v = { sequential = [0.5, 2] }",
        "",
        "values.v.sequential",
        "two whole numbers",
    );
    check("v = { zipf = 1.1 }", "", "values.v", "has no `of`");
    for wrong in ["0", "-1", "'1'", "101", "nan", "inf"] {
        let text = format!("v = {{ zipf = {wrong}, of = 5 }}");
        check(
            &text,
            "",
            "values.v.zipf",
            "an exponent above 0 and at most 100",
        );
    }
    check(
        "v = { latest = 1, of = 1001 }",
        "",
        "values.v.latest",
        "preparation inserts 1000 rows",
    );
    for wrong in ["[]", "3", "[[1]]", "[nan]", "[{ a = 1 }]"] {
        let text = format!("v = {{ choice = {wrong} }}");
        check(
            &text,
            "",
            "values.v.choice",
            "a list of 1 to 100,000 numbers, texts",
        );
    }
    for wrong in ["[1]", "[1, -1]", "[0, 0]", "3", "[1, 'a']"] {
        let text = format!("v = {{ choice = [1, 2], weights = {wrong} }}");
        check(
            &text,
            "",
            "values.v.weights",
            "expected 2 numbers from 0, one per choice",
        );
    }
    let zipf = "tenant = { zipf = 1, of = 50 }";
    check(zipf, "by = 'tenat'", "split.by", "did you mean \"tenant\"");
    check("", "by = 'tenant'", "split.by", "the workload has none");
    check(
        zipf,
        "by = 'tenant'",
        "split",
        "write for example ranks = [1, 10]",
    );
    check(
        zipf,
        "by = 'tenant'\nranks = [1]\nclasses = [1]",
        "split.classes",
        "excludes ranks",
    );
    for wrong in [
        "[]", "[0]", "[2, 1]", "[1, 1]", "[51]", "3", "['a']", "[1.5]",
    ] {
        let split = format!("by = 'tenant'\nranks = {wrong}");
        check(
            zipf,
            &split,
            "split.ranks",
            "rising numbers from 1 to 50, the ranks of tenant",
        );
    }
    let choice = "lang = { choice = ['de', 'en'] }";
    check(
        choice,
        "by = 'lang'\nranks = [1]",
        "split.ranks",
        "use classes with a choice",
    );
    for wrong in ["[]", "['fr']", "['de', 'de']", "'de'"] {
        let split = format!("by = 'lang'\nclasses = {wrong}");
        check(
            choice,
            &split,
            "split.classes",
            "different values of the choice of lang",
        );
    }
    check(
        "day = { uniform = [0, 9] }",
        "by = 'day'",
        "split",
        "neither a choice nor has ranks",
    );
    let many = format!("lang = {{ choice = {:?} }}", (0..101).collect::<Vec<i64>>());
    check(&many, "by = 'lang'", "split", "more than 100 values");
}
