//! The registry client under faults: cut connections, delays, expired tokens, mirrors, redirects, and
//! servers with wrong answers.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::registry_support;
use crate::registry_support::{Sample, client, options, reference, text_of, with_environment};
use crate::support::proxy::{Act, ConnectProxy, Faults, Request, Tokens};
use crate::support::registry::{Registry, Setup, free_port};
use crate::support::sha256;
use imgfs::internals::registry::{ClientOptions, Patience, RegistryError};

/// Returns N of `bytes=N-` for each request for a blob, 0 if there is no range.
fn ranges(faults: &Faults) -> Vec<u64> {
    let requests = faults.requests();
    let blobs = requests.iter().filter(|r| r.is_blob());
    let number = |r: &Request| {
        let range = r
            .header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?;
        range.parse().ok()
    };
    blobs.map(|r| number(r).unwrap_or(0)).collect()
}

fn name(faults: &Faults) -> String {
    format!("{}/a/b:1", faults.host())
}

#[test]
fn after_cuts_it_goes_on_where_it_was() {
    let (sample, registry) = Sample::pushed();
    // More cuts than the number of attempts allowed without progress.
    let faults = Faults::before(registry.address(), |r| match r.nth {
        n if r.is_blob() && n < 20 => Act::pass().cut_after(100_000),
        _ => Act::pass(),
    });
    sample.pull(&client(&options()), &name(&faults)).unwrap();
    let expected: Vec<u64> = (0..=20).map(|n| n * 100_000).collect();
    assert_eq!(ranges(&faults), expected);
    assert_eq!(faults.bytes("/blobs/"), 3_000_000);
}

#[test]
fn a_server_that_ignores_range_sends_all_again_and_nothing_comes_twice() {
    let (sample, registry) = Sample::pushed();
    let faults = Faults::before(registry.address(), |r| match r.nth {
        0 if r.is_blob() => Act::pass().cut_after(1_500_000),
        1 if r.is_blob() => Act::pass().ignore_range().cut_after(2_000_000),
        _ => Act::pass().ignore_range(),
    });
    sample.pull(&client(&options()), &name(&faults)).unwrap();
    assert_eq!(ranges(&faults), [0, 1_500_000, 2_000_000]);
    sample
        .pull_from(&client(&options()), &name(&faults), 2_999_999)
        .unwrap();
}

