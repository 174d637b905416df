//! Sources against scripted servers and against genuine replies of three Jaeger versions.

mod fake_jaeger;
mod genuine;
mod opened;
mod scale;
mod table;
mod tempo;
mod trouble;
