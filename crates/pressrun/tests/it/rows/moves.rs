//! What people do to the schedule at hand. Half of the moves are a member's who tries whatever the API lets her; the others are made by the
//! schedule's owner, by the admin and by whoever is asked for something, who mean what they say.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use pressrun_domain::audience::OWNERS;
use pressrun_testkit::Dice;
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{Place, Who};
use super::scene::{Scene, Told, mail, places};

/// How many kinds of moves there are.
const KINDS: usize = 35;

fn names(places: &[Place]) -> Value {
    places.iter().map(|place| place.name()).collect::<Vec<_>>().into()
}

impl Scene {
    /// A schedule to begin with: anybody's, of any shape.
    pub(super) async fn open(&mut self, dice: &mut Dice) {
        let owner = Who::ALL[dice.below(3)];
        let member = Who::MEMBERS[dice.below(2)];
        let lists: [&[Place]; 3] = [&[Place::Inbox(owner)], &[Place::Private(member)], &[Place::Private(member), Place::Inbox(owner)]];
        let filters = [json!({}), json!({}), json!({"region": ["APAC", "US", "EU"]})];
        let body = json!({"recipients": names(lists[dice.below(3)]), "fanOut": dice.below(3) == 0, "filterConfig": filters[dice.below(3)]});
        self.begin(owner, &mail(&body)).await;
    }

    /// One move of somebody's.
    pub(super) async fn step(&mut self, dice: &mut Dice) {
        let member = Who::MEMBERS[dice.below(2)];
        let owner = self.consents.owner;
        match dice.below(KINDS) {
            // A member tries.
            0 => {
                let recipients = names(&[Place::Private(member), Place::Inbox(member.other())]);
                self.put(member, &json!({"destinationType": "email", "subject": "Marks", "recipients": recipients})).await;
            }
            1 => {
                let copies = [
                    json!({"cc": names(&[Place::Private(member)])}),
                    json!({"bcc": names(&[Place::Private(member)])}),
                    json!({"replyTo": Place::Private(member).name()}),
                ];
                self.put(member, &copies[dice.below(3)]).await;
            }
            2 => {
                self.put(member, &json!({"fanOut": dice.below(2) == 0})).await;
            }
            3 => {
                let filters = [json!({}), json!({"region": ["APAC", "US"]})][dice.below(2)].clone();
                self.put(member, &json!({"filterConfig": filters})).await;
            }
            4 => self.add(member, &[[Place::Inbox(member), Place::Private(member)][dice.below(2)]]).await,
            5 | 6 => self.subscribe(member).await,
            7 => {
                self.call(member, Method::PUT, &self.path("/unsubscribe"), None).await;
            }
            8 | 9 => {
                let to = [member.other(), Who::Root][dice.below(2)];
                self.transfer(member, to).await;
            }
            10 => self.exchange(member, [member.other(), Who::Root][dice.below(2)]).await,
            11 => {
                self.call(member, Method::POST, &self.path("/ownership-offer/accept"), None).await;
            }
            12 => {
                self.subscribe(member).await;
                self.confirm(member).await;
            }
            13 => {
                self.call(member, Method::POST, &self.path("/trigger"), None).await;
            }
            14 => self.resend(member, dice).await,
            15 => self.tests(member, dice).await,
            16 => self.widen_attributes(member, dice.below(2) == 0).await,
            17 => {
                let hook = self.world.http.url(&Place::Hook(member).name());
                self.put(member, &json!({"destinationType": "webhook", "url": hook, "format": "json"})).await;
            }
            // Its owner goes on with it.
            18..=20 => {
                self.call(owner, Method::POST, &self.path("/trigger"), None).await;
            }
            21 => self.add(owner, &[[Place::Inbox(member), Place::Private(member)][dice.below(2)]]).await,
            22 => {
                self.put(owner, &json!({"fanOut": false})).await;
            }
            23 => {
                self.put(owner, &json!({"fanOut": true})).await;
            }
            24 => {
                let region = [["US"], ["APAC"]][dice.below(2)];
                self.put(owner, &json!({"filterConfig": {"region": region}})).await;
            }
            25 => {
                let gone = names(&[Place::Inbox(member), Place::Private(member)]);
                self.call(owner, Method::PUT, &self.path("/remove-recipients"), Some(&json!({"emails": gone}))).await;
            }
            26 => {
                if self.call(owner, Method::POST, &self.path("/withdraw-links"), None).await.ok() {
                    self.links_were_withdrawn();
                    self.count("links withdrawn");
                }
            }
            27 => self.confirm(owner).await,
            // Whoever is asked reads, and perhaps accepts.
            28 => {
                self.read_offer().await;
            }
            29 => {
                if let Some(asked) = self.read_offer().await {
                    self.accept(asked).await;
                }
            }
            30 => self.subscribed_before_the_switch(member).await,
            // The admin and time.
            31 => self.transfer(Who::Root, Who::ALL[dice.below(3)]).await,
            32 => {
                self.moves.push("a day passes".to_owned());
                self.world.clock.advance(SignedDuration::from_hours(24));
                self.world.engine.tick().await.unwrap();
            }
            33 => self.policy(["schedule", "never", "never", "always"][dice.below(4)]),
            _ => self.read(Who::ALL[dice.below(3)]).await,
        }
        self.settle().await;
    }

