//! Jaeger's messages, trimmed to what is read here (`proto/jaeger_v2.proto`,
//! `proto/jaeger_v3.proto`).

pub mod jaeger_v2;
pub mod jaeger_v3;
