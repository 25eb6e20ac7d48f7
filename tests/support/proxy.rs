//! Test servers that use only threads and sockets. [`Faults`] stands in front of a registry (or of
//! nothing) and treats each request as a test says; [`ConnectProxy`] serves as HTTPS_PROXY.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The number of requests with the same path (without its query) before this one.
    pub nth: usize,
}

impl Request {
    /// Returns a header; its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_blob(&self) -> bool {
        self.path.contains("/blobs/")
    }

    pub fn is_manifest(&self) -> bool {
        self.path.contains("/manifests/")
    }
}

/// The treatment of a request. `Act::pass()` forwards it to the registry and returns the answer; the
/// others change that, or answer instead of the registry.
#[derive(Clone, Debug, Default)]
pub struct Act {
    reply: Option<Reply>,
    cut: Option<u64>,
    stall: Option<u64>,
    flip: Option<u64>,
    delay: Duration,
    no_range: bool,
    headers: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Act {
    pub fn pass() -> Self {
        Self::default()
    }

    /// Answers with this status and no body.
    pub fn reply(status: u16) -> Self {
        let reply = Reply {
            status,
            body: Vec::new(),
        };
        Self {
            reply: Some(reply),
            ..Self::default()
        }
    }

    /// Answers with a redirect.
    pub fn redirect(to: &str) -> Self {
        Self::reply(307).header("Location", to)
    }

    /// Sets the body of a [`reply`](Self::reply).
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.reply.as_mut().expect("a reply").body = bytes.into();
        self
    }

    /// Sets a header of the answer, replacing the registry's header of that name; an empty value removes
    /// it.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Closes the connection after `bytes` bytes of the body.
    pub fn cut_after(mut self, bytes: u64) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// Sends nothing more after `bytes` bytes of the body, but keeps the connection open.
    pub fn stall_after(mut self, bytes: u64) -> Self {
        self.stall = Some(bytes);
        self
    }

    /// Flips a bit in this byte of the body.
    pub fn flip(mut self, at: u64) -> Self {
        self.flip = Some(at);
        self
    }

    /// Waits before the answer.
    pub fn delay(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// Does not forward Range.
    pub fn ignore_range(mut self) -> Self {
        self.no_range = true;
        self
    }
}

type Plan = dyn Fn(&Request) -> Act + Send + Sync;

/// A server in front of a registry.
pub struct Faults {
    listening: Listening,
    state: Arc<State>,
}

struct State {
    upstream: Option<SocketAddr>,
    plan: Box<Plan>,
    seen: Mutex<Vec<Request>>,
    sent: Mutex<HashMap<String, u64>>,
    tokens: Mutex<Option<Tokens>>,
    address: Mutex<Option<SocketAddr>>,
}

/// The rules by which tokens are issued.
#[derive(Debug)]
pub struct Tokens {
    uses: usize,
    login: Option<String>,
    refresh: Option<String>,
    given: usize,
    left: usize,
}

impl Tokens {
    /// Issues tokens to every client, each valid for `uses` requests.
    pub fn of(uses: usize) -> Self {
        Self {
            uses,
            login: None,
            refresh: None,
            given: 0,
            left: 0,
        }
    }

    /// Issues tokens to clients that send this Authorization header.
    pub fn for_login(mut self, header: &str) -> Self {
        self.login = Some(header.to_owned());
        self
    }

    /// Issues tokens to clients that POST this refresh token.
    pub fn for_refresh(mut self, token: &str) -> Self {
        self.refresh = Some(token.to_owned());
        self
    }
}

impl Faults {
    /// Starts a server in front of the registry at `upstream`.
    pub fn before(
        upstream: SocketAddr,
        plan: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(upstream), plan)
    }

    /// Starts a server in front of nothing: requests that would be forwarded get 404.
    pub fn alone(plan: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        Self::start(None, plan)
    }

    fn start(
        upstream: Option<SocketAddr>,
        plan: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(State {
            upstream,
            plan: Box::new(plan),
            seen: Mutex::default(),
            sent: Mutex::default(),
            tokens: Mutex::default(),
            address: Mutex::default(),
        });
        let of_thread = state.clone();
        let listening = Listening::start(move |stream| of_thread.serve(stream));
        *state.address.lock().unwrap() = Some(listening.address);
        Self { listening, state }
    }

    /// Also requires Bearer tokens, which it issues itself at `/token`.
    pub fn with_tokens(self, tokens: Tokens) -> Self {
        *self.state.tokens.lock().unwrap() = Some(tokens);
        self
    }

