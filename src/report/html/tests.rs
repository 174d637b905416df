use super::*;
use crate::{analysis::*, report::sample};

fn page(analysis: &Analysis) -> String {
    String::from_utf8(render(analysis).unwrap()).unwrap()
}

#[test]
fn the_same_analysis_gives_the_same_bytes() {
    assert!(page(&sample::analysis()) == page(&sample::analysis()));
    // Nothing is known of a run that failed at once; the page is one all the same.
    assert!(page(&Analysis::default()).contains("nothing speaks against"));
}

#[test]
fn the_client_s_own_part_and_a_client_that_was_the_limit_are_said() {
    let mut analysis = sample::analysis();
    let shown = page(&analysis);
    assert!(shown.contains("s part of the gap, under-ingest") && !shown.contains("Client-bound"));
    analysis.verdict.client_bound = true;
    assert!(page(&analysis).contains("Client-bound. "));
}

/// What stands between each `open` and the next `close`.
fn between<'p>(page: &'p str, open: &str, close: &str) -> Vec<&'p str> {
    page.split(open)
        .skip(1)
        .map(|rest| rest.split(close).next().unwrap())
        .collect()
}

#[test]
fn the_policy_allows_what_the_page_holds_and_nothing_else() {
    let page = page(&sample::analysis());
    let hash = |text: &str| {
        format!(
            "'sha256-{}'",
            base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text))
        )
    };
    let allowed = between(&page, "Content-Security-Policy\" content=\"", "\">")[0]
        .replace("&#39;", "'")
        .replace("&#x27;", "'");
    let (scripts, styles) = (
        between(&page, "<script>", "</script>"),
        between(&page, "<style>", "</style>"),
    );
    assert_eq!(
        (
            scripts.len(),
            styles.len(),
            between(&page, "<script", "</script").len()
        ),
        (2, 1, 3)
    );
    assert!(
        scripts
            .iter()
            .chain(&styles)
            .all(|text| allowed.contains(&hash(text))),
        "{allowed}"
    );
    assert!(
        !allowed.contains("unsafe") && allowed.starts_with("default-src 'none'"),
        "{allowed}"
    );
    let icon = between(&page, "<link", ">");
    assert!(
        icon.len() == 1 && icon[0].starts_with(" rel=\"icon\" href=\"data:"),
        "{icon:?}"
    );
    for loading in [
        " src=",
        "href=\"http",
        "@import",
        "url(",
        " style=",
        " onclick=",
    ] {
        let markup = page
            .replace(STYLE, "")
            .replace(UPLOT, "")
            .replace(SCRIPT, "");
        assert!(
            !markup.contains(loading) && !STYLE.contains(loading),
            "{loading}"
        );
    }
}

/// An analysis in which every text from outside is `hostile`.
fn named(hostile: &str) -> Analysis {
    let mut analysis = sample::analysis();
    let text = || hostile.to_owned();
    (
        analysis.name,
        analysis.description,
        analysis.run,
        analysis.status,
    ) = (text(), text(), text(), text());
    (analysis.warnings, analysis.plan, analysis.environment) =
        (vec![text()], vec![(text(), text())], vec![(text(), text())]);
    analysis.errors = vec![ErrorText {
        at: text(),
        outcome: text(),
        text: text(),
    }];
    analysis.verdict.reasons.iter_mut().for_each(|reason| {
        (reason.code, reason.at, reason.unit, reason.advice) = (text(), text(), text(), text())
    });
    analysis
        .spans
        .iter_mut()
        .for_each(|spans| (spans.source, spans.server, spans.remark) = (text(), text(), text()));
    for workload in &mut analysis.workloads {
        name_workload(workload, hostile);
    }
    analysis
}

fn name_workload(workload: &mut WorkloadAnalysis, hostile: &str) {
    let text = || hostile.to_owned();
    (
        workload.workload,
        workload.operation,
        workload.stopped,
        workload.stage,
    ) = (text(), text(), Some(text()), Some(text()));
    if !workload.is_preparation() {
        workload.phase = text();
    }
    workload
        .account
        .iter_mut()
        .flat_map(|band| &mut band.parts)
        .for_each(|part| (part.part, part.service) = (text(), Some(text())));
    workload
        .stacks
        .iter_mut()
        .flat_map(|stacks| &mut stacks.frames)
        .for_each(|frame| (frame.label, frame.service) = (text(), Some(text())));
    for exemplar in &mut workload.exemplars {
        (
            exemplar.label,
            exemplar.trace_id,
            exemplar.largest_part,
            exemplar.link,
        ) = (text(), text(), text(), Some(text()));
        exemplar
            .waterfall
            .iter_mut()
            .flat_map(|drawn| &mut drawn.rows)
            .for_each(|row| (row.label, row.service, row.instance) = (text(), text(), text()));
    }
    if let Some(tail) = &mut workload.tail {
        (tail.sentence, tail.missing) = (Some(text()), Some(text()));
        tail.parts
            .iter_mut()
            .for_each(|part| (part.part, part.service) = (text(), Some(text())));
    }
    workload
        .contrasts
        .iter_mut()
        .for_each(|contrast| contrast.sentence = Some(text()));
    workload
        .advice
        .iter_mut()
        .for_each(|advice| advice.sentence = text());
    workload
        .instances
        .iter_mut()
        .for_each(|row| (row.service, row.instance) = (text(), text()));
}