    /// An update of the schedule; what it names, whoever decides has named.
    async fn put(&mut self, who: Who, body: &Value) -> bool {
        let named: BTreeSet<Place> = ["recipients", "cc", "bcc"]
            .into_iter()
            .filter_map(|list| body[list].as_array())
            .flatten()
            .chain(body.get("url"))
            .filter_map(|name| Place::named(name.as_str()?))
            .collect();
        let put = self.call(who, Method::PUT, &self.path(""), Some(body)).await;
        if put.ok() {
            let Some(schedule) = self.now().await else { return false };
            let copies = self.copies(&schedule.definition);
            self.consents.name(who, &named, copies);
        }
        put.ok()
    }

    pub(super) async fn add(&mut self, who: Who, named: &[Place]) {
        let added = self.call(who, Method::PUT, &self.path("/add-recipients"), Some(&json!({"emails": names(named)}))).await;
        if added.ok()
            && let Some(schedule) = self.now().await
        {
            let copies = self.copies(&schedule.definition);
            self.consents.name(who, &named.iter().copied().collect(), copies);
        }
    }

    async fn subscribe(&mut self, who: Who) {
        let Some(before) = self.now().await else { return };
        let personal = self.is_personal(&before.definition);
        let told = self.call(who, Method::PUT, &self.path("/subscribe"), None).await;
        if told.ok() && told.json["requested"] == json!(true) {
            self.count("subscriptions requested");
        } else if told.ok() && !places(&before.definition).contains(&Place::Inbox(who)) {
            self.consents.subscribed(who, personal);
        }
    }

    /// Gives the schedule away; how is for the server to say.
    async fn transfer(&mut self, who: Who, to: Who) {
        let Some(before) = self.now().await else { return };
        let told = self.call(who, Method::PUT, &self.path("/transfer-ownership"), Some(&json!({"userId": to.id()}))).await;
        if !told.ok() {
            return;
        }
        self.consents.transferred(who, to, &places(&before.definition));
        if who != Who::Root && who == self.consents.owner {
            self.consents.offered_to = Some(to);
        }
    }

    /// An owner offers something harmless, waits until it was read, and offers something else before it is accepted.
    async fn exchange(&mut self, who: Who, to: Who) {
        if who != self.consents.owner || !self.put(who, &json!({"recipients": names(&[Place::Inbox(to)])})).await {
            return;
        }
        self.transfer(who, to).await;
        self.read_offer().await;
        self.put(who, &json!({"recipients": names(&[Place::Private(who), Place::Inbox(to)])})).await;
        self.transfer(who, to).await;
        self.accept(to).await;
        self.settle().await;
        self.call(to, Method::POST, &self.path("/trigger"), None).await;
    }

    /// A member subscribes to their own rows; then the owner sends everybody the same, and goes on.
    async fn subscribed_before_the_switch(&mut self, who: Who) {
        let owner = self.consents.owner;
        self.put(owner, &json!({"cc": [], "bcc": [], "fanOut": true})).await;
        self.subscribe(who).await;
        self.put(owner, &json!({"fanOut": false})).await;
        self.call(owner, Method::POST, &self.path("/trigger"), None).await;
    }

