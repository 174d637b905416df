//! The built program against a fake Milvus in this process: what users see, what is sent, what is kept, how it exits.

#[path = "../support/mod.rs"]
mod support;

mod again;
mod attribution;
mod bad_input;
mod bench;
mod calibrate;
mod compare;
mod folder;
mod init;
mod joined;
mod list;
mod otlp;
mod ownership;
mod progress;
mod ran;
mod replies;
mod secrets;
mod signals;
mod source;
mod stages;
mod tampered;
mod thresholds;
mod trouble;