fn check_inert(hostile: &str) {
    let page = page(&named(hostile));
    let harmless = self::page(&named("x"));
    // Text adds no element and no attribute: the markup is the same.
    let elements = |page: &str| {
        page.replace(UPLOT, "")
            .replace(SCRIPT, "")
            .matches('<')
            .count()
    };
    assert_eq!(elements(&page), elements(&harmless), "{hostile}");
    // Quotes mean nothing within the data, whose only way out is a tag.
    let markup = page.replace(between(&page, "id=\"data\">", "</script>")[0], "");
    assert!(!markup.contains(hostile), "{hostile}");
}

#[test]
fn text_from_outside_stays_text() {
    check_inert("<script>alert(1)</script>");
    check_inert("</script><script>alert(1)</script>");
    check_inert("</title></style><!--");
    check_inert("\"><img src=x onerror=alert(1)>");
    check_inert("' onmouseover='alert(1)");
}

#[test]
fn a_long_run_stays_below_a_megabyte_and_a_half() {
    let page = page(&large());
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert!(
        page.len() > 400_000,
        "{} bytes: is everything there?",
        page.len()
    );
}

/// Ten minutes at full bounds: what 20,000 traced requests of a cluster leave in an analysis, for
/// three workloads.
fn large() -> Analysis {
    let mut analysis = sample::analysis();
    let search = analysis
        .workloads
        .iter()
        .position(|workload| workload.phase == "under-ingest")
        .unwrap();
    let mut one = analysis.workloads[search].clone();
    let odd = |at: usize| 1.0 + (at as f64 * 0.618_034).fract();
    one.curves.values_mut().for_each(|curve| {
        *curve = (0..200)
            .map(|at| (at as f64 / 2.0, 1_000.0 * odd(at)))
            .collect()
    });
    for band in &mut one.account {
        let part = |at: usize| PartMean {
            area: "engine".to_owned(),
            service: Some("querynode".to_owned()),
            part: format!("milvus.proto.query.QueryNode/Part-{at}"),
            mean_us: 10.0 * odd(at),
        };
        band.parts = (0..60).map(part).collect();
    }
    let columns = 120;
    one.course = Some(Course {
        step_s: 5,
        per_decade: 16,
        cells: vec![(40..90).map(|bucket| (bucket, 1_234)).collect(); columns],
        ok: vec![60_000; columns],
        failed: vec![0; columns],
        p50_us: (0..columns).map(|at| Some(2_000.0 * odd(at))).collect(),
        p99_us: (0..columns).map(|at| Some(9_000.0 * odd(at))).collect(),
        max_us: (0..columns).map(|at| Some(20_000.0 * odd(at))).collect(),
        ..Course::default()
    });
    let frame = |at: usize| StackFrame {
        parent: (at > 3).then_some(3),
        label: format!("milvus.proto.query.QueryNode/Part-{at}"),
        service: Some("querynode".to_owned()),
        area: "engine".to_owned(),
        tail_us: odd(at),
        body_us: odd(at + 7),
    };
    one.stacks = Some(Stacks {
        frames: (0..300).map(frame).collect(),
        ..one.stacks.clone().unwrap()
    });
    let row = |at: usize| WaterfallRow {
        label: format!("milvus.proto.query.QueryNode/Part-{at}"),
        service: "querynode".to_owned(),
        instance: "milvus-querynode-7d9f-a".to_owned(),
        area: "engine".to_owned(),
        start_us: odd(at),
        duration_us: odd(at),
        self_us: odd(at),
        critical: vec![(odd(at), odd(at + 1)); 2],
        depth: 5,
    };
    one.exemplars = vec![one.exemplars[0].clone(); 7];
    one.exemplars.iter_mut().for_each(|exemplar| {
        exemplar.waterfall = Some(Waterfall {
            rows: (0..60).map(row).collect(),
            ..sample::waterfall()
        })
    });
    analysis.workloads = vec![one; 3];
    analysis
}
