//! Inquiries: what screens and commands want to know of the org. A person waits for each, and nothing is changed by any.

use std::time::Duration;

use syncline_model::{
    connector::Connector,
    inquiry::{Answer, Inquiry, Question},
    store::Signal,
};

use crate::{
    budget::{Permit, Purpose},
    context::{Interrupt, OwnerContext, POLL},
    error_policy::{Action, policy, words},
};

/// The signal tells of all work, of which there may be thousands a second; a person does not notice this.
const LOOK_APART: Duration = Duration::from_millis(100);

/// Answers inquiries until that ends.
pub(crate) async fn run(context: &OwnerContext, connector: &dyn Connector) -> Interrupt {
    let (mut seen, mut failures) = (0, 0);
    loop {
        match answer_all(context, connector).await {
            Ok(()) => failures = 0,
            Err(why) => {
                if let Err(why) = context.recover(why, failures, "answering inquiries").await {
                    return why;
                }
                failures += 1;
            }
        }
        tokio::time::sleep(LOOK_APART).await;
        tokio::select! {
            now = context.options.store.wait(Signal::Work, seen) => seen = now,
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn answer_all(context: &OwnerContext, connector: &dyn Connector) -> Result<(), Interrupt> {
    let store = &context.options.store;
    for Inquiry { id, question } in store.inquiries(context.connection.id).await? {
        if matches!(context.spending.permit(Purpose::Live, context.now()), Permit::Stop(_)) {
            let spent = "The API calls that Syncline may make are used up for now.".to_owned();
            store.answer_inquiry(&context.lease, id, &Answer::Refused(spent)).await?;
            continue;
        }
        match ask(context, connector, question).await {
            Ok(answer) => store.answer_inquiry(&context.lease, id, &answer).await?,
            Err(Interrupt::Connector(error)) => {
                store.answer_inquiry(&context.lease, id, &Answer::Refused(words(&error).to_string())).await?;
                context.note_limit(&error);
                if policy(error.kind).action == Action::Reconnect {
                    return Err(error.into());
                }
            }
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

async fn ask(context: &OwnerContext, connector: &dyn Connector, question: Question) -> Result<Answer, Interrupt> {
    let records = match question {
        Question::Describe { object } => {
            context.describe(connector, &object).await?;
            return Ok(Answer::Described);
        }
        Question::Find { object, key_field, keys, fields } => {
            connector.find(&object, &key_field, &keys, &fields).await?
        }
        Question::Read { object, ids, fields } => connector.read(&object, &ids, &fields).await?,
    };
    Ok(Answer::Records(records))
}