    /// Returns `localhost:PORT`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.listening.address.port())
    }

    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// Returns all requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Returns the number of requests for paths that contain `part`.
    pub fn count(&self, part: &str) -> usize {
        self.requests()
            .iter()
            .filter(|r| r.path.contains(part))
            .count()
    }

    /// Returns the number of body bytes sent for paths that contain `part`.
    pub fn bytes(&self, part: &str) -> u64 {
        let sent = self.state.sent.lock().unwrap();
        sent.iter()
            .filter(|(path, _)| path.contains(part))
            .map(|(_, n)| n)
            .sum()
    }

    /// Returns the number of tokens that were issued.
    pub fn tokens_given(&self) -> usize {
        self.state
            .tokens
            .lock()
            .unwrap()
            .as_ref()
            .map_or(0, |t| t.given)
    }
}

impl State {
    /// Serves one connection, request after request.
    fn serve(&self, stream: TcpStream) {
        // Head and body are written separately: without this the body waits for the client's ACK.
        let _ = stream.set_nodelay(true);
        let mut first = [0];
        if stream.peek(&mut first).unwrap_or(0) == 0 {
            return;
        }
        if first == [0x16] {
            // The client speaks TLS: answers like a server that does not.
            let mut hello = [0; 4096];
            let _ = (&stream).read(&mut hello);
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
            return;
        }
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = self.read_request(&mut reader) {
            self.seen.lock().unwrap().push(request.clone());
            let act = self
                .by_token(&request)
                .unwrap_or_else(|| (self.plan)(&request));
            std::thread::sleep(act.delay);
            if !self.answer(&request, &act, &stream) {
                return;
            }
        }
    }

    fn read_request(&self, reader: &mut BufReader<TcpStream>) -> Option<Request> {
        let (line, headers) = read_head(reader)?;
        let mut words = line.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut request = Request {
            method,
            path,
            headers,
            body: Vec::new(),
            nth: 0,
        };
        let length = request
            .header("content-length")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
        let bare = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        let seen = self.seen.lock().unwrap();
        request.nth = seen
            .iter()
            .filter(|r| bare(&r.path) == bare(&request.path))
            .count();
        drop(seen);
        Some(request)
    }

