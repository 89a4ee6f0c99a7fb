//! The parts of an address that lists are compared with. No parser of every URL that there is: what a crawler stores.

/// An address in the form that it is compared in: lower case, no scheme, user, port, `www.`, fragment or final `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    text: String,
    host_bytes: usize,
}

impl Address {
    /// Overwrites it with that of a URL. White space around it is dropped; without a scheme, the host comes first.
    pub(super) fn read(&mut self, url: &str) {
        self.text.clear();
        let url = url.trim();
        let url = url.find('#').map_or(url, |fragment| &url[..fragment]);
        let url = without_scheme(url);
        let (authority, path) = url.split_at(url.find(['/', '?', '\\']).unwrap_or(url.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.rsplit_once(':') {
            Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        push_lower(host.trim_matches('.'), &mut self.text);
        if self.text.len() > 4 && self.text.starts_with("www.") {
            self.text.drain(..4);
        }
        self.host_bytes = self.text.len();
        push_lower(path, &mut self.text);
        let trimmed = self.text[self.host_bytes..].trim_end_matches('/').len();
        self.text.truncate(self.host_bytes + trimmed);
    }

    /// The host, without `www.`.
    pub(super) fn host(&self) -> &str {
        &self.text[..self.host_bytes]
    }

    /// The whole address, as lists are to have it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The host and every domain above it: `a.b.c`, `b.c`, `c`.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        let host = self.host();
        let dots = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        std::iter::once(host)
            .chain(dots)
            .filter(|domain| !domain.is_empty())
    }

    /// The address, the one before its `?`, and every folder above it, down to the host.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        let path = &self.text[self.host_bytes..];
        let ends = path
            .match_indices(['/', '?'])
            .map(|(end, _)| &self.text[..self.host_bytes + end]);
        ends.chain(std::iter::once(self.text()))
    }
}

fn push_lower(part: &str, into: &mut String) {
    into.extend(part.chars().flat_map(char::to_lowercase));
}

/// What follows `https://` or `//`.
fn without_scheme(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("//") else {
        return url;
    };
    let name = scheme.strip_suffix(':').unwrap_or(scheme);
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_scheme = scheme.is_empty() || (scheme.len() > name.len() && !name.is_empty() && is_name);
    if is_scheme { rest } else { url }
}

/// Overwrites `into` with the ASCII letters and digits of a URL, in lower case.
pub(super) fn alphanumeric(url: &str, into: &mut String) {
    into.clear();
    into.extend(
        url.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase()),
    );
}

/// The words of a URL: its runs of ASCII letters and digits.
pub(super) fn words(url: &str) -> impl Iterator<Item = &str> {
    url.split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_what_does_not_matter() {
        for (url, host, text) in [
            ("https://www.Example.com/", "example.com", "example.com"),
            (
                "http://user:pass@a.example.com:8080/Path/?q=1#top",
                "a.example.com",
                "a.example.com/path/?q=1",
            ),
            ("//cdn.example.com/x/", "cdn.example.com", "cdn.example.com/x"),
            (
                "example.com/http://other.example/",
                "example.com",
                "example.com/http://other.example",
            ),
            (" example.com. ", "example.com", "example.com"),
            ("http://[::1]:80/a", "[::1]", "[::1]/a"),
            ("http://www.com/", "com", "com"),
            ("mailto:someone@example.com", "example.com", "example.com"),
            ("http://Ä.example?x", "ä.example", "ä.example?x"),
            ("", "", ""),
        ] {
            let mut address = Address::default();
            address.read(url);
            assert_eq!((address.host(), address.text()), (host, text), "{url:?}");
        }
    }

    #[test]
    fn domains_and_folders_go_up_step_by_step() {
        let mut address = Address::default();
        address.read("http://a.b.example/x/y?z=/w");
        assert_eq!(
            address.domains().collect::<Vec<_>>(),
            ["a.b.example", "b.example", "example"]
        );
        let folders = [
            "a.b.example",
            "a.b.example/x",
            "a.b.example/x/y",
            "a.b.example/x/y?z=",
            "a.b.example/x/y?z=/w",
        ];
        assert_eq!(address.folders().collect::<Vec<_>>(), folders);
        address.read("");
        assert_eq!(address.domains().count(), 0);
    }

    #[test]
    fn words_and_letters_are_ascii() {
        assert_eq!(
            words("http://A-b.example/ü_1").collect::<Vec<_>>(),
            ["http", "A", "b", "example", "1"]
        );
        let mut letters = String::from("old");
        alphanumeric("http://A-b/ü_1", &mut letters);
        assert_eq!(letters, "httpab1");
    }
}
