//! The registry client against Debian's docker-registry, filled by skopeo: the received content equals
//! the pushed content, for all ways of logging in and of establishing trust.

use std::fs;
use std::time::Duration;

use crate::registry_support::{Sample, client, options, reference, text_of, with_environment};
use crate::support;
use crate::support::needs::write_executable;
use crate::support::proxy::ConnectProxy;
use crate::support::registry::{Registry, Setup};
use crate::support::{INDEX, MANIFEST, OciImage, oci_dir, write_index};
use imgfs::internals::registry::{ClientOptions, Environment, RegistryError};

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

#[test]
fn manifest_and_blobs_are_what_was_pushed() {
    let (sample, registry) = Sample::pushed();
    let client = client(&options());
    let name = format!("{}/a/b:1", registry.host());
    let by_tag = client.manifest(&reference(&name), None).unwrap();
    assert_eq!(by_tag.bytes, sample.manifest);
    assert_eq!(by_tag.media_type, MANIFEST);
    assert!(by_tag.digest.matches(&sample.manifest));
    let pinned = format!("{name}@{}", by_tag.digest);
    assert_eq!(client.manifest(&reference(&pinned), None).unwrap(), by_tag);
    let other = reference(&format!("{}/a/b:absent", registry.host()));
    assert_eq!(
        client.manifest(&other, Some(&by_tag.digest)).unwrap(),
        by_tag
    );
    sample.pull(&client, &name).unwrap();
    for from in [1, 1_234_567, sample.layer.len() - 1, sample.layer.len()] {
        sample.pull_from(&client, &name, from).unwrap();
    }
}

#[test]
fn dockers_manifests_and_indexes() {
    let sample = Sample::of(1000);
    let registry = Registry::plain();
    let source = format!("oci:{}", sample.dir.path().display());
    registry.copy(&source, "a/docker:1", &["--format", "v2s2"]);
    let client = client(&options());
    let docker = client
        .manifest(&reference(&format!("{}/a/docker:1", registry.host())), None)
        .unwrap();
    assert_eq!(docker.media_type, DOCKER);

    let two = oci_dir(&OciImage::plain(&[b"x".to_vec()]));
    let manifests: Vec<_> = ["amd64", "arm64"]
        .map(|arch| {
            let mut image = OciImage::plain(&[arch.as_bytes().to_vec()]);
            image.arch = arch;
            let mut descriptor = image.write(two.path());
            descriptor["platform"] = serde_json::json!({"os": "linux", "architecture": arch});
            descriptor
        })
        .into();
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let mut descriptor = support::write_blob(two.path(), index.to_string().as_bytes());
    descriptor["mediaType"] = INDEX.into();
    write_index(two.path(), &[descriptor]);
    registry.copy(
        &format!("oci:{}", two.path().display()),
        "a/two:1",
        &["--all", "--preserve-digests"],
    );
    let fetched = client
        .manifest(&reference(&format!("{}/a/two:1", registry.host())), None)
        .unwrap();
    assert_eq!(fetched.media_type, INDEX);
    assert_eq!(fetched.bytes, index.to_string().as_bytes());
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let (sample, registry) = Sample::pushed();
    let client = client(&options());
    for name in ["a/b:2", "a/c:1"] {
        let name = format!("{}/{name}", registry.host());
        let error = client.manifest(&reference(&name), None).unwrap_err();
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
        assert!(
            error.to_string().contains("_UNKNOWN)") && error.to_string().contains("login"),
            "{error}"
        );
    }
    let name = format!("{}/a/none:1", registry.host());
    let error = sample.pull(&client, &name).unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
}