#[test]
fn it_gives_up_when_nothing_new_arrives() {
    let sample = Sample::of(1000);
    let faults = Faults::alone(|_| {
        Act::reply(503).body(r#"{"errors":[{"code":"UNAVAILABLE","message":"tea"}]}"#)
    });
    let error = sample
        .pull(&client(&options()), &name(&faults))
        .unwrap_err();
    assert!(
        matches!(
            error,
            RegistryError::Status {
                status: 503,
                attempts: 6,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("tea (UNAVAILABLE) (tried 6 times"),
        "{error}"
    );
    assert_eq!(faults.requests().len(), 6);

    let cut = Faults::alone(|_| Act::reply(200).body(vec![7; 1000]).cut_after(0));
    let error = sample.pull(&client(&options()), &name(&cut)).unwrap_err();
    assert!(
        matches!(error, RegistryError::Connection { attempts: 6, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("was cut"), "{error}");

    let nobody = format!("localhost:{}/a/b:1", free_port());
    let error = sample.pull(&client(&options()), &nobody).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("refused (os error 111) (tried 6 times"),
        "{error}"
    );
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let (sample, registry) = Sample::pushed();
    let faults = Faults::before(registry.address(), |r| match r.nth {
        0 => Act::reply(429).header("Retry-After", "1"),
        1 => Act::reply(500),
        _ => Act::pass(),
    });
    let begun = Instant::now();
    let client = client(&options());
    client.manifest(&reference(&name(&faults)), None).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(faults.count("/manifests/"), 3);

    // An hour is longer than the client waits.
    let busy = Faults::before(registry.address(), |r| match r.nth {
        0 => Act::reply(503).header("Retry-After", "3600"),
        _ => Act::pass(),
    });
    let mut options = options();
    options.patience.longest_asked = Duration::from_millis(20);
    sample
        .pull(&registry_support::client(&options), &name(&busy))
        .unwrap();
}

#[test]
fn a_server_that_falls_silent_has_cut_the_connection() {
    let (sample, registry) = Sample::pushed();
    let faults = Faults::before(registry.address(), |r| match r.nth {
        0 => Act::pass().stall_after(0),
        1 => Act::pass().stall_after(1_000_000),
        _ => Act::pass(),
    });
    let mut options = options();
    // A registry on a busy machine may be silent for some time too.
    options.patience.silence = Duration::from_secs(2);
    sample.pull(&client(&options), &name(&faults)).unwrap();
    assert_eq!(ranges(&faults), [0, 0, 1_000_000]);
    options.patience.silence = Duration::from_millis(300);
    options.patience.attempts = 1;
    let dead = Faults::alone(|_| Act::pass().delay(Duration::from_secs(2)));
    let error = sample.pull(&client(&options), &name(&dead)).unwrap_err();
    assert!(
        error.to_string().contains("sent nothing for 0.3 s"),
        "{error}"
    );
}

#[test]
fn tokens_are_fetched_once_and_renewed_in_the_middle_of_a_blob() {
    let (sample, registry) = Sample::pushed();
    let plan = |r: &Request| match r.nth {
        n if r.is_blob() && n < 6 => Act::pass().cut_after(500_000),
        _ => Act::pass(),
    };
    let faults = Faults::before(registry.address(), plan).with_tokens(Tokens::of(2));
    let client = client(&options());
    client.manifest(&reference(&name(&faults)), None).unwrap();
    sample.pull(&client, &name(&faults)).unwrap();
    assert!(faults.tokens_given() >= 3, "{}", faults.tokens_given());
    let requests = faults.requests();
    let token = requests
        .iter()
        .find(|r| r.path.starts_with("/token"))
        .unwrap();
    assert_eq!(
        token.path,
        "/token?service=test&scope=repository%3Aa%2Fb%3Apull"
    );
}

#[test]
fn threads_that_start_together_fetch_one_token() {
    let (_, registry) = Sample::pushed();
    let slow = |r: &Request| {
        let wait = if r.path.starts_with("/token") { 100 } else { 0 };
        Act::pass().delay(Duration::from_millis(wait))
    };
    let faults = Faults::before(registry.address(), slow).with_tokens(Tokens::of(1000));
    let client = client(&options());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.manifest(&reference(&name(&faults)), None).unwrap());
        }
    });
    assert_eq!(faults.tokens_given(), 1);
}

