//! Files of a run folder: made anew, whatever stands at their place, and read only where they are
//! files.

use std::{
    fs::{File, OpenOptions},
    io::{Error, ErrorKind, Read as _, Result},
    path::Path,
};

/// An empty file at `path`, to be written and read. A file or a link that stands there is taken
/// away and not written through: the other end of a link is somebody else's.
///
/// # Errors
/// It can't be made, or what stands there can't be taken away, such as a folder.
pub fn own_file(path: &Path) -> Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Error::new(
                error.kind(),
                format!("{} exists and can't be removed: {error}", path.display()),
            ));
        }
        _ => {}
    }
    // Not even where somebody puts a link there just now.
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

/// The file at `path`, to be read. What is no regular file is refused: a pipe would be waited for,
/// and a device may have no end.
///
/// # Errors
/// It can't be opened, or is a folder, a pipe or a device.
pub fn open_regular(path: &Path) -> Result<File> {
    // Looked at before it is opened, which waits with a pipe.
    let kind = std::fs::metadata(path)?;
    if !kind.is_file() {
        let found = if kind.is_dir() {
            "a folder"
        } else {
            "a pipe or a device"
        };
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("it is {found} and not a regular file"),
        ));
    }
    File::open(path)
}

/// All bytes of the regular file at `path`.
///
/// # Errors
/// As [`open_regular`], or it can't be read.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write as _,
        os::unix::fs::{MetadataExt as _, symlink},
    };

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let refused = |words: &str| {
            let found = read_regular(&path).unwrap_err().to_string();
            assert!(found.contains(words), "{words:?} is not in: {found}");
        };
        refused("No such file");
        symlink("/dev/zero", &path).unwrap();
        refused("it is a pipe or a device and not a regular file");
        fs::remove_file(&path).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        refused("a pipe or a device");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused("it is a folder");
        fs::remove_dir(&path).unwrap();
        fs::write(folder.path().join("other"), "moved away").unwrap();
        symlink("other", &path).unwrap();
        assert_eq!(read_regular(&path).unwrap(), b"moved away");
    }

    #[test]
    fn nothing_is_written_through_what_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        let path = folder.path().join("file");
        let places: [fn(&Path, &Path); 4] = [
            |victim, path| symlink(victim, path).unwrap(),
            |victim, path| fs::hard_link(victim, path).unwrap(),
            |_, path| symlink("nowhere", path).unwrap(),
            |_, path| fs::write(path, "of an earlier time, and longer").unwrap(),
        ];
        for place in places {
            fs::write(&victim, "precious").unwrap();
            place(&victim, &path);
            own_file(&path).unwrap().write_all(b"mine").unwrap();
            assert_eq!(
                (
                    fs::read_to_string(&victim).unwrap(),
                    fs::read_to_string(&path).unwrap()
                ),
                ("precious".to_owned(), "mine".to_owned())
            );
            let made = fs::symlink_metadata(&path).unwrap();
            assert!(made.is_file() && made.nlink() == 1 && !folder.path().join("nowhere").exists());
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_folder_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = own_file(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("exists and can't be removed")
                && error.contains(&folder.path().display().to_string()),
            "{error}"
        );
    }
}
