//! The org's objects: which can be mapped, and what those look like that a mapping uses or that somebody asks for. Others are not
//! described, since an org may have thousands.

use std::collections::BTreeSet;

use syncline_model::{connector::Connector, mapping::ObjectMapping};

use crate::{
    context::{Interrupt, OwnerContext},
    error_policy::{Action, policy},
};

/// Keeps the list of objects that can be mapped.
pub(crate) async fn list(context: &OwnerContext, connector: &dyn Connector) -> Result<(), Interrupt> {
    match connector.list_objects().await {
        Ok(objects) => Ok(context.options.store.save_object_list(&context.lease, &objects).await?),
        Err(error) if matches!(policy(error.kind).action, Action::Issue(_)) => {
            tracing::warn!(connection.id = %context.connection.id, error = &error as &dyn std::error::Error, "objects can not be listed");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Forgets what objects look like that no mapping uses: it would be ever less true, and is described again when somebody asks.
pub(crate) async fn forget_unused(
    context: &OwnerContext,
    connector: &dyn Connector,
    mappings: &[ObjectMapping],
) -> Result<(), Interrupt> {
    let interest = context.interest(mappings);
    let used: BTreeSet<&str> = connector.offered_objects().iter().copied().chain(interest.objects()).collect();
    let store = &context.options.store;
    let known = store.object_schemas(context.connection.id).await?;
    let unused: Vec<_> =
        known.into_iter().map(|schema| schema.name).filter(|name| !used.contains(name.as_str())).collect();
    if !unused.is_empty() {
        store.forget_object_schemas(&context.lease, &unused, &[]).await?;
        unused.iter().for_each(|object| context.know_as_before(object, None));
    }
    Ok(())
}
