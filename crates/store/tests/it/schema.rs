//! Both databases have the same tables, columns and keys.

use crate::{
    database::{on_postgres, on_sqlite, texts},
    world::World,
};

const SQLITE_COLUMNS: &str = "select t.name, c.name, c.type || case when c.\"notnull\" then ' not null' else '' end
    from sqlite_schema t, pragma_table_info(t.name) c where t.type = 'table' and t.name not like '\\_%' escape '\\'
    and t.name not like 'sqlite%' order by t.name, c.name";
const POSTGRES_COLUMNS: &str = "select table_name::text, column_name::text,
    data_type || case when is_nullable = 'NO' then ' not null' else '' end
    from information_schema.columns where table_schema = 'public' and table_name not like '\\_%'
    order by table_name collate \"C\", column_name collate \"C\"";

/// Table, place in the key, column.
const SQLITE_KEYS: &str = "select t.name, cast(c.pk as text), c.name from sqlite_schema t, pragma_table_info(t.name) c
    where t.type = 'table' and t.name not like '\\_%' escape '\\' and t.name not like 'sqlite%' and c.pk > 0
    order by t.name, c.pk";
const POSTGRES_KEYS: &str = "select k.table_name::text, k.ordinal_position::text, k.column_name::text
    from information_schema.key_column_usage k join information_schema.table_constraints c
    on c.constraint_name = k.constraint_name and c.constraint_type = 'PRIMARY KEY'
    where k.table_schema = 'public' and k.table_name not like '\\_%'
    order by k.table_name collate \"C\", k.ordinal_position";

const SQLITE_INDEXES: &str = "select tbl_name, name, '' from sqlite_schema
    where type = 'index' and name not like 'sqlite%' order by name";
const POSTGRES_INDEXES: &str = "select tablename::text, indexname::text, '' from pg_indexes where schemaname = 'public'
    and indexname like '%\\_by\\_%' order by indexname collate \"C\"";

type Rows = Vec<(String, String, String)>;

async fn read(world: &World, columns: &'static str, keys: &'static str, indexes: &'static str) -> [Rows; 3] {
    let url = world.url.as_ref().unwrap();
    [texts(url, columns).await, texts(url, keys).await, texts(url, indexes).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables_columns_and_keys() {
    on_postgres(|postgres| async move {
        on_sqlite(|sqlite| async move {
            let [mut columns, keys, indexes] = read(&sqlite, SQLITE_COLUMNS, SQLITE_KEYS, SQLITE_INDEXES).await;
            for (_, _, column_type) in &mut columns {
                *column_type = column_type.to_lowercase().replace("integer", "bigint").replace("blob", "bytea");
            }
            assert!(columns.len() > 100 && keys.len() > 20 && indexes.len() > 10);
            let there = read(&postgres, POSTGRES_COLUMNS, POSTGRES_KEYS, POSTGRES_INDEXES).await;
            assert_eq!([columns, keys, indexes], there);
        })
        .await;
    })
    .await;
}
