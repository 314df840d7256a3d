//! The way of one redirect: a program announces it, a browser brings it, the program collects it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatehouse::base::random::Random;
use gatehouse::protocol::pkce::CodeChallenge;

use crate::support::measure::Work;
use crate::support::nodes::Program;
use crate::support::wire::Connection;

/// What the times of the steps are called.
pub const STEPS: [&str; 3] = ["create", "receive", "collect"];

/// How the program collects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// It shows the verifier of the challenge that it gave
    Verifier,
    /// It authenticates again
    Secret,
}

/// Where the servers are: the same one, unless there are several.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub of_program: SocketAddr,
    pub of_browser: SocketAddr,
}

/// Announces a redirect; its state.
pub async fn announce(connection: &mut Connection, program: &Program, challenge: Option<&str>) -> Result<String, String> {
    let body = match challenge {
        Some(challenge) => format!("{{\"provider\":\"example\",\"code_challenge\":\"{challenge}\",\"code_challenge_method\":\"S256\"}}"),
        None => "{\"provider\":\"example\"}".to_owned(),
    };
    let request = format!(
        "POST /api/callbacks HTTP/1.1\r\nHost: gatehouse\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        program.authorization,
        body.len()
    );
    let answer = connection.ask(&request).await?;
    answer.must_be(201, "announcing")?;
    let state = answer.body.split_once("\"state\":\"").and_then(|(_, rest)| rest.split_once('"'));
    let (state, _) = state.ok_or_else(|| format!("announcing: there is no state in it: {}", answer.body))?;
    Ok(state.to_owned())
}

/// Comes back from the provider.
pub async fn come_back(connection: &mut Connection, state: &str, code: &str) -> Result<(), String> {
    let request = format!(
        "GET /callback?code={code}&state={state} HTTP/1.1\r\nHost: gatehouse\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n\r\n"
    );
    connection.ask(&request).await?.must_be(200, "coming back")
}

/// The request that collects an answer; `wait` is empty, or `?wait=60`.
pub fn collection(header: &str, value: &str, state: &str, wait: &str) -> String {
    format!("GET /api/callback/{state}{wait} HTTP/1.1\r\nHost: gatehouse\r\n{header}: {value}\r\n\r\n")
}

/// Somebody who does all three, again and again.
pub struct Cycle {
    places: Places,
    program: Program,
    by: By,
    random: Random,
    /// Of the program and of the browser; none after something went wrong
    connections: Option<(Connection, Connection)>,
    steps: [Duration; 3],
    times: u32,
}

impl Cycle {
    pub fn new(places: Places, program: &Program, by: By) -> Self {
        Self {
            places,
            program: program.clone(),
            by,
            random: Random::system(),
            connections: None,
            steps: [Duration::ZERO; 3],
            times: 0,
        }
    }

    /// So many of them.
    pub fn many(count: usize, places: Places, program: &Program, by: By) -> Vec<Self> {
        (0..count).map(|_| Self::new(places, program, by)).collect()
    }

    async fn whole(&mut self, program: &mut Connection, browser: &mut Connection) -> Result<(), String> {
        let verifier = self.random.secret();
        let code = format!("code-{}", self.random.secret());
        let challenge = CodeChallenge::of(&verifier);
        let challenge = (self.by == By::Verifier).then(|| challenge.as_str());
        let begun = Instant::now();
        let state = announce(program, &self.program, challenge).await?;
        let announced = Instant::now();
        come_back(browser, &state, &code).await?;
        let back = Instant::now();
        let request = match self.by {
            By::Verifier => collection("X-Callback-Verifier", &verifier, &state, ""),
            By::Secret => collection("Authorization", &self.program.authorization, &state, ""),
        };
        let answer = program.ask(&request).await?;
        answer.must_be(200, "collecting")?;
        answer.must_hold(
            &format!("\"status\":\"success\",\"auth_code\":\"{code}\",\"state\":\"{state}\""),
            "collecting",
        )?;
        let taken = [announced - begun, back - announced, back.elapsed()];
        self.steps.iter_mut().zip(taken).for_each(|(sum, step)| *sum += step);
        self.times += 1;
        Ok(())
    }
}

impl Work for Cycle {
    async fn once(&mut self) -> Result<(), String> {
        let (mut program, mut browser) = match self.connections.take() {
            Some(connections) => connections,
            None => (
                Connection::open(self.places.of_program).await?,
                Connection::open(self.places.of_browser).await?,
            ),
        };
        self.whole(&mut program, &mut browser).await?;
        self.connections = Some((program, browser));
        Ok(())
    }

    fn steps(&self) -> (Vec<Duration>, u32) {
        (self.steps.to_vec(), self.times)
    }
}