    /// Whoever is offered the schedule looks at what it sends and to whom.
    async fn read_offer(&mut self) -> Option<Who> {
        let asked = self.consents.offered_to?;
        let told = self.call(asked, Method::GET, &self.path("/ownership-offer"), None).await;
        let mark = told.mark.clone().filter(|_| told.ok())?;
        self.consents.seen.push((asked, mark, shown(&told)));
        Some(asked)
    }

    /// Accepts what was read last.
    async fn accept(&mut self, who: Who) {
        let read = self.consents.seen.iter().rev().find(|(reader, ..)| *reader == who);
        let mark = read.map(|(_, mark, _)| mark.clone());
        let told = self.call_with(who, Method::POST, &self.path("/ownership-offer/accept"), None, mark.as_deref()).await;
        if told.ok() {
            self.consents.accepted(who, mark.as_deref());
            self.count("offers accepted");
        }
    }

    /// Confirms every request, with ids that one need not have.
    async fn confirm(&mut self, who: Who) {
        for request in self.world.store.requests(self.schedule).await.unwrap() {
            let told = self.call(who, Method::POST, &format!("/subscription-requests/{}/confirm", request.id), None).await;
            if told.ok() {
                self.consents.confirmed(who, Who::of(request.member));
                self.count("requests confirmed");
            }
        }
    }

    /// Sends a piece of some run again.
    async fn resend(&mut self, who: Who, dice: &mut Dice) {
        let runs = self.runs().await;
        let Some(run) = dice.pick(&runs) else { return };
        let (rows_of, id) = (Who::of(run.definition.owner), run.id);
        let mut pieces = self.world.store.deliveries(id).await.unwrap();
        pieces.sort_by(|one, other| one.target.cmp(&other.target));
        for piece in pieces {
            let told = self.call(who, Method::POST, &format!("/runs/{id}/deliveries/{}/resend", piece.id), None).await;
            if told.ok() {
                if !self.consents.decides(who) {
                    self.leaks.push(format!("{} sends a piece of {}'s again", who.name(), self.consents.owner.name()));
                }
                if let Some(to) = Place::named(&piece.target).filter(|_| piece.audience == OWNERS) {
                    self.consents.sent_again(who, rows_of, to);
                }
                self.count("pieces sent again");
            }
        }
    }

    /// Test deliveries to oneself: of what one sees, of what is not open, of a draft, and in the name of others.
    async fn tests(&mut self, who: Who, dice: &mut Dice) {
        let to = names(&[Place::Private(who), Place::Inbox(who)]);
        let identifier = ["marks", "asia", "draft"][dice.below(3)];
        self.test(who, "", &json!({"identifier": identifier, "recipients": to})).await;
        self.test(who, &format!("?userId={}", who.other().id()), &json!({"recipients": to})).await;
    }

    /// A member gives their own private address the attributes of others, and asks for what that shows.
    async fn widen_attributes(&mut self, who: Who, bulk: bool) {
        let user = json!({"email": Place::Private(who).name(), "userAttributes": {"region": ["APAC", "EU", "US"]}});
        if bulk {
            self.call(who, Method::POST, "/users/email-only/bulk", Some(&json!({"users": [user]}))).await;
        } else {
            self.call(who, Method::POST, "/users/email-only", Some(&user)).await;
        }
        self.test(who, "", &json!({"recipients": names(&[Place::Private(who)]), "fanOut": true})).await;
    }
}

/// Places that an offer names.
fn shown(offer: &Told) -> BTreeSet<Place> {
    let to = &offer.json["schedule"]["destinations"][0];
    let people = to["recipients"].as_array().into_iter().flatten().map(|person| &person["membership"]["user"]["email"]);
    let copies = ["cc", "bcc"].into_iter().filter_map(|list| to["metadata"][list].as_array()).flatten();
    people.chain(copies).chain([&to["metadata"]["url"]]).filter_map(|name| Place::named(name.as_str()?)).collect()
}
