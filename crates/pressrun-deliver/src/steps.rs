//! What an attempt does on its way, told to somebody who tries a way out.
//!
//! A run needs only the end of an attempt. A person who sets up a mail server wants to see how far it came: which address a name had, whether TLS
//! was agreed on, what the server said. Whoever calls [`heard`] hears each step while it happens; nobody else pays for it.

use std::future::Future;
use std::sync::Arc;

use pressrun_domain::secret::Secret;

use crate::outcome::presentable;

/// Hears the steps of an attempt.
pub trait StepListener: Send + Sync {
    /// A step was done; `words` are of one line and hold no secret that the listener was told of.
    fn step(&self, words: &str);
}

struct Heard {
    listener: Arc<dyn StepListener>,
    secrets: Vec<Secret>,
}

tokio::task_local! {
    static HEARD: Heard;
}

/// Runs `attempt` while `listener` hears its steps. `secrets` are taken out of what remotes say.
pub async fn heard<F: Future>(listener: Arc<dyn StepListener>, secrets: Vec<Secret>, attempt: F) -> F::Output {
    HEARD.scope(Heard { listener, secrets }, attempt).await
}

/// A step was done. The words are made only when somebody hears them.
pub(crate) fn step(words: impl FnOnce() -> String) {
    // Nobody hears a run.
    let _ = HEARD.try_with(|heard| {
        let secrets: Vec<&Secret> = heard.secrets.iter().collect();
        heard.listener.step(&presentable(&words(), &secrets));
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl StepListener for Kept {
        fn step(&self, words: &str) {
            self.0.lock().expect("no panic").push(words.to_owned());
        }
    }

    #[tokio::test]
    async fn d13_steps_are_heard_by_who_asked_and_without_secrets() {
        let kept = Arc::new(Kept::default());
        step(|| panic!("nobody hears"));
        heard(Arc::clone(&kept) as Arc<dyn StepListener>, vec![Secret::new("hunter2")], async {
            step(|| "the server said hunter2\r\nand more".to_owned());
        })
        .await;
        assert_eq!(*kept.0.lock().expect("no panic"), ["the server said [redacted]  and more"]);
    }
}
