#![no_main]

libfuzzer_sys::fuzz_target!(|case: &[u8]| milvus_bench_fuzz::run("jsonl", case));
