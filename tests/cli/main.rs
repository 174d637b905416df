//! The built program against a fake Milvus in this process: what users see, what is sent, what is
//! kept, how it exits.

#[path = "../support/mod.rs"]
mod support;

mod again;
mod attribution;
mod bad_input;
mod bench;
mod calibrate;
mod compare;
mod data;
mod disk;
mod fetch;
mod folder;
mod formats;
mod init;
mod joined;
mod list;
mod machine;
mod mesh;
mod mix;
mod otlp;
mod otlp_settings;
mod ownership;
mod pages;
mod pipes;
mod preparation;
mod progress;
mod ran;
mod recall;
mod replies;
mod reports;
mod secrets;
mod signals;
mod source;
mod stages;
mod tampered;
mod thresholds;
mod trouble;
mod two_runs;
mod types;
mod values;
mod waits;