#[test]
fn tokens_for_a_password_and_for_an_identity_token() {
    let (sample, registry) = Sample::pushed();
    let front = |tokens| Faults::before(registry.address(), |_| Act::pass()).with_tokens(tokens);
    // The example of RFC 7617.
    let basic = front(Tokens::of(1000).for_login("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    let login = |password: &str| ClientOptions {
        credentials: Some(("Aladdin".to_owned(), password.to_owned())),
        ..options()
    };
    sample
        .pull(&client(&login("open sesame")), &name(&basic))
        .unwrap();
    let error = sample
        .pull(&client(&login("wrong-secret")), &name(&basic))
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::LoginRefused { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("incorrect username"), "{error}");
    assert!(!text_of(&error).contains("wrong-secret"));
    let error = sample.pull(&client(&options()), &name(&basic)).unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");

    let identity = front(Tokens::of(1000).for_refresh("refresh-me"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("auth.json");
    let json = format!(
        r#"{{"auths":{{"{}":{{"auth":"","identitytoken":"refresh-me"}}}}}}"#,
        identity.host()
    );
    fs::write(&file, json).unwrap();
    let with_file = ClientOptions {
        auth_file: Some(file),
        ..options()
    };
    sample.pull(&client(&with_file), &name(&identity)).unwrap();
    assert_eq!(identity.tokens_given(), 1);
}

#[test]
fn a_token_that_is_refused_again_and_again_ends_it() {
    let sample = Sample::of(1000);
    let faults = Faults::alone(|_| Act::pass()).with_tokens(Tokens::of(0));
    let error = sample
        .pull(&client(&options()), &name(&faults))
        .unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    assert!(faults.tokens_given() <= 2);
}

#[test]
fn another_host_never_sees_a_login() {
    let (sample, registry) = Sample::pushed();
    let storage = Faults::before(registry.address(), |r| match r.nth {
        0 => Act::pass().cut_after(1_000_000),
        // A signed link that has expired.
        1 => Act::reply(403),
        _ => Act::pass(),
    });
    let target = format!(
        "http://{}/v2/a/b/blobs/{}?signature=hidden",
        storage.address(),
        sample.digest
    );
    let front = Faults::before(registry.address(), move |r| {
        if r.is_blob() {
            Act::redirect(&target)
        } else {
            Act::pass()
        }
    });
    let front = front.with_tokens(Tokens::of(1000));
    let client = client(&options());
    client.manifest(&reference(&name(&front)), None).unwrap();
    sample.pull(&client, &name(&front)).unwrap();
    assert_eq!(ranges(&storage), [0, 1_000_000, 1_000_000]);
    assert!(
        storage
            .requests()
            .iter()
            .all(|r| r.header("authorization").is_none())
    );
    assert!(
        front
            .requests()
            .iter()
            .any(|r| r.is_blob() && r.header("authorization").is_some())
    );
}

#[test]
fn a_redirect_from_tls_to_plain_http_is_followed_without_the_login() {
    let sample = Sample::of(100_000);
    let bytes = sample.layer.clone();
    let storage = Faults::alone(move |_| Act::reply(200).body(bytes.clone()));
    let registry = Registry::start(&Setup {
        redirect: Some(format!("http://{}/", storage.host())),
        tls: true,
        ..Setup::login("ann", "sesame")
    });
    registry.push(sample.dir.path(), "a/b:1");
    let options = ClientOptions {
        credentials: Some(("ann".to_owned(), "sesame".to_owned())),
        roots: vec![registry.ca()],
        ..options()
    };
    let before = storage.requests().len();
    sample
        .pull(&client(&options), &format!("{}/a/b:1", registry.host()))
        .unwrap();
    let requests = &storage.requests()[before..];
    assert_eq!(requests.len(), 1);
    assert!(requests[0].header("authorization").is_none());
}

#[test]
fn a_redirect_on_the_same_host_keeps_the_login() {
    let (sample, registry) = Sample::pushed();
    let faults = Faults::before(registry.address(), |r| {
        if r.is_blob() && !r.path.contains("?moved") {
            Act::redirect(&format!("{}?moved", r.path))
        } else {
            Act::pass()
        }
    });
    let faults = faults.with_tokens(Tokens::of(1000));
    sample.pull(&client(&options()), &name(&faults)).unwrap();
}

#[test]
fn mirrors_first_then_the_next_then_the_registry() {
    let (sample, registry) = Sample::pushed();
    let front = Faults::before(registry.address(), |_| Act::pass());
    let good = Faults::before(registry.address(), |_| Act::pass());
    let pull = |mirrors: &[&str]| {
        let mirrors = mirrors.iter().map(|m| (*m).to_owned()).collect();
        let client = client(&ClientOptions {
            mirrors,
            ..options()
        });
        client.manifest(&reference(&name(&front)), None).unwrap();
        sample.pull(&client, &name(&front)).unwrap();
    };
    pull(&[&good.host()]);
    assert_eq!((good.requests().len(), front.requests().len()), (2, 0));

    // Mirrors: one is down, one has no images, one requires a login, one has wrong bytes, one fails in
    // the middle.
    let down = format!("localhost:{}", free_port());
    let empty = Faults::alone(|_| Act::reply(404));
    let closed = Faults::alone(|_| Act::reply(401).header("WWW-Authenticate", "Basic realm=x"));
    let lies = Faults::alone(|_| {
        Act::reply(200)
            .body("<html>")
            .header("Content-Type", "text/html")
    });
    let breaks = Faults::before(registry.address(), |r| match r.nth {
        0 if r.is_blob() => Act::pass().cut_after(700_000),
        _ if r.is_blob() => Act::reply(500),
        _ => Act::reply(404),
    });
    pull(&[
        &down,
        &empty.host(),
        &closed.host(),
        &lies.host(),
        &breaks.host(),
    ]);
    assert_eq!(front.count("/manifests/"), 1);
    assert_eq!(ranges(&front), [700_000]);
    assert_eq!(empty.requests().len(), 2);
}

#[test]
fn a_login_by_option_is_not_a_mirrors() {
    let (sample, registry) = Sample::pushed();
    let front = Faults::before(registry.address(), |_| Act::pass());
    let mirror = Faults::alone(|_| Act::reply(401).header("WWW-Authenticate", "Basic realm=x"));
    let options = ClientOptions {
        credentials: Some(("ann".to_owned(), "sesame".to_owned())),
        mirrors: vec![mirror.host()],
        ..options()
    };
    sample.pull(&client(&options), &name(&front)).unwrap();
    assert!(
        mirror
            .requests()
            .iter()
            .all(|r| r.header("authorization").is_none())
    );
}

#[test]
fn mirrors_of_registries_conf_and_those_that_are_distrusted() {
    let (sample, registry) = Sample::pushed();
    let mirror = Faults::before(registry.address(), |_| Act::pass());
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("registries.conf");
    let text = format!(
        "[[registry]]\nprefix = 'example.test/team'\nlocation = '{}/a'\ninsecure = true\n\
         [[registry.mirror]]\nlocation = '{}/a'\npull-from-mirror = 'digest-only'\n",
        registry.host(),
        mirror.host()
    );
    fs::write(&conf, text).unwrap();
    let options = with_environment([("CONTAINERS_REGISTRIES_CONF", conf.to_str().unwrap())]);
    let client = client(&options);
    let name = "example.test/team/b:1";
    let fetched = client.manifest(&reference(name), None).unwrap();
    assert_eq!(mirror.requests().len(), 0);
    client
        .manifest(&reference(name), Some(&fetched.digest))
        .unwrap();
    sample.pull(&client, name).unwrap();
    assert_eq!(mirror.requests().len(), 2);
    client.distrust_mirrors(&reference(name));
    sample.pull(&client, name).unwrap();
    assert_eq!(mirror.requests().len(), 2);
}

#[test]
fn a_manifest_that_was_changed_on_its_way_is_asked_for_again() {
    let (sample, registry) = Sample::pushed();
    let faults = Faults::before(registry.address(), |r| match r.nth {
        0 => Act::pass().flip(10),
        1 => Act::pass().cut_after(10),
        _ => Act::pass(),
    });
    let fetched = client(&options())
        .manifest(&reference(&name(&faults)), None)
        .unwrap();
    assert_eq!(fetched.bytes, sample.manifest);
    let always = Faults::before(registry.address(), |_| Act::pass().flip(10));
    let error = client(&options())
        .manifest(&reference(&name(&always)), None)
        .unwrap_err();
    assert!(
        error.to_string().contains("does not match the digest"),
        "{error}"
    );
}

/// Returns the client's error for a server that answers every request in this way, and the number of
/// requests.
fn hostile(blob: bool, act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> (String, usize) {
    let faults = Faults::alone(act);
    let mut options = options();
    options.patience = Patience {
        attempts: 2,
        ..options.patience
    };
    let client = client(&options);
    let delivered = AtomicUsize::new(0);
    let error = if blob {
        let digest = sha256(b"x").parse().unwrap();
        let mut sink = |piece: &[u8]| {
            delivered.fetch_add(piece.len(), Ordering::SeqCst);
            Ok(())
        };
        client
            .blob(&reference(&name(&faults)), &digest, 1000, 0, &mut sink)
            .unwrap_err()
    } else {
        client
            .manifest(&reference(&name(&faults)), None)
            .unwrap_err()
    };
    assert!(delivered.load(Ordering::SeqCst) <= 1000);
    (error.to_string(), faults.requests().len())
}

#[test]
fn servers_that_lie() {
    let says = |blob: bool, act: Act, what: &str| {
        let (error, _) = hostile(blob, move |_| act.clone());
        assert!(error.contains(what), "{error:?} does not say {what:?}");
        assert!(
            error.starts_with("localhost:") && error.contains("/a/b: "),
            "{error}"
        );
    };
    let here = Act::redirect;
    says(true, here("file:///etc/passwd"), "redirects to file:");
    says(true, here("http://u:p@localhost/"), "with a password");
    says(true, Act::reply(302), "redirects without an address");
    says(true, Act::reply(200).body(vec![0; 999]), "has 999 bytes");
    says(
        true,
        Act::reply(200).body(vec![0; 1001]),
        "longer than its descriptor",
    );
    says(
        true,
        Act::reply(206).body(vec![0; 1000]),
        "was asked for the bytes from 0 on",
    );
    for range in [
        "bytes 1-999/1000",
        "bytes 0-999/1001",
        "bytes 0-1000/*",
        "nonsense",
    ] {
        says(
            true,
            Act::reply(206)
                .header("Content-Range", range)
                .body(vec![0; 1000]),
            "was asked for",
        );
    }
    says(
        true,
        Act::reply(200)
            .header("Content-Encoding", "gzip")
            .body(vec![0; 9]),
        "compressed",
    );
    let without_length = Act::reply(200)
        .header("Content-Length", "")
        .body(vec![0; 5_000_000]);
    says(true, without_length.clone(), "longer than its descriptor");
    says(false, without_length, "longer than 4 MiB");
    says(
        false,
        Act::reply(200).body(vec![b' '; (4 << 20) + 1]),
        "longer than 4 MiB",
    );
    says(
        false,
        Act::reply(200).header("X-Long", &"x".repeat(200_000)),
        "headers are too long",
    );
    says(
        false,
        Act::reply(200).body(r#"{"schemaVersion":1}"#),
        "schema 1",
    );
    says(
        false,
        Act::reply(200)
            .body("<html>")
            .header("Content-Type", "text/html"),
        "text/html",
    );
    let realm = |realm: &str| {
        Act::reply(401).header("WWW-Authenticate", &format!("Bearer realm=\"{realm}\""))
    };
    says(false, realm("file:///etc/passwd"), "to file:");
    says(
        false,
        Act::reply(401).header("WWW-Authenticate", "Negotiate"),
        "neither Basic nor Bearer",
    );
    says(false, Act::reply(401), "log in: docker login");
    says(false, Act::reply(99), "not HTTP");
}

#[test]
fn redirects_and_challenges_without_end() {
    let (error, asked) = hostile(true, |r| Act::redirect(&format!("{}x", r.path)));
    assert!(error.contains("too many times"), "{error}");
    assert!(asked <= 12, "{asked}");
    let (error, asked) = hostile(false, |r| match r.path.as_str() {
        "/t" => Act::reply(200).body(r#"{"token":"t"}"#),
        _ if r.path.starts_with("/t") => Act::reply(200).body(r#"{"token":"t","expires_in":0}"#),
        _ => {
            let host = r.header("host").unwrap_or_default();
            Act::reply(401).header(
                "WWW-Authenticate",
                &format!("Bearer realm=\"http://{host}/t\""),
            )
        }
    });
    assert!(error.contains("no right to see it"), "{error}");
    assert!(asked <= 10, "{asked}");
}

#[test]
fn a_registry_that_starts_late_is_waited_for() {
    let sample = Sample::of(1000);
    let registry = Registry::plain();
    registry.push(sample.dir.path(), "a/b:1");
    let up = AtomicUsize::new(0);
    let upstream = registry.address();
    let faults = Faults::before(upstream, move |_| {
        // The first three connections end before any data.
        if up.fetch_add(1, Ordering::SeqCst) < 3 {
            Act::reply(200).header("Content-Length", "").cut_after(0)
        } else {
            Act::pass()
        }
    });
    sample.pull(&client(&options()), &name(&faults)).unwrap();
}

#[test]
fn a_host_whose_tls_was_cut_once_is_not_asked_without_it() {
    let sample = Sample::of(1000);
    let registry = Registry::start(&Setup::tls());
    registry.push(sample.dir.path(), "a/b:1");
    // The first connection ends at once, the others lead to the registry.
    let proxy = ConnectProxy::start_cutting(&[("registry.test:443", registry.address())], 1);
    let url = proxy.url();
    let options = ClientOptions {
        insecure: true,
        ..with_environment([("HTTPS_PROXY", &*url)])
    };
    sample
        .pull(&client(&options), "registry.test/a/b:1")
        .unwrap();
    assert!(proxy.asked().len() >= 2);
}
