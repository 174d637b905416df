//! The cases, one file per matter.

mod churn;
mod columns;
mod commands;
mod embedded;
mod export;
mod histograms;
mod lite;
mod newer_jaeger;
mod preparing;
mod quickstart;
mod recall;
mod rows;
mod scenarios;
mod sources;
mod two_runs;
mod types;

use crate::groups::Case;

/// Against Milvus 2.3.5 and the Jaeger of the stack.
pub(crate) const STACK: &[Case] = &[
    Case {
        name: "stack::status_says_healthy",
        run: commands::status_says_healthy,
    },
    Case {
        name: "doctor::every_link_is_ok",
        run: commands::doctor_finds_every_link_ok,
    },
    Case {
        name: "doctor::names_a_jaeger_that_is_closed",
        run: commands::doctor_names_a_closed_jaeger,
    },
    Case {
        name: "export::doctor_finds_its_span_that_went_over_http",
        run: export::doctor_finds_its_span_that_went_over_http,
    },
    Case {
        name: "export::spans_of_a_run_go_over_http",
        run: export::spans_of_a_run_go_over_http,
    },
    Case {
        name: "quickstart::explains_its_searches",
        run: quickstart::explains_its_searches,
    },
    Case {
        name: "quickstart::twice_into_one_jaeger_are_two_runs",
        run: quickstart::twice_into_one_jaeger_are_two_runs,
    },
    Case {
        name: "account::every_real_trace_is_exact",
        run: quickstart::every_real_trace_is_exact,
    },
    Case {
        name: "report::is_rendered_again_byte_for_byte",
        run: commands::report_is_rendered_again_byte_for_byte,
    },
    Case {
        name: "trace::draws_a_search",
        run: commands::trace_draws_a_search,
    },
    Case {
        name: "spans::json_gives_the_same_traces_in_microseconds",
        run: sources::json_gives_the_same_traces_in_microseconds,
    },
    Case {
        name: "spans::a_lost_jaeger_costs_no_run",
        run: sources::a_lost_jaeger_costs_no_run,
    },
    Case {
        name: "recall::every_query_once_and_what_came_back",
        run: recall::every_query_once_and_what_came_back,
    },
    Case {
        name: "recall::a_truth_without_its_first_neighbours_is_proved_wrong",
        run: recall::a_truth_without_its_first_neighbours_is_proved_wrong,
    },
    Case {
        name: "churn::what_was_acknowledged_is_there",
        run: churn::what_was_acknowledged_is_there,
    },
    Case {
        name: "rows::a_filter_names_what_a_delete_takes",
        run: rows::a_filter_names_what_a_delete_takes,
    },
    Case {
        name: "scenarios::each_has_a_case",
        run: scenarios::each_has_a_case,
    },
    Case {
        name: "scenarios::first_trace",
        run: scenarios::first_trace,
    },
    Case {
        name: "scenarios::search_only_keeps_its_collection",
        run: scenarios::search_only_keeps_its_collection,
    },
    Case {
        name: "scenarios::a_rate_far_above_milvus_ends_as_overloaded",
        run: scenarios::a_rate_far_above_milvus_ends_as_overloaded,
    },
    Case {
        name: "scenarios::stages_are_rows_of_their_own",
        run: scenarios::stages_are_rows_of_their_own,
    },
    Case {
        name: "scenarios::a_file_of_ann_benchmarks_has_its_recall",
        run: scenarios::a_file_of_ann_benchmarks_has_its_recall,
    },
    Case {
        name: "scenarios::a_folder_of_vectordbbench_runs_as_it_is",
        run: scenarios::a_folder_of_vectordbbench_runs_as_it_is,
    },
    Case {
        name: "scenarios::tenants_have_figures_of_their_own",
        run: scenarios::tenants_have_figures_of_their_own,
    },
    Case {
        name: "scenarios::ingest",
        run: scenarios::ingest,
    },
    Case {
        name: "scenarios::strong_consistency_waits",
        run: scenarios::strong_consistency_waits,
    },
    Case {
        name: "preparing::every_index_type_is_ready_at_every_size",
        run: preparing::every_index_type_is_ready_at_every_size,
    },
    Case {
        name: "preparing::a_small_segment_beside_a_large_one_is_ready",
        run: preparing::a_small_segment_beside_a_large_one_is_ready,
    },
    Case {
        name: "preparing::diskann_comes_as_far_as_milvus_does",
        run: preparing::diskann_comes_as_far_as_milvus_does,
    },
    Case {
        name: "preparing::what_reuse_needs_is_checked",
        run: preparing::what_reuse_needs_is_checked,
    },
    Case {
        name: "two_runs::seconds_apart_the_second_is_refused",
        run: two_runs::seconds_apart_the_second_is_refused,
    },
    Case {
        name: "two_runs::at_once_one_goes_on",
        run: two_runs::at_once_one_goes_on,
    },
    Case {
        name: "two_runs::a_replaced_collection_is_found_out",
        run: two_runs::a_replaced_collection_is_found_out,
    },
    Case {
        name: "types::binary_vectors_on_milvus_2_3_5_are_found_by_every_metric_and_index",
        run: types::binary_vectors_on_milvus_2_3_5_are_found_by_every_metric_and_index,
    },
    Case {
        name: "columns::keys_and_fields_of_a_file_are_those_of_milvus",
        run: columns::keys_and_fields_of_a_file_are_those_of_milvus,
    },
    Case {
        name: "types::what_milvus_2_3_5_lacks_is_refused_before_anything_is_written",
        run: types::what_milvus_2_3_5_lacks_is_refused_before_anything_is_written,
    },
];

/// Against Milvus 2.3.5 and Jaeger 1.65.0.
pub(crate) const NEWER_JAEGER: &[Case] = &[
    Case {
        name: "newer_jaeger::api_v3_and_json_agree",
        run: newer_jaeger::api_v3_and_json_agree,
    },
    Case {
        name: "newer_jaeger::spans_of_a_fake_milvus_come_back",
        run: newer_jaeger::spans_of_a_fake_milvus_come_back,
    },
];

/// Against Milvus 2.3.5 that exports to milvus-bench.
pub(crate) const EMBEDDED: &[Case] = &[
    Case {
        name: "embedded::spans_without_any_jaeger",
        run: embedded::spans_without_any_jaeger,
    },
    // It has a server of its own; it is here because this group runs with `full` alone.
    Case {
        name: "rows::a_mix_on_milvus_lite_leaves_what_was_acknowledged",
        run: rows::a_mix_on_milvus_lite_leaves_what_was_acknowledged,
    },
    Case {
        name: "types::halves_bits_and_sparse_vectors_are_found_on_milvus_lite_2_5",
        run: types::halves_bits_and_sparse_vectors_are_found_on_milvus_lite_2_5,
    },
    Case {
        name: "types::sparse_vectors_are_found_on_milvus_lite_3_2",
        run: types::sparse_vectors_are_found_on_milvus_lite_3_2,
    },
    Case {
        name: "columns::missing_values_are_null_or_the_default_on_milvus_lite_3_2",
        run: columns::missing_values_are_null_or_the_default_on_milvus_lite_3_2,
    },
    // Any Milvus would do; it is here because this group runs with `full` alone, and needs Java and
    // Maven.
    Case {
        name: "histograms::java_and_python_read_the_same",
        run: histograms::java_and_python_read_the_same,
    },
];