#[test]
fn a_password_by_option_by_files_and_by_a_helper() {
    let sample = Sample::of(200_000);
    let registry = Registry::start(&Setup::login("ann", "sesame"));
    registry.push(sample.dir.path(), "a/b:1");
    let (host, name) = (registry.host(), format!("{}/a/b:1", registry.host()));
    let pull = |options: &ClientOptions| sample.pull(&client(options), &name);

    let error = pull(&options()).unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    assert!(
        error.to_string().contains(&format!("docker login {host}")),
        "{error}"
    );

    let login = |password: &str| Some(("ann".to_owned(), password.to_owned()));
    let wrong = ClientOptions {
        credentials: login("wrong-secret"),
        ..options()
    };
    let error = pull(&wrong).unwrap_err();
    assert!(
        matches!(error, RegistryError::LoginRefused { .. }),
        "{error}"
    );
    assert!(!text_of(&error).contains("wrong-secret"), "{error:?}");
    pull(&ClientOptions {
        credentials: login("sesame"),
        ..options()
    })
    .unwrap();

    // `printf ann:sesame | base64`.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("auth.json");
    fs::write(
        &file,
        format!(r#"{{"auths":{{"{host}/a":{{"auth":"YW5uOnNlc2FtZQ=="}}}}}}"#),
    )
    .unwrap();
    pull(&ClientOptions {
        auth_file: Some(file.clone()),
        ..options()
    })
    .unwrap();
    pull(&with_environment([(
        "REGISTRY_AUTH_FILE",
        file.to_str().unwrap(),
    )]))
    .unwrap();

    let helper = dir.path().join("docker-credential-test");
    let script = format!(
        "#!/bin/sh\nread server\n[ \"$server\" = {host} ] || {{ echo credentials not found in native keychain; exit 1; }}\n\
         echo '{{\"ServerURL\":\"{host}\",\"Username\":\"ann\",\"Secret\":\"sesame\"}}'\n"
    );
    write_executable(&helper, script.as_bytes());
    let home = dir.path().join("home");
    fs::create_dir_all(home.join(".docker")).unwrap();
    fs::write(home.join(".docker/config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let path = format!(
        "{}:{}",
        dir.path().display(),
        std::env::var("PATH").unwrap()
    );
    pull(&with_environment([
        ("HOME", home.to_str().unwrap()),
        ("PATH", &path),
    ]))
    .unwrap();
    fs::remove_file(&helper).unwrap();
    let error = pull(&with_environment([
        ("HOME", home.to_str().unwrap()),
        ("PATH", &path),
    ]))
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("docker-credential-test is not installed"),
        "{error}"
    );
}

#[test]
fn what_skopeo_login_keeps_is_found() {
    let sample = Sample::of(1000);
    let registry = Registry::start(&Setup::login("ann", "sesame"));
    registry.push(sample.dir.path(), "a/b:1");
    let dir = tempfile::tempdir().unwrap();
    let run = |program: &mut std::process::Command| support::run(program);
    run(std::process::Command::new("skopeo")
        .args(["login", "--tls-verify=false", "-u", "ann", "-p", "sesame"])
        .arg(registry.host())
        .env("XDG_RUNTIME_DIR", dir.path()));
    let options = with_environment([("XDG_RUNTIME_DIR", dir.path().to_str().unwrap())]);
    sample
        .pull(&client(&options), &format!("{}/a/b:1", registry.host()))
        .unwrap();
}

#[test]
fn tls_with_the_root_and_without() {
    let sample = Sample::of(2_000_000);
    let registry = Registry::start(&Setup::tls());
    registry.push(sample.dir.path(), "a/b:1");
    let name = format!("{}/a/b:1", registry.host());
    let pull = |options: &ClientOptions| sample.pull(&client(options), &name);

    let error = pull(&options()).unwrap_err();
    assert!(
        matches!(error, RegistryError::Certificate { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("certs.d") && error.to_string().contains("--insecure"),
        "{error}"
    );
    pull(&ClientOptions {
        insecure: true,
        ..options()
    })
    .unwrap();
    pull(&ClientOptions {
        roots: vec![registry.ca()],
        ..options()
    })
    .unwrap();

    let root = tempfile::tempdir().unwrap();
    let kept = root.path().join("etc/docker/certs.d").join(registry.host());
    fs::create_dir_all(&kept).unwrap();
    fs::copy(registry.ca(), kept.join("ca.crt")).unwrap();
    let environment = Environment::new::<&str, &str>([], root.path());
    pull(&ClientOptions {
        environment,
        ..options()
    })
    .unwrap();
}

#[test]
fn a_certificate_that_signs_itself_is_trusted_where_it_is_named() {
    let sample = Sample::of(1000);
    let registry = Registry::start(&Setup {
        self_signed: true,
        ..Setup::tls()
    });
    registry.push(sample.dir.path(), "a/b:1");
    let pull = |host: String, roots| {
        let options = ClientOptions { roots, ..options() };
        sample.pull(&client(&options), &format!("{host}/a/b:1"))
    };
    pull(registry.host(), vec![registry.ca()]).unwrap();
    // Another authority of the same kind, and a certificate for another name.
    let other = Registry::start(&Setup {
        self_signed: true,
        ..Setup::tls()
    });
    for (host, root) in [
        (registry.host(), other.ca()),
        (registry.address().to_string(), registry.ca()),
    ] {
        let error = pull(host, vec![root]).unwrap_err();
        assert!(
            matches!(error, RegistryError::Certificate { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_certificate_of_the_client() {
    let sample = Sample::of(1000);
    let setup = Setup {
        client_certificate: true,
        ..Setup::tls()
    };
    let registry = Registry::start(&setup);
    registry.push(sample.dir.path(), "a/b:1");
    let name = format!("{}/a/b:1", registry.host());
    let root = tempfile::tempdir().unwrap();
    let kept = root
        .path()
        .join("etc/containers/certs.d")
        .join(registry.host());
    fs::create_dir_all(&kept).unwrap();
    fs::copy(registry.ca(), kept.join("ca.crt")).unwrap();
    let environment = Environment::new::<&str, &str>([], root.path());
    let options = ClientOptions {
        environment,
        ..options()
    };
    let error = sample.pull(&client(&options), &name).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
    let (certificate, key) = registry.client_certificate();
    fs::copy(certificate, kept.join("client.cert")).unwrap();
    fs::copy(&key, kept.join("client.key")).unwrap();
    sample.pull(&client(&options), &name).unwrap();
    // The key of another certificate is reported, and nothing panics.
    fs::copy(key.with_file_name("server.key"), kept.join("client.key")).unwrap();
    let error = sample.pull(&client(&options), &name).unwrap_err();
    assert!(error.to_string().contains("does not match"), "{error}");
}

#[test]
fn a_far_host_without_tls_needs_insecure() {
    let (sample, registry) = Sample::pushed();
    let proxy = ConnectProxy::start(&[("registry.test:5000", registry.address())], None);
    let url = proxy.url();
    let options = with_environment([("ALL_PROXY", &*url)]);
    let error = sample
        .pull(&client(&options), "registry.test:5000/a/b:1")
        .unwrap_err();
    assert!(matches!(error, RegistryError::PlainHttp { .. }), "{error}");
    assert!(error.to_string().contains("--insecure"), "{error}");
    let insecure = ClientOptions {
        insecure: true,
        ..options
    };
    sample
        .pull(&client(&insecure), "registry.test:5000/a/b:1")
        .unwrap();
}

#[test]
fn through_a_proxy_and_past_it() {
    let sample = Sample::of(1_000_000);
    let registry = Registry::start(&Setup::tls());
    registry.push(sample.dir.path(), "a/b:1");
    // `printf us:pw | base64`.
    let proxy = ConnectProxy::start(
        &[("registry.test:443", registry.address())],
        Some("Basic dXM6cHc="),
    );
    let with_login = proxy.url().replace("http://", "http://us:pw@");
    let pull = |variables: [(&str, &str); 2], name: &str| {
        let roots = vec![registry.ca()];
        sample.pull(
            &client(&ClientOptions {
                roots,
                ..with_environment(variables)
            }),
            name,
        )
    };
    pull(
        [("https_proxy", &with_login), ("NO_PROXY", "other.test")],
        "registry.test/a/b:1",
    )
    .unwrap();
    assert_eq!(proxy.asked(), ["CONNECT registry.test:443"]);

    let wrong = with_login.replace("us:pw", "us:hidden-secret");
    let error = pull(
        [("HTTPS_PROXY", &wrong), ("NO_PROXY", "")],
        "registry.test/a/b:1",
    )
    .unwrap_err();
    assert!(error.to_string().contains("the proxy refuses"), "{error}");
    assert!(!text_of(&error).contains("hidden-secret"), "{error:?}");

    let before = proxy.asked().len();
    let local = format!("{}/a/b:1", registry.host());
    pull(
        [("HTTPS_PROXY", &with_login), ("HTTP_PROXY", &with_login)],
        &local,
    )
    .unwrap();
    let excepted = pull(
        [("HTTPS_PROXY", &with_login), ("NO_PROXY", ".test")],
        "registry.test/a/b:1",
    );
    assert!(excepted.is_err(), "there is no such host without the proxy");
    assert_eq!(proxy.asked().len(), before);
}

#[test]
fn an_error_of_the_sink_is_handed_on_and_cancelling_ends_what_waits() {
    let (sample, registry) = Sample::pushed();
    let name = reference(&format!("{}/a/b:1", registry.host()));
    let client = client(&options());
    let mut sink = |_: &[u8]| Err(std::io::Error::other("full"));
    let error = client
        .blob(&name, &sample.digest, 3_000_000, 0, &mut sink)
        .unwrap_err();
    assert!(
        matches!(&error, RegistryError::Sink(e) if e.to_string() == "full"),
        "{error}"
    );

    let stalled = support::proxy::Faults::alone(|_| {
        support::proxy::Act::reply(200)
            .header("Content-Length", "3000000")
            .stall_after(0)
    });
    let name = format!("{}/a/b:1", stalled.host());
    std::thread::scope(|scope| {
        let pull = scope.spawn(|| sample.pull(&client, &name));
        while stalled.requests().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        client.cancel();
        let error = pull.join().unwrap().unwrap_err();
        assert!(matches!(error, RegistryError::Cancelled), "{error}");
    });
    let error = sample.pull(&client, &name).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled), "{error}");
}
