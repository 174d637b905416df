//! Files of data sets that are at an address.

use super::*;

const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The good scenario with a base at an address, as `base` has it.
fn at(base: &str) -> String {
    let random = "format = \"random\"\nrows = 1_000\ndim = 8\nqueries = 10";
    with(random, &format!("base = {base}"))
}

fn check(text: &str, fetched: Option<&Path>) -> Result<Checked, ScenarioError> {
    let source = ScenarioSource::Stdin(text.to_owned());
    let scenario = Scenario::read(&source, &[], &none)?;
    let flags = PlanFlags {
        fetched: fetched.map(Path::to_owned),
        ..PlanFlags::default()
    };
    Plan::check(&scenario, &flags, &none)
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let error = plan(text).expect_err(words).to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn an_address_needs_a_sum_and_says_how_to_get_it() {
    refused(
        &at("\"https://host/base.fbin\""),
        "`data.noise.base` is an address, which needs the sum of the file: write base = { url = \
         \"https://host/base.fbin\", sha256 = \"...\" } with the sum that its publisher gives, or \
         that `sha256sum` prints of a copy that you trust",
    );
    refused(
        &at("{ url = \"https://host/base.fbin\" }"),
        "`data.noise.base` has no `sha256`: write the sum that the file's publisher gives",
    );
    refused(
        &at(&format!("{{ sha256 = \"{SUM}\" }}")),
        "`data.noise.base` has no `url`: write the address of the file",
    );
}

#[test]
fn an_address_or_a_sum_that_can_be_none_is_refused() {
    refused(
        &at(&format!("{{ url = \"ftp://host/x\", sha256 = \"{SUM}\" }}")),
        "`data.noise.base.url` begins with ftp://, expected https://",
    );
    refused(
        &at("{ url = \"https://host/x\", sha256 = \"abc\" }"),
        "`data.noise.base.sha256` has 3 characters, expected the 64 hexadecimal digits",
    );
}

#[test]
fn what_is_not_fetched_is_left_out_and_everything_else_is_checked() {
    let remote = at(&format!(
        "{{ url = \"https://host/x.fbin\", sha256 = \"{SUM}\" }}"
    ));
    let Checked::Unfetched(files) = check(&remote, None).expect("nothing is wrong") else {
        panic!("the file is not there");
    };
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].place.path(), "data.noise.base");
    assert_eq!(files[0].file.url.as_str(), "https://host/x.fbin");
    // As a plan it can't be run.
    refused(
        &remote,
        "`data.noise.base` is not in the cache; `milvus-bench data fetch SCENARIO` fetches \
         https://host/x.fbin",
    );
    let wrong = remote.replace("M = 16", "m = 16");
    let mistakes = check(&wrong, None).expect_err("a key is wrong");
    assert_eq!(mistakes.iter().len(), 1, "{mistakes}");
}

#[test]
fn a_fetched_file_is_opened_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut fbin = [10_u32, 4].map(u32::to_le_bytes).concat();
    fbin.extend((0..40).flat_map(|value| (value as f32 + 0.5).to_le_bytes()));
    let local = folder.path().join("queries.fbin");
    std::fs::write(&local, &fbin).unwrap();
    // The plan takes the name in the cache for the sum; it was checked when it got it.
    std::fs::write(folder.path().join(format!("{SUM}-x.fbin")), &fbin).unwrap();
    let base = format!(
        "{{ url = \"https://host/x.fbin\", sha256 = \"{SUM}\" }}\nqueries = {:?}",
        local.display().to_string()
    );
    let checked = check(&at(&base), Some(folder.path())).expect("nothing is wrong");
    let Checked::Complete(plan) = checked else {
        panic!("the file is there");
    };
    assert_eq!(plan.resolved["collections"]["words"]["queries"], 10);
    assert_eq!(plan.resolved["data"]["noise"]["base"]["sha256"], SUM);
}
