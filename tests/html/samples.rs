//! The runs whose pages are opened: the one of the golden files, and what is made of it.

use milvus_bench::{
    analysis::{Analysis, WorkloadAnalysis, compare::compare},
    report::{REPORTS, comparison::COMPARISONS},
};

/// The run of the golden files.
pub(crate) fn sample() -> Analysis {
    serde_json::from_str(include_str!("../golden/report.json")).expect("a golden report")
}

pub(crate) fn page(analysis: &Analysis) -> String {
    let entry = REPORTS
        .iter()
        .find(|entry| entry.name == "html")
        .expect("a row for html");
    String::from_utf8((entry.render)(analysis).expect("a page")).expect("UTF-8")
}

/// Makes every latency of a workload `scale` times as long.
fn scaled(workload: &mut WorkloadAnalysis, scale: f64) {
    workload
        .curves
        .values_mut()
        .flatten()
        .for_each(|(_, us)| *us *= scale);
    let figures = [
        &mut workload.response_time_us,
        &mut workload.service_time_us,
    ];
    for estimate in figures
        .into_iter()
        .flatten()
        .flat_map(|figures| figures.values_mut())
    {
        estimate.value *= scale;
        estimate
            .low
            .iter_mut()
            .chain(&mut estimate.high)
            .for_each(|end| *end *= scale);
    }
    workload
        .account
        .iter_mut()
        .flat_map(|band| &mut band.parts)
        .for_each(|part| part.mean_us *= scale);
}

/// Three runs of the golden files, a little apart, whose latencies are `scale` times theirs.
pub(crate) fn side(name: &str, scale: f64) -> Vec<Analysis> {
    side_of(name, scale, &[1.0, 1.03, 0.98])
}

/// Runs of the golden files whose latencies are `scale` times theirs, each `apart` of that.
pub(crate) fn side_of(name: &str, scale: f64, apart: &[f64]) -> Vec<Analysis> {
    let run = |(at, apart): (usize, f64)| {
        let (mut run, scale) = (sample(), scale * apart);
        run.run = format!("{name}-{at}");
        run.plan.push((
            "workloads.search.params.a_key_with_a_long_name".to_owned(),
            format!("its value, {name} the change"),
        ));
        run.workloads
            .iter_mut()
            .for_each(|workload| scaled(workload, scale));
        run
    };
    apart.iter().copied().enumerate().map(run).collect()
}

pub(crate) fn comparison(baseline: &[Analysis], run: &[Analysis]) -> String {
    let entry = COMPARISONS
        .iter()
        .find(|entry| entry.name == "html")
        .expect("a row for html");
    String::from_utf8((entry.render)(&compare(baseline, run)).expect("a page")).expect("UTF-8")
}

/// Five searches that differ in `ef`, the more thorough the slower; not in the order of `ef`.
pub(crate) fn swept() -> Analysis {
    let mut analysis = sample();
    let search = analysis
        .workloads
        .iter()
        .find(|workload| workload.place() == "alone/search")
        .expect("a search")
        .clone();
    analysis.workloads.clear();
    analysis.plan.clear();
    for (ef, scale) in [(64, 1.2), (16, 1.0), (256, 2.4), (32, 1.1), (128, 1.6)] {
        let name = format!("ef-{ef}");
        for (key, value) in [
            ("collection", "words".to_owned()),
            ("params.ef", ef.to_string()),
        ] {
            analysis
                .plan
                .push((format!("workloads.{name}.{key}"), value));
        }
        let mut one = search.clone();
        (one.phase, one.workload) = ("sweep".to_owned(), name);
        scaled(&mut one, scale);
        if let Some(recall) = &mut one.recall {
            recall.mean = 1.0 - 0.3 / f64::from(ef).sqrt();
        }
        analysis.workloads.push(one);
    }
    analysis
}
