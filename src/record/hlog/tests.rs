use std::{sync::LazyLock, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::record::{RunFolder, RunWriter};

/// `connections.hlog` as a run writes it: ten seconds of two connections.
static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let scratch = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(scratch.path());
    let mut writer =
        RunWriter::start(&folder, std::sync::Arc::default(), Box::new(|_| ())).unwrap();
    let mut recorder = writer.recorder();
    for second in 0..10 {
        recorder.roll(second * 1_000_000_000);
        for (number, figure) in SocketFigure::ALL.into_iter().enumerate() {
            for value in 1..=20 {
                recorder.record_socket(
                    number as u16 % 2,
                    figure,
                    Duration::from_micros(17 * value * (second + 1)),
                );
            }
        }
    }
    recorder.finish();
    assert_eq!(writer.finish().error, None);
    std::fs::read(folder.file("connections.hlog")).unwrap()
});

/// What can be read of `bytes`, and what was wrong with them.
fn read(bytes: &[u8]) -> (Vec<SocketInterval>, Option<String>) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("connections.hlog");
    std::fs::write(&path, bytes).unwrap();
    let mut found = Vec::new();
    let damage = read_sockets(&path, |interval| found.push(interval)).unwrap();
    (found, damage)
}

#[test]
fn what_happened_at_the_sockets_reads_back() {
    let (found, damage) = read(&WRITTEN);
    assert_eq!((found.len(), damage), (30, None));
    let last = found
        .iter()
        .rfind(|interval| interval.figure == SocketFigure::FlowControlWait)
        .unwrap();
    assert_eq!(
        (
            last.second,
            last.connection,
            last.figure,
            last.histogram.len()
        ),
        (9, 0, SocketFigure::FlowControlWait, 20)
    );
    assert!(
        (last.histogram.max() as f64 / 3_400_000.0 - 1.0).abs() < 1e-3,
        "{}",
        last.histogram.max()
    );
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let error = read_sockets(Path::new("/nowhere/connections.hlog"), |_| ()).unwrap_err();
    assert!(
        error
            .0
            .starts_with("/nowhere/connections.hlog can't be read: "),
        "{error}"
    );
}

proptest! {
    // Each case reads a file of thirty histograms.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cut_file_gives_a_beginning_of_the_whole(cut in 0.0..1.0_f64) {
        let (whole, _) = read(&WRITTEN);
        let (found, _) = read(&WRITTEN[..(cut * WRITTEN.len() as f64) as usize]);
        prop_assert_eq!(&found[..], &whole[..found.len()]);
    }

    #[test]
    fn a_garbled_byte_is_damage_and_never_another_number(at in 0.0..1.0_f64, byte in any::<u8>()) {
        let mut bytes = WRITTEN.clone();
        let (whole, _) = read(&bytes);
        // Behind the header, within the histogram of a line.
        let at = (at * bytes.len() as f64) as usize;
        let column = bytes[..at]
            .iter()
            .rev()
            .take_while(|byte| **byte != b'\n')
            .filter(|byte| **byte == b',')
            .count();
        prop_assume!(column == 4 && bytes[at] != b'\n' && byte != bytes[at]);
        bytes[at] = byte;
        let (found, damage) = read(&bytes);
        prop_assert!(damage.is_some() || found == whole);
        prop_assert_eq!(&found[..], &whole[..found.len()]);
    }
}