    /// Answers for the token server, if there is one.
    fn by_token(&self, request: &Request) -> Option<Act> {
        let mut tokens = self.tokens.lock().unwrap();
        let tokens = tokens.as_mut()?;
        if request.path.starts_with("/token") {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let fits = match (&tokens.login, &tokens.refresh) {
                (_, Some(refresh)) => {
                    request.method == "POST"
                        && body.contains("grant_type=refresh_token")
                        && body.contains(&format!("refresh_token={refresh}"))
                }
                (Some(login), None) => request.header("authorization") == Some(login),
                (None, None) => true,
            };
            if !fits {
                return Some(
                    Act::reply(401).body(r#"{"details":"incorrect username or password"}"#),
                );
            }
            tokens.given += 1;
            tokens.left = tokens.uses;
            let answer = format!(r#"{{"token":"token-{}","expires_in":3600}}"#, tokens.given);
            return Some(
                Act::reply(200)
                    .header("Content-Type", "application/json")
                    .body(answer),
            );
        }
        let good = format!("Bearer token-{}", tokens.given);
        if tokens.left > 0 && request.header("authorization") == Some(&good) {
            tokens.left -= 1;
            return None;
        }
        let address = self.address.lock().unwrap().unwrap();
        let challenge = format!(r#"Bearer realm="http://{address}/token",service="test""#);
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        Some(
            Act::reply(401)
                .header("WWW-Authenticate", &challenge)
                .body(body),
        )
    }

    /// Answers a request. Returns whether the connection can be reused.
    fn answer(&self, request: &Request, act: &Act, client: &TcpStream) -> bool {
        let short = |status: String, body: Vec<u8>| -> (Head, Box<dyn Read>) {
            let length = ("Content-Length".to_owned(), body.len().to_string());
            ((status, vec![length]), Box::new(std::io::Cursor::new(body)))
        };
        let answer = match (&act.reply, self.upstream) {
            (Some(reply), _) => short(
                format!("HTTP/1.1 {} Test", reply.status),
                reply.body.clone(),
            ),
            (None, Some(upstream)) => match pass_on(request, act, upstream) {
                Some(answer) => answer,
                None => return false,
            },
            (None, None) => short("HTTP/1.1 404 Not Found".to_owned(), Vec::new()),
        };
        let ((status, mut headers), mut body) = answer;
        for (name, value) in &act.headers {
            headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
            if !value.is_empty() {
                headers.push((name.clone(), value.clone()));
            }
        }
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case("connection"));
        let has_length = headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case("content-length"));
        let mut head = format!("{status}\r\n");
        for (name, value) in &headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head += if has_length {
            "\r\n"
        } else {
            "Connection: close\r\n\r\n"
        };
        let mut client = client;
        if client.write_all(head.as_bytes()).is_err() {
            return false;
        }
        let ends = act
            .cut
            .into_iter()
            .chain(act.stall)
            .min()
            .unwrap_or(u64::MAX);
        let mut at = 0u64;
        let mut piece = vec![0; 64 * 1024];
        while at < ends && request.method != "HEAD" {
            let most = piece
                .len()
                .min(usize::try_from(ends - at).unwrap_or(usize::MAX));
            let n = body.read(&mut piece[..most]).unwrap_or(0);
            if n == 0 {
                break;
            }
            if let Some(flip) = act.flip
                && (at..at + n as u64).contains(&flip)
            {
                piece[(flip - at) as usize] ^= 1;
            }
            if client.write_all(&piece[..n]).is_err() {
                return false;
            }
            at += n as u64;
            *self
                .sent
                .lock()
                .unwrap()
                .entry(request.path.clone())
                .or_default() += n as u64;
        }
        if act.stall.is_some() {
            // Until the client stops reading.
            let _ = client.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = client.read(&mut [0]);
            return false;
        }
        act.cut.is_none() && has_length
    }
}

/// First line and headers.
type Head = (String, Vec<(String, String)>);

fn pass_on(request: &Request, act: &Act, upstream: SocketAddr) -> Option<(Head, Box<dyn Read>)> {
    let mut stream = TcpStream::connect(upstream).ok()?;
    let mut head = format!(
        "{} {} HTTP/1.1\r\nConnection: close\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        let left_out = name.eq_ignore_ascii_case("connection")
            || (act.no_range && name.eq_ignore_ascii_case("range"));
        if !left_out {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&request.body).ok()?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let (status, headers) = read_head(&mut reader)?;
    let chunked = headers
        .iter()
        .any(|(n, _)| n.eq_ignore_ascii_case("transfer-encoding"));
    assert!(!chunked, "the registry sends lengths");
    Some(((status, headers), Box::new(reader)))
}

fn read_head(reader: &mut impl BufRead) -> Option<Head> {
    let mut line = || {
        let mut line = String::new();
        let n = reader.read_line(&mut line).ok()?;
        (n > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            return Some((first, headers));
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// A proxy for CONNECT (RFC 9110, 9.3.6) that connects names to the addresses that a test gives.
pub struct ConnectProxy {
    listening: Listening,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Starts a proxy. `names` are `HOST:PORT` and the addresses that they lead to. `login` is the required
    /// Proxy-Authorization.
    pub fn start(names: &[(&str, SocketAddr)], login: Option<&str>) -> Self {
        Self::with(names, login, 0)
    }

    /// Starts a proxy that cuts its first `cuts` tunnels as soon as they are established.
    pub fn start_cutting(names: &[(&str, SocketAddr)], cuts: usize) -> Self {
        Self::with(names, None, cuts)
    }

    fn with(names: &[(&str, SocketAddr)], login: Option<&str>, cuts: usize) -> Self {
        let names: HashMap<_, _> = names.iter().map(|(n, a)| ((*n).to_owned(), *a)).collect();
        let login = login.map(str::to_owned);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let of_thread = asked.clone();
        let listening = Listening::start(move |stream| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let Some((line, headers)) = read_head(&mut reader) else {
                return;
            };
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let verb = line.split(' ').next().unwrap_or_default();
            let mut asked = of_thread.lock().unwrap();
            let nth = asked.len();
            asked.push(format!("{verb} {target}"));
            drop(asked);
            let shown = headers
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case("proxy-authorization"));
            let mut stream = stream;
            if login.is_some() && shown.map(|(_, v)| v) != login.as_ref() {
                let _ = stream.write_all(b"HTTP/1.1 407 Who\r\n\r\n");
                return;
            }
            let Some(there) = names.get(&target).and_then(|a| TcpStream::connect(a).ok()) else {
                let _ = stream.write_all(b"HTTP/1.1 502 No Such Host\r\n\r\n");
                return;
            };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            if nth < cuts {
                return;
            }
            let back = (there.try_clone().unwrap(), stream.try_clone().unwrap());
            std::thread::spawn(move || pump(back.0, back.1));
            pump(stream, there);
        });
        Self { listening, asked }
    }

    /// Returns `http://HOST:PORT`, for HTTPS_PROXY.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// Returns `CONNECT HOST:PORT` for each request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// A listening socket on this machine, with a thread for each connection. Closed on drop.
struct Listening {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Listening {
    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let (of_thread, serve) = (ended.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.load(Ordering::SeqCst) {
                    return;
                }
                match stream {
                    Ok(stream) => {
                        let serve = serve.clone();
                        std::thread::spawn(move || serve(stream));
                    }
                    Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
                    Err(e) => panic!("{e}"),
                }
            }
        });
        Self { address, ended }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which closes the socket.
        let _ = TcpStream::connect(self.address);
    }
}
