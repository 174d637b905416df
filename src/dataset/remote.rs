//! A file of a data set at an address: what names it, and its name in the cache.

use std::path::{Path, PathBuf};

use url::{Host, Url};

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;
/// Most characters of the address' file name that are kept.
const NAME: usize = 80;

/// A file at an address, and the sum of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// `https://...`; `http://` on this machine alone.
    pub url: Url,
    /// SHA-256 of the file, in lower case.
    pub sha256: String,
}

impl RemoteFile {
    /// The file at `url` whose SHA-256 is `sha256`.
    ///
    /// # Errors
    /// The key at fault, `url` or `sha256`, and words that go on after it.
    pub fn new(url: &str, sha256: &str) -> Result<Self, (&'static str, String)> {
        let parsed = address(url).map_err(|story| ("url", story))?;
        let is_sum = sha256.len() == DIGITS && sha256.bytes().all(|c| c.is_ascii_hexdigit());
        if !is_sum {
            return Err((
                "sha256",
                format!(
                    "has {} characters, expected the {DIGITS} hexadecimal digits that its \
                     publisher gives or `sha256sum` prints",
                    sha256.chars().count()
                ),
            ));
        }
        Ok(Self {
            url: parsed,
            sha256: sha256.to_ascii_lowercase(),
        })
    }

    /// Its place in the cache below `folder`, where it is there. A file gets this name only after
    /// its sum was found right.
    #[must_use]
    pub fn path_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.file_name())
    }

    /// The sum and the last part of the address, whose extension may name the format.
    fn file_name(&self) -> String {
        let last = self
            .url
            .path_segments()
            .and_then(|mut parts| parts.next_back());
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: Vec<char> = last.unwrap_or_default().chars().map(plain).collect();
        let name: String = name[name.len().saturating_sub(NAME)..].iter().collect();
        format!("{}-{name}", self.sha256)
    }
}

/// Whether a file may be fetched from there: no one on the way may read or change it.
///
/// # Errors
/// It may not, in words that go on after the key.
pub fn check_address(url: &Url) -> Result<(), String> {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here => Ok(()),
        scheme => Err(format!(
            "begins with {scheme}://, expected https:// (http:// is for this machine alone)"
        )),
    }
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("is not an address ({error}), expected https://HOST/FILE"))?;
    check_address(&url)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "has a user or password, which would be kept with each run: fetch the file yourself \
             and name its path"
                .to_owned(),
        );
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";

    fn name(url: &str) -> String {
        let file = RemoteFile::new(url, SUM).unwrap();
        let path = file.path_in(Path::new("c")).display().to_string();
        let name = path.strip_prefix(&format!("c/{}-", SUM.to_ascii_lowercase()));
        name.unwrap_or_else(|| panic!("{path}")).to_owned()
    }

    #[test]
    fn the_name_in_the_cache_has_the_sum_and_the_extension_of_the_address() {
        assert_eq!(
            name("https://host/a/base.10M.fbin?download=1#x"),
            "base.10M.fbin"
        );
        assert_eq!(name("https://host"), "");
        assert_eq!(
            name("https://host/%2e%2e%2fpasswd.npy"),
            "_2e_2e_2fpasswd.npy"
        );
        let long = name(&format!("https://host/{}.hdf5", "a".repeat(300)));
        assert!(long.len() == NAME && long.ends_with(".hdf5"), "{long}");
    }

    #[test]
    fn an_address_that_others_could_read_or_change_is_refused() {
        let refused = |url: &str, sum: &str, key: &str, words: &str| {
            let (found, story) = RemoteFile::new(url, sum).expect_err(url);
            assert!(found == key && story.contains(words), "{found} {story}");
        };
        refused(
            "http://host/x.fbin",
            SUM,
            "url",
            "begins with http://, expected https://",
        );
        refused("ftp://localhost/x.fbin", SUM, "url", "begins with ftp://");
        refused("host/x.fbin", SUM, "url", "is not an address");
        refused(
            "https://u:p@host/x.fbin",
            SUM,
            "url",
            "has a user or password",
        );
        refused(
            "https://host/x.fbin",
            "abc",
            "sha256",
            "has 3 characters, expected the 64",
        );
        refused(
            "https://host/x.fbin",
            &"g".repeat(64),
            "sha256",
            "has 64 characters",
        );
        for here in [
            "http://127.0.0.1:8000/x",
            "http://[::1]/x",
            "http://localhost/x",
        ] {
            RemoteFile::new(here, SUM).unwrap();
        }
    }
}
