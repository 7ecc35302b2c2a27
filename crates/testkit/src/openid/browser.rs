//! A person with a browser, at a provider's own pages: follows where he is sent, keeps cookies, fills in the two forms there are.

use ureq::Agent;
use ureq::http::Response;

/// Sign in, consent, and what leads there and back.
const MOST_PAGES: usize = 10;

pub(super) struct Browser {
    agent: Agent,
    issuer: String,
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// What a page answers: where it leads, and what it shows.
struct Page {
    location: Option<String>,
    body: String,
}

impl Browser {
    pub(super) fn new(issuer: &str) -> Self {
        let config = Agent::config_builder().max_redirects(0).max_redirects_will_error(false).http_status_as_error(false).build();
        Self { agent: config.into(), issuer: issuer.to_owned(), cookies: Vec::new() }
    }

    /// Until he is sent away from the provider.
    pub(super) fn go(mut self, authorization_url: &str, login: &str) -> String {
        let mut next = authorization_url.to_owned();
        for _ in 0..MOST_PAGES {
            if !next.starts_with(&self.issuer) {
                return next;
            }
            let page = self.get(&next);
            next = page.location.unwrap_or_else(|| {
                let fields = if page.body.contains(r#"name="login""#) {
                    format!("prompt=login&login={login}&password=any")
                } else {
                    "prompt=consent".to_owned()
                };
                self.post(&next, &fields).location.unwrap_or_else(|| panic!("no way on from {next}: {}", page.body))
            });
        }
        panic!("the provider does not let go of him: {next}");
    }

    fn get(&mut self, url: &str) -> Page {
        let answer = self.agent.get(url).header("cookie", &self.cookies_for(url)).call();
        self.read(answer.expect("the provider answers"))
    }

    fn post(&mut self, url: &str, fields: &str) -> Page {
        let request = self.agent.post(url).header("cookie", &self.cookies_for(url));
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send(fields);
        self.read(answer.expect("the provider answers"))
    }

    fn read(&mut self, mut answer: Response<ureq::Body>) -> Page {
        for set in answer.headers().get_all("set-cookie") {
            self.keep(set.to_str().expect("visible ASCII"));
        }
        let location = answer.headers().get("location").map(|location| location.to_str().expect("visible ASCII").to_owned());
        let location = location.map(|to| if to.starts_with('/') { format!("{}{to}", self.issuer) } else { to });
        Page { location, body: answer.body_mut().read_to_string().expect("text") }
    }

    /// One of the same name and path is replaced.
    fn keep(&mut self, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie has a name and a value");
        let path = parts.find_map(|part| part.strip_prefix("path=")).unwrap_or("/");
        self.cookies.retain(|cookie| cookie.name != name || cookie.path != path);
        self.cookies.push(Cookie { name: name.to_owned(), value: value.to_owned(), path: path.to_owned() });
    }

    fn cookies_for(&self, url: &str) -> String {
        let path = &url[self.issuer.len()..];
        let wanted = self.cookies.iter().filter(|cookie| !cookie.value.is_empty() && path.starts_with(&cookie.path));
        wanted.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }
}
